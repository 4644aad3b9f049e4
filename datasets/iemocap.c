/* SPDX-License-Identifier: Apache-2.0
 * IEMOCAP (Busso et al. 2008): ten actors in pairs, 151 dialogues, 10,039
 * labelled utterances.  Reads the release's tree (Session1..5) and, where it is
 * given, the published six-way benchmark list.
 *
 * Turns stand in the order of the transcriptions (which is the order of the
 * published list); option order=time sorts by start time instead.
 */
#include "datasets/iemocap.h"
#include "datasets/synth.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/str.h"

static const struct opt_spec options[] = {
	{ .name = "labels",
	  .type = OPT_CHOICE,
	  .fallback = "6",
	  .choices = "6|4",
	  .help = "label set: six emotions, or four (excited counts as happy, frustrated is "
		  "outside)" },
	{ .name = "policy",
	  .type = OPT_CHOICE,
	  .fallback = "auto",
	  .choices = "auto|published|raw",
	  .help = "labels of the published list, or the annotators' majority; auto: published "
		  "where "
		  "the list is found" },
	{ .name = "list",
	  .type = OPT_STR,
	  .fallback = "auto",
	  .help = "the published iemocap_6way.pkl; auto: in the root or in its parent",
	  .arg = "PATH" },
	{ .name = "outside",
	  .type = OPT_CHOICE,
	  .fallback = "keep",
	  .choices = "keep|drop",
	  .help = "utterances outside the label set: keep as history, or drop" },
	{ .name = "order",
	  .type = OPT_CHOICE,
	  .fallback = "transcript",
	  .choices = "transcript|time",
	  .help = "order of the turns: that of the transcription, or by start time" },
	{ .name = "crop",
	  .type = OPT_BOOL,
	  .fallback = "true",
	  .help = "video is the speaker's half of the picture (left: who wears the markers, the "
		  "letter "
		  "after Ses05)" },
	{ .name = "sessions",
	  .type = OPT_STR,
	  .fallback = "12345",
	  .help = "sessions to load, as digits; each must be there",
	  .arg = "DIGITS" },
	OPT_END,
};

/* Utterances: those with a label of the set. */
static const struct published_size sizes[] = {
	{ "published-6way",
	  SPLIT_TRAIN,
	  &labels_iemocap6,
	  108,
	  5163,
	  { 451, 771, 1221, 831, 593, 1296 } },
	{ "published-6way", SPLIT_DEV, &labels_iemocap6, 12, 647, { 53, 68, 103, 102, 149, 172 } },
	{ "published-6way",
	  SPLIT_TEST,
	  &labels_iemocap6,
	  31,
	  1623,
	  { 144, 245, 384, 170, 299, 381 } },
	{ "raw-6way",
	  SPLIT_TRAIN,
	  &labels_iemocap6,
	  108,
	  5112,
	  { 400, 771, 1221, 831, 593, 1296 } },
	{ "raw-6way", SPLIT_DEV, &labels_iemocap6, 12, 646, { 52, 68, 103, 102, 149, 172 } },
	{ "raw-6way", SPLIT_TEST, &labels_iemocap6, 31, 1622, { 143, 245, 384, 170, 299, 381 } },
	{ "published-4way", SPLIT_TRAIN, &labels_iemocap4, 108, 3867, { 831, 1044, 1221, 771 } },
	{ "published-4way", SPLIT_DEV, &labels_iemocap4, 12, 475, { 102, 202, 103, 68 } },
	{ "published-4way", SPLIT_TEST, &labels_iemocap4, 31, 1242, { 170, 443, 384, 245 } },
	{ "raw-4way", SPLIT_TRAIN, &labels_iemocap4, 108, 3816, { 831, 993, 1221, 771 } },
	{ "raw-4way", SPLIT_DEV, &labels_iemocap4, 12, 474, { 102, 201, 103, 68 } },
	{ "raw-4way", SPLIT_TEST, &labels_iemocap4, 31, 1241, { 170, 442, 384, 245 } },
	{ .policy = NULL },
};

/* The valid dialogues of the published split. */
static const char *const dev_dialogue[] = {
	"Ses01M_impro01",    "Ses01M_script03_1", "Ses02F_impro02", "Ses02F_impro07",
	"Ses02M_script01_2", "Ses03F_impro01",	  "Ses03M_impro02", "Ses03M_impro08a",
	"Ses03M_script02_2", "Ses03M_script03_2", "Ses04F_impro07", "Ses04F_script02_1",
};

struct job {
	struct corpus *c;
	struct gold *g;
	struct iemocap_tree tree;
	const struct opt_values *opts;
	bool published, drop;
	struct err *err;
};

static int no_memory(const struct job *j)
{
	return err_set(j->err, ERR_NOMEM, "%s: no memory", j->c->root);
}

static enum split split_of(const struct iemocap_dialogue *d)
{
	if (d->session == IEMOCAP_SESSIONS)
		return SPLIT_TEST;
	for (size_t i = 0; i < ARRAY_LEN(dev_dialogue); i++)
		if (!strcmp(d->name, dev_dialogue[i]))
			return SPLIT_DEV;
	return SPLIT_TRAIN;
}

static int parse_sessions(const char *digits, bool wanted[IEMOCAP_SESSIONS + 1], struct err *err)
{
	for (const char *s = digits; *s || s == digits; s++) {
		if (*s < '1' || *s > '0' + IEMOCAP_SESSIONS)
			return err_set(err, ERR_ARG,
				       "option sessions: '%s' is not made of the digits 1 to %d",
				       digits, IEMOCAP_SESSIONS);
		wanted[*s - '0'] = true;
	}
	return 0;
}

/* malloc'ed path of the list to use; NULL: none (or the failure is recorded). */
static char *choose_list(const struct job *j)
{
	static const char *const places[] = { "iemocap_6way.pkl", "../iemocap_6way.pkl" };
	const char *policy = opt_str(j->opts, "policy"), *list = opt_str(j->opts, "list");
	char *path = NULL;

	if (!strcmp(policy, "raw"))
		return NULL;
	if (strcmp(list, "auto")) {
		path = str_dup(list);
		if (!path)
			no_memory(j);
		return path;
	}
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		path = path_join(j->c->root, places[i]);
		if (!path)
			no_memory(j);
		if (!path || io_is_file(path))
			return path;
		free(path);
	}
	if (!strcmp(policy, "published"))
		err_set(j->err, ERR_MISSING,
			"%s: no iemocap_6way.pkl here or in the folder above; name it with the "
			"option "
			"list, or set policy=raw",
			j->c->root);
	return NULL;
}

/* The class of a turn in the corpus's label set, -1: outside. */
static int class_of(const struct job *j, const struct iemocap_turn *t)
{
	static const int four[IEMOCAP_SIX] = {
		[IEMOCAP_HAP] = 1, [IEMOCAP_SAD] = 3, [IEMOCAP_NEU] = 2,
		[IEMOCAP_ANG] = 0, [IEMOCAP_EXC] = 1, [IEMOCAP_FRU] = -1,
	};
	int six = j->published ? t->published : (int)t->code;

	if (six < 0 || six >= IEMOCAP_SIX)
		return -1;
	return j->c->labels == &labels_iemocap4 ? four[six] : six;
}

/* Ten speakers: Ses01_F, Ses01_M, … */
static int make_speakers(const struct job *j)
{
	struct corpus *c = j->c;

	c->n_speaker = 2 * IEMOCAP_SESSIONS;
	c->speaker = arena_array(&c->mem, (size_t)c->n_speaker, sizeof(*c->speaker));
	if (!c->speaker)
		return no_memory(j);
	for (int s = 0; s < c->n_speaker; s++) {
		char name[16];

		if (!str_format(name, sizeof(name), "Ses%02d_%c", s / 2 + 1, "FM"[s % 2]))
			return no_memory(j);
		c->speaker[s].name = arena_strdup(&c->mem, name);
		c->speaker[s].gender = c->speaker[s].group = s % 2 ? "M" : "F";
		if (!c->speaker[s].name)
			return no_memory(j);
	}
	return 0;
}

static int add_turn(const struct job *j, const struct iemocap_dialogue *d,
		    const struct iemocap_turn *t, const char *file)
{
	struct corpus *c = j->c;
	struct utterance *u = &c->utt[c->n_utt];

	u->id = arena_strdup(&c->mem, t->id);
	u->text = arena_strdup(&c->mem, t->text);
	if (!u->id || !u->text)
		return no_memory(j);
	u->dialogue = c->n_dia - 1;
	u->speaker = 2 * (d->session - 1) + (t->speaker == 'M');
	u->prompt_speaker = t->speaker == 'F'; /* published prompts: M is Speaker_0 */
	u->file = file;
	u->line = t->line;
	j->g->label[c->n_utt++] = class_of(j, t);
	c->dia[c->n_dia - 1].count++;
	return 0;
}

static int add_dialogue(const struct job *j, const struct iemocap_dialogue *d)
{
	struct corpus *c = j->c;
	struct dialogue *out = &c->dia[c->n_dia];
	const char *file = arena_strdup(&c->mem, d->text_file);
	int inside = 0;

	for (int i = 0; i < d->n; i++)
		inside += class_of(j, &d->turn[i]) >= 0;
	if (j->drop && !inside)
		return corpus_issue(c, ISSUE_WARN, "dialogue-empty", d->eval_file, 0, j->err,
				    "%s: every utterance is outside the label set; dropped",
				    d->name);
	*out = (struct dialogue){ .split = d->split, .first = c->n_utt };
	out->id = arena_strdup(&c->mem, d->name);
	if (!file || !out->id)
		return no_memory(j);
	c->n_dia++;
	for (int i = 0; i < d->n; i++)
		if ((!j->drop || class_of(j, &d->turn[i]) >= 0) &&
		    add_turn(j, d, &d->turn[i], file))
			return j->err->code;
	return 0;
}

/* One issue that says how many utterances are outside the set, by official label. */
static int report_outside(const struct job *j)
{
	int n[IEMOCAP_CODE_COUNT] = { 0 }, total = 0;
	struct strbuf b = { 0 };

	for (int d = 0; d < j->tree.n; d++)
		for (int i = 0; i < j->tree.dia[d].n; i++)
			if (class_of(j, &j->tree.dia[d].turn[i]) < 0) {
				n[j->tree.dia[d].turn[i].code]++;
				total++;
			}
	for (int k = 0; k < IEMOCAP_CODE_COUNT; k++)
		if (n[k])
			strbuf_addf(&b, " %s %d", iemocap_code[k], n[k]);
	if (total)
		corpus_issue(j->c, ISSUE_NOTE, "label-outside", NULL, 0, j->err,
			     "%d utterances outside the label set are %s:%s", total,
			     j->drop ? "dropped" : "kept as history", strbuf_str(&b));
	strbuf_free(&b);
	return j->err->code;
}

static int fill(const struct job *j)
{
	struct corpus *c = j->c;
	size_t n = 0;

	for (int d = 0; d < j->tree.n; d++)
		n += (size_t)j->tree.dia[d].n;
	c->utt = arena_array(&c->mem, n, sizeof(*c->utt));
	c->dia = arena_array(&c->mem, (size_t)j->tree.n, sizeof(*c->dia));
	if (!c->utt || !c->dia || !NEW_ARRAY(j->g->label, n))
		return no_memory(j);
	for (int d = 0; d < j->tree.n; d++)
		if (add_dialogue(j, &j->tree.dia[d]))
			return j->err->code;
	if (!c->n_utt)
		return err_set(j->err, ERR_DATA, "%s: no utterance has a label of the set",
			       c->root);
	return report_outside(j);
}

static bool holds_sessions(const char *dir)
{
	bool found = false;

	for (int s = 1; s <= IEMOCAP_SESSIONS && !found; s++) {
		char name[16], *path;

		snprintf(name, sizeof(name), "Session%d", s);
		path = path_join(dir, name);
		found = path && io_is_dir(path);
		free(path);
	}
	return found;
}

/* c->root: the folder of the sessions; somebody may give the one above the release. */
static void find_root(struct corpus *c, const char *root)
{
	static const char *const below[] = { "IEMOCAP_full_release", "release" };

	c->root = arena_strdup(&c->mem, root);
	for (size_t i = 0; i < ARRAY_LEN(below) && c->root && !holds_sessions(c->root); i++) {
		char *path = path_join(root, below[i]);

		if (path && holds_sessions(path))
			c->root = arena_strdup(&c->mem, path);
		free(path);
	}
}

static int load_tree(struct job *j)
{
	bool wanted[IEMOCAP_SESSIONS + 1] = { false };
	bool by_time = !strcmp(opt_str(j->opts, "order"), "time");
	struct corpus *c = j->c;
	char *list;

	if (parse_sessions(opt_str(j->opts, "sessions"), wanted, j->err))
		return j->err->code;
	if (!io_is_dir(c->root))
		return err_set(
			j->err, ERR_MISSING,
			"%s: no such folder; give the folder that holds Session1 to Session5",
			c->root);
	if (iemocap_tree_read(&j->tree, c->root, wanted, by_time, c, j->err))
		return j->err->code;
	for (int d = 0; d < j->tree.n; d++)
		j->tree.dia[d].split = split_of(&j->tree.dia[d]);
	list = choose_list(j);
	j->published = list != NULL;
	if (list)
		iemocap_list_apply(&j->tree, list, c, j->err);
	free(list);
	return j->err->code;
}

static int load_all(struct job *j)
{
	struct corpus *c = j->c;
	char policy[32];

	if (load_tree(j) || make_speakers(j) || fill(j))
		return j->err->code;
	if (!str_format(policy, sizeof(policy), "%s-%dway", j->published ? "published" : "raw",
			c->labels->n))
		return no_memory(j);
	c->policy = arena_strdup(&c->mem, policy);
	if (!c->policy)
		return no_memory(j);
	if (iemocap_media_find(c, &j->tree, opt_bool(j->opts, "crop"), j->err))
		return j->err->code;
	return corpus_check(c, j->g, j->err);
}

static int load(struct corpus *c, struct gold *g, const char *root, const struct opt_values *opts,
		struct err *err)
{
	struct job j = { .c = c, .g = g, .opts = opts, .err = err };

	c->name = "iemocap";
	c->title = "IEMOCAP";
	c->labels = strcmp(opt_str(opts, "labels"), "4") ? &labels_iemocap6 : &labels_iemocap4;
	j.drop = !strcmp(opt_str(opts, "outside"), "drop");
	find_root(c, root);
	if (c->root)
		load_all(&j);
	else
		err_set(err, ERR_NOMEM, "%s: no memory", root);
	iemocap_tree_free(&j.tree);
	if (err->code) {
		corpus_free(c);
		gold_free(g);
	}
	return err->code;
}

const struct dataset_ops dataset_iemocap = {
	.name = "iemocap",
	.title = "IEMOCAP: Interactive Emotional Dyadic Motion Capture",
	.source = "https://sail.usc.edu/iemocap/",
	.licence = "signed licence from the University of Southern California",
	.opts = options,
	.size = sizes,
	.load = load,
	.verify = iemocap_verify,
	.synth_opts = synth_iemocap_opts,
	.synth = synth_iemocap,
};

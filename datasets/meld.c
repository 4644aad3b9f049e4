/* SPDX-License-Identifier: Apache-2.0
 * MELD (Poria et al. 2019): Friends, 13,708 utterances with emotion and
 * sentiment.  Reads {train,dev,test}_sent_emo.csv and, where they are there, the
 * clips dia{D}_utt{U}.mp4.  Order: dialogue number, then utterance number.
 *
 * Below the root, a CSV or a folder of clips may lie at the top, in a folder
 * named like the split, in MELD.Raw, in MELD.Raw/<split>, or in data/MELD; clips also in clips/.
 */
#include "datasets/meld.h"
#include "datasets/synth.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/map.h"

enum { MAIN_SPEAKERS = 6 };

static const struct opt_spec options[] = {
	{ .name = "labels",
	  .type = OPT_CHOICE,
	  .fallback = "emotion",
	  .choices = "emotion|sentiment",
	  .help = "label set: seven emotions or three sentiments" },
	{ .name = "splits",
	  .type = OPT_STR,
	  .fallback = "train+dev+test",
	  .help = "splits to load, joined by +; each must be there",
	  .arg = "LIST" },
	OPT_END,
};

static const struct published_size sizes[] = {
	{ "emotion",
	  SPLIT_TRAIN,
	  &labels_meld7,
	  1038,
	  9989,
	  { 4710, 1205, 268, 683, 1743, 271, 1109 } },
	{ "emotion", SPLIT_DEV, &labels_meld7, 114, 1109, { 470, 150, 40, 111, 163, 22, 153 } },
	{ "emotion", SPLIT_TEST, &labels_meld7, 280, 2610, { 1256, 281, 50, 208, 402, 68, 345 } },
	{ "sentiment", SPLIT_TRAIN, &labels_meld3, 1038, 9989, { 4710, 2334, 2945 } },
	{ "sentiment", SPLIT_DEV, &labels_meld3, 114, 1109, { 470, 233, 406 } },
	{ "sentiment", SPLIT_TEST, &labels_meld3, 280, 2610, { 1256, 521, 833 } },
	{ .policy = NULL },
};

/* Everything a load needs besides the result. */
struct job {
	struct corpus *c;
	struct gold *g;
	struct meld_split split[SPLIT_COUNT];
	bool wanted[SPLIT_COUNT];
	struct str_map speakers; /* name -> index */
};

static int parse_splits(const char *list, bool wanted[SPLIT_COUNT], struct err *err)
{
	for (const char *s = list;; s++) {
		size_t n = strcspn(s, "+");
		int k = 0;

		while (k < SPLIT_COUNT &&
		       (strlen(split_name[k]) != n || memcmp(split_name[k], s, n)))
			k++;
		if (k == SPLIT_COUNT)
			return err_set(err, ERR_ARG,
				       "option splits: '%.*s' in '%s' is none of train, dev, test",
				       (int)n, s, list);
		wanted[k] = true;
		s += n;
		if (!*s)
			return 0;
	}
}

static int no_memory(const struct job *j, struct err *err)
{
	return err_set(err, ERR_NOMEM, "%s: no memory", j->c->root);
}

/* Numbers the speakers in order of their first row. */
static int collect_speakers(struct job *j, struct err *err)
{
	struct corpus *c = j->c;

	for (int k = 0; k < SPLIT_COUNT; k++) {
		for (size_t i = 0; i < j->split[k].n; i++) {
			int *id = map_slot(&j->speakers, j->split[k].row[i].speaker);

			if (!id)
				return no_memory(j, err);
			if (*id < 0)
				*id = c->n_speaker++;
		}
	}
	c->speaker = arena_array(&c->mem, (size_t)c->n_speaker, sizeof(*c->speaker));
	if (!c->speaker)
		return no_memory(j, err);
	for (size_t i = 0; i < j->speakers.cap; i++) {
		const struct map_slot *s = &j->speakers.slot[i];

		if (!s->key)
			continue;
		c->speaker[s->value].name = arena_strdup(&c->mem, s->key);
		if (!c->speaker[s->value].name)
			return no_memory(j, err);
	}
	return 0;
}

/* A group of its own for each of the six who speak most in train (in all that is
 * loaded where train is not); all others are compared with everybody (no group). */
static int group_speakers(struct job *j, struct err *err)
{
	struct corpus *c = j->c;
	int *lines;

	if (!NEW_ARRAY(lines, (size_t)c->n_speaker))
		return no_memory(j, err);
	for (int k = 0; k < SPLIT_COUNT; k++)
		for (size_t i = 0; i < j->split[k].n; i++)
			if (k == SPLIT_TRAIN || !j->wanted[SPLIT_TRAIN])
				lines[map_get(&j->speakers, j->split[k].row[i].speaker)]++;
	for (int m = 0; m < MAIN_SPEAKERS; m++) {
		int best = 0;

		for (int s = 1; s < c->n_speaker; s++)
			if (lines[s] > lines[best] ||
			    (lines[s] == lines[best] &&
			     strcmp(c->speaker[s].name, c->speaker[best].name) < 0))
				best = s;
		if (lines[best] > 0)
			c->speaker[best].group = c->speaker[best].name;
		lines[best] = -1;
	}
	free(lines);
	return 0;
}

static int set_media(struct job *j, const struct meld_split *s, struct utterance *u,
		     struct err *err)
{
	struct strbuf b = { 0 };

	u->audio.end_ms = u->video.end_ms = -1;
	strbuf_addf(&b, "%s.mp4", u->id);
	if (!b.oom && meld_has_clip(s, b.s)) {
		strbuf_reset(&b);
		strbuf_addf(&b, "%s/%s.mp4", s->clip_dir, u->id);
		u->audio.path = u->video.path =
			b.oom ? NULL : arena_strdup(&j->c->mem, strbuf_str(&b));
		if (!u->video.path)
			no_memory(j, err);
	}
	if (b.oom)
		no_memory(j, err);
	strbuf_free(&b);
	return err->code;
}

static int fill_utterance(struct job *j, const struct meld_split *s, const struct meld_row *r,
			  const char *file, struct err *err)
{
	struct corpus *c = j->c;
	struct utterance *u = &c->utt[c->n_utt];
	char id[64];

	if (!str_format(id, sizeof(id), "dia%d_utt%d", (int)r->dia, (int)r->utt))
		return err_set(err, ERR_INTERNAL, "%s:%ld: id too long", s->file, r->line);
	u->id = arena_strdup(&c->mem, id);
	u->text = arena_strdup(&c->mem, r->text);
	if (!u->id || !u->text)
		return no_memory(j, err);
	u->dialogue = c->n_dia - 1;
	u->speaker = map_get(&j->speakers, r->speaker);
	u->file = file;
	u->line = r->line;
	j->g->label[c->n_utt++] = r->label;
	return set_media(j, s, u, err);
}

/* Speaker_k of published prompts: k counts the speakers of a dialogue in order of
 * appearance (equal to the one-hot position of the published feature files). */
static void number_speakers(struct corpus *c, const struct dialogue *d)
{
	int next = 0;

	for (int i = d->first; i < d->first + d->count; i++) {
		int k = d->first;

		while (c->utt[k].speaker != c->utt[i].speaker)
			k++;
		c->utt[i].prompt_speaker = k < i ? c->utt[k].prompt_speaker : next++;
	}
}

static int fill_split(struct job *j, const struct meld_split *s, struct err *err)
{
	struct corpus *c = j->c;
	const char *file = arena_strdup(&c->mem, s->file);
	char id[64];

	if (!file)
		return no_memory(j, err);
	for (size_t i = 0; i < s->n; i++) {
		if (!i || s->row[i].dia != s->row[i - 1].dia) {
			struct dialogue *d = &c->dia[c->n_dia++];

			if (!str_format(id, sizeof(id), "%s_dia%d", split_name[s->split],
					(int)s->row[i].dia))
				return err_set(err, ERR_INTERNAL, "%s: id too long", s->file);
			d->id = arena_strdup(&c->mem, id);
			if (!d->id)
				return no_memory(j, err);
			d->split = s->split;
			d->first = c->n_utt;
		}
		if (fill_utterance(j, s, &s->row[i], file, err))
			return err->code;
		c->dia[c->n_dia - 1].count++;
	}
	return 0;
}

static int fill(struct job *j, struct err *err)
{
	struct corpus *c = j->c;
	size_t n_utt = 0, n_dia = 0;

	for (int k = 0; k < SPLIT_COUNT; k++) {
		const struct meld_split *s = &j->split[k];

		n_utt += s->n;
		for (size_t i = 0; i < s->n; i++)
			n_dia += !i || s->row[i].dia != s->row[i - 1].dia;
	}
	c->utt = arena_array(&c->mem, n_utt, sizeof(*c->utt));
	c->dia = arena_array(&c->mem, n_dia, sizeof(*c->dia));
	if (!c->utt || !c->dia || !NEW_ARRAY(j->g->label, n_utt))
		return no_memory(j, err);
	for (int k = 0; k < SPLIT_COUNT; k++)
		if (j->wanted[k] && fill_split(j, &j->split[k], err))
			return err->code;
	for (int d = 0; d < c->n_dia; d++)
		number_speakers(c, &c->dia[d]);
	return 0;
}

static int load_all(struct job *j, const struct opt_values *opts, struct err *err)
{
	struct corpus *c = j->c;

	if (parse_splits(opt_str(opts, "splits"), j->wanted, err))
		return err->code;
	if (!io_is_dir(c->root))
		return err_set(err, ERR_MISSING,
			       "%s: no such folder; give the folder that holds "
			       "the MELD csv files",
			       c->root);
	for (int k = 0; k < SPLIT_COUNT; k++)
		if (j->wanted[k] &&
		    (meld_split_read(&j->split[k], (enum split)k, c->root, c->labels, err) ||
		     meld_check_split(c, &j->split[k], err)))
			return err->code;
	if (meld_check_overlap(c, &j->split[SPLIT_TRAIN], &j->split[SPLIT_TEST], err) ||
	    collect_speakers(j, err) || group_speakers(j, err) || fill(j, err))
		return err->code;
	return corpus_check(c, j->g, err);
}

static int load(struct corpus *c, struct gold *g, const char *root, const struct opt_values *opts,
		struct err *err)
{
	struct job j = { .c = c, .g = g };

	c->name = "meld";
	c->title = "MELD";
	c->policy = opt_str(opts, "labels");
	c->labels = strcmp(c->policy, "sentiment") ? &labels_meld7 : &labels_meld3;
	c->policy = arena_strdup(&c->mem, c->policy);
	c->root = arena_strdup(&c->mem, root);
	if (!c->root || !c->policy)
		err_set(err, ERR_NOMEM, "%s: no memory", root);
	else
		load_all(&j, opts, err);
	for (int k = 0; k < SPLIT_COUNT; k++)
		meld_split_free(&j.split[k]);
	map_free(&j.speakers);
	if (err->code) {
		corpus_free(c);
		gold_free(g);
	}
	return err->code;
}

const struct dataset_ops dataset_meld = {
	.name = "meld",
	.title = "MELD: Multimodal EmotionLines Dataset (Friends)",
	.source = "https://github.com/declare-lab/MELD",
	.licence = "GPL-3.0 (csv files); the clips belong to their owners",
	.opts = options,
	.size = sizes,
	.load = load,
	.verify = meld_verify,
	.synth_opts = synth_meld_opts,
	.synth = synth_meld,
};

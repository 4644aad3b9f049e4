/* SPDX-License-Identifier: Apache-2.0
 * merc data verify | stats | synth
 */
#include "harness/cli/verbs.h"

#include <string.h>

#include "harness/cli/load.h"
#include "harness/media/media.h"

static const struct opt_spec verify_opts[] = { OPT_CORPUS, OPT_ROOT, OPT_DATA_SET, OPT_FORMAT,
					       OPT_END };

static const char *const level_name[] = { "note", "warn", "error" };

static int probe(void *ctx, const char *path, double *seconds, struct err *err)
{
	struct media_info info;

	(void)ctx;
	if (media_probe(path, &info, err))
		return err->code;
	*seconds = info.seconds;
	return 0;
}

/* Utterances and labels of one split. */
struct split_count {
	int dialogues, utterances, label[LABEL_MAX], other;
};

static void count_split(const struct corpus *c, const struct gold *g, int split,
			struct split_count *n)
{
	*n = (struct split_count){ 0 };
	for (int d = 0; d < c->n_dia; d++) {
		if ((int)c->dia[d].split != split)
			continue;
		n->dialogues++;
		n->utterances += c->dia[d].count;
		for (int i = 0; i < c->dia[d].count; i++) {
			int label = g->label[c->dia[d].first + i];

			if (label >= 0)
				n->label[label]++;
			else
				n->other++;
		}
	}
}

/* Compares with the published sizes of the corpus's own policy. */
static int check_published(const struct dataset_ops *d, const struct corpus *c,
			   const struct gold *g, FILE *out)
{
	int differ = 0;

	for (const struct published_size *p = d->size; p && p->policy; p++) {
		struct split_count n;
		bool same;

		if (p->labels != c->labels || strcmp(p->policy, c->policy) != 0)
			continue;
		count_split(c, g, (int)p->split, &n);
		same = (!p->dialogues || p->dialogues == n.dialogues) &&
		       p->utterances == n.utterances - n.other &&
		       !memcmp(p->n_label, n.label, sizeof(n.label[0]) * (size_t)c->labels->n);
		differ += !same;
		if (out)
			fprintf(out, "%-5s %5d dialogues %6d labelled utterances: %s\n",
				split_name[p->split], n.dialogues, n.utterances - n.other,
				same ? "as published" : "differs from the published size");
	}
	return differ;
}

static void print_issues(const struct corpus *c)
{
	for (int level = ISSUE_ERROR; level >= ISSUE_NOTE; level--)
		for (int i = 0; i < c->n_issue; i++) {
			const struct issue *it = &c->issue[i];

			if ((int)it->level != level)
				continue;
			printf("%s: %s", level_name[level], it->file ? it->file : c->root);
			if (it->line)
				printf(":%ld", it->line);
			printf(": [%s] %s\n", it->kind, it->text);
		}
}

static int print_issues_json(const struct corpus *c, int differ)
{
	struct strbuf b = { 0 };
	struct json_writer w;

	json_begin(&w, &b, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_int(&w, "sizes_that_differ", differ);
	json_open_array(&w, "issues");
	for (int i = 0; i < c->n_issue; i++) {
		json_open_object(&w, NULL);
		json_put_str(&w, "level", level_name[c->issue[i].level]);
		json_put_str(&w, "kind", c->issue[i].kind);
		json_put_str(&w, "file", c->issue[i].file);
		json_put_int(&w, "line", c->issue[i].line);
		json_put_str(&w, "text", c->issue[i].text);
		json_close_object(&w);
	}
	json_close_array(&w);
	json_close_object(&w);
	puts(strbuf_str(&b));
	strbuf_free(&b);
	return 0;
}

static int run_verify(struct cli *c, struct err *err)
{
	bool json = !strcmp(opt_str(&c->opts, "format"), "json");
	const struct dataset_ops *d = load_dataset(c, err);
	struct corpus corpus;
	struct gold gold;
	int level[3] = { 0 }, differ;

	if (!d || load_corpus(c, &corpus, &gold, err))
		return 0;
	if (!d->verify || !d->verify(&corpus, &gold, probe, NULL, err)) {
		differ = check_published(d, &corpus, &gold, json ? NULL : stdout);
		for (int i = 0; i < corpus.n_issue; i++)
			level[corpus.issue[i].level]++;
		if (json)
			print_issues_json(&corpus, differ);
		else
			print_issues(&corpus);
		log_info(&c->log,
			 "%s: %d dialogues, %d utterances; %d errors, %d warnings, %d notes",
			 opt_str(&c->opts, "root"), corpus.n_dia, corpus.n_utt, level[2], level[1],
			 level[0]);
	}
	corpus_free(&corpus);
	gold_free(&gold);
	return level[ISSUE_ERROR] ? 4 : 0;
}

const struct verb verb_data_verify = {
	.name = "data verify",
	.operands = "",
	.summary = "Check a corpus against its published sizes and list every oddity",
	.doc = "Prints one line an oddity, with file and line.  Nothing is repaired.  Status 4 "
	       "only "
	       "when something makes the data unusable.",
	.opts = verify_opts,
	.run = run_verify,
};

static void stats_json(const struct corpus *c, const struct gold *g)
{
	struct strbuf b = { 0 };
	struct json_writer w;

	json_begin(&w, &b, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_str(&w, "corpus", c->name);
	json_put_str(&w, "policy", c->policy);
	json_open_object(&w, "splits");
	for (int s = 0; s < SPLIT_COUNT; s++) {
		struct split_count n;

		count_split(c, g, s, &n);
		json_open_object(&w, split_name[s]);
		json_put_int(&w, "dialogues", n.dialogues);
		json_put_int(&w, "utterances", n.utterances);
		json_open_object(&w, "labels");
		for (int k = 0; k < c->labels->n; k++)
			json_put_int(&w, c->labels->word[k], n.label[k]);
		json_close_object(&w);
		json_put_int(&w, "outside_label_set", n.other);
		json_close_object(&w);
	}
	json_close_object(&w);
	json_close_object(&w);
	puts(strbuf_str(&b));
	strbuf_free(&b);
}

static void stats_text(const struct corpus *c, const struct gold *g)
{
	printf("%s (%s), %d speakers\n%-6s %9s %10s", c->title, c->policy, c->n_speaker, "split",
	       "dialogues", "utterances");
	for (int k = 0; k < c->labels->n; k++)
		printf(" %10s", c->labels->word[k]);
	printf(" %10s\n", "outside");
	for (int s = 0; s < SPLIT_COUNT; s++) {
		struct split_count n;

		count_split(c, g, s, &n);
		printf("%-6s %9d %10d", split_name[s], n.dialogues, n.utterances);
		for (int k = 0; k < c->labels->n; k++)
			printf(" %10d", n.label[k]);
		printf(" %10d\n", n.other);
	}
}

static int run_stats(struct cli *c, struct err *err)
{
	struct corpus corpus;
	struct gold gold;

	if (load_corpus(c, &corpus, &gold, err))
		return 0;
	if (!strcmp(opt_str(&c->opts, "format"), "json"))
		stats_json(&corpus, &gold);
	else
		stats_text(&corpus, &gold);
	corpus_free(&corpus);
	gold_free(&gold);
	return 0;
}

const struct verb verb_data_stats = {
	.name = "data stats",
	.operands = "",
	.summary = "Count dialogues, utterances and labels of each split",
	.doc = "",
	.opts = verify_opts,
	.run = run_stats,
};

static const struct opt_spec synth_opts[] = {
	{ .name = "layout",
	  .type = OPT_CHOICE,
	  .fallback = "meld",
	  .choices = "meld|iemocap",
	  .arg = "NAME",
	  .help = "on-disk layout: meld or iemocap" },
	{ .name = "out",
	  .type = OPT_STR,
	  .fallback = "",
	  .letter = 'o',
	  .arg = "DIR",
	  .help = "folder to write" },
	{ .name = "dialogues",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "N",
	  .help = "dialogues in all" },
	{ .name = "seed",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "S",
	  .help = "seed of everything" },
	{ .name = "set",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "A=B,...",
	  .help = "further options of the generator (see: merc list)" },
	OPT_END,
};

static int run_synth(struct cli *c, struct err *err)
{
	const struct dataset_ops *d = dataset_find(opt_str(&c->opts, "layout"));
	const char *out = opt_str(&c->opts, "out");
	static const char *const pass[] = { "dialogues", "seed" };
	struct opt_values v = { 0 };

	if (!d || !d->synth)
		return err_set(err, ERR_ARG, "--layout: there is no generator for this layout");
	if (!*out)
		return err_set(err, ERR_ARG, "--out: name the folder to write");
	if (opt_init(&v, d->synth_opts, err))
		return 0;
	for (size_t i = 0; i < 2 && !err->code; i++)
		if (*opt_str(&c->opts, pass[i]))
			opt_set(&v, pass[i], opt_str(&c->opts, pass[i]), err);
	if (!err->code && !load_pairs(&v, opt_str(&c->opts, "set"), "--set", err))
		d->synth(out, &v, c->threads, &c->log, err);
	opt_free(&v);
	return 0;
}

const struct verb verb_data_synth = {
	.name = "data synth",
	.operands = "",
	.summary = "Write a calibrated corpus: clips whose best reachable score is known exactly",
	.doc = "Writes real clips, tables and calibration.json in the layout of a published "
	       "corpus.  "
	       "The same seed and library versions give the same bytes.",
	.opts = synth_opts,
	.run = run_synth,
};

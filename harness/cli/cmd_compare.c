/* SPDX-License-Identifier: Apache-2.0
 * merc compare
 */
#include "harness/cli/verbs.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/core/dataset.h"
#include "harness/verdict/compare.h"

static const struct opt_spec compare_opts[] = {
	{ .name = "metric",
	  .type = OPT_CHOICE,
	  .fallback = "weighted_f1",
	  .choices = "accuracy|uar|macro_f1|micro_f1|weighted_f1",
	  .letter = 'm',
	  .arg = "METRIC",
	  .help = "what intervals and tests are of (accuracy, uar, macro_f1, micro_f1, "
		  "weighted_f1)" },
	{ .name = "by",
	  .type = OPT_STR,
	  .fallback = "",
	  .letter = 'b',
	  .arg = "LIST",
	  .help = "parts of the test set too: class, speaker, position, length, shift, "
		  "sentiment" },
	{ .name = "labels",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "SET",
	  .help = "score in a coarser label set: meld3 (sentiment), iemocap4" },
	{ .name = "all-pairs",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .help = "compare every pair, not only the first system with each other one" },
	{ .name = "judge",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .help = "exit 1 when a system is worse than the first one" },
	{ .name = "table",
	  .type = OPT_CHOICE,
	  .fallback = "all",
	  .choices = "all|systems|duels|classes|parts|confusion|flips",
	  .arg = "TABLE",
	  .help = "one table alone (systems, duels, classes, parts, confusion, flips); "
		  "CSV holds one: duels, or systems where there is one system" },
	{ .name = "flips",
	  .type = OPT_INT,
	  .fallback = "20",
	  .min = -1,
	  .max = 1e7,
	  .arg = "N",
	  .help = "utterances to list for each pair, -1: all" },
	{ .name = "least",
	  .type = OPT_INT,
	  .fallback = "30",
	  .min = 1,
	  .max = 1e6,
	  .arg = "N",
	  .help = "speakers with fewer utterances stand together" },
	{ .name = "replicates",
	  .type = OPT_INT,
	  .fallback = "10000",
	  .min = 100,
	  .max = 1e7,
	  .arg = "B",
	  .help = "replicates behind each interval and each test" },
	{ .name = "seed",
	  .type = OPT_INT,
	  .fallback = "1",
	  .min = 0,
	  .max = 1e15,
	  .arg = "N",
	  .help = "seed of the resampling" },
	{ .name = "root",
	  .type = OPT_STR,
	  .fallback = "",
	  .letter = 'r',
	  .arg = "DIR",
	  .help = "folder of the data set, for texts and speakers that the predictions lack and "
		  "for MELD's own sentiments (as in the manifest)" },
	{ .name = "format",
	  .type = OPT_CHOICE,
	  .fallback = "text",
	  .choices = "text|json|csv|md",
	  .letter = 'f',
	  .arg = "FORMAT",
	  .help = "text, json, csv or md" },
	OPT_END,
};

static int parse_by(const char *list, bool by[BY_COUNT], struct err *err)
{
	for (const char *s = list; *s;) {
		size_t n = strcspn(s, ",");
		int i = 0;

		while (i < BY_COUNT &&
		       (strlen(aspect_name[i]) != n || memcmp(aspect_name[i], s, n) != 0))
			i++;
		if (i == BY_COUNT)
			return err_set(err, ERR_ARG,
				       "--by: '%.*s' is not class, speaker, position, length, "
				       "shift or sentiment",
				       (int)n, s);
		by[i] = true;
		s += n + (s[n] == ',');
	}
	return 0;
}

static int parse_options(const struct cli *c, struct compare_options *o, struct err *err)
{
	const char *metric = opt_str(&c->opts, "metric");

	*o = (struct compare_options){
		.replicates = (int)opt_int(&c->opts, "replicates"),
		.alpha = .05,
		.seed = (uint64_t)opt_int(&c->opts, "seed"),
		.threads = c->threads,
		.all_pairs = opt_bool(&c->opts, "all-pairs"),
		.least = (int)opt_int(&c->opts, "least"),
		.flips = (int)opt_int(&c->opts, "flips"),
	};
	while (strcmp(metric_name[o->metric], metric))
		o->metric++;
	return parse_by(opt_str(&c->opts, "by"), o->by, err);
}

/* The test split of the data set that the results are of; its labels are MELD's sentiments where
 * those are asked for. */
static int read_corpus(const struct lineup *l, const char *root, bool sentiment,
		       struct corpus *corpus, struct gold *gold, struct err *err)
{
	const struct dataset_ops *d = dataset_find(l->result[0].corpus);
	struct opt_values opts = { 0 };

	if (!d)
		return err_set(err, ERR_MISSING, "there is no data set '%s'", l->result[0].corpus);
	if (!opt_init(&opts, d->opts, err)) {
		if (sentiment)
			opt_set(&opts, "labels", "sentiment", err);
		if (!strcmp(d->name, "meld"))
			opt_set(&opts, "splits", "test", err);
		if (!err->code)
			d->load(corpus, gold, root, &opts, err);
	}
	opt_free(&opts);
	return err->code;
}

/* Texts, speakers and sentiments of the corpus.  Without --root it is a help, not a need. */
static int add_corpus(const struct cli *c, struct lineup *l, const struct compare_options *o,
		      struct err *err)
{
	const bool sentiment = o->by[BY_SENTIMENT] && l->labels == &labels_meld7;
	const bool asked = opt_given(&c->opts, "root");
	const char *root = asked ? opt_str(&c->opts, "root") : l->result[0].root;
	struct corpus corpus = { 0 };
	struct gold gold = { 0 };
	struct err why = { 0 };
	int found = 0;

	if (!asked && (!io_is_dir(root) || !(sentiment || lineup_lacks_texts(l))))
		return 0;
	if (!read_corpus(l, root, sentiment, &corpus, &gold, &why) &&
	    !lineup_add_corpus(l, &corpus, sentiment ? &gold : NULL, &found, &why) && found < l->n)
		log_info(&c->log, "%s: %d of %d utterances found in its test split", root, found,
			 l->n);
	corpus_free(&corpus);
	gold_free(&gold);
	if (!why.code)
		return 0;
	if (asked || why.code == ERR_NOMEM)
		return err_set(err, why.code, "%s", why.msg);
	log_info(&c->log, "nothing was taken from the data set: %s", why.msg);
	return 0;
}

static bool is_format(const struct cli *c, const char *name)
{
	return !strcmp(opt_str(&c->opts, "format"), name);
}

static int add_table(const struct cli *c, const struct comparison *x, enum compare_table which,
		     bool headed, struct strbuf *out, struct err *err)
{
	struct table t = { 0 };

	if (!compare_table(x, which, &t, err) && (table_rows(&t) || !headed)) {
		if (headed)
			strbuf_addf(out, is_format(c, "md") ? "\n## %s\n\n" : "\n%s\n\n",
				    compare_table_title[which]);
		if (is_format(c, "csv"))
			table_csv(&t, out);
		else if (is_format(c, "md"))
			table_markdown(&t, out);
		else
			table_plain(&t, out);
	}
	table_free(&t);
	return err->code;
}

static int add_tables(const struct cli *c, const struct comparison *x, struct strbuf *out,
		      struct err *err)
{
	const char *name = opt_str(&c->opts, "table");
	int only = 0;

	while (only < COMPARE_TABLES && strcmp(compare_table_name[only], name))
		only++;
	if (only == COMPARE_TABLES && is_format(c, "csv"))
		only = x->n_duels ? COMPARE_DUELS : COMPARE_SYSTEMS;
	if (only < COMPARE_TABLES)
		return add_table(c, x, (enum compare_table)only, false, out, err);
	compare_notes(x, out);
	for (int i = 0; i < COMPARE_TABLES; i++)
		if (add_table(c, x, (enum compare_table)i, true, out, err))
			return err->code;
	return 0;
}

static int compare(const struct cli *c, const struct lineup *l, const struct compare_options *o,
		   int *worse, struct err *err)
{
	struct strbuf out = { 0 };
	struct comparison x;

	if (!comparison_make(&x, l, o, err) &&
	    !(is_format(c, "json") ? compare_json(&x, &out, err) : add_tables(c, &x, &out, err))) {
		*worse = comparison_worse(&x);
		if (out.oom)
			err_set(err, ERR_NOMEM, "compare: no memory");
		else
			fwrite(strbuf_str(&out), 1, out.len, stdout);
	}
	comparison_free(&x);
	strbuf_free(&out);
	return err->code;
}

static int run_compare(struct cli *c, struct err *err)
{
	const char *fold = opt_str(&c->opts, "labels");
	const bool judge = opt_bool(&c->opts, "judge");
	struct compare_options o;
	struct lineup l = { 0 };
	int worse = 0;

	if (!parse_options(c, &o, err) &&
	    !lineup_load(&l, c->operand, c->n_operand, *fold ? fold : NULL, err)) {
		if (judge && l.n_systems < 2)
			err_set(err, ERR_ARG, "compare: --judge needs two systems");
		else if (judge && l.limited)
			err_set(err, ERR_DATA, "compare: a limited run is no result to judge by");
		else if (!add_corpus(c, &l, &o, err))
			compare(c, &l, &o, &worse, err);
	}
	lineup_free(&l);
	return judge && worse;
}

const struct verb verb_compare = {
	.name = "compare",
	.operands = "RESULT [RESULT...]",
	.min_operands = 1,
	.max_operands = 10000,
	.summary =
		"Compare result folders: differences with intervals and tests, by class and part",
	.doc = "Runs that differ in the seed alone are one system: mean and standard deviation "
	       "with "
	       "n and ddof 1.  The first system is what the others are held to, differences are "
	       "theirs minus its.  Intervals are by bootstrap over dialogues, the test is "
	       "approximate randomization by dialogue with Holm's correction over all pairs; "
	       "McNemar's exact test and effect sizes (Cohen's g, odds, d over dialogues) stand "
	       "beside.\n\n"
	       "With --judge the exit status is 1 when the corrected test shows that a system is "
	       "worse than the first.  One folder alone gives its scores, and with --by its scores "
	       "by part.",
	.opts = compare_opts,
	.run = run_compare,
};

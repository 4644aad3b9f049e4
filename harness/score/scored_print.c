/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/score/scored_print.h"

#include <math.h>
#include <stddef.h>

#include "harness/base/csv.h"
#include "harness/base/mem.h"

/* Headline numbers in the order people read them. */
static const struct {
	const char *key, *title;
	size_t at; /* of a double in struct scores */
} headline[] = {
	{ "accuracy", "accuracy", offsetof(struct scores, accuracy) },
	{ "weighted_f1", "weighted F1", offsetof(struct scores, weighted_f1) },
	{ "macro_f1", "macro F1", offsetof(struct scores, macro_f1) },
	{ "micro_f1", "micro F1", offsetof(struct scores, micro_f1) },
	{ "uar", "UAR", offsetof(struct scores, uar) },
	{ "kappa", "kappa", offsetof(struct scores, kappa) },
	{ "mcc", "MCC", offsetof(struct scores, mcc) },
};

static double value_of(const struct scores *s, size_t at)
{
	return *(const double *)(const void *)((const char *)s + at);
}

/* A percentage with two digits in so many columns; "-" for no number. */
static void add_percent(struct strbuf *out, int width, double v)
{
	if (isfinite(v))
		strbuf_addf(out, "%*.2f", width, 100 * v);
	else
		strbuf_addf(out, "%*s", width, "-");
}

static void text_head(const struct scored *s, const char *selection, struct strbuf *out)
{
	const struct recorded_score *was = &s->recorded->score;

	strbuf_addf(out, "%s (%s)\n%s (%s), %s; decoder %s, words %s, selection %s\n",
		    s->recorded->path, s->recorded->format, s->corpus->title, s->corpus->policy,
		    split_name[s->split], extract_rule_name[s->rule], wording_name[s->words],
		    selection);
	strbuf_addf(out, "%zu rows: %d by id, %d by text, %d by order, %d of several that fitted\n",
		    s->recorded->n, s->match.by_id, s->match.by_text, s->match.by_order,
		    s->match.chosen);
	if (isfinite(s->differs))
		strbuf_addf(out, "recorded: accuracy %.3f, weighted F1 %.3f: %s\n",
			    100 * was->accuracy, 100 * was->weighted_f1,
			    s->reproduced ? "reproduced" : "NOT reproduced");
}

static void text_scores(const struct scored *s, struct strbuf *out)
{
	const double coverage = (double)s->all.answered / (double)s->all.n;

	strbuf_addf(out, "\n%-12s %9s %9s\n%-12s %9lld %9lld\n", "", "all", "answered", "samples",
		    (long long)s->all.n, (long long)s->answered.n);
	for (size_t i = 0; i < ARRAY_LEN(headline); i++) {
		strbuf_addf(out, "%-12s", headline[i].title);
		add_percent(out, 10, value_of(&s->all, headline[i].at));
		add_percent(out, 10, value_of(&s->answered, headline[i].at));
		strbuf_addc(out, '\n');
	}
	strbuf_addf(out,
		    "coverage %.2f %%; weighted F1 within %.2f to %.2f (95 %%, %d dialogues)\n",
		    100 * coverage, 100 * s->interval.lo, 100 * s->interval.hi, s->interval.groups);
}

static void text_classes(const struct scored *s, struct strbuf *out)
{
	strbuf_addf(out, "\n%-12s %9s %9s %9s %9s\n", "label", "precision", "recall", "F1",
		    "support");
	for (int k = 0; k < s->all.k; k++) {
		const struct class_scores *c = &s->all.cls[k];

		strbuf_addf(out, "%-12s", s->corpus->labels->word[k]);
		add_percent(out, 10, c->precision);
		add_percent(out, 10, c->recall);
		add_percent(out, 10, c->f1);
		strbuf_addf(out, " %9lld%s\n", (long long)c->support,
			    c->undefined ? " undefined" : "");
	}
}

void scored_text(const struct scored *s, const char *selection, struct strbuf *out)
{
	text_head(s, selection, out);
	text_scores(s, out);
	text_classes(s, out);
	strbuf_addf(out, "\n%-12s %-16s %7s\n", "status", "cause", "samples");
	for (int i = 0; i < s->n_cause; i++)
		strbuf_addf(out, "%-12s %-16s %7d\n", answer_status_name[s->cause[i].status],
			    s->cause[i].cause, s->cause[i].n);
}

static void csv_row(struct strbuf *out, const char *measure, const char *label, double value)
{
	csv_add_field(out, measure);
	strbuf_addc(out, ',');
	csv_add_field(out, label);
	strbuf_addc(out, ',');
	if (isfinite(value))
		strbuf_addf(out, "%.17g", value);
	strbuf_addc(out, '\n');
}

void scored_csv(const struct scored *s, struct strbuf *out)
{
	strbuf_add(out, "measure,label,value\n");
	csv_row(out, "n", "", (double)s->all.n);
	csv_row(out, "answered", "", (double)s->all.answered);
	for (size_t i = 0; i < ARRAY_LEN(headline); i++)
		csv_row(out, headline[i].key, "", value_of(&s->all, headline[i].at));
	csv_row(out, "weighted_f1_lo", "", s->interval.lo);
	csv_row(out, "weighted_f1_hi", "", s->interval.hi);
	for (size_t i = 0; i < ARRAY_LEN(headline); i++)
		csv_row(out, headline[i].key, "answered", value_of(&s->answered, headline[i].at));
	for (int k = 0; k < s->all.k; k++) {
		const char *word = s->corpus->labels->word[k];

		csv_row(out, "precision", word, s->all.cls[k].precision);
		csv_row(out, "recall", word, s->all.cls[k].recall);
		csv_row(out, "f1", word, s->all.cls[k].f1);
		csv_row(out, "support", word, (double)s->all.cls[k].support);
	}
	for (int i = 0; i < ANSWER_STATUS_COUNT; i++)
		csv_row(out, "count", answer_status_name[i], s->count[i]);
	for (int i = 0; i < s->n_cause; i++)
		csv_row(out, answer_status_name[s->cause[i].status], s->cause[i].cause,
			s->cause[i].n);
}

static void markdown_confusion(const struct scored *s, struct strbuf *out)
{
	const struct label_set *l = s->corpus->labels;

	strbuf_add(out, "\n| true \\ answered |");
	for (int j = 0; j < l->n; j++)
		strbuf_addf(out, " %s |", l->word[j]);
	strbuf_add(out, " none |\n|---|");
	for (int j = 0; j <= l->n; j++)
		strbuf_add(out, "---:|");
	for (int i = 0; i < l->n; i++) {
		strbuf_addf(out, "\n| %s |", l->word[i]);
		for (int j = 0; j <= l->n; j++)
			strbuf_addf(out, " %lld |", (long long)s->confusion.count[i][j]);
	}
	strbuf_addc(out, '\n');
}

void scored_markdown(const struct scored *s, const char *selection, struct strbuf *out)
{
	strbuf_addf(out, "%s, %s (%s), decoder %s, selection %s, n = %lld\n\n", s->corpus->title,
		    split_name[s->split], s->corpus->policy, extract_rule_name[s->rule], selection,
		    (long long)s->all.n);
	strbuf_add(out, "| score | all | answered |\n|---|---:|---:|\n");
	for (size_t i = 0; i < ARRAY_LEN(headline); i++) {
		strbuf_addf(out, "| %s | ", headline[i].title);
		add_percent(out, 0, value_of(&s->all, headline[i].at));
		strbuf_add(out, " | ");
		add_percent(out, 0, value_of(&s->answered, headline[i].at));
		strbuf_add(out, " |\n");
	}
	strbuf_add(out,
		   "\n| label | precision | recall | F1 | support |\n|---|---:|---:|---:|---:|\n");
	for (int k = 0; k < s->all.k; k++) {
		const struct class_scores *c = &s->all.cls[k];

		strbuf_addf(out, "| %s | %.2f | %.2f | %.2f | %lld |\n", s->corpus->labels->word[k],
			    100 * c->precision, 100 * c->recall, 100 * c->f1,
			    (long long)c->support);
	}
	markdown_confusion(s, out);
	strbuf_add(out, "\n| status | cause | samples |\n|---|---|---:|\n");
	for (int i = 0; i < s->n_cause; i++)
		strbuf_addf(out, "| %s | %s | %d |\n", answer_status_name[s->cause[i].status],
			    s->cause[i].cause, s->cause[i].n);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/verdict/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *const compare_table_name[COMPARE_TABLES] = {
	"systems", "duels", "classes", "parts", "confusion", "flips",
};
const char *const compare_table_title[COMPARE_TABLES] = {
	"Systems",
	"Differences",
	"Classes: who has the better F1",
	"Parts of the test set",
	"Confusion: count and share of the row",
	"Utterances that flip",
};

#define FEW 50 /* dialogues */

static const char *const metric_title[METRIC_COUNT] = {
	[METRIC_ACCURACY] = "Accuracy",	      [METRIC_UAR] = "UAR",
	[METRIC_MACRO_F1] = "Macro F1",	      [METRIC_MICRO_F1] = "Micro F1",
	[METRIC_WEIGHTED_F1] = "Weighted F1",
};

static const char *const standing_title[STANDING_COUNT] = {
	"Accuracy", "UAR",	"Macro F1", "Micro F1", "Weighted F1", "Kappa",
	"MCC",	    "Answered", "ECE",	    "Brier",	"NLL",
};

static void columns(struct table *t, enum column_kind kind, int n, const char *const (*head)[2])
{
	for (int i = 0; i < n; i++)
		table_column(t, kind, head[i][0], head[i][1]);
}

static void interval_columns(struct table *t, const char *head, const char *lo, const char *hi)
{
	table_column(t, COLUMN_SHOWN, head, NULL);
	table_column(t, COLUMN_CSV, lo, NULL);
	table_column(t, COLUMN_CSV, hi, NULL);
}

static void interval_cells(struct table *t, const struct interval *i)
{
	if (isfinite(i->lo))
		table_cell(t, i->value, "%.2f … %.2f", 100 * i->lo, 100 * i->hi);
	else
		table_text(t, "");
	table_number(t, i->lo, 1, 17);
	table_number(t, i->hi, 1, 17);
}

static void p_cell(struct table *t, double p)
{
	if (isnan(p))
		table_text(t, "");
	else if (p < .0001)
		table_cell(t, p, "%.0e", p);
	else
		table_cell(t, p, "%.4f", p);
}

static void systems_table(const struct comparison *c, struct table *t)
{
	static const enum standing_number more[] = {
		STANDING_WEIGHTED_F1, STANDING_ACCURACY, STANDING_UAR, STANDING_MACRO_F1,
		STANDING_MICRO_F1,    STANDING_KAPPA,	 STANDING_MCC, STANDING_ANSWERED,
		STANDING_ECE,	      STANDING_BRIER,	 STANDING_NLL,
	};

	table_column(t, COLUMN_TEXT, "System", "system");
	table_column(t, COLUMN_NUMBER, "Runs", "n_runs");
	table_column(t, COLUMN_SHOWN, metric_title[c->options.metric], NULL);
	table_column(t, COLUMN_CSV, "mean", NULL);
	table_column(t, COLUMN_CSV, "std_ddof1", NULL);
	interval_columns(t, "95 % interval", "lo", "hi");
	for (size_t i = 0; i < ARRAY_LEN(more); i++)
		table_column(t, (int)more[i] == (int)c->options.metric ? COLUMN_CSV : COLUMN_NUMBER,
			     standing_title[more[i]], standing_key[more[i]]);
	table_column(t, COLUMN_TEXT, "Selection", "selection");
	for (int s = 0; s < c->lineup->n_systems; s++) {
		const struct contender *sys = &c->lineup->system[s];
		const struct standing *st = &c->standing[s];
		const struct spread *x = &st->number[c->options.metric];

		table_text(t, sys->name);
		table_number(t, sys->n_runs, 1, 0);
		if (x->n > 1)
			table_cell(t, x->mean, "%.2f ± %.2f", 100 * x->mean, 100 * x->std);
		else
			table_number(t, x->mean, 100, 2);
		table_number(t, x->mean, 1, 17);
		table_number(t, x->std, 1, 17);
		interval_cells(t, &st->interval);
		for (size_t i = 0; i < ARRAY_LEN(more); i++)
			table_number(
				t, st->number[more[i]].mean,
				more[i] < STANDING_KAPPA || more[i] == STANDING_ANSWERED ? 100 : 1,
				more[i] < STANDING_KAPPA || more[i] == STANDING_ANSWERED ? 2 : 4);
		table_text(t, sys->run[0]->selection);
	}
}

static const char *verdict_of(const struct duel *d)
{
	return d->winner > 0 ? "B is better" : d->winner < 0 ? "B is worse" : "no difference shown";
}

static int classes_won(const struct lineup *l, const struct duel *d, int who)
{
	int n = 0;

	for (int k = 0; k < l->k; k++)
		n += d->cls[k].winner == who;
	return n;
}

static bool leaves_runs_out(const struct lineup *l, const struct duel *d)
{
	return d->runs_a < l->system[d->a].n_runs || d->runs_b < l->system[d->b].n_runs;
}

/* Runs that were left out are told in the row: the scores beside it are not the systems' means. */
static void shared_cell(const struct lineup *l, const struct duel *d, struct table *t)
{
	if (leaves_runs_out(l, d))
		table_cell(t, d->shared, "%d of %d and %d", d->shared, l->system[d->a].n_runs,
			   l->system[d->b].n_runs);
	else
		table_number(t, d->shared, 1, 0);
}

static void duels_table(const struct comparison *c, struct table *t)
{
	static const char *const score[][2] = { { "A scores", "score_a" },
						{ "B scores", "score_b" },
						{ "B - A", "difference" } };
	static const char *const test[][2] = { { "p", "p_randomization" },
					       { "p, Holm", "p_holm" },
					       { "p, bootstrap", "p_bootstrap" } };
	static const char *const effect[][2] = { { "Only A", "only_a" },
						 { "Only B", "only_b" },
						 { "McNemar p", "p_mcnemar" },
						 { "g", "cohens_g" },
						 { "Odds B:A", "odds" },
						 { "Dialogues A", "dialogues_a" },
						 { "Dialogues B", "dialogues_b" },
						 { "d by dialogue", "d_z" },
						 { "Classes A", "classes_a" },
						 { "Classes B", "classes_b" },
						 { "Seeds shared", "shared_seeds" } };

	table_column(t, COLUMN_TEXT, "A", "a");
	table_column(t, COLUMN_TEXT, "B", "b");
	columns(t, COLUMN_NUMBER, 3, score);
	interval_columns(t, "95 % interval", "lo", "hi");
	columns(t, COLUMN_NUMBER, 3, test);
	table_column(t, COLUMN_TEXT, "Verdict", "verdict");
	columns(t, COLUMN_NUMBER, ARRAY_LEN(effect), effect);
	for (int i = 0; i < c->n_duels; i++) {
		const struct duel *d = &c->duel[i];

		table_text(t, c->lineup->system[d->a].name);
		table_text(t, c->lineup->system[d->b].name);
		table_number(t, d->value_a, 100, 2);
		table_number(t, d->value_b, 100, 2);
		table_cell(t, d->difference.value, "%+.2f", 100 * d->difference.value);
		interval_cells(t, &d->difference);
		p_cell(t, d->p);
		p_cell(t, d->p_holm);
		p_cell(t, d->difference.p);
		table_text(t, verdict_of(d));
		table_number(t, (double)d->only_a, 1, 0);
		table_number(t, (double)d->only_b, 1, 0);
		p_cell(t, d->p_mcnemar);
		table_number(t, d->g, 1, 3);
		table_number(t, d->odds, 1, 2);
		table_number(t, d->dialogues_a, 1, 0);
		table_number(t, d->dialogues_b, 1, 0);
		table_number(t, d->dz, 1, 3);
		table_number(t, classes_won(c->lineup, d, -1), 1, 0);
		table_number(t, classes_won(c->lineup, d, 1), 1, 0);
		shared_cell(c->lineup, d, t);
	}
}

static void class_row(const struct comparison *c, const struct duel *d, int k, struct table *t)
{
	const struct class_duel *x = &d->cls[k];

	table_text(t, c->lineup->system[d->a].name);
	table_text(t, c->lineup->system[d->b].name);
	table_text(t, c->lineup->label[k]);
	table_number(
		t, (double)c->standing[d->a].pooled.cls[k].support / c->lineup->system[d->a].n_runs,
		1, 0);
	table_number(t, x->f1_a, 100, 2);
	table_number(t, x->f1_b, 100, 2);
	table_cell(t, x->difference.value, "%+.2f", 100 * x->difference.value);
	interval_cells(t, &x->difference);
	p_cell(t, x->p);
	p_cell(t, x->p_holm);
	table_number(t, (double)x->only_a, 1, 0);
	table_number(t, (double)x->only_b, 1, 0);
	table_text(t, x->winner > 0 ? "B" : x->winner < 0 ? "A" : "-");
}

static void classes_table(const struct comparison *c, struct table *t)
{
	static const char *const name[][2] = { { "A", "a" }, { "B", "b" }, { "Class", "class" } };
	static const char *const number[][2] = { { "n", "n" },
						 { "F1 of A", "f1_a" },
						 { "F1 of B", "f1_b" },
						 { "B - A", "difference" } };
	static const char *const test[][2] = { { "p", "p" },
					       { "p, Holm", "p_holm" },
					       { "Only A", "only_a" },
					       { "Only B", "only_b" } };

	columns(t, COLUMN_TEXT, 3, name);
	columns(t, COLUMN_NUMBER, 4, number);
	interval_columns(t, "95 % interval", "lo", "hi");
	columns(t, COLUMN_NUMBER, 4, test);
	table_column(t, COLUMN_TEXT, "Winner", "winner");
	for (int i = 0; i < c->n_duels; i++)
		for (int k = 0; k < c->lineup->k; k++)
			class_row(c, &c->duel[i], k, t);
}

static void strata_table(const struct comparison *c, struct table *t)
{
	static const char *const name[][2] = { { "By", "by" },
					       { "Part", "part" },
					       { "System", "system" } };
	static const char *const number[][2] = { { "n", "n" }, { "Dialogues", "dialogues" } };

	columns(t, COLUMN_TEXT, 3, name);
	columns(t, COLUMN_NUMBER, 2, number);
	table_column(t, COLUMN_NUMBER, metric_title[c->options.metric], "value");
	interval_columns(t, "95 % interval", "lo", "hi");
	table_column(t, COLUMN_NUMBER, "Accuracy", "accuracy");
	table_column(t, COLUMN_NUMBER, "Minus the first", "difference");
	interval_columns(t, "its 95 % interval", "difference_lo", "difference_hi");
	table_column(t, COLUMN_NUMBER, "p", "p");
	table_column(t, COLUMN_NUMBER, "p, Holm", "p_holm");
	for (int by = 0; by < BY_COUNT; by++)
		for (int i = 0; i < c->strata[by].n; i++)
			for (int s = 0; s < c->lineup->n_systems; s++) {
				const struct stratum *part = &c->strata[by].stratum[i];
				const struct stratum_score *x = &part->score[s];

				table_text(t, aspect_name[by]);
				table_text(t, part->name);
				table_text(t, c->lineup->system[s].name);
				table_number(t, part->n, 1, 0);
				table_number(t, part->groups, 1, 0);
				table_number(t, x->value.value, 100, 2);
				interval_cells(t, &x->value);
				table_number(t, x->accuracy, 100, 2);
				if (isnan(x->difference.value))
					table_text(t, "");
				else
					table_cell(t, x->difference.value, "%+.2f",
						   100 * x->difference.value);
				interval_cells(t, &x->difference);
				p_cell(t, x->p);
				p_cell(t, x->p_holm);
			}
}

static void confusion_table(const struct comparison *c, struct table *t)
{
	const struct lineup *l = c->lineup;

	table_column(t, COLUMN_TEXT, "System", "system");
	table_column(t, COLUMN_TEXT, "True", "true");
	for (int j = 0; j < l->k; j++)
		table_column(t, COLUMN_NUMBER, l->label[j], NULL);
	table_column(t, COLUMN_NUMBER, "(none)", "none");
	table_column(t, COLUMN_NUMBER, "n", "n");
	for (int s = 0; s < l->n_systems; s++)
		for (int i = 0; i < l->k; i++) {
			const struct standing *st = &c->standing[s];
			const double n = (double)st->pooled.cls[i].support;

			table_text(t, l->system[s].name);
			table_text(t, l->label[i]);
			for (int j = 0; j <= l->k; j++) {
				const double x = (double)st->confusion.count[i][j];

				if (n > 0)
					table_cell(t, x, "%.0f (%.1f)", x, 100 * x / n);
				else
					table_number(t, x, 1, 0);
			}
			table_number(t, n, 1, 0);
		}
}

static void flip_row(const struct comparison *c, const struct duel *d, int i, struct table *t)
{
	const struct lineup *l = c->lineup;
	const struct sample *s = &l->sample[i];
	char said[64];

	table_text(t, l->system[d->a].name);
	table_text(t, l->system[d->b].name);
	table_text(t, s->id);
	table_text(t, s->dialogue);
	table_number(t, (double)s->turn + 1, 1, 0);
	table_text(t, s->speaker ? s->speaker : "");
	table_text(t, l->label[s->gold]);
	compare_said(l, &l->system[d->a], i, said);
	table_text(t, said);
	compare_said(l, &l->system[d->b], i, said);
	table_text(t, said);
	table_text(t, d->right_a[i] > d->right_b[i] ? "A" : "B");
	table_text(t, s->text ? s->text : "");
}

static int flips_table(const struct comparison *c, struct table *t, struct err *err)
{
	static const char *const name[][2] = {
		{ "A", "a" }, { "B", "b" }, { "Utterance", "id" }, { "Dialogue", "dialogue" }
	};
	static const char *const more[][2] = { { "Speaker", "speaker" }, { "True", "true" },
					       { "A said", "a_said" },	 { "B said", "b_said" },
					       { "Right", "right" },	 { "Text", "text" } };

	columns(t, COLUMN_TEXT, 4, name);
	table_column(t, COLUMN_NUMBER, "Turn", "turn");
	columns(t, COLUMN_TEXT, ARRAY_LEN(more), more);
	for (int i = 0; i < c->n_duels; i++) {
		int *sample, n;

		if (!duel_flips(c->lineup, &c->duel[i], &sample, &n, err))
			for (int j = 0; j < n && (c->options.flips < 0 || j < c->options.flips);
			     j++)
				flip_row(c, &c->duel[i], sample[j], t);
		free(sample);
		if (err->code)
			break;
	}
	return err->code;
}

int compare_table(const struct comparison *c, enum compare_table which, struct table *t,
		  struct err *err)
{
	switch (which) {
	case COMPARE_SYSTEMS:
		systems_table(c, t);
		break;
	case COMPARE_DUELS:
		duels_table(c, t);
		break;
	case COMPARE_CLASSES:
		classes_table(c, t);
		break;
	case COMPARE_STRATA:
		strata_table(c, t);
		break;
	case COMPARE_CONFUSION:
		confusion_table(c, t);
		break;
	case COMPARE_FLIPS:
		return flips_table(c, t, err);
	case COMPARE_TABLES:
		break;
	}
	return t->oom ? err_set(err, ERR_NOMEM, "tables: no memory") : 0;
}

static void note_strata(const struct strata *s, int least, struct strbuf *out)
{
	if (s->merged)
		strbuf_addf(out, "By %s: %d with fewer than %d utterances stand together.\n",
			    aspect_name[s->by], s->merged, least);
	if (s->unknown)
		strbuf_addf(out, "By %s: %d utterances in no part, for it is not known of them.\n",
			    aspect_name[s->by], s->unknown);
}

static void note_shared(const struct comparison *c, const struct duel *d, struct strbuf *out)
{
	const struct lineup *l = c->lineup;
	const enum metric m = c->options.metric;

	if (leaves_runs_out(l, d))
		strbuf_addf(out,
			    "%s and %s are compared over the %d seed%s that both have; their means "
			    "over all runs differ by %+.2f.\n",
			    l->system[d->a].name, l->system[d->b].name, d->shared,
			    d->shared == 1 ? "" : "s",
			    100 * (c->standing[d->b].number[m].mean -
				   c->standing[d->a].number[m].mean));
}

void compare_notes(const struct comparison *c, struct strbuf *out)
{
	const struct lineup *l = c->lineup;

	if (l->limited)
		strbuf_add(out, "Limited: not a result.\n");
	strbuf_addf(out, "%s, labels %s: %d utterances in %d dialogues.\n", l->result[0].corpus,
		    l->labels_name, l->n, l->groups);
	if (l->groups < FEW)
		strbuf_addf(out, "So few dialogues make intervals a little too narrow: over 31 "
				 "they held the "
				 "truth 91 times in 100 where that was tried, not 95.\n");
	if (l->left_out)
		strbuf_addf(out, "%d utterances have no place among these labels and stay out.\n",
			    l->left_out);
	strbuf_addf(out,
		    "Intervals and tests are of %s: %d replicates over dialogues, seed %llu; "
		    "± is the standard deviation over runs (ddof 1).\n",
		    metric_name[c->options.metric], c->options.replicates,
		    (unsigned long long)c->options.seed);
	if (c->n_duels)
		strbuf_addf(out,
			    "p is of approximate randomization by dialogue, Holm's correction over "
			    "%d comparison%s decides at %g; McNemar takes utterances for "
			    "independent.\n",
			    c->n_duels, c->n_duels == 1 ? "" : "s", c->options.alpha);
	if (c->strata[BY_CLASS].n)
		strbuf_add(out, "By class: F1 of the class; its accuracy is its recall.\n");
	if (c->strata[BY_SENTIMENT].n)
		strbuf_add(out,
			   "By sentiment: F1 within a part counts no false alarms from outside; "
			   "read the accuracy.\n");
	for (int by = 0; by < BY_COUNT; by++)
		note_strata(&c->strata[by], c->options.least, out);
	for (int i = 0; i < c->n_duels; i++) {
		const struct duel *d = &c->duel[i];

		note_shared(c, d, out);
		if (d->runs_a != d->runs_b)
			strbuf_addf(out,
				    "%s and %s share no seed and differ in runs: randomization is "
				    "over %d of them.\n",
				    l->system[d->a].name, l->system[d->b].name, d->randomized);
	}
}

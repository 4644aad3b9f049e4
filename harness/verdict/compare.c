/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/verdict/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const standing_key[STANDING_COUNT] = {
	"accuracy", "uar",	"macro_f1", "micro_f1", "weighted_f1", "kappa",
	"mcc",	    "coverage", "ece",	    "brier",	"nll",
};

/* a metric finds its number by its place */
_Static_assert((int)STANDING_ACCURACY == (int)METRIC_ACCURACY &&
		       (int)STANDING_UAR == (int)METRIC_UAR &&
		       (int)STANDING_MACRO_F1 == (int)METRIC_MACRO_F1 &&
		       (int)STANDING_MICRO_F1 == (int)METRIC_MICRO_F1 &&
		       (int)STANDING_WEIGHTED_F1 == (int)METRIC_WEIGHTED_F1,
	       "numbers of a standing begin with the metrics");

static struct bootstrap_options bootstrap_of(const struct compare_options *o)
{
	return (struct bootstrap_options){ .metric = o->metric,
					   .replicates = o->replicates,
					   .alpha = o->alpha,
					   .seed = o->seed,
					   .threads = o->threads };
}

/* Numbers of one run. */
static void run_numbers(const struct lineup *l, const struct result *r, const struct confusion *c,
			double number[STANDING_COUNT])
{
	struct scores s;

	scores_compute(c, &s);
	number[STANDING_ACCURACY] = s.accuracy;
	number[STANDING_UAR] = s.uar;
	number[STANDING_MACRO_F1] = s.macro_f1;
	number[STANDING_MICRO_F1] = s.micro_f1;
	number[STANDING_WEIGHTED_F1] = s.weighted_f1;
	number[STANDING_KAPPA] = s.kappa;
	number[STANDING_MCC] = s.mcc;
	number[STANDING_ANSWERED] = (double)s.answered / (double)s.n;
	for (int i = STANDING_ECE; i <= STANDING_NLL; i++)
		number[i] = strcmp(l->labels_name, r->labels_name)
				    ? NAN
				    : json_num(json_get(r->metrics, standing_key[i]), NAN);
}

static int stand(const struct lineup *l, const struct contender *s,
		 const struct bootstrap_options *o, struct standing *out, struct err *err)
{
	struct tallies t = { 0 };
	double *x;

	out->confusion.k = l->k;
	if (!NEW_ARRAY(x, (size_t)s->n_runs * STANDING_COUNT))
		return err_set(err, ERR_NOMEM, "no memory");
	for (int i = 0; i < s->n_runs; i++) {
		double number[STANDING_COUNT];
		struct confusion c;

		lineup_confusion(l, lineup_answers(l, s, i), NULL, &c);
		confusion_sum(&out->confusion, &c);
		run_numbers(l, s->run[i], &c, number);
		for (int j = 0; j < STANDING_COUNT; j++)
			x[j * s->n_runs + i] = number[j];
	}
	for (int j = 0; j < STANDING_COUNT; j++)
		spread_compute(x + j * s->n_runs, s->n_runs, &out->number[j]);
	scores_compute(&out->confusion, &out->pooled);
	if (!tallies_make(&t, l, s, NULL, NULL, err)) {
		struct tally_set set = { t.t, t.n };

		bootstrap_system(&set, o, &out->interval, err);
	}
	tallies_free(&t);
	free(x);
	return err->code;
}

static int make_duels(struct comparison *c, const struct bootstrap_options *o, struct err *err)
{
	const int systems = c->lineup->n_systems;
	const int n = c->options.all_pairs ? systems * (systems - 1) / 2 : systems - 1;
	int *pair, at = 0;

	if (!NEW_ARRAY(c->duel, (size_t)n) || !NEW_ARRAY(pair, 2 * (size_t)n))
		return err_set(err, ERR_NOMEM, "no memory");
	for (int a = 0; a < systems && (!a || c->options.all_pairs); a++)
		for (int b = a + 1; b < systems; b++, at++) {
			pair[at] = a;
			pair[n + at] = b;
		}
	c->n_duels = n;
	duels_compute(c->lineup, pair, pair + n, n, o, c->duel, err);
	free(pair);
	return err->code;
}

int comparison_make(struct comparison *c, const struct lineup *l, const struct compare_options *o,
		    struct err *err)
{
	const struct bootstrap_options bo = bootstrap_of(o);

	*c = (struct comparison){ .lineup = l, .options = *o };
	if (l->n_systems > 1000)
		return err_set(err, ERR_LIMIT, "%d systems; compare at most 1000", l->n_systems);
	if (!NEW_ARRAY(c->standing, (size_t)l->n_systems))
		return err_set(err, ERR_NOMEM, "no memory");
	for (int i = 0; i < l->n_systems; i++)
		if (stand(l, &l->system[i], &bo, &c->standing[i], err))
			return err->code;
	if (make_duels(c, &bo, err))
		return err->code;
	for (enum aspect by = 0; by < BY_COUNT; by++)
		if (o->by[by] && strata_make(&c->strata[by], l, by, o->least, &bo, err))
			return err->code;
	return 0;
}

void comparison_free(struct comparison *c)
{
	for (int i = 0; i < c->n_duels; i++)
		duel_free(&c->duel[i]);
	for (int i = 0; i < BY_COUNT; i++)
		strata_free(&c->strata[i]);
	free(c->standing);
	free(c->duel);
	*c = (struct comparison){ 0 };
}

int comparison_worse(const struct comparison *c)
{
	int worse = 0;

	for (int i = 0; i < c->n_duels; i++)
		worse += c->duel[i].a == 0 && c->duel[i].winner < 0;
	return worse;
}

void compare_said(const struct lineup *l, const struct contender *s, int sample, char out[64])
{
	int votes[LABEL_MAX + 1] = { 0 }, best = 0;
	const char *word;

	for (int r = 0; r < s->n_runs; r++) {
		int answer = lineup_answers(l, s, r)[sample];

		votes[answer < 0 ? l->k : answer]++;
	}
	for (int i = 1; i <= l->k; i++)
		best = votes[i] > votes[best] ? i : best;
	word = best < l->k ? l->label[best] : "(none)";
	if (s->n_runs == 1)
		snprintf(out, 64, "%.40s", word);
	else
		snprintf(out, 64, "%.40s %d/%d", word, votes[best], s->n_runs);
}

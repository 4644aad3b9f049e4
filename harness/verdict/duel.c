/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/verdict/duel.h"

#include <math.h>
#include <stdlib.h>

void tallies_free(struct tallies *s)
{
	for (int i = 0; i < s->n; i++)
		tally_free(&s->t[i]);
	free(s->t);
	free(s->run);
	*s = (struct tallies){ 0 };
}

static bool has_seed(const struct contender *c, uint64_t seed)
{
	for (int i = 0; i < c->n_runs; i++)
		if (c->run[i]->seed == seed)
			return true;
	return false;
}

static int shared_seeds(const struct contender *a, const struct contender *b)
{
	int n = 0;

	for (int i = 0; i < a->n_runs; i++)
		n += has_seed(b, a->run[i]->seed);
	return n;
}

int tallies_make(struct tallies *s, const struct lineup *l, const struct contender *c,
		 const struct contender *other, const unsigned char *keep, struct err *err)
{
	bool all = !other || !shared_seeds(c, other);

	*s = (struct tallies){ 0 };
	if (!NEW_ARRAY(s->t, (size_t)c->n_runs) || !NEW_ARRAY(s->run, (size_t)c->n_runs))
		return err_set(err, ERR_NOMEM, "no memory");
	for (int i = 0; i < c->n_runs; i++) {
		if (!all && !has_seed(other, c->run[i]->seed))
			continue;
		s->run[s->n] = i;
		if (lineup_tally(l, lineup_answers(l, c, i), keep, &s->t[s->n++], err))
			return err->code;
	}
	return 0;
}

int duel_test(const struct tallies *a, const struct tallies *b, const struct bootstrap_options *o,
	      struct interval *difference, double *p, struct err *err)
{
	const int n = a->n < b->n ? a->n : b->n;
	const struct tally_set all_a = { a->t, a->n }, all_b = { b->t, b->n };
	const struct tally_set some_a = { a->t, n }, some_b = { b->t, n };

	*p = NAN;
	if (bootstrap_paired(&all_b, &all_a, o, difference, err))
		return err->code;
	return randomization_test(&some_b, &some_a, o, p, err);
}

static int winner(double p, double difference, double alpha)
{
	return p < alpha ? (difference > 0) - (difference < 0) : 0;
}

static double mean_value(const struct tallies *s, const struct bootstrap_options *o)
{
	double sum = 0;

	for (int i = 0; i < s->n; i++)
		sum += tally_value(&s->t[i], o);
	return sum / s->n;
}

static int compare_classes(const struct tallies *a, const struct tallies *b, int k,
			   const struct bootstrap_options *o, struct duel *d, struct err *err)
{
	double p[LABEL_MAX], holm[LABEL_MAX];

	for (int i = 0; i < k; i++) {
		struct class_duel *c = &d->cls[i];
		struct bootstrap_options one = *o;

		one.f1_of = i + 1;
		c->f1_a = mean_value(a, &one);
		c->f1_b = mean_value(b, &one);
		if (duel_test(a, b, &one, &c->difference, &c->p, err))
			return err->code;
		p[i] = c->p;
	}
	if (holm_adjust(p, holm, k, err))
		return err->code;
	for (int i = 0; i < k; i++) {
		d->cls[i].p_holm = holm[i];
		d->cls[i].winner = winner(holm[i], d->cls[i].difference.value, o->alpha);
	}
	return 0;
}

/* share[i]: how many of the runs got sample i right, of all that were compared. */
static void right_shares(const struct lineup *l, const struct contender *c, const struct tallies *s,
			 double *share)
{
	for (int i = 0; i < l->n; i++) {
		int right = 0;

		for (int j = 0; j < s->n; j++)
			right += lineup_answers(l, c, s->run[j])[i] == l->sample[i].gold;
		share[i] = (double)right / s->n;
	}
}

static void count_flips(const struct lineup *l, struct duel *d)
{
	for (int i = 0; i < l->n; i++) {
		struct class_duel *c = &d->cls[l->sample[i].gold];
		int a = d->right_a[i] > d->right_b[i], b = d->right_a[i] < d->right_b[i];

		d->only_a += a;
		d->only_b += b;
		c->only_a += a;
		c->only_b += b;
	}
	d->p_mcnemar = mcnemar_exact(d->only_a, d->only_b);
	d->g = d->odds = NAN;
	if (d->only_a + d->only_b) {
		d->g = (double)d->only_b / (double)(d->only_a + d->only_b) - .5;
		d->odds = (double)d->only_b / (double)d->only_a;
	}
}

/* Samples are ordered by dialogue. */
static int compare_dialogues(const struct lineup *l, struct duel *d, struct err *err)
{
	struct spread s;
	double *difference;

	if (!NEW_ARRAY(difference, (size_t)l->groups))
		return err_set(err, ERR_NOMEM, "no memory");
	for (int i = 0, g = 0; g < l->groups; g++) {
		int n = 0;

		for (; i < l->n && l->sample[i].group == g; i++, n++)
			difference[g] += d->right_b[i] - d->right_a[i];
		difference[g] /= n;
		d->dialogues_a += difference[g] < 0;
		d->dialogues_b += difference[g] > 0;
	}
	spread_compute(difference, l->groups, &s);
	d->dz = s.std > 0 ? s.mean / s.std : NAN;
	free(difference);
	return 0;
}

static int compare_pair(const struct lineup *l, const struct bootstrap_options *o, struct duel *d,
			struct err *err)
{
	const struct contender *ca = &l->system[d->a], *cb = &l->system[d->b];
	struct tallies a = { 0 }, b = { 0 };

	if (!NEW_ARRAY(d->right_a, (size_t)l->n) || !NEW_ARRAY(d->right_b, (size_t)l->n)) {
		err_set(err, ERR_NOMEM, "no memory");
	} else if (!tallies_make(&a, l, ca, cb, NULL, err) &&
		   !tallies_make(&b, l, cb, ca, NULL, err) &&
		   !duel_test(&a, &b, o, &d->difference, &d->p, err) &&
		   !compare_classes(&a, &b, l->k, o, d, err)) {
		d->shared = shared_seeds(ca, cb);
		d->runs_a = a.n;
		d->runs_b = b.n;
		d->randomized = a.n < b.n ? a.n : b.n;
		d->value_a = mean_value(&a, o);
		d->value_b = mean_value(&b, o);
		right_shares(l, ca, &a, d->right_a);
		right_shares(l, cb, &b, d->right_b);
		count_flips(l, d);
		compare_dialogues(l, d, err);
	}
	tallies_free(&a);
	tallies_free(&b);
	return err->code;
}

int duels_compute(const struct lineup *l, const int *a, const int *b, int n,
		  const struct bootstrap_options *o, struct duel *duel, struct err *err)
{
	double *p;

	for (int i = 0; i < n; i++)
		duel[i] = (struct duel){ .a = a[i], .b = b[i] };
	for (int i = 0; i < n; i++)
		if (compare_pair(l, o, &duel[i], err))
			return err_wrap(err, "comparing %s with %s", l->system[a[i]].name,
					l->system[b[i]].name);
	if (!NEW_ARRAY(p, 2 * (size_t)n))
		return err_set(err, ERR_NOMEM, "no memory");
	for (int i = 0; i < n; i++)
		p[i] = duel[i].p;
	if (!holm_adjust(p, p + n, n, err))
		for (int i = 0; i < n; i++) {
			duel[i].p_holm = p[n + i];
			duel[i].winner = winner(p[n + i], duel[i].difference.value, o->alpha);
		}
	free(p);
	return err->code;
}

void duel_free(struct duel *d)
{
	free(d->right_a);
	free(d->right_b);
	*d = (struct duel){ 0 };
}

struct flip {
	double far;
	int sample;
};

static int by_distance(const void *a, const void *b)
{
	const struct flip *x = a, *y = b;

	if (x->far != y->far)
		return x->far > y->far ? -1 : 1;
	return (x->sample > y->sample) - (x->sample < y->sample);
}

int duel_flips(const struct lineup *l, const struct duel *d, int **sample, int *n, struct err *err)
{
	struct flip *flip;

	*n = 0;
	*sample = NULL;
	if (!NEW_ARRAY(flip, (size_t)l->n) || !NEW_ARRAY(*sample, (size_t)l->n)) {
		free(flip);
		return err_set(err, ERR_NOMEM, "no memory");
	}
	for (int i = 0; i < l->n; i++)
		if (d->right_a[i] != d->right_b[i])
			flip[(*n)++] = (struct flip){ fabs(d->right_a[i] - d->right_b[i]), i };
	qsort(flip, (size_t)*n, sizeof(*flip), by_distance);
	for (int i = 0; i < *n; i++)
		(*sample)[i] = flip[i].sample;
	free(flip);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/metrics/bootstrap.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "harness/base/thread.h"

#define EXACT_GROUPS 16	   /* up to here every swap is tried */
#define SLACK	     1e-12 /* differences closer than this count as equal */
#define BLOCK	     64	   /* replicates a thread takes at once */

int tally_init(struct tally *t, int k, int groups, struct err *err)
{
	*t = (struct tally){ .k = k, .groups = groups };
	if (k < 1 || k > LABEL_MAX || groups < 0)
		return err_set(err, ERR_ARG, "a tally of %d labels and %d dialogues", k, groups);
	if (!NEW_ARRAY(t->count, (size_t)groups * 3 * (size_t)k))
		return err_set(err, ERR_NOMEM, "no memory for %d dialogues", groups);
	return 0;
}

void tally_add(struct tally *t, int group, int gold, int answer)
{
	int32_t *row = t->count + (size_t)group * 3 * (size_t)t->k;

	assert(group >= 0 && group < t->groups && gold >= 0 && gold < t->k && answer < t->k);
	row[gold] += answer == gold;
	if (answer >= 0)
		row[t->k + answer]++;
	row[2 * t->k + gold]++;
}

void tally_free(struct tally *t)
{
	free(t->count);
	*t = (struct tally){ 0 };
}

/* All runs side by side: row g holds 3k counts for each run of a, then of b. */
struct joint {
	int k, groups, runs_a, runs_b, width;
	int32_t *count; /* (groups, width), dialogues without samples left out */
};

static const int32_t *group_row(const struct tally *t, int g)
{
	return t->count + (size_t)g * 3 * (size_t)t->k;
}

static bool group_empty(const struct tally *t, int g)
{
	const int32_t *samples = group_row(t, g) + 2 * t->k;

	for (int i = 0; i < t->k; i++)
		if (samples[i])
			return false;
	return true;
}

static int check_same_samples(const struct tally *first, const struct tally *t, struct err *err)
{
	if (t->k != first->k || t->groups != first->groups)
		return err_set(err, ERR_DATA,
			       "%d labels over %d dialogues against %d over %d: only runs over the "
			       "same samples can be compared",
			       t->k, t->groups, first->k, first->groups);
	for (int g = 0; g < t->groups; g++)
		if (memcmp(group_row(t, g) + 2 * t->k, group_row(first, g) + 2 * t->k,
			   (size_t)t->k * sizeof(int32_t)))
			return err_set(err, ERR_DATA,
				       "dialogue %d has other true labels in two runs: only runs "
				       "over the same samples can be compared",
				       g);
	return 0;
}

static int joint_make(struct joint *j, const struct tally_set *a, const struct tally_set *b,
		      struct err *err)
{
	const struct tally *first = a->run;
	int runs = a->n + (b ? b->n : 0);

	*j = (struct joint){ .runs_a = a->n, .runs_b = b ? b->n : 0 };
	if (a->n < 1 || (b && b->n < 1))
		return err_set(err, ERR_ARG, "a comparison needs at least one run a system");
	j->k = first->k;
	j->width = runs * 3 * j->k;
	if (!NEW_ARRAY(j->count, (size_t)first->groups * (size_t)j->width))
		return err_set(err, ERR_NOMEM, "no memory for %d dialogues", first->groups);
	for (int r = 0; r < runs; r++)
		if (check_same_samples(first, r < a->n ? &a->run[r] : &b->run[r - a->n], err))
			return err->code;
	for (int g = 0; g < first->groups; g++) {
		int32_t *row = j->count + (size_t)j->groups * (size_t)j->width;

		if (group_empty(first, g))
			continue;
		for (int r = 0; r < runs; r++)
			memcpy(row + r * 3 * j->k,
			       group_row(r < a->n ? &a->run[r] : &b->run[r - a->n], g),
			       3 * (size_t)j->k * sizeof(*row));
		j->groups++;
	}
	if (!j->groups)
		return err_set(err, ERR_DATA, "no sample to resample");
	return 0;
}

static void add_row(int64_t *sum, const int32_t *row, int width)
{
	for (int i = 0; i < width; i++)
		sum[i] += row[i];
}

static double run_value(const struct bootstrap_options *o, int k, const int64_t *sum)
{
	const int64_t *one = sum + (o->f1_of ? o->f1_of - 1 : 0);

	if (o->f1_of)
		return metric_f1(one[0], one[k], one[2 * k]);
	return metric_value(o->metric, k, sum, sum + k, sum + 2 * k);
}

double tally_value(const struct tally *t, const struct bootstrap_options *o)
{
	int64_t sum[3 * LABEL_MAX] = { 0 };

	for (int g = 0; g < t->groups; g++)
		add_row(sum, group_row(t, g), 3 * t->k);
	return run_value(o, t->k, sum);
}

/* Mean over the runs of a minus mean over the runs of b (if any); sum (width). */
static double statistic(const struct joint *j, const int64_t *sum,
			const struct bootstrap_options *o)
{
	double a = 0, b = 0;

	for (int r = 0; r < j->runs_a + j->runs_b; r++) {
		double v = run_value(o, j->k, sum + r * 3 * j->k);

		if (r < j->runs_a)
			a += v;
		else
			b += v;
	}
	return j->runs_b ? a / j->runs_a - b / j->runs_b : a / j->runs_a;
}

static void sum_all(const struct joint *j, int64_t *sum)
{
	memset(sum, 0, (size_t)j->width * sizeof(*sum));
	for (int g = 0; g < j->groups; g++)
		add_row(sum, j->count + (size_t)g * (size_t)j->width, j->width);
}

struct resample {
	struct joint joint;
	const struct bootstrap_options *o;
	int64_t *sum;  /* (workers, width) */
	double *value; /* (replicates) */
	double observed;
	bool swap; /* randomization instead of bootstrap */
	int n;	   /* replicates */
};

static void draw_bootstrap(const struct joint *j, struct rng *rng, int64_t *sum)
{
	memset(sum, 0, (size_t)j->width * sizeof(*sum));
	for (int d = 0; d < j->groups; d++) {
		uint64_t g = rng_below(rng, (uint64_t)j->groups);

		add_row(sum, j->count + (size_t)g * (size_t)j->width, j->width);
	}
}

/* Dialogue by dialogue, the runs of a and b change places or do not. */
static void draw_swap(const struct joint *j, struct rng *rng, int mask, int64_t *sum)
{
	int half = j->width / 2;
	uint64_t bits = 0;

	memset(sum, 0, (size_t)j->width * sizeof(*sum));
	for (int g = 0; g < j->groups; g++) {
		const int32_t *row = j->count + (size_t)g * (size_t)j->width;

		if (j->groups <= EXACT_GROUPS)
			bits = (uint64_t)mask >> g;
		else
			bits = g % 64 ? bits >> 1 : rng_u64(rng);
		add_row(sum, bits & 1 ? row + half : row, half);
		add_row(sum + half, bits & 1 ? row : row + half, half);
	}
}

static void replicate_block(void *ctx, int block, int worker)
{
	struct resample *s = ctx;
	int64_t *sum = s->sum + (size_t)worker * (size_t)s->joint.width;

	for (int i = block * BLOCK; i < s->n && i < (block + 1) * BLOCK; i++) {
		struct rng rng;

		rng_seed(&rng, s->o->seed, (uint64_t)i);
		if (s->swap)
			draw_swap(&s->joint, &rng, i, sum);
		else
			draw_bootstrap(&s->joint, &rng, sum);
		s->value[i] = statistic(&s->joint, sum, s->o);
	}
}

static void resample_free(struct resample *s)
{
	free(s->joint.count);
	free(s->sum);
	free(s->value);
}

/* Fills value[] and observed.  Free with resample_free(), also after failure. */
static int resample_run(struct resample *s, const struct tally_set *a, const struct tally_set *b,
			const struct bootstrap_options *o, bool swap, struct err *err)
{
	int threads = o->threads > 1 ? o->threads : 1;

	*s = (struct resample){ .o = o, .swap = swap, .n = o->replicates };
	if (o->replicates < 1 || !(o->alpha > 0 && o->alpha < 1))
		return err_set(err, ERR_ARG, "%d replicates with alpha %g", o->replicates,
			       o->alpha);
	if (joint_make(&s->joint, a, b, err))
		return err->code;
	if (o->f1_of < 0 || o->f1_of > s->joint.k)
		return err_set(err, ERR_ARG, "F1 of label %d of %d", o->f1_of - 1, s->joint.k);
	if (swap && s->joint.groups <= EXACT_GROUPS)
		s->n = 1 << s->joint.groups;
	if (!NEW_ARRAY(s->sum, (size_t)threads * (size_t)s->joint.width) ||
	    !NEW_ARRAY(s->value, (size_t)s->n))
		return err_set(err, ERR_NOMEM, "no memory for %d replicates", s->n);
	sum_all(&s->joint, s->sum);
	s->observed = statistic(&s->joint, s->sum, o);
	parallel_for((s->n + BLOCK - 1) / BLOCK, threads, replicate_block, s);
	return 0;
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Percentile interval [x[floor(n alpha / 2)], x[n - 1 - that]]; sorts value[]. */
static void summarize(struct resample *s, struct interval *out)
{
	int n = s->n, lo = (int)floor(n * s->o->alpha / 2 + 1e-9), far = 0;
	double mean = 0, sq = 0;

	for (int i = 0; i < n; i++)
		mean += s->value[i] / n;
	for (int i = 0; i < n; i++) {
		sq += (s->value[i] - mean) * (s->value[i] - mean);
		far += fabs(s->value[i] - mean) >= fabs(s->observed) - SLACK;
	}
	qsort(s->value, (size_t)n, sizeof(*s->value), by_value);
	*out = (struct interval){ .value = s->observed,
				  .lo = s->value[lo],
				  .hi = s->value[n - 1 - lo],
				  .se = n > 1 ? sqrt(sq / (n - 1)) : NAN,
				  .p = s->joint.runs_b ? (1.0 + far) / (n + 1.0) : NAN,
				  .groups = s->joint.groups,
				  .replicates = n };
}

static int bootstrap(const struct tally_set *a, const struct tally_set *b,
		     const struct bootstrap_options *o, struct interval *out, struct err *err)
{
	struct resample s;

	*out = (struct interval){ .value = NAN, .lo = NAN, .hi = NAN, .se = NAN, .p = NAN };
	if (!resample_run(&s, a, b, o, false, err))
		summarize(&s, out);
	resample_free(&s);
	return err->code;
}

int bootstrap_system(const struct tally_set *a, const struct bootstrap_options *o,
		     struct interval *out, struct err *err)
{
	return bootstrap(a, NULL, o, out, err);
}

int bootstrap_paired(const struct tally_set *a, const struct tally_set *b,
		     const struct bootstrap_options *o, struct interval *out, struct err *err)
{
	return bootstrap(a, b, o, out, err);
}

int randomization_test(const struct tally_set *a, const struct tally_set *b,
		       const struct bootstrap_options *o, double *p, struct err *err)
{
	struct resample s;
	int far = 0;

	*p = NAN;
	if (a->n != b->n)
		return err_set(err, ERR_ARG, "randomization swaps run for run: %d runs against %d",
			       a->n, b->n);
	if (!resample_run(&s, a, b, o, true, err)) {
		for (int i = 0; i < s.n; i++)
			far += fabs(s.value[i]) >= fabs(s.observed) - SLACK;
		*p = s.joint.groups <= EXACT_GROUPS ? (double)far / s.n : (1.0 + far) / (s.n + 1.0);
	}
	resample_free(&s);
	return err->code;
}

/* SPDX-License-Identifier: Apache-2.0
 * Uncertainty of label metrics by resampling dialogues, because utterances of
 * one dialogue are not independent: percentile intervals, paired differences,
 * approximate randomization.  A system is one or more runs (seeds) over the
 * same samples; its statistic is the mean of the metric over those runs.
 */
#ifndef HARNESS_METRICS_BOOTSTRAP_H
#define HARNESS_METRICS_BOOTSTRAP_H

#include <stdint.h>

#include "harness/base/err.h"
#include "harness/metrics/scores.h"

/* What metrics need of one run, by dialogue. */
struct tally {
	int k, groups;
	int32_t *count; /* (groups, 3, k): right, answers, samples */
};

/* Zeroed counts; free with tally_free(), which accepts the zeroed struct. */
int tally_init(struct tally *t, int k, int groups, struct err *err);
/* One sample of dialogue group; answer < 0: none. */
void tally_add(struct tally *t, int group, int gold, int answer);
void tally_free(struct tally *t);

struct tally_set {
	const struct tally *run; /* (n), all with the same samples */
	int n;
};

struct bootstrap_options {
	enum metric metric;
	int f1_of;	/* 0: the metric; i + 1: F1 of label i instead of it */
	int replicates; /* B; the usual is 10,000 */
	double alpha;	/* .05: a 95 % interval */
	uint64_t seed;	/* replicate b draws from (seed, b), whatever the threads */
	int threads;
};

/* The statistic of o of all samples of one run; NaN without samples. */
double tally_value(const struct tally *t, const struct bootstrap_options *o);

struct interval {
	double value, lo, hi, se; /* of all samples; percentile bounds; std of replicates, ddof 1 */
	double p;		  /* two-sided, of a difference; NaN for one system */
	int groups, replicates;	  /* dialogues with samples; B */
};

/* Interval of one system.  ERR_ARG, ERR_DATA (no sample; runs of differing samples), ERR_NOMEM. */
int bootstrap_system(const struct tally_set *a, const struct bootstrap_options *o,
		     struct interval *out, struct err *err);
/* Interval of the difference a - b, both resampled with the same draws.  p counts
 * replicates whose distance from their mean reaches the observed difference. */
int bootstrap_paired(const struct tally_set *a, const struct tally_set *b,
		     const struct bootstrap_options *o, struct interval *out, struct err *err);
/* Approximate randomization of a - b: swaps the systems within dialogues, run i
 * of a with run i of b (so both have the same number of runs).  All 2^G swaps
 * for up to 16 dialogues, else o->replicates random ones. */
int randomization_test(const struct tally_set *a, const struct tally_set *b,
		       const struct bootstrap_options *o, double *p, struct err *err);

#endif

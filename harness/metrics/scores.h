/* SPDX-License-Identifier: Apache-2.0
 * Label metrics from a confusion matrix; definitions as in scikit-learn with a
 * fixed label list, plus a column for samples without an answer.
 */
#ifndef HARNESS_METRICS_SCORES_H
#define HARNESS_METRICS_SCORES_H

#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/core/labels.h"

/* count[i][j]: true label i answered j; column k: no answer (counts as wrong). */
struct confusion {
	int k;
	int64_t count[LABEL_MAX][LABEL_MAX + 1];
};

struct class_scores {
	double precision, recall, f1; /* 0 where the denominator is 0 … */
	int undefined;		      /* … and then this is 1 */
	int64_t support;
};

/* Fractions in [0, 1] (kappa, mcc: [-1, 1]); NaN when n is 0, kappa also when
 * chance alone would agree on everything.  UAR is over labels with support,
 * macro F1 over all of them.  For kappa and mcc "no answer" is one more class. */
struct scores {
	int k;
	int64_t n, answered;
	double accuracy, uar, macro_f1, micro_f1, weighted_f1, kappa, mcc;
	struct class_scores cls[LABEL_MAX];
};

/* answer < 0: none. */
void confusion_add(struct confusion *c, int gold, int answer);
/* Adds n samples at about the speed of memory.  ERR_DATA names the first one with a true label
 * outside 0..k-1 or an answer of k or more; *c is as before then. */
int confusion_add_all(struct confusion *c, const int32_t *gold, const int32_t *answer, size_t n,
		      struct err *err);
/* *into += *from; same k. */
void confusion_sum(struct confusion *into, const struct confusion *from);
void scores_compute(const struct confusion *c, struct scores *out);
/* Only the headline number, for bootstrap loops. */
double scores_weighted_f1(const struct confusion *c);

/* Metrics that depend on three counts a label alone; bootstrap loops add those. */
enum metric {
	METRIC_ACCURACY,
	METRIC_UAR,
	METRIC_MACRO_F1,
	METRIC_MICRO_F1,
	METRIC_WEIGHTED_F1,
	METRIC_COUNT,
};
extern const char *const metric_name[METRIC_COUNT]; /* keys of metrics.json */

/* F1 of one label from its three counts; 0 where it was neither true nor answered. */
double metric_f1(int64_t right, int64_t answered, int64_t support);
/* Value from counts (k each): right answers, answers, samples of each label.
 * NaN when there is no sample. */
double metric_value(enum metric m, int k, const int64_t *right, const int64_t *answered,
		    const int64_t *support);
/* The three counts of a confusion matrix (k each). */
void confusion_counts(const struct confusion *c, int64_t *right, int64_t *answered,
		      int64_t *support);

#endif

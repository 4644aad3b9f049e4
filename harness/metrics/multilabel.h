/* SPDX-License-Identifier: Apache-2.0
 * Scores where a sample bears any number of labels at once (CMU-MOSEI's emotions):
 * sets of labels as bits, label i is bit i.
 */
#ifndef HARNESS_METRICS_MULTILABEL_H
#define HARNESS_METRICS_MULTILABEL_H

#include <stdint.h>

#include "harness/core/labels.h"

/* Running counts; the zeroed struct with k set is empty. */
struct multilabel {
	int k;
	int64_t n, exact; /* samples; samples whose sets agree */
	int64_t right[LABEL_MAX], answered[LABEL_MAX], support[LABEL_MAX];
	double jaccard_sum;
};

/* Fractions; NaN without samples.  F1 as in scores.h, from the three counts a label.
 * Jaccard accuracy is the mean over samples of |true and answered| / |true or answered|,
 * 1 where both sets are empty (SemEval-2018 task 1, E-c). */
struct multilabel_scores {
	int64_t n;
	double micro_f1, macro_f1, weighted_f1, jaccard, exact_match;
	double f1[LABEL_MAX];
};

/* One sample; a sample without an answer is answered with the empty set.  Bits from k on
 * must be 0. */
void multilabel_add(struct multilabel *m, uint32_t gold, uint32_t answer);
void multilabel_compute(const struct multilabel *m, struct multilabel_scores *out);

#endif

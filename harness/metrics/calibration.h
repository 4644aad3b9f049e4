/* SPDX-License-Identifier: Apache-2.0
 * Calibration of label probabilities: expected calibration error over ten bins
 * of equal width, Brier score and negative log-likelihood.
 */
#ifndef HARNESS_METRICS_CALIBRATION_H
#define HARNESS_METRICS_CALIBRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/err.h"

#define CALIBRATION_BINS 10

/* Running sums; the zeroed struct with k set is empty. */
struct calibration {
	int k;
	int64_t n, ties; /* samples; samples whose largest probability is not unique */
	double brier_sum, nll_sum;
	struct {
		int64_t n, right;
		double confidence; /* sum of the largest probabilities */
	} bin[CALIBRATION_BINS];   /* bin m holds the largest probabilities up to (m+1)/10 */
};

/* prob (k) from scores (k): softmax, computed from the largest score down.
 * false: a score is not finite. */
bool probabilities(const float *score, int k, double *prob);
/* Adds one answered sample: prob (k) sums to 1; ties go to the lowest index.
 * ERR_DATA when prob is not a distribution (sum off by more than 1e-6). */
int calibration_add(struct calibration *c, const double *prob, int gold, struct err *err);
/* Adds the samples of another: both have the same labels. */
void calibration_sum(struct calibration *c, const struct calibration *other);
/* Fractions; NaN without samples.  Brier in [0, 2]; NLL with probabilities
 * clipped at 1e-15, in nats. */
double calibration_ece(const struct calibration *c);
double calibration_brier(const struct calibration *c);
double calibration_nll(const struct calibration *c);

#endif

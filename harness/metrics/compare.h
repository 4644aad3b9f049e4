/* SPDX-License-Identifier: Apache-2.0
 * Small statistics of comparisons: spread over seeds, McNemar's exact test,
 * Holm's correction, Mann-Whitney's rank test, area under the ROC curve.
 */
#ifndef HARNESS_METRICS_COMPARE_H
#define HARNESS_METRICS_COMPARE_H

#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"

/* Spread over n runs; std has n - 1 below the root (ddof 1), NaN for n < 2;
 * everything NaN for n = 0. */
struct spread {
	int n;
	double mean, std, min, max;
};
void spread_compute(const double *x, int n, struct spread *out);

/* Exact two-sided McNemar test: b, c >= 0 samples that only A, only B got
 * right.  1 when both are 0.  It assumes independent samples: never gate on it. */
double mcnemar_exact(int64_t b, int64_t c);

/* Holm's adjusted p-values: adjusted (m) from p (m), in the same order. */
int holm_adjust(const double *p, double *adjusted, int m, struct err *err);

/* Two-sided Mann-Whitney test of a (n) against b (m).  *u: pairs with a > b, ties
 * half.  Exact without ties up to 20 a side, otherwise normal with tie and
 * continuity correction (all values equal: p = 1).  n, m > 0. */
int mann_whitney(const double *a, int n, const double *b, int m, double *u, double *p,
		 struct err *err);

/* Area under the ROC curve (AUC) of a score that tells a (n) from b (m): the probability that a
 * value of a is above one of b, ties half; 1 apart, 0.5 mixed, 0 apart the other way
 * (Hanley and McNeil 1982).  No NaN among the values; n, m > 0.  ERR_NOMEM. */
int roc_area(const double *a, int n, const double *b, int m, double *area, struct err *err);

#endif

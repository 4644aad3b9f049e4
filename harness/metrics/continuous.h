/* SPDX-License-Identifier: Apache-2.0
 * Agreement of numbers with numbers: valence, arousal, dominance.
 */
#ifndef HARNESS_METRICS_CONTINUOUS_H
#define HARNESS_METRICS_CONTINUOUS_H

#include <stdint.h>

/* Running moments (Welford 1962) of pairs (true, answered); the zeroed struct is empty. */
struct continuous {
	int64_t n, missing; /* pairs; samples without a number, which no score below counts */
	double mean_true, mean_answer;
	double sq_true, sq_answer, product; /* sums about the means */
	double absolute_sum, square_sum;    /* of answer - true */
};

/* One sample; a true value or an answer that is not finite counts as missing. */
void continuous_add(struct continuous *c, double truth, double answer);

/* Lin's concordance correlation coefficient (1989), with moments over n as in the AVEC
 * challenges: 2 cov / (var + var + (mean - mean)^2).  NaN without samples and where both sides
 * are one and the same constant. */
double continuous_ccc(const struct continuous *c);
/* Pearson's r; NaN where a side is constant. */
double continuous_pearson(const struct continuous *c);
/* Mean absolute error and root mean square error, in the unit of the values; NaN without
 * samples. */
double continuous_mae(const struct continuous *c);
double continuous_rmse(const struct continuous *c);

#endif

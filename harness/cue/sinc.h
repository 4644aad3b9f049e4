/* SPDX-License-Identifier: Apache-2.0
 * Interpolation of a sampled series by a raised-cosine windowed sinc.
 */
#ifndef HARNESS_CUE_SINC_H
#define HARNESS_CUE_SINC_H

#include "harness/base/err.h"

/* Value of the series r (0..n-1) at x by a raised-cosine windowed sinc of up to
 * `depth` points on each side; r is continued to negative indices as an even function. */
double sinc_even(const float *r, int n, double x, int depth);
/* Maximum of r near the local maximum i (0 < i < n - 1): *x its place; returns its value. */
double sinc_peak(const float *r, int n, int i, int depth, double *x);

/* Local maxima of r that are above `least`, at from..to-1 (r[from - 1] and r[to] are read): lag[k]
 * and place[k], where the parabola through it and its neighbours is highest.  Both have room for
 * to - from.  Returns how many there are. */
int sinc_maxima(const float *r, int from, int to, float least, int *lag, double *place);

/* The same with SINC_TABLE_DEPTH points on each side, many times faster: weights between two
 * rows of a table.  The value is right to a 30,000th of the series' second difference.  Here r[-k]
 * must be readable for k < SINC_TABLE_DEPTH and hold r[k]; close to the end of r,
 * where there are fewer points, it is sinc_even(). */
enum { SINC_TABLE_DEPTH = 40 };
struct sinc_table {
	float *weight; /* owned */
};
int sinc_table_init(struct sinc_table *t, struct err *err);
void sinc_table_free(struct sinc_table *t);
/* value[k] at x[k], both (count). */
void sinc_table_values(const struct sinc_table *t, const float *r, int n, const double *x,
		       int count, double *value);
double sinc_table_peak(const struct sinc_table *t, const float *r, int n, int i, double *x);

#endif

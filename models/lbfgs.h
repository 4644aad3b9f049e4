/* SPDX-License-Identifier: Apache-2.0
 * L-BFGS (Nocedal 1980) for smooth convex functions of doubles, with Armijo
 * backtracking.  Deterministic.
 */
#ifndef MODELS_LBFGS_H
#define MODELS_LBFGS_H

#include "harness/base/err.h"

/* Value at x (n); writes the gradient to g (n), overwritten. */
typedef double lbfgs_fn(void *ctx, const double *x, double *g, int n);

struct lbfgs_options {
	int max_iter;
	double tol; /* stops when no |g| exceeds tol * max(1, largest |g| at the start) */
};

/* Minimises from x, which is overwritten by the best point.  *iter (may be NULL)
 * receives the number of steps taken, *value the function there. */
int lbfgs_minimise(lbfgs_fn *fn, void *ctx, double *x, int n, const struct lbfgs_options *o,
		   int *iter, double *value, struct err *err);

#endif

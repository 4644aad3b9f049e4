/* SPDX-License-Identifier: Apache-2.0 */
#include "models/lbfgs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"

#define MEMORY 10

struct history {
	double *s[MEMORY], *y[MEMORY], rho[MEMORY];
	int n, next;
};

static double dot(const double *a, const double *b, int n)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

static double largest(const double *g, int n)
{
	double top = 0;

	for (int i = 0; i < n; i++)
		top = fmax(top, fabs(g[i]));
	return top;
}

/* d = -H g by the two-loop recursion */
static void direction(const struct history *h, const double *g, double *d, int n)
{
	double alpha[MEMORY] = { 0 };

	for (int i = 0; i < n; i++)
		d[i] = -g[i];
	for (int k = 0; k < h->n; k++) {
		int j = (h->next - 1 - k + MEMORY) % MEMORY;

		alpha[j] = h->rho[j] * dot(h->s[j], d, n);
		for (int i = 0; i < n; i++)
			d[i] -= alpha[j] * h->y[j][i];
	}
	if (h->n) {
		int j = (h->next - 1 + MEMORY) % MEMORY;
		double scale = 1 / (h->rho[j] * dot(h->y[j], h->y[j], n));

		for (int i = 0; i < n; i++)
			d[i] *= scale;
	}
	for (int k = h->n - 1; k >= 0; k--) {
		int j = (h->next - 1 - k + MEMORY) % MEMORY;
		double beta = h->rho[j] * dot(h->y[j], d, n);

		for (int i = 0; i < n; i++)
			d[i] += (alpha[j] - beta) * h->s[j][i];
	}
}

/* Pairs without positive curvature are left out: they would spoil the metric. */
static void remember(struct history *h, const double *x, const double *x1, const double *g,
		     const double *g1, int n)
{
	double *s = h->s[h->next], *y = h->y[h->next], sy;

	for (int i = 0; i < n; i++) {
		s[i] = x1[i] - x[i];
		y[i] = g1[i] - g[i];
	}
	sy = dot(s, y, n);
	if (!(sy > 1e-12 * dot(y, y, n)))
		return;
	h->rho[h->next] = 1 / sy;
	h->next = (h->next + 1) % MEMORY;
	if (h->n < MEMORY)
		h->n++;
}

int lbfgs_minimise(lbfgs_fn *fn, void *ctx, double *x, int n, const struct lbfgs_options *o,
		   int *iter, double *value, struct err *err)
{
	struct history h = { .n = 0 };
	double *mem, *g, *g1, *x1, *d, f, top;
	size_t un = (size_t)n;
	int it = 0;

	if (!NEW_ARRAY(mem, (size_t)(2 * MEMORY + 4) * un))
		return err_set(err, ERR_NOMEM, "L-BFGS over %d numbers: no memory", n);
	for (int k = 0; k < MEMORY; k++) {
		h.s[k] = mem + (size_t)(2 * k) * un;
		h.y[k] = mem + (size_t)(2 * k + 1) * un;
	}
	g = mem + 2 * MEMORY * un;
	g1 = g + un;
	x1 = g1 + un;
	d = x1 + un;
	f = fn(ctx, x, g, n);
	top = fmax(1, largest(g, n));
	while (it < o->max_iter && largest(g, n) > o->tol * top) {
		double slope, step, f1 = INFINITY;

		direction(&h, g, d, n);
		slope = dot(g, d, n);
		step = h.n ? 1 : 1 / fmax(1, sqrt(dot(d, d, n)));
		for (int tries = 0; tries < 30; tries++, step /= 2) {
			for (int i = 0; i < n; i++)
				x1[i] = x[i] + step * d[i];
			f1 = fn(ctx, x1, g1, n);
			if (f1 <= f + 1e-4 * step * slope)
				break;
		}
		if (!(f1 < f))
			break; /* at the precision of the function */
		remember(&h, x, x1, g, g1, n);
		memcpy(x, x1, un * sizeof(*x));
		memcpy(g, g1, un * sizeof(*g));
		f = f1;
		it++;
	}
	if (iter)
		*iter = it;
	if (value)
		*value = f;
	free(mem);
	return isfinite(f) ? 0 : err_set(err, ERR_INTERNAL, "L-BFGS: the function is not finite");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/metrics/compare.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "harness/base/mem.h"

#define EXACT_MAX 20 /* most values a side of the exact rank test */

void spread_compute(const double *x, int n, struct spread *out)
{
	double sum = 0, sq = 0;

	*out = (struct spread){ .n = n, .mean = NAN, .std = NAN, .min = NAN, .max = NAN };
	if (n < 1)
		return;
	out->min = out->max = x[0];
	for (int i = 0; i < n; i++) {
		sum += x[i];
		out->min = fmin(out->min, x[i]);
		out->max = fmax(out->max, x[i]);
	}
	out->mean = sum / n;
	for (int i = 0; i < n; i++)
		sq += (x[i] - out->mean) * (x[i] - out->mean);
	if (n > 1)
		out->std = sqrt(sq / (n - 1));
}

/* C(n, k) / 2^n with its exponent kept apart, so that neither factor overflows. */
static long double binomial_half(int64_t n, int64_t k)
{
	long double x = 1;
	long exponent = 0;
	int e;

	for (int64_t i = 1; i <= k; i++) {
		x = frexpl(x * (long double)(n - k + i) / (long double)i, &e);
		exponent += e;
	}
	if (exponent - n < -16000)
		return 0;
	return ldexpl(x, (int)(exponent - n));
}

double mcnemar_exact(int64_t b, int64_t c)
{
	int64_t n = b + c, least = b < c ? b : c;
	long double term, sum;

	assert(b >= 0 && c >= 0);
	if (!n)
		return 1;
	term = sum = binomial_half(n, least);
	for (int64_t k = least; k > 0 && term > 0; k--) {
		term *= (long double)k / (long double)(n - k + 1);
		sum += term;
	}
	return sum < .5L ? (double)(2 * sum) : 1;
}

struct ranked {
	double value;
	int index;
};

static int by_value(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return (x->index > y->index) - (x->index < y->index);
}

static struct ranked *sort_pairs(const double *a, int n, const double *b, int m, struct err *err)
{
	struct ranked *r;

	if (!NEW_ARRAY(r, (size_t)n + (size_t)m)) {
		err_set(err, ERR_NOMEM, "no memory to rank %d values", n + m);
		return NULL;
	}
	for (int i = 0; i < n + m; i++)
		r[i] = (struct ranked){ i < n ? a[i] : b[i - n], i };
	qsort(r, (size_t)(n + m), sizeof(*r), by_value);
	return r;
}

int holm_adjust(const double *p, double *adjusted, int m, struct err *err)
{
	struct ranked *r = sort_pairs(p, m, NULL, 0, err);
	double most = 0;

	if (!r)
		return err->code;
	for (int i = 0; i < m; i++) {
		most = fmax(most, fmin(1, (m - i) * r[i].value));
		adjusted[r[i].index] = most;
	}
	free(r);
	return 0;
}

/* P[U <= u] over all orders of n and m distinct values: way[j][v] counts the
 * orders of i values against j whose U is v, built up i by i. */
static double exact_tail(int n, int m, int u)
{
	double way[EXACT_MAX + 1][EXACT_MAX * EXACT_MAX + 1] = { { 0 } };
	double all = 0, below = 0;

	for (int j = 0; j <= m; j++)
		way[j][0] = 1;
	for (int i = 1; i <= n; i++)
		for (int j = 1; j <= m; j++)
			for (int v = i * j; v >= 0; v--) {
				/* the largest value is one of the i (it beats j) or one of the j */
				double first = v >= j ? way[j][v - j] : 0;

				way[j][v] = first + way[j - 1][v];
			}
	for (int v = 0; v <= n * m; v++) {
		all += way[m][v];
		below += v <= u ? way[m][v] : 0;
	}
	return below / all;
}

/* Pairs of a value of a above one of b, ties half.  *ties: sum over groups of t equal values
 * of t^3 - t.  NaN when memory is short. */
static double pairs_above(const double *a, int n, const double *b, int m, double *ties,
			  struct err *err)
{
	struct ranked *r = sort_pairs(a, n, b, m, err);
	double rank_sum = 0;

	*ties = 0;
	if (!r)
		return NAN;
	for (int i = 0, j; i < n + m; i = j) {
		int ours = 0;

		for (j = i; j < n + m && r[j].value == r[i].value; j++)
			ours += r[j].index < n;
		rank_sum += ours * (i + 1 + j) / 2.0; /* mean of the ranks i+1 .. j */
		*ties += pow(j - i, 3) - (j - i);
	}
	free(r);
	return rank_sum - n * (n + 1.0) / 2;
}

int mann_whitney(const double *a, int n, const double *b, int m, double *u, double *p,
		 struct err *err)
{
	double ties, total = (double)n + m, spread, off;

	assert(n > 0 && m > 0);
	*u = pairs_above(a, n, b, m, &ties, err);
	if (err->code)
		return err->code;
	if (ties == 0 && n <= EXACT_MAX && m <= EXACT_MAX) {
		*p = fmin(1, 2 * exact_tail(n, m, (int)fmin(*u, (double)n * m - *u)));
		return 0;
	}
	spread = sqrt((double)n * m / 12 * (total + 1 - ties / (total * (total - 1))));
	off = fabs(*u - (double)n * m / 2) - .5;
	*p = spread > 0 ? fmin(1, erfc(off / spread / sqrt(2))) : 1;
	return 0;
}

int roc_area(const double *a, int n, const double *b, int m, double *area, struct err *err)
{
	double ties;

	assert(n > 0 && m > 0);
	*area = pairs_above(a, n, b, m, &ties, err) / ((double)n * m);
	return err->code;
}

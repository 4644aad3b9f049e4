/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/metrics/latency.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define REST .01 /* 1 - confidence */

double latency_percentile(const double *sorted, size_t n, int thousandths)
{
	assert(n > 0 && thousandths >= 0 && thousandths < 1000);
	/* n split in thousands and rest, so that the product cannot wrap */
	return sorted[n / 1000 * (size_t)thousandths + n % 1000 * (size_t)thousandths / 1000];
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void latency_describe(double *ms, size_t n, struct latency_stats *out)
{
	*out = (struct latency_stats){ .n = n,
				       .mean = NAN,
				       .min = NAN,
				       .max = NAN,
				       .p50 = NAN,
				       .p90 = NAN,
				       .p95 = NAN,
				       .p97 = NAN,
				       .p99 = NAN,
				       .p999 = NAN };
	if (!n)
		return;
	qsort(ms, n, sizeof(*ms), by_value);
	for (size_t i = 0; i < n; i++)
		out->total += ms[i];
	out->mean = out->total / (double)n;
	out->min = ms[0];
	out->max = ms[n - 1];
	out->p50 = latency_percentile(ms, n, 500);
	out->p90 = latency_percentile(ms, n, 900);
	out->p95 = latency_percentile(ms, n, 950);
	out->p97 = latency_percentile(ms, n, 970);
	out->p99 = latency_percentile(ms, n, 990);
	out->p999 = latency_percentile(ms, n, 999);
}

/* P[Bin(n, q) <= t] for t below the mean, summed from its largest term; at or
 * above the mean it is at least a half, and 1 stands for that. */
static double binomial_below(int64_t n, double q, int64_t t)
{
	double log_top = lgamma((double)n + 1) - lgamma((double)t + 1) -
			 lgamma((double)(n - t) + 1) + (double)t * log(q) +
			 (double)(n - t) * log1p(-q);
	double term = 1, sum = 1;

	if ((double)t >= (double)n * q)
		return 1;
	for (int64_t i = t; i > 0; i--) {
		term *= (double)i / (double)(n - i + 1) * (1 - q) / q;
		sum += term;
		if (term < 1e-18 * sum)
			break;
	}
	return exp(log_top) * sum;
}

int64_t latency_needed(int64_t t, int thousandths)
{
	const double q = (double)(1000 - thousandths) / 1000;
	int64_t low = 0, high = 1; /* low fails, high passes */

	assert(t >= 0 && thousandths > 0 && thousandths < 1000);
	while (binomial_below(high + t, q, t) > REST) {
		low = high;
		high *= 2;
	}
	while (high - low > 1) {
		int64_t mid = low + (high - low) / 2;

		if (binomial_below(mid + t, q, t) > REST)
			low = mid;
		else
			high = mid;
	}
	return high + t;
}

int64_t latency_estimate_index(int64_t n, int thousandths)
{
	int64_t low = 1, high = n; /* n(low) <= n < n(high) */

	if (n < latency_needed(1, thousandths))
		return -1;
	while (high - low > 1) {
		int64_t mid = low + (high - low) / 2;

		if (latency_needed(mid, thousandths) <= n)
			low = mid;
		else
			high = mid;
	}
	return n - low;
}

/* SPDX-License-Identifier: Apache-2.0
 * Latency statistics: percentiles without interpolation, as MLPerf LoadGen
 * defines them, and its early-stopping counts (Clopper-Pearson at 99 %).
 */
#ifndef HARNESS_METRICS_LATENCY_H
#define HARNESS_METRICS_LATENCY_H

#include <stddef.h>
#include <stdint.h>

/* Element floor(n * thousandths / 1000) of n > 0 sorted values, in integer arithmetic. */
double latency_percentile(const double *sorted, size_t n, int thousandths);

struct latency_stats {
	size_t n;
	double total, mean, min, max; /* in the unit of the values */
	double p50, p90, p95, p97, p99, p999;
};

/* Sorts ms (n) in place and describes it; all NaN but n and total when n is 0. */
void latency_describe(double *ms, size_t n, struct latency_stats *out);

/* Early stopping for the percentile thousandths/1000 at confidence .99: the
 * number of samples n(t) from which t samples above a bound still show that the
 * percentile is below it: n(t) = t + smallest h with P[Bin(h + t, 1 - p) <= t] <= .01. */
int64_t latency_needed(int64_t t, int thousandths);
/* Index, in the sorted values, of the upper estimate of that percentile from n
 * samples: n - t with the largest t such that n(t) <= n; -1 when n < n(1). */
int64_t latency_estimate_index(int64_t n, int thousandths);

#endif

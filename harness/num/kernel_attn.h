/* SPDX-License-Identifier: Apache-2.0
 * Attention of one query on keys and values as they lie: scores of as many keys as a vector
 * has lanes at a time, and sums of values that stay in registers.  Part of kernel_body.h.
 */
#ifndef HARNESS_NUM_KERNEL_ATTN_H
#define HARNESS_NUM_KERNEL_ATTN_H

#include "harness/num/kernel_vector.h"

/* Scores of n keys, at most LANES. */
INLINE vf key_scores_block(const float *q, const float *k, ptrdiff_t stride, int n, int h)
{
	vf s[LANES] = { { 0 } };

	for (int i = 0; i < h; i += LANES) {
		int w = left((size_t)i, (size_t)h);
		vf x = load_n(q + i, w);

		/* the lanes behind the last key compute that one again */
#pragma GCC unroll 16
		for (int t = 0; t < LANES; t++)
			s[t] = FMA(load_n(k + (t < n ? t : n - 1) * stride + i, w), x, s[t]);
	}
	transpose(s);
#pragma GCC unroll 4
	for (int w = LANES / 2; w; w /= 2)
#pragma GCC unroll 8
		for (int t = 0; t < w; t++)
			s[t] += s[t + w];
	return s[0];
}

static void key_scores(float *s, const float *q, const float *k, ptrdiff_t stride, int n, int h)
{
	int t = 0;

	for (; t + LANES <= n; t += LANES)
		store(s + t, key_scores_block(q, k + t * stride, stride, LANES, h));
	if (t < n)
		store_part(s + t, key_scores_block(q, k + t * stride, stride, n - t, h), n - t);
}

/* `count` vectors of out, the last of w floats. */
INLINE void value_columns(float *out, const float *p, const float *v, ptrdiff_t stride, int n,
			  const int count, int w)
{
	vf sum[8];

#pragma GCC unroll 8
	for (int c = 0; c < count; c++)
		sum[c] = load_n(out + c * LANES, c < count - 1 ? LANES : w);
	for (int t = 0; t < n; t++, v += stride) {
		vf x = splat(p[t]);

#pragma GCC unroll 8
		for (int c = 0; c < count; c++)
			sum[c] = FMA(load_n(v + c * LANES, c < count - 1 ? LANES : w), x, sum[c]);
	}
#pragma GCC unroll 8
	for (int c = 0; c < count; c++)
		store_n(out + c * LANES, sum[c], c < count - 1 ? LANES : w);
}

static void value_sum(float *out, const float *p, const float *v, ptrdiff_t stride, int n, int h)
{
	int i = 0;

	for (; i + 8 * LANES <= h; i += 8 * LANES)
		value_columns(out + i, p, v + i, stride, n, 8, LANES);
	for (; i + 4 * LANES <= h; i += 4 * LANES)
		value_columns(out + i, p, v + i, stride, n, 4, LANES);
	for (; i < h; i += LANES)
		value_columns(out + i, p, v + i, stride, n, 1, left((size_t)i, (size_t)h));
}

#endif

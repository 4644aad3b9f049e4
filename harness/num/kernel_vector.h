/* SPDX-License-Identifier: Apache-2.0
 * The vector operations that the kernels are written in, for any number of lanes.
 * Part of kernel_body.h.
 */
#ifndef HARNESS_NUM_KERNEL_VECTOR_H
#define HARNESS_NUM_KERNEL_VECTOR_H

#include <math.h>
#include <string.h>

#include "harness/num/kernel.h"

#ifndef KERNEL_TABLE /* the portable set */
#define KERNEL_TABLE kernels_base
#define KERNEL_NAME  "base"
#define LANES	     4
#define ROWS	     6
#define FMA(a, b, c) ((a) * (b) + (c))
#endif

#define STRIP  (2 * LANES)
#define INLINE static inline __attribute__((always_inline))

typedef float vf __attribute__((vector_size(4 * LANES)));
typedef int32_t vi __attribute__((vector_size(4 * LANES)));
typedef float vf_any __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

INLINE vf load(const float *p)
{
	return *(const vf_any *)p;
}

INLINE void store(float *p, vf v)
{
	*(vf_any *)p = v;
}

INLINE vf splat(float x)
{
	return x - (vf){ 0 };
}

INLINE vf pick(vi mask, vf yes, vf no)
{
	return (vf)((mask & (vi)yes) | (~mask & (vi)no));
}

/* Lanes in a fixed order, so that sums repeat. */
INLINE float lane_sum(vf v)
{
	float s = 0;

	for (int i = 0; i < LANES; i++)
		s += v[i];
	return s;
}

/* The rest of a row that is no whole vector, through padded copies. */
INLINE vf load_part(const float *p, int n)
{
	float buf[LANES] = { 0 };

	memcpy(buf, p, (size_t)n * sizeof(*p));
	return load(buf);
}

INLINE void store_part(float *p, vf v, int n)
{
	float buf[LANES];

	store(buf, v);
	memcpy(p, buf, (size_t)n * sizeof(*p));
}

INLINE int left(size_t i, size_t n)
{
	return n - i < LANES ? (int)(n - i) : LANES;
}

INLINE vf load_n(const float *p, int n)
{
	return n == LANES ? load(p) : load_part(p, n);
}

INLINE void store_n(float *p, vf v, int n)
{
	if (n == LANES)
		store(p, v);
	else
		store_part(p, v, n);
}

/* Which elements of two vectors a shuffle takes, 128 bits at a time as processors do: as
 * arguments of the builtin that both gcc and clang know. */
#if LANES == 4
#define LOW_WORDS  0, 4, 1, 5
#define HIGH_WORDS 2, 6, 3, 7
#define LOW_PAIRS  0, 1, 4, 5
#define HIGH_PAIRS 2, 3, 6, 7
#elif LANES == 8
#define LOW_WORDS  0, 8, 1, 9, 4, 12, 5, 13
#define HIGH_WORDS 2, 10, 3, 11, 6, 14, 7, 15
#define LOW_PAIRS  0, 1, 8, 9, 4, 5, 12, 13
#define HIGH_PAIRS 2, 3, 10, 11, 6, 7, 14, 15
#define LOW_QUADS  0, 1, 2, 3, 8, 9, 10, 11
#define HIGH_QUADS 4, 5, 6, 7, 12, 13, 14, 15
#elif LANES == 16
#define LOW_WORDS  0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define HIGH_WORDS 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#define LOW_PAIRS  0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define HIGH_PAIRS 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define LOW_QUADS  0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define HIGH_QUADS 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#define EVEN_QUADS 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27
#define ODD_QUADS  4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31
#endif

/* r[i][j] becomes r[j][i].  Bits move as they are, whatever they mean. */
INLINE void transpose(vf r[LANES])
{
#pragma GCC unroll 4
	for (int g = 0; g < LANES; g += 4) {
		vf a = __builtin_shufflevector(r[g], r[g + 1], LOW_WORDS);
		vf b = __builtin_shufflevector(r[g], r[g + 1], HIGH_WORDS);
		vf c = __builtin_shufflevector(r[g + 2], r[g + 3], LOW_WORDS);
		vf d = __builtin_shufflevector(r[g + 2], r[g + 3], HIGH_WORDS);

		r[g] = __builtin_shufflevector(a, c, LOW_PAIRS);
		r[g + 1] = __builtin_shufflevector(a, c, HIGH_PAIRS);
		r[g + 2] = __builtin_shufflevector(b, d, LOW_PAIRS);
		r[g + 3] = __builtin_shufflevector(b, d, HIGH_PAIRS);
	}
#if LANES == 8
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		vf a = r[i], b = r[i + 4];

		r[i] = __builtin_shufflevector(a, b, LOW_QUADS);
		r[i + 4] = __builtin_shufflevector(a, b, HIGH_QUADS);
	}
#elif LANES == 16
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		vf a = __builtin_shufflevector(r[i], r[i + 4], LOW_QUADS);
		vf b = __builtin_shufflevector(r[i], r[i + 4], HIGH_QUADS);
		vf c = __builtin_shufflevector(r[i + 8], r[i + 12], LOW_QUADS);
		vf d = __builtin_shufflevector(r[i + 8], r[i + 12], HIGH_QUADS);

		r[i] = __builtin_shufflevector(a, c, EVEN_QUADS);
		r[i + 4] = __builtin_shufflevector(a, c, ODD_QUADS);
		r[i + 8] = __builtin_shufflevector(b, d, EVEN_QUADS);
		r[i + 12] = __builtin_shufflevector(b, d, ODD_QUADS);
	}
#endif
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Packing and the register tile of fp32 products.  Part of kernel_body.h.
 */
#ifndef HARNESS_NUM_KERNEL_GEMM_H
#define HARNESS_NUM_KERNEL_GEMM_H

#include "harness/num/kernel_vector.h"

#define DEPTH 256 /* of one pass over k: a strip of this depth stays in the first-level cache */
#define BAND  (ROWS * 16)

/* w columns of k contiguous floats, cs apart, turned into one strip. */
INLINE void pack_turned(float *dst, const float *s, ptrdiff_t cs, int k, int w)
{
	int p = 0;

	for (; p + LANES <= k; p += LANES)
#pragma GCC unroll 2
		for (int h = 0; h < STRIP; h += LANES) {
			vf r[LANES];

#pragma GCC unroll 16
			for (int j = 0; j < LANES; j++)
				r[j] = h + j < w ? load(s + (h + j) * cs + p) : (vf){ 0 };
			transpose(r);
#pragma GCC unroll 16
			for (int j = 0; j < LANES; j++)
				store(dst + (size_t)(p + j) * STRIP + h, r[j]);
		}
	for (; p < k; p++)
		for (int j = 0; j < STRIP; j++)
			dst[(size_t)p * STRIP + (size_t)j] = j < w ? s[j * cs + p] : 0;
}

static inline void pack(float *dst, const float *b, ptrdiff_t rs, ptrdiff_t cs, int k, int n)
{
	for (int j0 = 0; j0 < n; j0 += STRIP, dst += (size_t)k * STRIP) {
		const float *s = b + j0 * cs;
		int w = n - j0 < STRIP ? n - j0 : STRIP;

		if (rs == 1 && w == STRIP) {
			pack_turned(dst, s, cs, k, STRIP);
		} else if (rs == 1) {
			pack_turned(dst, s, cs, k, w);
		} else if (cs == 1 && w == STRIP) {
			for (int p = 0; p < k; p++, s += rs) {
				store(dst + (size_t)p * STRIP, load(s));
				store(dst + (size_t)p * STRIP + LANES, load(s + LANES));
			}
		} else {
			for (int p = 0; p < k; p++)
				for (int j = 0; j < STRIP; j++)
					dst[(size_t)p * STRIP + (size_t)j] =
						j < w ? s[p * rs + j * cs] : 0;
		}
	}
}

/* One tile of ROWS rows of a, k deep: (k, ROWS), zeros past rows. */
INLINE void pack_tile(float *dst, const float *a, ptrdiff_t rs, ptrdiff_t cs, int rows, int k)
{
	int p = 0;

#if LANES >= ROWS
	if (rows == ROWS && cs == 1)
		/* each store spills into the next one's place: stop where that would be another
		 * tile */
		for (; p + LANES + LANES / ROWS + 1 <= k; p += LANES) {
			vf r[LANES];

#pragma GCC unroll 16
			for (int i = 0; i < LANES; i++)
				r[i] = i < ROWS ? load(a + i * rs + p) : (vf){ 0 };
			transpose(r);
#pragma GCC unroll 16
			for (int i = 0; i < LANES; i++)
				store(dst + (size_t)(p + i) * ROWS, r[i]);
		}
	if (rows == ROWS && rs == 1)
		for (; p + LANES / ROWS + 1 < k && cs >= LANES; p++)
			store(dst + (size_t)p * ROWS, load(a + p * cs));
#endif
	for (; p < k; p++)
		for (int i = 0; i < ROWS; i++)
			dst[(size_t)p * ROWS + (size_t)i] = i < rows ? a[i * rs + p * cs] : 0;
}

static inline void pack_rows(float *dst, const float *a, ptrdiff_t rs, ptrdiff_t cs, int m, int k)
{
	for (int i = 0; i < m; i += ROWS, dst += (size_t)k * ROWS)
		pack_tile(dst, a + i * rs, rs, cs, m - i < ROWS ? m - i : ROWS, k);
}

/* rows x (nv vectors) of c from k steps; w: columns really there. */
INLINE void tile(const int rows, const int nv, int k, const float *a, ptrdiff_t ars, ptrdiff_t acs,
		 const float *b, bool add, float *c, ptrdiff_t ldc, int w)
{
	vf acc[ROWS][2];
	float edge[STRIP];

#pragma GCC unroll 16
	for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
		for (int v = 0; v < nv; v++)
			acc[i][v] = (vf){ 0 };
	for (int p = 0; p < k; p++) {
		vf b0 = load(b), b1 = nv > 1 ? load(b + LANES) : b0;

#pragma GCC unroll 16
		for (int i = 0; i < rows; i++) {
			vf x = splat(a[i * ars]);

			acc[i][0] = FMA(x, b0, acc[i][0]);
			if (nv > 1)
				acc[i][1] = FMA(x, b1, acc[i][1]);
		}
		a += acs;
		b += STRIP;
	}
#pragma GCC unroll 16
	for (int i = 0; i < rows; i++) {
		float *row = c + i * ldc;

		if (w == nv * LANES) {
#pragma GCC unroll 2
			for (int v = 0; v < nv; v++)
				store(row + v * LANES,
				      add ? load(row + v * LANES) + acc[i][v] : acc[i][v]);
			continue;
		}
#pragma GCC unroll 2
		for (int v = 0; v < nv; v++)
			store(edge + v * LANES, acc[i][v]);
		for (int j = 0; j < w; j++)
			row[j] = add ? row[j] + edge[j] : edge[j];
	}
}

#define TILE_CASE(r)                                                                               \
	case r:                                                                                    \
		if (w > LANES)                                                                     \
			tile(r, 2, k, a, ars, acs, b, add, c, ldc, w);                             \
		else                                                                               \
			tile(r, 1, k, a, ars, acs, b, add, c, ldc, w);                             \
		break;

static inline void tile_any(int rows, int k, const float *a, ptrdiff_t ars, ptrdiff_t acs,
			    const float *b, bool add, float *c, ptrdiff_t ldc, int w)
{
	switch (rows) {
		TILE_CASE(1)
		TILE_CASE(2)
		TILE_CASE(3)
		TILE_CASE(4)
		TILE_CASE(5)
		TILE_CASE(6)
#if ROWS > 6
		TILE_CASE(7)
		TILE_CASE(8)
		TILE_CASE(9)
		TILE_CASE(10)
		TILE_CASE(11)
		TILE_CASE(12)
#endif
	}
}

static inline void gemm(int m, int n, int k, const float *a, ptrdiff_t ars, ptrdiff_t acs,
			const float *b, size_t step, bool add, float *c, ptrdiff_t ldc)
{
	for (int p0 = 0; p0 < k || p0 == 0; p0 += DEPTH) {
		int kc = k - p0 < DEPTH ? k - p0 : DEPTH;

		for (int i0 = 0; i0 < m; i0 += BAND) {
			int top = m - i0 < BAND ? m : i0 + BAND;

			for (int j = 0; j < n; j += STRIP) {
				const float *bs =
					b + (size_t)(j / STRIP) * step + (size_t)p0 * STRIP;
				int w = n - j < STRIP ? n - j : STRIP;

				for (int i = i0; i < top; i += ROWS)
					tile_any(top - i < ROWS ? top - i : ROWS, kc,
						 a + i * ars + p0 * acs, ars, acs, bs,
						 add || p0 > 0, c + i * ldc + j, ldc, w);
			}
		}
	}
}

/* One strip of packed b against tiles of packed a. */
static inline void panel(int m, int n, int k, const float *a, const float *b, bool add, float *c,
			 ptrdiff_t ldc)
{
	for (int i = 0; i < m; i += ROWS, a += (size_t)k * ROWS, c += ROWS * ldc) {
		int rows = m - i < ROWS ? m - i : ROWS;

		for (int r = 0; r < rows; r++)
			__builtin_prefetch(c + r * ldc, 1);
		if (rows == ROWS && n == STRIP)
			tile(ROWS, 2, k, a, 1, ROWS, b, add, c, ldc, STRIP);
		else
			tile_any(rows, k, a, 1, ROWS, b, add, c, ldc, n);
	}
}

#endif

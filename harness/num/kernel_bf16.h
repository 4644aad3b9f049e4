/* SPDX-License-Identifier: Apache-2.0
 * Operands in bf16, two depths in a word of 32 bits: packing with rounding on the way, the
 * register tile, and the products of a few rows.  Part of kernel_body.h, for sets with HAVE_BF16.
 * An instruction set may define DOT_BF16, BF16_PAIR and BF16_ROW; their meaning is that of the
 * portable ones here.
 */
#ifndef HARNESS_NUM_KERNEL_BF16_H
#define HARNESS_NUM_KERNEL_BF16_H

#include "harness/num/kernel_units.h"

/* The nearest bf16 as float */
INLINE vf to_near(vf x)
{
	vi u = (vi)x, nan = (u & INT32_MAX) > 0x7f800000;
	vi up = u + 0x7fff + ((u >> 16) & 1);

	return pick(nan, (vf)(u | 0x400000), (vf)(up & -65536));
}

#ifndef HAVE_BF16
#define HAVE_BF16 0
#endif
#if HAVE_BF16

#ifndef DOT_BF16
/* Denormals count as zero, before and after. */
INLINE vf flush(vf x)
{
	vi bits = (vi)x, small = (bits & 0x7f800000) == 0;

	return (vf)(bits & ~(small & INT32_MAX));
}

/* The upper values first, then the lower ones; each product exact, each sum rounded. */
INLINE vf dot_bf16(vf acc, vi a, vi b)
{
	vf a1 = flush((vf)(a & -65536)), a0 = flush((vf)(a << 16));
	vf b1 = flush((vf)(b & -65536)), b0 = flush((vf)(b << 16));

	acc = flush(FMA(a1, b1, flush(acc)));
	return flush(FMA(a0, b0, acc));
}
#define DOT_BF16(acc, a, b) dot_bf16(acc, a, b)
#endif

#ifndef BF16_PAIR
/* Words of the values of two depths. */
INLINE vf bf16_pair(vf low, vf high)
{
	return (vf)(((vi)to_near(low) >> 16 & 0xffff) | (vi)to_near(high));
}
#define BF16_PAIR(low, high) bf16_pair(low, high)
#endif

INLINE int32_t bf16_word(float low, float high)
{
	vf l = { low }, h = { high };

	return ((vi)BF16_PAIR(l, h))[0];
}

#ifndef BF16_ROW
/* 2 LANES values that follow each other, as words. */
INLINE vf bf16_row(const float *p)
{
	int32_t t[LANES];
	vf v;

	for (int i = 0; i < LANES; i++)
		t[i] = bf16_word(p[2 * i], p[2 * i + 1]);
	memcpy(&v, t, sizeof(v));
	return v;
}
#define BF16_ROW(p) bf16_row(p)
#endif

INLINE vi load_pairs(const int32_t *p)
{
	return (vi)load((const float *)(const void *)p);
}

/* w columns of k contiguous values, cs apart, turned into one strip or tile `width` wide, in
 * LANES columns from `first` on.  Where a store reaches past the width it spills into the next
 * word's place, or where `spill` is false ends before it would leave the strip. */
INLINE int bf16_turn(int32_t *dst, const float *s, ptrdiff_t cs, int k, int w, int width, int first)
{
	const int spill = width < LANES ? LANES / width + 1 : 0;
	float *to = (void *)dst;
	int p = 0;

	for (; p + 2 * LANES + 2 * spill <= k; p += 2 * LANES) {
		vf r[LANES];

#pragma GCC unroll 16
		for (int j = 0; j < LANES; j++)
			r[j] = first + j < w ? BF16_ROW(s + (first + j) * cs + p) : (vf){ 0 };
		transpose(r);
#pragma GCC unroll 16
		for (int j = 0; j < LANES; j++)
			store(to + (size_t)(p / 2 + j) * (size_t)width + first, r[j]);
	}
	return p;
}

/* Words p / 2 on of a strip or tile, one by one; zeros where nothing is. */
INLINE void bf16_rest(int32_t *dst, const float *s, ptrdiff_t rs, ptrdiff_t cs, int p, int k, int w,
		      int width)
{
	for (; p < k; p += 2)
		for (int j = 0; j < width; j++) {
			const float *v = s + p * rs + j * cs;

			dst[(size_t)(p / 2) * (size_t)width + (size_t)j] =
				j < w ? bf16_word(v[0], p + 1 < k ? v[rs] : 0) : 0;
		}
}

static inline void bf16_pack(int32_t *dst, const float *b, ptrdiff_t rs, ptrdiff_t cs, int k, int n)
{
	for (int j0 = 0; j0 < n; j0 += STRIP, dst += (size_t)((k + 1) / 2) * STRIP) {
		const float *s = b + j0 * cs;
		int w = n - j0 < STRIP ? n - j0 : STRIP, p = 0;

		if (rs == 1) {
			bf16_turn(dst, s, cs, k, w, STRIP, 0);
			p = bf16_turn(dst, s, cs, k, w, STRIP, LANES);
		} else if (cs == 1 && w == STRIP) {
			for (; p + 2 <= k; p += 2) {
				float *to = (float *)(void *)dst + (size_t)(p / 2) * STRIP;
				const float *v = s + p * rs;

				store(to, BF16_PAIR(load(v), load(v + rs)));
				store(to + LANES, BF16_PAIR(load(v + LANES), load(v + rs + LANES)));
			}
		}
		bf16_rest(dst, s, rs, cs, p, k, w, STRIP);
	}
}

/* One tile of ROWS rows of a. */
INLINE void bf16_pack_tile(int32_t *dst, const float *a, ptrdiff_t rs, ptrdiff_t cs, int rows,
			   int k)
{
	int p = 0;

#if LANES >= ROWS
	if (rows == ROWS && cs == 1)
		p = bf16_turn(dst, a, rs, k, ROWS, ROWS, 0);
	if (rows == ROWS && rs == 1 &&
	    cs >= LANES) /* each store spills into the next one's place */
		for (; p + 2 * (LANES / ROWS + 1) < k; p += 2)
			store((float *)(void *)dst + (size_t)(p / 2) * ROWS,
			      BF16_PAIR(load(a + p * cs), load(a + (p + 1) * cs)));
#endif
	bf16_rest(dst, a, cs, rs, p, k, rows, ROWS);
}

static inline void bf16_pack_rows(int32_t *dst, const float *a, ptrdiff_t rs, ptrdiff_t cs, int m,
				  int k)
{
	for (int i = 0; i < m; i += ROWS, dst += (size_t)((k + 1) / 2) * ROWS)
		bf16_pack_tile(dst, a + i * rs, rs, cs, m - i < ROWS ? m - i : ROWS, k);
}

INLINE uint32_t bf16_at(const uint8_t *row, int j)
{
	return row[2 * j] | (uint32_t)row[2 * j + 1] << 8;
}

/* k rows of n weights in bf16 to strips `step` words apart. */
static inline void bf16_rows(int32_t *dst, const void *w, size_t row_bytes, int k, int n,
			     size_t step)
{
	for (int p = 0; p < k; p += 2, dst += STRIP) {
		const uint8_t *low = (const uint8_t *)w + (size_t)p * row_bytes;
		const uint8_t *high = p + 1 < k ? low + row_bytes : NULL;

		for (int j = 0; j < n; j += LANES) {
			int32_t *to = dst + (size_t)(j / STRIP) * step + (size_t)(j % STRIP);

			if (n - j >= LANES && high) {
				store((float *)(void *)to,
				      (vf)(LOAD_U16(low + 2 * j) | LOAD_U16(high + 2 * j) << 16));
				continue;
			}
			for (int i = 0; i < LANES; i++)
				to[i] = i < n - j
						? (int32_t)(bf16_at(low, j + i) |
							    (high ? bf16_at(high, j + i) << 16 : 0))
						: 0;
		}
	}
}

/* sum (rows, STRIP) to c, as much as is there. */
INLINE void bf16_put(const vf acc[ROWS][2], int rows, int n, bool add, float *c, ptrdiff_t ldc)
{
	for (int i = 0; i < rows; i++, c += ldc) {
		float edge[STRIP];

		if (n == STRIP) {
			store(c, add ? load(c) + acc[i][0] : acc[i][0]);
			store(c + LANES, add ? load(c + LANES) + acc[i][1] : acc[i][1]);
			continue;
		}
		store(edge, acc[i][0]);
		store(edge + LANES, acc[i][1]);
		for (int j = 0; j < n; j++)
			c[j] = add ? c[j] + edge[j] : edge[j];
	}
}

/* height: rows that are multiplied; rows: those that are written. */
INLINE void bf16_tile(const int height, int rows, int n, int k, const int32_t *a, const int32_t *b,
		      bool add, float *c, ptrdiff_t ldc)
{
	vf acc[ROWS][2];

#pragma GCC unroll 16
	for (int i = 0; i < height; i++)
		acc[i][0] = acc[i][1] = (vf){ 0 };
	for (int p = 0; p < (k + 1) / 2; p++, a += ROWS, b += STRIP) {
		vi b0 = load_pairs(b), b1 = load_pairs(b + LANES);

#pragma GCC unroll 16
		for (int i = 0; i < height; i++) {
			vi x = int_splat(a[i]);

			acc[i][0] = DOT_BF16(acc[i][0], x, b0);
			acc[i][1] = DOT_BF16(acc[i][1], x, b1);
		}
	}
	if (n == STRIP && rows == height) {
#pragma GCC unroll 16
		for (int i = 0; i < height; i++, c += ldc) {
			store(c, add ? load(c) + acc[i][0] : acc[i][0]);
			store(c + LANES, add ? load(c + LANES) + acc[i][1] : acc[i][1]);
		}
		return;
	}
	for (int i = 0; i < rows; i++, c += ldc) {
		float edge[STRIP];

		store(edge, acc[i][0]);
		store(edge + LANES, acc[i][1]);
		for (int j = 0; j < n; j++)
			c[j] = add ? c[j] + edge[j] : edge[j];
	}
}

static inline void bf16_panel(int m, int n, int k, const int32_t *a, const int32_t *b, bool add,
			      float *c, ptrdiff_t ldc)
{
	for (int i = 0; i < m; i += ROWS, a += (size_t)((k + 1) / 2) * ROWS, c += ROWS * ldc) {
		int rows = m - i < ROWS ? m - i : ROWS;

		for (int r = 0; r < rows; r++) {
			__builtin_prefetch(c + r * ldc, 1);
			__builtin_prefetch(c + r * ldc + LANES, 1);
		}
		if (rows <= ROWS / 3)
			bf16_tile(ROWS / 3, rows, n, k, a, b, add, c, ldc);
		else if (rows <= 2 * ROWS / 3)
			bf16_tile(2 * ROWS / 3, rows, n, k, a, b, add, c, ldc);
		else
			bf16_tile(ROWS, rows, n, k, a, b, add, c, ldc);
	}
}

/* One row of weights in bf16 against m rows of x in words. */
INLINE void bf16_dot_row(const int m, const uint8_t *row, int k, const int32_t *x, bool add,
			 float *y, ptrdiff_t ldy)
{
	const int words = (k + 1) / 2;
	vf acc[GROUP][4] = { { { 0 } } };
	int p = 0;

	for (; p + 4 * LANES <= k / 2; p += 4 * LANES)
#pragma GCC unroll 4
		for (int s = 0; s < 4; s++) {
			int at = p + s * LANES;
			vi w;

			memcpy(&w, row + 4 * at, sizeof(w));
#pragma GCC unroll 4
			for (int i = 0; i < m; i++)
				acc[i][s] = DOT_BF16(acc[i][s], w, load_pairs(x + i * words + at));
		}
	for (; p < words; p += LANES) {
		int n = words - p < LANES ? words - p : LANES, last = 2 * k - 4 * p;
		vi w = { 0 }, v;

		memcpy(&w, row + 4 * p, (size_t)(last < 4 * LANES ? last : 4 * LANES));
#pragma GCC unroll 4
		for (int i = 0; i < m; i++) {
			v = (vi){ 0 };
			memcpy(&v, x + i * words + p, (size_t)n * 4);
			acc[i][0] = DOT_BF16(acc[i][0], w, v);
		}
	}
#pragma GCC unroll 4
	for (int i = 0; i < m; i++) {
		float s = lane_sum((acc[i][0] + acc[i][1]) + (acc[i][2] + acc[i][3]));

		y[i * ldy] = add ? y[i * ldy] + s : s;
	}
}

INLINE void bf16_dots_group(const int m, const uint8_t *w, size_t row_bytes, int rows, int k,
			    const int32_t *x, bool add, float *y, ptrdiff_t ldy)
{
	for (int j = 0; j < rows; j++)
		bf16_dot_row(m, w + (size_t)j * row_bytes, k, x, add, y + j, ldy);
}

static inline void bf16_dots(const void *w, size_t row_bytes, int rows, int k, const int32_t *x,
			     int m, bool add, float *y, ptrdiff_t ldy)
{
	for (int i = 0; i < m; i += GROUP) {
#define GROUP_CALL(n) bf16_dots_group(n, w, row_bytes, rows, k, x, add, y, ldy)
		EACH_GROUP((m - i < GROUP ? m - i : GROUP), GROUP_CALL)
#undef GROUP_CALL
		x += (ptrdiff_t)GROUP * ((k + 1) / 2);
		y += GROUP * ldy;
	}
}

/* Rows of x in words, as bf16_dots takes them. */
static inline void bf16_words(const float *x, int k, int32_t *dst)
{
	int p = 0;

	for (; p + 2 * LANES <= k; p += 2 * LANES)
		store((float *)(void *)dst + p / 2, BF16_ROW(x + p));
	for (; p < k; p += 2)
		dst[p / 2] = bf16_word(x[p], p + 1 < k ? x[p + 1] : 0);
}

#endif
#endif

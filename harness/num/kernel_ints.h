/* SPDX-License-Identifier: Apache-2.0
 * Products of quantised weights with rows of x in 8 bits, in words of 32 bits.  Part of
 * kernel_body.h.  An instruction set may define DOT_PAIRS, and with HAVE_QUADS DOT_QUADS; their
 * meaning is that of the portable ones here.
 */
#ifndef HARNESS_NUM_KERNEL_INTS_H
#define HARNESS_NUM_KERNEL_INTS_H

#include "harness/num/kernel_int_dots.h"

#ifndef HAVE_QUADS
#define HAVE_QUADS 0
#endif
#ifndef INTS_FAST
#define INTS_FAST 0
#endif

#ifndef DOT_PAIRS
INLINE vi dot_pairs(vi acc, vi a, vi b)
{
	return acc + (a << 16 >> 16) * (b << 16 >> 16) + (a >> 16) * (b >> 16);
}
#define DOT_PAIRS(acc, a, b) dot_pairs(acc, a, b)
#endif

#ifndef DOT_QUADS
INLINE vi dot_quads(vi acc, vi u, vi s)
{
	for (int i = 0; i < 32; i += 8)
		acc += (u >> i & 255) * (s << (24 - i) >> 24);
	return acc;
}
#define DOT_QUADS(acc, u, s) dot_quads(acc, u, s)
#endif

/* x that is not finite makes the scale NaN, and so whatever comes of it. */
static inline void quantise(const float *x, int k, int8_t *q, float *d, float *sum)
{
	const vf magic = splat(12582912.0f);

	for (int u = 0; u < k / UNIT; u++, x += UNIT, q += UNIT) {
		vf most = { 0 }, bad = { 0 };
		float top = 0, inverse;

		for (int i = 0; i < VECTORS; i++) {
			vf v = load(x + i * LANES), a = (vf)((vi)v & 0x7fffffff);

			most = pick(a > most, a, most);
			bad += v - v;
		}
		for (int i = 0; i < LANES; i++)
			top = most[i] > top ? most[i] : top;
		inverse = top > 0 ? 127.0f / top : 0;
		if (inverse > 1e38f) /* below the smallest numbers: nothing is left of them */
			inverse = top = 0;
		d[u] = lane_sum(bad) == 0 ? top / 127.0f : NAN;
		for (int i = 0; i < VECTORS; i++) {
			vi n = (vi)(load(x + i * LANES) * splat(inverse) + magic) - 0x4b400000;
			int32_t t[LANES];

			memcpy(t, &n, sizeof(t));
			for (int l = 0; l < LANES; l++)
				q[i * LANES + l] = (int8_t)t[l];
		}
		sum[u] = 0;
		for (int j = 0; j < UNIT; j++)
			sum[u] += (float)q[j];
	}
}

/* The 32 bytes of unit u of a type with blocks, as they enter DOT_BYTES. */
#ifndef NIBBLES
INLINE b32 nibbles(const uint8_t *p)
{
	uint8_t half[32];
	b32 r;

	for (int i = 0; i < 16; i++) {
		half[i] = p[i] & 15;
		half[i + 16] = p[i] >> 4;
	}
	memcpy(&r, half, sizeof(r));
	return r;
}
#define NIBBLES(p) nibbles(p)
#endif

/* Bits of each byte; processors shift pairs of them, so what comes from the other is masked off. */
INLINE b32 shifted(const uint8_t *p, int shift, int mask)
{
	return (b32)((w32b) * (const b32_any *)p >> shift) & (int8_t)mask;
}

INLINE b32 unit_bytes(const enum weight_type type, const uint8_t *row, int u, const int s)
{
	if (type == WEIGHT_Q8_0)
		return *(const b32_any *)((const struct q8_0 *)row + u)->q;
	if (type == WEIGHT_Q4_0)
		return NIBBLES(((const struct q4_0 *)row + u)->q);
	if (type == WEIGHT_Q4_K) {
		const struct q4_k *b = (const struct q4_k *)row + u / 8;

		return shifted(b->q + s / 2 * 32, s % 2 * 4, 15);
	}
	const struct q6_k *b = (const struct q6_k *)row + u / 8;
	const uint8_t *low = b->low + s / 4 * 64 + s % 2 * 32, *high = b->high + s / 4 * 32;

	return shifted(low, s % 4 / 2 * 4, 15) | (b32)((w32b)shifted(high, s % 4 * 2, 3) << 4);
}

/* What the integer sums of unit u are multiplied with (the halves apart), and what times
 * the sums of x over 16 comes off. */
struct unit_scales {
	float d[2], off[2];
};

INLINE struct unit_scales unit_scales(const enum weight_type type, const uint8_t *row, int u,
				      const int v)
{
	struct unit_scales s = { { 0, 0 }, { 0, 0 } };
	int scale, min;

	if (type == WEIGHT_Q8_0) {
		s.d[0] = s.d[1] = HALF(((const struct q8_0 *)row + u)->d);
	} else if (type == WEIGHT_Q4_0) {
		s.d[0] = s.d[1] = HALF(((const struct q4_0 *)row + u)->d);
		s.off[0] = s.off[1] = 8 * s.d[0];
	} else if (type == WEIGHT_Q4_K) {
		const struct q4_k *b = (const struct q4_k *)row + u / 8;

		q4_k_scale(b->scales, v, &scale, &min);
		s.d[0] = s.d[1] = HALF(b->d) * (float)scale;
		s.off[0] = s.off[1] = HALF(b->dmin) * (float)min;
	} else {
		const struct q6_k *b = (const struct q6_k *)row + u / 8;
		float d = HALF(b->d);

		for (int h = 0; h < 2; h++) {
			s.d[h] = d * (float)b->scale[v * 2 + h];
			s.off[h] = 32 * s.d[h];
		}
	}
	return s;
}

/* Pairs carry the scales of q4_K (each 32 values) and q6_K (each 16) in the integers. */
INLINE void words_type(const enum weight_type type, const enum word_kind kind, const uint8_t *row,
		       int at, int n, int32_t *word, float *d, float *min)
{
	for (int u = at / UNIT; u < (at + n) / UNIT; u++, d += STRIP, min += STRIP) {
		b32 bytes = unit_bytes(type, row, u, u % 8);
		struct unit_scales s = unit_scales(type, row, u, u % 8);
		int8_t q[UNIT];
		int16_t pair[UNIT];
		int factor[2] = { 1, 1 }, m = 0;

		if (kind == WORD_QUADS) {
			bytes ^= (int8_t)(type == WEIGHT_Q8_0 ? -128 : 0);
			memcpy(word, &bytes, UNIT);
			word += UNIT / 4;
			*d = s.d[0];
			*min = type == WEIGHT_Q4_K ? s.off[0] : 0;
			continue;
		}
		if (type == WEIGHT_Q4_K)
			q4_k_scale(((const struct q4_k *)row + u / 8)->scales, u % 8, &factor[0],
				   &m);
		if (type == WEIGHT_Q6_K)
			for (int h = 0; h < 2; h++)
				factor[h] =
					((const struct q6_k *)row + u / 8)->scale[u % 8 * 2 + h];
		if (type == WEIGHT_Q4_K)
			factor[1] = factor[0];
		memcpy(q, &bytes, UNIT);
		for (int j = 0; j < UNIT; j++)
			pair[j] = (int16_t)((q[j] - (type == WEIGHT_Q4_0   ? 8
						     : type == WEIGHT_Q6_K ? 32
									   : 0)) *
					    factor[j / 16]);
		memcpy(word, pair, sizeof(pair));
		word += UNIT / 2;
		*d = type == WEIGHT_Q4_K   ? HALF(((const struct q4_k *)row + u / 8)->d)
		     : type == WEIGHT_Q6_K ? HALF(((const struct q6_k *)row + u / 8)->d)
					   : s.d[0];
		*min = type == WEIGHT_Q4_K ? s.off[0] : 0;
	}
}

static inline void words(enum weight_type type, enum word_kind kind, const void *row, int at, int n,
			 int32_t *word, float *d, float *min)
{
#define CALL(t)                                                                                    \
	if (kind == WORD_QUADS)                                                                    \
		words_type(t, WORD_QUADS, row, at, n, word, d, min);                               \
	else                                                                                       \
		words_type(t, WORD_PAIRS, row, at, n, word, d, min)
	EACH_BLOCK_TYPE(type, CALL)
#undef CALL
}

/* Words of a tile's unit: products, then scales, scaled sums and sums of its rows. */
INLINE int unit_words(const enum word_kind kind)
{
	return (kind == WORD_QUADS ? UNIT / 4 : UNIT / 2) * ROWS + 3 * ROWS;
}

static inline void word_tiles(enum word_kind kind, const struct quant_rows *x, int ld, int at,
			      int m, int k, int32_t *dst)
{
	int per = kind == WORD_QUADS ? 4 : 2, n = UNIT / per;

	for (int i0 = 0; i0 < m; i0 += ROWS)
		for (int u = at / UNIT; u < (at + k) / UNIT; u++, dst += (n + 3) * ROWS)
			for (int i = 0; i < ROWS; i++) {
				ptrdiff_t r = (ptrdiff_t)(i0 + i) * (ld / UNIT) + u;
				bool there = i0 + i < m;
				const int8_t *q = x->q + r * UNIT;
				float sum = there ? x->sum[r] : 0;
				float scale[2] = { there ? x->d[r] : 0, there ? x->d[r] * sum : 0 };

				for (int p = 0; p < n; p++) {
					int32_t word = 0;

					if (there && per == 4)
						memcpy(&word, q + 4 * p, 4);
					else if (there)
						word = (int32_t)((uint32_t)(uint16_t)q[2 * p] |
								 (uint32_t)(uint16_t)q[2 * p + 1]
									 << 16);
					dst[p * ROWS + i] = word;
				}
				memcpy(&dst[n * ROWS + i], &scale[0], 4);
				memcpy(&dst[(n + 1) * ROWS + i], &scale[1], 4);
				dst[(n + 2) * ROWS + i] = (int32_t)sum;
			}
}

INLINE float word_float(const int32_t *p)
{
	float f;

	memcpy(&f, p, sizeof(f));
	return f;
}

INLINE vi load_words(const int32_t *p)
{
	return (vi)load((const float *)(const void *)p);
}

/* One tile against one strip, k values in units: sum (ROWS, STRIP) written. */
INLINE void word_tile(const enum word_kind kind, const bool mins, int units, const int32_t *a,
		      const struct word_panel *b, float sum[ROWS * STRIP])
{
	const int n = kind == WORD_QUADS ? UNIT / 4 : UNIT / 2;
	const int32_t *word = b->word;

	memset(sum, 0, ROWS * STRIP * sizeof(*sum));
	for (int u = 0; u < units; u++, a += unit_words(kind)) {
		const int32_t *d = a + n * ROWS;
		vi acc[ROWS][2];

#pragma GCC unroll 16
		for (int i = 0; i < ROWS; i++)
			acc[i][0] = acc[i][1] =
				int_splat(kind == WORD_QUADS ? -b->offset * d[2 * ROWS + i] : 0);
		for (int p = 0; p < n; p++, word += STRIP) {
			vi b0 = load_words(word), b1 = load_words(word + LANES);

#pragma GCC unroll 16
			for (int i = 0; i < ROWS; i++) {
				vi x = int_splat(a[p * ROWS + i]);

				if (kind == WORD_QUADS) {
					acc[i][0] = DOT_QUADS(acc[i][0], b0, x);
					acc[i][1] = DOT_QUADS(acc[i][1], b1, x);
				} else {
					acc[i][0] = DOT_PAIRS(acc[i][0], x, b0);
					acc[i][1] = DOT_PAIRS(acc[i][1], x, b1);
				}
			}
		}
#pragma GCC unroll 2
		for (int v = 0; v < 2; v++) {
			vf scale = load(b->d + u * STRIP + v * LANES);
			vf min = mins ? load(b->min + u * STRIP + v * LANES) : scale;

#pragma GCC unroll 16
			for (int i = 0; i < ROWS; i++) {
				float *s = sum + i * STRIP + v * LANES;
				vf t = load(s);

				if (mins)
					t = FMA(min, splat(-word_float(d + ROWS + i)), t);
				store(s, FMA(int_float(acc[i][v]) * scale, splat(word_float(d + i)),
					     t));
			}
		}
	}
}

/* sum (ROWS, STRIP) to c, as much as is there. */
INLINE void put_sums(const float *sum, int rows, int n, bool add, float *c, ptrdiff_t ldc)
{
	for (int i = 0; i < rows; i++, c += ldc, sum += STRIP)
		for (int j = 0; j < n; j++)
			c[j] = add ? c[j] + sum[j] : sum[j];
}

static inline void word_panel(enum word_kind kind, int m, int n, int k, const int32_t *a,
			      const struct word_panel *b, bool add, float *c, ptrdiff_t ldc)
{
	float sum[ROWS * STRIP];
	int units = k / UNIT;

	for (int i = 0; i < m; i += ROWS, c += ROWS * ldc) {
		int rows = m - i < ROWS ? m - i : ROWS;

		for (int r = 0; r < rows; r++)
			__builtin_prefetch(c + r * ldc, 1);
#if HAVE_QUADS
		if (kind == WORD_QUADS && b->min)
			word_tile(WORD_QUADS, true, units, a, b, sum);
		else if (kind == WORD_QUADS)
			word_tile(WORD_QUADS, false, units, a, b, sum);
		else
#endif
			if (b->min)
			word_tile(WORD_PAIRS, true, units, a, b, sum);
		else
			word_tile(WORD_PAIRS, false, units, a, b, sum);
		a += units * unit_words(kind);
		put_sums(sum, rows, n, add, c, ldc);
	}
}

#endif

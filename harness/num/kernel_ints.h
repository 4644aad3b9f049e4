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

typedef int32_t i8x __attribute__((vector_size(32)));
typedef uint32_t u8x __attribute__((vector_size(32))); /* wraps */
typedef int8_t s8x __attribute__((vector_size(8)));

INLINE i8x greater(i8x a, i8x b)
{
	i8x more = a > b;

	return (more & a) | (~more & b);
}

/* Bits of the largest |x| of a unit; those of numbers that are not finite lie above all others. */
INLINE int32_t top_bits(const float *x)
{
	i8x top = { 0 };

#pragma GCC unroll 4
	for (int i = 0; i < UNIT; i += 8)
		top = greater(top, (i8x) * (const f8x_any *)(x + i) & 0x7fffffff);
	top = greater(top, __builtin_shufflevector(top, top, 4, 5, 6, 7, 0, 1, 2, 3));
	top = greater(top, __builtin_shufflevector(top, top, 2, 3, 0, 1, 6, 7, 4, 5));
	top = greater(top, __builtin_shufflevector(top, top, 1, 0, 3, 2, 5, 4, 7, 6));
	return top[0];
}

/* x that is not finite makes the scale NaN, and so whatever comes of it. */
static inline void quantise(const float *x, int k, int8_t *q, float *d, float *sum)
{
	for (int u = 0; u < k / UNIT; u++, x += UNIT, q += UNIT) {
		int32_t bits = top_bits(x);
		u8x all = { 0 };
		float top, inverse;

		memcpy(&top, &bits, sizeof(top));
		inverse = top > 0 ? 127.0f / top : 0;
		if (inverse > 1e38f) /* below the smallest numbers: nothing is left of them */
			inverse = top = 0;
		d[u] = bits < 0x7f800000 ? top / 127.0f : NAN;
#pragma GCC unroll 4
		for (int i = 0; i < UNIT; i += 8) {
			/* adding 1.5 * 2^23 rounds to an integer */
			f8x v = *(const f8x_any *)(x + i) * inverse + 12582912.0f;
			u8x n = (u8x)v - 0x4b400000;
			s8x bytes = __builtin_convertvector(n, s8x);

			all += n;
			memcpy(q + i, &bytes, sizeof(bytes));
		}
		all += __builtin_shufflevector(all, all, 4, 5, 6, 7, 0, 1, 2, 3);
		all += __builtin_shufflevector(all, all, 2, 3, 0, 1, 6, 7, 4, 5);
		sum[u] = (float)(int32_t)(all[0] + all[1]);
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
	const size_t part = part_bytes(type);
	const uint8_t *next = row + (size_t)(at / (PART * UNIT) + 1) * part;

	/* what the next pass over the depth will read: far apart, so processors do not foresee it
	 */
	for (size_t i = 0; i < part; i += 64)
		__builtin_prefetch(next + i, 0, 2);
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

static inline void word_tiles(enum word_kind kind, const struct quant_rows *x, int offset, int ld,
			      int at, int m, int k, int32_t *dst)
{
	int per = kind == WORD_QUADS ? 4 : 2, n = UNIT / per;

	for (int i0 = 0; i0 < m; i0 += ROWS)
		for (int u = at / UNIT; u < (at + k) / UNIT; u++, dst += (n + 3) * ROWS)
			for (int i = 0; i < ROWS; i++) {
				ptrdiff_t r = (ptrdiff_t)(i0 + i) * (ld / UNIT) + u;
				bool there = i0 + i < m;
				const int8_t *q = x->q + r * UNIT;
				float sum = there ? x->sum[r] : 0;
				float scale[2] = { there ? x->d[r] : 0,
						   there ? x->d[r] * -sum : 0 };

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
				dst[(n + 2) * ROWS + i] = -offset * (int32_t)sum;
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

/* Half a tile: its integer and its float sums all stay in registers. */
#define HALF_ROWS (ROWS / 2)

/* The products of unit u; starts: what the sums of quads begin with (rows). */
INLINE void unit_sums(const enum word_kind kind, const int32_t *a, const int32_t *starts,
		      const int32_t *word, vi acc[HALF_ROWS][2])
{
	const int n = kind == WORD_QUADS ? UNIT / 4 : UNIT / 2;

#pragma GCC unroll 8
	for (int i = 0; i < HALF_ROWS; i++)
		acc[i][0] = acc[i][1] = int_splat(kind == WORD_QUADS ? starts[i] : 0);
#pragma GCC unroll 8
	for (int p = 0; p < n; p++, a += ROWS, word += STRIP) {
		vi b0 = load_words(word), b1 = load_words(word + LANES);

#pragma GCC unroll 8
		for (int i = 0; i < HALF_ROWS; i++) {
			vi x = int_splat(a[i]);

			if (kind == WORD_QUADS) {
				acc[i][0] = DOT_QUADS(acc[i][0], b0, x);
				acc[i][1] = DOT_QUADS(acc[i][1], b1, x);
			} else {
				acc[i][0] = DOT_PAIRS(acc[i][0], x, b0);
				acc[i][1] = DOT_PAIRS(acc[i][1], x, b1);
			}
		}
	}
}

/* Half a tile against one strip. */
INLINE void half_tile(const enum word_kind kind, const bool mins, int units, const int32_t *a,
		      const struct word_panel *b, vf sum[HALF_ROWS][2])
{
	const int n = kind == WORD_QUADS ? UNIT / 4 : UNIT / 2;
	const int32_t *word = b->word;

#pragma GCC unroll 8
	for (int i = 0; i < HALF_ROWS; i++)
		sum[i][0] = sum[i][1] = splat(0);
	for (int u = 0; u < units; u++, a += unit_words(kind), word += n * STRIP) {
		const int32_t *d = a + n * ROWS;
		vi acc[HALF_ROWS][2];

		unit_sums(kind, a, d + 2 * ROWS, word, acc);
#pragma GCC unroll 2
		for (int v = 0; v < 2; v++) {
			vf scale = load(b->d + u * STRIP + v * LANES);
			vf min = mins ? load(b->min + u * STRIP + v * LANES) : scale;

#pragma GCC unroll 8
			for (int i = 0; i < HALF_ROWS; i++) {
				if (mins)
					sum[i][v] = FMA(min, splat(word_float(d + ROWS + i)),
							sum[i][v]);
				sum[i][v] = FMA(int_float(acc[i][v]) * scale,
						splat(word_float(d + i)), sum[i][v]);
			}
		}
	}
}

/* sum (rows, STRIP) to c, as much as is there. */
INLINE void put_sums(vf sum[][2], const int most, int rows, int n, bool add, float *c,
		     ptrdiff_t ldc)
{
	float edge[STRIP];

#pragma GCC unroll 16
	for (int i = 0; i < most; i++, c += ldc) {
		if (i >= rows)
			return;
		if (n == STRIP) {
			store(c, add ? load(c) + sum[i][0] : sum[i][0]);
			store(c + LANES, add ? load(c + LANES) + sum[i][1] : sum[i][1]);
			continue;
		}
		store(edge, sum[i][0]);
		store(edge + LANES, sum[i][1]);
		for (int j = 0; j < n; j++)
			c[j] = add ? c[j] + edge[j] : edge[j];
	}
}

INLINE void word_panel_kind(const enum word_kind kind, const bool mins, int m, int n, int units,
			    const int32_t *a, const struct word_panel *b, bool add, float *c,
			    ptrdiff_t ldc)
{
	for (int i = 0; i < m; i += HALF_ROWS, c += HALF_ROWS * ldc) {
		int rows = m - i < HALF_ROWS ? m - i : HALF_ROWS;
		vf sum[HALF_ROWS][2];

		for (int r = 0; r < rows; r++)
			__builtin_prefetch(c + r * ldc, 1);
		half_tile(kind, mins, units, a, b, sum);
		put_sums(sum, HALF_ROWS, rows, n, add, c, ldc);
		a += i % ROWS ? units * unit_words(kind) - HALF_ROWS : HALF_ROWS;
	}
}

static inline void word_panel(enum word_kind kind, int m, int n, int k, const int32_t *a,
			      const struct word_panel *b, bool add, float *c, ptrdiff_t ldc)
{
	const bool quads = HAVE_QUADS && kind == WORD_QUADS;
	const int units = k / UNIT;

	if (quads && b->min)
		word_panel_kind(WORD_QUADS, true, m, n, units, a, b, add, c, ldc);
	else if (quads)
		word_panel_kind(WORD_QUADS, false, m, n, units, a, b, add, c, ldc);
	else if (b->min)
		word_panel_kind(WORD_PAIRS, true, m, n, units, a, b, add, c, ldc);
	else
		word_panel_kind(WORD_PAIRS, false, m, n, units, a, b, add, c, ldc);
}

#endif

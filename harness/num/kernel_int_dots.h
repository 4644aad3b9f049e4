/* SPDX-License-Identifier: Apache-2.0
 * Products of a few rows of x in 8 bits with quantised weights straight from their rows,
 * eight units at a time.  Part of kernel_body.h.  An instruction set may define DOT_BYTES,
 * QUARTERS, HALVES, EIGHT_U8, EIGHT_S8 and PERMUTE; their meaning is that of the portable ones
 * here.
 */
#ifndef HARNESS_NUM_KERNEL_INT_DOTS_H
#define HARNESS_NUM_KERNEL_INT_DOTS_H

#include "harness/num/kernel_units.h"

/* long vectors pass between inlined functions only, also where registers are shorter */
#pragma GCC diagnostic ignored "-Wpsabi"

#define PART 8 /* units that are scaled together: a block of 256, or eight of 32 */

#if LANES > 8
#define SPAN	64			 /* bytes of a vector of weights */
#define EVEN_16 0, 1, 4, 5, 8, 9, 12, 13 /* of two vectors' pieces of 16 bytes */
#define ODD_16	2, 3, 6, 7, 10, 11, 14, 15
#define LANE_QUAD                                                                                  \
	{                                                                                          \
		0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3                                     \
	}
#else
#define SPAN	32
#define EVEN_16 0, 1, 4, 5
#define ODD_16	2, 3, 6, 7
#define LANE_QUAD                                                                                  \
	{                                                                                          \
		0, 0, 0, 0, 1, 1, 1, 1                                                             \
	}
#endif
#define PER (SPAN / UNIT) /* units of a vector */

typedef int8_t b32 __attribute__((vector_size(32)));
typedef b32 b32_any __attribute__((aligned(1), may_alias));
typedef uint16_t w32b __attribute__((vector_size(32)));
typedef int64_t l32 __attribute__((vector_size(32)));
typedef float f8x __attribute__((vector_size(32)));
typedef f8x f8x_any __attribute__((aligned(4), may_alias));

typedef int8_t bv __attribute__((vector_size(SPAN)));
typedef bv bv_any __attribute__((aligned(1), may_alias));
typedef uint8_t ubv __attribute__((vector_size(SPAN))); /* wraps */
typedef uint16_t wbv __attribute__((vector_size(SPAN)));
typedef int64_t lbv __attribute__((vector_size(SPAN)));
typedef int32_t iv __attribute__((vector_size(SPAN)));
typedef float fv __attribute__((vector_size(SPAN)));

/* acc + products of bytes in sums of four; those of u at most 128 */
#ifndef DOT_BYTES
INLINE iv dot_bytes(iv acc, const bv u, const bv s)
{
	uint8_t a[SPAN];
	int8_t b[SPAN];
	int32_t sum[SPAN / 4];

	memcpy(a, &u, SPAN);
	memcpy(b, &s, SPAN);
	memcpy(sum, &acc, SPAN);
	for (int i = 0; i < SPAN; i++)
		sum[i / 4] += a[i] * b[i];
	memcpy(&acc, sum, SPAN);
	return acc;
}
#define DOT_BYTES(acc, u, s) dot_bytes(acc, u, s)
#endif

/* 16 bytes from each of p, p + step, ... */
#ifndef QUARTERS
INLINE bv quarters(const uint8_t *p, size_t step)
{
	uint8_t t[SPAN];
	bv r;

	for (int i = 0; i < SPAN / 16; i++)
		memcpy(t + (size_t)i * 16, p + (size_t)i * step, 16);
	memcpy(&r, t, SPAN);
	return r;
}
#define QUARTERS(p, step) quarters(p, step)
#endif

/* The f16 at p, p + step, ... as eight floats */
#ifndef HALVES
INLINE f8x halves(const uint8_t *p, size_t step)
{
	float t[8];
	f8x r;

	for (size_t i = 0; i < 8; i++)
		t[i] = HALF(p + i * step);
	memcpy(&r, t, sizeof(r));
	return r;
}
#define HALVES(p, step) halves(p, step)
#endif

/* The eight unsigned bytes of two words, the signed ones at p, as floats */
#ifndef EIGHT_U8
INLINE f8x eight_u8(uint32_t low, uint32_t high)
{
	uint8_t b[8];
	float t[8];
	f8x r;

	memcpy(b, &low, 4);
	memcpy(b + 4, &high, 4);
	for (int i = 0; i < 8; i++)
		t[i] = b[i];
	memcpy(&r, t, sizeof(r));
	return r;
}

INLINE f8x eight_s8(const int8_t *p)
{
	float t[8];
	f8x r;

	for (int i = 0; i < 8; i++)
		t[i] = p[i];
	memcpy(&r, t, sizeof(r));
	return r;
}
#define EIGHT_U8(low, high) eight_u8(low, high)
#define EIGHT_S8(p)	    eight_s8(p)
#endif

/* v[index] in each lane */
#ifndef PERMUTE
INLINE fv permute(const fv v, const iv index)
{
	float from[SPAN / 4], to[SPAN / 4];
	int32_t at[SPAN / 4];
	fv r;

	memcpy(from, &v, SPAN);
	memcpy(at, &index, SPAN);
	for (int i = 0; i < SPAN / 4; i++)
		to[i] = from[at[i]];
	memcpy(&r, to, SPAN);
	return r;
}
#define PERMUTE(v, index) permute(v, index)
#endif

#if SPAN > 32
/* Two vectors of 32 bytes as one, where one has room for both */
#define JOIN(low, high)                                                                            \
	((bv)__builtin_shufflevector((l32)(low), (l32)(high), 0, 1, 2, 3, 4, 5, 6, 7))

/* Sixteen scales, in two vectors where one does not hold them. */
INLINE void sixteen(const f8x s[2], fv v[2])
{
	v[0] = v[1] = (fv)JOIN((b32)s[0], (b32)s[1]);
}
#else
#define JOIN(low, high) (low)

INLINE void sixteen(const f8x s[2], fv v[2])
{
	v[0] = s[0];
	v[1] = s[1];
}
#endif

/* A part is two vectors a step; their values are in the order in which the type's bytes unpack
 * with the least work, and x is brought into the same. */
INLINE void x_step(const enum weight_type type, const int8_t *q, const int s, bv x[2])
{
	bv a = *(const bv_any *)(q + s * 2 * SPAN), b = *(const bv_any *)(q + s * 2 * SPAN + SPAN);

	x[0] = a;
	x[1] = b;
	if (type == WEIGHT_Q4_0) { /* the first halves of units, then the second ones */
		x[0] = (bv)__builtin_shufflevector((lbv)a, (lbv)b, EVEN_16);
		x[1] = (bv)__builtin_shufflevector((lbv)a, (lbv)b, ODD_16);
	}
#if SPAN > 32
	if (type == WEIGHT_Q4_K) { /* even units, odd units */
		x[0] = (bv)__builtin_shufflevector((lbv)a, (lbv)b, 0, 1, 2, 3, 8, 9, 10, 11);
		x[1] = (bv)__builtin_shufflevector((lbv)a, (lbv)b, 4, 5, 6, 7, 12, 13, 14, 15);
	}
#endif
}

INLINE void q6_k_step(const struct q6_k *b, const int s, bv w[2])
{
#if SPAN > 32
	const wbv up = (wbv)JOIN((b32)(((w32b){ 0 }) + 4), (b32)(((w32b){ 0 }) + 2));
	const wbv down = (wbv)JOIN((b32)((w32b){ 0 }), (b32)(((w32b){ 0 }) + 2));
	bv low = *(const bv_any *)(b->low + s * 64);
	b32 part = *(const b32_any *)(b->high + s * 32);
	wbv high = (wbv)JOIN(part, part);

	w[0] = (low & 15) | ((bv)(high << up) & 48);
	w[1] = ((bv)((wbv)low >> 4) & 15) | ((bv)(high >> down) & 48);
#else
	wbv high = (wbv) * (const bv_any *)(b->high + s / 2 * 32);

	for (int i = 0; i < 2; i++) {
		bv low = *(const bv_any *)(b->low + s / 2 * 64 + i * 32);

		low = s % 2 ? (bv)((wbv)low >> 4) : low;
		w[i] = (low & 15) | ((bv)(s % 2 ? high >> 2 * i : high << (4 - 2 * i)) & 48);
	}
#endif
}

INLINE void w_step(const enum weight_type type, const uint8_t *part, const int s, bv w[2])
{
	bv t;

	if (type == WEIGHT_Q8_0) {
		const struct q8_0 *b = (const struct q8_0 *)part + s * 2 * PER;

		for (int i = 0; i < 2; i++)
			w[i] = JOIN(*(const b32_any *)b[i * PER].q,
				    *(const b32_any *)b[i * PER + PER - 1].q);
		return;
	}
	if (type == WEIGHT_Q6_K) {
		q6_k_step((const struct q6_k *)part, s, w);
		return;
	}
	if (type == WEIGHT_Q4_0)
		t = QUARTERS(((const struct q4_0 *)part + s * 2 * PER)->q, sizeof(struct q4_0));
	else
		t = *(const bv_any *)(((const struct q4_k *)part)->q + s * SPAN);
	w[0] = t & 15;
	w[1] = (bv)((wbv)t >> 4) & 15;
}

/* Eight six-bit scales, or mins: see q4_k_scale(). */
INLINE f8x six_bits(const uint8_t *s, const bool mins)
{
	uint32_t first, second;

	memcpy(&first, s + 4 * mins, 4);
	memcpy(&second, s + 8, 4);
	second = (second >> 4 * mins & 0x0f0f0f0f) | (first >> 2 & 0x30303030);
	return EIGHT_U8(first & 0x3f3f3f3f, second);
}

/* What the integer sums of a part are multiplied with: eight scales of units, for q6_K
 * sixteen of their halves. */
INLINE void part_scales(const enum weight_type type, const uint8_t *part, const float *x_scales,
			fv v[2])
{
	const f8x d = *(const f8x_any *)x_scales;
	const struct q4_k *k4 = (const struct q4_k *)part;
	const struct q6_k *k6 = (const struct q6_k *)part;
	f8x s[2];

	if (type == WEIGHT_Q6_K) {
		s[0] = EIGHT_S8(k6->scale) * HALF(k6->d) *
		       __builtin_shufflevector(d, d, 0, 0, 1, 1, 2, 2, 3, 3);
		s[1] = EIGHT_S8(k6->scale + 8) * HALF(k6->d) *
		       __builtin_shufflevector(d, d, 4, 4, 5, 5, 6, 6, 7, 7);
	} else {
		s[0] = s[1] =
			d * (type == WEIGHT_Q8_0   ? HALVES(part, sizeof(struct q8_0))
			     : type == WEIGHT_Q4_0 ? HALVES(part, sizeof(struct q4_0))
						   : six_bits(k4->scales, false) * HALF(k4->d));
	}
	sixteen(s, v);
}

/* The scale of each lane of sum i of step s. */
INLINE fv lane_scales(const enum weight_type type, const int s, const int i, const fv v[2])
{
	const iv quad = LANE_QUAD, half = quad >> 1;
	const int unit = 2 * PER * s;

	if (type == WEIGHT_Q8_0)
		return PERMUTE(v[0], half + (unit + PER * i));
	if (type == WEIGHT_Q4_0)
		return PERMUTE(v[0], quad + unit);
	if (type == WEIGHT_Q4_K)
		return PERMUTE(v[0], 2 * half + (unit + i));
	return PERMUTE(v[PER == 1 ? s / 2 : 0], quad + (2 * (unit + PER * i)) % (8 * PER));
}

/* -v where sign is -1, v where it is 0; -128 becomes 128, unsigned. */
#define NEGATED(v, sign) ((bv)(((ubv)(v) ^ (ubv)(sign)) - (ubv)(sign)))

/* The sums of step s; those of q4_0 are in n[0].  What every value of q4_0 and q6_K is less
 * than its byte comes off first. */
INLINE void step_sums(const enum weight_type type, const bv w[2], const bv x[2], iv n[2])
{
	const iv zero = { 0 };
	const bv offset = (bv){ 0 } + (int8_t)(type == WEIGHT_Q6_K ? 32 : 8);

	if (type == WEIGHT_Q4_0) {
		n[1] = DOT_BYTES(DOT_BYTES(zero, offset, x[0]), offset, x[1]);
		n[0] = DOT_BYTES(DOT_BYTES(-n[1], w[0], x[0]), w[1], x[1]);
		return;
	}
	for (int i = 0; i < 2; i++) {
		bv sign = w[i] < 0;

		if (type == WEIGHT_Q8_0)
			n[i] = DOT_BYTES(zero, NEGATED(w[i], sign), NEGATED(x[i], sign));
		else if (type == WEIGHT_Q6_K)
			n[i] = DOT_BYTES(-DOT_BYTES(zero, offset, x[i]), w[i], x[i]);
		else
			n[i] = DOT_BYTES(zero, w[i], x[i]);
	}
}

struct row_sums {
	fv sum[2];
	f8x off; /* to be taken off */
};

INLINE void add_scaled(const enum weight_type type, const int s, const iv n[2], const fv scale[2],
		       struct row_sums *y)
{
	const int at = type == WEIGHT_Q4_0 ? s % 2 : 0; /* so that additions overlap */

	y->sum[at] =
		FMA(__builtin_convertvector(n[0], fv), lane_scales(type, s, 0, scale), y->sum[at]);
	if (type != WEIGHT_Q4_0)
		y->sum[1] = FMA(__builtin_convertvector(n[1], fv), lane_scales(type, s, 1, scale),
				y->sum[1]);
}

INLINE size_t part_bytes(const enum weight_type type)
{
	return type == WEIGHT_Q8_0   ? PART * sizeof(struct q8_0)
	       : type == WEIGHT_Q4_0 ? PART * sizeof(struct q4_0)
	       : type == WEIGHT_Q4_K ? sizeof(struct q4_k)
				     : sizeof(struct q6_k);
}

/* One part of a row of weights against m rows of x with `units` units each. */
INLINE void int_dot_part(const enum weight_type type, const int m, const uint8_t *w,
			 size_t row_bytes, const struct quant_rows *x, int units,
			 struct row_sums y[GROUP])
{
	const struct q4_k *b = (const struct q4_k *)w;
	fv scale[GROUP][2] = { 0 };

	/* the row that comes next, where the work on each byte would hide it from the processor */
	for (size_t at = 0; at < part_bytes(type) && (type != WEIGHT_Q8_0 || m > 1); at += 64)
		__builtin_prefetch(w + row_bytes + at);
#pragma GCC unroll 4
	for (int i = 0; i < m; i++) {
		const ptrdiff_t at = (ptrdiff_t)i * units;

		part_scales(type, w, x->d + at, scale[i]);
		if (type == WEIGHT_Q4_K)
			y[i].off +=
				six_bits(b->scales, true) * HALF(b->dmin) *
				(*(const f8x_any *)(x->sum + at) * *(const f8x_any *)(x->d + at));
	}
#pragma GCC unroll 4
	for (int s = 0; s < PART / (2 * PER); s++) {
		bv v[2], q[2];
		iv n[2];

		w_step(type, w, s, v);
#pragma GCC unroll 4
		for (int i = 0; i < m; i++) {
			x_step(type, x->q + (ptrdiff_t)i * units * UNIT, s, q);
			step_sums(type, v, q, n);
			add_scaled(type, s, n, scale[i], &y[i]);
		}
	}
}

/* The last units of a row that are no whole part, zeros behind them. */
struct last_part {
	uint8_t w[PART * sizeof(struct q8_0)];
	int8_t q[GROUP][PART * UNIT];
	float d[GROUP][PART], sum[GROUP][PART];
};

INLINE void int_dot_last(const enum weight_type type, const int m, const uint8_t *w,
			 const struct quant_rows *x, int units, struct row_sums y[GROUP])
{
	struct last_part last = { 0 };
	const struct quant_rows copy = { last.q[0], last.d[0], last.sum[0] };
	size_t n = (size_t)(units % PART), from = (size_t)(units - units % PART);

	memcpy(last.w, w + from / PART * part_bytes(type), n * part_bytes(type) / PART);
	for (int i = 0; i < m; i++) {
		size_t at = (size_t)i * (size_t)units + from;

		memcpy(last.q[i], x->q + at * UNIT, n * UNIT);
		memcpy(last.d[i], x->d + at, n * sizeof(float));
		memcpy(last.sum[i], x->sum + at, n * sizeof(float));
	}
	int_dot_part(type, m, last.w, 0, &copy, PART, y);
}

INLINE void int_dot_row(const enum weight_type type, const int m, const uint8_t *w,
			size_t row_bytes, int units, const struct quant_rows *x, bool add, float *y,
			ptrdiff_t ldy)
{
	struct row_sums sum[GROUP] = { 0 };
	struct quant_rows part = *x;

	for (int u = 0; u + PART <= units; u += PART) {
		int_dot_part(type, m, w + (size_t)(u / PART) * part_bytes(type), row_bytes, &part,
			     units, sum);
		part.q += PART * UNIT;
		part.d += PART;
		part.sum += PART;
	}
	if (units % PART)
		int_dot_last(type, m, w, x, units, sum);
#pragma GCC unroll 4
	for (int i = 0; i < m; i++) {
		fv t = sum[i].sum[0] + sum[i].sum[1];
		float s = 0, off = 0;

		for (int l = 0; l < SPAN / 4; l++)
			s += t[l];
		for (int l = 0; l < 8 && type == WEIGHT_Q4_K; l++)
			off += sum[i].off[l];
		y[i * ldy] = add ? y[i * ldy] + (s - off) : s - off;
	}
}

INLINE void int_dots_group(const enum weight_type type, const int m, const uint8_t *w,
			   size_t row_bytes, int rows, int units, const struct quant_rows *x,
			   bool add, float *y, ptrdiff_t ldy)
{
	for (int j = 0; j < rows; j++)
		int_dot_row(type, m, w + (size_t)j * row_bytes, row_bytes, units, x, add, y + j,
			    ldy);
}

INLINE void int_dots_type(const enum weight_type type, const uint8_t *w, size_t row_bytes, int rows,
			  int k, const struct quant_rows *x, int m, bool add, float *y,
			  ptrdiff_t ldy)
{
	const int units = k / UNIT;

	for (int i = 0; i < m; i += GROUP) {
		const ptrdiff_t at = (ptrdiff_t)i * units;
		const struct quant_rows part = { x->q + at * UNIT, x->d + at, x->sum + at };

#define GROUP_CALL(n) int_dots_group(type, n, w, row_bytes, rows, units, &part, add, y, ldy)
		EACH_GROUP((m - i < GROUP ? m - i : GROUP), GROUP_CALL)
#undef GROUP_CALL
		y += GROUP * ldy;
	}
}

static inline void int_dots(enum weight_type type, const void *w, size_t row_bytes, int rows, int k,
			    const struct quant_rows *x, int m, bool add, float *y, ptrdiff_t ldy)
{
#define CALL(t) int_dots_type(t, w, row_bytes, rows, k, x, m, add, y, ldy)
	EACH_BLOCK_TYPE(type, CALL)
#undef CALL
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Weights of every type to fp32, 32 values at a time in registers, and the products of a
 * few rows with them.  Part of kernel_body.h.  An instruction set may define LOAD_U8,
 * LOAD_S8, LOAD_U16 (LANES integers to 32 bits), LOAD_F16 and HALF (one f16).
 */
#ifndef HARNESS_NUM_KERNEL_UNITS_H
#define HARNESS_NUM_KERNEL_UNITS_H

#include "harness/num/kernel_vector.h"
#include "harness/num/kernel_weight.h"

#define VECTORS (UNIT / LANES) /* of a unit */
#define GROUP	4	       /* rows of x that share one reading of the weights */

#ifdef LOAD_U8
#define TYPED 1 /* code of its own for each type and number of rows */
#else
#define TYPED	    0
INLINE vi load_u8(const uint8_t *p)
{
	int32_t t[LANES];
	vi v;

	for (int i = 0; i < LANES; i++)
		t[i] = p[i];
	memcpy(&v, t, sizeof(v));
	return v;
}

INLINE vi load_s8(const int8_t *p)
{
	int32_t t[LANES];
	vi v;

	for (int i = 0; i < LANES; i++)
		t[i] = p[i];
	memcpy(&v, t, sizeof(v));
	return v;
}

INLINE vi load_u16(const uint8_t *p)
{
	int32_t t[LANES];
	vi v;

	for (int i = 0; i < LANES; i++)
		t[i] = p[2 * i] | p[2 * i + 1] << 8;
	memcpy(&v, t, sizeof(v));
	return v;
}

INLINE vf load_f16(const uint8_t *p)
{
	float t[LANES];

	for (int i = 0; i < LANES; i++)
		t[i] = f16_float(p + 2 * i);
	return load(t);
}
#define LOAD_U8(p)  load_u8(p)
#define LOAD_S8(p)  load_s8(p)
#define LOAD_U16(p) load_u16(p)
#define LOAD_F16(p) load_f16(p)
#define HALF(p)	    f16_float(p)
#endif

INLINE vf int_float(vi x)
{
	return __builtin_convertvector(x, vf);
}

INLINE vi int_splat(int x)
{
	return x - (vi){ 0 };
}

INLINE void unit_q4_k(const struct q4_k *b, int s, vf v[VECTORS])
{
	int scale, min;
	float d, m;

	q4_k_scale(b->scales, s, &scale, &min);
	d = HALF(b->d) * (float)scale;
	m = HALF(b->dmin) * (float)min;
#pragma GCC unroll 8
	for (int i = 0; i < VECTORS; i++) {
		vi q = LOAD_U8(b->q + s / 2 * 32 + i * LANES) >> (s % 2 * 4) & 15;

		v[i] = FMA(int_float(q), splat(d), splat(-m));
	}
}

INLINE void unit_q6_k(const struct q6_k *b, int s, vf v[VECTORS])
{
	int half = s / 4, part = s % 4;
	float d = HALF(b->d), d0 = d * (float)b->scale[2 * s], d1 = d * (float)b->scale[2 * s + 1];

#pragma GCC unroll 8
	for (int i = 0; i < VECTORS; i++) {
		const uint8_t *l = b->low + half * 64 + part % 2 * 32, *h = b->high + half * 32;
		vi q = (LOAD_U8(l + i * LANES) >> (part / 2 * 4) & 15) |
		       (LOAD_U8(h + i * LANES) >> (part * 2) & 3) << 4;

		v[i] = int_float(q - 32) * splat(i * LANES < 16 ? d0 : d1);
	}
}

/* Unit u of a row. */
INLINE void unit(const enum weight_type type, const uint8_t *row, int u, vf v[VECTORS])
{
	const struct q8_0 *q8 = (const struct q8_0 *)row + u;
	const struct q4_0 *q4 = (const struct q4_0 *)row + u;
	size_t at = (size_t)u * UNIT;

	if (type == WEIGHT_Q4_K) {
		unit_q4_k((const struct q4_k *)row + u / 8, u % 8, v);
		return;
	}
	if (type == WEIGHT_Q6_K) {
		unit_q6_k((const struct q6_k *)row + u / 8, u % 8, v);
		return;
	}
#pragma GCC unroll 8
	for (int i = 0; i < VECTORS; i++) {
		size_t j = at + (size_t)i * LANES;

		if (type == WEIGHT_F32)
			memcpy(&v[i], row + 4 * j, sizeof(v[i]));
		else if (type == WEIGHT_F16)
			v[i] = LOAD_F16(row + 2 * j);
		else if (type == WEIGHT_BF16)
			v[i] = (vf)(LOAD_U16(row + 2 * j) << 16);
		else if (type == WEIGHT_Q8_0)
			v[i] = int_float(LOAD_S8(q8->q + i * LANES)) * splat(HALF(q8->d));
		else if (type == WEIGHT_Q4_0)
			v[i] = int_float((LOAD_U8(q4->q + i * LANES % 16) >> (i * LANES / 16 * 4) &
					  15) -
					 8) *
			       splat(HALF(q4->d));
	}
}

/* Bytes of a value of the types that have no blocks; 0: blocks. */
INLINE size_t value_bytes(const enum weight_type type)
{
	return type == WEIGHT_F32 ? 4 : type == WEIGHT_F16 || type == WEIGHT_BF16 ? 2 : 0;
}

/* The w < UNIT values of unit u where a row ends, zeros behind. */
INLINE void unit_part(const enum weight_type type, const uint8_t *row, int u, int w, vf v[VECTORS])
{
	uint8_t copy[256] = { 0 }; /* more than any block */
	size_t bytes = value_bytes(type);

	memcpy(copy, row + (size_t)u * UNIT * bytes, (size_t)w * bytes);
	unit(type, copy, 0, v);
}

INLINE void decode_type(const enum weight_type type, const uint8_t *row, int at, int n, float *dst,
			size_t step)
{
	for (int i = 0; i < n; i += UNIT) {
		int u = (at + i) / UNIT;
		vf v[VECTORS] = { { 0 } };

		if (n - i >= UNIT || !value_bytes(type))
			unit(type, row, u, v);
		else
			unit_part(type, row, u, n - i, v);
#pragma GCC unroll 8
		for (int s = 0; s < VECTORS; s++)
			store(dst + (size_t)(s / 2) * step + (size_t)(s % 2 * LANES), v[s]);
		dst += UNIT / STRIP * step;
	}
}

/* One row of weights against m rows of x, several sums each so that additions overlap. */
INLINE void dot_row(const enum weight_type type, const int m, const uint8_t *row, int k,
		    const float *x, bool add, float *y, ptrdiff_t ldy)
{
	vf acc[GROUP][4] = { { { 0 } } }, v[VECTORS] = { { 0 } };
	float rest[UNIT];
	int u = 0;

	for (; u < k / UNIT; u++) {
		unit(type, row, u, v);
#pragma GCC unroll 4
		for (int i = 0; i < m; i++)
#pragma GCC unroll 8
			for (int s = 0; s < VECTORS; s++) {
				vf a = load(x + (ptrdiff_t)i * k + u * UNIT + s * LANES);
				int t = m == 1 ? s % 4 : s % 2;

				acc[i][t] = FMA(v[s], a, acc[i][t]);
			}
	}
	if (value_bytes(type) && k % UNIT) {
		unit_part(type, row, u, k % UNIT, v);
		for (int i = 0; i < m; i++) {
			memset(rest, 0, sizeof(rest));
			memcpy(rest, x + (ptrdiff_t)i * k + u * UNIT,
			       (size_t)(k % UNIT) * sizeof(*rest));
			for (int s = 0; s < VECTORS; s++)
				acc[i][0] = FMA(v[s], load(rest + s * LANES), acc[i][0]);
		}
	}
#pragma GCC unroll 4
	for (int i = 0; i < m; i++) {
		float s = lane_sum((acc[i][0] + acc[i][1]) + (acc[i][2] + acc[i][3]));

		y[i * ldy] = add ? y[i * ldy] + s : s;
	}
}

INLINE void dots_group(const enum weight_type type, const int m, const uint8_t *w, size_t row_bytes,
		       int rows, int k, const float *x, bool add, float *y, ptrdiff_t ldy)
{
	for (int j = 0; j < rows; j++)
		dot_row(type, m, w + (size_t)j * row_bytes, k, x, add, y + j, ldy);
}

/* Calls GROUP_CALL(m) with m as a constant where that makes faster code. */
#if TYPED
#define EACH_GROUP(m, GROUP_CALL)                                                                  \
	switch (m) {                                                                               \
	case 1:                                                                                    \
		GROUP_CALL(1);                                                                     \
		break;                                                                             \
	case 2:                                                                                    \
		GROUP_CALL(2);                                                                     \
		break;                                                                             \
	case 3:                                                                                    \
		GROUP_CALL(3);                                                                     \
		break;                                                                             \
	case 4:                                                                                    \
		GROUP_CALL(4);                                                                     \
		break;                                                                             \
	}
#else
#define EACH_GROUP(m, GROUP_CALL) GROUP_CALL(m);
#endif

INLINE void dots_type(const enum weight_type type, const uint8_t *w, size_t row_bytes, int rows,
		      int k, const float *x, int m, bool add, float *y, ptrdiff_t ldy)
{
	for (int i = 0; i < m; i += GROUP) {
#define GROUP_CALL(n) dots_group(type, n, w, row_bytes, rows, k, x, add, y, ldy)
		EACH_GROUP((m - i < GROUP ? m - i : GROUP), GROUP_CALL)
#undef GROUP_CALL
		x += (ptrdiff_t)GROUP * k;
		y += GROUP * ldy;
	}
}

/* CALL(type): a statement, with the type as a constant where that makes faster code. */
#if !TYPED
#define EACH_TYPE(type, CALL)	    CALL(type);
#define EACH_BLOCK_TYPE(type, CALL) CALL(type);
#else
#define EACH_TYPE(type, CALL)                                                                      \
	switch (type) {                                                                            \
	case WEIGHT_F32:                                                                           \
		CALL(WEIGHT_F32);                                                                  \
		break;                                                                             \
	case WEIGHT_F16:                                                                           \
		CALL(WEIGHT_F16);                                                                  \
		break;                                                                             \
	case WEIGHT_BF16:                                                                          \
		CALL(WEIGHT_BF16);                                                                 \
		break;                                                                             \
	case WEIGHT_Q8_0:                                                                          \
		CALL(WEIGHT_Q8_0);                                                                 \
		break;                                                                             \
	case WEIGHT_Q4_0:                                                                          \
		CALL(WEIGHT_Q4_0);                                                                 \
		break;                                                                             \
	case WEIGHT_Q4_K:                                                                          \
		CALL(WEIGHT_Q4_K);                                                                 \
		break;                                                                             \
	case WEIGHT_Q6_K:                                                                          \
		CALL(WEIGHT_Q6_K);                                                                 \
		break;                                                                             \
	case WEIGHT_TYPES:                                                                         \
		break;                                                                             \
	}

/* CALL(type) for the types with blocks. */
#define EACH_BLOCK_TYPE(type, CALL)                                                                \
	switch (type) {                                                                            \
	case WEIGHT_Q8_0:                                                                          \
		CALL(WEIGHT_Q8_0);                                                                 \
		break;                                                                             \
	case WEIGHT_Q4_0:                                                                          \
		CALL(WEIGHT_Q4_0);                                                                 \
		break;                                                                             \
	case WEIGHT_Q4_K:                                                                          \
		CALL(WEIGHT_Q4_K);                                                                 \
		break;                                                                             \
	case WEIGHT_Q6_K:                                                                          \
		CALL(WEIGHT_Q6_K);                                                                 \
		break;                                                                             \
	case WEIGHT_F32:                                                                           \
	case WEIGHT_F16:                                                                           \
	case WEIGHT_BF16:                                                                          \
	case WEIGHT_TYPES:                                                                         \
		break;                                                                             \
	}
#endif

static inline void decode(enum weight_type type, const void *row, int at, int n, float *dst,
			  size_t step)
{
#define CALL(t) decode_type(t, row, at, n, dst, step)
	EACH_TYPE(type, CALL)
#undef CALL
}

static inline void dots(enum weight_type type, const void *w, size_t row_bytes, int rows, int k,
			const float *x, int m, bool add, float *y, ptrdiff_t ldy)
{
#define CALL(t) dots_type(t, w, row_bytes, rows, k, x, m, add, y, ldy)
	EACH_TYPE(type, CALL)
#undef CALL
}

#endif

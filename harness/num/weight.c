/* SPDX-License-Identifier: Apache-2.0
 * The definition of every weight type, value by value.  The kernels have faster
 * ways, which the tests hold to this one.
 */
#include "harness/num/weight.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static const struct {
	const char *name;
	int block, bytes; /* values and bytes of a block */
} types[WEIGHT_TYPES] = {
	[WEIGHT_F32] = { "f32", 1, 4 },
	[WEIGHT_F16] = { "f16", 1, 2 },
	[WEIGHT_BF16] = { "bf16", 1, 2 },
	[WEIGHT_Q8_0] = { "q8_0", 32, sizeof(struct q8_0) },
	[WEIGHT_Q4_0] = { "q4_0", 32, sizeof(struct q4_0) },
	[WEIGHT_Q4_K] = { "q4_K", 256, sizeof(struct q4_k) },
	[WEIGHT_Q6_K] = { "q6_K", 256, sizeof(struct q6_k) },
};

const char *weight_type_name(enum weight_type type)
{
	return types[type].name;
}

int weight_block(enum weight_type type)
{
	return types[type].block;
}

size_t weight_row_bytes(enum weight_type type, int cols)
{
	if (cols < 0 || cols % types[type].block)
		return 0;
	return (size_t)(cols / types[type].block) * (size_t)types[type].bytes;
}

static uint32_t float_bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

static float bits_float(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

/* Nearest, ties to even; too large becomes infinite; NaN stays NaN. */
static uint16_t float_f16(float f)
{
	uint32_t u = float_bits(f), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;

	if (a > 0x7f800000)
		return (uint16_t)(sign | 0x7e00);
	if (a >= 0x477ff000) /* 65520 and above */
		return (uint16_t)(sign | 0x7c00);
	if (a < 0x38800000) /* below 2^-14: multiples of 2^-24, rounded by the addition */
		return (uint16_t)(sign | (float_bits(bits_float(a) + 0.5f) - 0x3f000000));
	a += 0xfff + (a >> 13 & 1);
	return (uint16_t)(sign | ((a >> 13) - (112 << 10)));
}

static uint16_t float_bf16(float f)
{
	uint32_t u = float_bits(f);

	if ((u & 0x7fffffff) > 0x7f800000)
		return (uint16_t)(u >> 16 | 0x40);
	return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void q8_0_decode(const struct q8_0 *b, float *y)
{
	float d = f16_float(b->d);

	for (int j = 0; j < 32; j++)
		y[j] = d * (float)b->q[j];
}

static void q4_0_decode(const struct q4_0 *b, float *y)
{
	float d = f16_float(b->d);

	for (int j = 0; j < 16; j++) {
		y[j] = d * (float)((b->q[j] & 15) - 8);
		y[j + 16] = d * (float)((b->q[j] >> 4) - 8);
	}
}

static void q4_k_decode(const struct q4_k *b, float *y)
{
	float d = f16_float(b->d), dmin = f16_float(b->dmin);

	for (int s = 0; s < 8; s++) {
		const uint8_t *q = b->q + s / 2 * 32;
		int scale, min;
		float ds, dm;

		q4_k_scale(b->scales, s, &scale, &min);
		ds = d * (float)scale;
		dm = dmin * (float)min;
		for (int j = 0; j < 32; j++)
			y[s * 32 + j] = ds * (float)(s % 2 ? q[j] >> 4 : q[j] & 15) - dm;
	}
}

static void q6_k_decode(const struct q6_k *b, float *y)
{
	float d = f16_float(b->d);

	for (int i = 0; i < 256; i++) {
		int half = i / 128, part = i / 32 % 4, j = i % 32; /* part: of a half's four */
		int low = b->low[half * 64 + part % 2 * 32 + j] >> (part / 2 * 4) & 15;
		int high = b->high[half * 32 + j] >> (part * 2) & 3;

		y[i] = d * (float)b->scale[i / 16] * (float)((low | high << 4) - 32);
	}
}

void weight_decode(enum weight_type type, const void *src, float *dst, size_t n)
{
	const uint8_t *s = src;
	size_t step = (size_t)types[type].block, bytes = (size_t)types[type].bytes;

	if (type == WEIGHT_F32) {
		memcpy(dst, src, n * sizeof(*dst));
		return;
	}
	for (size_t i = 0; i + step <= n; i += step, s += bytes, dst += step)
		switch (type) {
		case WEIGHT_F16:
			*dst = f16_float(s);
			break;
		case WEIGHT_BF16:
			*dst = bits_float((uint32_t)s[0] << 16 | (uint32_t)s[1] << 24);
			break;
		case WEIGHT_Q8_0:
			q8_0_decode((const struct q8_0 *)s, dst);
			break;
		case WEIGHT_Q4_0:
			q4_0_decode((const struct q4_0 *)s, dst);
			break;
		case WEIGHT_Q4_K:
			q4_k_decode((const struct q4_k *)s, dst);
			break;
		case WEIGHT_Q6_K:
			q6_k_decode((const struct q6_k *)s, dst);
			break;
		case WEIGHT_F32:
		case WEIGHT_TYPES:
			break;
		}
}

static void q8_0_encode(struct q8_0 *b, const float *x)
{
	float most = 0, d, inverse;

	for (int j = 0; j < 32; j++)
		most = fmaxf(most, fabsf(x[j]));
	d = most / 127;
	inverse = d > 0 ? 1 / d : 0;
	put16(b->d, float_f16(d));
	for (int j = 0; j < 32; j++)
		b->q[j] = (int8_t)fmaxf(-127, fminf(127, roundf(x[j] * inverse)));
}

/* The value of largest size becomes -8, so that its sign uses the longer side. */
static void q4_0_encode(struct q4_0 *b, const float *x)
{
	float most = 0, d, inverse;

	for (int j = 0; j < 32; j++)
		if (fabsf(x[j]) > fabsf(most))
			most = x[j];
	d = most / -8;
	inverse = d != 0 ? 1 / d : 0;
	put16(b->d, float_f16(d));
	for (int j = 0; j < 16; j++) {
		int low = (int)fmaxf(0, fminf(15, floorf(x[j] * inverse + 8.5f)));
		int high = (int)fmaxf(0, fminf(15, floorf(x[j + 16] * inverse + 8.5f)));

		b->q[j] = (uint8_t)(low | high << 4);
	}
}

bool weight_encode(enum weight_type type, const float *src, void *dst, size_t n)
{
	uint8_t *d = dst;
	size_t step = (size_t)types[type].block, bytes = (size_t)types[type].bytes;

	if (type == WEIGHT_Q4_K || type == WEIGHT_Q6_K)
		return false;
	for (size_t i = 0; i + step <= n; i += step, d += bytes, src += step)
		switch (type) {
		case WEIGHT_F32:
			memcpy(d, src, sizeof(*src));
			break;
		case WEIGHT_F16:
			put16(d, float_f16(*src));
			break;
		case WEIGHT_BF16:
			put16(d, float_bf16(*src));
			break;
		case WEIGHT_Q8_0:
			q8_0_encode((struct q8_0 *)d, src);
			break;
		case WEIGHT_Q4_0:
			q4_0_encode((struct q4_0 *)d, src);
			break;
		case WEIGHT_Q4_K:
		case WEIGHT_Q6_K:
		case WEIGHT_TYPES:
			break;
		}
	return true;
}

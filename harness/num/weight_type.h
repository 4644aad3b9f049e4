/* SPDX-License-Identifier: Apache-2.0
 * The types that weights come in, and the blocks of the quantised ones as they lie in
 * a file (little-endian, ggml's layouts).
 */
#ifndef HARNESS_NUM_WEIGHT_TYPE_H
#define HARNESS_NUM_WEIGHT_TYPE_H

#include <stdint.h>
#include <string.h>

enum weight_type {
	WEIGHT_F32,
	WEIGHT_F16,
	WEIGHT_BF16,
	WEIGHT_Q8_0,
	WEIGHT_Q4_0,
	WEIGHT_Q4_K,
	WEIGHT_Q6_K,
	WEIGHT_TYPES
};

/* d, dmin: f16 bits.  Bytes only (but for int8_t), so a block may lie at any address. */
struct q8_0 { /* value = d * q */
	uint8_t d[2];
	int8_t q[32];
};

struct q4_0 { /* value = d * (q - 8); byte j holds values j (low half) and j + 16 */
	uint8_t d[2], q[16];
};

struct q4_k { /* value = d * scale * q - dmin * min, scale and min of each 32 values */
	uint8_t d[2], dmin[2];
	uint8_t scales[12]; /* 8 scales and 8 mins of 6 bits: see q4_k_scale() */
	uint8_t q[128];	    /* 32 bytes hold 64 values: first the low halves, then the high ones */
};

struct q6_k { /* value = d * scale * (q - 32), scale of each 16 values */
	uint8_t low[128], high[64];
	int8_t scale[16];
	uint8_t d[2];
};

/* Scale and min of sub-block j of 8: the first four are the low six bits of bytes j and
 * j + 4; of the last four the low four bits share a byte, the high two lie on top of the first. */
static inline void q4_k_scale(const uint8_t *s, int j, int *scale, int *min)
{
	if (j < 4) {
		*scale = s[j] & 63;
		*min = s[j + 4] & 63;
	} else {
		*scale = (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
		*min = s[j + 4] >> 4 | (s[j] >> 6) << 4;
	}
}

/* f16 bits to float, exact. */
static inline float f16_float(const uint8_t b[2])
{
	uint32_t h = (uint32_t)b[0] | (uint32_t)b[1] << 8, sign = (h & 0x8000) << 16, u;
	uint32_t exponent = h >> 10 & 31, fraction = h & 0x3ff;
	float f;

	if (exponent == 0) { /* zero or a multiple of 2^-24 */
		f = (float)fraction * 0x1p-24f;
		memcpy(&u, &f, sizeof(u));
		u |= sign;
	} else {
		u = sign | (exponent == 31 ? 0x7f800000 : (exponent + 112) << 23) | fraction << 13;
	}
	memcpy(&f, &u, sizeof(f));
	return f;
}

#endif

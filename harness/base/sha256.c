/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/base/sha256.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#define LONG 16384

static const uint32_t round_constant[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t turn(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

static void schedule(const uint8_t block[64], uint32_t w[64])
{
	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
		       (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
	for (int i = 16; i < 64; i++)
		w[i] = w[i - 16] + w[i - 7] +
		       (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3) +
		       (turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10);
}

/* Blocks of 64 bytes. */
static void add_plain(uint32_t h[8], const uint8_t *p, size_t blocks)
{
	for (; blocks; blocks--, p += 64) {
		uint32_t w[64], v[8];

		schedule(p, w);
		memcpy(v, h, sizeof(v));
		/* a, b, … h change places: variable k of round i is v[(k - i) mod 8] */
		for (unsigned g = 0; g < 64; g += 8)
#pragma GCC unroll 8
			for (unsigned i = 0; i < 8; i++) {
				const uint32_t a = v[-i & 7], b = v[(1 - i) & 7],
					       c = v[(2 - i) & 7], e = v[(4 - i) & 7],
					       f = v[(5 - i) & 7], n = v[(6 - i) & 7];
				const uint32_t t =
					v[(7 - i) & 7] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) +
					((e & f) ^ (~e & n)) + round_constant[g + i] + w[g + i];

				v[(3 - i) & 7] += t;
				v[(7 - i) & 7] = t + (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) +
						 ((a & b) ^ (a & c) ^ (b & c));
			}
		for (int i = 0; i < 8; i++)
			h[i] += v[i];
	}
}

#if defined(__x86_64__)

/* SHA, SSSE3 and SSE4.1. */
static bool has_instructions(void)
{
	unsigned a, b, c, d, leaf7;

	if (!__get_cpuid_count(7, 0, &a, &leaf7, &c, &d) || !__get_cpuid(1, &a, &b, &c, &d))
		return false;
	return leaf7 & bit_SHA && c & bit_SSSE3 && c & bit_SSE4_1;
}

/* The same with the processor's own instructions: four rounds a step, the state as two vectors
 * (f e b a) and (h g d c), lowest first. */
__attribute__((target("sha,ssse3,sse4.1"))) static void add_fast(uint32_t h[8], const uint8_t *p,
								 size_t blocks)
{
	const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i x = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)h), 0xb1);
	__m128i y =
		_mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)(h + 4)), 0x1b);
	__m128i feba = _mm_alignr_epi8(x, y, 8), hgdc = _mm_blend_epi16(y, x, 0xf0);

	for (; blocks; blocks--, p += 64) {
		const __m128i feba_was = feba, hgdc_was = hgdc;
		__m128i w[4];

#pragma GCC unroll 16
		for (int g = 0; g < 16; g++) {
			const __m128i *k = (const __m128i *)(const void *)(round_constant + 4 * g);
			__m128i *now = &w[g & 3], sum;

			if (g < 4) {
				*now = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * g));
				*now = _mm_shuffle_epi8(*now, order);
			} else {
				x = _mm_alignr_epi8(w[(g + 3) & 3], w[(g + 2) & 3], 4);
				y = _mm_sha256msg1_epu32(*now, w[(g + 1) & 3]);
				*now = _mm_sha256msg2_epu32(_mm_add_epi32(y, x), w[(g + 3) & 3]);
			}
			sum = _mm_add_epi32(*now, _mm_loadu_si128(k));
			hgdc = _mm_sha256rnds2_epu32(hgdc, feba, sum);
			feba = _mm_sha256rnds2_epu32(feba, hgdc, _mm_shuffle_epi32(sum, 0x0e));
		}
		feba = _mm_add_epi32(feba, feba_was);
		hgdc = _mm_add_epi32(hgdc, hgdc_was);
	}
	x = _mm_shuffle_epi32(feba, 0x1b);
	y = _mm_shuffle_epi32(hgdc, 0xb1);
	_mm_storeu_si128((__m128i *)(void *)h, _mm_blend_epi16(x, y, 0xf0));
	_mm_storeu_si128((__m128i *)(void *)(h + 4), _mm_alignr_epi8(y, x, 8));
}

#else

static bool has_instructions(void)
{
	return false;
}

static void add_fast(uint32_t h[8], const uint8_t *p, size_t blocks)
{
	add_plain(h, p, blocks);
}

#endif

static void digest(const void *data, size_t len, bool fast, char out[SHA256_HEX])
{
	uint32_t h[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
			  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	void (*add)(uint32_t h[8], const uint8_t *p, size_t blocks) = fast ? add_fast : add_plain;
	const size_t left = len % 64;
	uint8_t tail[128] = { 0 };

	if (len >= 64)
		add(h, data, len / 64);
	if (left)
		memcpy(tail, (const uint8_t *)data + (len - left), left);
	tail[left] = 0x80;
	for (int i = 0; i < 8; i++)
		tail[(left < 56 ? 63 : 127) - i] = (uint8_t)((uint64_t)len * 8 >> 8 * i);
	add(h, tail, left < 56 ? 1 : 2);
	for (int i = 0; i < 64; i++)
		out[i] = "0123456789abcdef"[h[i / 8] >> (28 - i % 8 * 4) & 15];
	out[64] = '\0';
}

void sha256_hex(const void *data, size_t len, char out[SHA256_HEX])
{
	/* asking the processor takes as long as some blocks do, far longer in a virtual machine */
	digest(data, len, len >= LONG && has_instructions(), out);
}

void sha256_hex_plain(const void *data, size_t len, char out[SHA256_HEX])
{
	digest(data, len, false, out);
}

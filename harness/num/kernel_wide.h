/* SPDX-License-Identifier: Apache-2.0
 * What the AVX-512 sets share: sixteen floats a vector, tiles of 12 x 32, and how
 * weights are loaded.  Each sets its target and its dot products, then includes this.
 */
#ifndef HARNESS_NUM_KERNEL_WIDE_H
#define HARNESS_NUM_KERNEL_WIDE_H

#include "harness/num/kernel.h"

#if defined(__AVX512BW__) && defined(__F16C__) && defined(KERNEL_TABLE)

#include <immintrin.h>

#define LANES	     16
#define ROWS	     12
#define FMA(a, b, c) ((vf)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))

#define LOAD_U8(p)  ((vi)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i_u *)(p))))
#define LOAD_S8(p)  ((vi)_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i_u *)(p))))
#define LOAD_U16(p) ((vi)_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i_u *)(p))))
#define LOAD_F16(p) ((vf)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i_u *)(p))))
#define HALF(p)	    _cvtsh_ss((unsigned short)((p)[0] | (p)[1] << 8))

#define NIBBLES(p)                                                                                 \
	((b32)_mm256_and_si256(                                                                    \
		_mm256_set_m128i(_mm_srli_epi16(_mm_loadu_si128((const __m128i_u *)(p)), 4),       \
				 _mm_loadu_si128((const __m128i_u *)(p))),                         \
		_mm256_set1_epi8(15)))

#ifndef DOT_BYTES
/* The unsigned bytes are at most 128, so sums of two fit 16 bits. */
#define DOT_BYTES(u, s)                                                                            \
	((i8x)_mm256_madd_epi16(_mm256_maddubs_epi16((__m256i)(u), (__m256i)(s)),                  \
				_mm256_set1_epi16(1)))
#endif
#ifndef DOT_PAIRS
#define DOT_PAIRS(acc, a, b) ((acc) + (vi)_mm512_madd_epi16((__m512i)(a), (__m512i)(b)))
#endif
#define INTS_FAST 1

#include "harness/num/kernel_body.h"

#endif
#endif

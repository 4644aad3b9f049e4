/* SPDX-License-Identifier: Apache-2.0
 * What the AVX-512 sets share: sixteen floats a vector, tiles of 12 x 32, and how
 * weights are loaded.  Each sets its target and its dot products, then includes this.
 */
#ifndef HARNESS_NUM_KERNEL_WIDE_H
#define HARNESS_NUM_KERNEL_WIDE_H

#include "harness/num/kernel.h"

#if defined(__AVX512BW__) && defined(__F16C__) && defined(KERNEL_TABLE)

#include "harness/num/kernel_x86.h"

#define LANES	     16
#define ROWS	     12
#define FMA(a, b, c) ((vf)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))

#define LOAD_U8(p)  ((vi)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i_u *)(p))))
#define LOAD_S8(p)  ((vi)_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i_u *)(p))))
#define LOAD_U16(p) ((vi)_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i_u *)(p))))
#define LOAD_F16(p) ((vf)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i_u *)(p))))
#define QUARTERS(p, step)                                                                          \
	((bv)_mm512_inserti64x4(_mm512_castsi256_si512(TWO_16(p, step)),                           \
				TWO_16((p) + 2 * (step), step), 1))
#define PERMUTE(v, index) ((fv)_mm512_permutexvar_ps((__m512i)(index), (__m512)(v)))

#ifdef DOT_QUADS
#define DOT_BYTES(acc, u, s) DOT_QUADS(acc, u, s)
#else
/* The unsigned bytes are at most 128, so sums of two fit 16 bits. */
#define DOT_BYTES(acc, u, s)                                                                       \
	((acc) + (iv)_mm512_madd_epi16(_mm512_maddubs_epi16((__m512i)(u), (__m512i)(s)),           \
				       _mm512_set1_epi16(1)))
#endif
#ifndef DOT_PAIRS
#define DOT_PAIRS(acc, a, b) ((acc) + (vi)_mm512_madd_epi16((__m512i)(a), (__m512i)(b)))
#endif
#define INTS_FAST 1

#include "harness/num/kernel_body.h"

#endif
#endif

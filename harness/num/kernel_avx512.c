/* SPDX-License-Identifier: Apache-2.0
 * The kernels for AVX-512: sixteen floats a vector, tiles of 12 x 32.
 */
#if defined(__x86_64__)

#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c,prefer-vector-width=512")

#include <immintrin.h>

#define KERNEL_TABLE kernels_avx512
#define KERNEL_NAME  "avx512"
#define LANES	     16
#define ROWS	     12
#define FMA(a, b, c) ((vf)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))

#define LOAD_U8(p)  ((vi)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i_u *)(p))))
#define LOAD_S8(p)  ((vi)_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i_u *)(p))))
#define LOAD_U16(p) ((vi)_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i_u *)(p))))
#define LOAD_F16(p) ((vf)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i_u *)(p))))
#define HALF(p)	    _cvtsh_ss((unsigned short)((p)[0] | (p)[1] << 8))

/* The unsigned bytes are at most 128, so sums of two fit 16 bits. */
#define DOT_BYTES(u, s)                                                                            \
	((i8x)_mm256_madd_epi16(_mm256_maddubs_epi16((__m256i)(u), (__m256i)(s)),                  \
				_mm256_set1_epi16(1)))
#define DOT_PAIRS(acc, a, b) ((acc) + (vi)_mm512_madd_epi16((__m512i)(a), (__m512i)(b)))
#define INTS_FAST	     1

#include "harness/num/kernel_body.h"

#else
typedef int kernels_avx512_not_here; /* a translation unit may not be empty */
#endif

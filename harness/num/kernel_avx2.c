/* SPDX-License-Identifier: Apache-2.0
 * The kernels for AVX2 with FMA: eight floats a vector, tiles of 6 x 16.
 */
#if defined(__x86_64__)

#pragma GCC target("avx2,fma,f16c")

#include "harness/num/kernel_x86.h"

#define KERNEL_TABLE kernels_avx2
#define KERNEL_NAME  "avx2"
#define LANES	     8
#define ROWS	     6
#define FMA(a, b, c) ((vf)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))

#define LOAD_U8(p)	  ((vi)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i_u *)(p))))
#define LOAD_S8(p)	  ((vi)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i_u *)(p))))
#define LOAD_U16(p)	  ((vi)_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i_u *)(p))))
#define LOAD_F16(p)	  ((vf)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i_u *)(p))))
#define QUARTERS(p, step) ((bv)TWO_16(p, step))
#define PERMUTE(v, index) ((fv)_mm256_permutevar8x32_ps((__m256)(v), (__m256i)(index)))

/* The unsigned bytes are at most 128, so sums of two fit 16 bits. */
#define DOT_BYTES(acc, u, s)                                                                       \
	((acc) + (iv)_mm256_madd_epi16(_mm256_maddubs_epi16((__m256i)(u), (__m256i)(s)),           \
				       _mm256_set1_epi16(1)))
#define DOT_PAIRS(acc, a, b) ((acc) + (vi)_mm256_madd_epi16((__m256i)(a), (__m256i)(b)))
#define INTS_FAST	     1

#include "harness/num/kernel_body.h"

#else
typedef int kernels_avx2_not_here; /* a translation unit may not be empty */
#endif

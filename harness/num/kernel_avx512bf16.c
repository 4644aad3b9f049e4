/* SPDX-License-Identifier: Apache-2.0
 * The kernels for AVX-512 with dot products of bytes and of bf16.
 */
#if defined(__x86_64__)

#pragma GCC target(                                                                                \
	"avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c,avx512vnni,avx512bf16,prefer-vector-width=512")

#define KERNEL_TABLE kernels_avx512bf16
#define KERNEL_NAME  "avx512bf16"
#define HAVE_QUADS   1

#define DOT_PAIRS(acc, a, b) ((vi)_mm512_dpwssd_epi32((__m512i)(acc), (__m512i)(a), (__m512i)(b)))
#define DOT_QUADS(acc, u, s) ((vi)_mm512_dpbusd_epi32((__m512i)(acc), (__m512i)(u), (__m512i)(s)))

#define HAVE_BF16 1

#define DOT_BF16(acc, a, b) ((vf)_mm512_dpbf16_ps((__m512)(acc), (__m512bh)(a), (__m512bh)(b)))

/* _mm512_cvtne2ps_pbh puts its second operand into the lower half */
#define BF16_ROW(p)                                                                                \
	((vf)(__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps((p) + 16), _mm512_loadu_ps(p)))
#define BF16_PAIR(low, high)                                                                       \
	((vf)_mm512_permutexvar_epi16(                                                             \
		WORD_ORDER, (__m512i)_mm512_cvtne2ps_pbh((__m512)(high), (__m512)(low))))
#define WORD_ORDER                                                                                 \
	_mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22,  \
			 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0)

#include "harness/num/kernel_wide.h"

#else
typedef int kernels_avx512bf16_not_here; /* a translation unit may not be empty */
#endif

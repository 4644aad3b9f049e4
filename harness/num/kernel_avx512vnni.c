/* SPDX-License-Identifier: Apache-2.0
 * The kernels for AVX-512 with dot products of bytes.
 */
#if defined(__x86_64__)

#pragma GCC target(                                                                                \
	"avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c,avx512vnni,prefer-vector-width=512")

#define KERNEL_TABLE kernels_avx512vnni
#define KERNEL_NAME  "avx512vnni"
#define HAVE_QUADS   1

#define DOT_PAIRS(acc, a, b) ((vi)_mm512_dpwssd_epi32((__m512i)(acc), (__m512i)(a), (__m512i)(b)))
#define DOT_QUADS(acc, u, s) ((vi)_mm512_dpbusd_epi32((__m512i)(acc), (__m512i)(u), (__m512i)(s)))

#include "harness/num/kernel_wide.h"

#else
typedef int kernels_avx512vnni_not_here; /* a translation unit may not be empty */
#endif

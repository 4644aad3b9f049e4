/* SPDX-License-Identifier: Apache-2.0
 * The kernels for AVX2 with FMA: eight floats a vector, tiles of 6 x 16.
 */
#if defined(__x86_64__)

#pragma GCC target("avx2,fma")

#include <immintrin.h>

#define KERNEL_TABLE kernels_avx2
#define KERNEL_NAME  "avx2"
#define LANES	     8
#define ROWS	     6
#define FMA(a, b, c) ((vf)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))

#include "harness/num/kernel_body.h"

#else
typedef int kernels_avx2_not_here; /* a translation unit may not be empty */
#endif

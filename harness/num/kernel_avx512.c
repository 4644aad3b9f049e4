/* SPDX-License-Identifier: Apache-2.0
 * The kernels for AVX-512: sixteen floats a vector, tiles of 12 x 32.
 */
#if defined(__x86_64__)

#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,prefer-vector-width=512")

#include <immintrin.h>

#define KERNEL_TABLE kernels_avx512
#define KERNEL_NAME  "avx512"
#define LANES	     16
#define ROWS	     12
#define FMA(a, b, c) ((vf)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))

#include "harness/num/kernel_body.h"

#else
typedef int kernels_avx512_not_here; /* a translation unit may not be empty */
#endif

/* SPDX-License-Identifier: Apache-2.0
 * The kernels for AVX-512.
 */
#if defined(__x86_64__)

#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c,prefer-vector-width=512")

#define KERNEL_TABLE kernels_avx512
#define KERNEL_NAME  "avx512"

#include "harness/num/kernel_wide.h"

#else
typedef int kernels_avx512_not_here; /* a translation unit may not be empty */
#endif

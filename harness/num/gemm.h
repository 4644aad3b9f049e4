/* SPDX-License-Identifier: Apache-2.0
 * The one seam for matrix products of whole row-major matrices.  Products go to
 * the packed kernels or to OpenBLAS's sgemm, whichever was faster at that size.
 */
#ifndef HARNESS_NUM_GEMM_H
#define HARNESS_NUM_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/pool.h"
#include "harness/num/kernel.h"

/* How a product is computed; work: gemm_work() floats, on a cache line for speed. */
struct gemm_ctx {
	const struct kernels *kern;
	struct pool *pool; /* may be NULL; the result does not depend on it */
	float *work;
	bool mixed; /* operands rounded to bf16 as they are packed; sums stay fp32 */
};

/* c (m, n) = (or += when add)
 *   nt: a (m, k) b (n, k)'     nn: a (m, k) b (k, n)     tn: a (k, m)' b (k, n) */
void gemm_nt(const struct gemm_ctx *g, int m, int n, int k, const float *a, const float *b,
	     bool add, float *c);
void gemm_nn(const struct gemm_ctx *g, int m, int n, int k, const float *a, const float *b,
	     bool add, float *c);
void gemm_tn(const struct gemm_ctx *g, int m, int n, int k, const float *a, const float *b,
	     bool add, float *c);
/* Floats of scratch of any of the three at this size (g->work is not looked at). */
size_t gemm_work(const struct gemm_ctx *g, int m, int n, int k);

/* c = a b' by OpenBLAS alone, in the caller: the yardstick of the benchmark. */
void gemm_library(int m, int n, int k, const float *a, const float *b, float *c);

/* OpenBLAS runs in the calling thread only from now on: runs are parallel as processes. */
void num_blas_one_thread(void);
/* "kernels avx2; OpenBLAS 0.3.21 …, core Zen, 1 thread" into buf; returns buf. */
const char *num_blas_describe(const struct kernels *kern, char *buf, size_t size);
/* A sentence about an environment that changes speed or results (OPENBLAS_CORETYPE,
 * OPENBLAS_L2_SIZE), or NULL. */
const char *num_blas_warning(void);

#endif

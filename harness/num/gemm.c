/* SPDX-License-Identifier: Apache-2.0
 * Matrix products; the only file that sees cblas.
 */
#include "harness/num/gemm.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>

/* Above this depth and width the library's blocking for the second-level cache
 * wins over the packed kernels (measured with tests/bench_decoder.c). */
#define BLAS_SIDE 512

static bool use_blas(int m, int n, int k)
{
	return m >= BLAS_SIDE && n >= BLAS_SIDE && k >= BLAS_SIDE;
}

static void blas(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, const float *a,
		 const float *b, bool add, float *c)
{
	cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1.0f, a, ta == CblasTrans ? m : k, b,
		    tb == CblasTrans ? k : n, add ? 1.0f : 0.0f, c, n);
}

void gemm_nt(const struct gemm_ctx *g, int m, int n, int k, const float *a, const float *b,
	     bool add, float *c)
{
	if (use_blas(m, n, k)) {
		blas(CblasNoTrans, CblasTrans, m, n, k, a, b, add, c);
		return;
	}
	g->kern->pack(g->work, b, 1, k, k, n);
	g->kern->gemm(m, n, k, a, k, 1, g->work, (size_t)k * (size_t)g->kern->strip, add, c, n);
}

void gemm_nn(const struct gemm_ctx *g, int m, int n, int k, const float *a, const float *b,
	     bool add, float *c)
{
	if (use_blas(m, n, k)) {
		blas(CblasNoTrans, CblasNoTrans, m, n, k, a, b, add, c);
		return;
	}
	g->kern->pack(g->work, b, n, 1, k, n);
	g->kern->gemm(m, n, k, a, k, 1, g->work, (size_t)k * (size_t)g->kern->strip, add, c, n);
}

void gemm_tn(const struct gemm_ctx *g, int m, int n, int k, const float *a, const float *b,
	     bool add, float *c)
{
	if (use_blas(m, n, k)) {
		blas(CblasTrans, CblasNoTrans, m, n, k, a, b, add, c);
		return;
	}
	g->kern->pack(g->work, b, n, 1, k, n);
	g->kern->gemm(m, n, k, a, 1, m, g->work, (size_t)k * (size_t)g->kern->strip, add, c, n);
}

size_t gemm_work(const struct gemm_ctx *g, int m, int n, int k)
{
	(void)m;
	return kernels_packed(g->kern, k, n);
}

void num_blas_one_thread(void)
{
	openblas_set_num_threads(1);
}

const char *num_blas_describe(char *buf, size_t size)
{
	int threads = openblas_get_num_threads();

	snprintf(buf, size, "kernels %s; %s, core %s, %d thread%s", kernels_best()->name,
		 openblas_get_config(), openblas_get_corename(), threads, threads == 1 ? "" : "s");
	return buf;
}

const char *num_blas_warning(void)
{
	const char *core = getenv("OPENBLAS_CORETYPE"), *l2 = getenv("OPENBLAS_L2_SIZE");

	if (core && *core)
		return "OPENBLAS_CORETYPE is set: large products may run at half speed and "
		       "round differently; unset it unless that is wanted";
	if (l2 && *l2)
		return "OPENBLAS_L2_SIZE is set: it changes the blocking of large products; "
		       "unset it unless that is wanted";
	return NULL;
}

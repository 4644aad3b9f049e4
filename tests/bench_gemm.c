/* SPDX-License-Identifier: Apache-2.0
 * Speed of matrix products on one core: the processor's measured peaks, then rates and
 * shares of OpenBLAS, oneDNN where it was found, and our own kernels by type.  The ways run
 * in turn and medians of processor time are shown.  Not a test.
 *   bench_gemm [rounds, default 7] [kernels] [rows of x] [side]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/num/gemm.h"
#include "harness/num/kernel_weight.h"
#include "harness/num/weight.h"
#include "tests/onednn.h"

#define ROUNDS 101
#define WAYS   20

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(double *t, int n)
{
	qsort(t, (size_t)n, sizeof(*t), by_size);
	return t[n / 2];
}

static void *room(size_t bytes)
{
	void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);

	if (!p) {
		fprintf(stderr, "bench_gemm: no memory for %zu bytes\n", bytes);
		exit(1);
	}
	memset(p, 0, bytes);
	return p;
}

static void fill(float *p, size_t n)
{
	uint32_t s = 1;

	for (size_t i = 0; i < n; i++) {
		s = s * 1664525 + 1013904223;
		p[i] = (float)(s >> 8) * 0x1p-23f - 1;
	}
}

/* The peaks of fp32 and of bf16 (0: no such products): a tile against a strip that never leave
 * the first-level cache. */
static double peak(const struct kernels *kern, bool bf16)
{
	const int m = kern->rows, n = kern->strip, k = 256;
	float *a = room((size_t)(m * k) * 4), *b = room((size_t)(n * k) * 4);
	float *c = room((size_t)(m * n) * 4);
	double best = 0;

	for (int r = 0; r < 20 && !(bf16 && !kern->weight->bf16); r++) {
		double t = cpu_s();

		for (int i = 0; i < 5000 && bf16; i++)
			kern->weight->bf16_panel(m, n, k, (void *)a, (void *)b, false, c, n);
		for (int i = 0; i < 5000 && !bf16; i++)
			kern->panel(m, n, k, a, b, false, c, n);
		t = 2e-9 * 5000 * m * n * k / (cpu_s() - t);
		best = t > best ? t : best;
	}
	free(a);
	free(b);
	free(c);
	return best;
}

/* Reading 256 MB, far beyond the caches. */
static double bandwidth(const struct kernels *kern)
{
	size_t n = (size_t)64 << 20;
	float *p = room(n * sizeof(*p));
	double t[7], sum = 0;

	fill(p, n);
	for (int r = 0; r < 7; r++) {
		t[r] = cpu_s();
		sum += kern->sum_squares(p, n);
		t[r] = cpu_s() - t[r];
	}
	free(p);
	return sum > 0 ? 4e-9 * (double)n / median(t, 7) : 0;
}

struct shape {
	int m, n, k;
};

/* Operands shared by all ways of one shape. */
struct table {
	const struct kernels *kern;
	struct shape s;
	float *x, *w, *y, *work;
	void *data[WEIGHT_TYPES];
	struct frozen f[WEIGHT_TYPES][2]; /* as it lies, packed */
	void *scratch;
	struct onednn peer[ONEDNN_TYPES];
	bool there[ONEDNN_TYPES];
};

struct way {
	const char *name;
	enum weight_type type;
	int packed; /* -1: both operands change; -2: OpenBLAS; from -3 on: oneDNN's types */
	enum frozen_path path;
};

static const struct way ways[] = {
	{ "OpenBLAS", WEIGHT_F32, -2, FROZEN_AUTO },
	{ "oneDNN f32", WEIGHT_F32, -3 - ONEDNN_F32, FROZEN_AUTO },
	{ "oneDNN bf16", WEIGHT_BF16, -3 - ONEDNN_BF16, FROZEN_AUTO },
	{ "oneDNN int8", WEIGHT_Q8_0, -3 - ONEDNN_INT8, FROZEN_AUTO },
	{ "own f32 x f32", WEIGHT_F32, -1, FROZEN_AUTO },
	{ "f32", WEIGHT_F32, 0, FROZEN_AUTO },
	{ "f32 packed", WEIGHT_F32, 1, FROZEN_AUTO },
	{ "f16", WEIGHT_F16, 0, FROZEN_AUTO },
	{ "bf16", WEIGHT_BF16, 0, FROZEN_AUTO },
	{ "bf16 packed", WEIGHT_BF16, 1, FROZEN_AUTO },
	{ "q8_0 fp32", WEIGHT_Q8_0, 0, FROZEN_FLOAT },
	{ "q8_0 int8", WEIGHT_Q8_0, 0, FROZEN_INT8 },
	{ "q8_0 int8 packed", WEIGHT_Q8_0, 1, FROZEN_INT8 },
	{ "q4_0 int8", WEIGHT_Q4_0, 0, FROZEN_INT8 },
	{ "q4_K fp32", WEIGHT_Q4_K, 0, FROZEN_FLOAT },
	{ "q4_K int8", WEIGHT_Q4_K, 0, FROZEN_INT8 },
	{ "q6_K int8", WEIGHT_Q6_K, 0, FROZEN_INT8 },
};

static void table_make(struct table *t)
{
	size_t nw = (size_t)t->s.n * (size_t)t->s.k, work = 0;
	struct gemm_ctx g = { .kern = t->kern };
	struct err err = { 0 };

	t->x = room((size_t)t->s.m * (size_t)t->s.k * 4);
	t->w = room(nw * 4);
	t->y = room((size_t)t->s.m * (size_t)t->s.n * 4);
	fill(t->x, (size_t)t->s.m * (size_t)t->s.k);
	fill(t->w, nw);
	t->work = room(gemm_work(&g, t->s.m, t->s.n, t->s.k) * 4);
	for (int i = 0; i < WEIGHT_TYPES; i++) {
		struct weight w = { (enum weight_type)i, t->s.n, t->s.k, NULL };
		struct frozen_job job = { .kern = t->kern };

		t->data[i] = room(weight_row_bytes(w.type, t->s.k) * (size_t)t->s.n);
		/* K types have no encoder: zeros cost what anything costs */
		weight_encode(w.type, t->w, t->data[i], nw);
		w.data = t->data[i];
		for (int p = 0; p < 2; p++)
			if (frozen_make(&t->f[i][p], &w, p, t->kern, &err)) {
				fprintf(stderr, "bench_gemm: %s\n", err.msg);
				exit(1);
			}
		for (int path = FROZEN_AUTO; path <= FROZEN_INT8; path++) {
			size_t need;

			job.path = (enum frozen_path)path;
			need = frozen_work(&job, &t->f[i][0], t->s.m);
			work = need > work ? need : work;
		}
	}
	t->scratch = room(work);
	for (int i = 0; i < ONEDNN_TYPES; i++)
		t->there[i] = onednn_make(&t->peer[i], (enum onednn_type)i, t->s.m, t->s.n, t->s.k,
					  t->x, t->w, t->y);
}

static void table_free(struct table *t)
{
	for (int i = 0; i < ONEDNN_TYPES; i++)
		if (t->there[i])
			onednn_free(&t->peer[i]);
	for (int i = 0; i < WEIGHT_TYPES; i++) {
		frozen_free(&t->f[i][0]);
		frozen_free(&t->f[i][1]);
		free(t->data[i]);
	}
	free(t->x);
	free(t->w);
	free(t->y);
	free(t->work);
	free(t->scratch);
}

/* Whether it can run here. */
static bool has_way(const struct table *t, const struct way *w)
{
	return w->packed > -3 || t->there[-3 - w->packed];
}

static void run_way(struct table *t, const struct way *w)
{
	struct shape s = t->s;
	struct gemm_ctx g = { .kern = t->kern, .work = t->work };
	struct frozen_job job = { .kern = t->kern, .path = w->path, .work = t->scratch };

	if (w->packed <= -3)
		onednn_run(&t->peer[-3 - w->packed]);
	else if (w->packed == -2)
		gemm_library(s.m, s.n, s.k, t->x, t->w, t->y);
	else if (w->packed == -1)
		gemm_nt(&g, s.m, s.n, s.k, t->x, t->w, false, t->y);
	else
		frozen_nt(&job, &t->f[w->type][w->packed], s.m, t->x, false, t->y);
}

/* top: the peaks of fp32 and bf16 */
static void bench(const struct kernels *kern, struct shape s, int rounds, const double top[2],
		  double read)
{
	struct table t = { .kern = kern, .s = s };
	int n = (int)(sizeof(ways) / sizeof(ways[0]));
	double time[WAYS][ROUNDS], flops = 2.0 * s.m * s.n * s.k;
	int again = 1 + (int)(2e7 / flops);

	table_make(&t);
	for (int r = -1; r < rounds; r++)
		for (int i = 0; i < n; i++) {
			double from = cpu_s();

			for (int a = 0; a < again && has_way(&t, &ways[i]); a++)
				run_way(&t, &ways[i]);
			if (r >= 0)
				time[i][r] = (cpu_s() - from) / again;
		}
	for (int i = 0; i < n; i++) {
		double sec = median(time[i], rounds);
		double bytes = (double)weight_row_bytes(ways[i].type, s.k) * s.n;
		bool bf16 = ways[i].type == WEIGHT_BF16 && top[1] > 0;

		if (!has_way(&t, &ways[i]))
			continue;
		printf("%4d x %4d x %4d  %-17s %7.1f GF/s %4.0f%% of the %s peak", s.m, s.n, s.k,
		       ways[i].name, 1e-9 * flops / sec, 1e-7 * flops / sec / top[bf16],
		       bf16 ? "bf16" : "fp32");
		if (s.m <= 8)
			printf("  %5.1f GB/s %4.0f%% of reading", 1e-9 * bytes / sec,
			       1e-7 * bytes / sec / read);
		putchar('\n');
	}
	table_free(&t);
}

int main(int argc, char **argv)
{
	static const struct shape weights[] = { { 0, 512, 512 },
						{ 0, 1376, 512 },
						{ 0, 4096, 4096 } };
	static const int ms[] = { 1, 4, 32, 128, 256, 512 };
	int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 7;
	const struct kernels *kern = argc > 2 ? kernels_named(argv[2]) : kernels_best();
	double top[2], read;
	char text[512];

	if (!kern || rounds < 1 || rounds > ROUNDS) {
		fprintf(stderr, "usage: bench_gemm [rounds up to %d] [kernels]\n", ROUNDS);
		return 2;
	}
	num_blas_one_thread();
	top[0] = peak(kern, false);
	top[1] = peak(kern, true);
	read = bandwidth(kern);
	printf("%s\n%s: peak %.1f GF/s in fp32, %.1f in bf16 (0: none), reading %.1f GB/s\n",
	       num_blas_describe(kern, text, sizeof(text)), kern->name, top[0], top[1], read);
	for (size_t i = 0; i < sizeof(weights) / sizeof(weights[0]); i++)
		for (size_t j = 0; j < sizeof(ms) / sizeof(ms[0]); j++) {
			struct shape s = weights[i];

			s.m = ms[j];
			if ((argc < 4 || s.m == strtol(argv[3], NULL, 10)) &&
			    (argc < 5 || s.n == strtol(argv[4], NULL, 10)))
				bench(kern, s, rounds, top, read);
		}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * Products with operands in bf16: exactly those of the rounded operands up to the order
 * of fp32 sums, on every kernel set, whatever the pool; and a net that learns with them.
 */
#include "tests/test.h"

#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "harness/num/params.h"
#include "harness/num/tape.h"
#include "harness/num/gemm.h"
#include "harness/num/weight.h"
#include "models/backbone/decoder.h"
#include "tests/dialogue.h"
#include "tests/wide_kernels.h"

static float *noise(size_t n, struct rng *r)
{
	float *p = aligned_alloc(64, (n + 16) / 16 * 64);

	CHECK(p);
	for (size_t i = 0; i < n; i++)
		p[i] = (float)rng_normal(r);
	return p;
}

/* Nearest bf16 by comparing both neighbours. */
static double rounded(float x)
{
	float low, high;
	uint32_t u, v;

	memcpy(&u, &x, sizeof(u));
	v = u & 0xffff0000;
	memcpy(&low, &v, sizeof(v));
	v += 0x10000;
	memcpy(&high, &v, sizeof(v));
	if (fabs((double)x - (double)low) == fabs((double)high - (double)x))
		return (u >> 16) & 1 ? (double)high : (double)low;
	return fabs((double)x - (double)low) < fabs((double)high - (double)x) ? (double)low
									      : (double)high;
}

enum way { NT, NN, TN };

static void multiply(const struct gemm_ctx *g, enum way w, const int *s, const float *a,
		     const float *b, bool add, float *c)
{
	switch (w) {
	case NT:
		gemm_nt(g, s[0], s[1], s[2], a, b, add, c);
		break;
	case NN:
		gemm_nn(g, s[0], s[1], s[2], a, b, add, c);
		break;
	case TN:
		gemm_tn(g, s[0], s[1], s[2], a, b, add, c);
		break;
	}
}

/* Element (i, j) in double, and the sum of the products' sizes. */
static double exact(enum way w, const int *s, const float *a, const float *b, int i, int j,
		    double *size)
{
	double sum = 0;

	*size = 0;
	for (int p = 0; p < s[2]; p++) {
		double x = rounded(w == TN ? a[p * s[0] + i] : a[i * s[2] + p]);
		double y = rounded(w == NT ? b[j * s[2] + p] : b[p * s[1] + j]);

		sum += x * y;
		*size += fabs(x * y);
	}
	return sum;
}

static void product_case(const struct kernels *kern, struct pool *pool, enum way w, const int *s,
			 bool add, struct rng *r)
{
	size_t n = (size_t)s[0] * (size_t)s[1];
	struct gemm_ctx g = { .kern = kern, .mixed = true };
	float *a = noise((size_t)s[0] * (size_t)s[2], r),
	      *b = noise((size_t)s[1] * (size_t)s[2], r);
	float *one = noise(n, r), *more = noise(n, r), start = add ? 0.5f : NAN;

	g.work = noise(gemm_work(&g, s[0], s[1], s[2]), r);
	for (size_t i = 0; i < n; i++)
		one[i] = more[i] = start;
	multiply(&g, w, s, a, b, add, one);
	g.pool = pool;
	memset(g.work, 0xff, gemm_work(&g, s[0], s[1], s[2]) * sizeof(float));
	multiply(&g, w, s, a, b, add, more);
	CHECK(!memcmp(one, more, n * sizeof(float)));
	for (int e = 0; e < 60; e++) {
		int i = (int)rng_below(r, (uint64_t)s[0]), j = (int)rng_below(r, (uint64_t)s[1]);
		double size, x = exact(w, s, a, b, i, j, &size) + (add ? 0.5 : 0);

		CHECK_NEAR((double)one[i * s[1] + j], x, 1e-6 * (size + 1));
	}
	free(a);
	free(b);
	free(one);
	free(more);
	free(g.work);
}

static void test_products(void **state)
{
	static const int shape[][3] = {
		{ 1, 1, 1 }, { 7, 33, 5 }, { 100, 130, 77 }, { 205, 300, 513 }, { 97, 20, 600 },
	};
	struct err err = { 0 };
	struct pool *pool = pool_new(3, &err);
	struct rng r;

	(void)state;
	CHECK_OK(&err);
	rng_seed(&r, 8, 0);
	for (size_t k = 0; k < ARRAY_LEN(kernel_sets); k++) {
		const struct kernels *kern = kernel_set(kernel_sets[k]);

		for (size_t i = 0; kern && i < ARRAY_LEN(shape); i++)
			for (int w = NT; w <= TN; w++)
				for (int add = 0; add < 2; add++)
					product_case(kern, pool, (enum way)w, shape[i], add, &r);
	}
	pool_free(pool);
}

/* A frozen weight in bf16, (rows, cols), and both products with it on the mixed path. */
static void frozen_case(const struct kernels *kern, int m, int rows, int cols, bool pack,
			struct rng *r)
{
	const size_t size = (size_t)rows * (size_t)cols;
	const int nt[3] = { m, rows, cols }, nn[3] = { m, cols, rows };
	float *w = noise(size, r), *x = noise((size_t)(m * cols), r);
	float *dy = noise((size_t)(m * rows), r), *y = noise((size_t)(m * rows), r);
	float *dx = noise((size_t)(m * cols), r);
	uint16_t *data = malloc(size * sizeof(*data));
	const struct weight view = { WEIGHT_BF16, rows, cols, data };
	struct frozen_job job = { .kern = kern, .path = FROZEN_MIXED };
	struct err err = { 0 };
	struct frozen f;

	CHECK(data && weight_encode(WEIGHT_BF16, w, data, size));
	weight_decode(WEIGHT_BF16, data, w, size);
	frozen_make(&f, &view, pack, kern, &err);
	CHECK_OK(&err);
	job.work = noise(frozen_work(&job, &f, m), r);
	frozen_nt(&job, &f, m, x, false, y);
	frozen_nn(&job, &f, m, dy, false, dx);
	for (int e = 0; e < 60; e++) {
		int i = (int)rng_below(r, (uint64_t)m), j = (int)rng_below(r, (uint64_t)rows);
		int k = (int)rng_below(r, (uint64_t)cols);
		double sum, more = exact(NT, nt, x, w, i, j, &sum);

		CHECK_NEAR((double)y[i * rows + j], more, 1e-6 * (sum + 1));
		more = exact(NN, nn, dy, w, i, k, &sum);
		CHECK_NEAR((double)dx[i * cols + k], more, 1e-6 * (sum + 1));
	}
	frozen_free(&f);
	free(job.work);
	free(data);
	free(w);
	free(x);
	free(dy);
	free(y);
	free(dx);
}

static void test_frozen(void **state)
{
	static const int shape[][3] = { { 1, 5, 3 },   { 2, 70, 129 },	{ 8, 33, 600 },
					{ 9, 40, 64 }, { 30, 130, 77 }, { 101, 67, 1030 } };
	struct rng r;

	(void)state;
	rng_seed(&r, 4, 0);
	for (size_t k = 0; k < ARRAY_LEN(kernel_sets); k++) {
		const struct kernels *kern = kernel_set(kernel_sets[k]);

		for (size_t i = 0; kern && i < ARRAY_LEN(shape); i++)
			for (int pack = 0; pack < 2; pack++)
				frozen_case(kern, shape[i][0], shape[i][1], shape[i][2], pack, &r);
	}
}

/* auto: rounded where the kernels multiply bf16, else exactly as off. */
static void test_auto(void **state)
{
	static const enum tape_mixed mixed[2] = { MIXED_OFF, MIXED_AUTO };
	struct rng r;

	(void)state;
	rng_seed(&r, 5, 0);
	for (size_t k = 0; k < ARRAY_LEN(kernel_sets); k++) {
		struct tensor x = { .rows = 30, .cols = 40, .data = noise(30 * 40, &r) };
		struct tensor w = { .rows = 20, .cols = 40, .data = noise(20 * 40, &r) };
		struct tape t = { .kern = kernel_set(kernel_sets[k]) };
		float out[2][30 * 20];

		for (int i = 0; t.kern && i < 2; i++) {
			const struct tensor *y;

			t.mixed = mixed[i];
			tape_begin(&t, false);
			y = tape_run(&t, (struct op){ .kind = OP_LINEAR, .in = { &x, &w } });
			CHECK_OK(&t.err);
			memcpy(out[i], y->data, sizeof(out[i]));
		}
		if (t.kern)
			CHECK(!memcmp(out[0], out[1], sizeof(out[0])) == !t.kern->weight->bf16);
		tape_free(&t);
		free(x.data);
		free(w.data);
	}
}

/* Infinities and NaN stay what they are; ties go to the even neighbour. */
static void test_round(void **state)
{
	static const float in[] = { INFINITY, -INFINITY, 1.00390625f, 1.01171875f, 3.4e38f, -0.0f };
	static const float out[] = { INFINITY, -INFINITY, 1.0f, 1.015625f, INFINITY, -0.0f };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(kernel_sets); k++) {
		const struct kernels *kern = kernel_set(kernel_sets[k]);
		float x[ARRAY_LEN(in)], nan = NAN;

		if (!kern)
			continue;
		memcpy(x, in, sizeof(in));
		kern->bf16_round(x, ARRAY_LEN(in));
		CHECK(!memcmp(x, out, sizeof(out)));
		kern->bf16_round(&nan, 1);
		CHECK(isnan(nan));
	}
}

/* Gradients of a layer are close to those of fp32, and not the same. */
static void test_layer(void **state)
{
	struct tape t = { .kern = kernels_best() };
	struct tensor x = { .rows = 60, .cols = 80 }, w = { .rows = 70, .cols = 80 };
	float *grad[2][2];
	struct rng r;

	(void)state;
	rng_seed(&r, 3, 0);
	x.data = noise(60 * 80, &r);
	w.data = noise(70 * 80, &r);
	for (int i = 0; i < 2; i++) {
		struct tensor *y;

		x.grad = grad[i][0] = noise(60 * 80, &r);
		w.grad = grad[i][1] = noise(70 * 80, &r);
		x.live = w.live = false;
		t.mixed = i ? MIXED_FORCE : MIXED_OFF;
		tape_begin(&t, true);
		y = tape_run(&t, (struct op){ .kind = OP_LINEAR, .in = { &x, &w } });
		y = tape_run(&t, (struct op){ .kind = OP_GELU, .in = { y } });
		CHECK_OK(&t.err);
		tape_backward(&t, y);
	}
	for (int k = 0; k < 2; k++) {
		double off = 0, size = 0;

		for (int i = 0; i < (k ? 70 : 60) * 80; i++) {
			off += pow((double)grad[0][k][i] - (double)grad[1][k][i], 2);
			size += pow((double)grad[0][k][i], 2);
		}
		CHECK(off > 0 && off < 1e-4 * size);
		free(grad[0][k]);
		free(grad[1][k]);
	}
	free(x.data);
	free(w.data);
	tape_free(&t);
}

/* The decoder hands its option on: rounded products train nearly, not exactly, the same. */
static void test_decoder(void **state)
{
	struct decoder_config c = {
		.vocab = 60, .dim = 32, .layers = 2, .heads = 4, .ff = 64, .rope_theta = 10000
	};
	struct made *m = calloc(1, sizeof(*m));
	double loss[2] = { 0 };

	(void)state;
	CHECK(m);
	for (int i = 0; i < 2; i++) {
		struct err err = { 0 };
		struct decoder *d;
		struct rng r;

		c.mixed = i ? MIXED_FORCE : MIXED_OFF;
		d = decoder_new(&c, 1, &err);
		CHECK(d);
		rng_seed(&r, 1, 0);
		made_dialogue(m, &c, 4, 12, 100, &r);
		decoder_train(d, &m->p, NULL, &loss[i], &err);
		CHECK_OK(&err);
		decoder_free(d);
	}
	CHECK(loss[0] != loss[1]);
	CHECK_NEAR(loss[1] / loss[0], 1, 1e-2);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_products), cmocka_unit_test(test_frozen),
		cmocka_unit_test(test_auto),	 cmocka_unit_test(test_round),
		cmocka_unit_test(test_layer),	 cmocka_unit_test(test_decoder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

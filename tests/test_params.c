/* SPDX-License-Identifier: Apache-2.0
 * Kernels and matrix products against plain loops; AdamW against its formula in
 * double; checkpoints that are damaged in every way are refused.
 */
#include "tests/test.h"

#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "harness/num/gemm.h"
#include "harness/num/params.h"
#include "harness/num/tape.h"

static const char *const sets[] = { "base", "avx2", "avx512" };

static float *noise(size_t n, struct rng *r)
{
	float *p = mem_calloc(n, sizeof(*p));

	if (!p)
		fail_msg("no memory");
	for (size_t i = 0; i < n; i++)
		p[i] = (float)rng_normal(r);
	return p;
}

/* Packed product of strided operands into a wider matrix; nothing beside it is touched. */
static void check_product(const struct kernels *kern, int m, int n, int k, bool flip, bool add,
			  struct rng *r)
{
	ptrdiff_t ars = flip ? 1 : k + 3, acs = flip ? m + 2 : 1, ldc = n + 5;
	float *a = noise((size_t)((m + 3) * (k + 3)), r), *b = noise((size_t)(n * k + 1), r);
	float *c = noise((size_t)(m * ldc + 5), r), *p = noise(kernels_packed(kern, k, n) + 1, r);
	float *was = noise((size_t)(m * ldc + 5), r);

	memcpy(was, c, (size_t)(m * ldc + 5) * sizeof(*c));
	kern->pack(p, b, flip ? 1 : n, flip ? k : 1, k, n);
	kern->gemm(m, n, k, a, ars, acs, p, (size_t)k * (size_t)kern->strip, add, c, ldc);
	for (int i = 0; i < m; i++)
		for (int j = 0; j < ldc; j++) {
			double s = add || j >= n ? (double)was[i * ldc + j] : 0;

			for (int q = 0; q < k && j < n; q++)
				s += (double)a[i * ars + q * acs] *
				     (double)b[flip ? j * k + q : q * n + j];
			CHECK_NEAR((double)c[i * ldc + j], s, j < n ? 1e-5 * (1 + sqrt(k)) : 0);
		}
	free(a);
	free(b);
	free(c);
	free(p);
	free(was);
}

static void test_kernels(void **state)
{
	static const int side[] = { 1, 5, 16, 17, 33, 100 }, depth[] = { 0, 1, 7, 256, 300 };
	struct rng r;

	(void)state;
	rng_seed(&r, 1, 0);
	for (size_t s = 0; s < ARRAY_LEN(sets); s++) {
		const struct kernels *kern = kernels_named(sets[s]);

		for (size_t i = 0; kern && i < ARRAY_LEN(side) * ARRAY_LEN(side); i++)
			check_product(kern, side[i / ARRAY_LEN(side)], side[i % ARRAY_LEN(side)],
				      depth[i % ARRAY_LEN(depth)], i & 1, i & 2, &r);
		for (double x = -86.9; kern && x < 84; x += 0.0371) {
			float v[19], sum = 0;

			for (int i = 0; i < 19; i++)
				v[i] = (float)x;
			sum = kern->exp_sum(v, 19, 1.0f, 0.0f);
			CHECK_NEAR((double)v[0] / exp((double)(float)x), 1, 3e-7);
			CHECK_NEAR((double)v[18] / (double)v[0], 1, 0);
			CHECK_NEAR((double)sum / (double)v[0], 19, 1e-4);
		}
	}
	CHECK(!kernels_named("sse9"));
}

struct triple {
	float *nt, *nn, *tn;
};

static struct triple products(const struct kernels *kern, int threads, const int size[3],
			      const float *a, const float *b, struct rng *r)
{
	int m = size[0], n = size[1], k = size[2];
	size_t out = (size_t)m * (size_t)n;
	struct triple t = { noise(out, r), noise(out, r), noise(out, r) };
	struct err err = { 0 };
	struct gemm_ctx g = { .kern = kern, .pool = pool_new(threads, &err) };

	CHECK_OK(&err);
	g.work = noise(gemm_work(&g, m, n, k), r);
	memset(t.nt, 0xff, out * sizeof(float));
	memset(t.nn, 0, out * sizeof(float));
	memset(t.tn, 0xff, out * sizeof(float));
	gemm_nt(&g, m, n, k, a, b, false, t.nt);
	gemm_nn(&g, m, n, k, a, b, true, t.nn);
	gemm_tn(&g, m, n, k, a, b, false, t.tn);
	pool_free(g.pool);
	free(g.work);
	return t;
}

static void triple_free(struct triple *t)
{
	free(t->nt);
	free(t->nn);
	free(t->tn);
}

/* Against sums in double at some places, and bit for bit the same whatever the pool. */
static void gemm_case(const struct kernels *kern, const int size[3], struct rng *r)
{
	int m = size[0], n = size[1], k = size[2];
	size_t out = (size_t)m * (size_t)n * sizeof(float);
	float *a = noise((size_t)m * (size_t)k, r), *b = noise((size_t)n * (size_t)k, r);
	struct triple one = products(kern, 1, size, a, b, r);

	for (int threads = 2; threads <= 3; threads++) {
		struct triple t = products(kern, threads, size, a, b, r);

		CHECK(!memcmp(one.nt, t.nt, out) && !memcmp(one.nn, t.nn, out));
		CHECK(!memcmp(one.tn, t.tn, out));
		triple_free(&t);
	}
	for (int e = 0; e < 50; e++) {
		int i = (int)rng_below(r, (uint64_t)m), j = (int)rng_below(r, (uint64_t)n);
		double x = 0, y = 0, z = 0;

		for (int q = 0; q < k; q++) {
			x += (double)a[i * k + q] * (double)b[j * k + q];
			y += (double)a[i * k + q] * (double)b[q * n + j];
			z += (double)a[q * m + i] * (double)b[q * n + j];
		}
		CHECK_NEAR((double)one.nt[i * n + j], x, 1e-4);
		CHECK_NEAR((double)one.nn[i * n + j], y, 1e-4);
		CHECK_NEAR((double)one.tn[i * n + j], z, 1e-4);
	}
	triple_free(&one);
	free(a);
	free(b);
}

/* The seam, on all sides of the sizes where its ways part. */
static void test_gemm(void **state)
{
	static const int size[][3] = { { 1, 1, 1 },	 { 61, 61, 61 },   { 531, 531, 531 },
				       { 200, 63, 700 }, { 13, 300, 193 }, { 97, 64, 300 },
				       { 500, 500, 16 } };
	char text[256];
	struct rng r;

	(void)state;
	rng_seed(&r, 2, 0);
	num_blas_one_thread();
	for (size_t s = 0; s < ARRAY_LEN(sets); s++)
		for (size_t i = 0; i < ARRAY_LEN(size); i++)
			if (kernels_named(sets[s]))
				gemm_case(kernels_named(sets[s]), size[i], &r);
	CHECK(strstr(num_blas_describe(kernels_best(), text, sizeof(text)), "OpenBLAS"));
	CHECK(strstr(text, kernels_best()->name) && strstr(text, "1 thread"));
}

static void test_environment(void **state)
{
	(void)state;
	unsetenv("OPENBLAS_L2_SIZE");
	setenv("OPENBLAS_CORETYPE", "Haswell", 1);
	CHECK(strstr(num_blas_warning(), "OPENBLAS_CORETYPE"));
	unsetenv("OPENBLAS_CORETYPE");
	setenv("OPENBLAS_L2_SIZE", "1", 1);
	CHECK(strstr(num_blas_warning(), "OPENBLAS_L2_SIZE"));
	unsetenv("OPENBLAS_L2_SIZE");
	CHECK(!num_blas_warning());
}

static void test_mask(void **state)
{
	struct tape t = { .kern = kernels_best() };
	struct rng r;
	const uint8_t *m;
	int kept = 0;

	(void)state;
	rng_seed(&r, 3, 0);
	tape_begin(&t, true);
	m = tape_mask(&t, 100001, 0.3, &r);
	for (int i = 0; i < 100001; i++)
		kept += m[i];
	CHECK_NEAR(kept / 100001.0, 0.7, 0.01);
	m = tape_mask(&t, 9, 0.0, &r);
	for (int i = 0; i < 9; i++)
		CHECK(m[i] == 1);
	tape_free(&t);
}

static void make(struct params *ps)
{
	static const struct param row[] = {
		{ .name = "w",
		  .rows = 5,
		  .cols = 7,
		  .init = PARAM_NORMAL,
		  .std = 0.5,
		  .train = true,
		  .decay = true },
		{ .name = "frozen", .rows = 3, .cols = 3, .init = PARAM_NORMAL, .std = 1 },
		{ .name = "gain", .rows = 1, .cols = 21, .init = PARAM_ONE, .train = true },
		{ .name = "extra", .rows = 2, .cols = 2, .train = true, .optional = true },
	};
	struct err err = { 0 };

	*ps = (struct params){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		params_add(ps, &row[i], &err);
	params_alloc(ps, 7, &err);
	CHECK_OK(&err);
}

/* Three steps of each value by the formula, with clipping in the second. */
static void test_adamw(void **state)
{
	const struct adamw_options o = { 0.01, 0.9, 0.95, 1e-8, 0.1, 2.0 };
	double w[35], m[35] = { 0 }, v[35] = { 0 };
	struct params ps;
	struct err err = { 0 };
	struct rng r;

	(void)state;
	rng_seed(&r, 4, 0);
	make(&ps);
	CHECK(params_count(&ps, false) == 35 + 9 + 21 + 4);
	CHECK(params_count(&ps, true) == 35 + 21 + 4);
	CHECK(!params_find(&ps, "frozen")->t.grad && !params_find(&ps, "none"));
	for (int i = 0; i < 35; i++)
		w[i] = (double)ps.p[0].t.data[i];
	for (int step = 1; step <= 3; step++) {
		double norm = 0, scale = 0.5;

		for (size_t p = 0; p < ps.n; p++)
			for (size_t i = 0; ps.p[p].train && i < tensor_size(&ps.p[p].t); i++) {
				float g = (float)rng_normal(&r) * (step == 2 ? 3.0f : 0.2f);

				ps.p[p].t.grad[i] = g;
				ps.p[p].t.live = true;
				norm += (double)g * (double)g * 0.25;
			}
		CHECK((sqrt(norm) > 2) == (step == 2));
		scale *= step == 2 ? 2 / sqrt(norm) : 1;
		for (int i = 0; i < 35; i++) {
			double g = (double)ps.p[0].t.grad[i] * scale;

			m[i] = 0.9 * m[i] + 0.1 * g;
			v[i] = 0.95 * v[i] + 0.05 * g * g;
			w[i] = w[i] * (1 - 0.001) -
			       0.01 * (m[i] / (1 - pow(0.9, step))) /
				       (sqrt(v[i] / (1 - pow(0.95, step))) + 1e-8);
		}
		params_adamw(&ps, kernels_best(), &o, 0.5, &err);
		CHECK_OK(&err);
		for (int i = 0; i < 35; i++)
			CHECK_NEAR((double)ps.p[0].t.data[i], w[i], 2e-6);
		CHECK(!ps.p[0].t.live && !ps.p[2].t.live);
	}
	/* what nothing has added to counts as zero, whatever is left in its memory */
	for (int i = 0; i < 35; i++) {
		m[i] *= 0.9;
		v[i] *= 0.95;
		w[i] = w[i] * (1 - 0.001) -
		       0.01 * (m[i] / (1 - pow(0.9, 4))) / (sqrt(v[i] / (1 - pow(0.95, 4))) + 1e-8);
		ps.p[0].t.grad[i] = NAN;
	}
	params_adamw(&ps, kernels_best(), &o, 0.5, &err);
	CHECK_OK(&err);
	for (int i = 0; i < 35; i++)
		CHECK_NEAR((double)ps.p[0].t.data[i], w[i], 2e-6);
	ps.p[2].t.grad[4] = NAN;
	ps.p[2].t.live = true;
	params_adamw(&ps, kernels_best(), &o, 1, &err);
	CHECK_ERR(&err, ERR_DATA, "not finite");
	CHECK_NEAR((double)ps.p[0].t.data[3], w[3], 2e-6);
	CHECK(!ps.p[2].t.live);
	params_free(&ps);
}

static void test_keep(void **state)
{
	struct params ps;
	struct err err = { 0 };
	float was;

	(void)state;
	make(&ps);
	was = ps.p[1].t.data[2];
	params_restore(&ps, &err);
	CHECK_ERR(&err, ERR_INTERNAL, "no parameters were kept");
	params_keep(&ps, &err);
	ps.p[1].t.data[2] = 9;
	params_restore(&ps, &err);
	CHECK_OK(&err);
	CHECK_NEAR((double)ps.p[1].t.data[2], (double)was, 0);
	params_free(&ps);
	params_free(&ps);
}

/* A checkpoint as bytes, changed and read again. */
struct file {
	char *dir, *path;
	char *data;
	size_t len;
};

static void file_make(struct file *f, const struct params *ps, const char *config)
{
	struct err err = { 0 };
	FILE *out;

	f->dir = scratch_make();
	f->path = path_join(f->dir, "a.ckpt");
	out = fopen(f->path, "wb");
	CHECK(out);
	params_write(ps, config, out, f->path, &err);
	io_close(out, f->path, &err);
	io_read_file(f->path, 1 << 20, &f->data, &f->len, &err);
	CHECK_OK(&err);
}

static void file_remove(struct file *f)
{
	scratch_remove(f->dir);
	free(f->path);
	free(f->data);
}

static int file_read(const struct file *f, const char *data, size_t len, struct params *ps,
		     const char *config, const char *other, struct err *err)
{
	FILE *in;

	io_write_atomic(f->path, data, len, err);
	CHECK_OK(err);
	in = fopen(f->path, "rb");
	CHECK(in);
	params_read(ps, config, other, in, f->path, err);
	fclose(in);
	return err->code;
}

static void test_checkpoint(void **state)
{
	struct params a, b;
	struct err err = { 0 };
	struct file f;
	char *bad;

	(void)state;
	make(&a);
	make(&b);
	file_make(&f, &a, "{\"dim\":5}");
	for (size_t i = 0; i < b.size; i++)
		b.data[i] = -1;
	file_read(&f, f.data, f.len, &b, "{\"dim\":5}", NULL, &err);
	CHECK_OK(&err);
	for (size_t p = 0; p < a.n; p++)
		CHECK(!memcmp(a.p[p].t.data, b.p[p].t.data,
			      tensor_size(&a.p[p].t) * sizeof(float)));
	file_read(&f, f.data, f.len, &b, "{\"dim\":6}", NULL, &err);
	CHECK_ERR(&err, ERR_FORMAT, "written with {\"dim\":5}, this model has {\"dim\":6}");
	file_read(&f, f.data, f.len, &b, "{\"dim\":6}", "{\"dim\":5}", &err);
	CHECK_OK(&err);
	/* any bit, anywhere: refused, and the values stay */
	bad = mem_calloc(f.len, 1);
	CHECK(bad);
	for (size_t bit = 0; bit < 8 * f.len; bit += bit < 240 ? 1 : 61) {
		memcpy(bad, f.data, f.len);
		bad[bit / 8] = (char)(bad[bit / 8] ^ (1 << bit % 8));
		CHECK(file_read(&f, bad, f.len, &b, "{\"dim\":5}", NULL, &err));
		err = (struct err){ 0 };
	}
	for (size_t len = 0; len < f.len; len += len < 40 ? 1 : 37) {
		CHECK(file_read(&f, f.data, len, &b, "{\"dim\":5}", NULL, &err) == ERR_FORMAT);
		err = (struct err){ 0 };
	}
	memcpy(bad, f.data, f.len);
	memset(bad + 8, 0x7f, 8);
	file_read(&f, bad, f.len, &b, "{\"dim\":5}", NULL, &err);
	CHECK_ERR(&err, ERR_FORMAT, "header of");
	CHECK(!memcmp(a.data, b.data, tensor_size(&a.p[0].t) * sizeof(float)));
	free(bad);
	file_remove(&f);
	params_free(&a);
	params_free(&b);
}

/* Sound files of another set: a row too many, too few, of another shape. */
static void test_other_rows(void **state)
{
	struct params a, b = { 0 };
	struct err err = { 0 };
	struct file f;

	(void)state;
	make(&a);
	for (size_t i = 0; i < 3; i++)
		params_add(&b, &a.p[i], &err);
	params_alloc(&b, 1, &err);
	file_make(&f, &b, "{}");
	CHECK(a.p[3].optional);
	file_read(&f, f.data, f.len, &a, "{}", NULL, &err);
	CHECK_OK(&err);
	a.p[3].optional = false;
	file_read(&f, f.data, f.len, &a, "{}", NULL, &err);
	CHECK_ERR(&err, ERR_FORMAT, "parameter extra is missing");
	a.p[2].rows = 2;
	file_read(&f, f.data, f.len, &a, "{}", NULL, &err);
	CHECK_ERR(&err, ERR_FORMAT, "parameter gain is 1 x 21, this model has 2 x 21");
	a.p[2].name[0] = 'G';
	file_read(&f, f.data, f.len, &a, "{}", NULL, &err);
	CHECK_ERR(&err, ERR_FORMAT, "parameter gain is not part");
	file_remove(&f);
	params_free(&a);
	params_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernels),	    cmocka_unit_test(test_gemm),
		cmocka_unit_test(test_environment), cmocka_unit_test(test_mask),
		cmocka_unit_test(test_adamw),	    cmocka_unit_test(test_keep),
		cmocka_unit_test(test_checkpoint),  cmocka_unit_test(test_other_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

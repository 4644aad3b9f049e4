/* SPDX-License-Identifier: Apache-2.0
 * Frozen weights: every type against blocks written down by hand and against a
 * second definition, encoding within its bounds, products against plain loops in double for
 * every kernel set, type and path, whatever the pool, on poisoned memory.
 */
#include "tests/test.h"

#include "harness/base/pool.h"
#include "harness/base/rng.h"
#include "harness/num/weight.h"
#include "tests/wide_kernels.h"

static const enum weight_type all[] = { WEIGHT_F32,  WEIGHT_F16,  WEIGHT_BF16, WEIGHT_Q8_0,
					WEIGHT_Q4_0, WEIGHT_Q4_K, WEIGHT_Q6_K };

/* f16 by its meaning, not by its bits. */
static double half(unsigned h)
{
	int e = (int)(h >> 10 & 31), f = (int)(h & 0x3ff);
	double v = e == 31 ? (f ? (double)NAN : (double)INFINITY)
		   : e	   ? ldexp(1 + f / 1024.0, e - 15)
			   : ldexp(f / 1024.0, -14);

	return h & 0x8000 ? -v : v;
}

static void test_f16(void **state)
{
	(void)state;
	for (unsigned h = 0; h < 65536; h++) {
		uint8_t b[2] = { (uint8_t)h, (uint8_t)(h >> 8) }, back[2];
		float f, up, down;

		weight_decode(WEIGHT_F16, b, &f, 1);
		if (isnan(half(h))) {
			CHECK(isnan(f));
			CHECK(weight_encode(WEIGHT_F16, &f, back, 1));
			weight_decode(WEIGHT_F16, back, &f, 1);
			CHECK(isnan(f));
			continue;
		}
		CHECK((double)f == half(h) && !signbit(f) == !(h & 0x8000));
		CHECK(weight_encode(WEIGHT_F16, &f, back, 1));
		CHECK(back[0] == b[0] && back[1] == b[1]);
		if ((h & 0x7fff) >= 0x7bff)
			continue;
		/* half way to the next: the even one; a little more or less: the nearer one */
		f = (float)((half(h) + half(h + 1)) / 2);
		up = nextafterf(f, (float)half(h + 1));
		down = nextafterf(f, (float)half(h));
		CHECK(weight_encode(WEIGHT_F16, &f, back, 1));
		CHECK((back[0] | back[1] << 8) == (int)(h + h % 2));
		CHECK(weight_encode(WEIGHT_F16, &up, back, 1));
		CHECK((back[0] | back[1] << 8) == (int)(h + 1));
		CHECK(weight_encode(WEIGHT_F16, &down, back, 1));
		CHECK((back[0] | back[1] << 8) == (int)h);
	}
}

static void test_bf16(void **state)
{
	static const float from[] = { 1.0f, -2.5f, 1.00390625f, 1.01171875f, 3.4e38f, 1e-40f };
	static const float to[] = { 1.0f, -2.5f, 1.0f, 1.015625f, (float)INFINITY, 0x1p-133f };
	uint8_t b[2];
	float y, nan = nanf("");

	(void)state;
	for (int i = 0; i < 6; i++) {
		CHECK(weight_encode(WEIGHT_BF16, &from[i], b, 1));
		weight_decode(WEIGHT_BF16, b, &y, 1);
		CHECK(y == to[i]);
	}
	CHECK(weight_encode(WEIGHT_BF16, &nan, b, 1));
	weight_decode(WEIGHT_BF16, b, &y, 1);
	CHECK(isnan(y));
	b[0] = 0x49;
	b[1] = 0x40;
	weight_decode(WEIGHT_BF16, b, &y, 1);
	CHECK(y == 3.140625f);
}

static void noise(void *p, size_t n, struct rng *r)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)p)[i] = (uint8_t)rng_u64(r);
}

/* Random bytes with scales in range: blocks as no encoder of ours writes them. */
static void random_rows(enum weight_type type, void *p, size_t bytes, struct rng *r)
{
	uint8_t *b = p;
	size_t block = weight_row_bytes(type, weight_block(type));

	if (type == WEIGHT_F32 || type == WEIGHT_F16 || type == WEIGHT_BF16) {
		for (size_t i = 0; i < bytes; i += block) {
			float x = (float)rng_normal(r);

			CHECK(weight_encode(type, &x, b + i, 1));
		}
		return;
	}
	noise(p, bytes, r);
	for (size_t i = 0; i < bytes; i += block) {
		float d = (float)(0.01 + 0.01 * rng_normal(r)), m = (float)(0.01 * rng_normal(r));
		size_t at = type == WEIGHT_Q6_K ? i + 208 : i;

		CHECK(weight_encode(WEIGHT_F16, &d, b + at, 1));
		if (type == WEIGHT_Q4_K)
			CHECK(weight_encode(WEIGHT_F16, &m, b + i + 2, 1));
	}
}

static int bits(const uint8_t *b, int at, int n)
{
	int v = 0;

	for (int i = 0; i < n; i++)
		v |= (b[(at + i) / 8] >> ((at + i) % 8) & 1) << i;
	return v;
}

/* Value i of a row by a second reading of the format: bit positions. */
static double value_at(enum weight_type type, const uint8_t *row, int i)
{
	int block = weight_block(type), j = i % block, s, scale, min;
	const uint8_t *b = row + weight_row_bytes(type, i - j);
	float f;

	switch (type) {
	case WEIGHT_F32:
		memcpy(&f, b, sizeof(f));
		return (double)f;
	case WEIGHT_F16:
		return half((unsigned)bits(b, 0, 16));
	case WEIGHT_BF16:
		return (bits(b, 15, 1) ? -1 : 1) * ldexp(128 + bits(b, 0, 7), bits(b, 7, 8) - 134);
	case WEIGHT_Q8_0:
		return half((unsigned)bits(b, 0, 16)) * (int8_t)b[2 + j];
	case WEIGHT_Q4_0:
		return half((unsigned)bits(b, 0, 16)) *
		       (bits(b, 16 + j % 16 * 8 + j / 16 * 4, 4) - 8);
	case WEIGHT_Q4_K:
		s = j / 32;
		scale = s < 4 ? bits(b, 32 + s * 8, 6)
			      : bits(b, 64 + s * 8, 4) | bits(b, s * 8 + 6, 2) << 4;
		min = s < 4 ? bits(b, 64 + s * 8, 6)
			    : bits(b, 64 + s * 8 + 4, 4) | bits(b, 32 + s * 8 + 6, 2) << 4;
		return half((unsigned)bits(b, 0, 16)) * scale *
			       bits(b, 128 + (j / 64 * 32 + j % 32) * 8 + j / 32 % 2 * 4, 4) -
		       half((unsigned)bits(b, 16, 16)) * min;
	case WEIGHT_Q6_K:
		scale = bits(b, (128 + 64) * 8 + j / 16 * 8, 8);
		s = bits(b, (j / 128 * 64 + j % 64) * 8 + j / 64 % 2 * 4, 4) |
		    bits(b, (128 + j / 128 * 32 + j % 32) * 8 + j / 32 % 4 * 2, 2) << 4;
		return half((unsigned)bits(b, 208 * 8, 16)) * (scale - (scale > 127 ? 256 : 0)) *
		       (s - 32);
	case WEIGHT_TYPES:
		break;
	}
	return (double)NAN;
}

static void test_decode(void **state)
{
	struct rng r;

	(void)state;
	rng_seed(&r, 3, 0);
	for (size_t t = 0; t < sizeof(all) / sizeof(all[0]); t++) {
		size_t bytes = weight_row_bytes(all[t], 1024);
		uint8_t *row = malloc(bytes);
		float y[1024];

		CHECK(row && bytes);
		random_rows(all[t], row, bytes, &r);
		memset(y, 0xff, sizeof(y));
		weight_decode(all[t], row, y, 1024);
		for (int i = 0; i < 1024; i++) {
			double want = value_at(all[t], row, i);

			CHECK_NEAR((double)y[i], want, 1e-6 * fabs(want) + 1e-6);
		}
		CHECK(!weight_row_bytes(all[t], weight_block(all[t]) + 1) ==
		      (weight_block(all[t]) > 1));
		CHECK(!weight_row_bytes(all[t], -32));
		free(row);
	}
	CHECK(weight_row_bytes(WEIGHT_Q4_K, 512) == 288 &&
	      weight_row_bytes(WEIGHT_Q6_K, 256) == 210);
	CHECK(weight_row_bytes(WEIGHT_Q8_0, 64) == 68 && weight_row_bytes(WEIGHT_Q4_0, 64) == 36);
	CHECK(!strcmp(weight_type_name(WEIGHT_Q4_K), "q4_K"));
}

/* What an encoder may lose: half a step of the largest value of the block. */
static void test_encode(void **state)
{
	static const struct {
		enum weight_type type;
		double steps;
	} cases[] = { { WEIGHT_F16, 2048 },
		      { WEIGHT_BF16, 256 },
		      { WEIGHT_Q8_0, 254 },
		      { WEIGHT_Q4_0, 16 } };
	float x[256], y[256];
	uint8_t row[1024];
	struct rng r;

	(void)state;
	rng_seed(&r, 4, 0);
	for (int i = 0; i < 256; i++)
		x[i] = i < 32 ? 0 : (float)rng_normal(&r);
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		int block = weight_block(cases[c].type);

		CHECK(weight_encode(cases[c].type, x, row, 256));
		weight_decode(cases[c].type, row, y, 256);
		for (int b = 0; b < 256; b += block) {
			double most = 0, steps = cases[c].steps;

			for (int j = b; j < b + block; j++)
				most = fmax(most, fabs((double)x[j]));
			/* q4_0 has only seven steps on one side; scales are rounded to f16 */
			for (int j = b; j < b + block; j++)
				CHECK_NEAR(
					(double)y[j], (double)x[j],
					most * ((block > 1 && steps < 20 ? 2 : 1) / steps + 6e-4));
		}
	}
	CHECK(weight_encode(WEIGHT_F32, x, row, 4) && !memcmp(row, x, 16));
	CHECK(!weight_encode(WEIGHT_Q4_K, x, row, 256) && !weight_encode(WEIGHT_Q6_K, x, row, 0));
}

static void *aligned(size_t bytes)
{
	void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);

	CHECK(p);
	memset(p, 0xff, bytes); /* NaN: what is read before it is written shows */
	return p;
}

struct product_case {
	struct frozen f;
	int m;
	float *x, *dy;		 /* (m, cols), (m, rows) */
	float *y, *dx;		 /* with the kernels */
	float *first, *first_dx; /* of the first pool */
	double *w;		 /* (rows, cols) */
};

static void check_rows(const struct product_case *c, const float *out, bool nn, bool add,
		       double tolerance)
{
	int rows = c->f.w.rows, cols = c->f.w.cols, n = nn ? cols : rows;

	for (int i = 0; i < c->m; i++)
		for (int j = 0; j < n; j++) {
			double sum = add ? 2 : 0, size = 0, v;

			for (int q = 0; q < (nn ? rows : cols); q++) {
				v = nn ? (double)c->dy[i * rows + q] * c->w[q * cols + j]
				       : (double)c->x[i * cols + q] * c->w[j * cols + q];
				sum += v;
				size += v * v;
			}
			CHECK_NEAR((double)out[i * n + j], sum, tolerance * sqrt(size) + 1e-6);
		}
}

/* Both products, overwriting poison and adding to 2, with pools of one, two and three. */
static void run_case(struct product_case *c, const struct kernels *kern, enum frozen_path path)
{
	size_t ny = (size_t)c->m * (size_t)c->f.w.rows, nx = (size_t)c->m * (size_t)c->f.w.cols;
	double tolerance = path == FROZEN_FLOAT ? 2e-5 : 4e-2;
	struct err err = { 0 };

	for (int add = 0; add < 2; add++)
		for (int threads = 1; threads <= 3; threads++) {
			struct frozen_job job = { .kern = kern, .path = path };

			job.pool = threads > 1 ? pool_new(threads, &err) : NULL;
			CHECK_OK(&err);
			job.work = aligned(frozen_work(&job, &c->f, c->m));
			for (size_t i = 0; i < ny; i++)
				c->y[i] = add ? 2 : NAN;
			for (size_t i = 0; i < nx; i++)
				c->dx[i] = add ? 2 : NAN;
			frozen_nt(&job, &c->f, c->m, c->x, add, c->y);
			frozen_nn(&job, &c->f, c->m, c->dy, add, c->dx);
			if (threads == 1) {
				check_rows(c, c->y, false, add, tolerance);
				check_rows(c, c->dx, true, add, 2e-5);
				memcpy(c->first, c->y, ny * sizeof(float));
				memcpy(c->first_dx, c->dx, nx * sizeof(float));
			}
			CHECK(!memcmp(c->first, c->y, ny * sizeof(float)));
			CHECK(!memcmp(c->first_dx, c->dx, nx * sizeof(float)));
			free(job.work);
			pool_free(job.pool);
		}
}

static float *normals(size_t n, struct rng *r)
{
	float *p = aligned(n * sizeof(*p));

	for (size_t i = 0; i < n; i++)
		p[i] = (float)rng_normal(r);
	return p;
}

static void shape_case(enum weight_type type, int rows, int cols, int m, const struct kernels *kern,
		       bool pack, struct rng *r)
{
	size_t bytes = weight_row_bytes(type, cols) * (size_t)rows;
	size_t ny = (size_t)m * (size_t)rows, nx = (size_t)m * (size_t)cols;
	/* one byte off: a file promises no alignment */
	uint8_t *data = (uint8_t *)aligned(bytes + 1) + 1;
	struct weight w = { type, rows, cols, data };
	struct product_case c = { .m = m };
	struct err err = { 0 };

	random_rows(type, data, bytes, r);
	frozen_make(&c.f, &w, pack, kern, &err);
	CHECK_OK(&err);
	c.x = normals(nx, r);
	c.dy = normals(ny, r);
	c.y = aligned(ny * sizeof(float));
	c.first = aligned(ny * sizeof(float));
	c.dx = aligned(nx * sizeof(float));
	c.first_dx = aligned(nx * sizeof(float));
	c.w = aligned((size_t)rows * (size_t)cols * sizeof(double));
	for (int i = 0; i < rows; i++)
		for (int j = 0; j < cols; j++)
			c.w[i * cols + j] =
				value_at(type, data + weight_row_bytes(type, cols) * (size_t)i, j);
	for (int path = FROZEN_AUTO; path <= FROZEN_INT8; path++)
		run_case(&c, kern, (enum frozen_path)path);
	frozen_free(&c.f);
	frozen_free(&c.f);
	free(c.x);
	free(c.dy);
	free(c.y);
	free(c.first);
	free(c.dx);
	free(c.first_dx);
	free(c.w);
	free(data - 1);
}

static void test_products(void **state)
{
	static const int ms[] = { 1, 2, 7, 32, 65 };
	struct rng r;

	(void)state;
	rng_seed(&r, 5, 0);
	for (size_t s = 0; s < sizeof(kernel_sets) / sizeof(kernel_sets[0]); s++) {
		const struct kernels *kern = kernel_set(kernel_sets[s]);

		if (!kern) {
			print_message("skipped: no %s here\n", kernel_sets[s]);
			continue;
		}
		for (size_t t = 0; t < sizeof(all) / sizeof(all[0]); t++)
			for (size_t i = 0; i < sizeof(ms) / sizeof(ms[0]); i++)
				for (int pack = 0; pack < 2; pack++) {
					int block = weight_block(all[t]);

					shape_case(all[t], 37, block > 32 ? 512 : block * 9, ms[i],
						   kern, pack, &r);
				}
		shape_case(WEIGHT_BF16, 70, 515, 13, kern, false, &r);
		shape_case(WEIGHT_F32, 1, 1, 1, kern, true, &r);
		shape_case(WEIGHT_Q8_0, 300, 32, 3, kern, true, &r);
	}
}

/* x of one row as the integer products take it: per 32 values to whole steps of a 127th of
 * the largest, ties to even.  Values that fp32 could round the other way are moved. */
static void quantised(float *x, double *q, int cols)
{
	for (int u = 0; u < cols; u += 32) {
		double top = 0, d;

		for (int j = u; j < u + 32; j++)
			top = fmax(top, fabs((double)x[j]));
		d = top / 127;
		for (int j = u; j < u + 32; j++) {
			double steps = (double)x[j] / d;

			if (fabs(steps - floor(steps) - 0.5) < 1e-3)
				x[j] = (float)(d * (floor(steps) + 0.25));
			q[j] = top > 0 ? d * rint((double)x[j] / d) : 0;
		}
	}
}

static void check_ints(const struct frozen *f, const struct kernels *kern, int m, const float *x,
		       const double *q, const double *w)
{
	int rows = f->w.rows, cols = f->w.cols;
	struct frozen_job job = { .kern = kern, .path = FROZEN_INT8 };
	float *y = aligned((size_t)m * (size_t)rows * sizeof(*y));
	float *alone = aligned((size_t)rows * sizeof(*alone));

	job.work = aligned(frozen_work(&job, f, m));
	frozen_nt(&job, f, m, x, false, y);
	for (int i = 0; i < m; i++)
		for (int j = 0; j < rows; j++) {
			double sum = 0, size = 0, v;

			for (int p = 0; p < cols; p++) {
				v = q[i * cols + p] * w[j * cols + p];
				sum += v;
				size += fabs(v);
			}
			CHECK_NEAR((double)y[i * rows + j], sum, 2e-6 * size);
		}
	/* few rows at once: each as if it were alone */
	for (int i = 0; i < m && m <= 8; i++) {
		frozen_nt(&job, f, 1, x + (size_t)i * (size_t)cols, false, alone);
		CHECK(!memcmp(alone, y + (size_t)i * (size_t)rows, (size_t)rows * sizeof(float)));
	}
	free(job.work);
	free(y);
	free(alone);
}

/* The largest and smallest bytes of weights and x too: nothing may saturate. */
static void ints_case(enum weight_type type, int rows, int cols, bool extreme,
		      const struct kernels *kern, struct rng *r)
{
	static const int ms[] = { 1, 2, 3, 7, 8, 13, 65 };
	size_t bytes = weight_row_bytes(type, cols) * (size_t)rows, n = 65 * (size_t)cols;
	uint8_t *data = (uint8_t *)aligned(bytes + 1) + 1;
	struct weight view = { type, rows, cols, data };
	double *w = aligned((size_t)rows * (size_t)cols * sizeof(*w));
	double *q = aligned(n * sizeof(*q));
	float *x = normals(n, r);
	struct frozen f;
	struct err err = { 0 };

	random_rows(type, data, bytes, r);
	for (size_t i = 0; i < n && extreme; i++)
		x[i] = rng_u64(r) % 2 ? 1.0f : -1.0f;
	for (size_t i = 0; i < bytes && extreme && type == WEIGHT_Q8_0; i++)
		data[i] = i % 34 < 2 ? data[i] : rng_u64(r) % 2 ? 0x80 : 0x7f;
	for (int i = 0; i < 65; i++)
		quantised(x + i * cols, q + i * cols, cols);
	for (int i = 0; i < rows; i++)
		for (int j = 0; j < cols; j++)
			w[i * cols + j] =
				value_at(type, data + weight_row_bytes(type, cols) * (size_t)i, j);
	for (int pack = 0; pack < 2; pack++) {
		frozen_make(&f, &view, pack, kern, &err);
		CHECK_OK(&err);
		for (size_t i = 0; i < sizeof(ms) / sizeof(ms[0]); i++)
			check_ints(&f, kern, ms[i], x, q, w);
		frozen_free(&f);
	}
	free(data - 1);
	free(w);
	free(q);
	free(x);
}

static void test_ints(void **state)
{
	struct rng r;

	(void)state;
	rng_seed(&r, 6, 0);
	for (size_t s = 0; s < sizeof(kernel_sets) / sizeof(kernel_sets[0]); s++) {
		const struct kernels *kern = kernel_set(kernel_sets[s]);

		for (int t = WEIGHT_Q8_0; kern && t < WEIGHT_TYPES; t++)
			for (int extreme = 0; extreme < 2; extreme++) {
				enum weight_type type = (enum weight_type)t;
				bool large = weight_block(type) > 32;

				ints_case(type, 35, large ? 768 : 32 * 19, extreme, kern, &r);
				ints_case(type, 64, large ? 256 : 32 * 3, extreme, kern, &r);
			}
	}
}

/* Zeros count as zeros; what is not finite makes its rows NaN and no other. */
static void test_ints_edges(void **state)
{
	float x[2][64] = { { 0 } }, w[3][64], y[2][3];
	uint8_t data[3 * 2 * 34];
	struct weight view = { WEIGHT_Q8_0, 3, 64, data };
	struct frozen f;
	struct err err = { 0 };

	(void)state;
	for (int i = 0; i < 3 * 64; i++)
		w[i / 64][i % 64] = (float)(i % 64 - 31);
	CHECK(weight_encode(WEIGHT_Q8_0, w[0], data, (size_t)3 * 64));
	x[0][5] = 1e-42f;
	x[1][40] = (float)INFINITY;
	for (size_t s = 0; s < sizeof(kernel_sets) / sizeof(kernel_sets[0]); s++) {
		struct frozen_job job = { .kern = kernel_set(kernel_sets[s]) };

		if (!job.kern)
			continue;
		frozen_make(&f, &view, false, job.kern, &err);
		CHECK_OK(&err);
		job.path = FROZEN_INT8;
		job.work = aligned(frozen_work(&job, &f, 2));
		frozen_nt(&job, &f, 2, x[0], false, y[0]);
		for (int j = 0; j < 3; j++)
			CHECK(y[0][j] == 0 && isnan(y[1][j]));
		free(job.work);
		frozen_free(&f);
	}
}

static void test_make(void **state)
{
	float x[64] = { 0 };
	struct weight w = { WEIGHT_Q8_0, 2, 33, x };
	struct frozen f;
	struct err err = { 0 };

	(void)state;
	frozen_make(&f, &w, true, kernels_best(), &err);
	CHECK_ERR(&err, ERR_ARG, "q8_0");
	frozen_free(&f);
	w.cols = 32;
	w.rows = 0;
	frozen_make(&f, &w, true, kernels_best(), &err);
	CHECK_ERR(&err, ERR_ARG, "0 x 32");
	frozen_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_f16),    cmocka_unit_test(test_bf16),
		cmocka_unit_test(test_decode), cmocka_unit_test(test_encode),
		cmocka_unit_test(test_make),   cmocka_unit_test(test_products),
		cmocka_unit_test(test_ints),   cmocka_unit_test(test_ints_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

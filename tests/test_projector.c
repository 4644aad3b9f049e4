/* SPDX-License-Identifier: Apache-2.0
 * The projectors against plain loops in double precision that read the parameters by
 * name: tokens, gradients; groups of frames; what is refused.
 */
#include "tests/test.h"

#include "harness/base/mem.h"
#include "models/backbone/projector.h"

#define DIM   10
#define WORDS 4
#define MOST  256

/* A kind, its parameters, packed tokens of it, and a loss on the result. */
struct bench {
	struct soft_spec spec;
	struct params ps;
	struct projector s;
	struct tape tape;
	struct rng rng;
	struct packed p;
	int token[MOST], kind[MOST], rows[MOST], turn[MOST], branch[MOST];
	const float *soft[MOST];
	float frames[MOST * 8];
	int used; /* floats of frames */
	float x[MOST * DIM], out_w[WORDS * DIM];
	int target[MOST];
};

static void put_text(struct bench *b)
{
	b->soft[b->p.n] = NULL;
	b->rows[b->p.n] = 0;
	b->token[b->p.n++] = 3;
}

/* A group of `rows` frames. */
static void put_group(struct bench *b, int rows)
{
	for (int j = 0; j < (b->spec.queries ? b->spec.queries : 1); j++) {
		b->token[b->p.n] = -1;
		b->rows[b->p.n] = j ? 0 : rows;
		b->soft[b->p.n++] = b->frames + b->used;
	}
	for (int i = 0; i < rows * b->spec.cols; i++)
		b->frames[b->used++] = (float)rng_normal(&b->rng);
}

static struct bench *bench_new(const struct soft_spec *spec, uint64_t seed)
{
	struct bench *b = mem_calloc(1, sizeof(*b));
	struct err err = { 0 };

	if (!b)
		fail_msg("no memory");
	b->spec = *spec;
	b->tape.kern = kernels_best();
	rng_seed(&b->rng, seed, 5);
	projector_check(spec, DIM, &err);
	projector_add(spec, DIM, 0.5, &b->ps, &err);
	params_alloc(&b->ps, seed, &err);
	CHECK_OK(&err);
	projector_link(&b->s, spec, &b->ps);
	for (size_t i = 0; i < b->ps.n; i++)
		for (size_t j = 0; j < tensor_size(&b->ps.p[i].t); j++)
			b->ps.p[i].t.data[j] += (float)(0.15 * rng_normal(&b->rng));
	for (int i = 0; i < MOST * DIM; i++)
		b->x[i] = (float)rng_normal(&b->rng);
	for (int i = 0; i < WORDS * DIM; i++)
		b->out_w[i] = (float)rng_normal(&b->rng);
	for (int i = 0; i < MOST; i++)
		b->target[i] = (int)rng_below(&b->rng, WORDS);
	b->p = (struct packed){ .token = b->token,
				.soft_kind = b->kind,
				.soft = b->soft,
				.soft_rows = b->rows,
				.turn = b->turn,
				.branch = b->branch };
	return b;
}

static void bench_free(struct bench *b)
{
	params_free(&b->ps);
	tape_free(&b->tape);
	free(b);
}

/* --- the twin: parameters plus eps times a direction --- */

struct twin {
	const struct bench *b;
	const float *dir;
	double eps;
};

static double value(const struct twin *w, const char *name, int i)
{
	char full[PARAM_NAME];
	const struct param *p;
	ptrdiff_t at;

	snprintf(full, sizeof(full), "soft.%s.%s", w->b->spec.name, name);
	p = params_find(&w->b->ps, full);
	if (!p)
		fail_msg("no parameter %s", full);
	at = p->t.data - w->b->ps.data + i;
	return (double)w->b->ps.data[at] + (w->dir ? w->eps * (double)w->dir[at] : 0);
}

static const char *in_block(int b, const char *part)
{
	static char name[8][PARAM_NAME];
	static int next;
	char *s = name[next++ % 8];

	snprintf(s, PARAM_NAME, "block%d.%s", b, part);
	return s;
}

/* y (m) = W x (+ bias) */
static void matrix(const struct twin *w, const char *name, const char *bias, const double *x, int k,
		   double *y, int m)
{
	for (int i = 0; i < m; i++) {
		y[i] = bias ? value(w, bias, i) : 0;
		for (int j = 0; j < k; j++)
			y[i] += value(w, name, i * k + j) * x[j];
	}
}

static void normed(const struct twin *w, const char *gain, const double *x, int n, double *y)
{
	double s = 0;

	for (int j = 0; j < n; j++)
		s += x[j] * x[j];
	for (int j = 0; j < n; j++)
		y[j] = x[j] / sqrt(s / n + (double)1e-5f) * value(w, gain, j);
}

static double gelu(double s)
{
	return 0.5 * s * (1 + tanh(0.7978845608028654 * (s + 0.044715 * s * s * s)));
}

/* q (nq, w) += o(attention of its normed rows over the rows of f); f NULL: over themselves */
static void attend(const struct twin *w, int b, const char *part, double *q, int nq,
		   const double *f, int nf, int width)
{
	const int heads = w->b->spec.heads, h = width / heads;
	double hq[32][32], qq[32][32], kk[64][32], vv[64][32], o[32], y[32];
	char name[5][16];

	for (int i = 0; i < 5; i++)
		snprintf(name[i], sizeof(name[i]), "%s_%s", part,
			 (const char *[]){ "norm", "q", "k", "v", "o" }[i]);
	for (int i = 0; i < nq; i++) {
		normed(w, in_block(b, name[0]), q + i * width, width, hq[i]);
		matrix(w, in_block(b, name[1]), NULL, hq[i], width, qq[i], width);
	}
	nf = f ? nf : nq;
	for (int i = 0; i < nf; i++) {
		matrix(w, in_block(b, name[2]), NULL, f ? f + i * width : hq[i], width, kk[i],
		       width);
		matrix(w, in_block(b, name[3]), NULL, f ? f + i * width : hq[i], width, vv[i],
		       width);
	}
	for (int i = 0; i < nq; i++) {
		for (int at = 0; at < width; at += h) {
			double total = 0;

			memset(o + at, 0, (size_t)h * sizeof(*o));
			for (int t = 0; t < nf; t++) {
				double s = 0;

				for (int c = at; c < at + h; c++)
					s += qq[i][c] * kk[t][c];
				s = exp(s / sqrt(h));
				total += s;
				for (int c = at; c < at + h; c++)
					o[c] += s * vv[t][c];
			}
			for (int c = at; c < at + h; c++)
				o[c] /= total;
		}
		matrix(w, in_block(b, name[4]), NULL, o, width, y, width);
		for (int c = 0; c < width; c++)
			q[i * width + c] += y[c];
	}
}

static void feed_forward(const struct twin *w, int b, double *q, int width)
{
	double h[32], mid[128], y[32];

	normed(w, in_block(b, "ff_norm"), q, width, h);
	matrix(w, in_block(b, "up"), in_block(b, "up_bias"), h, width, mid, 4 * width);
	for (int j = 0; j < 4 * width; j++)
		mid[j] = gelu(mid[j]);
	matrix(w, in_block(b, "down"), in_block(b, "down_bias"), mid, 4 * width, y, width);
	for (int j = 0; j < width; j++)
		q[j] += y[j];
}

/* The tokens (count, DIM) of one group. */
static void twin_group(const struct twin *w, const float *frames, int rows, double *out)
{
	const struct soft_spec *s = &w->b->spec;
	const int width = s->hidden ? s->hidden : DIM;
	double f[64 * 32], q[32 * 32], h[64], x[64];

	for (int r = 0; r < rows; r++) {
		for (int c = 0; c < s->cols; c++)
			x[c] = (double)frames[r * s->cols + c];
		if (!s->queries) {
			matrix(w, "w1", "b1", x, s->cols, s->hidden ? h : out + r * DIM, width);
			for (int j = 0; j < width; j++)
				h[j] = gelu(h[j]);
			if (s->hidden)
				matrix(w, "w2", "b2", h, width, out + r * DIM, DIM);
			continue;
		}
		matrix(w, "w1", "b1", x, s->cols, h, width);
		for (int j = 0; j < width; j++)
			h[j] += value(w, "time", r * 64 / rows * width + j);
		normed(w, "in_norm", h, width, f + r * width);
	}
	for (int i = 0; i < s->queries * width; i++)
		q[i] = value(w, "query", i);
	for (int b = 0; b < s->blocks && s->queries; b++) {
		attend(w, b, "self", q, s->queries, NULL, 0, width);
		attend(w, b, "cross", q, s->queries, f, rows, width);
		for (int i = 0; i < s->queries; i++)
			feed_forward(w, b, q + i * width, width);
	}
	for (int i = 0; i < s->queries; i++) {
		normed(w, "out_norm", q + i * width, width, h);
		matrix(w, "w2", "b2", h, width, out + i * DIM, DIM);
	}
}

/* Cross-entropy over the words of every position; y: the positions (n, DIM). */
static double twin_loss(const struct twin *w, double *y)
{
	const struct bench *b = w->b;
	double loss = 0;

	for (int i = 0; i < b->p.n * DIM; i++)
		y[i] = (double)b->x[i];
	for (int i = 0; i < b->p.n; i++)
		if (b->token[i] < 0 && b->rows[i])
			twin_group(w, b->soft[i], b->rows[i], y + i * DIM);
	for (int i = 0; i < b->p.n; i++) {
		double z[WORDS], sum = 0;

		for (int k = 0; k < WORDS; k++) {
			z[k] = 0;
			for (int j = 0; j < DIM; j++)
				z[k] += (double)b->out_w[k * DIM + j] * y[i * DIM + j];
			sum += exp(z[k]);
		}
		loss += log(sum) - z[b->target[i]];
	}
	return loss;
}

/* --- ours --- */

static double run(struct bench *b, float *y, bool backward)
{
	struct tape *t = &b->tape;
	struct tensor w = { .rows = WORDS, .cols = DIM, .data = b->out_w }, *x, *z;
	double loss = 0;

	tape_begin(t, backward);
	x = tape_tensor(t, b->p.n, DIM, backward);
	CHECK(x);
	memcpy(x->data, b->x, (size_t)(b->p.n * DIM) * sizeof(float));
	x = projector_put(t, &b->s, &b->spec, &b->p, 0, x);
	CHECK_OK(&t->err);
	memcpy(y, x->data, (size_t)(b->p.n * DIM) * sizeof(float));
	z = tape_run(t, (struct op){ .kind = OP_LINEAR, .in = { x, &w } });
	z = tape_run(
		t,
		(struct op){ .kind = OP_XENT, .in = { z }, .index = b->target, .n_index = b->p.n });
	CHECK_OK(&t->err);
	for (int i = 0; i < b->p.n; i++)
		loss += (double)z->data[i];
	if (backward)
		tape_backward(t, z);
	return loss;
}

static void compare(struct bench *b)
{
	static float y[MOST * DIM];
	static double want[MOST * DIM];
	float *dir = mem_calloc(b->ps.size, sizeof(*dir));
	struct twin up = { .b = b, .dir = dir, .eps = 1e-4 }, down = up;
	const double loss = run(b, y, true), twin = twin_loss(&(struct twin){ .b = b }, want);

	CHECK(dir);
	down.eps = -up.eps;
	CHECK_NEAR(loss, twin, 1e-5 * fabs(twin));
	for (int i = 0; i < b->p.n * DIM; i++)
		CHECK_NEAR((double)y[i], want[i], 2e-5);
	for (int turn = 0; turn < 3; turn++) {
		double dot = 0, size = 0, diff;

		for (size_t i = 0; i < b->ps.n; i++)
			for (size_t j = 0; j < tensor_size(&b->ps.p[i].t); j++) {
				const struct param *p = &b->ps.p[i];
				const double g = p->t.live ? (double)p->t.grad[j] : 0;
				const float d = (float)rng_normal(&b->rng);

				dir[p->t.data - b->ps.data + (ptrdiff_t)j] = d;
				dot += (double)d * g;
				size += fabs(g);
			}
		diff = (twin_loss(&up, want) - twin_loss(&down, want)) / (2 * up.eps);
		CHECK_NEAR(dot, diff, 1e-5 * size + 1e-6 * fabs(diff));
	}
	free(dir);
}

static const struct soft_spec kinds[] = {
	{ .name = "a", .cols = 5 },
	{ .name = "b", .cols = 5, .hidden = 7 },
	{ .name = "c", .cols = 5, .queries = 3, .blocks = 1, .heads = 2 },
	{ .name = "d", .cols = 5, .hidden = 12, .queries = 4, .blocks = 2, .heads = 3 },
	{ .name = "e", .cols = 1, .hidden = 6, .queries = 1, .blocks = 1, .heads = 1 },
};

static void test_twin(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct bench *b = bench_new(&kinds[i], 11 + i);

		put_text(b);
		put_group(b, kinds[i].queries ? 9 : 1);
		put_group(b, kinds[i].queries ? 2 : 1);
		put_text(b);
		put_text(b);
		put_group(b, 1);
		put_group(b, kinds[i].queries ? 40 : 1);
		compare(b);
		bench_free(b);
	}
}

/* A group's tokens do not depend on what else is packed. */
static void test_alone(void **state)
{
	static float y[MOST * DIM], one[MOST * DIM];
	struct bench *b = bench_new(&kinds[3], 3);
	const float *frames;

	(void)state;
	put_group(b, 17);
	put_text(b);
	frames = b->frames + b->used;
	put_group(b, 5);
	put_group(b, 60);
	run(b, y, false);
	b->p.n = 4;
	b->soft[0] = frames;
	b->rows[0] = 5;
	run(b, one, false);
	for (int i = 0; i < 4 * DIM; i++)
		CHECK_NEAR((double)one[i], (double)y[5 * DIM + i], 1e-5);
	bench_free(b);
}

/* Without a number of rows every soft token is one row, as it always was. */
static void test_one_row(void **state)
{
	static float y[MOST * DIM], one[MOST * DIM];
	struct bench *b = bench_new(&kinds[1], 4);

	(void)state;
	put_group(b, 1);
	put_text(b);
	put_group(b, 1);
	run(b, y, false);
	b->p.soft_rows = NULL;
	run(b, one, false);
	assert_memory_equal(y, one, 3 * DIM * sizeof(*y));
	bench_free(b);
}

/* The Q-Former learns where in time something happened: pooling could not. */
static void test_order(void **state)
{
	static const struct soft_spec spec = {
		.name = "t", .cols = 2, .hidden = 16, .queries = 2, .blocks = 1, .heads = 2
	};
	static float y[MOST * DIM];
	struct bench *b = bench_new(&spec, 9);
	const struct adamw_options o = { .lr = 1e-2, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8 };
	struct err err = { 0 };
	double loss = 0;

	(void)state;
	for (int k = 0; k < 24; k++) {
		float *f = b->frames + b->used;

		put_group(b, 20);
		for (int i = 0; i < 20; i++)
			f[2 * i] = (float)(i == 5 * (k % 4) + k % 5);
		for (int j = 0; j < 2; j++)
			b->target[b->p.n - 2 + j] = k % 4;
	}
	for (int step = 0; step < 150; step++) {
		loss = run(b, y, true);
		params_adamw(&b->ps, b->tape.kern, &o, 1.0 / b->p.n, &err);
		CHECK_OK(&err);
	}
	CHECK(loss / b->p.n < 0.1);
	bench_free(b);
}

static void test_refused(void **state)
{
	struct err err = { 0 };
	struct soft_spec bad = kinds[3];
	struct bench *b = bench_new(&kinds[3], 5);

	(void)state;
	bad.heads = 5;
	projector_check(&bad, DIM, &err);
	CHECK_ERR(&err, ERR_ARG, "heads");
	bad.blocks = 7;
	projector_check(&bad, DIM, &err);
	CHECK_ERR(&err, ERR_ARG, "7 blocks");
	bad.queries = 1000;
	projector_check(&bad, DIM, &err);
	CHECK_ERR(&err, ERR_ARG, "1000 queries");
	bad.cols = 0;
	projector_check(&bad, DIM, &err);
	CHECK_ERR(&err, ERR_ARG, "0 columns");

	put_text(b);
	put_group(b, 3);
	put_group(b, 3);
	projector_check_tokens(&b->spec, 1, &b->p, &err);
	CHECK_OK(&err);
	b->p.n--;
	projector_check_tokens(&b->spec, 1, &b->p, &err);
	CHECK_ERR(&err, ERR_ARG, "not whole");
	b->p.n++;
	b->rows[3] = 1;
	projector_check_tokens(&b->spec, 1, &b->p, &err);
	CHECK_ERR(&err, ERR_ARG, "not whole");
	b->rows[3] = 0;
	b->branch[3] = 1;
	projector_check_tokens(&b->spec, 1, &b->p, &err);
	CHECK_ERR(&err, ERR_ARG, "not whole");
	b->branch[3] = 0;
	b->rows[5] = 0;
	projector_check_tokens(&b->spec, 1, &b->p, &err);
	CHECK_ERR(&err, ERR_ARG, "without rows");
	b->rows[5] = 3;
	b->kind[5] = 1;
	projector_check_tokens(&b->spec, 1, &b->p, &err);
	CHECK_ERR(&err, ERR_ARG, "without kind");
	b->kind[5] = 0;
	b->p.soft_rows = NULL;
	projector_check_tokens(&b->spec, 1, &b->p, &err);
	CHECK_ERR(&err, ERR_ARG, "number of rows");
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_twin),	cmocka_unit_test(test_alone),
		cmocka_unit_test(test_one_row), cmocka_unit_test(test_order),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

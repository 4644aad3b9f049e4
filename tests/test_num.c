/* SPDX-License-Identifier: Apache-2.0
 * Every operation of the table, on every kernel set of this machine: against its
 * naive twin in double, its gradient against the twin's directional difference,
 * with memory poisoned first, overwriting and adding.
 */
#include "tests/test.h"

#include "harness/base/mem.h"
#include "harness/num/tape.h"
#include "tests/op_cases.h"
#include "tests/wide_kernels.h"

static void poison(void *p, size_t bytes)
{
	if (p)
		memset(p, 0xff, bytes); /* NaN in every float */
}

/* Poisons all that the operation may write or use as scratch. */
static void poison_tape(struct tape *t)
{
	poison(t->ws.base, t->ws.size);
	poison(t->work, t->work_size * sizeof(float));
}

static void twin(const struct bench *b, const struct op *op, double *const in[OP_INPUTS],
		 double *out)
{
	(void)b;
	op_table[op->kind]->naive(op, (const double *const *)in, out);
}

/* in + eps * dir through the twin, against weights r. */
static double along(struct bench *b, const struct op *op, double *const in[OP_INPUTS],
		    double *const dir[OP_INPUTS], double eps, const float *r, double *out)
{
	double *moved[OP_INPUTS] = { 0 }, sum = 0;

	for (int i = 0; i < OP_INPUTS; i++) {
		size_t n = op->in[i] ? tensor_size(op->in[i]) : 0;

		if (!n)
			continue;
		moved[i] = room(b, n, sizeof(double));
		for (size_t j = 0; j < n; j++)
			moved[i][j] = in[i][j] + eps * dir[i][j];
	}
	twin(b, op, moved, out);
	for (size_t j = 0; j < tensor_size(op->out); j++)
		sum += out[j] * (double)r[j];
	return sum;
}

struct copies {
	double *in[OP_INPUTS], *dir[OP_INPUTS];
	float *first[OP_INPUTS]; /* gradients before adding */
	float *grad[OP_INPUTS];	 /* their memory: an operation may pass on its output's instead */
};

static void copy_inputs(struct bench *b, struct copies *c)
{
	for (int i = 0; i < OP_INPUTS; i++) {
		struct tensor *t = b->op.in[i];
		size_t n = t ? tensor_size(t) : 0;

		if (!t)
			continue;
		c->grad[i] = t->grad;
		c->in[i] = room(b, n, sizeof(double));
		c->dir[i] = room(b, n, sizeof(double));
		c->first[i] = room(b, n, sizeof(float));
		for (size_t j = 0; j < n; j++) {
			c->in[i][j] = (double)t->data[j];
			c->dir[i][j] = t->grad ? rng_normal(&b->rng) : 0;
		}
	}
}

/* Runs backward with out's gradient r; live: adding to gradients that hold first[]. */
static void walk_back(struct bench *b, struct tape *t, struct copies *c, const float *r, bool live)
{
	struct op *op = &t->op[0];
	bool in_place = op_table[op->kind]->in_place;

	for (int i = 0; i < OP_INPUTS; i++) {
		struct tensor *x = op->in[i];

		if (!x || !x->grad || (in_place && i == 0))
			continue;
		x->grad = c->grad[i];
		x->live = live;
		poison(x->grad, tensor_size(x) * sizeof(float));
		for (size_t j = 0; live && j < tensor_size(x); j++)
			x->grad[j] = c->first[i][j] = (float)rng_normal(&b->rng);
	}
	if (!op->out->grad)
		op->out->grad = room(b, tensor_size(op->out), sizeof(float));
	memcpy(op->out->grad, r, tensor_size(op->out) * sizeof(*r));
	op->out->live = true;
	poison(t->work, t->work_size * sizeof(float));
	op_table[op->kind]->backward(op, t->work);
}

static void check_gradient(struct bench *b, struct tape *t, struct copies *c, const float *r,
			   double *out, bool live)
{
	const struct op *op = &t->op[0];
	const double eps = 1e-5;
	double dot = 0, size = 1e-3, diff;

	walk_back(b, t, c, r, live);
	for (int i = 0; i < OP_INPUTS; i++) {
		const struct tensor *x = op->in[i];
		bool added = live && !(op_table[op->kind]->in_place && i == 0);

		for (size_t j = 0; x && x->grad && j < tensor_size(x); j++) {
			double g = (double)x->grad[j] - (added ? (double)c->first[i][j] : 0);

			CHECK(isfinite(g));
			dot += g * c->dir[i][j];
			size += g * g;
		}
	}
	diff = (along(b, op, c->in, c->dir, eps, r, out) -
		along(b, op, c->in, c->dir, -eps, r, out)) /
	       (2 * eps);
	if (!(fabs(dot - diff) <= 3e-6 * sqrt(size)))
		fail_msg("%s on %s: gradient %.9g, difference %.9g, norm %.9g",
			 op_table[op->kind]->name, op->kern->name, dot, diff, sqrt(size));
}

static bool learns(const struct op *op)
{
	for (int i = 0; i < OP_INPUTS; i++)
		if (op->in[i] && op->in[i]->grad)
			return true;
	return false;
}

static void run_case(const struct kernels *kern, enum op_kind kind, void (*make)(struct bench *b))
{
	struct bench b = { .op = { .kind = kind } };
	struct tape t = { .kern = kern };
	struct copies c = { 0 };
	struct tensor *y;
	double *out, size = 0;
	float *r;

	rng_seed(&b.rng, 5, kind);
	make(&b);
	bench_freeze(&b);
	copy_inputs(&b, &c);
	for (int round = 0; round < 2; round++) { /* the second one finds its memory poisoned */
		for (size_t j = 0; b.op.in[0] && j < tensor_size(b.op.in[0]); j++)
			b.op.in[0]->data[j] = (float)c.in[0][j];
		tape_begin(&t, true);
		if (round)
			poison_tape(&t);
		y = tape_run(&t, b.op);
		CHECK_OK(&t.err);
	}
	CHECK(t.n == (learns(&b.op) ? 1 : 0));
	out = room(&b, tensor_size(y), sizeof(*out));
	r = room(&b, tensor_size(y), sizeof(*r));
	b.op.out = y;
	twin(&b, &b.op, c.in, out);
	for (size_t j = 0; j < tensor_size(y); j++)
		size += out[j] * out[j] / (double)tensor_size(y);
	for (size_t j = 0; j < tensor_size(y); j++) {
		if (!(fabs((double)y->data[j] - out[j]) <= 2e-6 * (sqrt(size) + fabs(out[j]))))
			fail_msg("%s on %s: element %zu is %.9g, twin %.9g", op_table[kind]->name,
				 kern->name, j, (double)y->data[j], out[j]);
		r[j] = (float)rng_normal(&b.rng);
	}
	if (t.n) {
		check_gradient(&b, &t, &c, r, out, false);
		check_gradient(&b, &t, &c, r, out, true);
	}
	tape_free(&t);
	bench_free(&b);
}

static void test_ops(void **state)
{
	bool covered[OP_COUNT] = { false };

	(void)state;
	for (size_t s = 0; s < ARRAY_LEN(kernel_sets); s++) {
		const struct kernels *kern = kernel_set(kernel_sets[s]);

		if (!kern)
			print_message("skipped: this processor has no %s\n", kernel_sets[s]);
		for (size_t i = 0; kern && i < ARRAY_LEN(cases); i++) {
			run_case(kern, cases[i].kind, cases[i].make);
			covered[cases[i].kind] = true;
		}
	}
	for (int k = 0; k < OP_COUNT; k++) {
		CHECK(op_table[k]->name && op_table[k]->shape && op_table[k]->forward &&
		      op_table[k]->backward && op_table[k]->naive);
		CHECK(covered[k]);
	}
}

/* Shapes and indices that do not fit are refused, and the failure sticks. */
/* n rows of h floats in wider ones, behind which memory is poisoned. */
static void check_rows(const struct kernels *kern, int n, int h, struct bench *b)
{
	const ptrdiff_t stride = h + 5;
	const size_t last = n ? (size_t)(n - 1) * (size_t)stride + (size_t)h : 0;
	float *x = room(b, last + 64, sizeof(*x)), *q = room(b, (size_t)h + 64, sizeof(*q));
	float *s = room(b, (size_t)n + 64, sizeof(*s)), *y = room(b, (size_t)h + 64, sizeof(*y));
	double most = 0;

	poison(x, (last + 64) * sizeof(*x));
	poison(q, ((size_t)h + 64) * sizeof(*q));
	for (int j = 0; j < h; j++)
		q[j] = (float)rng_normal(&b->rng);
	for (int i = 0; i < n * h; i++)
		x[i / h * stride + i % h] = (float)rng_normal(&b->rng);
	kern->key_scores(s, q, x, stride, n, h);
	for (int i = 0; i < n; i++) {
		double sum = 0;

		for (int j = 0; j < h; j++)
			sum += (double)q[j] * (double)x[i * stride + j];
		CHECK_NEAR((double)s[i], sum, 1e-6 * (4 + h));
	}
	memcpy(y, q, (size_t)h * sizeof(*y));
	kern->value_sum(y, s, x, stride, n, h);
	for (int j = 0; j < h; j++) {
		double sum = (double)q[j];

		for (int i = 0; i < n; i++) {
			sum += (double)s[i] * (double)x[i * stride + j];
			most = fmax(most, fabs((double)s[i]));
		}
		CHECK_NEAR((double)y[j], sum, 1e-6 * (1 + most) * (4 + n));
	}
	for (int j = 0; j < 64; j++)
		CHECK(s[n + j] == 0 && y[h + j] == 0);
}

static void test_rows_as_they_lie(void **state)
{
	static const int keys[] = { 0, 1, 3, 4, 15, 16, 17, 31, 32, 33, 150 };
	static const int width[] = { 1, 4, 15, 16, 24, 64, 80, 100, 128, 144, 256 };

	(void)state;
	for (size_t s = 0; s < ARRAY_LEN(kernel_sets); s++) {
		const struct kernels *kern = kernel_set(kernel_sets[s]);
		struct bench b = { 0 };

		rng_seed(&b.rng, 9, 0);
		for (size_t i = 0; kern && i < ARRAY_LEN(keys) * ARRAY_LEN(width); i++)
			check_rows(kern, keys[i % ARRAY_LEN(keys)], width[i / ARRAY_LEN(keys)], &b);
		bench_free(&b);
	}
}

static void test_shapes(void **state)
{
	struct bench b = { 0 };
	struct tape t = { .kern = kernels_best() };
	int index[] = { 0, 3 };

	(void)state;
	input(&b, 0, 3, 4);
	input(&b, 1, 5, 6);
	tape_begin(&t, true);
	CHECK(!tape_run(&t, (struct op){ .kind = OP_LINEAR, .in = { b.op.in[0], b.op.in[1] } }));
	CHECK(!tape_run(&t, (struct op){ .kind = OP_GELU, .in = { b.op.in[0] } }));
	CHECK_ERR(&t.err, ERR_INTERNAL, "linear: x has 4 columns, w 6");
	tape_run(&t,
		 (struct op){
			 .kind = OP_GATHER, .in = { b.op.in[0] }, .index = index, .n_index = 2 });
	CHECK_ERR(&t.err, ERR_INTERNAL, "gather: index 1 is 3");
	tape_run(&t, (struct op){
			     .kind = OP_XENT, .in = { b.op.in[0] }, .index = index, .n_index = 2 });
	CHECK_ERR(&t.err, ERR_INTERNAL, "2 targets for 3 rows");
	tape_run(&t, (struct op){ .kind = OP_SWIGLU, .in = { b.op.in[0], b.op.in[1] } });
	CHECK_ERR(&t.err, ERR_INTERNAL, "swiglu: 3 x 4 with 5 x 6");
	tape_run(&t, (struct op){ .kind = OP_SWIGLU, .in = { b.op.in[0] } });
	CHECK_ERR(&t.err, ERR_INTERNAL, "input 1 is missing");
	tape_free(&t);
	arena_free(&b.mem);
}

static void test_plan(void **state)
{
	const struct key_spans none = { .lo = { 2, 0 }, .hi = { 2, 0 } };
	const struct key_spans beyond = { .hi = { 9, 0 } };
	const struct key_spans overlap = { .lo = { 0, 2 }, .hi = { 3, 4 } };
	struct workspace ws = { 0 };
	struct attn_plan plan;
	struct err err = { 0 };

	(void)state;
	attn_plan_build(&plan, &none, 1, 8, &ws, &err);
	CHECK_ERR(&err, ERR_INTERNAL, "sees no key");
	attn_plan_build(&plan, &beyond, 1, 8, &ws, &err);
	CHECK_ERR(&err, ERR_INTERNAL, "[0, 9) of 8");
	attn_plan_build(&plan, &overlap, 1, 8, &ws, &err);
	CHECK_ERR(&err, ERR_INTERNAL, "overlap");
	workspace_free(&ws);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ops),
		cmocka_unit_test(test_rows_as_they_lie),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

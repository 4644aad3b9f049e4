/* SPDX-License-Identifier: Apache-2.0
 * Every operation of the table, on every kernel set of this machine: against its
 * naive twin in double, its gradient against the twin's directional difference,
 * with memory poisoned first, overwriting and adding.
 */
#include "tests/test.h"

#include "harness/base/mem.h"
#include "harness/num/tape.h"
#include "tests/wide_kernels.h"

/* One case: an operation with its inputs, on memory of its own. */
struct bench {
	struct arena mem;
	struct workspace ws;
	struct rng rng;
	struct op op;
	struct attn_plan plan;
	struct frozen weight;
	bool frozen[OP_INPUTS]; /* inputs without gradient */
};

static void *room(struct bench *b, size_t n, size_t size)
{
	void *p = arena_array(&b->mem, n, size);

	if (!p)
		fail_msg("no memory");
	return p;
}

static void input(struct bench *b, int i, int rows, int cols)
{
	struct tensor *t = room(b, 1, sizeof(*t));

	*t = (struct tensor){ .rows = rows, .cols = cols };
	t->data = room(b, tensor_size(t), sizeof(float));
	t->grad = room(b, tensor_size(t), sizeof(float));
	for (size_t j = 0; j < tensor_size(t); j++)
		t->data[j] = (float)rng_normal(&b->rng);
	b->op.in[i] = t;
}

static void indices(struct bench *b, int n, int from, int limit, bool distinct)
{
	int *p = room(b, (size_t)n, sizeof(*p));

	for (int i = 0; i < n; i++)
		p[i] = distinct ? from + i * (limit - from) / n
				: from + (int)rng_below(&b->rng, (uint64_t)(limit - from));
	b->op.index = p;
	b->op.n_index = n;
}

static void mask(struct bench *b, size_t n)
{
	uint8_t *p = room(b, n, 1);

	for (size_t i = 0; i < n; i++)
		p[i] = rng_below(&b->rng, 4) > 0;
	b->op.mask = p;
	b->op.scale = 1 / 0.75f;
}

/* A frozen weight in bf16, in place of an input. */
static void weight(struct bench *b, int rows, int cols)
{
	size_t n = (size_t)rows * (size_t)cols;
	float *values = room(b, n, sizeof(*values));
	void *data = room(b, n, sizeof(uint16_t));
	struct weight w = { .type = WEIGHT_BF16, .rows = rows, .cols = cols, .data = data };
	struct err err = { 0 };

	for (size_t i = 0; i < n; i++)
		values[i] = (float)rng_normal(&b->rng);
	CHECK(weight_encode(WEIGHT_BF16, values, data, n));
	frozen_make(&b->weight, &w, false, kernels_best(), &err);
	CHECK_OK(&err);
	b->op.frozen = &b->weight;
	b->op.path = FROZEN_FLOAT;
}

static void embed_frozen_case(struct bench *b)
{
	weight(b, 9, 7);
	indices(b, 30, -1, 9, false);
}

static void linear_frozen_case(struct bench *b)
{
	input(b, 0, 67, 37);
	input(b, 2, 1, 45);
	weight(b, 45, 37);
}

static void linear_frozen_lora_case(struct bench *b)
{
	input(b, 0, 29, 18);
	input(b, 3, 3, 18);
	input(b, 4, 40, 3);
	weight(b, 40, 18);
	b->op.scale = 1.5f;
}

/* Dropout in front of the adapter, and an adapter under a trained weight. */
static void linear_drop_case(struct bench *b)
{
	input(b, 0, 29, 18);
	input(b, 1, 40, 18);
	input(b, 3, 3, 18);
	input(b, 4, 40, 3);
	mask(b, 29 * 18);
	b->op.mask_scale = b->op.scale;
	b->op.scale = 0.7f;
}

/* The first adapter of a net: nothing below it learns. */
static void linear_lowest_case(struct bench *b)
{
	linear_frozen_lora_case(b);
	b->frozen[0] = true;
}

static void embed_case(struct bench *b)
{
	input(b, 0, 9, 7);
	indices(b, 30, -1, 9, false);
}

static void gather_case(struct bench *b)
{
	input(b, 0, 12, 21);
	indices(b, 17, 0, 12, false);
}

static void put_case(struct bench *b)
{
	input(b, 0, 20, 11);
	input(b, 1, 6, 11);
	indices(b, 6, 0, 20, true);
}

static void linear_case(struct bench *b)
{
	input(b, 0, 131, 37);
	input(b, 1, 45, 37);
}

static void linear_deep_case(struct bench *b)
{
	input(b, 0, 307, 520);
	input(b, 1, 33, 520);
	input(b, 2, 1, 33);
}

static void linear_lora_case(struct bench *b)
{
	input(b, 0, 29, 18);
	input(b, 1, 40, 18);
	input(b, 3, 3, 18);
	input(b, 4, 40, 3);
	b->op.scale = 1.5f;
	b->frozen[1] = true;
}

static void linear_row_case(struct bench *b)
{
	input(b, 0, 1, 1);
	input(b, 1, 1, 1);
	input(b, 2, 1, 1);
	b->frozen[0] = true;
}

static void residual_case(struct bench *b)
{
	input(b, 0, 13, 9);
	input(b, 1, 13, 9);
	mask(b, 13 * 9);
}

static void residual_plain_case(struct bench *b)
{
	input(b, 0, 5, 16);
	input(b, 1, 5, 16);
	b->op.scale = 1;
}

static void dropout_case(struct bench *b)
{
	input(b, 0, 17, 5);
	mask(b, 17 * 5);
}

static void rmsnorm_case(struct bench *b)
{
	input(b, 0, 14, 35);
	input(b, 1, 1, 35);
	b->op.eps = 1e-5f;
}

static void rmsnorm_frozen_case(struct bench *b)
{
	rmsnorm_case(b);
	b->frozen[0] = true;
}

static void rope_case(struct bench *b)
{
	float *t = room(b, 50 * 6, sizeof(*t));

	input(b, 0, 19, 18);
	indices(b, 19, 0, 50, false);
	b->op.heads = 3;
	for (int pos = 0; pos < 50; pos++)
		for (int j = 0; j < 3; j++) {
			t[pos * 6 + j] = (float)cos(pos * pow(0.1, j));
			t[pos * 6 + 3 + j] = (float)sin(pos * pow(0.1, j));
		}
	b->op.table = t;
}

static void rope_pairs_case(struct bench *b)
{
	rope_case(b);
	b->op.pairs = true;
}

static void swiglu_case(struct bench *b)
{
	input(b, 0, 7, 23);
	input(b, 1, 7, 23);
}

static void gelu_case(struct bench *b)
{
	input(b, 0, 6, 31);
}

static void attend_on(struct bench *b, const struct key_spans *s, int nq, int nk, int dim,
		      int heads, int kv_heads)
{
	struct err err = { 0 };

	input(b, 0, nq, dim);
	input(b, 1, nk, dim / heads * kv_heads);
	input(b, 2, nk, dim / heads * kv_heads);
	b->op.heads = heads;
	b->op.kv_heads = kv_heads;
	attn_plan_build(&b->plan, s, nq, nk, &b->ws, &err);
	CHECK_OK(&err);
	b->op.plan = &b->plan;
}

static void attend(struct bench *b, const struct key_spans *s, int nq, int nk, int dim, int heads)
{
	attend_on(b, s, nq, nk, dim, heads, heads);
}

/* A causal trunk with a sliding start, then branches with a second span each. */
static const struct key_spans *trunk_and_branches(struct bench *b)
{
	struct key_spans *s = room(b, 200, sizeof(*s));

	for (int i = 0; i < 120; i++)
		s[i] = (struct key_spans){ .lo = { i > 50 ? (i - 50) / 7 * 7 : 0, 0 },
					   .hi = { i + 1, 0 } };
	for (int i = 120; i < 200; i++)
		s[i] = (struct key_spans){ .lo = { (i - 120) / 5 * 3, i / 5 * 5 },
					   .hi = { (i - 120) / 5 * 7 + 5, i + 1 } };
	return s;
}

static void attention_case(struct bench *b)
{
	attend(b, trunk_and_branches(b), 200, 200, 36, 3);
}

static void attention_grouped_case(struct bench *b)
{
	attend_on(b, trunk_and_branches(b), 200, 200, 48, 6, 2);
}

/* Few queries on many keys, as in generation. */
static void attention_one_case(struct bench *b)
{
	struct key_spans *s = room(b, 1, sizeof(*s));

	s[0] = (struct key_spans){ .hi = { 77, 0 } };
	attend_on(b, s, 1, 77, 40, 4, 1);
}

/* Any two spans, more keys than queries, some spans empty. */
static void attention_any_case(struct bench *b)
{
	struct key_spans *s = room(b, 23, sizeof(*s));

	for (int i = 0; i < 23; i++) {
		int cut[4] = { 0 };

		for (int j = 0, at = 0; j < 4; j++)
			cut[j] = at += (int)rng_below(&b->rng, 20);
		s[i] = (struct key_spans){ .lo = { cut[0], cut[2] }, .hi = { cut[1], cut[3] + 1 } };
		if (i % 5 == 0)
			s[i] = (struct key_spans){ .hi = { 1 + i, 0 } };
	}
	attend(b, s, 23, 81, 20, 5);
}

static void attention_wide_case(struct bench *b)
{
	struct key_spans *s = room(b, 3, sizeof(*s));

	for (int i = 0; i < 3; i++)
		s[i] = (struct key_spans){ .lo = { 3, 0 }, .hi = { 700 - i, 0 } };
	attend(b, s, 3, 700, 64, 1);
}

static void xent_case(struct bench *b)
{
	input(b, 0, 12, 37);
	indices(b, 12, 0, 37, false);
}

static void xent_weighted_case(struct bench *b)
{
	float *w = room(b, 9, sizeof(*w));

	input(b, 0, 9, 5);
	indices(b, 9, 0, 5, false);
	for (int i = 0; i < 9; i++)
		w[i] = (float)rng_uniform(&b->rng);
	b->op.weight = w;
	b->op.scale = 0.2f;
	b->op.in[0]->data[3] = 60; /* a row that overflows without the maximum */
	b->op.in[0]->data[4] = 95;
}

static void linear_xent_case(struct bench *b)
{
	input(b, 0, 12, 19);
	input(b, 1, 37, 19);
	indices(b, 12, 0, 37, false);
	for (size_t i = 0; i < tensor_size(b->op.in[0]); i++)
		b->op.in[0]->data[i] /= 4;
}

static void linear_xent_frozen_case(struct bench *b)
{
	input(b, 0, 70, 19);
	weight(b, 37, 19);
	indices(b, 70, 0, 37, false);
	for (size_t i = 0; i < tensor_size(b->op.in[0]); i++)
		b->op.in[0]->data[i] /= 4;
}

static void linear_xent_weighted_case(struct bench *b)
{
	float *w = room(b, 12, sizeof(*w));

	linear_xent_case(b);
	input(b, 2, 1, 37);
	for (int i = 0; i < 12; i++)
		w[i] = (float)rng_uniform(&b->rng);
	b->op.weight = w;
	b->op.scale = 0.2f;
}

/* So many logits that they are computed again on the way back, in bands. */
static void linear_xent_bands_case(struct bench *b)
{
	input(b, 0, 2100, 1);
	input(b, 1, 4050, 1);
	input(b, 2, 1, 4050);
	indices(b, 2100, 0, 4050, false);
}

static const struct {
	enum op_kind kind;
	void (*make)(struct bench *b);
} cases[] = {
	{ OP_EMBED, embed_case },
	{ OP_EMBED, embed_frozen_case },
	{ OP_GATHER, gather_case },
	{ OP_PUT_ROWS, put_case },
	{ OP_LINEAR, linear_case },
	{ OP_LINEAR, linear_deep_case },
	{ OP_LINEAR, linear_lora_case },
	{ OP_LINEAR, linear_row_case },
	{ OP_LINEAR, linear_frozen_case },
	{ OP_LINEAR, linear_frozen_lora_case },
	{ OP_LINEAR, linear_drop_case },
	{ OP_LINEAR, linear_lowest_case },
	{ OP_RESIDUAL, residual_case },
	{ OP_RESIDUAL, residual_plain_case },
	{ OP_DROPOUT, dropout_case },
	{ OP_RMSNORM, rmsnorm_case },
	{ OP_RMSNORM, rmsnorm_frozen_case },
	{ OP_ROPE, rope_case },
	{ OP_ROPE, rope_pairs_case },
	{ OP_ATTENTION, attention_case },
	{ OP_ATTENTION, attention_grouped_case },
	{ OP_ATTENTION, attention_one_case },
	{ OP_ATTENTION, attention_any_case },
	{ OP_ATTENTION, attention_wide_case },
	{ OP_SWIGLU, swiglu_case },
	{ OP_GELU, gelu_case },
	{ OP_XENT, xent_case },
	{ OP_XENT, xent_weighted_case },
	{ OP_LINEAR_XENT, linear_xent_case },
	{ OP_LINEAR_XENT, linear_xent_frozen_case },
	{ OP_LINEAR_XENT, linear_xent_weighted_case },
	{ OP_LINEAR_XENT, linear_xent_bands_case },
};

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
		if (b->frozen[i])
			t->grad = NULL;
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
	frozen_free(&b.weight);
	tape_free(&t);
	workspace_free(&b.ws);
	arena_free(&b.mem);
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
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * The threads of a pool never change a bit: every operation forward and back on one,
 * two and three of them, small and large enough to be split.
 */
#include "tests/test.h"

#include "harness/base/hash.h"
#include "harness/base/mem.h"
#include "harness/num/params.h"
#include "tests/op_cases.h"

static void large_linear(struct bench *b)
{
	input(b, 0, 300, 520);
	input(b, 1, 640, 520);
	input(b, 2, 1, 640);
	input(b, 3, 8, 520);
	input(b, 4, 640, 8);
	b->op.scale = 2;
}

static void large_frozen(struct bench *b)
{
	input(b, 0, 300, 512);
	weight(b, 640, 512);
}

static void large_embed(struct bench *b)
{
	input(b, 0, 3000, 300);
	indices(b, 900, -1, 3000, false);
}

static void large_gather(struct bench *b)
{
	input(b, 0, 3000, 300);
	indices(b, 900, 0, 3000, false);
}

static void large_embed_frozen(struct bench *b)
{
	weight(b, 900, 320);
	indices(b, 900, -1, 900, false);
}

static void large_residual(struct bench *b)
{
	input(b, 0, 515, 333);
	input(b, 1, 515, 333);
	mask(b, 515 * 333);
}

static void large_rmsnorm(struct bench *b)
{
	input(b, 0, 515, 333);
	input(b, 1, 1, 333);
	b->op.eps = 1e-5f;
}

static void large_rope(struct bench *b)
{
	float *t = room(b, 50 * 64, sizeof(*t));

	input(b, 0, 515, 640);
	indices(b, 515, 0, 50, false);
	b->op.heads = 10;
	for (int i = 0; i < 50 * 64; i++)
		t[i] = (float)rng_normal(&b->rng);
	b->op.table = t;
}

static void large_swiglu(struct bench *b)
{
	input(b, 0, 515, 333);
	input(b, 1, 515, 333);
}

static void large_gelu(struct bench *b)
{
	input(b, 0, 515, 333);
}

static void large_attention(struct bench *b)
{
	struct key_spans *s = room(b, 400, sizeof(*s));

	for (int i = 0; i < 400; i++)
		s[i] = (struct key_spans){ .lo = { 0, i / 100 * 100 },
					   .hi = { i < 100 ? 0 : 50, i + 1 } };
	attend_on(b, s, 400, 400, 384, 6, 3);
}

static void large_direct(struct bench *b)
{
	struct key_spans *s = room(b, 3, sizeof(*s));

	for (int i = 0; i < 3; i++)
		s[i] = (struct key_spans){ .hi = { 3000 - i, 0 } };
	attend_on(b, s, 3, 3000, 384, 6, 3);
	b->frozen[0] = b->frozen[1] = b->frozen[2] = true;
}

static void large_linear_xent(struct bench *b)
{
	input(b, 0, 300, 64);
	input(b, 1, 3000, 64);
	indices(b, 300, 0, 3000, false);
}

static const struct op_case large[] = {
	{ OP_LINEAR, large_linear },
	{ OP_LINEAR, large_frozen },
	{ OP_EMBED, large_embed },
	{ OP_EMBED, large_embed_frozen },
	{ OP_GATHER, large_gather },
	{ OP_RESIDUAL, large_residual },
	{ OP_RMSNORM, large_rmsnorm },
	{ OP_ROPE, large_rope },
	{ OP_SWIGLU, large_swiglu },
	{ OP_GELU, large_gelu },
	{ OP_ATTENTION, large_attention },
	{ OP_ATTENTION, large_direct },
	{ OP_LINEAR_XENT, large_linear_xent },
};

static uint64_t mix(uint64_t h, const float *p, size_t n)
{
	return p ? h * 31 + hash_u64(p, n * sizeof(*p)) : h;
}

/* Hash of output and gradients. */
static uint64_t digest(const struct op_case *c, struct pool *pool)
{
	struct bench b = { .op = { .kind = c->kind } };
	struct tape t = { .kern = kernels_best(), .pool = pool };
	struct tensor *y;
	uint64_t h;

	rng_seed(&b.rng, 6, c->kind);
	c->make(&b);
	bench_freeze(&b);
	tape_begin(&t, true);
	y = tape_run(&t, b.op);
	CHECK_OK(&t.err);
	h = mix(1, y->data, tensor_size(y));
	if (t.n) {
		struct op *op = &t.op[0];

		if (!y->grad)
			y->grad = room(&b, tensor_size(y), sizeof(float));
		for (size_t i = 0; i < tensor_size(y); i++)
			y->grad[i] = (float)rng_normal(&b.rng);
		y->live = true;
		op_table[op->kind]->backward(op, t.work);
		for (int i = 0; i < OP_INPUTS; i++)
			if (op->in[i])
				h = mix(h, op->in[i]->grad, tensor_size(op->in[i]));
	}
	tape_free(&t);
	bench_free(&b);
	return h;
}

static void test_op_threads(void **state)
{
	struct err err = { 0 };
	struct pool *two = pool_new(2, &err), *three = pool_new(3, &err);

	(void)state;
	CHECK_OK(&err);
	for (size_t i = 0; i < ARRAY_LEN(cases) + ARRAY_LEN(large); i++) {
		const struct op_case *c =
			i < ARRAY_LEN(cases) ? &cases[i] : &large[i - ARRAY_LEN(cases)];
		uint64_t one = digest(c, NULL);

		if (digest(c, two) != one || digest(c, three) != one)
			fail_msg("%s, case %zu: other bits with more threads",
				 op_table[c->kind]->name, i);
	}
	pool_free(two);
	pool_free(three);
}

/* Weights after two steps. */
static uint64_t step_digest(struct pool *pool)
{
	const struct adamw_options o = { 0.01, 0.9, 0.95, 1e-8, 0.1, 2.0 };
	struct params ps = { .pool = pool };
	struct err err = { 0 };
	struct rng r;
	uint64_t h;

	params_add(&ps,
		   &(struct param){ .name = "w",
				    .rows = 700,
				    .cols = 501,
				    .init = PARAM_NORMAL,
				    .std = 1,
				    .train = true },
		   &err);
	params_alloc(&ps, 1, &err);
	rng_seed(&r, 2, 0);
	for (int step = 0; step < 2; step++) {
		struct tensor *t = &ps.p[0].t;

		for (size_t i = 0; i < tensor_size(t); i++)
			t->grad[i] = (float)rng_normal(&r);
		t->live = true;
		params_adamw(&ps, kernels_best(), &o, 1, &err);
		CHECK_OK(&err);
	}
	h = hash_u64(ps.data, ps.size * sizeof(float));
	params_free(&ps);
	return h;
}

static void test_step_threads(void **state)
{
	struct err err = { 0 };
	struct pool *three = pool_new(3, &err);

	(void)state;
	CHECK_OK(&err);
	CHECK(step_digest(three) == step_digest(NULL));
	pool_free(three);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_op_threads),
		cmocka_unit_test(test_step_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

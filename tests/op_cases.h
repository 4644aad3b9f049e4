/* SPDX-License-Identifier: Apache-2.0
 * Cases of every operation of the table: shapes, indices, masks and frozen weights on
 * memory of their own.
 */
#ifndef TESTS_OP_CASES_H
#define TESTS_OP_CASES_H

#include "tests/test.h"

#include "harness/base/mem.h"
#include "harness/num/tape.h"

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

/* The same without a walk back, and with two spans: keys are read as they lie. */
static void attention_direct_case(struct bench *b)
{
	struct key_spans *s = room(b, 2, sizeof(*s));

	s[0] = (struct key_spans){ .hi = { 77, 0 } };
	s[1] = (struct key_spans){ .lo = { 3, 50 }, .hi = { 20, 77 } };
	attend_on(b, s, 2, 77, 40, 4, 2);
	b->frozen[0] = b->frozen[1] = b->frozen[2] = true;
}

/* One query and more columns than one piece of it reads. */
static void attention_bands_case(struct bench *b)
{
	struct key_spans *s = room(b, 1, sizeof(*s));

	s[0] = (struct key_spans){ .lo = { 2, 30 }, .hi = { 21, 70 } };
	attend_on(b, s, 1, 70, 1000, 5, 5);
	b->frozen[0] = b->frozen[1] = b->frozen[2] = true;
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

struct op_case {
	enum op_kind kind;
	void (*make)(struct bench *b);
};

static const struct op_case cases[] = {
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
	{ OP_ATTENTION, attention_direct_case },
	{ OP_ATTENTION, attention_bands_case },
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

/* Inputs that are frozen lose their gradients. */
static void bench_freeze(struct bench *b)
{
	for (int i = 0; i < OP_INPUTS; i++)
		if (b->op.in[i] && b->frozen[i])
			b->op.in[i]->grad = NULL;
}

static void bench_free(struct bench *b)
{
	frozen_free(&b->weight);
	workspace_free(&b->ws);
	arena_free(&b->mem);
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 * The tape's memory: segments that run again give the same bits and hold less, blocks
 * come back, scores reuse what a layer needed.
 */
#include "tests/test.h"

#include "harness/base/mem.h"
#include "harness/num/params.h"
#include "harness/num/tape.h"

#define LAYERS 6
#define ROWS   40
#define DIM    32

/* A residual net with dropout, deep enough that its layers cost more than its input. */
struct net {
	struct params ps;
	struct tape tape;
	struct rng rng;
	struct tensor *x; /* what came out last */
	float input[ROWS * DIM];
	int target[ROWS];
};

struct block {
	struct net *net;
	int layer;
};

static struct tensor *layer(struct tape *t, void *ctx, struct tensor *x)
{
	const struct block *b = ctx;
	const struct param *p = &b->net->ps.p[1 + 3 * b->layer];
	uint8_t *mask = tape_mask(t, ROWS * DIM, 0.25, &b->net->rng);
	struct tensor *h = tape_run(t, (struct op){ .kind = OP_RMSNORM,
						    .in = { x, (struct tensor *)&p[0].t },
						    .eps = 1e-5f });

	h = tape_run(t, (struct op){ .kind = OP_LINEAR, .in = { h, (struct tensor *)&p[1].t } });
	h = tape_run(t, (struct op){ .kind = OP_GELU, .in = { h } });
	h = tape_run(t, (struct op){ .kind = OP_LINEAR, .in = { h, (struct tensor *)&p[2].t } });
	return tape_run(
		t, (struct op){
			   .kind = OP_RESIDUAL, .in = { x, h }, .mask = mask, .scale = 1 / 0.75f });
}

static void net_make(struct net *n)
{
	struct err err = { 0 };

	params_add(&n->ps,
		   &(struct param){ .name = "words",
				    .rows = 50,
				    .cols = DIM,
				    .init = PARAM_NORMAL,
				    .std = 1,
				    .train = true },
		   &err);
	for (int l = 0; l < LAYERS; l++) {
		const struct param row[] = {
			{ .name = "g", .rows = 1, .cols = DIM, .init = PARAM_ONE, .train = true },
			{ .name = "a",
			  .rows = 4 * DIM,
			  .cols = DIM,
			  .init = PARAM_NORMAL,
			  .std = 0.2,
			  .train = true },
			{ .name = "b",
			  .rows = DIM,
			  .cols = 4 * DIM,
			  .init = PARAM_NORMAL,
			  .std = 0.1,
			  .train = true },
		};

		for (size_t i = 0; i < ARRAY_LEN(row); i++)
			params_add(&n->ps, &row[i], &err);
	}
	params_alloc(&n->ps, 3, &err);
	CHECK_OK(&err);
	rng_seed(&n->rng, 4, 0);
	for (size_t i = 0; i < ARRAY_LEN(n->input); i++)
		n->input[i] = (float)rng_normal(&n->rng);
	for (int i = 0; i < ROWS; i++)
		n->target[i] = (int)rng_below(&n->rng, 50);
	n->tape.kern = kernels_best();
}

static void net_free(struct net *n)
{
	params_free(&n->ps);
	tape_free(&n->tape);
}

/* One pass; the loss. */
static double net_run(struct net *n, bool train, bool whole)
{
	struct block b[LAYERS];
	struct tensor *x;
	double loss = 0;

	rng_seed(&n->rng, 9, 0);
	tape_begin(&n->tape, train);
	x = tape_tensor(&n->tape, ROWS, DIM, true);
	memcpy(x->data, n->input, sizeof(n->input));
	n->x = x;
	for (int l = 0; l < LAYERS; l++) {
		b[l] = (struct block){ n, l };
		x = tape_segment(&n->tape,
				 &(struct segment){ .run = layer, .ctx = &b[l], .rng = &n->rng },
				 x);
	}
	x = tape_run(&n->tape, (struct op){ .kind = whole ? OP_LINEAR : OP_LINEAR_XENT,
					    .in = { x, &n->ps.p[0].t },
					    .index = n->target,
					    .n_index = ROWS });
	if (whole)
		x = tape_run(&n->tape, (struct op){ .kind = OP_XENT,
						    .in = { x },
						    .index = n->target,
						    .n_index = ROWS });
	CHECK_OK(&n->tape.err);
	for (int i = 0; i < ROWS; i++)
		loss += (double)x->data[i];
	tape_backward(&n->tape, x);
	CHECK_OK(&n->tape.err);
	return loss;
}

static void test_segments(void **state)
{
	struct net *n = mem_calloc(1, sizeof(*n));
	float *grad, input_grad[ROWS * DIM];
	double loss;
	size_t plain, again, score;

	(void)state;
	net_make(n);
	grad = mem_calloc(n->ps.train_size, sizeof(*grad));
	CHECK(grad);
	loss = net_run(n, true, false);
	plain = n->tape.ws.most;
	memcpy(grad, n->ps.grad, n->ps.train_size * sizeof(*grad));
	memcpy(input_grad, n->x->grad, sizeof(input_grad));
	for (int round = 0; round < 2; round++) {
		params_reset_optimizer(&n->ps);
		n->tape.recompute = true;
		CHECK_NEAR(net_run(n, true, false), loss, 0);
		CHECK(!memcmp(grad, n->ps.grad, n->ps.train_size * sizeof(*grad)));
		CHECK(!memcmp(input_grad, n->x->grad, sizeof(input_grad)));
	}
	again = n->tape.ws.most;
	net_run(n, false, false);
	score = n->tape.ws.most;
	if (again > plain * 2 / 3 || score > again)
		fail_msg("bytes: %zu plain, %zu with segments again, %zu without training", plain,
			 again, score);
	free(grad);
	net_free(n);
	free(n);
}

/* The output layer with its loss is the output layer and the loss. */
static void test_fused_loss(void **state)
{
	struct net *n = mem_calloc(1, sizeof(*n));
	float *grad;
	double loss;

	(void)state;
	net_make(n);
	grad = mem_calloc(n->ps.train_size, sizeof(*grad));
	CHECK(grad);
	loss = net_run(n, true, true);
	memcpy(grad, n->ps.grad, n->ps.train_size * sizeof(*grad));
	params_reset_optimizer(&n->ps);
	CHECK_NEAR(net_run(n, true, false), loss, 1e-4);
	for (size_t i = 0; i < n->ps.train_size; i++)
		CHECK_NEAR((double)n->ps.grad[i], (double)grad[i], 1e-4);
	free(grad);
	net_free(n);
	free(n);
}

/* Blocks given back in any order leave one free piece and are used again. */
static void test_workspace(void **state)
{
	struct workspace w = { 0 };
	struct rng r;
	unsigned char *block[64] = { 0 };
	size_t size[64] = { 0 };

	(void)state;
	rng_seed(&r, 1, 0);
	for (int round = 0; round < 4; round++) {
		size_t most;

		for (int step = 0; step < 4000; step++) {
			int i = (int)rng_below(&r, 64);

			for (size_t j = 0; block[i] && j < size[i]; j++)
				CHECK(block[i][j] == i);
			workspace_give(&w, block[i], size[i], 1);
			block[i] = NULL;
			if (rng_below(&r, 3) == 0)
				continue;
			size[i] = 1 + rng_below(&r, 1000);
			block[i] = workspace_get(&w, size[i], 1);
			CHECK(block[i] && (uintptr_t)block[i] % 64 == 0);
			memset(block[i], i, size[i]);
		}
		for (int i = 0; i < 64; i++) {
			workspace_give(&w, block[i], size[i], 1);
			block[i] = NULL;
		}
		CHECK(w.used == 0 && w.n_hole == 0 && w.spilled == 0);
		most = w.most;
		workspace_reset(&w);
		CHECK(w.size >= most);
	}
	CHECK(!workspace_get(&w, SIZE_MAX / 2, 4));
	workspace_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_fused_loss),
		cmocka_unit_test(test_workspace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

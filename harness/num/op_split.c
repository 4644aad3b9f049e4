/* SPDX-License-Identifier: Apache-2.0
 * Pieces of an operation.
 */
#include "harness/num/op_split.h"

#define LEAST ((size_t)32 << 10) /* floats of a piece: tens of microseconds */
#define LINE  ((size_t)16)

struct split op_split(size_t n, size_t cost)
{
	size_t pieces = n * cost / LEAST, step;

	pieces = pieces < SPLIT_MOST ? pieces : SPLIT_MOST;
	pieces = pieces < n ? pieces : n;
	pieces = pieces ? pieces : 1;
	step = (n + pieces - 1) / pieces;
	if (cost < LINE) /* single elements: whole cache lines */
		step = (step + LINE - 1) / LINE * LINE;
	step = step ? step : 1;
	pieces = (n + step - 1) / step;
	return (struct split){ pieces ? (int)pieces : 1, step };
}

struct split_run {
	struct op *op;
	float *work;
	size_t n;
	struct split s;
	split_fn *fn;
};

static void one_piece(void *ctx, int i, int worker)
{
	const struct split_run *r = ctx;
	size_t first = (size_t)i * r->s.step, rest = r->n - first;

	(void)worker;
	r->fn(r->op, r->work, i, first, rest < r->s.step ? rest : r->s.step);
}

void op_split_run(struct op *op, float *work, size_t n, size_t cost, split_fn *fn)
{
	struct split_run r = { op, work, n, op_split(n, cost), fn };

	pool_run(op->pool, r.s.pieces, one_piece, &r);
}

/* SPDX-License-Identifier: Apache-2.0
 * Recording and walking back.
 */
#include "harness/num/tape.h"

#include <math.h>
#include <stdlib.h>

#include "harness/base/mem.h"
#include "harness/num/kernel_weight.h"

/* Memory of the tape outside its records: a tensor's values, or a mask. */
struct tape_block {
	struct tensor *of; /* NULL: a mask */
	void *p;
	size_t n; /* bytes */
};

/* A segment to run again when the walk back comes to operation `at`. */
struct tape_piece {
	struct segment s;
	struct rng rng;
	size_t at;
	struct tensor *x, *out;
};

void tape_begin(struct tape *t, bool train)
{
	workspace_reset(&t->ws);
	t->n = t->n_piece = t->n_made = 0;
	t->depth = 0;
	t->dry = false;
	t->train = train;
	t->err = (struct err){ 0 };
}

void tape_free(struct tape *t)
{
	workspace_free(&t->ws);
	free(t->work);
	free(t->op);
	free(t->piece);
	free(t->made);
	*t = (struct tape){ 0 };
}

/* Notes memory that the end of a segment gives back. */
static bool note_made(struct tape *t, struct tensor *of, void *p, size_t n)
{
	if (!t->depth)
		return true;
	if (!GROW_ARRAY(t->made, t->made_cap, t->n_made + 1))
		return false;
	t->made[t->n_made++] = (struct tape_block){ of, p, n };
	return true;
}

struct tensor *tape_tensor(struct tape *t, int rows, int cols, bool grad)
{
	struct tensor *x;
	size_t n;

	if (t->err.code)
		return NULL;
	x = workspace_get(&t->ws, 1, sizeof(*x));
	if (!x || !size_mul((size_t)rows, (size_t)cols, &n))
		goto fail;
	*x = (struct tensor){ .rows = rows, .cols = cols, .learns = grad, .taken = true };
	x->data = workspace_get(&t->ws, n, sizeof(float));
	if (x->data && note_made(t, x, x->data, n * sizeof(float)))
		return x;
fail:
	err_set(&t->err, ERR_NOMEM, "no memory for a tensor of %d x %d", rows, cols);
	return NULL;
}

static bool work_fit(struct tape *t, size_t n)
{
	float *p;

	if (n <= t->work_size)
		return true;
	p = aligned_alloc(64, (n + n / 4 + 16) / 16 * 64);
	if (!p)
		return false;
	free(t->work);
	t->work = p;
	t->work_size = n;
	return true;
}

static bool wants_grad(const struct tape *t, const struct op *op)
{
	for (int i = 0; i < OP_INPUTS; i++)
		if (t->train && op->in[i] && tensor_learns(op->in[i]))
			return true;
	return false;
}

static bool is_mixed(const struct tape *t)
{
	switch (t->mixed) {
	case MIXED_AUTO:
		return t->kern->weight->bf16;
	case MIXED_FORCE:
		return true;
	case MIXED_OFF:
		break;
	}
	return false;
}

/* Output, save and scratch of an operation. */
static int prepare(struct tape *t, struct op *op)
{
	const struct op_spec *spec = op_table[op->kind];
	bool grad = wants_grad(t, op);
	int rows, cols;

	if (spec->shape(op, &rows, &cols, &t->err))
		return t->err.code;
	op->kern = t->kern;
	op->pool = t->pool;
	op->mixed = is_mixed(t);
	op->record = grad && !t->dry;
	t->dry_learns = t->dry_learns || grad;
	op->out = spec->in_place ? op->in[0] : tape_tensor(t, rows, cols, grad);
	if (!op->out)
		return t->err.code;
	op->out->learns = op->out->learns || grad;
	if (spec->save) {
		op->n_save = spec->save(op);
		op->save = workspace_get(&t->ws, op->n_save, sizeof(float));
		if (!op->save)
			return err_set(&t->err, ERR_NOMEM, "%s: no memory", spec->name);
	}
	if (spec->work && !work_fit(t, spec->work(op)))
		return err_set(&t->err, ERR_NOMEM, "%s: no scratch", spec->name);
	if (op->record && !GROW_ARRAY(t->op, t->cap, t->n + 1))
		return err_set(&t->err, ERR_NOMEM, "tape: %zu operations", t->n);
	if (op->record)
		t->op[t->n++] = *op;
	return 0;
}

static void give_save(struct tape *t, struct op *op)
{
	workspace_give(&t->ws, op->save, op->n_save, sizeof(float));
	op->save = NULL;
}

struct tensor *tape_run(struct tape *t, struct op op)
{
	const struct op_spec *spec = op_table[op.kind];

	for (int i = 0; i < spec->n_in && !t->err.code; i++)
		if (!op.in[i])
			err_set(&t->err, ERR_INTERNAL, "%s: input %d is missing", spec->name, i);
	if (t->err.code || prepare(t, &op))
		return NULL;
	spec->forward(&op, t->work);
	if (!op.record)
		give_save(t, &op);
	return op.out;
}

static bool take_grad(struct tape *t, struct tensor *x)
{
	if (x->grad || !x->learns)
		return true;
	x->grad = workspace_get(&t->ws, tensor_size(x), sizeof(float));
	if (!x->grad)
		err_set(&t->err, ERR_NOMEM, "no memory for a gradient of %d x %d", x->rows,
			x->cols);
	return x->grad != NULL;
}

static void give_grad(struct tape *t, struct tensor *x)
{
	if (!x->taken)
		return;
	workspace_give(&t->ws, x->grad, tensor_size(x), sizeof(float));
	x->grad = NULL;
	x->live = false;
}

static void give_data(struct tape *t, struct tensor *x)
{
	if (!x->taken)
		return;
	workspace_give(&t->ws, x->data, tensor_size(x), sizeof(float));
	x->data = NULL;
}

/* One operation backwards, and its memory back. */
static void step_back(struct tape *t, struct op *op, const struct tensor *keep)
{
	const struct op_spec *spec = op_table[op->kind];

	for (int i = 0; i < OP_INPUTS && op->out->live; i++)
		if (op->in[i] && !(spec->hands_on && i == 0) && !take_grad(t, op->in[i]))
			return;
	if (op->out->live)
		spec->backward(op, t->work);
	give_save(t, op);
	if (spec->in_place)
		return;
	give_grad(t, op->out);
	if (op->out != keep)
		give_data(t, op->out);
}

/* Gives back what a segment made but its output. */
static void drop_made(struct tape *t, size_t from, const struct tensor *out)
{
	size_t kept = from;

	for (size_t i = from; i < t->n_made; i++) {
		struct tape_block *b = &t->made[i];

		if (b->of && b->of == out) {
			t->made[kept++] = *b;
		} else if (b->of) {
			if (b->of->data == b->p)
				give_data(t, b->of);
		} else {
			workspace_give(&t->ws, b->p, b->n, 1);
		}
	}
	/* an outer segment, if there is one, still has to give the output back */
	t->n_made = t->depth ? kept : from;
}

static void walk_back(struct tape *t, size_t to, const struct tensor *keep);

/* A segment's second run, recorded, and its walk back. */
static void piece_back(struct tape *t, struct tape_piece *p)
{
	size_t from = t->n, made = t->n_made;
	struct rng now;
	struct tensor *y;

	if (!p->out->live)
		return;
	if (p->s.rng) {
		now = *p->s.rng;
		*p->s.rng = p->rng;
	}
	t->depth++;
	y = p->s.run(t, p->s.ctx, p->x);
	if (p->s.rng)
		*p->s.rng = now;
	if (t->err.code)
		return;
	y->grad = p->out->grad;
	y->live = true;
	p->out->grad = NULL;
	walk_back(t, from, NULL);
	t->depth--;
	drop_made(t, made, NULL);
	give_data(t, p->out);
	p->out->live = false;
}

static void walk_back(struct tape *t, size_t to, const struct tensor *keep)
{
	while (!t->err.code) {
		if (t->n_piece && t->piece[t->n_piece - 1].at == t->n) {
			struct tape_piece p = t->piece[--t->n_piece];

			piece_back(t, &p);
		} else if (t->n > to) {
			struct op op = t->op[--t->n];

			step_back(t, &op, keep);
		} else {
			return;
		}
	}
}

void tape_backward(struct tape *t, struct tensor *out)
{
	if (t->err.code || !take_grad(t, out) || !out->grad)
		return;
	for (size_t i = 0; i < tensor_size(out); i++)
		out->grad[i] = 1.0f;
	out->live = true;
	walk_back(t, 0, out);
}

static struct tensor *run_dry(struct tape *t, const struct segment *s, struct tensor *x)
{
	struct tape_piece p = { .s = *s, .at = t->n, .x = x };

	if (s->rng)
		p.rng = *s->rng;
	t->dry = true;
	t->dry_learns = false;
	p.out = s->run(t, s->ctx, x);
	t->dry = false;
	if (t->err.code || !t->dry_learns)
		return p.out;
	if (!GROW_ARRAY(t->piece, t->piece_cap, t->n_piece + 1)) {
		err_set(&t->err, ERR_NOMEM, "tape: %zu segments", t->n_piece);
		return NULL;
	}
	t->piece[t->n_piece++] = p;
	return p.out;
}

struct tensor *tape_segment(struct tape *t, const struct segment *s, struct tensor *x)
{
	size_t made = t->n_made;
	struct tensor *out;

	if (t->err.code || !x)
		return NULL;
	if (t->depth || (t->train && !t->recompute))
		return s->run(t, s->ctx, x);
	t->depth++;
	out = t->train ? run_dry(t, s, x) : s->run(t, s->ctx, x);
	t->depth--;
	drop_made(t, made, out);
	return out;
}

uint8_t *tape_mask(struct tape *t, size_t n, double p, struct rng *rng)
{
	uint8_t *mask = t->err.code ? NULL : workspace_get(&t->ws, n, 1);
	uint32_t limit = (uint32_t)lrint(p * 65536);

	if (!mask || !note_made(t, NULL, mask, n)) {
		err_set(&t->err, ERR_NOMEM, "no memory for a mask of %zu", n);
		return NULL;
	}
	for (size_t i = 0; i < n; i += 4) {
		uint64_t r = rng_u64(rng);

		for (size_t j = i; j < i + 4 && j < n; j++, r >>= 16)
			mask[j] = (uint32_t)(r & 0xffff) >= limit;
	}
	return mask;
}

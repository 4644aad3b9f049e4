/* SPDX-License-Identifier: Apache-2.0
 * Recording and walking back.
 */
#include "harness/num/tape.h"

#include <math.h>
#include <stdlib.h>

#include "harness/base/mem.h"

void tape_begin(struct tape *t, bool train)
{
	workspace_reset(&t->ws);
	t->n = 0;
	t->train = train;
	t->err = (struct err){ 0 };
}

void tape_free(struct tape *t)
{
	workspace_free(&t->ws);
	free(t->work);
	free(t->op);
	*t = (struct tape){ 0 };
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
	*x = (struct tensor){ .rows = rows, .cols = cols };
	x->data = workspace_get(&t->ws, n, sizeof(float));
	if (grad)
		x->grad = workspace_get(&t->ws, n, sizeof(float));
	if (x->data && (x->grad || !grad))
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
		if (t->train && op->in[i] && op->in[i]->grad)
			return true;
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
	op->record = grad;
	op->out = spec->in_place ? op->in[0] : tape_tensor(t, rows, cols, grad);
	if (!op->out)
		return t->err.code;
	if (spec->in_place && grad && !op->out->grad) {
		op->out->grad = workspace_get(&t->ws, tensor_size(op->out), sizeof(float));
		if (!op->out->grad)
			return err_set(&t->err, ERR_NOMEM, "%s: no memory", spec->name);
	}
	if (spec->save) {
		op->save = workspace_get(&t->ws, spec->save(op), sizeof(float));
		if (!op->save)
			return err_set(&t->err, ERR_NOMEM, "%s: no memory", spec->name);
	}
	if (spec->work && !work_fit(t, spec->work(op)))
		return err_set(&t->err, ERR_NOMEM, "%s: no scratch", spec->name);
	if (grad && !GROW_ARRAY(t->op, t->cap, t->n + 1))
		return err_set(&t->err, ERR_NOMEM, "tape: %zu operations", t->n);
	if (grad)
		t->op[t->n++] = *op;
	return 0;
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
	return op.out;
}

void tape_backward(struct tape *t, struct tensor *out)
{
	if (t->err.code || !out->grad)
		return;
	for (size_t i = 0; i < tensor_size(out); i++)
		out->grad[i] = 1.0f;
	out->live = true;
	for (size_t i = t->n; i-- > 0;)
		if (t->op[i].out->live)
			op_table[t->op[i].kind]->backward(&t->op[i], t->work);
}

uint8_t *tape_mask(struct tape *t, size_t n, double p, struct rng *rng)
{
	uint8_t *mask = t->err.code ? NULL : workspace_get(&t->ws, n, 1);
	uint32_t limit = (uint32_t)lrint(p * 65536);

	if (!mask) {
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

/* SPDX-License-Identifier: Apache-2.0
 * Parameter sets: memory, initial values, AdamW, a kept copy.
 */
#include "harness/num/params.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/base/rng.h"

#define LINE  16		/* floats a cache line */
#define PIECE ((size_t)1 << 16) /* floats that one thread takes at a time */

static size_t padded(const struct param *p)
{
	return ((size_t)p->rows * (size_t)p->cols + LINE - 1) / LINE * LINE;
}

int params_add(struct params *ps, const struct param *row, struct err *err)
{
	size_t n;

	if (row->rows < 1 || row->cols < 1 || !size_mul((size_t)row->rows, (size_t)row->cols, &n) ||
	    n > (size_t)1 << 31)
		return err_set(err, ERR_ARG, "parameter %s: bad shape %d x %d", row->name,
			       row->rows, row->cols);
	if (!GROW_ARRAY(ps->p, ps->cap, ps->n + 1))
		return err_set(err, ERR_NOMEM, "parameter %s", row->name);
	ps->p[ps->n++] = *row;
	ps->size += padded(row);
	ps->train_size += row->train ? padded(row) : 0;
	return 0;
}

static float *zeros(size_t n)
{
	size_t bytes = (n + LINE) / LINE * LINE * sizeof(float);
	float *p = aligned_alloc(64, bytes);

	if (p)
		memset(p, 0, bytes);
	return p;
}

static void fill(struct param *p, struct rng *rng)
{
	for (size_t i = 0; i < tensor_size(&p->t); i++)
		p->t.data[i] = p->init == PARAM_NORMAL ? (float)(rng_normal(rng) * p->std)
			       : p->init == PARAM_ONE  ? 1.0f
						       : 0.0f;
}

/* Of the largest parameter. */
static size_t most_pieces(const struct params *ps)
{
	size_t most = 0;

	for (size_t i = 0; i < ps->n; i++)
		most = padded(&ps->p[i]) > most ? padded(&ps->p[i]) : most;
	return most / PIECE + 1;
}

int params_alloc(struct params *ps, uint64_t seed, struct err *err)
{
	size_t at = 0, trained = 0;
	struct rng rng;

	ps->data = zeros(ps->size);
	ps->grad = zeros(ps->train_size);
	ps->m = zeros(ps->train_size);
	ps->v = zeros(ps->train_size);
	if (!ps->data || !ps->grad || !ps->m || !ps->v || !NEW_ARRAY(ps->part, most_pieces(ps)))
		return err_set(err, ERR_NOMEM, "%zu parameters", ps->size);
	for (size_t i = 0; i < ps->n; i++) {
		struct param *p = &ps->p[i];

		p->t = (struct tensor){ .rows = p->rows, .cols = p->cols, .data = ps->data + at };
		at += padded(p);
		if (p->train) {
			p->t.grad = ps->grad + trained;
			p->m = ps->m + trained;
			p->v = ps->v + trained;
			trained += padded(p);
		}
		rng_seed(&rng, seed, i);
		fill(p, &rng);
	}
	return 0;
}

void params_free(struct params *ps)
{
	free(ps->p);
	free(ps->data);
	free(ps->grad);
	free(ps->m);
	free(ps->v);
	free(ps->kept);
	free(ps->part);
	*ps = (struct params){ 0 };
}

struct param *params_find(const struct params *ps, const char *name)
{
	for (size_t i = 0; i < ps->n; i++)
		if (!strcmp(ps->p[i].name, name))
			return &ps->p[i];
	return NULL;
}

int64_t params_count(const struct params *ps, bool train_only)
{
	int64_t n = 0;

	for (size_t i = 0; i < ps->n; i++)
		if (ps->p[i].train || !train_only)
			n += (int64_t)tensor_size(&ps->p[i].t);
	return n;
}

/* One pass over all gradients or weights, in pieces of the parameters one after the other. */
struct update {
	struct params *ps;
	const struct kernels *kern;
	struct adamw_step step;
	const struct param *p; /* at hand */
	double *part;	       /* sums of squares by piece */
};

static size_t piece_floats(const struct param *p, int i)
{
	size_t rest = tensor_size(&p->t) - (size_t)i * PIECE;

	return rest < PIECE ? rest : PIECE;
}

static void piece_squares(void *ctx, int i, int worker)
{
	const struct update *u = ctx;

	(void)worker;
	u->part[i] = u->kern->sum_squares(u->p->t.grad + (size_t)i * PIECE, piece_floats(u->p, i));
}

static void piece_update(void *ctx, int i, int worker)
{
	const struct update *u = ctx;
	const struct param *p = u->p;
	size_t at = (size_t)i * PIECE;

	(void)worker;
	u->kern->adamw(p->t.data + at, p->t.grad + at, p->m + at, p->v + at, &u->step,
		       piece_floats(p, i));
}

static int pieces(const struct param *p)
{
	return (int)((tensor_size(&p->t) + PIECE - 1) / PIECE);
}

/* Of the gradients as they are.  The sum does not depend on the threads. */
static double squares(struct update *u)
{
	double sum = 0;

	for (size_t i = 0; i < u->ps->n; i++) {
		u->p = &u->ps->p[i];
		if (!u->p->train || !u->p->t.live)
			continue;
		pool_run(u->ps->pool, pieces(u->p), piece_squares, u);
		for (int k = 0; k < pieces(u->p); k++)
			sum += u->part[k];
	}
	return sum;
}

static void drop_gradients(struct params *ps)
{
	for (size_t i = 0; i < ps->n; i++)
		ps->p[i].t.live = false;
}

int params_adamw(struct params *ps, const struct kernels *kern, const struct adamw_options *o,
		 double scale, struct err *err)
{
	struct update u = { .ps = ps, .kern = kern, .part = ps->part };
	double norm = sqrt(squares(&u)) * fabs(scale);

	if (!isfinite(norm)) {
		drop_gradients(ps);
		return err_set(err, ERR_DATA,
			       "the gradient is not finite: lower the learning rate or check the "
			       "input features");
	}
	ps->step++;
	if (o->clip > 0 && norm > o->clip)
		scale *= o->clip / norm;
	u.step = (struct adamw_step){
		.lr = (float)o->lr,
		.beta1 = (float)o->beta1,
		.beta2 = (float)o->beta2,
		.eps = (float)o->eps,
		.fix1 = (float)(1 / (1 - pow(o->beta1, (double)ps->step))),
		.fix2 = (float)(1 / (1 - pow(o->beta2, (double)ps->step))),
		.scale = (float)scale,
	};
	for (size_t i = 0; i < ps->n; i++) {
		struct param *p = &ps->p[i];

		if (!p->train)
			continue;
		if (!p->t.live)
			memset(p->t.grad, 0, tensor_size(&p->t) * sizeof(float));
		u.p = p;
		u.step.decay = p->decay ? (float)(o->lr * o->weight_decay) : 0.0f;
		pool_run(ps->pool, pieces(p), piece_update, &u);
	}
	drop_gradients(ps);
	return 0;
}

void params_reset_optimizer(struct params *ps)
{
	size_t bytes = ps->train_size * sizeof(float);

	memset(ps->m, 0, bytes);
	memset(ps->v, 0, bytes);
	drop_gradients(ps);
	ps->step = 0;
}

int params_keep(struct params *ps, struct err *err)
{
	if (!ps->kept)
		ps->kept = zeros(ps->size);
	if (!ps->kept)
		return err_set(err, ERR_NOMEM, "a copy of %zu parameters", ps->size);
	memcpy(ps->kept, ps->data, ps->size * sizeof(*ps->data));
	return 0;
}

int params_restore(struct params *ps, struct err *err)
{
	if (!ps->kept)
		return err_set(err, ERR_INTERNAL, "no parameters were kept");
	memcpy(ps->data, ps->kept, ps->size * sizeof(*ps->data));
	return 0;
}

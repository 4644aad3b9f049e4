/* SPDX-License-Identifier: Apache-2.0
 * Parameter sets: memory, initial values, AdamW, a kept copy.
 */
#include "harness/num/params.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/base/rng.h"

#define LINE 16 /* floats a cache line */

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

int params_alloc(struct params *ps, uint64_t seed, struct err *err)
{
	size_t at = 0, trained = 0;
	struct rng rng;

	ps->data = zeros(ps->size);
	ps->grad = zeros(ps->train_size);
	ps->m = zeros(ps->train_size);
	ps->v = zeros(ps->train_size);
	if (!ps->data || !ps->grad || !ps->m || !ps->v)
		return err_set(err, ERR_NOMEM, "%zu parameters", ps->size);
	for (size_t i = 0; i < ps->n; i++) {
		struct param *p = &ps->p[i];

		p->t = (struct tensor){ .rows = p->rows, .cols = p->cols, .data = ps->data + at };
		at += padded(p);
		if (p->train) {
			p->t.grad = ps->grad + trained;
			p->t.live = true;
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

int params_adamw(struct params *ps, const struct kernels *kern, const struct adamw_options *o,
		 double scale, struct err *err)
{
	double norm = sqrt(kern->sum_squares(ps->grad, ps->train_size)) * fabs(scale);
	struct adamw_step s;

	if (!isfinite(norm)) {
		memset(ps->grad, 0, ps->train_size * sizeof(*ps->grad));
		return err_set(err, ERR_DATA,
			       "the gradient is not finite: lower the learning rate or check the "
			       "input features");
	}
	ps->step++;
	if (o->clip > 0 && norm > o->clip)
		scale *= o->clip / norm;
	s = (struct adamw_step){
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

		s.decay = p->decay ? (float)(o->lr * o->weight_decay) : 0.0f;
		if (p->train)
			kern->adamw(p->t.data, p->t.grad, p->m, p->v, &s, tensor_size(&p->t));
	}
	return 0;
}

void params_reset_optimizer(struct params *ps)
{
	size_t bytes = ps->train_size * sizeof(float);

	memset(ps->grad, 0, bytes);
	memset(ps->m, 0, bytes);
	memset(ps->v, 0, bytes);
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

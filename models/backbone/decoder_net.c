/* SPDX-License-Identifier: Apache-2.0
 * The decoder's net on the tape: training, scoring and sessions run this one.  The last
 * layer computes queries, and all that follows them, only where an answer is wanted: for a
 * question a turn that is one position in fifty.
 */
#include "models/backbone/decoder_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The cosines and sines of all positions up to the largest; grows. */
static int turns_fit(struct decoder *d, const struct packed *p, struct err *err)
{
	int h = d->cfg.head_dim, half = h / 2, need = 0;
	float *t;

	for (int i = 0; i < p->n; i++)
		need = p->pos[i] >= need ? p->pos[i] + 1 : need;
	if (need <= d->turns_n)
		return 0;
	need += need / 2;
	t = realloc(d->turns, (size_t)need * (size_t)h * sizeof(*t));
	if (!t)
		return err_set(err, ERR_NOMEM, "decoder: %d positions", need);
	d->turns = t;
	for (int pos = d->turns_n; pos < need; pos++)
		for (int j = 0; j < half; j++) {
			double a = pos * d->freq[j];

			t[(size_t)pos * (size_t)h + (size_t)j] = (float)cos(a);
			t[(size_t)pos * (size_t)h + (size_t)(half + j)] = (float)sin(a);
		}
	d->turns_n = need;
	return 0;
}

/* Rows of a layer: all tokens, or those that the last layer needs. */
struct rows {
	int n;
	const int *index; /* tokens, ascending; NULL: all */
	const int *pos;
	struct attn_plan plan;
};

/* One forward pass under way. */
struct pass {
	struct decoder *d;
	struct reading r;
	struct sight sight;
	struct rows all, last; /* each with the plan of the layers that are not local */
	struct attn_plan all_near, last_near; /* and those of the local ones */
	int *answer;			      /* (n_at) rows of the last layer's output */
};

static int *ints(struct tape *t, int n)
{
	int *p = t->err.code ? NULL : workspace_get(&t->ws, (size_t)n, sizeof(*p));

	if (!p)
		err_set(&t->err, ERR_NOMEM, "decoder: %d indices", n);
	return p;
}

/* The tokens with an answer, each once, and where in that list each answer is. */
static int rows_of_answers(struct pass *f)
{
	struct tape *t = &f->d->tape;
	const struct packed *p = f->r.p;
	int *slot = ints(t, p->n), *index = ints(t, p->n), *pos = ints(t, p->n), n = 0;

	f->answer = ints(t, p->n_at);
	if (t->err.code)
		return t->err.code;
	memset(slot, 0, (size_t)p->n * sizeof(*slot));
	for (int k = 0; k < p->n_at; k++)
		slot[p->at[k]] = 1;
	for (int i = 0; i < p->n; i++)
		if (slot[i]) {
			slot[i] = n;
			pos[n] = p->pos[i];
			index[n++] = i;
		}
	for (int k = 0; k < p->n_at; k++)
		f->answer[k] = slot[p->at[k]];
	f->last = (struct rows){ .n = n, .index = index, .pos = pos };
	return 0;
}

/* The plans of all rows and of the last layer's, with one window. */
static int plans_of(struct pass *f, int window, struct attn_plan *all, struct attn_plan *last)
{
	struct tape *t = &f->d->tape;
	const struct packed *p = f->r.p;
	struct key_spans *see = workspace_get(&t->ws, (size_t)p->n, sizeof(*see));
	struct key_spans *see_last = workspace_get(&t->ws, (size_t)p->n, sizeof(*see_last));

	if (!see || !see_last)
		return err_set(&t->err, ERR_NOMEM, "decoder: %d key spans", p->n);
	sight_spans(&f->sight, p, window, see);
	for (int i = 0; i < f->last.n; i++)
		see_last[i] = see[f->last.index[i]];
	if (attn_plan_build(all, see, p->n, f->sight.n_key, &t->ws, &t->err))
		return t->err.code;
	return attn_plan_build(last, see_last, f->last.n, f->sight.n_key, &t->ws, &t->err);
}

static int plans(struct pass *f)
{
	struct tape *t = &f->d->tape;

	f->all = (struct rows){ .n = f->r.p->n, .pos = f->r.p->pos };
	if (f->r.sight)
		f->sight = *f->r.sight;
	else
		sight_of(f->r.p, &f->sight, &t->ws, &t->err);
	if (t->err.code || rows_of_answers(f) ||
	    plans_of(f, f->r.p->window, &f->all.plan, &f->last.plan))
		return t->err.code;
	return f->d->cfg.local_layers ? plans_of(f, 0, &f->all_near, &f->last_near) : 0;
}

static const uint8_t *dropout_mask(struct pass *f, int rows, float *scale)
{
	double p = f->r.rng ? f->d->cfg.dropout : 0;

	*scale = (float)(1 / (1 - p));
	if (!(p > 0))
		return NULL;
	return tape_mask(&f->d->tape, (size_t)rows * (size_t)f->d->cfg.dim, p, f->r.rng);
}

static struct tensor *embed(struct pass *f)
{
	struct decoder *d = f->d;
	const struct packed *p = f->r.p;
	const int *index = p->token;
	double drop = f->r.rng ? d->cfg.token_dropout : 0;
	struct tensor *x;
	const uint8_t *mask;
	float scale;

	if (drop > 0) {
		int *kept = ints(&d->tape, p->n);

		for (int i = 0; kept && i < p->n; i++)
			kept[i] = rng_uniform(f->r.rng) < drop ? -1 : p->token[i];
		index = kept;
	}
	x = tape_run(&d->tape, (struct op){ .kind = OP_EMBED,
					    .in = { d->embed.w },
					    .frozen = d->embed.frozen,
					    .index = index,
					    .n_index = p->n });
	for (int k = 0; k < d->cfg.n_soft; k++)
		x = projector_put(&d->tape, &d->soft[k], &d->cfg.soft[k], p, k, x);
	mask = dropout_mask(f, p->n, &scale);
	if (!mask)
		return x;
	return tape_run(
		&d->tape,
		(struct op){ .kind = OP_DROPOUT, .in = { x }, .mask = mask, .scale = scale });
}

static struct tensor *linear(struct pass *f, struct tensor *x, const struct part_weights *l)
{
	const struct decoder_config *c = &f->d->cfg;
	const double drop = f->r.rng && l->a && x ? c->lora_dropout : 0;
	struct op op = { .kind = OP_LINEAR,
			 .in = { x, l->w, l->bias, l->a, l->b },
			 .frozen = l->frozen,
			 .path = f->d->tape.train ? FROZEN_FLOAT : c->path,
			 .scale = l->a ? f->d->lora_scale : 0 };

	if (drop > 0) {
		op.mask = tape_mask(&f->d->tape, tensor_size(x), drop, f->r.rng);
		op.mask_scale = (float)(1 / (1 - drop));
	}
	return tape_run(&f->d->tape, op);
}

static struct tensor *norm(struct pass *f, struct tensor *x, struct tensor *gain)
{
	return tape_run(&f->d->tape, (struct op){ .kind = OP_RMSNORM,
						  .in = { x, gain },
						  .eps = (float)f->d->cfg.norm_eps });
}

static struct tensor *rope(struct pass *f, struct tensor *x, const struct rows *r, int heads)
{
	return tape_run(&f->d->tape, (struct op){ .kind = OP_ROPE,
						  .in = { x },
						  .index = r->pos,
						  .n_index = r->n,
						  .heads = heads,
						  .pairs = f->d->cfg.rope_pairs,
						  .table = f->d->turns });
}

/* The keys or values x join those of layer l that the session has kept. */
static struct tensor *keep(struct pass *f, struct tensor *x, float *kept, int l)
{
	const struct cache *c = f->r.cache;
	struct tape *t = &f->d->tape;
	struct tensor *view;

	if (!c || !x)
		return x;
	view = workspace_get(&t->ws, 1, sizeof(*view));
	if (!view) {
		err_set(&t->err, ERR_NOMEM, "decoder: no memory");
		return NULL;
	}
	*view = (struct tensor){ .rows = f->sight.n_key, .cols = x->cols };
	view->data = kept + (size_t)l * (size_t)c->capacity * (size_t)x->cols;
	return tape_run(t, (struct op){ .kind = OP_PUT_ROWS,
					.in = { view, x },
					.index = f->sight.slot,
					.n_index = f->sight.n });
}

static struct tensor *residual(struct pass *f, struct tensor *x, struct tensor *y)
{
	float scale;
	const uint8_t *mask = x ? dropout_mask(f, x->rows, &scale) : NULL;

	if (!x)
		return NULL;
	return tape_run(
		&f->d->tape,
		(struct op){ .kind = OP_RESIDUAL, .in = { x, y }, .mask = mask, .scale = scale });
}

static struct tensor *pick_rows(struct pass *f, struct tensor *x, const struct rows *r)
{
	if (!r->index)
		return x;
	return tape_run(
		&f->d->tape,
		(struct op){ .kind = OP_GATHER, .in = { x }, .index = r->index, .n_index = r->n });
}

/* One layer of a pass. */
struct step {
	struct pass *f;
	int l;
};

/* The last layer goes on with the rows of the answers.  NULL without a failure where there
 * are none. */
static struct tensor *layer(struct tape *t, void *step, struct tensor *x)
{
	struct pass *f = ((struct step *)step)->f;
	const int l = ((struct step *)step)->l;
	const struct layer *y = &f->d->layer[l];
	const struct decoder_config *c = &f->d->cfg;
	const bool last = l == c->layers - 1, near = l < c->local_layers;
	const struct rows *r = last ? &f->last : &f->all;
	const struct attn_plan *plan = last ? &f->last_near : &f->all_near;
	struct tensor *h = norm(f, x, y->norm1), *q, *k, *v, *o;

	k = rope(f, linear(f, h, &y->lin[LLAMA_K]), &f->all, c->kv_heads);
	k = keep(f, k, f->r.cache ? f->r.cache->k : NULL, l);
	v = linear(f, h, &y->lin[LLAMA_V]);
	v = keep(f, v, f->r.cache ? f->r.cache->v : NULL, l);
	if (!r->n)
		return NULL;
	q = rope(f, linear(f, pick_rows(f, h, r), &y->lin[LLAMA_Q]), r, c->heads);
	o = tape_run(t, (struct op){ .kind = OP_ATTENTION,
				     .in = { q, k, v },
				     .heads = c->heads,
				     .kv_heads = c->kv_heads,
				     .plan = near ? plan : &r->plan });
	x = residual(f, pick_rows(f, x, r), linear(f, o, &y->lin[LLAMA_O]));
	h = norm(f, x, y->norm2);
	h = tape_run(t, (struct op){ .kind = OP_SWIGLU,
				     .in = { linear(f, h, &y->lin[LLAMA_GATE]),
					     linear(f, h, &y->lin[LLAMA_UP]) } });
	return residual(f, x, linear(f, h, &y->lin[LLAMA_DOWN]));
}

/* All layers, each a segment: what it computes inside is not needed afterwards. */
static struct tensor *layers(struct pass *f, struct tensor *x)
{
	struct tape *t = &f->d->tape;
	const int n = f->d->cfg.layers;
	struct step *step = workspace_get(&t->ws, (size_t)n, sizeof(*step));

	if (!step) {
		err_set(&t->err, ERR_NOMEM, "decoder: no memory");
		return NULL;
	}
	for (int l = 0; l < n; l++) {
		step[l] = (struct step){ f, l };
		if (l == n - 1 && !f->last.n)
			return layer(t, &step[l], x);
		x = tape_segment(t, &(struct segment){ layer, &step[l], f->r.rng }, x);
	}
	return x;
}

struct tensor *decoder_run(struct decoder *d, const struct reading *r, struct err *err)
{
	struct tape *t = &d->tape;
	struct tensor *x;
	struct pass *f;

	if (turns_fit(d, r->p, err))
		return NULL;
	/* the plans must live until the walk back: in the tape's memory */
	f = workspace_get(&t->ws, 1, sizeof(*f));
	if (!f) {
		err_set(err, ERR_NOMEM, "decoder: no memory");
		return NULL;
	}
	*f = (struct pass){ .d = d, .r = *r };
	plans(f);
	x = embed(f);
	x = layers(f, x);
	if (r->p->n_at) {
		x = tape_run(t, (struct op){ .kind = OP_GATHER,
					     .in = { x },
					     .index = f->answer,
					     .n_index = r->p->n_at });
		x = norm(f, x, d->norm);
	}
	if (t->err.code)
		err_set(err, t->err.code, "decoder: %s", t->err.msg);
	return x;
}

/* The rows of the output matrix that the answers are chosen from. */
static struct tensor *words(struct decoder *d, const struct packed *p)
{
	return tape_run(&d->tape, (struct op){ .kind = d->head.frozen ? OP_EMBED : OP_GATHER,
					       .in = { d->head.w },
					       .frozen = d->head.frozen,
					       .index = p->word,
					       .n_index = p->n_word });
}

struct tensor *decoder_logits(struct decoder *d, const struct packed *p, struct tensor *x,
			      struct err *err)
{
	struct tape *t = &d->tape;
	struct op op = { .kind = OP_LINEAR, .in = { x, d->head.w } };

	if (p->word) {
		op.in[1] = words(d, p);
	} else {
		op.frozen = d->head.frozen;
		op.path = t->train ? FROZEN_FLOAT : d->cfg.path;
	}
	x = tape_run(t, op);
	if (!x)
		err_set(err, t->err.code, "decoder: %s", t->err.msg);
	return x;
}

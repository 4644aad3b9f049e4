/* SPDX-License-Identifier: Apache-2.0
 * The decoder's net on the tape.  The last layer computes queries, and all that
 * follows them, only where an answer is wanted: for a question a turn that is one
 * position in fifty.
 */
#include "models/backbone/decoder_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define POS_MAX	 65536
#define NORM_EPS 1e-5f

static int bad(struct err *err, const char *what, int i, int value)
{
	return err_set(err, ERR_ARG, "packed dialogue: %s %d is %d", what, i, value);
}

static int tokens_check(const struct decoder_config *c, const struct packed *p, struct err *err)
{
	for (int i = 0; i < p->n; i++) {
		if (p->token[i] < -1 || p->token[i] >= c->vocab)
			return bad(err, "token", i, p->token[i]);
		if (p->pos[i] < 0 || p->pos[i] >= POS_MAX)
			return bad(err, "position", i, p->pos[i]);
	}
	return 0;
}

/* Trunk first and by turn; branches contiguous, numbered upwards, each of one turn. */
static int order_check(const struct packed *p, struct err *err)
{
	for (int i = 0; i < p->n; i++) {
		bool trunk = i < p->trunk, first = i == 0 || i == p->trunk;

		if (trunk ? p->branch[i] != 0 : p->branch[i] < 1)
			return bad(err, "branch of token", i, p->branch[i]);
		if (first)
			continue;
		if (trunk ? p->turn[i] < p->turn[i - 1]
			  : p->branch[i] == p->branch[i - 1] && p->turn[i] != p->turn[i - 1])
			return bad(err, "turn of token", i, p->turn[i]);
		if (p->branch[i] < p->branch[i - 1])
			return bad(err, "branches are not in order: branch of token", i,
				   p->branch[i]);
	}
	return 0;
}

static int targets_check(const struct decoder_config *c, const struct packed *p, struct err *err)
{
	int support = p->word ? p->n_word : c->vocab;

	if (p->word && p->n_word < 1)
		return bad(err, "number of words", 0, p->n_word);
	for (int i = 0; p->word && i < p->n_word; i++)
		if (p->word[i] < 0 || p->word[i] >= c->vocab)
			return bad(err, "word", i, p->word[i]);
	for (int k = 0; k < p->n_at; k++) {
		if (p->at[k] < 0 || p->at[k] >= p->n)
			return bad(err, "answer position", k, p->at[k]);
		if (p->target && (p->target[k] < 0 || p->target[k] >= support))
			return bad(err, "target", k, p->target[k]);
		if (p->weight && !isfinite(p->weight[k]))
			return bad(err, "weight is not finite: weight", k, -1);
	}
	if (!(p->smooth >= 0 && p->smooth < 1))
		return err_set(err, ERR_ARG, "packed dialogue: label smoothing %g", p->smooth);
	return 0;
}

static int packed_check(const struct decoder_config *c, const struct packed *p, struct err *err)
{
	if (p->n < 0 || p->n > 1 << 24 || p->trunk < 0 || p->trunk > p->n || p->n_at < 0 ||
	    p->window < 0)
		return err_set(err, ERR_ARG,
			       "packed dialogue: %d tokens, trunk %d, %d answers, window %d", p->n,
			       p->trunk, p->n_at, p->window);
	if (tokens_check(c, p, err) || order_check(p, err) ||
	    projector_check_tokens(c->soft, c->n_soft, p, err))
		return err->code;
	return targets_check(c, p, err);
}

/* First trunk token whose turn is at least t. */
static int trunk_from(const struct packed *p, long t)
{
	int lo = 0, hi = p->trunk;

	while (lo < hi) {
		int mid = lo + (hi - lo) / 2;

		if (p->turn[mid] < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* What token i sees with this window; start: first token of its branch. */
static struct key_spans spans_of(const struct packed *p, int window, int i, int start)
{
	int lo = trunk_from(p, (long)p->turn[i] - window);

	if (i < p->trunk)
		return (struct key_spans){ .lo = { lo, 0 }, .hi = { i + 1, 0 } };
	return (struct key_spans){ .lo = { lo, start },
				   .hi = { trunk_from(p, (long)p->turn[i] + 1), i + 1 } };
}

/* The cosines and sines of all positions up to the largest; grows. */
static int turns_fit(struct decoder *d, const struct packed *p, struct err *err)
{
	int h = d->cfg.dim / d->cfg.heads, half = h / 2, need = 0;
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
			double a = pos * pow(d->cfg.rope_theta, -2.0 * j / h);

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
	const struct packed *p;
	struct rng *rng;       /* NULL: no dropout */
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
	const struct packed *p = f->p;
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
	const struct packed *p = f->p;
	struct key_spans *see = workspace_get(&t->ws, (size_t)p->n, sizeof(*see));
	struct key_spans *see_last = workspace_get(&t->ws, (size_t)p->n, sizeof(*see_last));
	int start = 0;

	if (!see || !see_last)
		return err_set(&t->err, ERR_NOMEM, "decoder: %d key spans", p->n);
	for (int i = 0; i < p->n; i++) {
		if (i && p->branch[i] != p->branch[i - 1])
			start = i;
		see[i] = spans_of(p, window, i, start);
	}
	for (int i = 0; i < f->last.n; i++)
		see_last[i] = see[f->last.index[i]];
	if (attn_plan_build(all, see, p->n, p->n, &t->ws, &t->err))
		return t->err.code;
	return attn_plan_build(last, see_last, f->last.n, p->n, &t->ws, &t->err);
}

static int plans(struct pass *f)
{
	f->all = (struct rows){ .n = f->p->n, .pos = f->p->pos };
	if (rows_of_answers(f) || plans_of(f, f->p->window, &f->all.plan, &f->last.plan))
		return f->d->tape.err.code;
	return f->d->cfg.local_layers ? plans_of(f, 0, &f->all_near, &f->last_near) : 0;
}

static const uint8_t *dropout_mask(struct pass *f, int rows, float *scale)
{
	double p = f->rng ? f->d->cfg.dropout : 0;

	*scale = (float)(1 / (1 - p));
	if (!(p > 0))
		return NULL;
	return tape_mask(&f->d->tape, (size_t)rows * (size_t)f->d->cfg.dim, p, f->rng);
}

static struct tensor *embed(struct pass *f)
{
	struct decoder *d = f->d;
	const struct packed *p = f->p;
	const int *index = p->token;
	double drop = f->rng ? d->cfg.token_dropout : 0;
	struct tensor *x;
	const uint8_t *mask;
	float scale;

	if (drop > 0) {
		int *kept = ints(&d->tape, p->n);

		for (int i = 0; kept && i < p->n; i++)
			kept[i] = rng_uniform(f->rng) < drop ? -1 : p->token[i];
		index = kept;
	}
	x = tape_run(&d->tape, (struct op){ .kind = OP_EMBED,
					    .in = { d->embed },
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

	return tape_run(&f->d->tape,
			(struct op){ .kind = OP_LINEAR,
				     .in = { x, l->w, NULL, l->a, l->b },
				     .scale = l->a ? (float)(c->lora_alpha / c->lora_rank) : 0 });
}

static struct tensor *norm(struct pass *f, struct tensor *x, struct tensor *gain)
{
	return tape_run(&f->d->tape,
			(struct op){ .kind = OP_RMSNORM, .in = { x, gain }, .eps = NORM_EPS });
}

static struct tensor *rope(struct pass *f, struct tensor *x, const struct rows *r)
{
	return tape_run(&f->d->tape, (struct op){ .kind = OP_ROPE,
						  .in = { x },
						  .index = r->pos,
						  .n_index = r->n,
						  .heads = f->d->cfg.heads,
						  .table = f->d->turns });
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

/* Layer number l; the last one goes on with the rows of the answers. */
static struct tensor *layer(struct pass *f, struct tensor *x, int l)
{
	const struct layer *y = &f->d->layer[l];
	const bool last = l == f->d->cfg.layers - 1, near = l < f->d->cfg.local_layers;
	const struct rows *r = last ? &f->last : &f->all;
	const struct attn_plan *plan = last ? &f->last_near : &f->all_near;

	struct tensor *h = norm(f, x, y->norm1), *q, *k, *v, *o;

	k = rope(f, linear(f, h, &y->lin[LIN_K]), &f->all);
	v = linear(f, h, &y->lin[LIN_V]);
	q = rope(f, linear(f, pick_rows(f, h, r), &y->lin[LIN_Q]), r);
	o = tape_run(&f->d->tape, (struct op){ .kind = OP_ATTENTION,
					       .in = { q, k, v },
					       .heads = f->d->cfg.heads,
					       .plan = near ? plan : &r->plan });
	x = residual(f, pick_rows(f, x, r), linear(f, o, &y->lin[LIN_O]));
	h = norm(f, x, y->norm2);
	h = tape_run(&f->d->tape, (struct op){ .kind = OP_SWIGLU,
					       .in = { linear(f, h, &y->lin[LIN_GATE]),
						       linear(f, h, &y->lin[LIN_UP]) } });
	return residual(f, x, linear(f, h, &y->lin[LIN_DOWN]));
}

struct tensor *decoder_logits(struct decoder *d, const struct packed *p, struct rng *rng,
			      struct err *err)
{
	struct pass *f;
	struct tensor *x, *words = d->embed;

	if (packed_check(&d->cfg, p, err) || turns_fit(d, p, err))
		return NULL;
	/* the plans must live until the walk back: in the tape's memory */
	f = workspace_get(&d->tape.ws, 1, sizeof(*f));
	if (!f) {
		err_set(err, ERR_NOMEM, "decoder: no memory");
		return NULL;
	}
	*f = (struct pass){ .d = d, .p = p, .rng = rng };
	plans(f);
	x = embed(f);
	for (int l = 0; l < d->cfg.layers; l++)
		x = layer(f, x, l);
	x = tape_run(&d->tape, (struct op){ .kind = OP_GATHER,
					    .in = { x },
					    .index = f->answer,
					    .n_index = p->n_at });
	x = norm(f, x, d->norm);
	if (p->word)
		words = tape_run(&d->tape, (struct op){ .kind = OP_GATHER,
							.in = { d->embed },
							.index = p->word,
							.n_index = p->n_word });
	x = tape_run(&d->tape, (struct op){ .kind = OP_LINEAR, .in = { x, words } });
	if (!x)
		err_set(err, d->tape.err.code, "decoder: %s", d->tape.err.msg);
	return x;
}

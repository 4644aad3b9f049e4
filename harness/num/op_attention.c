/* SPDX-License-Identifier: Apache-2.0
 * Attention over key ranges.  A block of queries shares one product over the
 * union of its ranges; what a query may not see is set to zero after the
 * exponential.  Backward computes the probabilities again from the kept
 * log-sums, so memory grows with the sequence and not with its square.
 *
 * Forward is split by heads and blocks, backward by key heads, whose gradients add up over
 * the blocks.  A few queries on many keys, as in generation, read the keys as they lie.
 */
#include "harness/num/ops.h"

#include <math.h>
#include <string.h>

#include "harness/num/op_matrix.h"

static int key_heads(const struct op *op)
{
	return op->kv_heads ? op->kv_heads : op->heads;
}

/* The first column of the keys and values that a query head reads. */
static int key_column(const struct op *op, int head)
{
	int h = op->in[0]->cols / op->heads;

	return head / (op->heads / key_heads(op)) * h;
}

static int attention_shape(const struct op *op, int *rows, int *cols, struct err *err)
{
	const struct tensor *q = op->in[0], *k = op->in[1], *v = op->in[2];

	int kv = key_heads(op);

	*rows = q->rows;
	*cols = q->cols;
	if (op->heads < 1 || q->cols % op->heads || kv < 1 || op->heads % kv ||
	    k->cols != q->cols / op->heads * kv || v->cols != k->cols || v->rows != k->rows ||
	    op->plan->n_query != q->rows || op->plan->n_key != k->rows)
		return err_set(
			err, ERR_INTERNAL,
			"attention: q %d x %d, k %d x %d, v %d x %d, %d heads on %d, plan %d x %d",
			q->rows, q->cols, k->rows, k->cols, v->rows, v->cols, op->heads, kv,
			op->plan->n_query, op->plan->n_key);
	return 0;
}

static size_t attention_save(const struct op *op)
{
	return (size_t)op->in[0]->rows * (size_t)op->heads;
}

/* An odd multiple of 16 floats, so that columns do not fall into one cache set. */
static size_t row_step(const struct op *op)
{
	return (size_t)op->plan->width / 32 * 32 + 48;
}

#define SLICES	    4	       /* pieces of one head's blocks, forward */
#define DIRECT	    4	       /* most queries that read the keys as they lie */
#define DIRECT_COLS 512	       /* floats of a row that one piece reads then */
#define DIRECT_KEYS 16	       /* rows that it reads before the next ones */
#define ALONE	    (1l << 20) /* products below which one thread does it all */
/* and where each product waits for memory */
#define ALONE_DIRECT (1l << 15)

static bool is_direct(const struct op *op)
{
	return !op->record && op->in[0]->rows <= DIRECT;
}

static struct pool *pool_for(const struct op *op)
{
	long least = is_direct(op) ? ALONE_DIRECT : ALONE;

	return op->plan->area * op->in[0]->cols < least ? NULL : op->pool;
}

/* Packed keys or values of one head, in each direction. */
static size_t pack_floats(const struct op *op)
{
	int nk = op->in[1]->rows, h = op->in[0]->cols / op->heads;
	size_t t = kernels_packed(op->kern, h, nk), f = kernels_packed(op->kern, nk, h);

	return op_lines(t > f ? t : f);
}

/* What one worker has for itself. */
struct scratch {
	float *kt, *vt, *k; /* keys and values of one head, packed: backward */
	float *q, *dy;	    /* queries and output gradients of one block, packed: backward */
	float *p, *dp;	    /* scores (most, step); dp: backward */
	size_t step;
};

/* Lays out the scratch; returns the floats used. */
static size_t scratch_lay(const struct op *op, float *base, struct scratch *s)
{
	int h = op->in[0]->cols / op->heads, most = op->plan->most;
	size_t pack = op->record ? pack_floats(op) : 0;
	size_t b = op->record ? op_lines(kernels_packed(op->kern, most, h)) : 0;
	size_t score;

	s->step = row_step(op);
	score = op_lines((size_t)most * s->step);
	s->p = base;
	s->dp = s->p + score;
	s->q = s->dp + (op->record ? score : 0);
	s->dy = s->q + b;
	s->kt = s->dy + b;
	s->vt = s->kt + pack;
	s->k = s->vt + pack;
	return (size_t)(s->k + pack - base);
}

/* Key heads of one piece when queries read the keys as they lie. */
static int direct_band(const struct op *op)
{
	int n = DIRECT_COLS * op->heads / op->in[0]->cols, heads = key_heads(op);

	return n < 1 ? 1 : n < heads ? n : heads;
}

/* And the floats of one worker's scores. */
static size_t direct_floats(const struct op *op)
{
	return op_lines((size_t)(direct_band(op) * (op->heads / key_heads(op))) *
			(size_t)op->plan->width);
}

/* Forward: packed keys and values of all heads, then the scratch of each worker. */
static size_t attention_work(const struct op *op)
{
	size_t workers = (size_t)pool_threads(pool_for(op)), heads = (size_t)key_heads(op);
	float none;
	struct scratch s;

	if (is_direct(op))
		return workers * direct_floats(op);
	return 2 * heads * pack_floats(op) + workers * scratch_lay(op, &none, &s);
}

/* One block of one head: where its score columns are. */
struct window {
	const struct attn_block *b;
	int from[2];  /* first key of each span, rounded down to a strip */
	int col[2];   /* its column */
	int width[2]; /* columns computed */
};

static struct window window_of(const struct op *op, const struct attn_block *b)
{
	struct window w = { .b = b };
	int strip = op->kern->strip;

	for (int r = 0; r < 2; r++) {
		w.from[r] = b->cover.lo[r] / strip * strip;
		w.width[r] = b->cover.lo[r] < b->cover.hi[r] ? b->cover.hi[r] - w.from[r] : 0;
	}
	w.col[1] = (w.width[0] + strip - 1) / strip * strip;
	return w;
}

/* s (count, …) = a (count rows of x from the block on, one head) times packed keys or values */
static void scores(const struct op *op, const struct window *w, const float *x, int head,
		   const float *packed, float *s, size_t step)
{
	int dim = op->in[0]->cols, h = dim / op->heads;
	const float *a = x + (size_t)w->b->first * (size_t)dim + (size_t)(head * h);

	for (int r = 0; r < 2; r++)
		if (w->width[r])
			op->kern->gemm(w->b->count, w->width[r], h, a, dim, 1,
				       packed + (size_t)w->from[r] * (size_t)h,
				       (size_t)h * (size_t)op->kern->strip, false, s + w->col[r],
				       (ptrdiff_t)step);
}

/* out (count rows, one head) = or += p times packed rows of keys or values */
static void mix(const struct op *op, const struct window *w, const float *p, size_t step,
		const float *packed, bool add, float *out, int head)
{
	int dim = op->in[0]->cols, h = dim / op->heads;
	size_t strip = (size_t)op->kern->strip;
	float *c = out + (size_t)w->b->first * (size_t)dim + (size_t)(head * h);

	for (int r = 0; r < 2; r++) {
		int lo = w->b->cover.lo[r], n = w->b->cover.hi[r] - lo;

		if (!n)
			continue;
		op->kern->gemm(w->b->count, h, n, p + w->col[r] + (lo - w->from[r]),
			       (ptrdiff_t)step, 1, packed + (size_t)lo * strip,
			       (size_t)op->in[1]->rows * strip, add, c, dim);
		add = true;
	}
}

/* grad (keys, one head) += p' times packed rows of the block */
static void spread(const struct op *op, const struct window *w, const float *p, size_t step,
		   const float *packed, float *grad, int head)
{
	int h = op->in[0]->cols / op->heads, dim = op->in[1]->cols;

	for (int r = 0; r < 2; r++) {
		int lo = w->b->cover.lo[r], n = w->b->cover.hi[r] - lo;

		if (n)
			op->kern->gemm(n, h, w->b->count, p + w->col[r] + (lo - w->from[r]), 1,
				       (ptrdiff_t)step, packed,
				       (size_t)w->b->count * (size_t)op->kern->strip, true,
				       grad + (size_t)lo * (size_t)dim +
					       (size_t)key_column(op, head),
				       dim);
	}
}

/* The columns of query i that it may see, per span: [*a, *b). */
static void seen(const struct op *op, const struct window *w, int i, int r, int *a, int *b)
{
	const struct key_spans *k = &op->plan->query[w->b->first + i];

	*a = w->col[r] + k->lo[r] - w->from[r];
	*b = w->col[r] + k->hi[r] - w->from[r];
	if (k->lo[r] == k->hi[r])
		*a = *b = w->col[r];
}

/* Zeros where the block has columns that query i may not see. */
static void hide(const struct window *w, int r, float *row, int a, int b)
{
	int from = w->col[r], to = w->col[r] + w->width[r];

	memset(row + from, 0, (size_t)(a - from) * sizeof(*row));
	memset(row + b, 0, (size_t)(to - b) * sizeof(*row));
}

/* Scores to unnormalised probabilities; keeps the log-sum; returns the sum's inverse. */
static float softmax_row(const struct op *op, const struct window *w, int i, float *row,
			 float scale, float *lse)
{
	float top = -INFINITY, sum = 0, m;
	int a[2], b[2];

	for (int r = 0; r < 2; r++) {
		seen(op, w, i, r, &a[r], &b[r]);
		if (a[r] == b[r])
			continue;
		m = op->kern->max(row + a[r], b[r] - a[r]);
		top = m > top ? m : top;
	}
	for (int r = 0; r < 2; r++) {
		if (a[r] < b[r])
			sum += op->kern->exp_sum(row + a[r], b[r] - a[r], scale, top * scale);
		hide(w, r, row, a[r], b[r]);
	}
	*lse = top * scale + logf(sum);
	return 1.0f / sum;
}

/* One pass forward, as its pieces see it. */
struct forward {
	struct op *op;
	float *packed;	/* per key head: keys, values */
	float *scratch; /* per worker */
	size_t pack, each;
	int slices;
};

static void pack_head(void *ctx, int i, int worker)
{
	const struct forward *f = ctx;
	const struct tensor *k = f->op->in[1], *v = f->op->in[2];
	int h = f->op->in[0]->cols / f->op->heads;
	float *to = f->packed + 2 * (size_t)i * f->pack;

	(void)worker;
	f->op->kern->pack(to, k->data + i * h, 1, k->cols, h, k->rows);
	f->op->kern->pack(to + f->pack, v->data + i * h, v->cols, 1, v->rows, h);
}

static void block_forward(struct op *op, const struct scratch *s, const float *packed, size_t pack,
			  const struct attn_block *b, int head)
{
	int dim = op->in[0]->cols, h = dim / op->heads;
	struct window w = window_of(op, b);
	float *lse = op->save + (size_t)head * (size_t)op->plan->n_query + b->first;
	float inv[ATTN_QUERIES], scale = 1.0f / sqrtf((float)h);

	scores(op, &w, op->in[0]->data, head, packed, s->p, s->step);
	for (int i = 0; i < b->count; i++)
		inv[i] = softmax_row(op, &w, i, s->p + (size_t)i * s->step, scale, &lse[i]);
	mix(op, &w, s->p, s->step, packed + pack, false, op->out->data, head);
	for (int i = 0; i < b->count; i++) {
		float *o = op->out->data + (size_t)(b->first + i) * (size_t)dim + head * h;

		for (int j = 0; j < h; j++)
			o[j] *= inv[i];
	}
}

static void slice_forward(void *ctx, int i, int worker)
{
	const struct forward *f = ctx;
	int head = i / f->slices, key_head = head / (f->op->heads / key_heads(f->op));
	struct scratch s;

	scratch_lay(f->op, f->scratch + (size_t)worker * f->each, &s);
	for (int n = i % f->slices; n < f->op->plan->n_block; n += f->slices)
		block_forward(f->op, &s, f->packed + 2 * (size_t)key_head * f->pack, f->pack,
			      &f->op->plan->block[n], head);
}

/* Scores of one query and the query heads of some key heads, or their sums of values: a few
 * keys at a time for all the heads, so that memory is read along its rows. */
struct direct {
	const struct op *op;
	const struct key_spans *see;
	size_t query;	 /* element of the first query head */
	int key_head, n; /* of the key heads */
	float *p;	 /* (query heads, width) */
};

static void direct_keys(const struct direct *d, bool values, int key, int n, int at)
{
	const struct op *op = d->op;
	const struct tensor *x = op->in[values ? 2 : 1];
	int h = op->in[0]->cols / op->heads, group = op->heads / key_heads(op);
	const float *row = x->data + (size_t)key * (size_t)x->cols + d->key_head * h;

	for (int g = 0; g < d->n * group; g++) {
		float *p = d->p + g * op->plan->width + at;
		size_t q = d->query + (size_t)(g * h);

		if (values)
			op->kern->value_sum(op->out->data + q, p, row + g / group * h, x->cols, n,
					    h);
		else
			op->kern->key_scores(p, op->in[0]->data + q, row + g / group * h, x->cols,
					     n, h);
	}
}

/* Returns the number of keys. */
static int direct_spans(const struct direct *d, bool values)
{
	int at = 0;

	for (int r = 0; r < 2; r++)
		for (int key = d->see->lo[r], n; key < d->see->hi[r]; key += n, at += n) {
			n = d->see->hi[r] - key;
			n = n < DIRECT_KEYS ? n : DIRECT_KEYS;
			direct_keys(d, values, key, n, at);
		}
	return at;
}

static void direct_heads(const struct direct *d)
{
	const struct op *op = d->op;
	int h = op->in[0]->cols / op->heads, heads = d->n * (op->heads / key_heads(op));
	int n = direct_spans(d, false);
	float scale = 1.0f / sqrtf((float)h);

	for (int g = 0; g < heads; g++) {
		float *p = d->p + g * op->plan->width, top = op->kern->max(p, n) * scale;

		op->kern->scale(p, p, 1.0f / op->kern->exp_sum(p, n, scale, top), (size_t)n);
	}
	memset(op->out->data + d->query, 0, (size_t)(heads * h) * sizeof(float));
	direct_spans(d, true);
}

static void direct_piece(void *ctx, int i, int worker)
{
	const struct forward *f = ctx;
	const struct op *op = f->op;
	int h = op->in[0]->cols / op->heads, group = op->heads / key_heads(op);
	struct direct d = { .op = op,
			    .key_head = i * direct_band(op),
			    .p = f->scratch + (size_t)worker * f->each };

	d.n = key_heads(op) - d.key_head;
	d.n = d.n < direct_band(op) ? d.n : direct_band(op);
	for (int query = 0; query < op->in[0]->rows; query++) {
		d.see = &op->plan->query[query];
		d.query =
			(size_t)query * (size_t)op->in[0]->cols + (size_t)(d.key_head * group * h);
		direct_heads(&d);
	}
}

static void attention_forward(struct op *op, float *work)
{
	struct forward f = { .op = op, .packed = work, .scratch = work };
	struct pool *pool = pool_for(op);
	struct scratch s;
	int heads = key_heads(op);

	if (is_direct(op)) {
		f.each = direct_floats(op);
		pool_run(pool, (heads + direct_band(op) - 1) / direct_band(op), direct_piece, &f);
		return;
	}
	f.pack = pack_floats(op);
	f.scratch += 2 * (size_t)heads * f.pack;
	f.each = scratch_lay(op, work, &s);
	f.slices = op->plan->n_block < SLICES ? op->plan->n_block : SLICES;
	pool_run(pool, heads, pack_head, &f);
	pool_run(pool, op->heads * f.slices, slice_forward, &f);
}

/* p: scores to probabilities; dp: gradient of the probabilities to that of the scores. */
static void softmax_back_row(const struct op *op, const struct window *w, int i, float *p,
			     float *dp, float scale, float lse, float delta)
{
	for (int r = 0; r < 2; r++) {
		int a, b;

		seen(op, w, i, r, &a, &b);
		if (a < b) {
			op->kern->exp_sum(p + a, b - a, scale, lse);
			op->kern->softmax_back(dp + a, p + a, b - a, delta, scale);
		}
		hide(w, r, p, a, b);
		hide(w, r, dp, a, b);
	}
}

static void block_backward(struct op *op, const struct scratch *s, const struct window *w, int head,
			   bool add_q)
{
	struct tensor *q = op->in[0], *k = op->in[1], *v = op->in[2];
	int dim = q->cols, h = dim / op->heads, count = w->b->count;
	size_t first = (size_t)w->b->first * (size_t)dim + (size_t)(head * h);
	const float *dy = op->out->grad + first, *y = op->out->data + first;
	const float *lse = op->save + (size_t)head * (size_t)op->plan->n_query + w->b->first;

	op->kern->pack(s->dy, dy, dim, 1, count, h);
	op->kern->pack(s->q, q->data + first, dim, 1, count, h);
	scores(op, w, q->data, head, s->kt, s->p, s->step);
	scores(op, w, op->out->grad, head, s->vt, s->dp, s->step);
	for (int i = 0; i < count; i++)
		softmax_back_row(op, w, i, s->p + (size_t)i * s->step, s->dp + (size_t)i * s->step,
				 1.0f / sqrtf((float)h), lse[i],
				 op->kern->dot(dy + (size_t)i * (size_t)dim,
					       y + (size_t)i * (size_t)dim, h));
	if (v->grad)
		spread(op, w, s->p, s->step, s->dy, v->grad, head);
	if (q->grad)
		mix(op, w, s->dp, s->step, s->k, add_q, q->grad, head);
	if (k->grad)
		spread(op, w, s->dp, s->step, s->q, k->grad, head);
}

struct backward {
	struct op *op;
	float *scratch; /* per worker */
	size_t each;
};

/* rows of n floats in one head's columns */
static void clear_columns(float *grad, int rows, int dim, int n)
{
	for (int i = 0; i < rows; i++)
		memset(grad + (size_t)i * (size_t)dim, 0, (size_t)n * sizeof(*grad));
}

/* All blocks of the query heads that read one key head. */
static void key_head_backward(void *ctx, int i, int worker)
{
	const struct backward *b = ctx;
	struct op *op = b->op;
	struct tensor *q = op->in[0], *k = op->in[1], *v = op->in[2];
	int h = q->cols / op->heads, group = op->heads / key_heads(op), at = i * h;
	struct scratch s;

	scratch_lay(op, b->scratch + (size_t)worker * b->each, &s);
	op->kern->pack(s.kt, k->data + at, 1, k->cols, h, k->rows);
	op->kern->pack(s.vt, v->data + at, 1, v->cols, h, v->rows);
	op->kern->pack(s.k, k->data + at, k->cols, 1, k->rows, h);
	if (k->grad && !k->live)
		clear_columns(k->grad + at, k->rows, k->cols, h);
	if (v->grad && !v->live)
		clear_columns(v->grad + at, v->rows, v->cols, h);
	for (int head = i * group; head < (i + 1) * group; head++)
		for (int n = 0; n < op->plan->n_block; n++) {
			struct window w = window_of(op, &op->plan->block[n]);

			block_backward(op, &s, &w, head, q->live);
		}
}

static void attention_backward(struct op *op, float *work)
{
	struct backward b = { .op = op, .scratch = work };
	struct scratch s;

	b.each = scratch_lay(op, work, &s);
	pool_run(pool_for(op), key_heads(op), key_head_backward, &b);
	for (int i = 0; i < 3; i++)
		op->in[i]->live = op->in[i]->live || op->in[i]->grad;
}

static bool shown(const struct key_spans *s, int key)
{
	return (key >= s->lo[0] && key < s->hi[0]) || (key >= s->lo[1] && key < s->hi[1]);
}

static void attention_naive(const struct op *op, const double *const in[OP_INPUTS], double *out)
{
	int dim = op->in[0]->cols, h = dim / op->heads, nk = op->in[1]->rows;
	int kdim = op->in[1]->cols;

	for (int i = 0; i < op->in[0]->rows; i++)
		for (int head = 0; head < op->heads; head++) {
			int at = key_column(op, head);
			const double *q = in[0] + i * dim + head * h;
			double *o = out + i * dim + head * h, sum = 0;

			for (int j = 0; j < h; j++)
				o[j] = 0;
			for (int t = 0; t < nk; t++) {
				const double *k = in[1] + t * kdim + at;
				double s = 0, e;

				if (!shown(&op->plan->query[i], t))
					continue;
				for (int j = 0; j < h; j++)
					s += q[j] * k[j];
				e = exp(s / sqrt(h));
				sum += e;
				for (int j = 0; j < h; j++)
					o[j] += e * in[2][t * kdim + at + j];
			}
			for (int j = 0; j < h; j++)
				o[j] /= sum;
		}
}

const struct op_spec op_attention = {
	.name = "attention",
	.n_in = 3,
	.shape = attention_shape,
	.save = attention_save,
	.work = attention_work,
	.forward = attention_forward,
	.backward = attention_backward,
	.naive = attention_naive,
};

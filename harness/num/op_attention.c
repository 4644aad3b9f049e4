/* SPDX-License-Identifier: Apache-2.0
 * Attention over key ranges.  A block of queries shares one product over the
 * union of its ranges; what a query may not see is set to zero after the
 * exponential.  Backward computes the probabilities again from the kept
 * log-sums, so memory grows with the sequence and not with its square.
 */
#include "harness/num/ops.h"

#include <math.h>
#include <string.h>

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

struct scratch {
	float *kt, *vt, *k, *v; /* keys and values of one head, packed both ways */
	float *q, *dy;		/* queries and output gradients of one block, packed */
	float *p, *dp;		/* scores (most, step) */
	size_t step;
};

/* Lays out the scratch; returns the floats used. */
static size_t scratch_lay(const struct op *op, float *base, struct scratch *s)
{
	int nk = op->in[1]->rows, h = op->in[0]->cols / op->heads, most = op->plan->most;
	size_t t = kernels_packed(op->kern, h, nk), f = kernels_packed(op->kern, nk, h);
	size_t b = kernels_packed(op->kern, most, h), used = 0;

	s->step = row_step(op);
	s->p = base;
	used += (size_t)most * s->step;
	s->dp = base + used;
	used += (size_t)most * s->step;
	s->kt = base + used;
	used += t;
	s->vt = base + used;
	used += t;
	s->k = base + used;
	used += f;
	s->v = base + used;
	used += f;
	s->q = base + used;
	used += b;
	s->dy = base + used;
	return used + b;
}

static size_t attention_work(const struct op *op)
{
	float none;
	struct scratch s;

	return scratch_lay(op, &none, &s);
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

static void attention_forward(struct op *op, float *work)
{
	const struct attn_plan *plan = op->plan;
	int dim = op->in[0]->cols, h = dim / op->heads, nk = op->in[1]->rows;
	int kdim = op->in[1]->cols;
	float scale = 1.0f / sqrtf((float)h);
	struct scratch s;

	scratch_lay(op, work, &s);
	for (int head = 0; head < op->heads; head++) {
		int at = key_column(op, head);

		op->kern->pack(s.kt, op->in[1]->data + at, 1, kdim, h, nk);
		op->kern->pack(s.v, op->in[2]->data + at, kdim, 1, nk, h);
		for (int n = 0; n < plan->n_block; n++) {
			struct window w = window_of(op, &plan->block[n]);
			float *lse = op->save + (size_t)head * (size_t)plan->n_query + w.b->first;
			float inv[ATTN_QUERIES];

			scores(op, &w, op->in[0]->data, head, s.kt, s.p, s.step);
			for (int i = 0; i < w.b->count; i++)
				inv[i] = softmax_row(op, &w, i, s.p + (size_t)i * s.step, scale,
						     &lse[i]);
			mix(op, &w, s.p, s.step, s.v, false, op->out->data, head);
			for (int i = 0; i < w.b->count; i++) {
				float *o = op->out->data + (size_t)(w.b->first + i) * (size_t)dim +
					   head * h;

				for (int j = 0; j < h; j++)
					o[j] *= inv[i];
			}
		}
	}
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

static void attention_backward(struct op *op, float *work)
{
	struct tensor *q = op->in[0], *k = op->in[1], *v = op->in[2];
	int h = q->cols / op->heads, nk = k->rows, kdim = k->cols;
	bool add_q = q->grad && op_grad_add(q);
	struct scratch s;

	scratch_lay(op, work, &s);
	if (k->grad && !op_grad_add(k))
		memset(k->grad, 0, tensor_size(k) * sizeof(float));
	if (v->grad && !op_grad_add(v))
		memset(v->grad, 0, tensor_size(v) * sizeof(float));
	for (int head = 0; head < op->heads; head++) {
		int at = key_column(op, head);

		op->kern->pack(s.kt, k->data + at, 1, kdim, h, nk);
		op->kern->pack(s.vt, v->data + at, 1, kdim, h, nk);
		op->kern->pack(s.k, k->data + at, kdim, 1, nk, h);
		for (int n = 0; n < op->plan->n_block; n++) {
			struct window w = window_of(op, &op->plan->block[n]);

			block_backward(op, &s, &w, head, add_q);
		}
	}
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

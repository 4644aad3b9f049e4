/* SPDX-License-Identifier: Apache-2.0
 * An independent decoder in double precision: plain loops, one token at a time,
 * the visibility rule written out.  It reads the parameters by name.
 */
#ifndef TESTS_DECODER_TWIN_H
#define TESTS_DECODER_TWIN_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/backbone/decoder_parts.h"

/* Parameters plus eps times a direction (dir NULL: as they are). */
struct twin {
	const struct decoder *d;
	const struct packed *p;
	const float *dir; /* like d->ps.data */
	double eps;
};

static inline double twin_w(const struct twin *w, const struct param *p, int i)
{
	ptrdiff_t at = p->t.data - w->d->ps.data + i;

	return (double)w->d->ps.data[at] + (w->dir ? w->eps * (double)w->dir[at] : 0);
}

static inline const struct param *twin_param(const struct twin *w, int l, const char *part)
{
	char name[2 * PARAM_NAME];

	snprintf(name, sizeof(name), "layer%d.%s", l, part);
	return params_find(&w->d->ps, name);
}

/* A matrix: a parameter, or one of a frozen base. */
struct twin_matrix {
	const struct param *p;
	const struct weight *f;
	int rows, cols;
};

static inline struct twin_matrix twin_either(const struct param *p, const struct weight *f)
{
	return (struct twin_matrix){ p, f, p ? p->rows : f->rows, p ? p->cols : f->cols };
}

/* Row i into out (cols). */
static inline void twin_row(const struct twin *w, const struct twin_matrix *m, int i, double *out)
{
	float *row;

	if (m->p) {
		for (int j = 0; j < m->cols; j++)
			out[j] = twin_w(w, m->p, i * m->cols + j);
		return;
	}
	row = calloc((size_t)m->cols, sizeof(*row));
	weight_decode(m->f->type,
		      (const unsigned char *)m->f->data +
			      (size_t)i * weight_row_bytes(m->f->type, m->cols),
		      row, (size_t)m->cols);
	for (int j = 0; j < m->cols; j++)
		out[j] = (double)row[j];
	free(row);
}

static inline double twin_dot(const double *a, const double *b, int n)
{
	double s = 0;

	for (int j = 0; j < n; j++)
		s += a[j] * b[j];
	return s;
}

static inline const struct llama *twin_base(const struct twin *w)
{
	return w->d->cfg.thaw ? NULL : w->d->cfg.base;
}

static inline struct twin_matrix twin_table(const struct twin *w, bool head)
{
	const struct llama *l = twin_base(w);
	const char *name = head && w->d->cfg.untied ? "base.head" : "base.embed";

	return twin_either(params_find(&w->d->ps, name), !l ? NULL : head ? &l->head : &l->embed);
}

/* Component j of a gain or bias: a parameter, a vector of the base, or nothing. */
static inline double twin_v(const struct twin *w, const struct param *p, const float *v, int j)
{
	return p ? twin_w(w, p, j) : v ? (double)v[j] : 0;
}

/* y (n, rows) = x W' (+ bias, + adapter) of "layer L . part" for n rows */
static inline void twin_linear(const struct twin *w, int l, const char *part, int n,
			       const double *x, double *y)
{
	static const char *const names[] = { "q", "k", "v", "o", "gate", "up", "down" };
	const struct decoder_config *c = &w->d->cfg;
	const struct llama *base = twin_base(w);
	const double scale = c->lora_alpha / (c->lora_rslora ? sqrt(c->lora_rank) : c->lora_rank);
	char sub[PARAM_NAME];
	const struct param *a, *b, *bias;
	struct twin_matrix m;
	double *row, *low;
	int lin = 0;

	while (strcmp(names[lin], part) != 0)
		lin++;
	m = twin_either(twin_param(w, l, part), base ? &base->layer[l].lin[lin] : NULL);
	snprintf(sub, sizeof(sub), "%.40s.lora_a", part);
	a = twin_param(w, l, sub);
	snprintf(sub, sizeof(sub), "%.40s.lora_b", part);
	b = twin_param(w, l, sub);
	snprintf(sub, sizeof(sub), "%.40s.bias", part);
	bias = twin_param(w, l, sub);
	row = calloc((size_t)(m.cols + n), sizeof(*row));
	low = row + m.cols;
	for (int i = 0; i < m.rows; i++) {
		twin_row(w, &m, i, row);
		for (int t = 0; t < n; t++)
			y[t * m.rows + i] =
				twin_dot(row, x + t * m.cols, m.cols) +
				twin_v(w, bias, base ? base->layer[l].bias[lin] : NULL, i);
	}
	for (int r = 0; a && r < a->rows; r++) {
		for (int j = 0; j < m.cols; j++)
			row[j] = twin_w(w, a, r * m.cols + j);
		for (int t = 0; t < n; t++)
			low[t] = twin_dot(row, x + t * m.cols, m.cols);
		for (int i = 0; i < m.rows; i++)
			for (int t = 0; t < n; t++)
				y[t * m.rows + i] += scale * low[t] * twin_w(w, b, i * b->cols + r);
	}
	free(row);
}

/* The gain is a parameter or a vector of the base. */
static inline void twin_norm(const struct twin *w, const struct param *g, const float *v,
			     const double *x, double *y)
{
	const int n = w->d->cfg.dim;
	const double s = twin_dot(x, x, n);

	for (int j = 0; j < n; j++)
		y[j] = x[j] / sqrt(s / n + (double)(float)w->d->cfg.norm_eps) * twin_v(w, g, v, j);
}

/* LLaMA-3's stretching, from its description: short waves stay, long ones are stretched by the
 * factor, those between are mixed. */
static inline double twin_angle(const struct decoder_config *c, int pos, int j)
{
	const float *divisor = c->base ? c->base->rope_divisor : NULL;
	const double f =
		pow(c->rope_theta, -2.0 * j / c->head_dim) / (divisor ? (double)divisor[j] : 1);
	const double wave = 2 * 3.14159265358979323846 / f;
	const double longest = c->rope.original_context / c->rope.low_freq_factor;
	const double shortest = c->rope.original_context / c->rope.high_freq_factor;
	double smooth;

	if (c->rope.factor == 0 || wave < shortest)
		return pos * f;
	if (wave > longest)
		return pos * f / c->rope.factor;
	smooth = (c->rope.original_context / wave - c->rope.low_freq_factor) /
		 (c->rope.high_freq_factor - c->rope.low_freq_factor);
	return pos * ((1 - smooth) * f / c->rope.factor + smooth * f);
}

static inline void twin_rope(const struct twin *w, int pos, double *x, int heads)
{
	const struct decoder_config *c = &w->d->cfg;
	const int h = c->head_dim, apart = c->rope_pairs ? 1 : h / 2;

	for (int head = 0; head < heads; head++, x += h)
		for (int j = 0; j < h / 2; j++) {
			const double f = twin_angle(c, pos, j);
			double *at = x + (c->rope_pairs ? 2 * j : j), a = at[0], b = at[apart];

			at[0] = a * cos(f) - b * sin(f);
			at[apart] = b * cos(f) + a * sin(f);
		}
}

/* The rule of decoder.h. */
static inline int twin_sees(const struct packed *p, int window, int i, int j)
{
	if (j > i || (p->branch[j] && p->branch[j] != p->branch[i]))
		return 0;
	return p->branch[j] ? 1 : p->turn[j] >= p->turn[i] - window && p->turn[j] <= p->turn[i];
}

static inline void twin_attend(const struct twin *w, int window, const double *q, const double *k,
			       const double *v, double *o)
{
	const struct decoder_config *c = &w->d->cfg;
	const int h = c->head_dim, dim = c->heads * h, kv = c->kv_heads * h;

	for (int i = 0; i < w->p->n; i++)
		for (int head = 0; head < c->heads; head++) {
			const int at = head / (c->heads / c->kv_heads) * h;
			double sum = 0, top = -INFINITY, *out = o + i * dim + head * h;

			for (int e = 0; e < h; e++)
				out[e] = 0;
			for (int pass = 0; pass < 2; pass++)
				for (int j = 0; j <= i; j++) {
					double s = twin_dot(q + i * dim + head * h, k + j * kv + at,
							    h) /
						   sqrt(h);

					if (!twin_sees(w->p, window, i, j))
						continue;
					if (!pass) {
						top = fmax(top, s);
						continue;
					}
					s = exp(s - top);
					sum += s;
					for (int e = 0; e < h; e++)
						out[e] += s * v[j * kv + at + e];
				}
			for (int e = 0; e < h; e++)
				out[e] /= sum;
		}
}

static inline void twin_embed(const struct twin *w, int i, double *x)
{
	const struct decoder_config *c = &w->d->cfg;
	const struct twin_matrix e = twin_table(w, false);
	const struct param *w1, *b1, *w2, *b2;
	double *mid = calloc(4096, sizeof(*mid));
	char name[PARAM_NAME];

	if (w->p->token[i] >= 0) {
		twin_row(w, &e, w->p->token[i], x);
		goto done;
	}
	snprintf(name, sizeof(name), "soft.%s.w1", c->soft[w->p->soft_kind[i]].name);
	w1 = params_find(&w->d->ps, name);
	name[strlen(name) - 2] = 'b';
	b1 = params_find(&w->d->ps, name);
	name[strlen(name) - 1] = '2';
	b2 = params_find(&w->d->ps, name);
	name[strlen(name) - 2] = 'w';
	w2 = params_find(&w->d->ps, name);
	for (int r = 0; r < w1->rows; r++) {
		double s = twin_w(w, b1, r);

		for (int j = 0; j < w1->cols; j++)
			s += twin_w(w, w1, r * w1->cols + j) * (double)w->p->soft[i][j];
		mid[r] = w2 ? 0.5 * s * (1 + tanh(0.7978845608028654 * (s + 0.044715 * s * s * s)))
			    : s;
	}
	for (int r = 0; r < c->dim; r++) {
		x[r] = w2 ? twin_w(w, b2, r) : mid[r];
		for (int j = 0; w2 && j < w2->cols; j++)
			x[r] += twin_w(w, w2, r * w2->cols + j) * mid[j];
	}
done:
	free(mid);
}

static inline void twin_layer(const struct twin *w, int l, double *x)
{
	const struct decoder_config *c = &w->d->cfg;
	const struct llama *base = twin_base(w);
	const int n = w->p->n, dim = c->dim, wide = c->heads * c->head_dim, ff = c->ff;
	const int kv = c->kv_heads * c->head_dim;
	double *buf = calloc((size_t)n * (size_t)(2 * (dim + wide + kv + ff)), sizeof(*buf));
	double *q = buf, *k = q + n * wide, *v = k + n * kv, *o = v + n * kv;
	double *h = o + n * wide, *y = h + n * dim, *g = y + n * dim, *u = g + n * ff;

	for (int i = 0; i < n; i++)
		twin_norm(w, twin_param(w, l, "norm1"), base ? base->layer[l].norm1 : NULL,
			  x + i * dim, h + i * dim);
	twin_linear(w, l, "q", n, h, q);
	twin_linear(w, l, "k", n, h, k);
	twin_linear(w, l, "v", n, h, v);
	for (int i = 0; i < n; i++) {
		twin_rope(w, w->p->pos[i], q + i * wide, c->heads);
		twin_rope(w, w->p->pos[i], k + i * kv, c->kv_heads);
	}
	twin_attend(w, l < c->local_layers ? 0 : w->p->window, q, k, v, o);
	twin_linear(w, l, "o", n, o, y);
	for (int i = 0; i < n * dim; i++)
		x[i] += y[i];
	for (int i = 0; i < n; i++)
		twin_norm(w, twin_param(w, l, "norm2"), base ? base->layer[l].norm2 : NULL,
			  x + i * dim, h + i * dim);
	twin_linear(w, l, "gate", n, h, g);
	twin_linear(w, l, "up", n, h, u);
	for (int i = 0; i < n * ff; i++)
		g[i] = g[i] / (1 + exp(-g[i])) * u[i];
	twin_linear(w, l, "down", n, g, y);
	for (int i = 0; i < n * dim; i++)
		x[i] += y[i];
	free(buf);
}

/* Weighted loss; logp (n_at, support) or NULL. */
static inline double twin_loss(const struct twin *w, double *logp)
{
	const struct packed *p = w->p;
	const struct llama *base = twin_base(w);
	const struct twin_matrix e = twin_table(w, true);
	int dim = w->d->cfg.dim, n = p->word ? p->n_word : w->d->cfg.vocab;
	double *x = calloc((size_t)p->n * (size_t)dim, sizeof(*x)), loss = 0;
	double *h = calloc((size_t)(2 * dim + n), sizeof(*h)), *row = h + dim, *z = row + dim;

	for (int i = 0; i < p->n; i++)
		twin_embed(w, i, x + i * dim);
	for (int l = 0; l < w->d->cfg.layers; l++)
		twin_layer(w, l, x);
	for (int k = 0; k < p->n_at; k++) {
		double sum = 0, mean = 0, top = -INFINITY;

		twin_norm(w, params_find(&w->d->ps, "base.norm"), base ? base->norm : NULL,
			  x + p->at[k] * dim, h);
		for (int t = 0; t < n; t++) {
			twin_row(w, &e, p->word ? p->word[t] : t, row);
			z[t] = twin_dot(row, h, dim);
			top = fmax(top, z[t]);
		}
		for (int t = 0; t < n; t++)
			sum += exp(z[t] - top);
		for (int t = 0; t < n; t++) {
			z[t] -= top + log(sum);
			mean += z[t] / n;
			if (logp)
				logp[k * n + t] = z[t];
		}
		loss -= (p->weight ? (double)p->weight[k] : 1) *
			((1 - p->smooth) * z[p->target ? p->target[k] : 0] + p->smooth * mean);
	}
	free(x);
	free(h);
	return loss;
}

#endif

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

/* y (rows) = W x (+ adapter) of "layer L . part" */
static inline void twin_linear(const struct twin *w, int l, const char *part, const double *x,
			       double *y)
{
	const struct param *p = twin_param(w, l, part);
	char sub[PARAM_NAME];
	const struct param *a, *b;

	snprintf(sub, sizeof(sub), "%.40s.lora_a", part);
	a = twin_param(w, l, sub);
	snprintf(sub, sizeof(sub), "%.40s.lora_b", part);
	b = twin_param(w, l, sub);
	for (int i = 0; i < p->rows; i++) {
		y[i] = 0;
		for (int j = 0; j < p->cols; j++)
			y[i] += twin_w(w, p, i * p->cols + j) * x[j];
	}
	for (int r = 0; a && r < a->rows; r++) {
		double t = 0;

		for (int j = 0; j < a->cols; j++)
			t += twin_w(w, a, r * a->cols + j) * x[j];
		for (int i = 0; i < p->rows; i++)
			y[i] += w->d->cfg.lora_alpha / w->d->cfg.lora_rank * t *
				twin_w(w, b, i * b->cols + r);
	}
}

static inline void twin_norm(const struct twin *w, const struct param *g, const double *x,
			     double *y)
{
	double s = 0;

	for (int j = 0; j < g->cols; j++)
		s += x[j] * x[j];
	for (int j = 0; j < g->cols; j++)
		y[j] = x[j] / sqrt(s / g->cols + (double)1e-5f) * twin_w(w, g, j);
}

static inline void twin_rope(const struct twin *w, int pos, double *x)
{
	int h = w->d->cfg.dim / w->d->cfg.heads;

	for (int head = 0; head < w->d->cfg.heads; head++, x += h)
		for (int j = 0; j < h / 2; j++) {
			double f = pos / pow(w->d->cfg.rope_theta, 2.0 * j / h);
			double a = x[j], b = x[j + h / 2];

			x[j] = a * cos(f) - b * sin(f);
			x[j + h / 2] = b * cos(f) + a * sin(f);
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
	int dim = w->d->cfg.dim, h = dim / w->d->cfg.heads;

	for (int i = 0; i < w->p->n; i++)
		for (int at = 0; at < dim; at += h) {
			double sum = 0, *out = o + i * dim + at;

			for (int c = 0; c < h; c++)
				out[c] = 0;
			for (int j = 0; j <= i; j++) {
				double s = 0;

				if (!twin_sees(w->p, window, i, j))
					continue;
				for (int c = 0; c < h; c++)
					s += q[i * dim + at + c] * k[j * dim + at + c];
				s = exp(s / sqrt(h));
				sum += s;
				for (int c = 0; c < h; c++)
					out[c] += s * v[j * dim + at + c];
			}
			for (int c = 0; c < h; c++)
				out[c] /= sum;
		}
}

static inline void twin_embed(const struct twin *w, int i, double *x)
{
	const struct decoder_config *c = &w->d->cfg;
	const struct param *e = params_find(&w->d->ps, "base.embed"), *w1, *b1, *w2, *b2;
	double *mid = calloc(4096, sizeof(*mid));
	char name[PARAM_NAME];

	for (int j = 0; j < c->dim && w->p->token[i] >= 0; j++)
		x[j] = twin_w(w, e, w->p->token[i] * c->dim + j);
	if (w->p->token[i] >= 0)
		goto done;
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
	int n = w->p->n, dim = w->d->cfg.dim, ff = w->d->cfg.ff;
	double *buf =
		calloc((size_t)n * (size_t)dim * 4 + (size_t)(2 * dim + 2 * ff), sizeof(*buf));
	double *q = buf, *k = q + n * dim, *v = k + n * dim, *o = v + n * dim;
	double *h = o + n * dim, *y = h + dim, *g = y + dim, *u = g + ff;

	for (int i = 0; i < n; i++) {
		twin_norm(w, twin_param(w, l, "norm1"), x + i * dim, h);
		twin_linear(w, l, "q", h, q + i * dim);
		twin_linear(w, l, "k", h, k + i * dim);
		twin_linear(w, l, "v", h, v + i * dim);
		twin_rope(w, w->p->pos[i], q + i * dim);
		twin_rope(w, w->p->pos[i], k + i * dim);
	}
	twin_attend(w, l < w->d->cfg.local_layers ? 0 : w->p->window, q, k, v, o);
	for (int i = 0; i < n; i++) {
		twin_linear(w, l, "o", o + i * dim, y);
		for (int j = 0; j < dim; j++)
			x[i * dim + j] += y[j];
		twin_norm(w, twin_param(w, l, "norm2"), x + i * dim, h);
		twin_linear(w, l, "gate", h, g);
		twin_linear(w, l, "up", h, u);
		for (int j = 0; j < ff; j++)
			g[j] = g[j] / (1 + exp(-g[j])) * u[j];
		twin_linear(w, l, "down", g, y);
		for (int j = 0; j < dim; j++)
			x[i * dim + j] += y[j];
	}
	free(buf);
}

/* Weighted loss; logp (n_at, support) or NULL. */
static inline double twin_loss(const struct twin *w, double *logp)
{
	const struct packed *p = w->p;
	const struct param *e = params_find(&w->d->ps, "base.embed");
	int dim = w->d->cfg.dim, n = p->word ? p->n_word : w->d->cfg.vocab;
	double *x = calloc((size_t)p->n * (size_t)dim, sizeof(*x)), loss = 0;
	double *h = calloc((size_t)(dim + n), sizeof(*h)), *z = h + dim;

	for (int i = 0; i < p->n; i++)
		twin_embed(w, i, x + i * dim);
	for (int l = 0; l < w->d->cfg.layers; l++)
		twin_layer(w, l, x);
	for (int k = 0; k < p->n_at; k++) {
		double sum = 0, mean = 0;

		twin_norm(w, params_find(&w->d->ps, "base.norm"), x + p->at[k] * dim, h);
		for (int t = 0; t < n; t++) {
			int row = p->word ? p->word[t] : t;

			z[t] = 0;
			for (int j = 0; j < dim; j++)
				z[t] += twin_w(w, e, row * dim + j) * h[j];
			sum += exp(z[t]);
		}
		for (int t = 0; t < n; t++) {
			z[t] -= log(sum);
			mean += z[t] / n;
			if (logp)
				logp[k * n + t] = z[t];
		}
		loss -= (p->weight ? (double)p->weight[k] : 1) *
			((1 - p->smooth) * z[p->target[k]] + p->smooth * mean);
	}
	free(x);
	free(h);
	return loss;
}

#endif

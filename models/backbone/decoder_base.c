/* SPDX-License-Identifier: Apache-2.0
 * Published weights under the decoder: as they lie in their file, or copied into
 * parameters.
 */
#include "models/backbone/decoder_parts.h"

#include <math.h>
#include <stdlib.h>

#include "harness/base/mem.h"

double decoder_base_size(const struct llama *base, struct err *err)
{
	const struct weight *w = &base->embed;
	const size_t bytes = weight_row_bytes(w->type, w->cols);
	double sum = 0;
	float *row;
	int n = 0;

	if (!NEW_ARRAY(row, (size_t)w->cols)) {
		err_set(err, ERR_NOMEM, "decoder: a row of the base");
		return 0;
	}
	for (int i = 0; i < w->rows; i += w->rows / 64 + 1, n += w->cols) {
		weight_decode(w->type, (const unsigned char *)w->data + bytes * (size_t)i, row,
			      (size_t)w->cols);
		for (int j = 0; j < w->cols; j++)
			sum += (double)row[j] * (double)row[j];
	}
	free(row);
	return sqrt(sum / n);
}

/* A view of a vector of the base, which nobody writes to: it has no gradient. */
static struct tensor *fixed(struct tensor **next, const float *v, int cols)
{
	struct tensor *t = (*next)++;

	*t = (struct tensor){ .rows = 1, .cols = cols, .data = (float *)(uintptr_t)v };
	return t;
}

static int freeze(struct decoder *d, struct frozen **next, const struct weight *w,
		  struct part_weights *role, struct err *err)
{
	role->frozen = (*next)++;
	return frozen_make(role->frozen, w, d->cfg.pack, d->tape.kern, err);
}

int decoder_base_link(struct decoder *d, struct err *err)
{
	const struct llama *base = d->cfg.base;
	const size_t layers = (size_t)d->cfg.layers;
	struct frozen *frozen;
	struct tensor *vector;

	if (!NEW_ARRAY(d->frozen, layers * LLAMA_LINEARS + 2) ||
	    !NEW_ARRAY(d->fixed, layers * (LLAMA_LINEARS + 2) + 1))
		return err_set(err, ERR_NOMEM, "decoder: roles of the base");
	frozen = d->frozen;
	vector = d->fixed;
	d->norm = fixed(&vector, base->norm, d->cfg.dim);
	if (freeze(d, &frozen, &base->embed, &d->embed, err))
		return err->code;
	d->head = d->embed;
	if (d->cfg.untied && freeze(d, &frozen, &base->head, &d->head, err))
		return err->code;
	for (int l = 0; l < d->cfg.layers; l++) {
		const struct llama_layer *from = &base->layer[l];
		struct layer *y = &d->layer[l];

		y->norm1 = fixed(&vector, from->norm1, d->cfg.dim);
		y->norm2 = fixed(&vector, from->norm2, d->cfg.dim);
		for (int i = 0; i < LLAMA_LINEARS; i++) {
			if (freeze(d, &frozen, &from->lin[i], &y->lin[i], err))
				return err->code;
			if (from->bias[i])
				y->lin[i].bias = fixed(&vector, from->bias[i], from->lin[i].rows);
		}
	}
	return 0;
}

static void copy_matrix(struct tensor *to, const struct weight *from)
{
	const size_t bytes = weight_row_bytes(from->type, from->cols);

	for (int i = 0; i < from->rows; i++)
		weight_decode(from->type, (const unsigned char *)from->data + bytes * (size_t)i,
			      to->data + (size_t)i * (size_t)from->cols, (size_t)from->cols);
}

static void copy_vector(struct tensor *to, const float *from)
{
	for (int j = 0; to && from && j < to->cols; j++)
		to->data[j] = from[j];
}

void decoder_base_copy(struct decoder *d)
{
	const struct llama *base = d->cfg.base;

	copy_matrix(d->embed.w, &base->embed);
	if (d->cfg.untied)
		copy_matrix(d->head.w, &base->head);
	copy_vector(d->norm, base->norm);
	for (int l = 0; l < d->cfg.layers; l++) {
		const struct llama_layer *from = &base->layer[l];

		copy_vector(d->layer[l].norm1, from->norm1);
		copy_vector(d->layer[l].norm2, from->norm2);
		for (int i = 0; i < LLAMA_LINEARS; i++) {
			copy_matrix(d->layer[l].lin[i].w, &from->lin[i]);
			copy_vector(d->layer[l].lin[i].bias, from->bias[i]);
		}
	}
}

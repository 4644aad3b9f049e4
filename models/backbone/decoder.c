/* SPDX-License-Identifier: Apache-2.0
 * The decoder as models see it: train, step, score, keep, write, read.
 */
#include "models/backbone/decoder_parts.h"

#include <math.h>
#include <stdlib.h>

#include "harness/num/gemm.h"

struct decoder *decoder_new(const struct decoder_config *cfg, uint64_t seed, struct err *err)
{
	struct decoder *d = calloc(1, sizeof(*d));

	if (!d) {
		err_set(err, ERR_NOMEM, "decoder");
		return NULL;
	}
	num_blas_one_thread();
	d->tape.kern = kernels_best();
	if (decoder_parts_make(d, cfg, seed, err)) {
		decoder_free(d);
		return NULL;
	}
	return d;
}

void decoder_free(struct decoder *d)
{
	if (!d)
		return;
	for (int i = 0; i < SOFT_MAX; i++)
		free((char *)d->cfg.soft[i].name);
	free(d->config);
	free(d->base);
	free(d->layer);
	free(d->turns);
	params_free(&d->ps);
	tape_free(&d->tape);
	free(d);
}

int64_t decoder_parameters(const struct decoder *d, bool trainable_only)
{
	return params_count(&d->ps, trainable_only);
}

int decoder_train(struct decoder *d, const struct packed *p, struct rng *rng, double *loss,
		  struct err *err)
{
	struct tensor *x;

	*loss = 0;
	if (!rng && (d->cfg.dropout > 0 || d->cfg.token_dropout > 0))
		return err_set(err, ERR_ARG, "decoder: dropout needs random numbers");
	if (!p->n_at)
		return 0;
	if (!p->target)
		return err_set(err, ERR_ARG, "packed dialogue: training needs targets");
	tape_begin(&d->tape, true);
	x = decoder_logits(d, p, rng, err);
	if (!x)
		return err->code;
	x = tape_run(&d->tape, (struct op){ .kind = OP_XENT,
					    .in = { x },
					    .index = p->target,
					    .n_index = p->n_at,
					    .weight = p->weight,
					    .scale = (float)p->smooth });
	if (!x)
		return err_set(err, d->tape.err.code, "decoder: %s", d->tape.err.msg);
	for (int k = 0; k < p->n_at; k++)
		*loss += (double)x->data[k];
	if (!isfinite(*loss))
		return err_set(err, ERR_DATA,
			       "decoder: the loss is not finite: check the feature frames or lower "
			       "the learning rate");
	tape_backward(&d->tape, x);
	return 0;
}

int decoder_step(struct decoder *d, const struct adamw *o, double scale, struct err *err)
{
	const struct adamw_options a = { .lr = o->lr,
					 .beta1 = o->beta1,
					 .beta2 = o->beta2,
					 .eps = o->eps,
					 .weight_decay = o->weight_decay,
					 .clip = o->clip };

	return params_adamw(&d->ps, d->tape.kern, &a, scale, err);
}

int decoder_score(struct decoder *d, const struct packed *p, float *out, struct err *err)
{
	const struct kernels *kern = d->tape.kern;
	struct tensor *x;

	if (!p->n_at)
		return 0;
	tape_begin(&d->tape, false);
	x = decoder_logits(d, p, NULL, err);
	if (!x)
		return err->code;
	for (int k = 0; k < x->rows; k++) {
		float *row = x->data + (size_t)k * (size_t)x->cols, top = kern->max(row, x->cols);
		float *to = out + (size_t)k * (size_t)x->cols;
		double lse;

		kern->scale(to, row, 1.0f, (size_t)x->cols);
		lse = (double)top + log((double)kern->exp_sum(row, x->cols, 1.0f, top));
		if (!isfinite(lse))
			return err_set(err, ERR_DATA,
				       "decoder: scores are not finite: check the feature frames");
		for (int j = 0; j < x->cols; j++)
			to[j] = (float)((double)to[j] - lse);
	}
	return 0;
}

int decoder_keep(struct decoder *d, struct err *err)
{
	return params_keep(&d->ps, err);
}

int decoder_restore(struct decoder *d, struct err *err)
{
	return params_restore(&d->ps, err);
}

void decoder_reset_optimizer(struct decoder *d)
{
	params_reset_optimizer(&d->ps);
}

int decoder_write(const struct decoder *d, FILE *f, const char *path, struct err *err)
{
	return params_write(&d->ps, d->config, f, path, err);
}

int decoder_read(struct decoder *d, FILE *f, const char *path, struct err *err)
{
	return params_read(&d->ps, d->config, d->base, f, path, err);
}

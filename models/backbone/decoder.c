/* SPDX-License-Identifier: Apache-2.0
 * The decoder as models see it: train, step, score, keep, write, read.
 */
#include "models/backbone/decoder_parts.h"

#include <math.h>
#include <stdlib.h>

#include "harness/num/gemm.h"

/* Logits of a training step that are kept whole; more are made and used a few rows at a time. */
#define LOGITS_MAX (1 << 21)

struct decoder *decoder_new(const struct decoder_config *cfg, uint64_t seed, struct err *err)
{
	struct decoder *d = calloc(1, sizeof(*d));

	if (!d) {
		err_set(err, ERR_NOMEM, "decoder");
		return NULL;
	}
	num_blas_one_thread();
	if (decoder_parts_make(d, cfg, seed, err))
		goto fail;
	if (d->cfg.threads > 1) {
		d->pool = pool_new(d->cfg.threads, err);
		if (!d->pool)
			goto fail;
	}
	d->tape.pool = d->pool;
	d->tape.recompute = d->cfg.recompute;
	d->tape.mixed = d->cfg.mixed;
	return d;
fail:
	decoder_free(d);
	return NULL;
}

void decoder_free(struct decoder *d)
{
	if (!d)
		return;
	for (int i = 0; i < SOFT_MAX; i++)
		free((char *)d->cfg.soft[i].name);
	for (int i = 0; d->frozen && i < d->cfg.layers * LLAMA_LINEARS + 2; i++)
		frozen_free(&d->frozen[i]);
	free(d->frozen);
	free(d->fixed);
	free(d->config);
	free(d->plain);
	free(d->layer);
	free(d->freq);
	free(d->turns);
	params_free(&d->ps);
	tape_free(&d->tape);
	pool_free(d->pool);
	free(d);
}

const struct decoder_config *decoder_config_of(const struct decoder *d)
{
	return &d->cfg;
}

int64_t decoder_parameters(const struct decoder *d, bool trainable_only)
{
	return params_count(&d->ps, trainable_only) +
	       (d->frozen && !trainable_only ? d->cfg.base->parameters : 0);
}

size_t decoder_work_bytes(const struct decoder *d)
{
	return workspace_bytes(&d->tape.ws) + d->tape.work_size * sizeof(float);
}

/* Losses (n_at, 1) of the outputs x. */
static struct tensor *losses(struct decoder *d, const struct packed *p, struct tensor *x,
			     struct err *err)
{
	struct op op = { .kind = OP_XENT,
			 .index = p->target,
			 .n_index = p->n_at,
			 .weight = p->weight,
			 .scale = (float)p->smooth };

	if (p->word || (int64_t)p->n_at * d->cfg.vocab <= LOGITS_MAX) {
		op.in[0] = decoder_logits(d, p, x, err);
	} else {
		op.kind = OP_LINEAR_XENT;
		op.in[0] = x;
		op.in[1] = d->head.w;
		op.frozen = d->head.frozen;
		op.path = FROZEN_FLOAT; /* as all training */
	}
	x = tape_run(&d->tape, op);
	if (!x)
		err_set(err, d->tape.err.code, "decoder: %s", d->tape.err.msg);
	return x;
}

int decoder_train(struct decoder *d, const struct packed *p, struct rng *rng, double *loss,
		  struct err *err)
{
	const struct decoder_config *c = &d->cfg;
	struct tensor *x;

	*loss = 0;
	if (!rng &&
	    (c->dropout > 0 || c->token_dropout > 0 || (c->lora_rank && c->lora_dropout > 0)))
		return err_set(err, ERR_ARG, "decoder: dropout needs random numbers");
	if (!p->n_at)
		return 0;
	if (!p->target)
		return err_set(err, ERR_ARG, "packed dialogue: training needs targets");
	if (packed_check(c, p, err))
		return err->code;
	tape_begin(&d->tape, true);
	x = decoder_run(d, &(struct reading){ .p = p, .rng = rng }, err);
	x = x ? losses(d, p, x, err) : NULL;
	if (!x)
		return err->code;
	for (int k = 0; k < p->n_at; k++)
		*loss += (double)x->data[k];
	if (!isfinite(*loss))
		return err_set(err, ERR_DATA,
			       "decoder: the loss is not finite: check the weights and the feature "
			       "frames, or lower the learning rate");
	tape_backward(&d->tape, x);
	if (d->tape.err.code)
		return err_set(err, d->tape.err.code, "decoder: %s", d->tape.err.msg);
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

int decoder_log_softmax(const struct decoder *d, float *row, int n, float *to, struct err *err)
{
	const struct kernels *kern = d->tape.kern;
	const float top = kern->max(row, n);
	double lse;

	kern->scale(to, row, 1.0f, (size_t)n);
	lse = (double)top + log((double)kern->exp_sum(row, n, 1.0f, top));
	if (!isfinite(lse))
		return err_set(err, ERR_DATA,
			       "decoder: scores are not finite: check the weights and the feature "
			       "frames");
	for (int j = 0; j < n; j++)
		to[j] = (float)((double)to[j] - lse);
	return 0;
}

int decoder_score(struct decoder *d, const struct packed *p, float *out, struct err *err)
{
	struct tensor *x;

	if (!p->n_at)
		return 0;
	if (packed_check(&d->cfg, p, err))
		return err->code;
	tape_begin(&d->tape, false);
	x = decoder_run(d, &(struct reading){ .p = p }, err);
	x = x ? decoder_logits(d, p, x, err) : NULL;
	for (int k = 0; x && k < x->rows && !err->code; k++) {
		const size_t at = (size_t)k * (size_t)x->cols;

		decoder_log_softmax(d, x->data + at, x->cols, out + at, err);
	}
	return err->code;
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
	return params_read(&d->ps, d->config, d->plain, f, path, err);
}

/* SPDX-License-Identifier: Apache-2.0
 * The decoder's parameters: one table row for each weight of a layer.
 */
#include "models/backbone/decoder_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/mem.h"
#include "harness/base/str.h"

/* Standard deviations at the start: small logits, embeddings not drowned by the
 * first layers' output, and layers that start nearly linear.  Chosen by how fast small
 * nets learn (recall and word-class tasks; 0.03 to 1 and 0.2 to 1 tried). */
#define EMBED_STD   0.1
#define LINEAR_GAIN 0.3 /* times 1 / sqrt(inputs) */

enum side { SIDE_DIM, SIDE_FF };

/* One row a linear of a layer.  Those that write to the residual stream start
 * smaller by sqrt(2 layers), so that its variance does not grow with depth (GPT-2). */
static const struct linear_row {
	const char *name;
	enum side rows, cols;
	bool to_residual;
	unsigned lora;
} linear_row[LIN_COUNT] = {
	[LIN_Q] = { "q", SIDE_DIM, SIDE_DIM, false, LORA_Q },
	[LIN_K] = { "k", SIDE_DIM, SIDE_DIM, false, LORA_K },
	[LIN_V] = { "v", SIDE_DIM, SIDE_DIM, false, LORA_V },
	[LIN_O] = { "o", SIDE_DIM, SIDE_DIM, true, LORA_O },
	[LIN_GATE] = { "gate", SIDE_FF, SIDE_DIM, false, LORA_FF },
	[LIN_UP] = { "up", SIDE_FF, SIDE_DIM, false, LORA_FF },
	[LIN_DOWN] = { "down", SIDE_DIM, SIDE_FF, true, LORA_FF },
};

static int config_check(const struct decoder_config *c, struct err *err)
{
	const struct {
		const char *name;
		int value, min, max;
	} bound[] = {
		{ "vocab", c->vocab, 1, 1 << 20 },
		{ "dim", c->dim, 2, 8192 },
		{ "layers", c->layers, 1, 128 },
		{ "local_layers", c->local_layers, 0, c->layers },
		{ "heads", c->heads, 1, 256 },
		{ "ff", c->ff, 1, 65536 },
		{ "lora_rank", c->lora_rank, 0, 1024 },
		{ "n_soft", c->n_soft, 0, SOFT_MAX },
	};

	for (size_t i = 0; i < ARRAY_LEN(bound); i++)
		if (bound[i].value < bound[i].min || bound[i].value > bound[i].max)
			return err_set(err, ERR_ARG, "decoder: %s is %d, allowed: %d to %d",
				       bound[i].name, bound[i].value, bound[i].min, bound[i].max);
	if (c->dim % (2 * c->heads))
		return err_set(err, ERR_ARG,
			       "decoder: dim %d must be a multiple of twice the %d heads", c->dim,
			       c->heads);
	if (!(c->rope_theta > 1) || !(c->rope_theta < 1e12))
		return err_set(err, ERR_ARG, "decoder: rope_theta %g must be above 1",
			       c->rope_theta);
	if (!(c->dropout >= 0 && c->dropout < 1) ||
	    !(c->token_dropout >= 0 && c->token_dropout < 1))
		return err_set(err, ERR_ARG, "decoder: dropout %g and %g must be in [0, 1)",
			       c->dropout, c->token_dropout);
	if (c->lora_rank && !c->lora_on)
		return err_set(err, ERR_ARG, "decoder: lora_rank %d but no linear to put it on",
			       c->lora_rank);
	for (int i = 0; i < c->n_soft; i++)
		if (projector_check(&c->soft[i], c->dim, err))
			return err->code;
	return 0;
}

static char *config_text(const struct decoder_config *c, bool with_lora)
{
	struct strbuf out = { 0 };
	struct json_writer w;

	json_begin(&w, &out, 0);
	json_open_object(&w, NULL);
	json_put_int(&w, "vocab", c->vocab);
	json_put_int(&w, "dim", c->dim);
	json_put_int(&w, "layers", c->layers);
	json_put_int(&w, "local_layers", c->local_layers);
	json_put_int(&w, "heads", c->heads);
	json_put_int(&w, "ff", c->ff);
	json_put_num(&w, "rope_theta", c->rope_theta);
	json_open_array(&w, "soft");
	for (int i = 0; i < c->n_soft; i++) {
		json_open_object(&w, NULL);
		projector_config(&c->soft[i], &w);
		json_close_object(&w);
	}
	json_close_array(&w);
	if (with_lora && c->lora_rank) {
		json_put_int(&w, "lora_rank", c->lora_rank);
		json_put_num(&w, "lora_alpha", c->lora_alpha);
		json_put_int(&w, "lora_on", c->lora_on);
	}
	json_close_object(&w);
	if (out.oom) {
		strbuf_free(&out);
		return NULL;
	}
	return out.s;
}

/* A row named "PREFIX.PART"; sticks to the first failure. */
static void add(struct decoder *d, const char *prefix, const char *part, struct param row,
		struct err *err)
{
	if (err->code)
		return;
	if (!str_format(row.name, sizeof(row.name), "%s.%s", prefix, part)) {
		err_set(err, ERR_LIMIT, "decoder: the name %s.%s is too long", prefix, part);
		return;
	}
	params_add(&d->ps, &row, err);
}

static int side(const struct decoder_config *c, enum side s)
{
	return s == SIDE_FF ? c->ff : c->dim;
}

static void add_base(struct decoder *d, struct err *err)
{
	const struct decoder_config *c = &d->cfg;
	bool train = !c->lora_rank;
	struct param gain = { .rows = 1, .cols = c->dim, .init = PARAM_ONE, .train = train };
	char prefix[32];

	add(d, "base", "embed",
	    (struct param){ .rows = c->vocab,
			    .cols = c->dim,
			    .init = PARAM_NORMAL,
			    .std = EMBED_STD,
			    .train = train,
			    .decay = true },
	    err);
	add(d, "base", "norm", gain, err);
	for (int l = 0; l < c->layers && !err->code; l++) {
		if (!str_format(prefix, sizeof(prefix), "layer%d", l))
			err_set(err, ERR_INTERNAL, "decoder: layer name");
		add(d, prefix, "norm1", gain, err);
		add(d, prefix, "norm2", gain, err);
		for (int i = 0; i < LIN_COUNT; i++) {
			const struct linear_row *r = &linear_row[i];
			struct param row = { .rows = side(c, r->rows),
					     .cols = side(c, r->cols),
					     .init = PARAM_NORMAL,
					     .train = train,
					     .decay = true };

			row.std = LINEAR_GAIN / sqrt(row.cols);
			row.std /= r->to_residual ? sqrt(2.0 * c->layers) : 1;
			add(d, prefix, r->name, row, err);
		}
	}
}

/* Adapters come last, so that the base starts the same with and without them. */
static void add_lora(struct decoder *d, struct err *err)
{
	const struct decoder_config *c = &d->cfg;
	char prefix[32];

	for (int l = 0; l < c->layers && c->lora_rank; l++)
		for (int i = 0; i < LIN_COUNT && !err->code; i++) {
			const struct linear_row *r = &linear_row[i];

			if (!(c->lora_on & r->lora))
				continue;
			if (!str_format(prefix, sizeof(prefix), "layer%d.%s", l, r->name))
				err_set(err, ERR_INTERNAL, "decoder: adapter name");
			add(d, prefix, "lora_a",
			    (struct param){ .rows = c->lora_rank,
					    .cols = side(c, r->cols),
					    .init = PARAM_NORMAL,
					    .std = 1 / sqrt(side(c, r->cols)),
					    .train = true,
					    .decay = true,
					    .optional = true },
			    err);
			add(d, prefix, "lora_b",
			    (struct param){ .rows = side(c, r->rows),
					    .cols = c->lora_rank,
					    .train = true,
					    .decay = true,
					    .optional = true },
			    err);
		}
}

/* The tensor of "PREFIX.PART", NULL if there is none. */
static struct tensor *find(const struct decoder *d, const char *prefix, const char *part)
{
	char name[PARAM_NAME];
	struct param *p;

	if (!str_format(name, sizeof(name), "%s.%s", prefix, part))
		return NULL;
	p = params_find(&d->ps, name);
	return p ? &p->t : NULL;
}

static void link_roles(struct decoder *d)
{
	char prefix[PARAM_NAME];

	d->embed = find(d, "base", "embed");
	d->norm = find(d, "base", "norm");
	for (int l = 0; l < d->cfg.layers; l++) {
		struct layer *y = &d->layer[l];

		if (!str_format(prefix, sizeof(prefix), "layer%d", l))
			continue;
		y->norm1 = find(d, prefix, "norm1");
		y->norm2 = find(d, prefix, "norm2");
		for (int i = 0; i < LIN_COUNT; i++) {
			char part[PARAM_NAME];

			y->lin[i].w = find(d, prefix, linear_row[i].name);
			if (!str_format(part, sizeof(part), "layer%d.%s", l, linear_row[i].name))
				continue;
			y->lin[i].a = find(d, part, "lora_a");
			y->lin[i].b = find(d, part, "lora_b");
		}
	}
	for (int i = 0; i < d->cfg.n_soft; i++)
		projector_link(&d->soft[i], &d->cfg.soft[i], &d->ps);
}

int decoder_parts_make(struct decoder *d, const struct decoder_config *cfg, uint64_t seed,
		       struct err *err)
{
	if (config_check(cfg, err))
		return err->code;
	d->cfg = *cfg;
	memset(d->cfg.soft, 0, sizeof(d->cfg.soft));
	for (int i = 0; i < cfg->n_soft; i++) {
		d->cfg.soft[i] = cfg->soft[i];
		d->cfg.soft[i].name = str_dup(cfg->soft[i].name);
		if (!d->cfg.soft[i].name)
			return err_set(err, ERR_NOMEM, "decoder: config");
	}
	d->config = config_text(&d->cfg, true);
	d->base = config_text(&d->cfg, false);
	if (!d->config || !d->base || !NEW_ARRAY(d->layer, (size_t)cfg->layers))
		return err_set(err, ERR_NOMEM, "decoder: config");
	add_base(d, err);
	for (int i = 0; i < cfg->n_soft && !err->code; i++)
		projector_add(&d->cfg.soft[i], cfg->dim, EMBED_STD, &d->ps, err);
	add_lora(d, err);
	if (err->code || params_alloc(&d->ps, seed, err))
		return err->code;
	link_roles(d);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * The decoder's parameters: one table row for each weight of a layer.
 */
#include "models/backbone/decoder_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/base/str.h"

/* Standard deviations at the start: small logits, embeddings not drowned by the
 * first layers' output, and layers that start nearly linear.  Chosen by how fast small
 * nets learn (recall and word-class tasks; 0.03 to 1 and 0.2 to 1 tried). */
#define EMBED_STD   0.1
#define LINEAR_GAIN 0.3 /* times 1 / sqrt(inputs) */

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

/* Those that write to the residual stream start smaller by sqrt(2 layers), so that its
 * variance does not grow with depth (GPT-2). */
static void add_linear(struct decoder *d, const char *prefix, enum llama_linear lin,
		       struct err *err)
{
	const struct decoder_config *c = &d->cfg;
	struct param row = { .rows = linear_rows(c, lin),
			     .cols = linear_cols(c, lin),
			     .init = PARAM_NORMAL,
			     .train = !c->lora_rank,
			     .decay = true };
	char part[PARAM_NAME];

	row.std = LINEAR_GAIN / sqrt(row.cols);
	row.std /= linear_row[lin].to_residual ? sqrt(2.0 * c->layers) : 1;
	add(d, prefix, linear_row[lin].name, row, err);
	if (!decoder_has_bias(c, lin))
		return;
	if (!str_format(part, sizeof(part), "%s.bias", linear_row[lin].name))
		err_set(err, ERR_INTERNAL, "decoder: bias name");
	add(d, prefix, part, (struct param){ .rows = 1, .cols = row.rows, .train = !c->lora_rank },
	    err);
}

static void add_table(struct decoder *d, const char *part, struct err *err)
{
	add(d, "base", part,
	    (struct param){ .rows = d->cfg.vocab,
			    .cols = d->cfg.dim,
			    .init = PARAM_NORMAL,
			    .std = EMBED_STD,
			    .train = !d->cfg.lora_rank,
			    .decay = true },
	    err);
}

static void add_base(struct decoder *d, struct err *err)
{
	const struct decoder_config *c = &d->cfg;
	struct param gain = {
		.rows = 1, .cols = c->dim, .init = PARAM_ONE, .train = !c->lora_rank
	};
	char prefix[32];

	add_table(d, "embed", err);
	add(d, "base", "norm", gain, err);
	if (c->untied)
		add_table(d, "head", err);
	for (int l = 0; l < c->layers && !err->code; l++) {
		if (!str_format(prefix, sizeof(prefix), "layer%d", l))
			err_set(err, ERR_INTERNAL, "decoder: layer name");
		add(d, prefix, "norm1", gain, err);
		add(d, prefix, "norm2", gain, err);
		for (int i = 0; i < LLAMA_LINEARS; i++)
			add_linear(d, prefix, (enum llama_linear)i, err);
	}
}

/* Adapters come last, so that the base starts the same with and without them. */
static void add_lora(struct decoder *d, struct err *err)
{
	const struct decoder_config *c = &d->cfg;
	char prefix[32];

	for (int l = 0; l < c->layers && c->lora_rank; l++)
		for (int i = 0; i < LLAMA_LINEARS && !err->code; i++) {
			const int cols = linear_cols(c, (enum llama_linear)i);

			if (!(c->lora_on & 1U << i))
				continue;
			if (!str_format(prefix, sizeof(prefix), "layer%d.%s", l,
					linear_row[i].name))
				err_set(err, ERR_INTERNAL, "decoder: adapter name");
			add(d, prefix, "lora_a",
			    (struct param){ .rows = c->lora_rank,
					    .cols = cols,
					    .init = PARAM_NORMAL,
					    .std = 1 / sqrt(cols),
					    .train = true,
					    .decay = true,
					    .optional = true },
			    err);
			add(d, prefix, "lora_b",
			    (struct param){ .rows = linear_rows(c, (enum llama_linear)i),
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

static void link_linear(struct decoder *d, int l, int i)
{
	struct part_weights *y = &d->layer[l].lin[i];
	char prefix[PARAM_NAME], part[PARAM_NAME];

	if (!str_format(prefix, sizeof(prefix), "layer%d", l) ||
	    !str_format(part, sizeof(part), "layer%d.%s", l, linear_row[i].name))
		return;
	y->w = find(d, prefix, linear_row[i].name);
	y->bias = find(d, part, "bias");
	y->a = find(d, part, "lora_a");
	y->b = find(d, part, "lora_b");
}

static void link_roles(struct decoder *d)
{
	char prefix[PARAM_NAME];

	d->embed.w = find(d, "base", "embed");
	d->head.w = d->cfg.untied ? find(d, "base", "head") : d->embed.w;
	d->norm = find(d, "base", "norm");
	for (int l = 0; l < d->cfg.layers; l++) {
		if (!str_format(prefix, sizeof(prefix), "layer%d", l))
			continue;
		d->layer[l].norm1 = find(d, prefix, "norm1");
		d->layer[l].norm2 = find(d, prefix, "norm2");
		for (int i = 0; i < LLAMA_LINEARS; i++)
			link_linear(d, l, i);
	}
	for (int i = 0; i < d->cfg.n_soft; i++)
		projector_link(&d->soft[i], &d->cfg.soft[i], &d->ps);
}

static int config_make(struct decoder *d, const struct decoder_config *cfg, struct err *err)
{
	struct decoder_config c = *cfg;

	if (decoder_config_fill(&c, err))
		return err->code;
	d->cfg = c;
	d->tape.kern = c.kern;
	memset(d->cfg.soft, 0, sizeof(d->cfg.soft));
	for (int i = 0; i < c.n_soft; i++) {
		d->cfg.soft[i] = c.soft[i];
		d->cfg.soft[i].name = str_dup(c.soft[i].name);
		if (!d->cfg.soft[i].name)
			return err_set(err, ERR_NOMEM, "decoder: config");
	}
	d->config = decoder_config_text(&d->cfg, true);
	d->plain = decoder_config_text(&d->cfg, false);
	if (!d->config || !d->plain || !NEW_ARRAY(d->layer, (size_t)c.layers) ||
	    !NEW_ARRAY(d->freq, (size_t)c.head_dim / 2))
		return err_set(err, ERR_NOMEM, "decoder: config");
	decoder_frequencies(&c, d->freq);
	if (c.lora_rank)
		d->lora_scale =
			(float)(c.lora_alpha / (c.lora_rslora ? sqrt(c.lora_rank) : c.lora_rank));
	return 0;
}

int decoder_parts_make(struct decoder *d, const struct decoder_config *cfg, uint64_t seed,
		       struct err *err)
{
	const bool frozen = cfg->base && !cfg->thaw;
	double size;

	if (config_make(d, cfg, err))
		return err->code;
	if (!frozen)
		add_base(d, err);
	size = cfg->base ? decoder_base_size(cfg->base, err) : EMBED_STD;
	for (int i = 0; i < cfg->n_soft && !err->code; i++)
		projector_add(&d->cfg.soft[i], d->cfg.dim, size, &d->ps, err);
	add_lora(d, err);
	if (err->code || params_alloc(&d->ps, seed, err))
		return err->code;
	link_roles(d);
	if (cfg->base && cfg->thaw)
		decoder_base_copy(d);
	return frozen ? decoder_base_link(d, err) : 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * The decoder's configuration: what follows from a published base, defaults, bounds,
 * the text that checkpoints keep.
 */
#include "models/backbone/decoder_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/hash.h"
#include "harness/base/json.h"
#include "harness/base/mem.h"
#include "harness/base/str.h"

#define EPS 1e-5

const struct linear_row linear_row[LLAMA_LINEARS] = {
	[LLAMA_Q] = { "q", false },	  [LLAMA_K] = { "k", false },
	[LLAMA_V] = { "v", false },	  [LLAMA_O] = { "o", true },
	[LLAMA_GATE] = { "gate", false }, [LLAMA_UP] = { "up", false },
	[LLAMA_DOWN] = { "down", true },
};

int linear_rows(const struct decoder_config *c, enum llama_linear lin)
{
	switch (lin) {
	case LLAMA_Q:
		return c->heads * c->head_dim;
	case LLAMA_K:
	case LLAMA_V:
		return c->kv_heads * c->head_dim;
	case LLAMA_GATE:
	case LLAMA_UP:
		return c->ff;
	case LLAMA_O:
	case LLAMA_DOWN:
	case LLAMA_LINEARS:
		break;
	}
	return c->dim;
}

int linear_cols(const struct decoder_config *c, enum llama_linear lin)
{
	return lin == LLAMA_O ? c->heads * c->head_dim : lin == LLAMA_DOWN ? c->ff : c->dim;
}

bool decoder_has_bias(const struct decoder_config *c, enum llama_linear lin)
{
	if (c->base)
		return c->base->layer[0].bias[lin] != NULL;
	return c->qkv_bias && (lin == LLAMA_Q || lin == LLAMA_K || lin == LLAMA_V);
}

/* Takes over one number of the base; what the config says must not differ. */
static void take(int *mine, int theirs, const char *name, struct err *err)
{
	if (*mine && *mine != theirs)
		err_set(err, ERR_ARG, "decoder: %s is %d, the published weights have %d", name,
			*mine, theirs);
	*mine = theirs;
}

static int from_base(struct decoder_config *c, struct err *err)
{
	const struct llama_config *b = &c->base->cfg;

	take(&c->vocab, b->vocab, "vocab", err);
	take(&c->dim, b->dim, "dim", err);
	take(&c->layers, b->layers, "layers", err);
	take(&c->heads, b->heads, "heads", err);
	take(&c->kv_heads, b->kv_heads, "kv_heads", err);
	take(&c->head_dim, b->head_dim, "head_dim", err);
	take(&c->ff, b->ff, "ff", err);
	c->norm_eps = b->norm_eps;
	c->rope_theta = b->rope_theta;
	c->rope_pairs = b->rope_pairs;
	c->rope = b->rope;
	c->qkv_bias = b->qkv_bias;
	c->untied = !b->tied;
	return err->code;
}

static int bounds_check(const struct decoder_config *c, struct err *err)
{
	const struct {
		const char *name;
		int value, min, max;
	} bound[] = {
		{ "vocab", c->vocab, 1, 1 << 20 },
		{ "dim", c->dim, 2, 32768 },
		{ "layers", c->layers, 1, 256 },
		{ "local_layers", c->local_layers, 0, c->layers },
		{ "heads", c->heads, 1, 256 },
		{ "kv_heads", c->kv_heads, 0, c->heads },
		{ "head_dim", c->head_dim, 0, 1024 },
		{ "ff", c->ff, 1, 1 << 18 },
		{ "lora_rank", c->lora_rank, 0, 1024 },
		{ "n_soft", c->n_soft, 0, SOFT_MAX },
		{ "threads", c->threads, 0, 1024 },
	};

	for (size_t i = 0; i < ARRAY_LEN(bound); i++)
		if (bound[i].value < bound[i].min || bound[i].value > bound[i].max)
			return err_set(err, ERR_ARG, "decoder: %s is %d, allowed: %d to %d",
				       bound[i].name, bound[i].value, bound[i].min, bound[i].max);
	return 0;
}

static int fractions_check(const struct decoder_config *c, struct err *err)
{
	if (!(c->rope_theta > 1) || !(c->rope_theta < 1e12))
		return err_set(err, ERR_ARG, "decoder: rope_theta %g must be above 1",
			       c->rope_theta);
	if (!(c->norm_eps >= 0 && c->norm_eps < 1))
		return err_set(err, ERR_ARG, "decoder: norm_eps %g must be in [0, 1)", c->norm_eps);
	if (!(c->dropout >= 0 && c->dropout < 1) ||
	    !(c->token_dropout >= 0 && c->token_dropout < 1) ||
	    !(c->lora_dropout >= 0 && c->lora_dropout < 1))
		return err_set(err, ERR_ARG, "decoder: dropout %g, %g and %g must be in [0, 1)",
			       c->dropout, c->token_dropout, c->lora_dropout);
	if (c->rope.factor != 0 &&
	    (!(c->rope.factor >= 1) || !(c->rope.low_freq_factor > 0) ||
	     !(c->rope.high_freq_factor > c->rope.low_freq_factor) || c->rope.original_context < 1))
		return err_set(err, ERR_ARG,
			       "decoder: rope scaling by %g, %g to %g of %d positions makes no "
			       "sense",
			       c->rope.factor, c->rope.low_freq_factor, c->rope.high_freq_factor,
			       c->rope.original_context);
	return 0;
}

static int adapters_check(const struct decoder_config *c, struct err *err)
{
	if (c->lora_rank && !c->lora_on)
		return err_set(err, ERR_ARG, "decoder: lora_rank %d but no linear to put it on",
			       c->lora_rank);
	if (c->lora_on & ~(unsigned)LORA_ALL)
		return err_set(err, ERR_ARG, "decoder: lora_on %#x names no linear", c->lora_on);
	if (!isfinite(c->lora_alpha))
		return err_set(err, ERR_ARG, "decoder: lora_alpha is not finite");
	if (c->thaw && !c->base)
		return err_set(err, ERR_ARG, "decoder: thaw without published weights");
	for (int i = 0; i < c->n_soft; i++)
		if (projector_check(&c->soft[i], c->dim, err))
			return err->code;
	return 0;
}

static int heads_fill(struct decoder_config *c, struct err *err)
{
	if (!c->head_dim && c->dim % (2 * c->heads))
		return err_set(err, ERR_ARG,
			       "decoder: dim %d must be a multiple of twice the %d heads", c->dim,
			       c->heads);
	c->head_dim = c->head_dim ? c->head_dim : c->dim / c->heads;
	c->kv_heads = c->kv_heads ? c->kv_heads : c->heads;
	if (c->head_dim % 2)
		return err_set(err, ERR_ARG, "decoder: head_dim %d must be even", c->head_dim);
	if (c->heads % c->kv_heads)
		return err_set(err, ERR_ARG, "decoder: %d heads cannot share %d key heads",
			       c->heads, c->kv_heads);
	return 0;
}

int decoder_config_fill(struct decoder_config *c, struct err *err)
{
	if (c->base && from_base(c, err))
		return err->code;
	if (bounds_check(c, err) || heads_fill(c, err) || fractions_check(c, err))
		return err->code;
	c->norm_eps = c->norm_eps > 0 ? c->norm_eps : EPS;
	c->threads = c->threads ? c->threads : 1;
	c->kern = c->kern ? c->kern : kernels_best();
	return adapters_check(c, err);
}

void decoder_frequencies(const struct decoder_config *c, double *freq)
{
	const struct llama fresh = {
		.cfg = { .head_dim = c->head_dim, .rope_theta = c->rope_theta, .rope = c->rope }
	};

	llama_frequencies(c->base ? c->base : &fresh, freq);
}

/* --- the text of checkpoints --- */

/* Hash of shape, type and some bytes of a matrix: reading all of it would load the file. */
static uint64_t matrix_print(uint64_t h, const struct weight *w)
{
	const size_t row = weight_row_bytes(w->type, w->cols);
	const int shape[3] = { (int)w->type, w->rows, w->cols };

	h = h * 31 + hash_u64(shape, sizeof(shape));
	for (int i = 0; i < 4; i++)
		h = h * 31 + hash_u64((const unsigned char *)w->data +
					      row * (size_t)((int64_t)(w->rows - 1) * i / 3),
				      row);
	return h;
}

static uint64_t base_print(const struct llama *l)
{
	uint64_t h = hash_u64(l->norm, (size_t)l->cfg.dim * sizeof(float));

	h = matrix_print(h, &l->embed);
	h = matrix_print(h, &l->head);
	for (int k = 0; k < l->cfg.layers; k++)
		for (int i = 0; i < LLAMA_LINEARS; i++)
			h = matrix_print(h, &l->layer[k].lin[i]);
	return h;
}

/* What differs from the nano decoder is written only where it does: its checkpoints
 * keep their text. */
static void put_architecture(struct json_writer *w, const struct decoder_config *c)
{
	if (c->kv_heads != c->heads)
		json_put_int(w, "kv_heads", c->kv_heads);
	if (c->head_dim * c->heads != c->dim)
		json_put_int(w, "head_dim", c->head_dim);
	if (c->norm_eps != EPS)
		json_put_num(w, "norm_eps", c->norm_eps);
	if (c->rope_pairs)
		json_put_bool(w, "rope_pairs", true);
	if (c->qkv_bias)
		json_put_bool(w, "qkv_bias", true);
	if (c->untied)
		json_put_bool(w, "untied", true);
	if (c->rope.factor != 0) {
		json_put_num(w, "rope_factor", c->rope.factor);
		json_put_num(w, "rope_low_freq_factor", c->rope.low_freq_factor);
		json_put_num(w, "rope_high_freq_factor", c->rope.high_freq_factor);
		json_put_int(w, "rope_original_context", c->rope.original_context);
	}
}

static void put_base(struct json_writer *w, const struct decoder_config *c)
{
	char text[32];

	if (!c->base || c->thaw)
		return;
	if (str_format(text, sizeof(text), "%016llx", (unsigned long long)base_print(c->base)))
		json_put_str(w, "base", text);
}

char *decoder_config_text(const struct decoder_config *c, bool with_lora)
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
	put_architecture(&w, c);
	put_base(&w, c);
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
		if (c->lora_rslora)
			json_put_bool(&w, "lora_rslora", true);
	}
	json_close_object(&w);
	if (out.oom) {
		strbuf_free(&out);
		return NULL;
	}
	return out.s;
}

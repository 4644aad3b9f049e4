/* SPDX-License-Identifier: Apache-2.0 */
#include "models/nano.h"

#include <stdlib.h>
#include <string.h>

int nano_init(struct nano *n, const struct nano_recipe *recipe, const struct model_env *env,
	      struct err *err)
{
	const int64_t dim = opt_int(env->opts, "dim"), heads = opt_int(env->opts, "heads");

	n->env = env;
	n->recipe = recipe;
	if (dim % heads || dim / heads % 2)
		return err_set(err, ERR_ARG,
			       "%s: dim %lld does not give %lld heads of an even width; "
			       "change dim or heads",
			       recipe->name, (long long)dim, (long long)heads);
	return 0;
}

static void clear(struct nano *n)
{
	nano_text_free(&n->text);
	nano_soft_free(n);
	decoder_free(n->decoder);
	n->decoder = NULL;
}

void nano_destroy(void *nano)
{
	struct nano *n = nano;

	clear(n);
	strbuf_free(&n->raw);
	*n = (struct nano){ 0 };
}

/* All but the last layers read each turn by itself. */
int nano_local_layers(const struct opt_values *o)
{
	const int local = (int)opt_int(o, "layers") - (int)opt_int(o, "context_layers");

	return local > 0 ? local : 0;
}

static int new_decoder(struct nano *n, struct err *err)
{
	const struct opt_values *o = n->env->opts;
	struct decoder_config cfg = {
		.vocab = n->text.vocab,
		.dim = (int)opt_int(o, "dim"),
		.layers = (int)opt_int(o, "layers"),
		.local_layers = nano_local_layers(o),
		.heads = (int)opt_int(o, "heads"),
		.ff = (int)opt_int(o, "ff"),
		.rope_theta = 10000,
		.dropout = opt_num(o, "dropout"),
		.token_dropout = opt_num(o, "token_dropout"),
		.lora_rank = (int)opt_int(o, "lora_rank"),
		.lora_alpha = opt_num(o, "lora_alpha"),
		.lora_on = LORA_Q | LORA_V,
	};

	nano_soft_kinds(n, &cfg);
	n->decoder = decoder_new(&cfg, n->env->seed, err);
	return err->code;
}

int nano_prepare(struct nano *n, const struct samples *train, struct err *err)
{
	clear(n);
	if (nano_text_learn(n, train, err) || nano_text_words(n, err) ||
	    nano_soft_measure(n, train, err))
		return err->code;
	return new_decoder(n, err);
}

struct nano_turn *nano_encode(const struct nano *n, const struct view *v, struct arena *mem,
			      struct err *err)
{
	struct nano_turn *turn = arena_array(mem, (size_t)v->n, sizeof(*turn));
	struct bpe_ids ids = { 0 };
	struct strbuf line = { 0 };

	if (!turn)
		err_set(err, ERR_NOMEM, "%s: no memory", v->dialogue);
	for (int t = 0; t < v->n && !err->code; t++)
		if (!nano_text_turn(n, &v->turn[t], &ids, &line, mem, &turn[t], err))
			nano_soft_turn(n, &v->turn[t], mem, &turn[t], err);
	bpe_ids_free(&ids);
	strbuf_free(&line);
	return err->code ? NULL : turn;
}

/* --- files --- */

int nano_save(const void *nano, const char *path, struct err *err)
{
	const struct nano *n = nano;
	struct store s;

	if (!n->decoder)
		return err_set(err, ERR_INTERNAL, "%s: save before fit", n->recipe->name);
	if (store_create(&s, path, n->recipe->name, n->env->labels, err))
		return err->code;
	bpe_write(&n->text.bpe, s.f, path, err);
	nano_soft_write(n, &s);
	if (!err->code)
		decoder_write(n->decoder, s.f, path, err);
	return store_close(&s);
}

int nano_load(void *nano, const char *path, struct err *err)
{
	struct nano *n = nano;
	struct store s;

	clear(n);
	if (store_open(&s, path, n->recipe->name, n->env->labels, err))
		return err->code;
	if (!bpe_read(&n->text.bpe, s.f, path, err) && !nano_text_words(n, err) &&
	    !nano_soft_read(n, &s) && !new_decoder(n, err))
		decoder_read(n->decoder, s.f, path, err);
	if (store_close(&s))
		clear(n);
	return err->code;
}

int64_t nano_parameters(const void *nano)
{
	const struct nano *n = nano;

	return n->decoder ? decoder_parameters(n->decoder, true) : 0;
}

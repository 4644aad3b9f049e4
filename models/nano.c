/* SPDX-License-Identifier: Apache-2.0 */
#include "models/nano.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "models/backbone/peft.h"

#define ADAPTER	  "adapter" /* folder beside a checkpoint */
#define WORDS_MAX (1 << 20) /* bytes of words_text() in it: system messages may be long */

int nano_init(struct nano *n, const struct nano_recipe *recipe, const struct model_env *env,
	      struct err *err)
{
	const int64_t dim = opt_int(env->opts, "dim"), heads = opt_int(env->opts, "heads");

	n->env = env;
	n->recipe = recipe;
	if (*opt_str(env->opts, "weights"))
		return nano_published_open(n, err);
	if (dim % heads || dim / heads % 2)
		return err_set(err, ERR_ARG,
			       "%s: dim %lld does not give %lld heads of an even width; "
			       "change dim or heads",
			       recipe->name, (long long)dim, (long long)heads);
	return 0;
}

/* Forgets what training made. */
static void clear(struct nano *n)
{
	if (!n->base)
		nano_text_free(&n->text);
	nano_soft_free(n);
	decoder_free(n->decoder);
	n->decoder = NULL;
}

void nano_destroy(void *nano)
{
	struct nano *n = nano;

	clear(n);
	nano_text_free(&n->text);
	llama_close(n->base);
	strbuf_free(&n->raw);
	*n = (struct nano){ 0 };
}

/* All but the last layers read each turn by itself. */
int nano_local_layers(const struct opt_values *o)
{
	const int local = (int)opt_int(o, "layers") - (int)opt_int(o, "context_layers");

	return local > 0 ? local : 0;
}

/* Shape and numerics that only fresh or only published weights leave open. */
static void choose_base(const struct nano *n, struct decoder_config *cfg)
{
	const struct opt_values *o = n->env->opts;
	const char *path = opt_str(o, "path");

	if (!n->base) {
		cfg->dim = (int)opt_int(o, "dim");
		cfg->layers = (int)opt_int(o, "layers");
		cfg->local_layers = nano_local_layers(o);
		cfg->heads = (int)opt_int(o, "heads");
		cfg->ff = (int)opt_int(o, "ff");
		cfg->rope_theta = 10000;
		return;
	}
	cfg->base = n->base;
	cfg->thaw = opt_bool(o, "thaw");
	cfg->pack = opt_bool(o, "pack");
	cfg->path = !strcmp(path, "int8")    ? FROZEN_INT8
		    : !strcmp(path, "float") ? FROZEN_FLOAT
					     : FROZEN_AUTO;
}

/* LoRA as the options say, or as the adapter at hand has it (peft; "": none). */
static int choose_lora(const struct nano *n, const char *peft, struct decoder_config *cfg,
		       struct err *err)
{
	const struct opt_values *o = n->env->opts;
	struct peft_config p;

	if (*peft && !n->base)
		return err_set(err, ERR_ARG, "%s: an adapter needs its weights: set weights too",
			       n->recipe->name);
	if (*peft) {
		if (!peft_config_read(peft, &p, err))
			peft_config_use(&p, cfg);
		return err->code;
	}
	cfg->lora_rank = (int)opt_int(o, "lora_rank");
	cfg->lora_alpha = opt_num(o, "lora_alpha");
	cfg->lora_dropout = opt_num(o, "lora_dropout");
	return peft_linears(opt_str(o, "lora_on"), &cfg->lora_on, err) ? err_wrap(err, "lora_on")
								       : 0;
}

static enum tape_mixed mixed_of(const char *name)
{
	return !strcmp(name, "auto")	? MIXED_AUTO
	       : !strcmp(name, "force") ? MIXED_FORCE
					: MIXED_OFF;
}

static int new_decoder(struct nano *n, const char *peft, struct err *err)
{
	const struct opt_values *o = n->env->opts;
	const int64_t threads = opt_int(o, "threads");
	struct decoder_config cfg = {
		.vocab = n->text.vocab,
		.dropout = opt_num(o, "dropout"),
		.token_dropout = opt_num(o, "token_dropout"),
		.threads = threads ? (int)threads : n->env->threads,
		.recompute = opt_bool(o, "recompute"),
		.mixed = mixed_of(opt_str(o, "mixed")),
	};

	cfg.kern = kernels_choose(opt_str(o, "kernels"), err);
	if (!cfg.kern || choose_lora(n, peft, &cfg, err))
		return err->code;
	choose_base(n, &cfg);
	nano_soft_kinds(n, &cfg);
	n->decoder = decoder_new(&cfg, n->env->seed, err);
	return err->code;
}

int nano_prepare(struct nano *n, const struct samples *train, struct err *err)
{
	const char *adapter = opt_str(n->env->opts, "adapter");

	clear(n);
	if (!n->base && (nano_text_learn(n, train, err) || nano_text_words(n, err)))
		return err->code;
	if (nano_soft_measure(n, train, err) || new_decoder(n, adapter, err) ||
	    (*adapter && peft_read(n->decoder, adapter, err)))
		return err->code;
	if (!decoder_parameters(n->decoder, true) && opt_int(n->env->opts, "epochs") > 0)
		return err_set(err, ERR_ARG,
			       "%s: nothing to train on frozen weights; set lora_rank (or thaw, or "
			       "epochs=0 to ask them as they are)",
			       n->recipe->name);
	return 0;
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

/* What the answers depend on beside the parameters: the words around published weights. */
static int words_text(const struct nano *n, struct strbuf *out, struct err *err)
{
	const struct opt_values *o = n->env->opts;

	strbuf_addf(out, "chat %s, template %s, system '%s', %d tokens", opt_str(o, "chat"),
		    opt_str(o, "template"), opt_str(o, "system"),
		    tokenizer_size(n->text.tokenizer));
	return out->oom ? err_set(err, ERR_NOMEM, "%s: no memory", n->recipe->name) : 0;
}

static int write_words(const struct nano *n, struct store *s)
{
	struct strbuf text = { 0 };

	if (!n->base)
		return bpe_write(&n->text.bpe, s->f, s->path, s->err);
	if (!words_text(n, &text, s->err))
		store_put_bytes(s, text.s, text.len);
	strbuf_free(&text);
	return s->err->code;
}

static int read_words(struct nano *n, struct store *s)
{
	struct strbuf text = { 0 };
	char *got = NULL;
	size_t len = 0;

	if (!n->base)
		return bpe_read(&n->text.bpe, s->f, s->path, s->err) ? s->err->code
								     : nano_text_words(n, s->err);
	if (!words_text(n, &text, s->err) && !store_get_bytes(s, WORDS_MAX, &got, &len) &&
	    strcmp(got, strbuf_str(&text)) != 0)
		err_set(s->err, ERR_FORMAT, "%s: was trained with %.500s; here is %.500s", s->path,
			got, strbuf_str(&text));
	free(got);
	strbuf_free(&text);
	return s->err->code;
}

/* The folder of the adapter beside a checkpoint; malloc'ed, NULL: no memory. */
static char *adapter_beside(const char *path)
{
	struct strbuf s = { 0 };

	strbuf_addn(&s, path, (size_t)(path_base(path) - path));
	strbuf_add(&s, ADAPTER);
	if (s.oom)
		strbuf_free(&s);
	return s.s;
}

/* What transformers and others read. */
static int save_adapter(const struct nano *n, const char *path, struct err *err)
{
	char *dir = adapter_beside(path);

	if (!dir)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	peft_write(n->decoder, dir, opt_str(n->env->opts, "weights"), err);
	free(dir);
	return err->code;
}

int nano_save(const void *nano, const char *path, struct err *err)
{
	const struct nano *n = nano;
	struct store s;

	if (!n->decoder)
		return err_set(err, ERR_INTERNAL, "%s: save before fit", n->recipe->name);
	if (n->base && decoder_config_of(n->decoder)->lora_rank && save_adapter(n, path, err))
		return err->code;
	if (store_create(&s, path, n->recipe->name, n->env->labels, err))
		return err->code;
	write_words(n, &s);
	nano_soft_write(n, &s);
	if (!err->code)
		decoder_write(n->decoder, s.f, path, err);
	return store_close(&s);
}

int nano_load(void *nano, const char *path, struct err *err)
{
	struct nano *n = nano;
	/* an adapter that training began with had its own shape: it lies beside the checkpoint */
	char *peft = *opt_str(n->env->opts, "adapter") ? adapter_beside(path) : str_dup("");
	struct store s;

	clear(n);
	if (!peft)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	if (!store_open(&s, path, n->recipe->name, n->env->labels, err)) {
		if (!read_words(n, &s) && !nano_soft_read(n, &s) && !new_decoder(n, peft, err))
			decoder_read(n->decoder, s.f, path, err);
		if (store_close(&s))
			clear(n);
	}
	free(peft);
	return err->code;
}

int64_t nano_parameters(const void *nano)
{
	const struct nano *n = nano;

	return n->decoder ? decoder_parameters(n->decoder, true) : 0;
}

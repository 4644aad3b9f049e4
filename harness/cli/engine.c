/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/cli/engine.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/num/gemm.h"
#include "models/backbone/peft.h"

void engine_close(struct engine *e)
{
	decoder_free(e->decoder);
	llama_close(e->base);
	tokenizer_free(e->tokenizer);
	*e = (struct engine){ .base = NULL };
}

/* A GGUF file holds its tokenizer; other files have theirs in the same folder. */
static char *tokenizer_path(const char *weights, const char *format)
{
	const char *base = path_base(weights);
	char *dir;

	if (io_is_dir(weights) || !strcmp(format, "gguf"))
		return str_dup(weights);
	if (base == weights)
		return str_dup(".");
	dir = str_dup(weights);
	if (dir)
		dir[base - weights > 1 ? base - weights - 1 : 1] = '\0';
	return dir;
}

static int load_tokenizer(struct engine *e, const char *given, const char *weights, struct err *err)
{
	char *path = *given ? str_dup(given) : tokenizer_path(weights, e->base->format);

	if (!path)
		return err_set(err, ERR_NOMEM, "%s", weights);
	e->tokenizer = tokenizer_open(path, err);
	free(path);
	if (!e->tokenizer && !*given)
		err_wrap(err, "no tokenizer with the weights (give one: --tokenizer)");
	return err->code;
}

static enum frozen_path path_of(const char *name)
{
	return !strcmp(name, "float")  ? FROZEN_FLOAT
	       : !strcmp(name, "int8") ? FROZEN_INT8
				       : FROZEN_AUTO;
}

static int load_decoder(struct engine *e, const struct cli *c, struct err *err)
{
	const char *adapter = opt_str(&c->opts, "adapter");
	struct decoder_config cfg = { .base = e->base,
				      .threads = c->threads,
				      .path = path_of(opt_str(&c->opts, "path")),
				      .pack = opt_bool(&c->opts, "pack"),
				      .kern = kernels_choose(opt_str(&c->opts, "kernels"), err) };
	struct peft_config p;

	if (!cfg.kern)
		return err->code;
	if (*adapter) {
		if (peft_config_read(adapter, &p, err))
			return err->code;
		peft_config_use(&p, &cfg);
	}
	e->decoder = decoder_new(&cfg, 1, err);
	if (e->decoder && *adapter)
		peft_read(e->decoder, adapter, err);
	return err->code;
}

static void say_loaded(const struct engine *e, const struct cli *cli)
{
	const struct decoder_config *c = decoder_config_of(e->decoder);
	const struct log *log = &cli->log;
	char text[256];

	log_info(log, "%s: %s, %s; %s", opt_str(&cli->opts, "weights"), e->base->format,
		 e->base->cfg.arch, e->base->types);
	log_info(log,
		 "%.1f M parameters, %.1f MB; %d layers of width %d, %d heads (%d of keys), ff %d, "
		 "%d tokens, context %d",
		 (double)e->base->parameters / 1e6, (double)e->base->bytes / 1e6, c->layers, c->dim,
		 c->heads, c->kv_heads, c->ff, c->vocab, e->base->cfg.context);
	if (c->lora_rank)
		log_info(log, "adapter %s: rank %d, %.2f M parameters",
			 opt_str(&cli->opts, "adapter"), c->lora_rank,
			 (double)decoder_parameters(e->decoder, true) / 1e6);
	log_info(log, "tokenizer: %s", tokenizer_describe(e->tokenizer));
	log_info(log, "%s; %d threads; loaded in %.2f s",
		 num_blas_describe(c->kern, text, sizeof(text)), c->threads, e->load_s);
	if (num_blas_warning())
		log_info(log, "%s", num_blas_warning());
}

int engine_open(struct engine *e, const struct cli *c, const char *verb, struct err *err)
{
	const char *weights = opt_str(&c->opts, "weights"), *chat = opt_str(&c->opts, "chat");
	const double start = clock_s();

	if (!*weights)
		return err_set(err, ERR_ARG, "%s: which weights? (--weights FILE or DIR)", verb);
	e->chat = *chat ? chat_format_named(chat) : NULL;
	if (*chat && !e->chat)
		return err_set(err, ERR_ARG, "%s: no chat format '%s'", verb, chat);
	e->base = llama_open(weights, err);
	if (!e->base || load_tokenizer(e, opt_str(&c->opts, "tokenizer"), weights, err) ||
	    load_decoder(e, c, err))
		return err->code;
	e->load_s = clock_s() - start;
	say_loaded(e, c);
	return 0;
}

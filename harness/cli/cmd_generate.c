/* SPDX-License-Identifier: Apache-2.0
 * merc generate: what a backbone writes behind a prompt.  The text goes to stdout as it
 * comes; what was loaded and how fast it was goes to stderr.
 */
#include "harness/cli/verbs.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/mem.h"
#include "harness/num/gemm.h"
#include "harness/text/chat.h"
#include "harness/text/tokenizer.h"
#include "models/backbone/peft.h"
#include "models/backbone/session.h"

static const struct opt_spec generate_opts[] = {
	{ .name = "weights",
	  .type = OPT_STR,
	  .fallback = "",
	  .letter = 'w',
	  .arg = "FILE|DIR",
	  .help = "Hugging Face folder, .safetensors, .gguf, or llama2.c .bin" },
	{ .name = "tokenizer",
	  .type = OPT_STR,
	  .fallback = "",
	  .letter = 't',
	  .arg = "FILE|DIR",
	  .help = "its tokenizer (default: the one that comes with the weights)" },
	{ .name = "adapter",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "DIR",
	  .help = "folder of a LoRA adapter as PEFT writes it" },
	{ .name = "prompt",
	  .type = OPT_STR,
	  .fallback = "",
	  .letter = 'p',
	  .arg = "TEXT",
	  .help = "text to go on from" },
	OPT_CHAT,
	OPT_SYSTEM,
	OPT_SPECIAL,
	{ .name = "temperature",
	  .type = OPT_NUM,
	  .fallback = "0",
	  .min = 0,
	  .max = 100,
	  .arg = "T",
	  .help = "0: always the most probable token; 1: as the model says" },
	{ .name = "top-p",
	  .type = OPT_NUM,
	  .fallback = "1",
	  .min = 1e-6,
	  .max = 1,
	  .arg = "P",
	  .help = "draw among the most probable tokens that together reach this" },
	{ .name = "seed",
	  .type = OPT_INT,
	  .fallback = "1",
	  .min = 0,
	  .max = 9007199254740992,
	  .arg = "N",
	  .help = "of the drawing" },
	{ .name = "max-tokens",
	  .type = OPT_INT,
	  .fallback = "256",
	  .letter = 'n',
	  .min = 0,
	  .max = 65535,
	  .arg = "N",
	  .help = "tokens written at most" },
	{ .name = "path",
	  .type = OPT_CHOICE,
	  .fallback = "auto",
	  .choices = "auto|float|int8",
	  .arg = "PATH",
	  .help = "arithmetic of products with the weights" },
	{ .name = "kernels",
	  .type = OPT_CHOICE,
	  .fallback = "auto",
	  .choices = KERNELS_CHOICES,
	  .arg = "SET",
	  .help = "instructions to compute with; auto: the widest of this processor" },
	{ .name = "pack",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .help = "keep the weights once more in the kernels' layout: long prompts are read "
		  "faster" },
	OPT_FORMAT,
	OPT_END,
};

/* Everything of one call; freed by job_free() whatever is there. */
struct job {
	struct cli *c;
	const struct opt_values *o;
	struct llama *base;
	struct tokenizer *tokenizer;
	const struct chat_format *chat; /* NULL: plain text */
	struct decoder *decoder;
	struct session *session;
	struct sampler sampler;
	struct bpe_ids prompt, made;
	struct strbuf text;
	float *logp;
	double load_s, prompt_s, made_s;
	const char *end; /* why it stopped: "end", "length", "context" */
};

static void job_free(struct job *j)
{
	session_free(j->session);
	decoder_free(j->decoder);
	llama_close(j->base);
	tokenizer_free(j->tokenizer);
	sampler_free(&j->sampler);
	bpe_ids_free(&j->prompt);
	bpe_ids_free(&j->made);
	strbuf_free(&j->text);
	free(j->logp);
}

/* --- loading --- */

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

static int load_tokenizer(struct job *j, const char *weights, struct err *err)
{
	const char *given = opt_str(j->o, "tokenizer");
	char *path = *given ? str_dup(given) : tokenizer_path(weights, j->base->format);

	if (!path)
		return err_set(err, ERR_NOMEM, "%s", weights);
	j->tokenizer = tokenizer_open(path, err);
	free(path);
	if (!j->tokenizer && !*given)
		err_wrap(err, "no tokenizer with the weights (give one: --tokenizer)");
	return err->code;
}

static enum frozen_path path_of(const char *name)
{
	return !strcmp(name, "float")  ? FROZEN_FLOAT
	       : !strcmp(name, "int8") ? FROZEN_INT8
				       : FROZEN_AUTO;
}

static int load_decoder(struct job *j, struct err *err)
{
	const char *adapter = opt_str(j->o, "adapter");
	struct decoder_config cfg = { .base = j->base,
				      .threads = j->c->threads,
				      .path = path_of(opt_str(j->o, "path")),
				      .pack = opt_bool(j->o, "pack"),
				      .kern = kernels_choose(opt_str(j->o, "kernels"), err) };
	struct peft_config p;

	if (!cfg.kern)
		return err->code;
	if (*adapter) {
		if (peft_config_read(adapter, &p, err))
			return err->code;
		peft_config_use(&p, &cfg);
	}
	j->decoder = decoder_new(&cfg, 1, err);
	if (j->decoder && *adapter)
		peft_read(j->decoder, adapter, err);
	return err->code;
}

static void say_loaded(const struct job *j, const char *weights)
{
	const struct decoder_config *c = decoder_config_of(j->decoder);
	const struct log *log = &j->c->log;
	char text[256];

	log_info(log, "%s: %s, %s; %s", weights, j->base->format, j->base->cfg.arch,
		 j->base->types);
	log_info(log,
		 "%.1f M parameters, %.1f MB; %d layers of width %d, %d heads (%d of keys), ff %d, "
		 "%d tokens, context %d",
		 (double)j->base->parameters / 1e6, (double)j->base->bytes / 1e6, c->layers, c->dim,
		 c->heads, c->kv_heads, c->ff, c->vocab, j->base->cfg.context);
	if (c->lora_rank)
		log_info(log, "adapter %s: rank %d, %.2f M parameters", opt_str(j->o, "adapter"),
			 c->lora_rank, (double)decoder_parameters(j->decoder, true) / 1e6);
	log_info(log, "tokenizer: %s", tokenizer_describe(j->tokenizer));
	log_info(log, "%s; %d threads; loaded in %.2f s",
		 num_blas_describe(decoder_config_of(j->decoder)->kern, text, sizeof(text)),
		 c->threads, j->load_s);
	if (num_blas_warning())
		log_info(log, "%s", num_blas_warning());
}

static int load(struct job *j, struct err *err)
{
	const char *weights = opt_str(j->o, "weights"), *chat = opt_str(j->o, "chat");
	const double start = clock_s();

	if (!*weights)
		return err_set(err, ERR_ARG, "generate: which weights? (--weights FILE or DIR)");
	j->chat = *chat ? chat_format_named(chat) : NULL;
	if (*chat && !j->chat)
		return err_set(err, ERR_ARG, "generate: no chat format '%s'", chat);
	if (*chat && opt_given(j->o, "special"))
		return err_set(err, ERR_ARG,
			       "generate: --special is for a plain prompt; with --chat what stands "
			       "in the prompt never becomes a special token");
	if (!*chat && opt_given(j->o, "system"))
		return err_set(err, ERR_ARG, "generate: --system needs --chat FORMAT");
	j->base = llama_open(weights, err);
	if (!j->base || load_tokenizer(j, weights, err) || load_decoder(j, err))
		return err->code;
	j->load_s = clock_s() - start;
	say_loaded(j, weights);
	return 0;
}

/* --- prompt --- */

static int encode(struct job *j, struct err *err)
{
	const char *prompt = opt_str(j->o, "prompt"), *system = opt_str(j->o, "system");
	const struct chat_message message[2] = { { CHAT_SYSTEM, system }, { CHAT_USER, prompt } };
	const int skip = !opt_given(j->o, "system"), vocab = decoder_config_of(j->decoder)->vocab;
	const unsigned flags = TOKENIZER_BOS | (opt_bool(j->o, "special") ? TOKENIZER_SPECIAL : 0U);

	if (j->chat)
		chat_encode(j->chat, j->tokenizer, message + skip, 2 - skip, true, &j->prompt, err);
	else
		tokenizer_encode(j->tokenizer, prompt, strlen(prompt), flags, &j->prompt, err);
	if (err->code)
		return err->code;
	if (!j->prompt.n)
		return err_set(err, ERR_ARG,
			       "generate: an empty prompt, and the tokenizer has no begin token");
	for (size_t i = 0; i < j->prompt.n; i++)
		if (j->prompt.id[i] >= vocab)
			return err_set(err, ERR_DATA,
				       "generate: the tokenizer (%s) makes token %d, the weights "
				       "know %d: they do not belong together",
				       tokenizer_describe(j->tokenizer), j->prompt.id[i], vocab);
	return 0;
}

/* --- writing --- */

static bool ends(const struct job *j, int id)
{
	const struct llama_config *b = &j->base->cfg;

	for (int i = 0; i < b->n_more_eos; i++)
		if (id == b->more_eos[i])
			return true;
	return id == b->eos || id == b->bos || id == tokenizer_role(j->tokenizer, TOKEN_EOS) ||
	       id == tokenizer_role(j->tokenizer, TOKEN_BOS) ||
	       (j->chat && id == chat_end(j->chat, j->tokenizer));
}

/* Adds the token to the text, and shows it where text is wanted. */
static int put(struct job *j, int id, bool show, struct err *err)
{
	const size_t from = j->text.len;
	const int before = j->made.n ? j->made.id[j->made.n - 1] : j->prompt.id[j->prompt.n - 1];

	if (!GROW_ARRAY(j->made.id, j->made.cap, j->made.n + 1))
		return err_set(err, ERR_NOMEM, "generate: %zu tokens", j->made.n);
	if (tokenizer_piece(j->tokenizer, before, id, &j->text, err))
		return err->code;
	j->made.id[j->made.n++] = id;
	if (!show || j->text.len == from)
		return 0;
	fwrite(j->text.s + from, 1, j->text.len - from, stdout);
	return cli_flush(err);
}

static int generate(struct job *j, struct err *err)
{
	const int prompt = (int)j->prompt.n, vocab = decoder_config_of(j->decoder)->vocab;
	/* the rows of some embeddings are filled up to a round number: nobody writes those */
	const int size = tokenizer_size(j->tokenizer), known = size < vocab ? size : vocab;
	const int most = (int)opt_int(j->o, "max-tokens"), room = j->base->cfg.context - prompt;
	const bool show = !strcmp(opt_str(j->o, "format"), "text");
	double start = clock_s();
	int id;

	if (room < 0)
		return err_set(err, ERR_ARG, "generate: a prompt of %d tokens, the weights read %d",
			       prompt, j->base->cfg.context);
	j->session = session_new(j->decoder, prompt + (most < room ? most : room), err);
	if (!j->session || !NEW_ARRAY(j->logp, (size_t)vocab))
		return err_set(err, ERR_NOMEM, "generate: %d tokens", vocab);
	if (session_feed(j->session, j->prompt.id, prompt, j->logp, err))
		return err->code;
	j->prompt_s = clock_s() - start;
	start = clock_s();
	j->end = room < most ? "context" : "length";
	for (int n = 0; n < most && n < room; n++) {
		if (n && session_feed(j->session, &id, 1, j->logp, err))
			return err->code;
		id = sampler_pick(&j->sampler, j->logp, known, err);
		if (id < 0 || *j->c->stop)
			break;
		if (ends(j, id)) {
			j->end = "end";
			break;
		}
		if (put(j, id, show, err))
			return err->code;
	}
	j->made_s = clock_s() - start;
	if (*j->c->stop)
		err_set(err, ERR_INTERRUPTED, "generate: interrupted");
	return err->code;
}

static double rate(size_t n, double s)
{
	return s > 0 ? (double)n / s : 0;
}

static void put_ids(struct json_writer *w, const char *key, const struct bpe_ids *ids)
{
	json_open_array(w, key);
	for (size_t i = 0; i < ids->n; i++)
		json_put_int(w, NULL, ids->id[i]);
	json_close_array(w);
}

/* The text as JSON can hold it: a token may end inside a character. */
static void put_text(struct json_writer *w, const struct strbuf *text)
{
	const char *s = strbuf_str(text);
	struct strbuf whole = { 0 };
	size_t n = text->len;

	while (n) {
		const size_t good = utf8_check(s, n), bad = good < n;

		strbuf_addn(&whole, s, good);
		strbuf_add(&whole, bad ? "\xef\xbf\xbd" : "");
		s += good + bad;
		n -= good + bad;
	}
	json_put_str(w, "text", strbuf_str(&whole));
	w->out->oom = w->out->oom || whole.oom;
	strbuf_free(&whole);
}

static int print_json(const struct job *j, struct err *err)
{
	const struct decoder_config *c = decoder_config_of(j->decoder);
	struct strbuf out = { 0 };
	struct json_writer w;

	json_begin(&w, &out, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_str(&w, "format", j->base->format);
	json_put_str(&w, "architecture", j->base->cfg.arch);
	json_put_str(&w, "types", j->base->types);
	json_put_int(&w, "parameters", j->base->parameters);
	json_put_int(&w, "bytes", j->base->bytes);
	json_put_str(&w, "kernels", c->kern->name);
	json_put_int(&w, "threads", c->threads);
	json_put_str(&w, "tokenizer", tokenizer_describe(j->tokenizer));
	put_ids(&w, "prompt_tokens", &j->prompt);
	put_ids(&w, "tokens", &j->made);
	put_text(&w, &j->text);
	json_put_str(&w, "end", j->end);
	json_put_num(&w, "load_s", j->load_s);
	json_put_num(&w, "prompt_s", j->prompt_s);
	json_put_num(&w, "generate_s", j->made_s);
	json_close_object(&w);
	if (out.oom)
		err_set(err, ERR_NOMEM, "generate: no memory");
	else
		puts(out.s);
	strbuf_free(&out);
	return err->code;
}

static int run_generate(struct cli *c, struct err *err)
{
	const bool json = !strcmp(opt_str(&c->opts, "format"), "json");
	struct job j = { .c = c, .o = &c->opts };

	j.sampler.temperature = opt_num(j.o, "temperature");
	j.sampler.top_p = opt_num(j.o, "top-p");
	rng_seed(&j.sampler.rng, (uint64_t)opt_int(j.o, "seed"), 0);
	if (!load(&j, err) && !encode(&j, err) && !generate(&j, err)) {
		if (json)
			print_json(&j, err);
		else
			putchar('\n');
		log_info(&c->log,
			 "prompt: %zu tokens in %.2f s (%.1f/s); written: %zu tokens in %.2f s "
			 "(%.1f/s), stopped by %s",
			 j.prompt.n, j.prompt_s, rate(j.prompt.n, j.prompt_s), j.made.n, j.made_s,
			 rate(j.made.n, j.made_s), j.end);
	}
	job_free(&j);
	return 0;
}

const struct verb verb_generate = {
	.name = "generate",
	.operands = "",
	.max_operands = 0,
	.summary = "Let a backbone go on from a prompt",
	.doc = "Loads published weights of the LLaMA architecture and writes what follows the "
	       "prompt, token by token. Weights are mapped and stay in their own type. Standard "
	       "error says what was loaded and how fast it was.\n\n"
	       "Writing ends at the tokenizer's end token, at the end of the assistant's turn "
	       "(--chat), after --max-tokens, or where the context of the weights ends.",
	.opts = generate_opts,
	.run = run_generate,
};

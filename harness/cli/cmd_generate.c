/* SPDX-License-Identifier: Apache-2.0
 * merc generate: what a backbone writes behind a prompt.  The text goes to stdout as it
 * comes; what was loaded and how fast it was goes to stderr.
 */
#include "harness/cli/verbs.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/cli/engine.h"
#include "models/backbone/respond.h"
#include "models/backbone/session.h"

static const struct opt_spec generate_opts[] = {
	ENGINE_OPTS,
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
	ENGINE_ARITHMETIC_OPTS,
	OPT_FORMAT,
	OPT_END,
};

/* Everything of one call; freed by job_free() whatever is there. */
struct job {
	struct cli *c;
	const struct opt_values *o;
	struct engine e;
	struct session *session;
	struct sampler sampler;
	struct bpe_ids prompt, made;
	struct strbuf text;
	float *logp;
	double prompt_s, made_s;
	const char *end; /* why it stopped: "end", "length", "context" */
};

static void job_free(struct job *j)
{
	session_free(j->session);
	engine_close(&j->e);
	sampler_free(&j->sampler);
	bpe_ids_free(&j->prompt);
	bpe_ids_free(&j->made);
	strbuf_free(&j->text);
	free(j->logp);
}

static int load(struct job *j, struct err *err)
{
	const bool chat = *opt_str(j->o, "chat") != '\0';

	if (chat && opt_given(j->o, "special"))
		return err_set(err, ERR_ARG,
			       "generate: --special is for a plain prompt; with --chat what stands "
			       "in the prompt never becomes a special token");
	if (!chat && opt_given(j->o, "system"))
		return err_set(err, ERR_ARG, "generate: --system needs --chat FORMAT");
	return engine_open(&j->e, j->c, "generate", err);
}

/* --- prompt --- */

static int encode(struct job *j, struct err *err)
{
	const char *prompt = opt_str(j->o, "prompt"), *system = opt_str(j->o, "system");
	const struct chat_message message[2] = { { CHAT_SYSTEM, system }, { CHAT_USER, prompt } };
	const int skip = !opt_given(j->o, "system"), vocab = decoder_config_of(j->e.decoder)->vocab;
	const unsigned flags = TOKENIZER_BOS | (opt_bool(j->o, "special") ? TOKENIZER_SPECIAL : 0U);

	if (j->e.chat)
		chat_encode(j->e.chat, j->e.tokenizer, message + skip, 2 - skip, true, &j->prompt,
			    err);
	else
		tokenizer_encode(j->e.tokenizer, prompt, strlen(prompt), flags, &j->prompt, err);
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
				       tokenizer_describe(j->e.tokenizer), j->prompt.id[i], vocab);
	return 0;
}

/* --- writing --- */

/* Adds the token to the text, and shows it where text is wanted. */
static int put(struct job *j, int id, bool show, struct err *err)
{
	const size_t from = j->text.len;
	const int before = j->made.n ? j->made.id[j->made.n - 1] : j->prompt.id[j->prompt.n - 1];

	if (!GROW_ARRAY(j->made.id, j->made.cap, j->made.n + 1))
		return err_set(err, ERR_NOMEM, "generate: %zu tokens", j->made.n);
	if (tokenizer_piece(j->e.tokenizer, before, id, &j->text, err))
		return err->code;
	j->made.id[j->made.n++] = id;
	if (!show || j->text.len == from)
		return 0;
	fwrite(j->text.s + from, 1, j->text.len - from, stdout);
	return cli_flush(err);
}

static int generate(struct job *j, struct err *err)
{
	const int prompt = (int)j->prompt.n, vocab = decoder_config_of(j->e.decoder)->vocab;
	/* the rows of some embeddings are filled up to a round number: nobody writes those */
	const int size = tokenizer_size(j->e.tokenizer), known = size < vocab ? size : vocab;
	const int most = (int)opt_int(j->o, "max-tokens"), room = j->e.base->cfg.context - prompt;
	const bool show = !strcmp(opt_str(j->o, "format"), "text");
	double start = clock_s();
	int id;

	if (room < 0)
		return err_set(err, ERR_ARG, "generate: a prompt of %d tokens, the weights read %d",
			       prompt, j->e.base->cfg.context);
	j->session = session_new(j->e.decoder, prompt + (most < room ? most : room), err);
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
		if (respond_ends(&j->e.base->cfg, j->e.tokenizer, j->e.chat, id)) {
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

/* The text as JSON can hold it. */
static void put_text(struct json_writer *w, const struct strbuf *text)
{
	struct strbuf whole = { 0 };

	strbuf_add_valid(&whole, strbuf_str(text), text->len);
	json_put_str(w, "text", strbuf_str(&whole));
	w->out->oom = w->out->oom || whole.oom;
	strbuf_free(&whole);
}

static int print_json(const struct job *j, struct err *err)
{
	const struct decoder_config *c = decoder_config_of(j->e.decoder);
	struct strbuf out = { 0 };
	struct json_writer w;

	json_begin(&w, &out, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_str(&w, "format", j->e.base->format);
	json_put_str(&w, "architecture", j->e.base->cfg.arch);
	json_put_str(&w, "types", j->e.base->types);
	json_put_int(&w, "parameters", j->e.base->parameters);
	json_put_int(&w, "bytes", j->e.base->bytes);
	json_put_str(&w, "kernels", c->kern->name);
	json_put_int(&w, "threads", c->threads);
	json_put_str(&w, "tokenizer", tokenizer_describe(j->e.tokenizer));
	put_ids(&w, "prompt_tokens", &j->prompt);
	put_ids(&w, "tokens", &j->made);
	put_text(&w, &j->text);
	json_put_str(&w, "end", j->end);
	json_put_num(&w, "load_s", j->e.load_s);
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

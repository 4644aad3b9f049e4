/* SPDX-License-Identifier: Apache-2.0
 * merc serve: weights on disk as the program behind the back-end exec (harness/remote/exec.h),
 * one JSON object a line each way over standard input and output.
 */
#include "harness/cli/verbs.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/version.h"
#include "harness/cli/engine.h"
#include "harness/remote/ask_file.h"
#include "harness/remote/reply_json.h"
#include "models/backbone/respond.h"

#define LOOK_MS	   200 /* how long a signal to stop may go unseen */
#define LINE_LIMIT (ASK_BYTES_MAX / 3 * 4 + ((size_t)16 << 20)) /* media in base64, and text */

static const struct opt_spec serve_opts[] = {
	ENGINE_OPTS,
	{ .name = "chat",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "FORMAT",
	  .help = "the chat format of the weights (vicuna, llama2, llama3, qwen2, plain)" },
	ENGINE_ARITHMETIC_OPTS,
	OPT_END,
};

/* Everything of one call. */
struct serving {
	struct cli *c;
	struct engine e;
	struct responder *responder;
	char name[256];
	struct strbuf in; /* what was read: the line at hand and what follows it */
	size_t taken;	  /* bytes of it that are dealt with */
	long line;
	bool end;
	long answered, failed;
	int64_t prompt_tokens, completion_tokens;
};

/* --- loading --- */

/* The last part of the path: of a folder its name, of a file with its ending. */
static int name_model(struct serving *s, struct err *err)
{
	const char *path = opt_str(&s->c->opts, "weights"),
		   *adapter = opt_str(&s->c->opts, "adapter");
	size_t n = strlen(path), from;

	while (n > 1 && path[n - 1] == '/')
		n--;
	for (from = n; from && path[from - 1] != '/';)
		from--;
	if (str_format(s->name, sizeof(s->name), "%.*s%s%s", (int)(n - from), path + from,
		       *adapter ? "+" : "", *adapter ? path_base(adapter) : ""))
		return 0;
	return err_set(err, ERR_ARG, "%s: the name is too long", path);
}

static int open_all(struct serving *s, struct err *err)
{
	struct responder_config cfg = { .name = s->name, .stop = s->c->stop };

	if (!*opt_str(&s->c->opts, "chat"))
		return err_set(
			err, ERR_ARG,
			"serve: which chat format do the weights know? (--chat FORMAT; plain "
			"for weights that were never taught one)");
	if (name_model(s, err) || engine_open(&s->e, s->c, "serve", err))
		return err->code;
	cfg.decoder = s->e.decoder;
	cfg.base = s->e.base;
	cfg.tokenizer = s->e.tokenizer;
	cfg.chat = s->e.chat;
	s->responder = responder_new(&cfg, err);
	return err->code;
}

/* --- one line --- */

/* Writes the line and keeps its memory. */
static int send_line(struct strbuf *out, struct err *err)
{
	strbuf_addc(out, '\n');
	if (out->oom)
		return err_set(err, ERR_NOMEM, "serve: no memory");
	fwrite(out->s, 1, out->len, stdout);
	return cli_flush(err);
}

/* Everything that replies depend on. */
static int say_ready(const struct serving *s, struct err *err)
{
	const struct decoder_config *c = decoder_config_of(s->e.decoder);
	char weights[HASH_HEX], tokenizer[HASH_HEX];
	struct strbuf out = { 0 }, version = { 0 };
	struct json_writer w;

	if (decoder_hash(s->e.decoder, weights, err) ||
	    tokenizer_hash(s->e.tokenizer, tokenizer, err))
		return err->code;
	strbuf_addf(&version, "%s %s", version_get()->number, version_get()->commit);
	json_begin(&w, &out, 0);
	json_open_object(&w, NULL);
	json_put_bool(&w, "ready", true);
	json_put_str(&w, "model", s->name);
	json_put_str(&w, "weights", weights);
	json_put_str(&w, "tokenizer", tokenizer);
	json_put_str(&w, "chat", chat_format_name(s->e.chat));
	json_put_str(&w, "path", opt_str(&s->c->opts, "path"));
	json_put_str(&w, "kernels", c->kern->name);
	json_put_str(&w, "version", strbuf_str(&version));
	json_open_array(&w, "takes");
	for (int m = 0; m < ASK_MODES; m++)
		json_put_str(&w, NULL, ask_mode_name[m]);
	json_put_str(&w, NULL, ask_part_name[ASK_TEXT]);
	json_close_array(&w);
	json_close_object(&w);
	out.oom = out.oom || version.oom;
	send_line(&out, err);
	strbuf_free(&version);
	strbuf_free(&out);
	return err->code;
}

/* The file format has media as paths, which no one from outside shall name here. */
static bool all_text(const struct json *ask)
{
	const struct json *m = json_at(json_get(ask, "messages"), 0);

	for (; m; m = json_next(m)) {
		const struct json *content = json_get(m, "content");

		if (json_type(content) != JSON_ARRAY)
			continue;
		for (const struct json *p = json_at(content, 0); p; p = json_next(p))
			if (json_type(p) == JSON_OBJECT &&
			    strcmp(json_str(json_get(p, "type"), ""), ask_part_name[ASK_TEXT]) != 0)
				return false;
	}
	return true;
}

static int send_reply(const struct json *v, const struct reply *r, struct err *err)
{
	const char *id = json_str(json_get(v, "id"), "");
	struct strbuf out = { 0 };
	struct json_writer w;

	json_begin(&w, &out, 0);
	json_open_object(&w, NULL);
	if (r->status == ANSWER_OK) {
		reply_put(&w, id, (int)json_num(json_get(v, "index"), 0), r, false);
	} else {
		json_put_str(&w, "id", id);
		json_put_str(&w, "error", r->first_error);
		json_put_str(&w, "cause", reply_cause_name[r->cause]);
	}
	json_close_object(&w);
	send_line(&out, err);
	strbuf_free(&out);
	return err->code;
}

static void count(struct serving *s, const struct reply *r)
{
	s->answered += r->status == ANSWER_OK;
	s->failed += r->status != ANSWER_OK;
	s->prompt_tokens += r->prompt_tokens > 0 ? r->prompt_tokens : 0;
	s->completion_tokens += r->completion_tokens > 0 ? r->completion_tokens : 0;
}

/* What is no ask but has an id gets a reply that says so: the next line may be one. */
static int answer_line(struct serving *s, const char *text, size_t len, struct err *err)
{
	struct reply r = { .status = ANSWER_BACKEND_FAIL, .cause = CAUSE_REPORTED };
	struct arena mem = { 0 };
	struct err why = { 0 };
	struct ask ask;
	char where[64];
	struct json *v;

	if (!str_format(where, sizeof(where), "standard input:%ld", s->line))
		where[0] = '\0';
	v = json_parse(text, len, where, err);
	if (v && !*json_str(json_get(v, "id"), ""))
		err_set(err, ERR_FORMAT, "%s: an ask is an object with an \"id\"", where);
	if (!err->code && !all_text(v))
		err_set(&why, ERR_ARG, "pictures, sound or video: these weights read text");
	else if (!err->code && !ask_read(v, where, ".", &mem, &ask, &why))
		responder_answer(s->responder, &ask, &mem, &r, err);
	if (why.code == ERR_NOMEM)
		err_set(err, ERR_NOMEM, "%s", why.msg);
	else if (why.code)
		r.first_error = why.msg;
	if (!err->code && !send_reply(v, &r, err))
		count(s, &r);
	json_free(v);
	arena_free(&mem);
	return err->code;
}

/* --- all lines --- */

static bool stopped(const struct serving *s)
{
	return *s->c->stop;
}

/* Waits for more of the input; s->end when there is none. */
static int read_more(struct serving *s, struct err *err)
{
	struct pollfd p = { STDIN_FILENO, POLLIN, 0 };
	char block[65536];
	ssize_t n;

	if (poll(&p, 1, LOOK_MS) <= 0)
		return 0;
	n = read(STDIN_FILENO, block, sizeof(block));
	if (n < 0 && errno != EINTR && errno != EAGAIN)
		return err_set(err, ERR_IO, "standard input: %s", strerror(errno));
	s->end = n == 0;
	if (n > 0)
		strbuf_addn(&s->in, block, (size_t)n);
	if (s->in.oom)
		return err_set(err, ERR_NOMEM, "standard input: no memory");
	if (s->in.len > LINE_LIMIT)
		return err_set(err, ERR_LIMIT, "standard input:%ld: longer than %zu bytes",
			       s->line + 1, LINE_LIMIT);
	return 0;
}

/* Answers the whole lines that were read; at the end of the input also one without an end. */
static int answer_lines(struct serving *s, struct err *err)
{
	for (s->taken = 0; !err->code && !stopped(s);) {
		const char *from = strbuf_str(&s->in) + s->taken;
		const size_t left = s->in.len - s->taken;
		const char *end = left ? memchr(from, '\n', left) : NULL;
		const size_t len = end ? (size_t)(end - from) : left;

		if (!end && !(s->end && left))
			break;
		s->line++;
		s->taken += len + (end != NULL);
		if (strspn(from, " \t\r") < len)
			answer_line(s, from, len, err);
	}
	s->in.len -= s->taken;
	if (s->taken && s->in.len)
		memmove(s->in.s, s->in.s + s->taken, s->in.len);
	return err->code;
}

static int run_serve(struct cli *c, struct err *err)
{
	struct serving s = { .c = c };

	if (!open_all(&s, err) && !say_ready(&s, err))
		while (!s.end && !err->code && !stopped(&s))
			if (!read_more(&s, err))
				answer_lines(&s, err);
	if (stopped(&s) && err->code == ERR_INTERRUPTED)
		*err = (struct err){ 0 }; /* whoever asked has been told by the signal */
	if (s.responder)
		log_info(&c->log,
			 "%ld asks answered, %ld not; %lld tokens of prompts, %lld written",
			 s.answered, s.failed, (long long)s.prompt_tokens,
			 (long long)s.completion_tokens);
	responder_free(s.responder);
	engine_close(&s.e);
	strbuf_free(&s.in);
	return 0;
}

const struct verb verb_serve = {
	.name = "serve",
	.operands = "",
	.max_operands = 0,
	.summary = "Weights on disk as a model that is asked (exec:merc serve ...)",
	.doc = "Loads published weights of the LLaMA architecture, writes {\"ready\": true, ...} "
	       "on "
	       "standard output, and from then on reads one ask a line from standard input and "
	       "writes one reply a line (merc-remote(5), exec:COMMAND). So every system that asks "
	       "runs on weights without a server:\n\n"
	       "  merc run RECIPE -c meld -r DIR -b \"exec:merc serve -w WEIGHTS --chat "
	       "llama3\"\n\n"
	       "generate writes freely: temperature 0 the most probable token, else one drawn by "
	       "temperature, top_p and seed. choice writes the most probable token, one after the "
	       "other, of those that go on with one of the options, with or without a blank in "
	       "front. likelihood sums the log-probabilities of each option's tokens behind the "
	       "text, which is read as it stands, without the chat format. letters adds up the "
	       "probabilities of \"A\" and \" A\" as the first token. A reply does not depend on "
	       "what was asked before nor on the number of threads. Pictures, sound and video are "
	       "refused.\n\n"
	       "The first line names what replies depend on: hashes of weights (with the adapter) "
	       "and tokenizer, chat format, path, kernels, version. All of it is part of the key "
	       "under which a reply is kept. An ask that cannot be answered gets an \"error\"; a "
	       "line without an \"id\" ends the program (4). So does the end of the input (0).",
	.opts = serve_opts,
	.run = run_serve,
};

/* SPDX-License-Identifier: Apache-2.0
 * Reading what servers answer.
 */
#include "harness/remote/dialect.h"

#include <math.h>
#include <string.h>

#include "harness/remote/redact.h"

#define SHOWN	   300	/* bytes of a server's text in a message */
#define TOKENS_MAX 1e9	/* of a request */
#define TIME_MAX   1e10 /* milliseconds that a server says it took */

/* Everything one reading needs. */
struct reading {
	const struct endpoint *p;
	const struct ask *ask;
	const char *body;
	size_t len;
	struct arena *mem;
	struct option_score *score;
	struct reply *r;
	bool oom;
};

/* The reply is unusable: why, and what it looked like. */
static void fail(struct reading *x, enum answer_status status, enum reply_cause cause,
		 const char *why)
{
	struct strbuf b = { 0 };

	x->r->status = status;
	x->r->cause = cause;
	redact_message(&b, why, strlen(why), x->p->key, SHOWN);
	strbuf_add(&b, ": ");
	redact_message(&b, x->body, x->len, x->p->key, SHOWN);
	if (!*x->r->first_error) {
		const char *s = arena_strdup(x->mem, strbuf_str(&b));

		x->r->first_error = s ? s : "";
		x->oom |= !s || b.oom;
	}
	strbuf_free(&b);
}

static void malformed(struct reading *x, const char *why)
{
	fail(x, ANSWER_BACKEND_FAIL, CAUSE_MALFORMED, why);
}

/* A text of the server's, secrets taken out. */
static const char *keep(struct reading *x, const char *s)
{
	struct strbuf b = { 0 };
	const char *copy;

	redact_secret(&b, s, strlen(s), x->p->key);
	copy = arena_strdup(x->mem, strbuf_str(&b));
	x->oom |= !copy || b.oom;
	strbuf_free(&b);
	return copy ? copy : "";
}

static void add_count(const struct json *v, int64_t *sum)
{
	double n = json_num(v, -1);

	/* more would be nonsense, and sums of it could overflow */
	if (n >= 0 && n <= TOKENS_MAX && n == floor(n))
		*sum = (*sum < 0 ? 0 : *sum) + (int64_t)n;
}

static void add_time(const struct json *v, double *sum)
{
	const double ms = json_num(v, 0);

	if (ms > 0 && ms <= TIME_MAX)
		*sum += ms;
}

static void read_usage(struct reading *x, const struct json *v)
{
	const struct json *usage = json_get(v, "usage"), *timings = json_get(v, "timings");

	add_count(json_get(usage, "prompt_tokens"), &x->r->prompt_tokens);
	add_count(json_get(usage, "completion_tokens"), &x->r->completion_tokens);
	/* llama-server's */
	add_time(json_get(timings, "prompt_ms"), &x->r->reading_ms);
	add_time(json_get(timings, "predicted_ms"), &x->r->writing_ms);
	x->r->model = keep(x, json_str(json_get(v, "model"), ""));
	x->r->fingerprint = keep(x, json_str(json_get(v, "system_fingerprint"), ""));
}

/* --- chat ------------------------------------------------------------------------------------ */

/* "A", " A" and the like: which letter of the options, -1 for none. */
static int letter_of(const char *token, int n)
{
	static const char space[] = "\xe2\x96\x81"; /* U+2581, as some tokenizers write a space */

	if (str_starts(token, space))
		token += sizeof(space) - 1;
	token += *token == ' ';
	return token[0] >= 'A' && token[0] < 'A' + n && !token[1] ? token[0] - 'A' : -1;
}

static void read_letters(struct reading *x, const struct json *choice)
{
	const struct json *top = json_get(
		json_at(json_get(json_get(choice, "logprobs"), "content"), 0), "top_logprobs");

	if (json_type(top) != JSON_ARRAY) {
		malformed(x, "no top_logprobs of the first token");
		return;
	}
	for (int i = 0; i < x->ask->n_options; i++)
		x->score[i] = (struct option_score){ .tokens = 1, .bytes = 1 };
	for (const struct json *t = json_at(top, 0); t; t = json_next(t)) {
		int i = letter_of(json_str(json_get(t, "token"), ""), x->ask->n_options);
		double lp = json_num(json_get(t, "logprob"), NAN);

		if (i < 0 || !isfinite(lp))
			continue;
		/* with and without a space in front: probabilities add up */
		if (x->score[i].known)
			lp = fmax(lp, x->score[i].logprob) +
			     log1p(exp(-fabs(lp - x->score[i].logprob)));
		x->score[i].logprob = lp;
		x->score[i].known = true;
	}
}

/* What a choice by schema is wrapped in comes off; text that is none of the options fails. */
static void read_choice(struct reading *x)
{
	const char *text = x->r->text;
	struct err ignored = { 0 };
	struct json *v = NULL;

	if (x->p->choice == CHOICE_JSON_SCHEMA) {
		v = json_parse(text, strlen(text), "choice", &ignored);
		text = json_str(json_get(v, "label"), "");
	}
	for (int i = 0; i < x->ask->n_options; i++)
		if (!strcmp(text, x->ask->option[i])) {
			x->r->text = x->ask->option[i];
			json_free(v);
			return;
		}
	json_free(v);
	fail(x, ANSWER_PARSE_FAIL, CAUSE_CONSTRAINT, "the imposed choice was ignored");
}

static bool blank(const char *s)
{
	return s[strspn(s, " \t\r\n")] == '\0';
}

static void read_finish(struct reading *x)
{
	const char *why = x->r->finish_reason;

	if (!strcmp(why, "content_filter"))
		fail(x, ANSWER_PARSE_FAIL, CAUSE_FILTERED, "cut by the server's filter");
	else if (*why && strcmp(why, "stop") != 0 && strcmp(why, "length") != 0 &&
		 strcmp(why, "eos") != 0)
		fail(x, ANSWER_BACKEND_FAIL, CAUSE_FINISH, "an unknown finish_reason");
	else if (blank(x->r->text))
		fail(x, ANSWER_PARSE_FAIL, strcmp(why, "length") ? CAUSE_EMPTY : CAUSE_LENGTH,
		     "nothing was written");
}

static void read_chat(struct reading *x, const struct json *choice)
{
	const struct json *finish = json_get(choice, "finish_reason");
	const char *text = json_str(json_get(json_get(choice, "message"), "content"), NULL);

	if (finish && json_type(finish) != JSON_STRING && json_type(finish) != JSON_NULL) {
		malformed(x, "finish_reason is not a text");
		return;
	}
	x->r->finish_reason = keep(x, json_str(finish, ""));
	if (!text) {
		malformed(x, "no text in choices[0].message.content");
		return;
	}
	x->r->text = keep(x, text);
	read_finish(x);
	if (x->r->status == ANSWER_OK && x->ask->mode == ASK_CHOICE)
		read_choice(x);
	if (x->r->status == ANSWER_OK && x->ask->mode == ASK_LETTERS)
		read_letters(x, choice);
}

/* --- likelihood ------------------------------------------------------------------------------ */

static size_t code_points(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* Sums the tokens from `from` up to, not including, `to` (offsets in code points).  false: a
 * token straddles one of the borders. */
static bool sum_tokens(const struct json *lp, size_t from, size_t to, struct option_score *o)
{
	const struct json *offsets = json_get(lp, "text_offset"), *offset = json_at(offsets, 0);
	const struct json *token = json_at(json_get(lp, "tokens"), 0);
	const struct json *value = json_at(json_get(lp, "token_logprobs"), 0);
	bool begins = false, ends = false;
	double at = 0;

	for (; token && value; token = json_next(token), value = json_next(value)) {
		double here = offset ? json_num(offset, -1) : at;

		begins |= here == (double)from;
		ends |= here == (double)to;
		if (here >= (double)from && here < (double)to) {
			o->logprob += json_num(value, NAN);
			o->tokens++;
		}
		at += (double)code_points(json_str(token, ""));
		offset = json_next(offset);
	}
	/* a server that ends without a generated token ends where the option does */
	ends |= !token && !value && at == (double)to;
	return begins && ends && o->tokens > 0;
}

static void read_likelihood(struct reading *x, const struct json *choice, int step)
{
	const struct json *lp = json_get(choice, "logprobs");
	const char *option = x->ask->option[step];
	struct option_score o = { .bytes = (int)strlen(option) };
	size_t from = code_points(x->ask->message[0].part->data);
	int n = json_size(json_get(lp, "tokens"));

	if (!n || json_size(json_get(lp, "token_logprobs")) != n ||
	    (json_get(lp, "text_offset") && json_size(json_get(lp, "text_offset")) != n)) {
		malformed(x, "no log-probabilities of the prompt's tokens");
		return;
	}
	if (!sum_tokens(lp, from, from + 1 + code_points(option), &o)) {
		fail(x, ANSWER_BACKEND_FAIL, CAUSE_BORDER,
		     "a token straddles the border of context and option");
		return;
	}
	if (!isfinite(o.logprob)) {
		malformed(x, "a token of the option has no log-probability");
		return;
	}
	o.known = true;
	x->score[step] = o;
}

int dialect_reply(const struct endpoint *p, const struct ask *ask, int step, const char *body,
		  size_t len, struct arena *mem, struct option_score *score, struct reply *r,
		  struct err *err)
{
	struct reading x = { p, ask, body, len, mem, score, r, false };
	struct err why = { 0 };
	struct json *v = json_parse(body, len, "reply", &why);
	const struct json *choice = json_at(json_get(v, "choices"), 0);

	if (why.code == ERR_NOMEM)
		return err_set(err, ERR_NOMEM, "%s", why.msg);
	if (!v)
		malformed(&x, why.msg);
	else if (json_type(choice) != JSON_OBJECT)
		malformed(&x, "no choices");
	if (v)
		read_usage(&x, v);
	if (r->status == ANSWER_OK && ask->mode == ASK_LIKELIHOOD)
		read_likelihood(&x, choice, step);
	else if (r->status == ANSWER_OK)
		read_chat(&x, choice);
	json_free(v);
	return x.oom ? err_set(err, ERR_NOMEM, "%s: no memory for the reply", ask->id) : 0;
}

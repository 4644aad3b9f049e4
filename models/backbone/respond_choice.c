/* SPDX-License-Identifier: Apache-2.0
 * One of some options, and nothing else: the tokens that may come next are those whose bytes go
 * on with an option.
 */
#include "models/backbone/respond_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"

/* An option as it may be written: itself, or with a blank in front. */
struct form {
	const char *s;
	size_t len;
	int option;
};

struct forms {
	struct form form[2 * ASK_OPTIONS_MAX];
	int n;
	size_t longest;
};

void choice_table_free(struct choice_table *c)
{
	strbuf_free(&c->key);
	strbuf_free(&c->text);
	free(c->token);
	free(c->open);
	free(c->logp);
	*c = (struct choice_table){ .n = 0 };
}

/* The options as they are come first: who writes one of them has chosen that. */
static int make_forms(struct forms *f, const struct ask *ask, struct arena *mem, struct err *err)
{
	f->n = 0;
	f->longest = 0;
	for (int i = 0; i < 2 * ask->n_options; i++) {
		const char *s = ask->option[i % ask->n_options];
		char *blank;

		if (i >= ask->n_options) {
			blank = arena_array(mem, strlen(s) + 2, 1);
			if (!blank)
				return err_set(err, ERR_NOMEM, "a choice: no memory");
			blank[0] = ' ';
			memcpy(blank + 1, s, strlen(s));
			s = blank;
		}
		f->form[f->n] = (struct form){ s, strlen(s), i % ask->n_options };
		f->longest = f->form[f->n].len > f->longest ? f->form[f->n].len : f->longest;
		f->n++;
	}
	return 0;
}

/* Whether some form holds the text. */
static bool holds(const struct forms *f, const char *s, size_t len)
{
	for (int i = 0; i < f->n; i++)
		for (size_t at = 0; at + len <= f->form[i].len; at++)
			if (!memcmp(f->form[i].s + at, s, len))
				return true;
	return false;
}

/* Whether some form goes on with the text behind what is written. */
static bool goes_on(const struct forms *f, const struct strbuf *done, const char *s, size_t len)
{
	for (int i = 0; i < f->n; i++)
		if (done->len + len <= f->form[i].len &&
		    !memcmp(f->form[i].s, strbuf_str(done), done->len) &&
		    !memcmp(f->form[i].s + done->len, s, len))
			return true;
	return false;
}

/* The option that is written in full, -1: none. */
static int written(const struct forms *f, const struct strbuf *done)
{
	for (int i = 0; i < f->n; i++)
		if (f->form[i].len == done->len &&
		    !memcmp(f->form[i].s, strbuf_str(done), done->len))
			return f->form[i].option;
	return -1;
}

/* Fills the table with the tokens of these options, unless it is theirs. */
static int make_table(struct responder *r, const struct ask *ask, const struct forms *f,
		      struct err *err)
{
	struct choice_table *c = &r->choice;
	struct strbuf key = { 0 };

	for (int i = 0; i < ask->n_options; i++)
		strbuf_addf(&key, "%zu:%s", strlen(ask->option[i]), ask->option[i]);
	if (!key.oom && c->key.len && !strcmp(key.s, c->key.s)) {
		strbuf_free(&key);
		return 0;
	}
	choice_table_free(c);
	for (int id = 0; id < r->known && !err->code; id++) {
		const size_t at = c->text.len;

		/* behind itself no blank is taken from its front */
		if (tokenizer_piece(r->cfg.tokenizer, id, id, &c->text, err))
			break;
		if (c->text.len == at || !holds(f, c->text.s + at, c->text.len - at)) {
			c->text.len = at;
			continue;
		}
		if (GROW_ARRAY(c->token, c->cap, c->n + 1))
			c->token[c->n++] = (struct choice_token){ id, at, c->text.len - at };
		else
			err_set(err, ERR_NOMEM, "a choice: no memory");
	}
	if (key.oom || !GROW_ARRAY(c->open, c->cap_open, c->n + 1) ||
	    !GROW_ARRAY(c->logp, c->cap_logp, c->n + 1))
		err_set(err, ERR_NOMEM, "a choice: no memory");
	if (err->code) {
		strbuf_free(&key);
		choice_table_free(c);
		return err->code;
	}
	c->key = key;
	return 0;
}

/* The log-probability of writing no further. */
static float end_logp(const struct responder *r)
{
	float best = -INFINITY;

	for (int id = 0; id < r->known; id++)
		if (respond_ends(&r->cfg.base->cfg, r->cfg.tokenizer, r->cfg.chat, id))
			best = fmaxf(best, r->logp[id]);
	return best;
}

/* One of the n that are open, by r->logp; -1: the end.  -2 with err set. */
static int pick(struct responder *r, int n, bool may_end, struct err *err)
{
	struct choice_table *c = &r->choice;
	int at;

	for (int i = 0; i < n; i++)
		c->logp[i] = r->logp[c->token[c->open[i]].id];
	if (may_end) {
		c->open[n] = -1;
		c->logp[n++] = end_logp(r);
	}
	at = sampler_pick(&r->sampler, c->logp, n, err);
	return at < 0 ? -2 : c->open[at];
}

/* Writes on until an option stands there; which, -1 with err set. */
static int write_option(struct responder *r, const struct forms *f, struct err *err)
{
	struct choice_table *c = &r->choice;
	struct strbuf done = { 0 };
	int option = -1;

	while (!err->code) {
		int n = 0, token;

		for (size_t i = 0; i < c->n; i++)
			if (goes_on(f, &done, c->text.s + c->token[i].at, c->token[i].len))
				c->open[n++] = (int)i;
		option = written(f, &done);
		if (!n && option < 0)
			err_set(err, ERR_ARG, "no token goes on from '%s'", strbuf_str(&done));
		if (!n || respond_stopped(r, err))
			break;
		if (r->made.n &&
		    session_feed(r->session, &r->made.id[r->made.n - 1], 1, r->logp, err))
			break;
		token = pick(r, n, option >= 0, err);
		if (token < 0)
			break;
		strbuf_addn(&done, c->text.s + c->token[token].at, c->token[token].len);
		if (done.oom || respond_put(r, c->token[token].id, err))
			err_set(err, ERR_NOMEM, "a choice: no memory");
	}
	strbuf_free(&done);
	return err->code ? -1 : option;
}

int respond_choice(struct responder *r, const struct ask *ask, struct arena *mem, struct reply *out,
		   struct err *err)
{
	struct forms f;
	int option;

	if (make_forms(&f, ask, mem, err) || make_table(r, ask, &f, err) ||
	    respond_prompt(r, ask, (int)f.longest, err))
		return err->code;
	if ((int)f.longest > r->context - (int)r->prompt.n)
		return err_set(err, ERR_LIMIT,
			       "a prompt of %zu tokens and an option of %zu bytes, the weights "
			       "read %d tokens",
			       r->prompt.n, f.longest, r->context);
	option = write_option(r, &f, err);
	if (err->code)
		return err->code;
	out->text = arena_strdup(mem, ask->option[option]);
	out->finish_reason = "stop";
	out->prompt_tokens = (int64_t)r->prompt.n;
	out->completion_tokens = (int64_t)r->made.n;
	return out->text ? 0 : err_set(err, ERR_NOMEM, "a choice: no memory");
}

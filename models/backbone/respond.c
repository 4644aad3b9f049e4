/* SPDX-License-Identifier: Apache-2.0
 * Answering asks: prompts, free writing, letters.
 */
#include "models/backbone/respond_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/num/kernel_weight.h"

#define ROOM	256 /* tokens of the first session */
#define LIBRARY 64  /* adapters of this rank may be OpenBLAS's, whose rows depend on each other */

_Static_assert(RESPOND_TAIL > DOTS_ROWS, "a tail is more than a few rows");

bool respond_ends(const struct llama_config *weights, const struct tokenizer *t,
		  const struct chat_format *chat, int id)
{
	for (int i = 0; i < weights->n_more_eos; i++)
		if (id == weights->more_eos[i])
			return true;
	return id == weights->eos || id == weights->bos || id == tokenizer_role(t, TOKEN_EOS) ||
	       id == tokenizer_role(t, TOKEN_BOS) || (chat && id == chat_end(chat, t));
}

/* --- making --- */

/* Tokens that are one letter, with or without a blank in front. */
static int find_letters(struct responder *r, struct err *err)
{
	struct strbuf b = { 0 };

	for (int id = 0; id < r->known && !err->code; id++) {
		const char *s;

		strbuf_reset(&b);
		if (tokenizer_piece(r->cfg.tokenizer, id, id, &b, err))
			break;
		s = strbuf_str(&b);
		s += *s == ' ';
		if (*s < 'A' || s[1])
			continue;
		if (GROW_ARRAY(r->letter, r->cap_letters, r->n_letters + 1))
			r->letter[r->n_letters++] = (struct letter_token){ id, *s };
		else
			err_set(err, ERR_NOMEM, "responder: no memory");
	}
	strbuf_free(&b);
	return err->code;
}

struct responder *responder_new(const struct responder_config *cfg, struct err *err)
{
	struct responder *r = calloc(1, sizeof(*r));
	int size;

	if (!r) {
		err_set(err, ERR_NOMEM, "responder: no memory");
		return NULL;
	}
	r->cfg = *cfg;
	r->vocab = decoder_config_of(cfg->decoder)->vocab;
	r->context = cfg->base->cfg.context;
	r->keeps = decoder_config_of(cfg->decoder)->lora_rank < LIBRARY;
	size = tokenizer_size(cfg->tokenizer);
	/* the rows of some embeddings are filled up to a round number: nobody writes those */
	r->known = size < r->vocab ? size : r->vocab;
	if (NEW_ARRAY(r->logp, (size_t)r->vocab) && NEW_ARRAY(r->seen, (size_t)r->vocab) &&
	    !find_letters(r, err))
		return r;
	err_set(err, ERR_NOMEM, "responder: no memory");
	responder_free(r);
	return NULL;
}

void responder_free(struct responder *r)
{
	if (!r)
		return;
	session_free(r->session);
	bpe_ids_free(&r->kept);
	bpe_ids_free(&r->prompt);
	bpe_ids_free(&r->made);
	strbuf_free(&r->text);
	free(r->logp);
	free(r->seen);
	sampler_free(&r->sampler);
	free(r->letter);
	choice_table_free(&r->choice);
	for (int i = 0; i < ASK_OPTIONS_MAX; i++)
		bpe_ids_free(&r->line[i].ids);
	option_pass_free(&r->pass);
	free(r);
}

void responder_forget(struct responder *r)
{
	r->kept.n = 0;
}

/* --- prompts --- */

int respond_stopped(const struct responder *r, struct err *err)
{
	return r->cfg.stop && *r->cfg.stop ? err_set(err, ERR_INTERRUPTED, "interrupted") : 0;
}

int respond_check_ids(const struct responder *r, const struct bpe_ids *ids, struct err *err)
{
	for (size_t i = 0; i < ids->n; i++)
		if (ids->id[i] >= r->vocab)
			return err_set(err, ERR_DATA,
				       "the tokenizer (%s) makes token %d, the weights know %d: "
				       "they do not belong together",
				       tokenizer_describe(r->cfg.tokenizer), ids->id[i], r->vocab);
	return 0;
}

static int make_room(struct responder *r, int need, struct err *err)
{
	int capacity = r->capacity ? r->capacity : ROOM;

	if (r->session && need <= r->capacity)
		return 0;
	while (capacity < need && capacity < r->context)
		capacity *= 2;
	capacity = capacity < r->context ? capacity : r->context;
	session_free(r->session);
	r->kept.n = 0;
	r->capacity = capacity < need ? need : capacity;
	r->session = session_new(r->cfg.decoder, r->capacity, err);
	return err->code;
}

int respond_held(struct responder *r, const struct bpe_ids *ids, int n, struct err *err)
{
	r->kept.n = 0;
	if (n < RESPOND_TAIL || !r->keeps)
		return 0;
	if (!GROW_ARRAY(r->kept.id, r->kept.cap, (size_t)n))
		return err_set(err, ERR_NOMEM, "a prompt of %d tokens: no memory", n);
	memcpy(r->kept.id, ids->id, (size_t)n * sizeof(*ids->id));
	r->kept.n = (size_t)n;
	return 0;
}

int respond_begin(struct responder *r, const struct bpe_ids *ids, int to, int room, struct err *err)
{
	int at = 0;

	if (make_room(r, room, err))
		return -1;
	while (at < to - RESPOND_TAIL && (size_t)at < r->kept.n && ids->id[at] == r->kept.id[at])
		at++;
	r->kept.n = (size_t)at;
	session_rewind(r->session, at, err);
	for (; to - at >= RESPOND_PIECE + RESPOND_TAIL && !err->code; at += RESPOND_PIECE)
		if (respond_stopped(r, err) ||
		    session_feed(r->session, ids->id + at, RESPOND_PIECE, NULL, err))
			break;
	return err->code ? -1 : at;
}

/* All text of a message; servers put a line end between the parts. */
static const char *message_text(const struct ask_message *m, struct arena *mem)
{
	struct strbuf b = { 0 };
	const char *copy;

	if (m->n_parts == 1)
		return m->part[0].data;
	for (int i = 0; i < m->n_parts; i++)
		strbuf_addf(&b, "%s%s", i ? "\n" : "", m->part[i].data);
	copy = b.oom ? NULL : arena_strdup(mem, strbuf_str(&b));
	strbuf_free(&b);
	return copy;
}

static int encode_chat(struct responder *r, const struct ask *ask, struct err *err)
{
	static const char *const role[] = { "system", "user", "assistant" };
	struct chat_message m[ASK_MESSAGES_MAX];
	struct arena mem = { 0 };

	for (int i = 0; i < ask->n_messages && !err->code; i++) {
		size_t k = 0;

		while (k < ARRAY_LEN(role) && strcmp(role[k], ask->message[i].role) != 0)
			k++;
		if (k == ARRAY_LEN(role))
			err_set(err, ERR_ARG,
				"a message of the role '%.60s'; known are system, user, assistant",
				ask->message[i].role);
		m[i].role = (enum chat_role)k;
		m[i].text = message_text(&ask->message[i], &mem);
		if (!m[i].text)
			err_set(err, ERR_NOMEM, "a prompt: no memory");
	}
	r->prompt.n = 0;
	if (!err->code)
		chat_encode(r->cfg.chat, r->cfg.tokenizer, m, ask->n_messages, true, &r->prompt,
			    err);
	arena_free(&mem);
	if (err->code == ERR_DATA)
		err->code = ERR_ARG; /* a character that the tokenizer lacks: of this ask */
	return err->code;
}

int respond_prompt(struct responder *r, const struct ask *ask, int more, struct err *err)
{
	int n, at;

	if (encode_chat(r, ask, err) || respond_check_ids(r, &r->prompt, err))
		return err->code;
	n = (int)r->prompt.n;
	if (n < 1)
		return err_set(err, ERR_ARG, "the prompt is empty");
	if (n >= r->context)
		return err_set(err, ERR_LIMIT, "a prompt of %d tokens, the weights read %d", n,
			       r->context);
	r->made.n = 0;
	strbuf_reset(&r->text);
	more = more < r->context - n ? more : r->context - n;
	at = respond_begin(r, &r->prompt, n, n + more, err);
	if (at < 0 || session_feed(r->session, r->prompt.id + at, n - at, r->logp, err))
		return err->code;
	return respond_held(r, &r->prompt, n, err);
}

/* --- writing --- */

int respond_put(struct responder *r, int id, struct err *err)
{
	const struct bpe_ids *before = r->made.n ? &r->made : &r->prompt;

	if (!GROW_ARRAY(r->made.id, r->made.cap, r->made.n + 1))
		return err_set(err, ERR_NOMEM, "%zu tokens: no memory", r->made.n);
	if (tokenizer_piece(r->cfg.tokenizer, before->id[before->n - 1], id, &r->text, err))
		return err->code;
	r->made.id[r->made.n++] = id;
	return 0;
}

static void penalise(struct responder *r, const struct ask_sampling *s)
{
	for (size_t i = 0; i < r->made.n; i++) {
		const int id = r->made.id[i];

		r->logp[id] -=
			(float)(s->frequency_penalty + (r->seen[id] ? 0 : s->presence_penalty));
		r->seen[id] = true;
	}
	for (size_t i = 0; i < r->made.n; i++)
		r->seen[r->made.id[i]] = false;
}

/* Goes on from r->logp. */
static int write_on(struct responder *r, const struct ask_sampling *s, const char **finish,
		    struct err *err)
{
	const int room = r->context - (int)r->prompt.n;
	const int most = s->max_tokens < room ? s->max_tokens : room;

	*finish = "length";
	for (int n = 0, id = -1; n < most; n++) {
		if (respond_stopped(r, err) ||
		    (n && session_feed(r->session, &id, 1, r->logp, err)))
			return err->code;
		if (s->presence_penalty != 0 || s->frequency_penalty != 0)
			penalise(r, s);
		id = sampler_pick(&r->sampler, r->logp, r->known, err);
		if (id < 0)
			return err->code;
		if (respond_ends(&r->cfg.base->cfg, r->cfg.tokenizer, r->cfg.chat, id)) {
			*finish = "stop";
			break;
		}
		if (respond_put(r, id, err))
			return err->code;
	}
	return 0;
}

static int score_letters(const struct responder *r, const struct ask *ask, struct arena *mem,
			 struct reply *out, struct err *err)
{
	struct option_score *score = arena_array(mem, (size_t)ask->n_options, sizeof(*score));

	if (!score)
		return err_set(err, ERR_NOMEM, "letters: no memory");
	for (int i = 0; i < ask->n_options; i++) {
		struct option_score *o = &score[i];
		double sum = 0;

		for (size_t k = 0; k < r->n_letters; k++)
			if (r->letter[k].letter == 'A' + i)
				sum += exp((double)r->logp[r->letter[k].id]);
		*o = (struct option_score){ .known = sum > 0, .tokens = 1, .bytes = 1 };
		o->logprob = o->known ? log(sum) : 0;
	}
	out->option = score;
	out->n_options = ask->n_options;
	return 0;
}

static int respond_text(struct responder *r, const struct ask *ask, struct arena *mem,
			struct reply *out, struct err *err)
{
	struct strbuf valid = { 0 };

	if (respond_prompt(r, ask, ask->sampling.max_tokens, err))
		return err->code;
	if (ask->mode == ASK_LETTERS && score_letters(r, ask, mem, out, err))
		return err->code;
	if (write_on(r, &ask->sampling, &out->finish_reason, err))
		return err->code;
	strbuf_add_valid(&valid, strbuf_str(&r->text), r->text.len);
	out->text = valid.oom ? NULL : arena_strdup(mem, strbuf_str(&valid));
	strbuf_free(&valid);
	out->prompt_tokens = (int64_t)r->prompt.n;
	out->completion_tokens = (int64_t)r->made.n;
	return out->text ? 0 : err_set(err, ERR_NOMEM, "a reply: no memory");
}

/* --- one ask --- */

static int check_ask(const struct ask *ask, struct err *err)
{
	for (int i = 0; i < ask->n_messages; i++)
		for (int k = 0; k < ask->message[i].n_parts; k++)
			if (ask->message[i].part[k].type != ASK_TEXT)
				return err_set(err, ERR_ARG,
					       "pictures, sound or video: these weights read text");
	if (ask->mode != ASK_GENERATE && ask->n_options < 1)
		return err_set(err, ERR_ARG, "mode %s without options", ask_mode_name[ask->mode]);
	return 0;
}

static int answer(struct responder *r, const struct ask *ask, struct arena *mem, struct reply *out,
		  struct err *err)
{
	if (check_ask(ask, err))
		return err->code;
	r->sampler.temperature = ask->sampling.temperature;
	r->sampler.top_p = ask->sampling.top_p;
	rng_seed(&r->sampler.rng, (uint64_t)ask->sampling.seed, 0);
	switch (ask->mode) {
	case ASK_CHOICE:
		return respond_choice(r, ask, mem, out, err);
	case ASK_LIKELIHOOD:
		return respond_likelihood(r, ask, mem, out, err);
	case ASK_GENERATE:
	case ASK_LETTERS:
	case ASK_MODES:
		break;
	}
	return respond_text(r, ask, mem, out, err);
}

int responder_answer(struct responder *r, const struct ask *ask, struct arena *mem,
		     struct reply *out, struct err *err)
{
	const struct reply none = { .text = "",
				    .finish_reason = "",
				    .prompt_tokens = -1,
				    .completion_tokens = -1,
				    .attempts = 1,
				    .first_error = "",
				    .model = r->cfg.name,
				    .fingerprint = "",
				    .request_id = "" };
	struct err why = { 0 };
	enum reply_cause cause;

	*out = none;
	answer(r, ask, mem, out, &why);
	if (!why.code)
		return 0;
	if (why.code != ERR_ARG && why.code != ERR_LIMIT)
		return err_set(err, why.code, "%s: %s", ask->id, why.msg);
	cause = out->cause;
	*out = none;
	out->status = ANSWER_BACKEND_FAIL;
	out->cause = cause ? cause : CAUSE_REPORTED;
	out->first_error = arena_strdup(mem, why.msg);
	return out->first_error ? 0 : err_set(err, ERR_NOMEM, "%s: no memory", ask->id);
}

/* SPDX-License-Identifier: Apache-2.0
 * Published weights under the systems: their tokenizer, the chat format they were tuned
 * with, and the wording of a prompt template around the turns of a dialogue.
 */
#include "models/nano.h"

#include <string.h>

#include "harness/text/prompt.h"

/* Stands for the user's words while a chat is taken apart. */
static const char mark[] = "\x01\x02\x01";

static const char *const role_slot[] = { "{description}", "{behaviour}" };

/* The template that asks for the task; ERR_ARG when there is none. */
static int template_name(const struct nano *n, enum nano_task task, char *name, size_t size,
			 struct err *err)
{
	const char *base = opt_str(n->env->opts, "template");
	const bool label = task == NANO_LABEL;

	if (!str_format(name, size, "%s%s", base, label ? "" : "-behaviour") ||
	    !prompt_has(name, "{turns}"))
		return err_set(err, ERR_ARG,
			       "%s: template '%s' does not ask for %s turn by turn; choose one of "
			       "which there is a template '%s' with {turns}",
			       n->recipe->name, base, label ? "labels" : "behaviour",
			       label ? "NAME" : "NAME-behaviour");
	return 0;
}

/* What is seen must have a place in the wording. */
static int check_slots(const struct nano *n, struct err *err)
{
	const char *name = opt_str(n->env->opts, "template");
	const bool seen[] = { n->recipe->speech && (n->env->see & SEE_SPEECH),
			      n->recipe->behaviour && (n->env->see & SEE_BEHAVIOUR) };

	if (strcmp(opt_str(n->env->opts, "history_cues"), "text") != 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(seen); i++)
		if (seen[i] && !prompt_has(name, role_slot[i]))
			return err_set(err, ERR_ARG,
				       "%s: template '%s' has no slot %s for what the recipe lets "
				       "it see; take that away or choose another template",
				       n->recipe->name, name, role_slot[i]);
	return 0;
}

/* The whole set of labels as the prompt names them. */
static struct prompt_request request(const struct nano *n, const struct prompt_turn *target)
{
	return (struct prompt_request){ .turn = target,
					.n = 1,
					.label = n->env->labels->prompt,
					.n_label = n->env->labels->n };
}

/* What the chat format writes in front of the user's words and behind them. */
static int chat_around(const struct nano *n, struct strbuf *before, struct strbuf *after,
		       struct err *err)
{
	const char *system = opt_str(n->env->opts, "system"), *text, *at;
	const struct chat_message m[] = { { CHAT_SYSTEM, system }, { CHAT_USER, mark } };
	const int skip = !*system;
	struct bpe_ids ids = { 0 };
	struct strbuf all = { 0 };

	/* as tokens only to hear whether the format suits the tokenizer */
	if (!chat_encode(n->text.chat, n->text.tokenizer, m + skip, 2 - skip, true, &ids, err) &&
	    !chat_text(n->text.chat, m + skip, 2 - skip, true, &all, err)) {
		text = strbuf_str(&all);
		at = strstr(text, mark);
		if (at) {
			strbuf_addn(before, text, (size_t)(at - text));
			strbuf_add(after, at + strlen(mark));
		} else {
			err_set(err, ERR_INTERNAL, "chat format %s loses the user's words",
				chat_format_name(n->text.chat));
		}
	}
	bpe_ids_free(&ids);
	strbuf_free(&all);
	return err->code;
}

static int encode(const struct nano *n, const char *s, unsigned flags, struct bpe_ids *out,
		  struct err *err)
{
	return tokenizer_encode(n->text.tokenizer, s, strlen(s), flags, out, err);
}

/* The beginning of the prompt, with the begin token where the tokenizer wants one and the
 * format has not written it. */
static int encode_head(struct nano *n, const char *s, struct bpe_ids *out, struct err *err)
{
	const int bos = tokenizer_role(n->text.tokenizer, TOKEN_BOS);

	if (encode(n, s, TOKENIZER_SPECIAL, out, err) || (out->n && out->id[0] == bos))
		return err->code;
	out->n = 0;
	return encode(n, s, TOKENIZER_SPECIAL | TOKENIZER_BOS, out, err);
}

static int encode_task(struct nano *n, enum nano_task task, const char *before, struct err *err)
{
	const struct prompt_turn nobody = { .text = "" };
	const struct prompt_request rq = request(n, &nobody);
	struct strbuf head = { 0 }, open = { 0 };
	char name[64];

	if (template_name(n, task, name, sizeof(name), err))
		return err->code;
	strbuf_add(&head, before);
	if (!prompt_piece(name, PROMPT_HEAD, &rq, &head, err) &&
	    !prompt_piece(name, PROMPT_OPEN, &rq, &open, err) &&
	    !encode_head(n, strbuf_str(&head), &n->text.head[task], err))
		encode(n, strbuf_str(&open), TOKENIZER_NO_PREFIX, &n->text.open[task], err);
	strbuf_free(&head);
	strbuf_free(&open);
	return err->code;
}

/* The label words as they follow the question: behind a line end without a blank. */
static int encode_answers(struct nano *n, const char *after, struct err *err)
{
	const struct label_set *labels = n->env->labels;
	const bool fresh_line = str_ends(after, "\n");

	n->text.single = true;
	for (int j = 0; j < labels->n; j++) {
		struct bpe_ids *w = &n->text.word[j];
		char word[64];

		if (!str_format(word, sizeof(word), "%s%s", fresh_line ? "" : " ",
				labels->prompt[j]))
			return err_set(err, ERR_ARG, "label word %s is too long",
				       labels->prompt[j]);
		if (encode(n, word, TOKENIZER_NO_PREFIX, w, err))
			return err->code;
		if (!w->n)
			return err_set(err, ERR_DATA, "%s: no token for the label '%s'",
				       tokenizer_describe(n->text.tokenizer), word);
		n->text.single = n->text.single && w->n == 1;
		for (int i = 0; i < j; i++)
			if (n->text.word[i].n == w->n &&
			    !memcmp(n->text.word[i].id, w->id, w->n * sizeof(*w->id)))
				return err_set(err, ERR_DATA,
					       "%s: labels '%s' and '%s' are the same",
					       tokenizer_describe(n->text.tokenizer),
					       labels->prompt[i], labels->prompt[j]);
	}
	return 0;
}

static int encode_wording(struct nano *n, struct err *err)
{
	const int tasks = n->recipe->aligns ? NANO_TASKS : 1;
	struct strbuf before = { 0 }, after = { 0 };

	if (chat_around(n, &before, &after, err))
		goto out;
	for (int k = 0; k < tasks && !err->code; k++)
		encode_task(n, (enum nano_task)k, strbuf_str(&before), err);
	if (!err->code && !encode(n, strbuf_str(&after), TOKENIZER_SPECIAL | TOKENIZER_NO_PREFIX,
				  &n->text.after, err))
		encode_answers(n, strbuf_str(&after), err);
out:
	strbuf_free(&before);
	strbuf_free(&after);
	return err->code;
}

static int open_tokenizer(struct nano *n, struct err *err)
{
	const struct opt_values *o = n->env->opts;
	const char *path = opt_str(o, "tokenizer");
	struct nano_text *x = &n->text;

	x->chat = chat_format_named(opt_str(o, "chat"));
	x->tokenizer = tokenizer_open(*path ? path : opt_str(o, "weights"), err);
	if (!x->tokenizer)
		return *path ? err->code
			     : err_wrap(err, "tokenizer beside the weights (option tokenizer "
					     "names another)");
	x->vocab = n->base->cfg.vocab;
	x->turn_end = -1;
	x->end = chat_end(x->chat, x->tokenizer);
	if (x->end < 0)
		x->end = n->base->cfg.eos;
	if (tokenizer_size(x->tokenizer) > x->vocab || x->end < 0 || x->end >= x->vocab)
		return err_set(err, ERR_DATA,
			       "%s does not fit weights of %d tokens (its end token is %d); name "
			       "the right one with option tokenizer",
			       tokenizer_describe(x->tokenizer), x->vocab, x->end);
	return 0;
}

int nano_published_open(struct nano *n, struct err *err)
{
	const struct opt_values *o = n->env->opts;

	if (!strcmp(opt_str(o, "window_mode"), "shared"))
		return err_set(
			err, ERR_ARG,
			"%s: window_mode shared takes the beginning of the prompt from later "
			"turns, which published weights do not bear; use anchored or exact",
			n->recipe->name);
	if (!strcmp(opt_str(o, "weights"), "?"))
		return err_set(err, ERR_ARG,
			       "this recipe is for published weights: name them with --set "
			       "weights=PATH");
	n->base = llama_open(opt_str(o, "weights"), err);
	if (!n->base || check_slots(n, err) || open_tokenizer(n, err))
		return err->code;
	return encode_wording(n, err);
}

/* --- turns --- */

/* A copy of ids from `from` on in the arena. */
static int *keep(const struct bpe_ids *ids, size_t from, struct arena *mem)
{
	int *id = arena_array(mem, ids->n - from, sizeof(*id));

	if (id && ids->n > from)
		memcpy(id, ids->id + from, (ids->n - from) * sizeof(*id));
	return id;
}

static int add_cue(const struct nano *n, const char *s, struct bpe_ids *ids, struct strbuf *line,
		   struct err *err)
{
	strbuf_reset(line);
	strbuf_addc(line, ' ');
	strbuf_add(line, s);
	return tokenizer_encode(n->text.tokenizer, strbuf_str(line), line->len, TOKENIZER_NO_PREFIX,
				ids, err);
}

/* The question about this turn, up to where the answer begins. */
static int add_question(const struct nano *n, enum nano_task task, const struct prompt_turn *said,
			struct bpe_ids *ids, struct strbuf *line, struct err *err)
{
	const struct prompt_request rq = request(n, said);
	const struct bpe_ids *after = &n->text.after;
	char name[64];

	strbuf_reset(line);
	if (template_name(n, task, name, sizeof(name), err) ||
	    prompt_piece(name, PROMPT_QUESTION, &rq, line, err) ||
	    tokenizer_encode(n->text.tokenizer, strbuf_str(line), line->len, TOKENIZER_NO_PREFIX,
			     ids, err))
		return err->code;
	if (!GROW_ARRAY(ids->id, ids->cap, ids->n + after->n))
		return err_set(err, ERR_NOMEM, "questions: no memory");
	for (size_t i = 0; i < after->n; i++)
		ids->id[ids->n++] = after->id[i];
	return 0;
}

int nano_published_turn(const struct nano *n, const struct turn *u, struct bpe_ids *ids,
			struct strbuf *line, struct arena *mem, struct nano_turn *out,
			struct err *err)
{
	const struct prompt_turn said = { .speaker = u->speaker, .text = u->text };
	const int tasks = n->recipe->aligns ? NANO_TASKS : 1;

	ids->n = 0;
	strbuf_reset(line);
	prompt_turn(&said, line);
	tokenizer_encode(n->text.tokenizer, strbuf_str(line), line->len, TOKENIZER_NO_PREFIX, ids,
			 err);
	out->n_text = (int)ids->n;
	if (u->speech && n->recipe->speech)
		add_cue(n, u->speech, ids, line, err);
	out->n_speech = (int)ids->n - out->n_text;
	for (int p = 0; p < PART_COUNT && n->recipe->behaviour; p++)
		if (u->behaviour[p])
			add_cue(n, u->behaviour[p], ids, line, err);
	out->n_behaviour = (int)ids->n - out->n_text - out->n_speech;
	out->id = keep(ids, 0, mem);
	for (int k = 0; k < tasks && !err->code; k++) {
		const size_t from = ids->n;

		add_question(n, (enum nano_task)k, &said, ids, line, err);
		out->n_ask[k] = (int)(ids->n - from);
		out->ask[k] = keep(ids, from, mem);
		if (!out->ask[k])
			err_set(err, ERR_NOMEM, "%s: no memory", u->id);
	}
	return out->id && !line->oom ? err->code : err_set(err, ERR_NOMEM, "%s: no memory", u->id);
}

/* SPDX-License-Identifier: Apache-2.0
 * Weights on disk as a model that is asked: a decoder with its tokenizer and chat format answers
 * the asks of harness/core/ask.h.
 *
 * What a prompt and the one before begin with is read once.  A reply is still the same bit for bit
 * whatever was asked before, and whatever the number of threads: a product of more than DOTS_ROWS
 * rows gives each row as any other such product does, and shorter passes are only made where the
 * ask itself says so (tests/test_respond.c holds the kernels to it).
 *
 * generate: writes until the end token, max_tokens or the end of the context; penalties count
 * tokens written (OpenAI's definition: logit - count * frequency - (count > 0) * presence).
 * choice: token by token, the most probable (or, with a temperature, one drawn) of those whose
 * bytes go on with one of the options, as servers that impose a grammar do; a blank may stand in
 * front, as chat formats have one there; an option that begins another ends where the end token
 * is more probable.  Whole whatever max_tokens.
 * likelihood: the text is read as it stands, special tokens spelled out count, with the
 * tokenizer's begin token in front; each option, of at most RESPOND_OPTION tokens, is summed
 * behind it.
 * letters: probabilities of the tokens "A" and " A" add up; the text is what is generated.
 */
#ifndef MODELS_BACKBONE_RESPOND_H
#define MODELS_BACKBONE_RESPOND_H

#include "harness/core/ask.h"
#include "harness/text/chat.h"
#include "harness/text/tokenizer.h"
#include "models/backbone/decoder.h"

#define RESPOND_OPTION 96

struct responder;

/* What an answer comes from; all of it outlives the responder. */
struct responder_config {
	const char *name; /* of the model, for its replies */
	struct decoder *decoder;
	const struct llama *base; /* the decoder's weights */
	const struct tokenizer *tokenizer;
	const struct chat_format *chat;
	const volatile sig_atomic_t *stop; /* may be NULL */
};

/* NULL with err set. */
struct responder *responder_new(const struct responder_config *cfg, struct err *err);
void responder_free(struct responder *r); /* accepts NULL */

/* Answers one ask; strings and scores of the reply live in mem or as long as the responder.  What
 * is wrong with the ask itself (media, too long a prompt, a token across the border of text and
 * option) gives a reply that says so: backend_fail, the message in first_error.  ERR_DATA: the
 * weights give no numbers, or the tokenizer is another model's; ERR_INTERRUPTED: stop was set. */
int responder_answer(struct responder *r, const struct ask *ask, struct arena *mem,
		     struct reply *out, struct err *err);
/* Forgets what was read: the next prompt is read from its beginning. */
void responder_forget(struct responder *r);

/* Whether the token ends what is written: an end or begin token of weights or tokenizer, or the
 * end of an assistant's turn (chat may be NULL). */
bool respond_ends(const struct llama_config *weights, const struct tokenizer *t,
		  const struct chat_format *chat, int id);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * What the files of a responder share.
 */
#ifndef MODELS_BACKBONE_RESPOND_PARTS_H
#define MODELS_BACKBONE_RESPOND_PARTS_H

#include "models/backbone/respond.h"
#include "models/backbone/session.h"

#define RESPOND_TAIL  16  /* of a prompt: read again, so that no pass has few rows */
#define RESPOND_PIECE 256 /* tokens of a pass: with a tail and options less than a session's */

/* Tokens that can take part in writing one of some options. */
struct choice_table {
	struct strbuf key;  /* the options it is for */
	struct strbuf text; /* of all tokens */
	struct choice_token {
		int id;
		size_t at, len; /* in text */
	} * token;
	size_t n, cap;
	int *open; /* (n + 1) places in token[] that may come next; -1: the end */
	float *logp;
	size_t cap_open, cap_logp;
};

/* A text with an option behind it. */
struct option_line {
	struct bpe_ids ids;
	int border; /* first token of the option */
};

/* A pass over what several options have in common and what they add. */
struct option_pass {
	struct packed p;
	int *token, *turn, *branch, *pos, *at;
	size_t cap[5];
	float *row; /* (n_at, vocab) */
	size_t cap_row;
};

struct letter_token {
	int id;
	char letter;
};

struct responder {
	struct responder_config cfg;
	int vocab, known, context; /* known: tokens that the tokenizer has */
	struct session *session;
	int capacity;
	bool keeps;	     /* passes of any length give the same rows */
	struct bpe_ids kept; /* what the session holds, read in passes that were long enough */
	struct bpe_ids prompt, made;
	struct strbuf text; /* written so far */
	float *logp;	    /* (vocab) of the next token */
	bool *seen;	    /* (vocab) scratch, false between uses */
	struct sampler sampler;
	struct letter_token *letter;
	size_t n_letters, cap_letters;
	struct choice_table choice;
	struct option_line line[ASK_OPTIONS_MAX];
	struct option_pass pass;
};

/* --- respond.c --- */

/* ERR_INTERRUPTED when stop is set. */
int respond_stopped(const struct responder *r, struct err *err);
/* ERR_DATA: tokenizer and weights do not belong together. */
int respond_check_ids(const struct responder *r, const struct bpe_ids *ids, struct err *err);
/* Makes the session hold the first tokens, all that can be read before a pass of at least
 * RESPOND_TAIL and less than RESPOND_PIECE + RESPOND_TAIL tokens from there to `to` (from the
 * first token where `to` is nearer); room: for tokens in all.  How many it holds; -1 with err set.
 */
int respond_begin(struct responder *r, const struct bpe_ids *ids, int to, int room,
		  struct err *err);
/* The session now holds the first n tokens. */
int respond_held(struct responder *r, const struct bpe_ids *ids, int n, struct err *err);
/* Reads the chat of the ask, with room for `more` tokens behind it; r->logp: what follows. */
int respond_prompt(struct responder *r, const struct ask *ask, int more, struct err *err);
/* Notes a token as written. */
int respond_put(struct responder *r, int id, struct err *err);

/* --- one file each --- */
int respond_choice(struct responder *r, const struct ask *ask, struct arena *mem, struct reply *out,
		   struct err *err);
void choice_table_free(struct choice_table *c);
int respond_likelihood(struct responder *r, const struct ask *ask, struct arena *mem,
		       struct reply *out, struct err *err);
void option_pass_free(struct option_pass *p);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Finished prompts of published systems, byte for byte, from named templates.
 */
#ifndef HARNESS_TEXT_PROMPT_H
#define HARNESS_TEXT_PROMPT_H

#include <stdbool.h>

#include "harness/base/err.h"
#include "harness/base/str.h"

struct prompt_turn {
	int speaker; /* k of Speaker_k */
	const char *text;
	const char *note; /* "low pitch with high variation", written by the templates with audio
			     context; or NULL */
};

struct prompt_request {
	const struct prompt_turn *turn; /* (n) in order of speech; the last is the target */
	int n;
	int window; /* previous turns that are written at most */
	/* of the target; NULL: the slot stays empty */
	const char *description, *impression, *behaviour;
	const char *demonstration; /* InstructERC's retrieved example, or NULL */
	const char *const *label;  /* (n_label) as the prompt names them */
	int n_label;
	int n_speaker; /* of the corpus, for the speaker identification task */
};

/* Texts with slots in braces: {turns}, {noted_turns}, {history}, {target}, {text},
 * {labels}, {speakers}, {speaker}, {description}, {impression}, {behaviour}, {demonstration}. */
struct prompt_template {
	const char *name, *title, *text;
	const char *first; /* name of the template a first utterance uses instead, or NULL */
};
extern const struct prompt_template prompt_templates[]; /* ends with name NULL */

/* Appends the prompt; ERR_ARG for an unknown template (names the known ones) or an empty request.
 */
int prompt_build(const char *name, const struct prompt_request *rq, struct strbuf *out,
		 struct err *err);

/* A template cut up for conversations of which many turns are asked about: what stands
 * in front of the turns, the turns one by one (prompt_turn), what stands behind them up to
 * the cues of the target, what follows behind those.  One behind the other they are
 * prompt_build()'s text. */
enum prompt_piece { PROMPT_HEAD, PROMPT_OPEN, PROMPT_QUESTION };
/* Appends a piece; turns and cues of the request count in the question only, as far as its
 * slots name the target.  ERR_ARG for a template that is not cut this way (no {turns}). */
int prompt_piece(const char *name, enum prompt_piece piece, const struct prompt_request *rq,
		 struct strbuf *out, struct err *err);
/* Appends one turn as {turns} writes it. */
void prompt_turn(const struct prompt_turn *u, struct strbuf *out);
/* Has the template a slot of this name ("{behaviour}")?  false for an unknown template. */
bool prompt_has(const char *name, const char *slot);

/* Appends an utterance as the released code reads it: U+0092 becomes an apostrophe,
 * U+0091, U+0093, U+0094 vanish, U+0097 and U+0085 become a blank. */
void prompt_clean(const char *text, struct strbuf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Finished prompts of published systems, byte for byte, from named templates.
 */
#ifndef HARNESS_TEXT_PROMPT_H
#define HARNESS_TEXT_PROMPT_H

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

/* Appends an utterance as the released code reads it: U+0092 becomes an apostrophe,
 * U+0091, U+0093, U+0094 vanish, U+0097 and U+0085 become a blank. */
void prompt_clean(const char *text, struct strbuf *out);

#endif

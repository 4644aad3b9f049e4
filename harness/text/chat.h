/* SPDX-License-Identifier: Apache-2.0
 * Chat templates as named formats: vicuna (v1.5), llama2, llama3, qwen2, plain.  A rendered
 * chat is a list of pieces, each either the format's own (its special tokens count) or
 * somebody's text (which can never become a special token).
 */
#ifndef HARNESS_TEXT_CHAT_H
#define HARNESS_TEXT_CHAT_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/text/tokenizer.h"

enum chat_role { CHAT_SYSTEM, CHAT_USER, CHAT_ASSISTANT };

struct chat_message {
	enum chat_role role;
	const char *text;
};

struct chat_format;				       /* its table row is private */
extern const struct chat_format *const chat_formats[]; /* NULL at the end */

/* NULL when there is none of this name. */
const struct chat_format *chat_format_named(const char *name);
const char *chat_format_name(const struct chat_format *f);
const char *chat_format_title(const struct chat_format *f);

/* The prompt as text, special tokens spelled out (but for the begin token where the format
 * leaves it to the tokenizer: vicuna, plain), up to where the assistant's next words
 * begin (ask) or to the end of the last message.  A system message comes first or not at all
 * (ERR_ARG); without one the format's published default is used, where it has one.  Texts are
 * trimmed where the published template trims them. */
int chat_text(const struct chat_format *f, const struct chat_message *m, int n, bool ask,
	      struct strbuf *out, struct err *err);
/* The same as tokens; ERR_ARG names a special token that the tokenizer lacks. */
int chat_encode(const struct chat_format *f, const struct tokenizer *t,
		const struct chat_message *m, int n, bool ask, struct bpe_ids *out,
		struct err *err);
/* A marker of the format that is not a special token ("[/INST]", "USER:") and that the text
 * holds; NULL: none.  Nothing can tell such words from the format's own: they are encoded as
 * they are, and the caller may want to say so. */
const char *chat_lookalike(const struct chat_format *f, const char *text);
/* The token that ends an assistant's turn with this tokenizer; -1: none. */
int chat_end(const struct chat_format *f, const struct tokenizer *t);

#endif

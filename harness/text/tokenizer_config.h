/* SPDX-License-Identifier: Apache-2.0
 * What the JSON readers of tokenizers share: vocabularies, added tokens, and the roles that
 * tokenizer_config.json beside a tokenizer gives to tokens.
 */
#ifndef HARNESS_TEXT_TOKENIZER_CONFIG_H
#define HARNESS_TEXT_TOKENIZER_CONFIG_H

#include "harness/base/json.h"
#include "harness/text/tokenizer_parts.h"

/* {"text": number, …} as normal tokens. */
int tokenizer_put_vocab(struct tokenizer *t, const struct json *vocab, const char *path,
			struct err *err);
/* An added token with content, special, lstrip, rstrip, single_word, normalized. */
int tokenizer_put_added(struct tokenizer *t, const struct json *v, int64_t id, const char *path,
			struct err *err);
/* The added_tokens_decoder of a tokenizer_config.json (NULL: nothing); of a SentencePiece
 * model only what comes behind its own tokens. */
int tokenizer_put_decoder(struct tokenizer *t, const struct json *config, const char *path,
			  struct err *err);
/* The JSON file of this name beside path; *out NULL when there is none. */
int tokenizer_beside(const char *path, const char *name, struct json **out, struct err *err);
/* Sets roles, add_bos and add_eos: what tokenizer_config.json beside path says, over what the
 * post-processor of root (may be NULL) does; without that file the usual names. */
int tokenizer_read_roles(struct tokenizer *t, const struct json *root, const char *path,
			 struct err *err);

#endif

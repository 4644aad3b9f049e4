/* SPDX-License-Identifier: Apache-2.0
 * The tokenizers that published backbones come with: SentencePiece BPE (LLaMA, LLaMA-2,
 * Vicuna, Phi-3) and byte-level BPE (GPT-2, StarCoder, LLaMA-3, Qwen2), from every form
 * they are distributed in.  Encoding agrees token for token with the originals.
 */
#ifndef HARNESS_TEXT_TOKENIZER_H
#define HARNESS_TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/err.h"
#include "harness/base/hash.h"
#include "harness/base/str.h"
#include "harness/text/bpe.h"

struct tokenizer;

/* path: a SentencePiece .model, a tokenizer.json, a .gguf, a llama2.c tokenizer .bin, a
 * vocab.json beside its merges.txt, or a folder that holds one of them.  Every size and
 * number is checked; NULL with err naming the file and what is wrong. */
struct tokenizer *tokenizer_open(const char *path, struct err *err);
void tokenizer_free(struct tokenizer *t); /* accepts NULL */

int tokenizer_size(const struct tokenizer *t);
/* "SentencePiece BPE, 32000 tokens, from …" */
const char *tokenizer_describe(const struct tokenizer *t);

/* A hash of all that encoding and decoding follow from, whatever file it was read from. */
int tokenizer_hash(const struct tokenizer *t, char out[HASH_HEX], struct err *err);

enum tokenizer_flags {
	TOKENIZER_BOS = 1, /* the begin token in front, where the tokenizer writes one by itself
			    * (Qwen2 and GPT-2 do not) */
	TOKENIZER_EOS = 2, /* the end token behind */
	TOKENIZER_SPECIAL =
		4,		 /* text of special tokens ("</s>") becomes those tokens;
				  * without it such text is ordinary text: use that for what people said */
	TOKENIZER_NO_PREFIX = 8, /* no blank in front of the text (SentencePiece adds one) */
};

/* Appends the tokens of len bytes of UTF-8.  Any bytes are taken: one that is no part of
 * valid UTF-8 is a character of its own.  Added words that are not special count in every
 * text, as in the originals, unless they look like "<|this|>".  ERR_DATA names a character
 * for which there is neither a token nor bytes nor an unknown token. */
int tokenizer_encode(const struct tokenizer *t, const char *s, size_t len, unsigned flags,
		     struct bpe_ids *out, struct err *err);
/* Appends the text; special tokens are written only with TOKENIZER_SPECIAL; with
 * TOKENIZER_NO_PREFIX a blank in front stays.  A number outside the vocabulary is ERR_ARG.
 * decode(encode(x)) == x with the same flags, but for what the originals lose too: U+2581 comes
 * back as a blank (SentencePiece), normal form C (Qwen2), blanks that a token's lstrip or
 * rstrip takes, characters that became the unknown token. */
int tokenizer_decode(const struct tokenizer *t, const int *id, size_t n, unsigned flags,
		     struct strbuf *out, struct err *err);
/* The bytes token `id` adds behind token `before` (-1: none), for printing as they come. */
int tokenizer_piece(const struct tokenizer *t, int before, int id, struct strbuf *out,
		    struct err *err);

enum tokenizer_role { TOKEN_BOS, TOKEN_EOS, TOKEN_UNKNOWN, TOKEN_PAD, TOKEN_ROLES };
/* -1: the tokenizer has none. */
int tokenizer_role(const struct tokenizer *t, enum tokenizer_role role);
/* The number of a token by its exact text ("<|im_start|>"), -1 when absent. */
int tokenizer_find(const struct tokenizer *t, const char *text);
/* Whether a token is special: never made from ordinary text, written on demand only. */
bool tokenizer_special(const struct tokenizer *t, int id);

#endif

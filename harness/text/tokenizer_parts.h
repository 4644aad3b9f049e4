/* SPDX-License-Identifier: Apache-2.0
 * What the tokenizer's files share: the tokenizer itself, how a reader of a file format
 * fills it (tokenizer_draft, tokens, merges, tokenizer_finish), and encoding of marked text.
 */
#ifndef HARNESS_TEXT_TOKENIZER_PARTS_H
#define HARNESS_TEXT_TOKENIZER_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/mem.h"
#include "harness/text/bbpe.h"
#include "harness/text/tokenizer.h"
#include "harness/text/merges.h"
#include "harness/text/vocab.h"

#define TOKEN_BYTES_MAX 512	       /* of one token's text */
#define TOKENS_MAX	(1 << 22)      /* of a vocabulary */
#define TOKENIZER_BYTES (256 << 20)    /* of a file */
#define SPM_BLANK	"\xe2\x96\x81" /* U+2581 stands for a blank in SentencePiece */

enum tokenizer_kind {
	TOKENIZER_SPM, /* characters, merged by score or rank; bytes where a character is unknown */
	TOKENIZER_BBPE, /* bytes, merged by rank within the pieces of a pattern */
};

/* The numbers are SentencePiece's and GGUF's. */
enum token_type {
	TOKEN_HOLE, /* a number that the file leaves out */
	TOKEN_NORMAL,
	TOKEN_UNK,
	TOKEN_CONTROL,
	TOKEN_USER, /* an added word that is not special: found in every text */
	TOKEN_UNUSED,
	TOKEN_BYTE,
};

/* When SentencePiece's blank is put in front of a stretch of text. */
enum prefix_rule { PREFIX_NEVER, PREFIX_FIRST, PREFIX_ALWAYS };

struct token {
	const char *s; /* its text as in the file; of byte-level normal tokens the bytes */
	int len;
	float score;
	enum token_type type;
	bool early;	     /* looked for in the text as it is */
	bool late;	     /* looked for in the normalized text; never a special one */
	bool special;	     /* only looked for where the caller says so */
	bool lstrip, rstrip; /* takes the blanks before / behind it along */
	bool whole;	     /* only as a word of its own */
	const char *find;    /* the text looked for; NULL: s */
};

/* Tokens to find in a text, sorted by the text looked for. */
struct finder {
	const struct token **token; /* (n) */
	int n;
	bool first[256]; /* bytes that one of them begins with */
};

struct tokenizer {
	enum tokenizer_kind kind;
	struct token *token; /* (n) */
	int n;
	size_t cap;
	struct vocab text; /* tokens by exact text */
	int *text_id;	   /* number of each entry */
	struct vocab
		symbol; /* what merging knows: tokens, then characters only found inside tokens */
	int *symbol_id; /* of each entry: the token, or n + k for such a character */
	int n_symbol;	/* entries of symbol_id */
	struct merges merges;
	struct finder early, late;
	int byte_id[256];  /* token of a byte where characters are unknown, -1: none */
	int byte_sym[256]; /* symbol of a byte (SentencePiece: of an ASCII character), -1: none */
	int role[TOKEN_ROLES];
	bool add_bos, add_eos; /* what the published encoder does */
	bool has_unused;
	/* SentencePiece */
	enum prefix_rule prefix;
	bool prefix_once; /* not where the text begins with a blank already */
	bool words_apart; /* no token has a blank behind another character: words never merge */
	/* byte level */
	enum bbpe_cut cut;
	bool nfc, whole_pieces; /* a piece that is a token is not merged */
	struct arena mem;
	char *title; /* tokenizer_describe() */
};

/* An empty tokenizer.  NULL with err set: no memory. */
struct tokenizer *tokenizer_draft(enum tokenizer_kind kind, struct err *err);
/* Sets token `id` (a copy of len bytes); missing numbers below it become holes.  A number that
 * is taken, a text that is too long or empty is ERR_FORMAT ("PATH: token 7: …"). */
int tokenizer_put(struct tokenizer *t, int id, const char *s, size_t len, enum token_type type,
		  const char *path, struct err *err);
/* All tokens are there: makes what lookups need.  To be called before merges. */
int tokenizer_index(struct tokenizer *t, const char *path, struct err *err);
/* Merge `rank` of the file, by the texts of both sides; ERR_FORMAT when a side or the
 * result is no token. */
int tokenizer_merge(struct tokenizer *t, int rank, const char *a, size_t a_len, const char *b,
		    size_t b_len, const char *path, struct err *err);
/* "a b" as merges are written in files. */
int tokenizer_merge_line(struct tokenizer *t, int rank, const char *s, size_t len, const char *path,
			 struct err *err);
/* SentencePiece: the merges that follow from the tokens' scores. */
int tokenizer_merge_scores(struct tokenizer *t, const char *path, struct err *err);
/* Checks what must be there, sorts the finders, writes the title. */
int tokenizer_finish(struct tokenizer *t, const char *path, struct err *err);

/* Readers, one a format.  NULL with err set. */
struct tokenizer *tokenizer_read_model(const char *path, struct err *err);
struct tokenizer *tokenizer_read_json(const char *path, struct err *err);
struct tokenizer *tokenizer_read_gguf(const char *path, struct err *err);
struct tokenizer *tokenizer_read_bin(const char *path, struct err *err);
struct tokenizer *tokenizer_read_vocab(const char *path, struct err *err);

/* The number merging knows a text by, -1 if it does not. */
int tokenizer_symbol(const struct tokenizer *t, const char *s, size_t len);

/* A part of a text. */
struct stretch {
	size_t start, end;
};

/* As tokenizer_encode(), but special tokens count only where they lie whole in one of the
 * n stretches (ascending, apart). */
int tokenizer_encode_marked(const struct tokenizer *t, const char *s, size_t len,
			    const struct stretch *own, size_t n, unsigned flags,
			    struct bpe_ids *out, struct err *err);

#endif

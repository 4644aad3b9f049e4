/* SPDX-License-Identifier: Apache-2.0
 * Byte-level byte-pair encoding (Sennrich et al. 2016) learned from a list of
 * texts.  The 256 bytes are the first tokens, so every text can be written and
 * decode(encode(x)) == x for all bytes.
 */
#ifndef HARNESS_TEXT_BPE_H
#define HARNESS_TEXT_BPE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/base/err.h"
#include "harness/base/str.h"
#include "harness/text/merges.h"

/* Merges never cross the pieces a text is cut into. */
enum bpe_split {
	BPE_WORDS,   /* letters, digits, marks or blanks; one blank joins the piece behind it */
	BPE_CLAUSES, /* after , ; : . ! ? and before " with ", " and ", " while ": for sentences
			that repeat, whose clauses then become single tokens */
};

struct bpe_text {
	const char *s;
	int64_t weight; /* times it counts */
	enum bpe_split split;
};

/* Token 256 + i is merge[i]: the bytes of a, then those of b.  The zeroed struct is empty. */
struct bpe {
	int n; /* tokens, 256 + merges */
	struct bpe_merge {
		int a, b;
	} * merge;
	struct merges pairs; /* the same by pair */
};

/* Token numbers, growable; the zeroed struct is empty. */
struct bpe_ids {
	int *id;
	size_t n, cap;
};

/* Learns until there are `vocab` tokens or no pair appears twice.  Ties go to the
 * pair of the lowest numbers: same texts, same tokens. */
int bpe_learn(struct bpe *b, const struct bpe_text *text, int n, int vocab, struct err *err);
/* Appends the tokens of len bytes; ERR_NOMEM only. */
int bpe_encode(const struct bpe *b, const char *s, size_t len, enum bpe_split split,
	       struct bpe_ids *out, struct err *err);
/* Appends the bytes of a token / of all tokens; a number outside the table is ERR_ARG. */
int bpe_decode(const struct bpe *b, const int *id, size_t n, struct strbuf *out, struct err *err);

/* The table at the file's position; reading checks every merge. */
int bpe_write(const struct bpe *b, FILE *f, const char *path, struct err *err);
int bpe_read(struct bpe *b, FILE *f, const char *path, struct err *err);

/* Both accept the zeroed struct and leave it so. */
void bpe_free(struct bpe *b);
void bpe_ids_free(struct bpe_ids *ids);

#endif

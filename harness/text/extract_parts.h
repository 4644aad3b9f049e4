/* SPDX-License-Identifier: Apache-2.0
 * What the rules of label extraction share.
 */
#ifndef HARNESS_TEXT_EXTRACT_PARTS_H
#define HARNESS_TEXT_EXTRACT_PARTS_H

#include <stddef.h>

#include "harness/text/label_extract.h"

#define THINK_OPEN  "<think>"
#define THINK_CLOSE "</think>"

/* A piece of a reply. */
struct piece {
	const char *s;
	size_t n;
};

unsigned char ascii_lower(char c);
/* Does p start with the word?  any_case: ASCII letters in either case; word is lower-case. */
bool piece_begins(struct piece p, const char *word, bool any_case);
/* Without blanks on either side. */
struct piece piece_trim(struct piece p);
/* p from offset at on. */
struct piece piece_from(struct piece p, size_t at);
/* Offset of the first place of the word, or p.n. */
size_t piece_find(struct piece p, const char *word, bool any_case);

/* Strict rule on a piece: the label, or -1. */
int extract_whole(struct piece p, const struct label_words *words, bool aliases);
struct extracted extract_a(struct piece text, const struct label_words *words);
int extract_b(struct piece text, const struct label_words *words, struct extracted *out,
	      struct err *err);
int extract_flexible(struct piece text, const struct label_words *words, struct extracted *out,
		     struct err *err);

#endif

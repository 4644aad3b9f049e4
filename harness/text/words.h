/* SPDX-License-Identifier: Apache-2.0
 * Plain tokens for bag-of-words models: lower-cased words (letters, digits,
 * apostrophes, every non-ASCII character) and runs of closing punctuation (? ! . ,),
 * which say a lot about emotion.  U+2019 counts as an apostrophe.
 */
#ifndef HARNESS_TEXT_WORDS_H
#define HARNESS_TEXT_WORDS_H

#include "harness/base/str.h"

/* Appends the tokens of a text to out, each followed by a NUL byte; returns how
 * many there were (check out->oom). */
int words_split(const char *text, struct strbuf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * What tokenizers ask about characters: letter, number, white space (the Unicode
 * classes \p{L}, \p{N}, \s of the published patterns) and normal form C.  Through utf8proc.
 */
#ifndef HARNESS_TEXT_UNICODE_H
#define HARNESS_TEXT_UNICODE_H

#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/base/str.h"

enum char_class { CHAR_OTHER, CHAR_LETTER, CHAR_NUMBER, CHAR_SPACE };

enum char_class char_class(int32_t cp);

/* The next character of n > 0 bytes and how many it has.  A byte that is no part of valid
 * UTF-8 stands for itself: -1, one byte. */
int32_t char_next(const char *s, size_t n, size_t *len);
/* The character that ends before s + at, at > 0; the same about invalid bytes. */
int32_t char_before(const char *s, size_t at, size_t *len);

/* Appends the text in normal form C (UAX 15); invalid bytes stay as they are. */
int text_nfc(const char *s, size_t n, struct strbuf *out, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Strings: a growable buffer, checked copies, UTF-8, and the one number parser.
 */
#ifndef HARNESS_BASE_STR_H
#define HARNESS_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"

/* Growable NUL-terminated buffer.  The zeroed struct is empty.  A failed
 * allocation sets oom and further appends do nothing: check once at the end. */
struct strbuf {
	char *s; /* NULL while empty: use strbuf_str() */
	size_t len, cap;
	bool oom;
};

void strbuf_add(struct strbuf *b, const char *s);
void strbuf_addn(struct strbuf *b, const char *s, size_t n);
void strbuf_addc(struct strbuf *b, char c);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends n bytes of which some may be no UTF-8 (a token can end inside a character): each of
 * those, and each NUL, becomes U+FFFD. */
void strbuf_add_valid(struct strbuf *b, const char *s, size_t n);
/* Forgets the content, keeps the memory. */
void strbuf_reset(struct strbuf *b);
/* Frees the memory and leaves an empty buffer. */
void strbuf_free(struct strbuf *b);
/* The content, never NULL; valid until the next append. */
const char *strbuf_str(const struct strbuf *b);

/* malloc'ed copy; NULL when there is no memory. */
char *str_dup(const char *s) __attribute__((warn_unused_result));
/* Copies into dst[size]; false (dst emptied) when it does not fit whole. */
bool str_copy(char *dst, size_t size, const char *src) __attribute__((warn_unused_result));
/* snprintf that says whether the whole text fitted (dst emptied if not). */
bool str_format(char *dst, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), warn_unused_result));
/* malloc'ed "a/b" (one slash between); NULL when there is no memory. */
char *path_join(const char *a, const char *b) __attribute__((warn_unused_result));
/* The part after the last slash (the whole if there is none). */
const char *path_base(const char *path);
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* Whether it can be a part of a path that leads nowhere else: letters of ASCII, digits, blanks and
 * ._-+(), not empty, not beginning with '.' or a blank. */
bool str_is_name(const char *s);
/* Equal but for the number of blanks and tabs between words, before and after. */
bool str_same_words(const char *a, const char *b);

/* Whole-string numbers in the C locale: no blanks before or after, in range;
 * `what` names the value in the message.  Return 0 or ERR_ARG. */
int parse_i64(const char *s, int64_t min, int64_t max, const char *what, int64_t *out,
	      struct err *err);
int parse_f64(const char *s, double min, double max, const char *what, double *out,
	      struct err *err);

/* Offset of the first byte that is not part of valid UTF-8 (RFC 3629), or n if all is valid. */
size_t utf8_check(const char *s, size_t n);
/* Decodes one code point at s (n > 0 bytes left): *len bytes used; -1 if invalid. */
int32_t utf8_decode(const char *s, size_t n, size_t *len);
/* What a terminal obeys instead of showing it: control characters (C0, DEL, C1), line and paragraph
 * separators, marks that turn the direction of text around. */
bool utf8_commands(int32_t cp);
/* Makes a text one line that any terminal shows as it is, in place: a blank for each tab and line
 * feed, '?' for each other character of utf8_commands() and each byte that is no UTF-8. */
void utf8_tame(char *s);
/* Writes the UTF-8 of cp into out, returns its length 1..4. */
size_t utf8_encode(int32_t cp, char out[4]);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * What a server sends may hold what we sent it.  Every text from outside passes through here
 * before it enters a reply, a message or a file.
 */
#ifndef HARNESS_REMOTE_REDACT_H
#define HARNESS_REMOTE_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/str.h"

#define REDACTED   "[redacted]"
#define SECRET_MIN 8 /* bytes; a shorter one cannot be told from ordinary text */

/* Appends the n bytes at text with every occurrence of the secret replaced: as it is, with any of
 * its characters behind backslashes or as \u and \x escapes, %XX or &#N; (upper and lower case), in
 * hexadecimal, and in base64 of a text that holds it anywhere (both alphabets).  The first half of
 * it (8 characters or more) counts as the secret, and so does a beginning of 6 or more where the
 * text ends: who sent it may have cut it.  secret NULL or
 * shorter than SECRET_MIN: the text as it is. */
void redact_secret(struct strbuf *out, const char *text, size_t n, const char *secret);

/* For messages: the secret, what follows "Authorization", "Cookie", "Bearer" and their like up to
 * the end of the line, user and query of URLs taken out; what a terminal would obey as '?', bytes
 * that are no UTF-8 too; cut after max bytes with "…". */
void redact_message(struct strbuf *out, const char *text, size_t n, const char *secret, size_t max);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Text repair for corpora whose files went through cp1252: C1 control
 * characters (U+0080..U+009F) stand where quotes and dashes should be.
 */
#ifndef DATASETS_TEXT_H
#define DATASETS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/mem.h"
#include "harness/base/str.h"

/* How often each C1 character was met, and on how many lines. */
struct c1_count {
	long n[32]; /* n[k]: U+0080 + k */
	long lines;
	long first_line;
};

/* s (UTF-8) with each C1 character read as the cp1252 code it is: U+0092 becomes
 * U+2019.  The five codes that cp1252 leaves undefined (81 8D 8F 90 9D) stay as
 * they are.  Returns s itself when there is nothing to do, else a copy in mem;
 * NULL when there is no memory.  Counts into *count. */
const char *text_fix_c1(const char *s, long line, struct arena *mem, struct c1_count *count);
/* "612 in 540 lines: U+0092 x600 …" appended to out. */
void text_describe_c1(const struct c1_count *count, struct strbuf *out);
/* Words separated by blanks. */
int text_words(const char *s);

#endif

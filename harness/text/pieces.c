/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/text/pieces.h"

#include <string.h>

#include "harness/base/mem.h"

enum kind { LETTER, DIGIT, BLANK, MARK };

static enum kind kind_of(unsigned char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80)
		return LETTER;
	if (c >= '0' && c <= '9')
		return DIGIT;
	return c == ' ' || (c >= '\t' && c <= '\r') ? BLANK : MARK;
}

/* A blank that stands before something else belongs to it; more blanks are a piece of
 * their own.  Apostrophes between letters stay inside the word. */
static size_t word_end(const char *s, size_t len, size_t at)
{
	enum kind kind;

	if (s[at] == ' ' && at + 1 < len && kind_of((unsigned char)s[at + 1]) != BLANK)
		at++;
	kind = kind_of((unsigned char)s[at++]);
	while (at < len) {
		bool inside = kind == LETTER && s[at] == '\'' && at + 1 < len &&
			      kind_of((unsigned char)s[at + 1]) == LETTER;

		if (!inside && kind_of((unsigned char)s[at]) != kind)
			break;
		if (kind == BLANK && s[at] == ' ' && at + 1 < len &&
		    kind_of((unsigned char)s[at + 1]) != BLANK)
			break;
		at++;
	}
	return at;
}

static size_t clause_end(const char *s, size_t len, size_t at)
{
	static const char *const joint[] = { " with ", " and ", " while " };

	while (++at < len) {
		if (strchr(",;:.!?", s[at - 1]) && s[at - 1])
			return at;
		for (size_t i = 0; i < ARRAY_LEN(joint); i++) {
			size_t n = strlen(joint[i]);

			if (n <= len - at && !memcmp(s + at, joint[i], n))
				return at;
		}
	}
	return at;
}

size_t piece_end(const char *s, size_t len, size_t at, enum bpe_split split)
{
	return split == BPE_CLAUSES ? clause_end(s, len, at) : word_end(s, len, at);
}

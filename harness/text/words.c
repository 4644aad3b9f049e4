/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/text/words.h"

#include <stdbool.h>
#include <string.h>

static bool is_word(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '\'' || c == '_' || c >= 0x80;
}

static bool is_mark(unsigned char c)
{
	return c == '?' || c == '!' || c == '.' || c == ',';
}

int words_split(const char *text, struct strbuf *out)
{
	int n = 0;

	while (*text) {
		bool (*same)(unsigned char) = is_word((unsigned char)*text)   ? is_word
					      : is_mark((unsigned char)*text) ? is_mark
									      : NULL;

		if (!same) {
			text++;
			continue;
		}
		while (*text && same((unsigned char)*text)) {
			char c = *text;

			if (!strncmp(text, "\xe2\x80\x99", 3)) {
				c = '\'';
				text += 2;
			} else if (c >= 'A' && c <= 'Z') {
				c = (char)(c - 'A' + 'a');
			}
			strbuf_addc(out, c);
			text++;
		}
		strbuf_addc(out, '\0');
		n++;
	}
	return n;
}

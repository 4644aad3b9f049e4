/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/text/label_extract.h"

#include <string.h>

#include "harness/base/str.h"
#include "harness/text/extract_parts.h"

const char *const extract_rule_name[EXTRACT_RULES] = { "A", "B", "strict", "flexible" };

const char *const extract_how_name[EXTRACT_HOW_COUNT] = {
	[EXTRACTED_WHOLE] = "whole",	 [EXTRACTED_SPAN] = "span",	[EXTRACTED_FIELD] = "field",
	[EXTRACTED_PATTERN] = "pattern", [EXTRACTED_MARKER] = "marker", [EXTRACTED_WORD] = "word",
	[EXTRACTED_DISTANCE] = "edit",	 [EXTRACTED_GIVEN] = "given",	[NOT_EMPTY] = "empty",
	[NOT_UTF8] = "not-utf8",	 [NOT_SHORT] = "too-long",	[NOT_THINKING] = "thinking",
	[NOT_ONE] = "several-labels",	 [NOT_NEGATED] = "negated",	[NOT_FOUND] = "no-label",
};

unsigned char ascii_lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool piece_begins(struct piece p, const char *word, bool any_case)
{
	for (size_t i = 0; word[i]; i++)
		if (i == p.n || (any_case ? (char)ascii_lower(p.s[i]) : p.s[i]) != word[i])
			return false;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct piece piece_trim(struct piece p)
{
	while (p.n && is_blank(p.s[0])) {
		p.s++;
		p.n--;
	}
	while (p.n && is_blank(p.s[p.n - 1]))
		p.n--;
	return p;
}

struct piece piece_from(struct piece p, size_t at)
{
	return (struct piece){ p.s + at, p.n - at };
}

size_t piece_find(struct piece p, const char *word, bool any_case)
{
	for (size_t i = 0; i < p.n; i++)
		if (piece_begins(piece_from(p, i), word, any_case))
			return i;
	return p.n;
}

/* Takes the quotes off that stand on both sides; false when there are none. */
static bool unquote(struct piece *p)
{
	static const char *const pair[][2] = { { "\"", "\"" },
					       { "'", "'" },
					       { "`", "`" },
					       { "\xe2\x80\x9c", "\xe2\x80\x9d" },
					       { "\xe2\x80\x98", "\xe2\x80\x99" } };

	for (size_t i = 0; i < sizeof(pair) / sizeof(pair[0]); i++) {
		const size_t a = strlen(pair[i][0]), b = strlen(pair[i][1]);

		if (p->n < a + b || memcmp(p->s, pair[i][0], a) != 0 ||
		    memcmp(p->s + p->n - b, pair[i][1], b) != 0)
			continue;
		*p = piece_trim((struct piece){ p->s + a, p->n - a - b });
		return true;
	}
	return false;
}

static bool same(struct piece p, const char *word)
{
	return word && strlen(word) == p.n && piece_begins(p, word, true);
}

int extract_whole(struct piece p, const struct label_words *words, bool aliases)
{
	bool stop = false;

	p = piece_trim(p);
	for (;;) {
		if (!stop && p.n && p.s[p.n - 1] == '.') {
			stop = true;
			p = piece_trim((struct piece){ p.s, p.n - 1 });
		} else if (!unquote(&p)) {
			break;
		}
	}
	for (int k = 0; k < words->n; k++)
		if (same(p, words->word[k]) ||
		    (aliases && ((words->other && same(p, words->other[k])) ||
				 (words->alias && same(p, words->alias[k])))))
			return k;
	if (words->letters && p.n == 1 && p.s[0] >= 'A' && p.s[0] < 'A' + words->n)
		return p.s[0] - 'A';
	return -1;
}

/* Why a reply cannot be looked at, or EXTRACT_HOW_COUNT. */
static enum extract_how unfit(struct piece text)
{
	if (!piece_trim(text).n)
		return NOT_EMPTY;
	if (text.n > EXTRACT_TEXT_MAX)
		return NOT_SHORT;
	return utf8_check(text.s, text.n) == text.n ? EXTRACT_HOW_COUNT : NOT_UTF8;
}

int label_extract(enum extract_rule rule, const char *text, const struct label_words *words,
		  struct extracted *out, struct err *err)
{
	const struct piece p = { text, strlen(text) };
	const enum extract_how why = unfit(p);

	*out = (struct extracted){ -1, NOT_FOUND };
	switch (rule) {
	case EXTRACT_A:
		*out = extract_a(p, words);
		return 0;
	case EXTRACT_B:
		return extract_b(p, words, out, err);
	case EXTRACT_STRICT:
		out->label = why == EXTRACT_HOW_COUNT ? extract_whole(p, words, false) : -1;
		out->how = out->label >= 0	     ? EXTRACTED_WHOLE
			   : why < EXTRACT_HOW_COUNT ? why
						     : NOT_FOUND;
		return 0;
	case EXTRACT_FLEXIBLE:
		if (why == EXTRACT_HOW_COUNT)
			return extract_flexible(p, words, out, err);
		out->how = why;
		return 0;
	case EXTRACT_RULES:
		break;
	}
	return err_set(err, ERR_INTERNAL, "no such rule of extraction");
}

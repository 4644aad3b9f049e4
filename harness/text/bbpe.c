/* SPDX-License-Identifier: Apache-2.0
 * The patterns are matched by hand: each is an ordered list of alternatives over three
 * character classes, so one look at the next one or two characters decides.
 */
#include "harness/text/bbpe.h"

#include <string.h>

#include "harness/text/unicode.h"

#define QUOTED "'s|'t|'re|'ve|'m|'ll|'d"
#define MARKS  " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define WORDS  "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"

const char *const bbpe_cut_name[BBPE_CUTS] = {
	[BBPE_GPT2] = "gpt-2",
	[BBPE_STARCODER] = "starcoder",
	[BBPE_LLAMA3] = "llama-3",
	[BBPE_QWEN2] = "qwen2",
};

const struct bbpe_pattern bbpe_patterns[] = {
	{ QUOTED "| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", BBPE_GPT2 },
	{ "(?i:" QUOTED ")|" WORDS "\\p{N}{1,3}|" MARKS, BBPE_LLAMA3 },
	{ "(?i:" QUOTED ")|" WORDS "\\p{N}|" MARKS, BBPE_QWEN2 },
	{ NULL, BBPE_GPT2 },
};

struct cursor {
	const char *s;
	size_t len;
};

/* Class of the character at `at` and its bytes; CHAR_SPACE with 0 bytes at the end. */
static enum char_class look(const struct cursor *c, size_t at, size_t *bytes)
{
	*bytes = 0;
	if (at >= c->len)
		return CHAR_SPACE;
	return char_class(char_next(c->s + at, c->len - at, bytes));
}

/* End of the run of one class that starts at `at`, of at most `most` characters. */
static size_t run_end(const struct cursor *c, size_t at, enum char_class class, size_t most)
{
	for (size_t bytes; most-- && at < c->len; at += bytes)
		if (look(c, at, &bytes) != class)
			break;
	return at;
}

static bool line_end(char c)
{
	return c == '\r' || c == '\n';
}

/* Bytes of the contraction behind an apostrophe; 0: none.  In any case also U+017F, which
 * folds to s. */
static size_t contraction(const char *s, size_t len, bool any_case)
{
	static const char *const two[] = { "re", "ve", "ll" };
	char a, b;

	if (len && strchr("stmd", (any_case && *s >= 'A' && *s <= 'Z') ? *s | 32 : *s) && *s)
		return 1;
	if (any_case && len >= 2 && !memcmp(s, "\xc5\xbf", 2))
		return 2;
	if (len < 2)
		return 0;
	a = any_case && s[0] >= 'A' && s[0] <= 'Z' ? (char)(s[0] | 32) : s[0];
	b = any_case && s[1] >= 'A' && s[1] <= 'Z' ? (char)(s[1] | 32) : s[1];
	for (size_t i = 0; i < sizeof(two) / sizeof(*two); i++)
		if (a == two[i][0] && b == two[i][1])
			return 2;
	return 0;
}

/* \s+(?!\S)|\s+: the last blank of a run is left to what follows it, if it is not the
 * only one. */
static size_t blanks_end(const struct cursor *c, size_t at)
{
	size_t end = run_end(c, at, CHAR_SPACE, SIZE_MAX), bytes;

	if (end == c->len)
		return end;
	char_before(c->s, end, &bytes);
	return end - bytes > at ? end - bytes : end;
}

static size_t gpt2_end(const struct cursor *c, size_t at)
{
	size_t first, start = at;
	enum char_class class = look(c, at, &first);

	if (c->s[at] == '\'') {
		size_t n = contraction(c->s + at + 1, c->len - at - 1, false);

		if (n)
			return at + 1 + n;
	}
	if (c->s[at] == ' ') {
		start = at + 1;
		class = look(c, start, &first);
	}
	if (class == CHAR_SPACE)
		return blanks_end(c, at);
	return run_end(c, start, class, SIZE_MAX);
}

/* Every number character is a piece; what is between is cut as GPT-2 does. */
static size_t starcoder_end(const struct cursor *c, size_t at)
{
	struct cursor part = *c;
	size_t bytes;

	if (look(c, at, &bytes) == CHAR_NUMBER)
		return at + bytes;
	/* gpt2_end() looks no further than one run of blanks: find a number only there */
	for (part.len = at; part.len < c->len; part.len += bytes)
		if (look(c, part.len, &bytes) != CHAR_SPACE)
			break;
	if (part.len == c->len || look(c, part.len, &bytes) != CHAR_NUMBER)
		part.len = c->len;
	return gpt2_end(&part, at);
}

/* With line ends in the run the piece goes to the last of them. */
static size_t lines_end(const struct cursor *c, size_t at)
{
	size_t end = run_end(c, at, CHAR_SPACE, SIZE_MAX), last = end;

	while (last > at && !line_end(c->s[last - 1]))
		last--;
	return last > at ? last : blanks_end(c, at);
}

static size_t llama3_end(const struct cursor *c, size_t at, size_t digits)
{
	size_t first, second, start = at;
	enum char_class class = look(c, at, &first), next = look(c, at + first, &second);

	if (c->s[at] == '\'') {
		size_t n = contraction(c->s + at + 1, c->len - at - 1, true);

		if (n)
			return at + 1 + n;
	}
	if (class == CHAR_LETTER)
		return run_end(c, at, CHAR_LETTER, SIZE_MAX);
	if (class == CHAR_NUMBER)
		return run_end(c, at, CHAR_NUMBER, digits);
	if (next == CHAR_LETTER && !line_end(c->s[at]))
		return run_end(c, at + first, CHAR_LETTER, SIZE_MAX);
	if (c->s[at] == ' ' && next == CHAR_OTHER)
		start = at + 1;
	else if (class == CHAR_SPACE)
		return lines_end(c, at);
	start = run_end(c, start, CHAR_OTHER, SIZE_MAX);
	while (start < c->len && line_end(c->s[start]))
		start++;
	return start;
}

size_t bbpe_piece_end(const char *s, size_t len, size_t at, enum bbpe_cut cut)
{
	const struct cursor c = { s, len };

	switch (cut) {
	case BBPE_STARCODER:
		return starcoder_end(&c, at);
	case BBPE_LLAMA3:
		return llama3_end(&c, at, 3);
	case BBPE_QWEN2:
		return llama3_end(&c, at, 1);
	case BBPE_GPT2:
	case BBPE_CUTS:
		break;
	}
	return gpt2_end(&c, at);
}

/* Printable Latin-1 stands for itself, the other 68 bytes from U+0100 on in their order. */
static bool printable(int32_t cp)
{
	return (cp >= 33 && cp <= 126) || (cp >= 161 && cp <= 255 && cp != 173);
}

int32_t bbpe_char(unsigned char byte)
{
	if (printable(byte))
		return byte;
	return 256 + (byte < 33 ? byte : byte < 161 ? byte - 127 + 33 : 67);
}

bool bbpe_bytes(const char *s, size_t len, struct strbuf *out)
{
	const size_t before = out->len;

	for (size_t bytes; len; s += bytes, len -= bytes) {
		int32_t cp = char_next(s, len, &bytes);

		if (cp >= 256 && cp < 256 + 68)
			cp = cp - 256 < 33 ? cp - 256 : cp - 256 < 67 ? cp - 256 - 33 + 127 : 173;
		else if (!printable(cp)) {
			out->len = before;
			return false;
		}
		strbuf_addc(out, (char)cp);
	}
	return true;
}

/* SPDX-License-Identifier: Apache-2.0
 * Cutting of texts for byte-level BPE: against a backtracking matcher of the published
 * patterns, over every short text and many long ones; character classes; bytes as letters.
 */
#include "tests/test.h"

#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "harness/text/bbpe.h"
#include "harness/text/unicode.h"

/* --- a matcher for the part of regular expressions that the patterns use --- */

struct text {
	int32_t cp[64];
	size_t at[65]; /* byte offset of each character; the last: the end */
	int n;
};

static bool has_class(const char *s, int32_t cp)
{
	switch (s[0]) {
	case 's':
		return char_class(cp) == CHAR_SPACE;
	case 'S':
		return char_class(cp) != CHAR_SPACE;
	case 'r':
		return cp == '\r';
	case 'n':
		return cp == '\n';
	default:
		return char_class(cp) == (s[2] == 'L' ? CHAR_LETTER : CHAR_NUMBER);
	}
}

static size_t class_len(const char *s)
{
	return *s == 'p' ? 4 : 1;
}

/* Length of the atom at p. */
static size_t atom_len(const char *p)
{
	if (*p == '[')
		return (size_t)(strchr(p, ']') - p) + 1;
	if (*p == '(')
		return (size_t)(strchr(p, ')') - p) + 1;
	return *p == '\\' ? 1 + class_len(p + 1) : 1;
}

static bool atom_takes(const char *p, int32_t cp, bool any_case)
{
	if (*p == '[') {
		const bool without = p[1] == '^';

		for (p += 1 + without; *p != ']'; p += 1 + class_len(p + 1))
			if (has_class(p + 1, cp))
				return !without;
		return without;
	}
	if (*p == '\\')
		return has_class(p + 1, cp);
	if (any_case && cp == 0x17f)
		cp = 's';
	if (any_case && cp >= 'A' && cp <= 'Z')
		cp |= 32;
	return cp == *p;
}

/* End of the longest-first match of [p, end) at character i; -1: none. */
static int match(const char *p, const char *end, const struct text *t, int i, bool any_case)
{
	const size_t n = p < end ? atom_len(p) : 0;
	const char *rest = p + n;
	int least = 1, most = 1, count = 0;

	if (p == end)
		return i;
	if (!strncmp(p, "(?!", 3))
		return i < t->n && has_class("S", t->cp[i]) ? -1 : match(rest, end, t, i, any_case);
	if (*p == '(') {
		for (const char *a = p + 4, *b; a < rest; a = b + 1) {
			int got;

			b = a + strcspn(a, "|)");
			got = match(a, b, t, i, true);
			if (got >= 0)
				return match(rest, end, t, got, any_case);
		}
		return -1;
	}
	if (rest < end && strchr("?+*{", *rest)) {
		least = *rest == '+' || *rest == '{';
		most = *rest == '?' ? 1 : *rest == '{' ? 3 : 1000;
		rest += *rest == '{' ? strlen("{1,3}") : 1;
	}
	while (count < most && i + count < t->n && atom_takes(p, t->cp[i + count], any_case))
		count++;
	for (; count >= least; count--) {
		const int got = match(rest, end, t, i + count, any_case);

		if (got >= 0)
			return got;
	}
	return -1;
}

/* The first alternative that matches wins. */
static int match_pattern(const char *regex, const struct text *t, int i)
{
	for (const char *p = regex, *end; *p; p = *end ? end + 1 : end) {
		int depth = 0, got;

		for (end = p; *end && (*end != '|' || depth); end++)
			depth += (*end == '(') - (*end == ')');
		got = match(p, end, t, i, false);
		if (got > i)
			return got;
	}
	return -1;
}

static const char *regex_of(enum bbpe_cut cut)
{
	for (const struct bbpe_pattern *p = bbpe_patterns; p->regex; p++)
		if (p->cut == cut)
			return p->regex;
	return NULL;
}

/* StarCoder has no pattern of its own: numbers alone, GPT-2's between them. */
static int twin_end(const struct text *t, int i, enum bbpe_cut cut)
{
	struct text part = *t;

	if (cut != BBPE_STARCODER)
		return match_pattern(regex_of(cut), t, i);
	if (char_class(t->cp[i]) == CHAR_NUMBER)
		return i + 1;
	for (part.n = i; part.n < t->n && char_class(t->cp[part.n]) != CHAR_NUMBER;)
		part.n++;
	return match_pattern(regex_of(BBPE_GPT2), &part, i);
}

static const char *const alphabet[] = {
	" ",
	"\n",
	"\r",
	"\t",
	"a",
	"S",
	"l",
	"L",
	"'",
	"1",
	"!",
	"\xc2\xa0",
	"\xc3\xa9",
	"\xc2\xbd",
	"\xff",
	"\xc2\x85",
	"\xe6\x88\x91",
	"\xc5\xbf",
	"\xcc\x81",
	"\xf0\x9f\xa4\x96",
	"re",
	"v",
	"e",
};
#define LETTERS ((int)ARRAY_LEN(alphabet))

static void check_text(const int *letter, int n)
{
	struct text t = { .n = 0 };
	char s[128];
	size_t len = 0, bytes;

	for (int i = 0; i < n; i++) {
		memcpy(s + len, alphabet[letter[i]], strlen(alphabet[letter[i]]));
		len += strlen(alphabet[letter[i]]);
	}
	for (size_t at = 0; at < len; at += bytes) {
		t.at[t.n] = at;
		t.cp[t.n++] = char_next(s + at, len - at, &bytes);
	}
	t.at[t.n] = len;
	for (int cut = 0; cut < BBPE_CUTS; cut++)
		for (int i = 0, end; i < t.n; i = end) {
			const size_t got = bbpe_piece_end(s, len, t.at[i], (enum bbpe_cut)cut);

			end = twin_end(&t, i, (enum bbpe_cut)cut);
			CHECK(end > i);
			if (t.at[end] != got)
				fail_msg("%s: '%.*s' from byte %zu: to %zu, wanted %zu",
					 bbpe_cut_name[cut], (int)len, s, t.at[i], got, t.at[end]);
		}
}

static void test_every_short_text(void **state)
{
	int letter[4] = { 0 };

	(void)state;
	for (int n = 1; n <= 4; n++) {
		int total = 1;

		for (int i = 0; i < n; i++)
			total *= LETTERS;
		for (int k = 0; k < total; k++) {
			for (int i = 0, rest = k; i < n; i++, rest /= LETTERS)
				letter[i] = rest % LETTERS;
			check_text(letter, n);
		}
	}
}

static void test_long_texts(void **state)
{
	struct rng r;
	int letter[20];

	(void)state;
	rng_seed(&r, 5, 0);
	for (int k = 0; k < 60000; k++) {
		const int n = 5 + (int)rng_below(&r, 16),
			  kinds = 2 + (int)rng_below(&r, LETTERS - 1);

		for (int i = 0; i < n; i++)
			letter[i] = (int)rng_below(&r, (uint64_t)kinds);
		check_text(letter, n);
	}
}

static void test_classes(void **state)
{
	static const struct {
		int32_t cp;
		enum char_class class;
	} known[] = {
		{ 0x1680, CHAR_SPACE },	 { 0x2028, CHAR_SPACE },  { 0x202f, CHAR_SPACE },
		{ 0x3000, CHAR_SPACE },	 { 0x200b, CHAR_OTHER },  { 0x1f, CHAR_OTHER },
		{ 0x180e, CHAR_OTHER },	 { 0xfeff, CHAR_OTHER },  { 0x0b, CHAR_SPACE },
		{ 0x0663, CHAR_NUMBER }, { 0x2167, CHAR_NUMBER }, { 0xb2, CHAR_NUMBER },
		{ 0x2460, CHAR_NUMBER }, { 0xaa, CHAR_LETTER },	  { 0x1c5, CHAR_LETTER },
		{ 0x2b0, CHAR_LETTER },	 { 0xac00, CHAR_LETTER }, { 0x0e31, CHAR_OTHER },
		{ 0x5f, CHAR_OTHER },	 { -1, CHAR_OTHER },	  { 0x10ffff, CHAR_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (char_class(known[i].cp) != known[i].class)
			fail_msg("U+%04X is of class %d", (unsigned)known[i].cp,
				 (int)char_class(known[i].cp));
}

static void test_before(void **state)
{
	static const char s[] = "a\xc3\xa9\xe6\x88\x91\xf0\x9f\xa4\x96\x80\xe6\x88";
	size_t at = sizeof(s) - 1, bytes;
	static const int32_t want[] = { -1, -1, -1, 0x1f916, 0x6211, 0xe9, 'a' };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(want); i++, at -= bytes)
		CHECK(char_before(s, at, &bytes) == want[i]);
	CHECK(at == 0);
}

static void test_nfc(void **state)
{
	static const char *const pair[][2] = {
		{ "plain", "plain" },
		{ "e\xcc\x81", "\xc3\xa9" },
		{ "\xe2\x84\xab", "\xc3\x85" },				    /* angstrom */
		{ "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xed\x95\x9c" }, /* jamo */
		{ "q\xcc\x87\xcc\xa3", "q\xcc\xa3\xcc\x87" },		    /* order */
		{ "e\xcc\x81\xff"
		  "e\xcc\x81\xf0\x9f",
		  "\xc3\xa9\xff\xc3\xa9\xf0\x9f" }, /* bytes stay */
		{ "\xef\xac\x81", "\xef\xac\x81" }, /* fi: not K */
	};
	struct strbuf b = { 0 };
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pair); i++) {
		strbuf_reset(&b);
		text_nfc(pair[i][0], strlen(pair[i][0]), &b, &err);
		CHECK_OK(&err);
		assert_string_equal(strbuf_str(&b), pair[i][1]);
	}
	strbuf_free(&b);
}

static void test_bytes(void **state)
{
	struct strbuf b = { 0 };
	bool seen[512] = { false };
	char s[4];

	(void)state;
	for (int i = 0; i < 256; i++) {
		const int32_t cp = bbpe_char((unsigned char)i);

		CHECK(cp > 32 && cp < 256 + 68 && !seen[cp]);
		seen[cp] = true;
		strbuf_reset(&b);
		CHECK(bbpe_bytes(s, utf8_encode(cp, s), &b));
		CHECK(b.len == 1 && (unsigned char)b.s[0] == i);
	}
	CHECK(bbpe_char(' ') == 0x120 && bbpe_char('\n') == 0x10a && bbpe_char(0xad) == 0x143);
	CHECK(!bbpe_bytes("a b", 3, &b) && !bbpe_bytes("\xff", 1, &b) && b.len == 1);
	strbuf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_short_text),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_before),
		cmocka_unit_test(test_nfc),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}

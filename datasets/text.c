/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/text.h"

#include <string.h>

/* Code points of the bytes 0x80..0x9f in cp1252; 0: undefined there. */
static const unsigned short cp1252[32] = {
	0x20ac, 0,	0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
	0x2039, 0x0152, 0,	0x017d, 0,	0,	0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
	0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,	0x017e, 0x0178,
};

/* U+0080..U+009F is C2 80..C2 9F in UTF-8. */
static const char *find_c1(const char *s)
{
	for (; (s = strchr(s, 0xc2)); s++)
		if ((unsigned char)s[1] >= 0x80 && (unsigned char)s[1] <= 0x9f)
			return s;
	return NULL;
}

const char *text_fix_c1(const char *s, long line, struct arena *mem, struct c1_count *count)
{
	const char *hit = find_c1(s);
	struct strbuf b = { 0 };
	const char *copy;

	if (!hit)
		return s;
	count->lines++;
	if (!count->first_line)
		count->first_line = line;
	for (; hit; hit = find_c1(s)) {
		int k = (unsigned char)hit[1] - 0x80;
		char utf[4];

		strbuf_addn(&b, s, (size_t)(hit - s));
		strbuf_addn(&b, utf, utf8_encode(cp1252[k] ? cp1252[k] : 0x80 + k, utf));
		count->n[k]++;
		s = hit + 2;
	}
	strbuf_add(&b, s);
	copy = b.oom ? NULL : arena_strdup(mem, strbuf_str(&b));
	strbuf_free(&b);
	return copy;
}

void text_describe_c1(const struct c1_count *count, struct strbuf *out)
{
	long total = 0;

	for (int k = 0; k < 32; k++)
		total += count->n[k];
	strbuf_addf(out, "%ld in %ld lines:", total, count->lines);
	for (int k = 0; k < 32; k++)
		if (count->n[k])
			strbuf_addf(out, " U+%04X x%ld", 0x80 + (unsigned)k, count->n[k]);
}

int text_words(const char *s)
{
	int n = 0;

	for (s += strspn(s, " \t\n"); *s; s += strspn(s, " \t\n"), n++)
		s += strcspn(s, " \t\n");
	return n;
}

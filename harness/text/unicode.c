/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/text/unicode.h"

#include <stdlib.h>
#include <utf8proc.h>

enum char_class char_class(int32_t cp)
{
	if (cp < 0)
		return CHAR_OTHER;
	if (cp < 0x80) {
		if ((cp | 32) >= 'a' && (cp | 32) <= 'z')
			return CHAR_LETTER;
		if (cp >= '0' && cp <= '9')
			return CHAR_NUMBER;
		return cp == ' ' || (cp >= '\t' && cp <= '\r') ? CHAR_SPACE : CHAR_OTHER;
	}
	if (cp == 0x85)
		return CHAR_SPACE;
	switch ((int)utf8proc_category(cp)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
		return CHAR_LETTER;
	case UTF8PROC_CATEGORY_ND:
	case UTF8PROC_CATEGORY_NL:
	case UTF8PROC_CATEGORY_NO:
		return CHAR_NUMBER;
	case UTF8PROC_CATEGORY_ZS:
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP:
		return CHAR_SPACE;
	default:
		return CHAR_OTHER;
	}
}

int32_t char_next(const char *s, size_t n, size_t *len)
{
	int32_t cp;

	*len = 1;
	if (!((unsigned char)*s & 0x80))
		return (unsigned char)*s;
	cp = utf8_decode(s, n, len);
	if (cp < 0)
		*len = 1;
	return cp;
}

int32_t char_before(const char *s, size_t at, size_t *len)
{
	for (size_t back = 1; back <= 4 && back <= at; back++) {
		int32_t cp = char_next(s + at - back, back, len);

		if (cp >= 0 && *len == back)
			return cp;
	}
	*len = 1;
	return -1;
}

/* Below U+0300 every character is its own normal form and nothing combines. */
static size_t plain_run(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && (unsigned char)s[i] < 0xcc)
		i++;
	return i;
}

int text_nfc(const char *s, size_t n, struct strbuf *out, struct err *err)
{
	if (plain_run(s, n) == n) {
		strbuf_addn(out, s, n);
		return out->oom ? err_set(err, ERR_NOMEM, "normal form: no memory") : 0;
	}
	while (n) {
		size_t valid = utf8_check(s, n);
		utf8proc_uint8_t *to = NULL;
		utf8proc_ssize_t got =
			valid ? utf8proc_map((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)valid,
					     &to, UTF8PROC_STABLE | UTF8PROC_COMPOSE)
			      : 0;

		if (got < 0)
			return err_set(err, ERR_NOMEM, "normal form: %s", utf8proc_errmsg(got));
		if (to)
			strbuf_addn(out, (const char *)to, (size_t)got);
		free(to);
		s += valid;
		n -= valid;
		for (size_t len; n && char_next(s, n, &len) < 0; s++, n--)
			strbuf_addc(out, *s);
	}
	return out->oom ? err_set(err, ERR_NOMEM, "normal form: no memory") : 0;
}

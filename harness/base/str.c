/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"

static bool strbuf_room(struct strbuf *b, size_t more)
{
	if (b->oom || more > SIZE_MAX - b->len - 1 ||
	    !GROW_ARRAY(b->s, b->cap, b->len + more + 1)) {
		b->oom = true;
		return false;
	}
	return true;
}

void strbuf_addn(struct strbuf *b, const char *s, size_t n)
{
	if (!strbuf_room(b, n))
		return;
	memcpy(b->s + b->len, s, n);
	b->len += n;
	b->s[b->len] = '\0';
}

void strbuf_add(struct strbuf *b, const char *s)
{
	strbuf_addn(b, s, strlen(s));
}

void strbuf_addc(struct strbuf *b, char c)
{
	strbuf_addn(b, &c, 1);
}

void strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n >= 0 && strbuf_room(b, (size_t)n)) {
		vsnprintf(b->s + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

void strbuf_add_valid(struct strbuf *b, const char *s, size_t n)
{
	while (n) {
		const size_t good = utf8_check(s, strnlen(s, n)), bad = good < n;

		strbuf_addn(b, s, good);
		strbuf_add(b, bad ? "\xef\xbf\xbd" : "");
		s += good + bad;
		n -= good + bad;
	}
}

void strbuf_reset(struct strbuf *b)
{
	b->len = 0;
	b->oom = false;
	if (b->s)
		b->s[0] = '\0';
}

void strbuf_free(struct strbuf *b)
{
	free(b->s);
	*b = (struct strbuf){ 0 };
}

const char *strbuf_str(const struct strbuf *b)
{
	return b->s ? b->s : "";
}

char *str_dup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = malloc(n);

	if (p)
		memcpy(p, s, n);
	return p;
}

bool str_copy(char *dst, size_t size, const char *src)
{
	size_t n = strlen(src);

	if (n >= size) {
		if (size)
			dst[0] = '\0';
		return false;
	}
	memcpy(dst, src, n + 1);
	return true;
}

bool str_format(char *dst, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(dst, size, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= size) {
		if (size)
			dst[0] = '\0';
		return false;
	}
	return true;
}

char *path_join(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	bool slash = na && a[na - 1] != '/';
	char *p = malloc(na + nb + 2);

	if (!p)
		return NULL;
	memcpy(p, a, na);
	if (slash)
		p[na++] = '/';
	memcpy(p + na, b, nb + 1);
	return p;
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

bool str_is_name(const char *s)
{
	if (!*s || *s == '.' || *s == ' ')
		return false;
	for (; *s; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
		      (*s >= '0' && *s <= '9') || strchr("._-+() ", *s)))
			return false;
	return true;
}

bool str_same_words(const char *a, const char *b)
{
	for (;;) {
		a += strspn(a, " \t");
		b += strspn(b, " \t");
		while (*a && *a != ' ' && *a != '\t') {
			if (*a++ != *b++)
				return false;
		}
		if (*b && *b != ' ' && *b != '\t')
			return false;
		if (!*a && !*b)
			return true;
	}
}

int parse_i64(const char *s, int64_t min, int64_t max, const char *what, int64_t *out,
	      struct err *err)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(s, &end, 10);
	if (!*s || *end || isspace((unsigned char)*s) || errno)
		return err_set(err, ERR_ARG, "%s: '%s' is not a whole number", what, s);
	if (v < min || v > max)
		return err_set(err, ERR_ARG, "%s: %lld is outside %" PRId64 "..%" PRId64, what, v,
			       min, max);
	*out = v;
	return 0;
}

int parse_f64(const char *s, double min, double max, const char *what, double *out, struct err *err)
{
	char *end;
	double v;

	errno = 0;
	v = strtod(s, &end);
	if (!*s || *end || isspace((unsigned char)*s) || errno == ERANGE || v != v)
		return err_set(err, ERR_ARG, "%s: '%s' is not a number", what, s);
	if (v < min || v > max)
		return err_set(err, ERR_ARG, "%s: %g is outside %g..%g", what, v, min, max);
	*out = v;
	return 0;
}

int32_t utf8_decode(const char *str, size_t n, size_t *len)
{
	const unsigned char *s = (const unsigned char *)str;
	static const int32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t need = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	int32_t cp;

	*len = 1;
	if (need == 1)
		return s[0];
	if (s[0] < 0xc2 || s[0] > 0xf4 || need > n)
		return -1;
	cp = s[0] & (0x7f >> need);
	for (size_t i = 1; i < need; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return -1;
		cp = cp << 6 | (s[i] & 0x3f);
	}
	if (cp < least[need] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return -1;
	*len = need;
	return cp;
}

size_t utf8_check(const char *s, size_t n)
{
	size_t i = 0, len;

	while (i < n) {
		if (utf8_decode(s + i, n - i, &len) < 0)
			return i;
		i += len;
	}
	return n;
}

bool utf8_commands(int32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (cp >= 0x2028 && cp <= 0x202e) ||
	       (cp >= 0x2066 && cp <= 0x2069);
}

void utf8_tame(char *s)
{
	char *to = s;
	size_t len;

	for (size_t n = strlen(s); n; s += len, n -= len) {
		const int32_t cp = utf8_decode(s, n, &len);

		if (cp < 0)
			len = 1;
		if (cp == '\n' || cp == '\t') {
			*to++ = ' ';
		} else if (cp < 0 || utf8_commands(cp)) {
			*to++ = '?';
		} else {
			memmove(to, s, len);
			to += len;
		}
	}
	*to = '\0';
}

size_t utf8_encode(int32_t cp, char out[4])
{
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xc0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (char)(0xe0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		out[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	out[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}

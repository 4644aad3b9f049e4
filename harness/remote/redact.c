/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/redact.h"

#include <string.h>
#include <strings.h>

/* How many bytes of text spell the secret, 0: they do not. */
static size_t spelled(const char *text, size_t n, const char *secret)
{
	size_t at = 0;

	for (const char *s = secret; *s; s++, at++) {
		while (s != secret && at < n && text[at] == '\\' && *s != '\\')
			at++;
		if (at == n || text[at] != *s)
			return 0;
	}
	return at;
}

void redact_secret(struct strbuf *out, const char *text, size_t n, const char *secret)
{
	size_t done = 0;

	for (size_t i = 0; secret && *secret && i < n;) {
		const char *hit = memchr(text + i, *secret, n - i);
		size_t len;

		if (!hit)
			break;
		i = (size_t)(hit - text);
		len = spelled(hit, n - i, secret);
		if (len) {
			strbuf_addn(out, text + done, i - done);
			strbuf_add(out, REDACTED);
			done = i + len;
		}
		i += len ? len : 1;
	}
	strbuf_addn(out, text + done, n - done);
}

/* The name of a header or scheme that a secret follows: its length, 0 if none begins here. */
static size_t secret_header(const char *s)
{
	static const char *const name[] = { "authorization", "proxy-authorization",
					    "cookie",	     "set-cookie",
					    "bearer",	     "x-api-key",
					    "api-key" };

	for (size_t i = 0; i < sizeof(name) / sizeof(*name); i++)
		if (!strncasecmp(s, name[i], strlen(name[i])))
			return strlen(name[i]);
	return 0;
}

/* At "scheme://": appends the URL without user and query; returns what of s it used. */
static size_t add_url(struct strbuf *out, const char *s)
{
	size_t len = 3 + strcspn(s + 3, " \t\r\n\"'<>"), start = 3;
	size_t host = 3 + strcspn(s + 3, "/?# \t\r\n\"'<>"), query = strcspn(s, "?");

	for (size_t i = 3; i < host; i++)
		if (s[i] == '@')
			start = i + 1;
	strbuf_add(out, "://");
	if (start > 3)
		strbuf_add(out, REDACTED "@");
	strbuf_addn(out, s + start, (query < len ? query : len) - start);
	if (query < len)
		strbuf_add(out, "?" REDACTED);
	return len;
}

static void add_clean(struct strbuf *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t len = 1;

		if (!(s[i] & 0x80) && ((unsigned char)s[i] < 0x20 || s[i] == 0x7f))
			strbuf_addc(out, s[i] == '\n' || s[i] == '\t' ? ' ' : '?');
		else if (utf8_decode(s + i, n - i, &len) < 0)
			strbuf_addc(out, '?');
		else
			strbuf_addn(out, s + i, len);
		i += len ? len : 1;
	}
}

void redact_message(struct strbuf *out, const char *text, size_t n, const char *secret, size_t max)
{
	struct strbuf known = { 0 }, plain = { 0 };
	size_t end;

	redact_secret(&known, text, n, secret);
	for (const char *s = strbuf_str(&known); *s;) {
		size_t len = secret_header(s);

		if (len) {
			strbuf_addn(&plain, s, len);
			s += len;
			if (*s && *s != '\n') {
				strbuf_add(&plain, " " REDACTED);
				s += strcspn(s, "\r\n");
			}
		} else if (str_starts(s, "://")) {
			s += add_url(&plain, s);
		} else {
			strbuf_addc(&plain, *s++);
		}
	}
	for (end = plain.len < max ? plain.len : max;
	     end && end < plain.len && (plain.s[end] & 0xc0) == 0x80;)
		end--;
	add_clean(out, strbuf_str(&plain), end);
	if (end < plain.len)
		strbuf_add(out, "…");
	out->oom |= known.oom || plain.oom;
	strbuf_free(&known);
	strbuf_free(&plain);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/redact.h"

#include <string.h>
#include <strings.h>

#define LAYERS		 16 /* of escapes around one character: each position looks at a bounded text */
#define HALF_MIN	 8  /* characters of half a secret that is taken for it, at least */
#define CUT_MIN		 6  /* the same at the end of a text that was cut off */
#define LONGEST_SPELLING 24 /* of one character */

/* What is looked for where. */
struct search {
	const char *text, *secret;
	size_t n, len;
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Whether `digits` hexadecimal digits at `at` are the number. */
static bool hex_is(const struct search *x, size_t at, int digits, unsigned char want)
{
	unsigned v = 0;

	for (int i = 0; i < digits; i++, at++) {
		if (at >= x->n || hex_digit(x->text[at]) < 0)
			return false;
		v = v << 4 | (unsigned)hex_digit(x->text[at]);
	}
	return v == want;
}

/* Length of "&amp;" or the like at `at` for the character, 0: it is not there. */
static size_t named_entity(const struct search *x, size_t at, char want)
{
	static const struct {
		char c;
		const char *name;
	} row[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '\'', "&apos;" } };

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		const size_t n = strlen(row[i].name);

		if (row[i].c == want && x->n - at >= n && !memcmp(x->text + at, row[i].name, n))
			return n;
	}
	return 0;
}

/* Length of "&#N;" or "&#xN;" at `at` for the character, 0: it is not there. */
static size_t entity(const struct search *x, size_t at, unsigned char want)
{
	const char *s = x->text + at;
	const bool hex = x->n - at > 3 && (s[2] | 0x20) == 'x';
	size_t i = hex ? 3 : 2;
	unsigned v = 0;

	if (x->n - at < 4 || s[1] != '#')
		return 0;
	for (; at + i < x->n && s[i] != ';' && i < 10; i++) {
		const int d = hex_digit(s[i]);

		if (d < 0 || (!hex && d > 9))
			return 0;
		v = v * (hex ? 16 : 10) + (unsigned)d;
	}
	return at + i < x->n && s[i] == ';' && v == want ? i + 1 : 0;
}

/* How many bytes at `at` spell one character, in one of the ways that text carries it; 0: none. */
static size_t character(const struct search *x, size_t at, char want)
{
	const unsigned char w = (unsigned char)want;
	const size_t from = at;

	while (at < x->n && at - from < LAYERS && x->text[at] == '\\' && want != '\\')
		at++;
	if (at >= x->n)
		return 0;
	if (at > from && x->text[at] == 'u' && hex_is(x, at + 1, 4, w))
		return at - from + 5;
	if (at > from && x->text[at] == 'x' && hex_is(x, at + 1, 2, w))
		return at - from + 3;
	if (x->text[at] == '&' && named_entity(x, at, want))
		return at - from + named_entity(x, at, want);
	if (x->text[at] == '&' && entity(x, at, w))
		return at - from + entity(x, at, w);
	if (x->text[at] == '%') {
		const size_t percent = at;

		/* encoded twice, the percent sign is %25 */
		for (int k = 0; k < LAYERS && hex_is(x, at + 1, 2, '%') &&
				(want != '%' || hex_is(x, at + 3, 2, '%'));
		     k++)
			at += 2;
		if (hex_is(x, at + 1, 2, w))
			return at - from + 3;
		at = percent;
	}
	return x->text[at] == want ? at - from + 1 : 0;
}

/* Whether i characters of a secret that does not go on at `at` give it away: all of them, half of
 * them, or those that stand where the text was cut off. */
static bool gives_away(const struct search *x, size_t i, size_t at)
{
	const size_t left = x->n - at;
	/* of the spelling of one more character */
	const bool begun = left < LONGEST_SPELLING && (left < 2 || strchr("%&\\", x->text[at]));

	return i == x->len || (i >= HALF_MIN && i >= x->len / 2) || (i >= CUT_MIN && begun);
}

static size_t literal(const struct search *x, size_t from)
{
	size_t i = 0;

	while (i < x->len && from + i < x->n && x->text[from + i] == x->secret[i])
		i++;
	return gives_away(x, i, from + i) ? i : 0;
}

static size_t plain(const struct search *x, size_t from)
{
	size_t at = from, i = 0, n;

	for (; i < x->len && (n = character(x, at, x->secret[i])) > 0; i++)
		at += n;
	return gives_away(x, i, at) ? at - from : 0;
}

/* Two digits a byte, perhaps with one character between bytes. */
static size_t hexadecimal(const struct search *x, size_t from)
{
	size_t at = from, i = 0;

	for (; i < x->len; i++) {
		const size_t apart = i && at < x->n && strchr(": -,", x->text[at]) ? 1 : 0;

		if (!hex_is(x, at + apart, 2, (unsigned char)x->secret[i]))
			break;
		at += apart + 2;
	}
	return gives_away(x, i, at) ? at - from : 0;
}

static const char alphabet[2][65] = {
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

static bool is_base64(char c)
{
	return c && (strchr(alphabet[0], c) || strchr(alphabet[1], c));
}

/* The six bits of the secret from this one on. */
static unsigned six_bits(const struct search *x, size_t bit)
{
	const unsigned char *s = (const unsigned char *)x->secret + bit / 8;
	const unsigned next = bit / 8 + 1 < x->len ? s[1] : 0;

	return ((unsigned)s[0] << 8 | next) >> (10 - bit % 8) & 63;
}

static size_t line_breaks(const struct search *x, size_t at)
{
	const size_t from = at;

	for (;;) {
		if (at < x->n && (x->text[at] == '\r' || x->text[at] == '\n'))
			at++;
		else if (at + 1 < x->n && x->text[at] == '\\' && strchr("rn", x->text[at + 1]))
			at += 2;
		else
			return at - from;
	}
}

/* The digits that hold nothing but the secret, from this bit of it on. */
static size_t base64(const struct search *x, size_t from, size_t bit)
{
	const size_t bits = 8 * x->len;
	size_t at = from;

	for (; bit + 6 <= bits; bit += 6) {
		const unsigned v = six_bits(x, bit);
		size_t n = 0, breaks = at > from ? line_breaks(x, at) : 0;

		for (int k = 0; k < 2 && !n; k++)
			n = character(x, at + breaks, alphabet[k][v]);
		if (!n)
			return gives_away(x, bit / 8, at) ? at - from : 0;
		at += breaks + n;
	}
	if (at == from)
		return 0;
	/* what of it shares a digit with what follows, and padding */
	at += bit < bits && at < x->n && is_base64(x->text[at]);
	for (size_t n = 1; n;) {
		n = character(x, at, '=');
		at += n;
	}
	return at - from;
}

/* Where in its first byte the first digit of its own begins, by how many bytes stand before it in
 * a group of three. */
static const size_t first_bit[] = { 0, 4, 2 };

/* Marks what any spelling may begin with. */
static void mark_beginnings(const struct search *x, bool begins[256])
{
	static const char digit[] = "0123456789abcdef0123456789ABCDEF";
	const unsigned char c = (unsigned char)*x->secret;

	memset(begins, 0, 256);
	begins[c] = begins['\\'] = begins['%'] = begins['&'] = true;
	begins[(unsigned char)digit[c >> 4]] = begins[(unsigned char)digit[16 + (c >> 4)]] = true;
	for (size_t k = 0; k < 3; k++)
		for (int i = 0; i < 2; i++)
			begins[(unsigned char)alphabet[i][six_bits(x, first_bit[k])]] = true;
}

/* How many bytes at `at` spell the secret in some way; 0: they do not.  *back: so many before them
 * share bits with it. */
static size_t spelled(const struct search *x, size_t at, size_t *back)
{
	const size_t as_it_is = literal(x, at), spelt = plain(x, at);
	size_t n = as_it_is > spelt ? as_it_is : spelt;

	*back = 0;
	if (!n)
		n = hexadecimal(x, at);
	for (size_t k = 0; k < 3 && !n; k++) {
		n = base64(x, at, first_bit[k]);
		*back = n && k && at && is_base64(x->text[at - 1]);
	}
	return n;
}

void redact_secret(struct strbuf *out, const char *text, size_t n, const char *secret)
{
	const struct search x = { text, secret, n, secret ? strlen(secret) : 0 };
	bool begins[256];
	size_t done = 0;

	if (x.len < SECRET_MIN) {
		strbuf_addn(out, text, n);
		return;
	}
	mark_beginnings(&x, begins);
	for (size_t i = 0; i < n;) {
		size_t back, len = begins[(unsigned char)text[i]] ? spelled(&x, i, &back) : 0;

		if (len) {
			back = i > done ? back : 0;
			strbuf_addn(out, text + done, i - back - done);
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
	const size_t len = 3 + strcspn(s + 3, " \t\r\n\"'<>");
	const size_t host = 3 + strcspn(s + 3, "/?# \t\r\n\"'<>");
	const char *mark = memchr(s, '?', len);
	const size_t query = mark ? (size_t)(mark - s) : len;
	size_t start = 3;

	for (size_t i = 3; i < host; i++)
		if (s[i] == '@')
			start = i + 1;
	strbuf_add(out, "://");
	if (start > 3)
		strbuf_add(out, REDACTED "@");
	strbuf_addn(out, s + start, query - start);
	if (query < len)
		strbuf_add(out, "?" REDACTED);
	return len;
}

static void add_clean(struct strbuf *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t len = 1;

		const int32_t cp = utf8_decode(s + i, n - i, &len);

		if (cp == '\n' || cp == '\t')
			strbuf_addc(out, ' ');
		else if (cp < 0 || utf8_commands(cp))
			strbuf_addc(out, '?');
		else
			strbuf_addn(out, s + i, len);
		i += cp < 0 ? 1 : len;
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

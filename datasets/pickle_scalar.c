/* SPDX-License-Identifier: Apache-2.0
 * Instructions of a pickle that push one number, string or bytes, in the text
 * forms of protocol 0 and the binary forms of the later ones; and the refusal of all unknown ones.
 */
#include "datasets/pickle_machine.h"

#include <math.h>
#include <string.h>

#include "harness/base/str.h"

static int push_int(struct machine *m, enum pickle_kind kind, int64_t i)
{
	struct pickle_value *v = pickle_new(m, kind);

	if (v)
		v->u.integer = i;
	return pickle_push(m, v);
}

static int push_float(struct machine *m, double d)
{
	struct pickle_value *v = pickle_new(m, PICKLE_FLOAT);

	if (v)
		v->u.number = d;
	return pickle_push(m, v);
}

/* A string or bytes with a length of `width` bytes before it. */
static int push_counted(struct machine *m, enum pickle_kind kind, int width)
{
	const unsigned char *p;
	uint64_t n;

	if (pickle_take_number(m, width, &n))
		return m->err->code;
	p = pickle_take(m, n);
	return p ? pickle_push(m, pickle_new_data(m, kind, p, (size_t)n)) : m->err->code;
}

/* Two's complement of n bytes, at most 8 of them significant. */
static int push_long(struct machine *m, int width)
{
	const unsigned char *p;
	uint64_t n, v = 0;
	unsigned char sign;

	if (pickle_take_number(m, width, &n))
		return m->err->code;
	p = pickle_take(m, n);
	if (!p)
		return m->err->code;
	sign = n && p[n - 1] & 0x80 ? 0xff : 0;
	for (uint64_t i = 8; i < n; i++)
		if (p[i] != sign)
			return pickle_fail(m, "a whole number of more than 64 bits");
	if (n > 8 && ((p[7] ^ sign) & 0x80))
		return pickle_fail(m, "a whole number of more than 64 bits");
	for (int i = 7; i >= 0; i--)
		v = v << 8 | ((uint64_t)i < n ? p[i] : sign);
	return push_int(m, PICKLE_INT, (int64_t)v);
}

static int push_binfloat(struct machine *m)
{
	const unsigned char *p = pickle_take(m, 8);
	uint64_t bits = 0;
	double d;

	if (!p)
		return m->err->code;
	for (int i = 0; i < 8; i++)
		bits = bits << 8 | p[i];
	memcpy(&d, &bits, sizeof(d));
	return push_float(m, d);
}

/* Protocol 0: numbers as lines.  "I01" and "I00" are the booleans. */
static int push_text_number(struct machine *m, bool is_float)
{
	char *s = pickle_take_line(m);
	struct err own = { 0 };
	size_t n = s ? strlen(s) : 0;
	int64_t i;
	double d;

	if (!s)
		return m->err->code;
	if (!is_float && (!strcmp(s, "00") || !strcmp(s, "01")))
		return push_int(m, PICKLE_BOOL, s[1] - '0');
	if (!is_float && n && s[n - 1] == 'L')
		s[n - 1] = '\0';
	if (is_float ? parse_f64(s, -HUGE_VAL, HUGE_VAL, "number", &d, &own)
		     : parse_i64(s, INT64_MIN, INT64_MAX, "number", &i, &own))
		return pickle_fail(m, "a number that cannot be read");
	return is_float ? push_float(m, d) : push_int(m, PICKLE_INT, i);
}

static int hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* n hex digits at s as a number, -1 where one is none. */
static int32_t hex_number(const char *s, int n)
{
	int32_t v = 0;

	for (int i = 0; i < n; i++) {
		int d = hex_digit((unsigned char)s[i]);

		if (d < 0)
			return -1;
		v = v * 16 + d;
	}
	return v;
}

/* Protocol 0: a quoted string with Python's escapes. */
static int push_quoted(struct machine *m)
{
	static const char from[] = "\\'\"nrtabfv", to[] = "\\'\"\n\r\t\a\b\f\v";
	char *s = pickle_take_line(m), *out = s, *end;

	if (!s)
		return m->err->code;
	end = s + strlen(s) - 1;
	if (end <= s || (*s != '\'' && *s != '"') || *end != *s)
		return pickle_fail(m, "a string without its quotes");
	*end = '\0';
	for (char *p = s + 1; p < end;) {
		const char *k;

		if (*p != '\\') {
			*out++ = *p++;
		} else if (p[1] == 'x' && hex_number(p + 2, 2) >= 0) {
			*out++ = (char)hex_number(p + 2, 2);
			p += 4;
		} else if (p[1] && (k = strchr(from, p[1]))) {
			*out++ = to[k - from];
			p += 2;
		} else {
			return pickle_fail(m, "an escape in a string that is not known");
		}
	}
	return pickle_push(m, pickle_new_data(m, PICKLE_BYTES, s, (size_t)(out - s)));
}

/* Protocol 0: text in Latin-1 with \uXXXX and \UXXXXXXXX. */
static int push_raw_unicode(struct machine *m)
{
	char *s = pickle_take_line(m);
	struct strbuf b = { 0 };
	struct pickle_value *v = NULL;

	if (!s)
		return m->err->code;
	while (*s) {
		int digits = *s != '\\' ? 0 : s[1] == 'u' ? 4 : s[1] == 'U' ? 8 : 0;
		int32_t cp = digits == 0			   ? (unsigned char)*s
			     : digits == 8 && hex_number(s + 2, 2) ? -1
								   : hex_number(s + 2, digits);
		char utf[4];

		if (cp < 0 || cp > 0x10ffff) {
			strbuf_free(&b);
			return pickle_fail(m, "an escape in a text that is not known");
		}
		strbuf_addn(&b, utf, utf8_encode(cp, utf));
		s += digits ? digits + 2 : 1;
	}
	if (b.oom)
		pickle_no_memory(m);
	else
		v = pickle_new_data(m, PICKLE_STR, strbuf_str(&b), b.len);
	strbuf_free(&b);
	return pickle_push(m, v);
}

/* Instructions that exist and are refused, by name. */
static int refuse(struct machine *m, unsigned char op)
{
	static const struct {
		unsigned char op;
		const char *name;
	} known[] = {
		{ 'i', "INST" },	{ 'o', "OBJ" },		 { 'P', "PERSID" },
		{ 'Q', "BINPERSID" },	{ 0x81, "NEWOBJ" },	 { 0x82, "EXT1" },
		{ 0x83, "EXT2" },	{ 0x84, "EXT4" },	 { 0x8f, "EMPTY_SET" },
		{ 0x90, "ADDITEMS" },	{ 0x91, "FROZENSET" },	 { 0x92, "NEWOBJ_EX" },
		{ 0x96, "BYTEARRAY8" }, { 0x97, "NEXT_BUFFER" }, { 0x98, "READONLY_BUFFER" },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].op == op)
			return err_set(m->err, ERR_FORMAT,
				       "%s: byte %zu: instruction %s is refused (only plain data "
				       "is read)",
				       m->what, m->op_at, known[i].name);
	return err_set(m->err, ERR_FORMAT, "%s: byte %zu: 0x%02x is no pickle instruction", m->what,
		       m->op_at, op);
}

static int run_number_op(struct machine *m, unsigned char op)
{
	uint64_t n;

	switch (op) {
	case 'I':
	case 'L':
		return push_text_number(m, false);
	case 'F':
		return push_text_number(m, true);
	case 'G':
		return push_binfloat(m);
	case 'J':
		return pickle_take_number(m, 4, &n) ? m->err->code
						    : push_int(m, PICKLE_INT, (int32_t)(uint32_t)n);
	case 'K':
		return pickle_take_number(m, 1, &n) ? m->err->code
						    : push_int(m, PICKLE_INT, (int64_t)n);
	case 'M':
		return pickle_take_number(m, 2, &n) ? m->err->code
						    : push_int(m, PICKLE_INT, (int64_t)n);
	case 0x88:
		return push_int(m, PICKLE_BOOL, 1);
	case 0x89:
		return push_int(m, PICKLE_BOOL, 0);
	case 0x8a:
		return push_long(m, 1);
	case 0x8b:
		return push_long(m, 4);
	default:
		return refuse(m, op);
	}
}

int pickle_run_scalar(struct machine *m, unsigned char op)
{
	switch (op) {
	case 'S':
		return push_quoted(m);
	case 'V':
		return push_raw_unicode(m);
	case 'T':
		return push_counted(m, PICKLE_BYTES, 4);
	case 'U':
	case 'C':
		return push_counted(m, PICKLE_BYTES, 1);
	case 'B':
		return push_counted(m, PICKLE_BYTES, 4);
	case 'X':
		return push_counted(m, PICKLE_STR, 4);
	case 0x8c:
		return push_counted(m, PICKLE_STR, 1);
	case 0x8d:
		return push_counted(m, PICKLE_STR, 8);
	case 0x8e:
		return push_counted(m, PICKLE_BYTES, 8);
	default:
		return run_number_op(m, op);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/axis.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/base/str.h"

int axis_init(struct axis *a, const char *name, struct err *err)
{
	*a = (struct axis){ .name = str_dup(name) };
	return a->name ? 0 : err_set(err, ERR_NOMEM, "axis %s: no memory", name);
}

void axis_free(struct axis *a)
{
	for (int i = 0; i < a->n; i++)
		free(a->value[i]);
	free(a->value);
	free(a->name);
	*a = (struct axis){ 0 };
}

int axis_add(struct axis *a, const char *value, struct err *err)
{
	for (int i = 0; i < a->n; i++)
		if (!strcmp(a->value[i], value))
			return err_set(err, ERR_ARG, "axis %s: the value '%s' is there twice",
				       a->name, value);
	if (a->n == AXIS_VALUES_MAX)
		return err_set(err, ERR_ARG, "axis %s: more than %d values", a->name,
			       AXIS_VALUES_MAX);
	if (!GROW_ARRAY(a->value, a->cap, (size_t)a->n + 1) || !(a->value[a->n] = str_dup(value)))
		return err_set(err, ERR_NOMEM, "axis %s: no memory", a->name);
	a->n++;
	return 0;
}

/* Bytes of the unsigned decimal number that s starts with, 0: none. */
static size_t number_length(const char *s)
{
	size_t n = strspn(s, "0123456789"), digits = n, e;

	if (s[n] == '.') {
		size_t after = strspn(s + n + 1, "0123456789");

		digits += after;
		n += 1 + after;
	}
	if (!digits)
		return 0;
	if (s[n] == 'e' || s[n] == 'E') {
		e = n + 1 + (s[n + 1] == '-' || s[n + 1] == '+');
		if (isdigit((unsigned char)s[e]))
			n = e + strspn(s + e, "0123456789");
	}
	return n;
}

struct range {
	double first, last, by;
	bool times;
};

static bool take_number(const char **s, double *out)
{
	size_t n = number_length(*s);

	if (n)
		*out = strtod(*s, NULL);
	*s += n;
	return n > 0;
}

static bool whole(double x)
{
	return floor(x) == x && fabs(x) < 1e15;
}

/* Is this a range?  What only begins like one is no range and no number either. */
static bool range_read(struct range *r, const char *s)
{
	*r = (struct range){ .by = 1 };
	if (!take_number(&s, &r->first) || *s++ != '-' || !take_number(&s, &r->last))
		return false;
	if (!*s)
		return whole(r->first) && whole(r->last);
	r->times = *s == '*';
	if (*s != '*' && *s != '+')
		return false;
	s++;
	return take_number(&s, &r->by) && !*s;
}

/* Twelve digits: 0.1 + 2 * 0.1 is meant to be 0.3. */
static bool range_text(char out[32], double x)
{
	return whole(x) ? str_format(out, 32, "%.0f", x) : str_format(out, 32, "%.12g", x);
}

static int add_range(struct axis *a, const struct range *r, const char *text, struct err *err)
{
	const double slack = 1e-9; /* rounding must not lose the last value */
	double steps;
	char value[32];

	if (!isfinite(r->first) || !isfinite(r->last) || !isfinite(r->by) || r->last < r->first ||
	    (r->times ? r->by <= 1 || r->first <= 0 : r->by <= 0))
		return err_set(err, ERR_ARG,
			       "axis %s: the range '%s' does not rise (first-last+step with step > "
			       "0, first-last*factor with first > 0 and factor > 1)",
			       a->name, text);
	steps = r->times ? log(r->last / r->first) / log(r->by) : (r->last - r->first) / r->by;
	if (!(steps < AXIS_VALUES_MAX))
		return err_set(err, ERR_ARG, "axis %s: the range '%s' has more than %d values",
			       a->name, text, AXIS_VALUES_MAX);
	for (int i = 0; i <= (int)floor(steps + slack) && !err->code; i++)
		if (range_text(value, r->times ? r->first * pow(r->by, i) : r->first + i * r->by))
			axis_add(a, value, err);
	return err->code;
}

/* A list element, its escapes undone. */
static int add_element(struct axis *a, const char *text, bool numeric, struct err *err)
{
	struct range r;
	double ignored;
	const char *end = text;

	if (!numeric)
		return axis_add(a, text, err);
	if (range_read(&r, text))
		return add_range(a, &r, text, err);
	if (take_number(&end, &ignored) && *end == '-')
		return err_set(err, ERR_ARG,
			       "axis %s: '%s' is no range: first-last+step or first-last*factor",
			       a->name, text);
	return axis_add(a, text, err);
}

int axis_parse(struct axis *a, const char *name, const char *text, bool numeric, struct err *err)
{
	struct strbuf element = { 0 };

	if (axis_init(a, name, err))
		return err->code;
	for (const char *s = text; !err->code; s++) {
		if (s[0] == '\\' && s[1] == ',') {
			strbuf_addc(&element, *++s);
			continue;
		}
		if (*s && *s != ',') {
			strbuf_addc(&element, *s);
			continue;
		}
		if (element.oom)
			err_set(err, ERR_NOMEM, "axis %s: no memory", name);
		else
			add_element(a, strbuf_str(&element), numeric, err);
		strbuf_reset(&element);
		if (!*s)
			break;
	}
	strbuf_free(&element);
	return err->code;
}

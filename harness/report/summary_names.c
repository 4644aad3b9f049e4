/* SPDX-License-Identifier: Apache-2.0
 * Names of rows: the system's own, and where several rows share it, what differs.
 */
#include <string.h>

#include "harness/base/str.h"
#include "harness/report/summary.h"

#define VALUE_MAX 24  /* bytes of a value that a name has room for */
#define NAME_LONG 160 /* bytes of a name to which no more is added */

static bool namesakes(const struct row *a, const struct row *b)
{
	return a->board == b->board && !strcmp(a->first->system, b->first->system) &&
	       !strcmp(a->without, b->without);
}

static const char *value_of(const struct result *r, const char *key, bool option)
{
	for (int i = 0; i < r->n_trait; i++)
		if (r->trait[i].option == option && !strcmp(r->trait[i].key, key))
			return r->trait[i].value;
	return NULL;
}

static bool differs(const struct row *o, const struct trait *t)
{
	const char *value = value_of(o->first, t->key, t->option);

	return !value || strcmp(value, t->value);
}

/* Does the trait tell w from its namesakes?  All but the first are told from the first alone. */
static bool tells(const struct summary *s, const struct row *w, const struct trait *t)
{
	const struct row *first = s->row;

	while (!namesakes(first, w))
		first++;
	if (first < w)
		return differs(first, t);
	for (const struct row *o = w + 1; o < s->row + s->n_rows; o++)
		if (namesakes(o, w) && differs(o, t))
			return true;
	return false;
}

static void add_value(struct strbuf *out, const char *value)
{
	size_t n = strlen(value);

	if (!n)
		strbuf_add(out, "none");
	strbuf_add_valid(out, value, n > VALUE_MAX ? VALUE_MAX : n);
	if (n > VALUE_MAX)
		strbuf_add(out, "…");
}

static bool has_namesake(const struct summary *s, const struct row *w)
{
	for (const struct row *o = s->row; o < s->row + s->n_rows; o++)
		if (o != w && namesakes(o, w))
			return true;
	return false;
}

static bool is_taken(const struct summary *s, const struct row *w, const char *name)
{
	for (const struct row *o = s->row; o < w; o++)
		if (namesakes(o, w) && !strcmp(o->system, name))
			return true;
	return false;
}

static void describe_row(const struct summary *s, const struct row *w, struct strbuf *out)
{
	const struct result *r = w->first;
	const char *sep = " (";

	strbuf_add(out, r->system);
	for (int i = 0; i < r->n_trait && out->len < NAME_LONG; i++) {
		if (!tells(s, w, &r->trait[i]))
			continue;
		strbuf_addf(out, "%s%s=", sep, r->trait[i].key);
		add_value(out, r->trait[i].value);
		sep = ", ";
	}
	if (out->len >= NAME_LONG || is_taken(s, w, strbuf_str(out)) || *sep == ' ')
		strbuf_addf(out, "%s%s", sep, r->id + (strlen(r->id) > 8 ? strlen(r->id) - 8 : 0));
	strbuf_addc(out, ')');
}

int summary_name_rows(struct summary *s, struct err *err)
{
	for (struct row *w = s->row; w < s->row + s->n_rows && !err->code; w++) {
		struct strbuf name = { 0 };

		w->system = w->first->system;
		if (!has_namesake(s, w))
			continue;
		describe_row(s, w, &name);
		w->system = arena_strdup(&s->mem, strbuf_str(&name));
		if (name.oom || !w->system)
			err_set(err, ERR_NOMEM, "no memory");
		strbuf_free(&name);
	}
	return err->code;
}

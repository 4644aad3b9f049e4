/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/base/opt.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"

int opt_init(struct opt_values *v, const struct opt_spec *spec, struct err *err)
{
	*v = (struct opt_values){ .spec = spec };
	while (spec && spec[v->n].name)
		v->n++;
	if (!NEW_ARRAY(v->text, (size_t)v->n) || !NEW_ARRAY(v->given, (size_t)v->n))
		goto nomem;
	for (int i = 0; i < v->n; i++) {
		v->text[i] = str_dup(spec[i].fallback);
		if (!v->text[i])
			goto nomem;
	}
	return 0;
nomem:
	opt_free(v);
	return err_set(err, ERR_NOMEM, "options: no memory");
}

void opt_free(struct opt_values *v)
{
	for (int i = 0; v->text && i < v->n; i++)
		free(v->text[i]);
	free(v->text);
	free(v->given);
	*v = (struct opt_values){ 0 };
}

static int find(const struct opt_values *v, const char *name)
{
	for (int i = 0; i < v->n; i++)
		if (!strcmp(v->spec[i].name, name))
			return i;
	return -1;
}

static bool is_choice(const char *choices, const char *value)
{
	size_t n = strlen(value);

	for (const char *c = choices; *c;) {
		size_t m = strcspn(c, "|");

		if (m == n && !memcmp(c, value, n))
			return true;
		c += m + (c[m] == '|');
	}
	return false;
}

static int check(const struct opt_spec *s, const char *value, struct err *err)
{
	int64_t i;
	double d;

	switch (s->type) {
	case OPT_BOOL:
		if (is_choice("true|false", value))
			return 0;
		return err_set(err, ERR_ARG, "%s: '%s' is neither true nor false", s->name, value);
	case OPT_INT:
		return parse_i64(value, (int64_t)s->min, (int64_t)s->max, s->name, &i, err);
	case OPT_NUM:
		return parse_f64(value, s->min, s->max, s->name, &d, err);
	case OPT_CHOICE:
		if (is_choice(s->choices, value))
			return 0;
		return err_set(err, ERR_ARG, "%s: '%s' is not one of %s", s->name, value,
			       s->choices);
	case OPT_STR:
		break;
	}
	return 0;
}

int opt_set(struct opt_values *v, const char *name, const char *value, struct err *err)
{
	int i = find(v, name);
	char *copy;

	if (i < 0) {
		struct strbuf known = { 0 };

		for (int k = 0; k < v->n; k++)
			strbuf_addf(&known, "%s%s", k ? ", " : "", v->spec[k].name);
		err_set(err, ERR_ARG, "unknown option '%s' (known: %s)", name, strbuf_str(&known));
		strbuf_free(&known);
		return err->code;
	}
	if (check(&v->spec[i], value, err))
		return err->code;
	copy = str_dup(value);
	if (!copy)
		return err_set(err, ERR_NOMEM, "%s: no memory", name);
	free(v->text[i]);
	v->text[i] = copy;
	v->given[i] = true;
	return 0;
}

int opt_set_json(struct opt_values *v, const struct json *object, struct err *err)
{
	for (const struct json *m = json_at(object, 0); m; m = json_next(m)) {
		struct strbuf text = { 0 };
		struct json_writer w;

		json_begin(&w, &text, 0);
		if (json_type(m) == JSON_STRING)
			strbuf_add(&text, json_str(m, ""));
		else
			json_put_value(&w, NULL, m);
		opt_set(v, json_key(m), strbuf_str(&text), err);
		strbuf_free(&text);
		if (err->code)
			break;
	}
	return err->code;
}

void opt_write_json(const struct opt_values *v, struct json_writer *w)
{
	for (int i = 0; i < v->n; i++) {
		const struct opt_spec *s = &v->spec[i];

		switch (s->type) {
		case OPT_BOOL:
			json_put_bool(w, s->name, opt_bool(v, s->name));
			break;
		case OPT_INT:
			json_put_int(w, s->name, opt_int(v, s->name));
			break;
		case OPT_NUM:
			json_put_num(w, s->name, opt_num(v, s->name));
			break;
		case OPT_STR:
		case OPT_CHOICE:
			json_put_str(w, s->name, v->text[i]);
			break;
		}
	}
}

static int must_find(const struct opt_values *v, const char *name)
{
	int i = find(v, name);

	assert(i >= 0);
	return i;
}

bool opt_bool(const struct opt_values *v, const char *name)
{
	return v->text[must_find(v, name)][0] == 't';
}

int64_t opt_int(const struct opt_values *v, const char *name)
{
	return strtoll(v->text[must_find(v, name)], NULL, 10);
}

double opt_num(const struct opt_values *v, const char *name)
{
	return strtod(v->text[must_find(v, name)], NULL);
}

const char *opt_str(const struct opt_values *v, const char *name)
{
	return v->text[must_find(v, name)];
}

bool opt_given(const struct opt_values *v, const char *name)
{
	return v->given[must_find(v, name)];
}

/* SPDX-License-Identifier: Apache-2.0
 * What tells one experiment from another: options, context, sight, back-end, where cues came from.
 */
#include <string.h>

#include "harness/base/str.h"
#include "harness/report/results.h"

#define MODALITIES (unsigned)(SEE_SPEECH | SEE_AUDIO | SEE_BEHAVIOUR | SEE_VIDEO)

static int add_text(struct result *r, const char *key, const char *value, bool option,
		    struct err *err)
{
	struct trait t = { arena_strdup(&r->mem, key), arena_strdup(&r->mem, value), option };

	if (!t.key || !t.value || !GROW_ARRAY(r->trait, r->cap_trait, (size_t)r->n_trait + 1))
		return err_set(err, ERR_NOMEM, "no memory");
	r->trait[r->n_trait++] = t;
	return 0;
}

static int add_value(struct result *r, const char *key, const struct json *v, bool option,
		     struct err *err)
{
	struct strbuf b = { 0 };
	struct json_writer w;

	json_begin(&w, &b, 0);
	if (json_type(v) == JSON_STRING)
		strbuf_add(&b, json_str(v, ""));
	else if (json_type(v) == JSON_NUMBER)
		strbuf_addf(&b, "%.10g", json_num(v, 0));
	else
		json_put_value(&w, NULL, v);
	if (b.oom)
		err_set(err, ERR_NOMEM, "no memory");
	else
		add_text(r, key, strbuf_str(&b), option, err);
	strbuf_free(&b);
	return err->code;
}

static int add_members(struct result *r, const struct json *object, bool option, struct err *err)
{
	for (const struct json *v = json_at(object, 0); v && !err->code; v = json_next(v))
		if (json_key(v))
			add_value(r, json_key(v), v, option, err);
	return err->code;
}

/* The back-end's identity is an object in a string. */
static int add_backend(struct result *r, const char *path, struct err *err)
{
	const char *text = json_str(json_get(r->manifest, "backend"), NULL);
	struct json *v;

	if (!text)
		return 0;
	v = json_parse(text, strlen(text), path, err);
	add_members(r, v, false, err);
	json_free(v);
	return err->code;
}

int result_read_traits(struct result *r, const char *path, struct err *err)
{
	static const char *const part[] = { "window", "see", "selection" };
	const char *files = json_str(json_get(json_get(r->manifest, "corpus"), "cues"), NULL);
	char cues[48] = "measured";

	add_members(r, json_get(r->manifest, "options"), true, err);
	for (size_t i = 0; i < ARRAY_LEN(part) && !err->code; i++)
		if (json_get(r->manifest, part[i]))
			add_value(r, part[i], json_get(r->manifest, part[i]), false, err);
	if (files && !str_format(cues, sizeof(cues), "files %.32s", files))
		return err_set(err, ERR_FORMAT, "%s: corpus.cues is too long", path);
	if (!err->code && r->see & MODALITIES)
		add_text(r, "cues", cues, false, err);
	return err->code ? err->code : add_backend(r, path, err);
}

static bool same_traits(const struct result *a, const struct result *b, bool options_only)
{
	int i = 0, j = 0;

	for (;; i++, j++) {
		while (i < a->n_trait && options_only && !a->trait[i].option)
			i++;
		while (j < b->n_trait && options_only && !b->trait[j].option)
			j++;
		if (i == a->n_trait || j == b->n_trait)
			return i == a->n_trait && j == b->n_trait;
		if (strcmp(a->trait[i].key, b->trait[j].key) ||
		    strcmp(a->trait[i].value, b->trait[j].value))
			return false;
	}
}

bool results_same_recipe(const struct result *a, const struct result *b)
{
	bool same = !strcmp(a->system, b->system) && !strcmp(a->model, b->model) &&
		    a->n_without == b->n_without;

	for (int i = 0; same && i < a->n_without; i++)
		same = !strcmp(a->without[i], b->without[i]);
	return same && same_traits(a, b, false);
}

bool results_same_options(const struct result *a, const struct result *b)
{
	return same_traits(a, b, true);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/recipe.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/run/see.h"

#define MAX_RECIPE ((size_t)1 << 20)
#define MAX_BASES  8

const char *const selection_name[SELECT_COUNT] = { "dev-f1", "last-epoch", "none" };

static const char *const recipe_keys[] = {
	"schema_version", "base",    "name", "title",	"model",   "see", "window",
	"selection",	  "options", "for",  "without", "comment", NULL,
};
static const char *const suite_keys[] = {
	"schema_version", "name", "title", "seeds", "options", "runs", "comment", NULL,
};
static const char *const run_keys[] = { "recipe", "seeds", "without", NULL };

static int check_keys(const struct json *object, const char *const *known, const char *path,
		      struct err *err)
{
	if (json_type(object) != JSON_OBJECT)
		return err_set(err, ERR_FORMAT, "%s: a JSON object is needed", path);
	for (const struct json *m = json_at(object, 0); m; m = json_next(m)) {
		int i = 0;

		while (known[i] && strcmp(known[i], json_key(m)) != 0)
			i++;
		if (!known[i])
			return err_set(err, ERR_ARG, "%s: unknown key '%s'", path, json_key(m));
	}
	return 0;
}

char *recipe_beside(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	struct strbuf b = { 0 };

	if (slash && name[0] != '/')
		strbuf_addn(&b, path, (size_t)(slash - path) + 1);
	strbuf_add(&b, name);
	if (b.oom)
		strbuf_free(&b);
	return b.s;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int add_without(struct recipe *r, const char *name, struct err *err)
{
	if (!strcmp(name, "alignment")) {
		if (opt_set(&r->opts, "align_epochs", "0", err))
			return err_wrap(err, "without alignment");
	} else {
		unsigned bits = see_parse(name, true, err);

		if (!bits)
			return err->code;
		r->see &= ~bits;
	}
	for (int i = 0; i < r->n_without; i++)
		if (!strcmp(r->without[i], name))
			return 0;
	if (r->n_without == WITHOUT_MAX || !str_copy(r->without[r->n_without], 24, name))
		return err_set(err, ERR_ARG, "without: too many or too long names");
	r->n_without++;
	qsort(r->without, (size_t)r->n_without, sizeof(r->without[0]), by_text);
	return 0;
}

/* Calls fn for each name of a comma list. */
static int each_name(const char *list, int (*fn)(void *ctx, char *name, struct err *err), void *ctx,
		     struct err *err)
{
	char *copy = str_dup(list), *save = NULL;

	if (!copy)
		return err_set(err, ERR_NOMEM, "%s: no memory", list);
	for (char *s = strtok_r(copy, ",", &save); s && !err->code; s = strtok_r(NULL, ",", &save))
		fn(ctx, s, err);
	free(copy);
	return err->code;
}

static int without_name(void *ctx, char *name, struct err *err)
{
	return add_without(ctx, name, err);
}

static int set_option(void *ctx, char *pair, struct err *err)
{
	struct recipe *r = ctx;
	char *eq = strchr(pair, '=');

	if (!eq)
		return err_set(err, ERR_ARG, "--set: '%s' is not option=value", pair);
	*eq = '\0';
	return opt_set(&r->opts, pair, eq + 1, err);
}

static int apply_model(struct recipe *r, const struct json *v, struct err *err)
{
	const char *name = json_str(json_get(v, "model"), NULL);

	if (!name || (r->model && !strcmp(r->model->name, name)))
		return 0;
	r->model = model_find(name);
	if (!r->model)
		return err_set(err, ERR_ARG, "there is no model '%s' (see: merc list)", name);
	opt_free(&r->opts);
	return opt_init(&r->opts, r->model->opts, err);
}

static int apply_selection(struct recipe *r, const struct json *v, struct err *err)
{
	const char *name = json_str(json_get(v, "selection"), NULL);

	for (int i = 0; name && i < SELECT_COUNT; i++)
		if (!strcmp(selection_name[i], name)) {
			r->selection = (enum selection)i;
			return 0;
		}
	if (!name)
		return 0;
	return err_set(err, ERR_ARG, "selection '%s' is not dev-f1, last-epoch or none", name);
}

static int apply_see(struct recipe *r, const struct json *v, struct err *err)
{
	int64_t w = r->window;

	if (json_get(v, "see") && see_parse_list(json_get(v, "see"), false, &r->see, err))
		return err->code;
	if (json_get(v, "window") &&
	    json_int(json_get(v, "window"), 0, WINDOW_MAX, "window", &w, err))
		return err->code;
	r->window = (int)w;
	for (const struct json *n = json_at(json_get(v, "without"), 0); n && !err->code;
	     n = json_next(n))
		add_without(r, json_str(n, ""), err);
	return err->code;
}

static int apply(struct recipe *r, const struct json *v, const char *dataset, struct err *err)
{
	const char *name = json_str(json_get(v, "name"), "");
	const char *title = json_str(json_get(v, "title"), "");

	if ((*name && !str_copy(r->name, sizeof(r->name), name)) ||
	    (*title && !str_copy(r->title, sizeof(r->title), title)))
		return err_set(err, ERR_ARG, "name or title too long");
	if (apply_model(r, v, err) || apply_selection(r, v, err))
		return err->code;
	if (!r->model)
		return err_set(err, ERR_ARG, "no model is named");
	if (opt_set_json(&r->opts, json_get(v, "options"), err) ||
	    opt_set_json(&r->opts, json_get(json_get(v, "for"), dataset), err))
		return err->code;
	return apply_see(r, v, err);
}

static int read_depth(struct recipe *r, const char *path, const char *dataset, int depth,
		      struct err *err)
{
	struct json *v = json_read_file(path, MAX_RECIPE, err);
	const char *base;

	if (!v)
		return err->code;
	base = json_str(json_get(v, "base"), NULL);
	if (!check_keys(v, recipe_keys, path, err) && base) {
		char *p = recipe_beside(path, base);

		if (!p || depth == MAX_BASES)
			err_set(err, ERR_ARG, "%s: bases go round in a circle", path);
		else
			read_depth(r, p, dataset, depth + 1, err);
		free(p);
	}
	if (!err->code && apply(r, v, dataset, err))
		err_wrap(err, "%s", path);
	json_free(v);
	return err->code;
}

static int finish(struct recipe *r, const char *path, struct err *err)
{
	if (!r->name[0])
		return err_set(err, ERR_ARG, "%s: the recipe has no name", path);
	if (!str_is_name(r->name))
		return err_set(err, ERR_ARG,
			       "%s: name '%s': it is a part of folders' names: letters, digits, "
			       "blanks and ._-+() are allowed, no '.' or blank at its beginning",
			       path, r->name);
	r->see &= r->model->uses;
	if (r->model->needs & ~r->see)
		return err_set(err, ERR_ARG, "%s: model %s cannot work without something masked",
			       path, r->model->name);
	if (!(r->see & SEE_HISTORY))
		r->window = 0;
	return 0;
}

/* What is taken away stays away, whatever lies over it. */
static int keep_away(struct recipe *r, struct err *err)
{
	for (int i = 0; i < r->n_without && !err->code; i++) {
		if (!strcmp(r->without[i], "alignment"))
			opt_set(&r->opts, "align_epochs", "0", err);
		else
			r->see &= ~see_parse(r->without[i], true, err);
	}
	return err->code;
}

/* The suite's options for the recipe's model, and the run's own part of a recipe. */
static int apply_run(struct recipe *r, const struct json *options, const char *layer,
		     struct err *err)
{
	struct json *v = NULL;

	if (opt_set_json(&r->opts, json_get(options, r->model->name), err))
		return err_wrap(err, "options of the suite");
	if (layer && (v = json_parse(layer, strlen(layer), "values of the run", err)))
		apply(r, v, "", err);
	json_free(v);
	return err->code ? err->code : keep_away(r, err);
}

static int read_with(struct recipe *r, const char *path, const char *dataset,
		     const struct json *options, const char *layer, const char *without,
		     const char *set, struct err *err)
{
	*r = (struct recipe){ .window = WINDOW_MAX };
	if (read_depth(r, path, dataset, 0, err) || apply_run(r, options, layer, err) ||
	    (set && each_name(set, set_option, r, err)) ||
	    (without && each_name(without, without_name, r, err)) || finish(r, path, err))
		recipe_free(r);
	return err->code;
}

int recipe_read(struct recipe *r, const char *path, const char *dataset, const char *without,
		const char *set, struct err *err)
{
	return read_with(r, path, dataset, NULL, NULL, without, set, err);
}

void recipe_free(struct recipe *r)
{
	opt_free(&r->opts);
	*r = (struct recipe){ 0 };
}

struct adding {
	struct plan *plan;
	char *path, *without;
};

static bool copy_text(char **to, const char *from)
{
	*to = from ? str_dup(from) : NULL;
	return *to || !from;
}

int plan_add(struct plan *p, const struct planned *what, struct err *err)
{
	struct planned *run;

	if (!GROW_ARRAY(p->run, p->cap, (size_t)p->n + 1))
		return err_set(err, ERR_NOMEM, "suite: no memory");
	run = &p->run[p->n++];
	*run = (struct planned){ .seed = what->seed };
	if (!copy_text(&run->path, what->path) || !copy_text(&run->without, what->without) ||
	    !copy_text(&run->layer, what->layer) || !copy_text(&run->label, what->label))
		return err_set(err, ERR_NOMEM, "suite: no memory");
	return 0;
}

static int add_seed(void *ctx, char *seed, struct err *err)
{
	struct adding *a = ctx;
	struct planned run = { .path = a->path, .without = a->without };
	int64_t s;

	if (parse_i64(seed, 0, INT64_MAX, "seed", &s, err))
		return err->code;
	run.seed = (uint64_t)s;
	return plan_add(a->plan, &run, err);
}

/* [1, 2] -> "1,2"; also names. */
static void join(struct strbuf *b, const struct json *array)
{
	for (const struct json *v = json_at(array, 0); v; v = json_next(v)) {
		strbuf_add(b, b->len ? "," : "");
		if (json_type(v) == JSON_NUMBER)
			strbuf_addf(b, "%.0f", json_num(v, 0));
		else
			strbuf_add(b, json_str(v, ""));
	}
}

static int add_run(struct plan *p, const char *path, const struct json *v,
		   const struct json *suite_seeds, const char *seeds, struct err *err)
{
	struct strbuf own = { 0 }, without = { 0 };
	char *recipe = recipe_beside(path, json_str(json_get(v, "recipe"), ""));
	struct adding a = { .plan = p, .path = recipe };

	if (!check_keys(v, run_keys, path, err)) {
		join(&own, json_get(v, "seeds") ? json_get(v, "seeds") : suite_seeds);
		join(&without, json_get(v, "without"));
		if (without.len)
			a.without = without.s;
		if (!own.len)
			strbuf_add(&own, "1");
		if (!recipe || own.oom || without.oom)
			err_set(err, ERR_NOMEM, "%s: no memory", path);
		else
			each_name(seeds ? seeds : strbuf_str(&own), add_seed, &a, err);
	}
	strbuf_free(&own);
	strbuf_free(&without);
	free(recipe);
	return err->code;
}

int plan_read(struct plan *p, const char *path, const char *seeds, struct err *err)
{
	struct json *v = json_read_file(path, MAX_RECIPE, err);

	*p = (struct plan){ 0 };
	if (!v)
		return err->code;
	if (!json_get(v, "runs")) {
		struct adding a = { .plan = p, .path = (char *)path };

		each_name(seeds ? seeds : "1", add_seed, &a, err);
	} else if (!check_keys(v, suite_keys, path, err)) {
		for (const struct json *r = json_at(json_get(v, "runs"), 0); r && !err->code;
		     r = json_next(r))
			add_run(p, path, r, json_get(v, "seeds"), seeds, err);
	}
	if (!err->code && !p->n)
		err_set(err, ERR_ARG, "%s: no runs", path);
	p->root = v;
	p->options = json_get(v, "runs") ? json_get(v, "options") : NULL;
	if (err->code)
		plan_free(p);
	return err->code;
}

void plan_free(struct plan *p)
{
	json_free(p->root);
	for (int i = 0; i < p->n; i++) {
		free(p->run[i].path);
		free(p->run[i].without);
		free(p->run[i].layer);
		free(p->run[i].label);
	}
	free(p->run);
	*p = (struct plan){ 0 };
}

int recipe_planned(struct recipe *r, const struct plan *p, int i, const char *dataset,
		   const char *without, const char *set, struct err *err)
{
	const struct planned *run = &p->run[i];
	struct strbuf both = { 0 };

	strbuf_addf(&both, "%s%s%s", run->without ? run->without : "",
		    run->without && without ? "," : "", without ? without : "");
	if (both.oom) {
		*r = (struct recipe){ 0 };
		err_set(err, ERR_NOMEM, "%s: no memory", run->path);
	} else {
		read_with(r, run->path, dataset, p->options, run->layer, both.len ? both.s : NULL,
			  set, err);
	}
	strbuf_free(&both);
	return err->code;
}

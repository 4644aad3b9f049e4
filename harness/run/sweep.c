/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/base/str.h"

#define MAX_SWEEP ((size_t)1 << 20)

static const char *const fields[] = {
	"recipe", "model", "see", "window", "selection", "without", NULL,
};
static const char *const sweep_keys[] = {
	"schema_version", "name", "title", "comment", "base", "seeds", "options", "axes", NULL,
};

static bool is_listed(const char *const *list, const char *name)
{
	for (; *list; list++)
		if (!strcmp(*list, name))
			return true;
	return false;
}

/* Is the axis a number?  ERR_ARG for a name that nothing has. */
static int axis_kind(const char *name, bool *numeric, struct err *err)
{
	*numeric = !strcmp(name, "window");
	if (is_listed(fields, name))
		return 0;
	for (int i = 0; model_registry[i]; i++)
		for (const struct opt_spec *o = model_registry[i]->opts; o && o->name; o++)
			if (!strcmp(o->name, name)) {
				*numeric = o->type == OPT_INT || o->type == OPT_NUM;
				return 0;
			}
	return err_set(err, ERR_ARG,
		       "axis '%s': neither recipe, model, see, window, selection, without nor an "
		       "option of a model (see: merc list -o)%s",
		       name, strcmp(name, "seed") ? "" : "; for seeds: --seeds 1-3");
}

/* The axis of this name, emptied, or a new one. */
static struct axis *axis_place(struct sweep *s, const char *name, struct err *err)
{
	for (int i = 0; i < s->n_axes; i++)
		if (!strcmp(s->axis[i].name, name)) {
			axis_free(&s->axis[i]);
			return &s->axis[i];
		}
	if (s->n_axes == AXES_MAX) {
		err_set(err, ERR_ARG, "more than %d axes", AXES_MAX);
		return NULL;
	}
	if (!GROW_ARRAY(s->axis, s->cap_axes, (size_t)s->n_axes + 1)) {
		err_set(err, ERR_NOMEM, "sweep: no memory");
		return NULL;
	}
	s->axis[s->n_axes] = (struct axis){ 0 };
	return &s->axis[s->n_axes++];
}

/* One value of an axis in a file: a text, a number, true, or an array of names. */
static void value_text(struct strbuf *b, const struct json *v)
{
	struct json_writer w;

	strbuf_reset(b);
	if (json_type(v) == JSON_STRING) {
		strbuf_add(b, json_str(v, ""));
	} else if (json_type(v) == JSON_ARRAY) {
		for (const struct json *e = json_at(v, 0); e; e = json_next(e))
			strbuf_addf(b, "%s%s", b->len ? "," : "", json_str(e, "?"));
	} else {
		json_begin(&w, b, 0);
		json_put_value(&w, NULL, v);
	}
}

static int axis_from_json(struct sweep *s, const struct json *v, struct err *err)
{
	const char *name = json_key(v);
	struct strbuf text = { 0 };
	struct axis *a;
	bool numeric;

	if (axis_kind(name, &numeric, err) || !(a = axis_place(s, name, err)))
		return err->code;
	if (json_type(v) == JSON_STRING)
		return axis_parse(a, name, json_str(v, ""), numeric, err);
	if (json_type(v) != JSON_ARRAY)
		return err_set(err, ERR_ARG, "axis %s: a text or an array is needed", name);
	axis_init(a, name, err);
	for (const struct json *e = json_at(v, 0); e && !err->code; e = json_next(e)) {
		value_text(&text, e);
		if (text.oom)
			err_set(err, ERR_NOMEM, "axis %s: no memory", name);
		else
			axis_add(a, strbuf_str(&text), err);
	}
	strbuf_free(&text);
	return err->code;
}

static int axis_from_line(struct sweep *s, char *line, struct err *err)
{
	char *eq = strchr(line, '=');
	struct axis *a;
	bool numeric;

	if (!eq)
		return err_set(err, ERR_ARG, "--axis: '%s' is not option=values", line);
	*eq = '\0';
	if (axis_kind(line, &numeric, err) || !(a = axis_place(s, line, err)))
		return err->code;
	return axis_parse(a, line, eq + 1, numeric, err);
}

static int axes_from_lines(struct sweep *s, const char *lines, struct err *err)
{
	char *copy = str_dup(lines), *save = NULL;

	if (!copy)
		return err_set(err, ERR_NOMEM, "sweep: no memory");
	for (char *l = strtok_r(copy, "\n", &save); l && !err->code;
	     l = strtok_r(NULL, "\n", &save))
		axis_from_line(s, l, err);
	free(copy);
	return err->code;
}

/* "1-3" or [1, 2] as the comma list that plan_read takes. */
static int seed_list(const char *text, const struct json *v, struct strbuf *out, struct err *err)
{
	struct strbuf one = { 0 };
	struct axis a = { 0 };

	if (!text && json_type(v) == JSON_ARRAY) {
		axis_init(&a, "seeds", err);
		for (const struct json *e = json_at(v, 0); e && !err->code; e = json_next(e)) {
			value_text(&one, e);
			axis_add(&a, strbuf_str(&one), err);
		}
	} else if (text || json_str(v, NULL)) {
		axis_parse(&a, "seeds", text ? text : json_str(v, ""), true, err);
	}
	for (int i = 0; i < a.n; i++)
		strbuf_addf(out, "%s%s", i ? "," : "", a.value[i]);
	if (!err->code && (one.oom || out->oom))
		err_set(err, ERR_NOMEM, "seeds: no memory");
	axis_free(&a);
	strbuf_free(&one);
	return err->code;
}

/* Fields of the file; *base is the plan that the axes are laid over. */
static int read_file(struct sweep *s, const struct json *v, const struct sweep_request *rq,
		     struct plan *base, struct err *err)
{
	struct strbuf seeds = { 0 };
	const char *title = json_str(json_get(v, "title"), "");

	for (const struct json *m = json_at(v, 0); m; m = json_next(m))
		if (!is_listed(sweep_keys, json_key(m)))
			return err_set(err, ERR_ARG, "unknown key '%s'", json_key(m));
	if (!json_str(json_get(v, "base"), NULL))
		return err_set(err, ERR_ARG, "no base: name a recipe");
	if (!str_copy(s->title, sizeof(s->title), title) ||
	    !str_copy(s->name, sizeof(s->name), json_str(json_get(v, "name"), "")))
		return err_set(err, ERR_ARG, "name or title too long");
	s->base = recipe_beside(rq->path, json_str(json_get(v, "base"), ""));
	if (!s->base)
		return err_set(err, ERR_NOMEM, "no memory");
	for (const struct json *a = json_at(json_get(v, "axes"), 0); a && !err->code;
	     a = json_next(a))
		axis_from_json(s, a, err);
	if (!err->code && !seed_list(rq->seeds, json_get(v, "seeds"), &seeds, err))
		plan_read(base, s->base, seeds.len ? seeds.s : NULL, err);
	strbuf_free(&seeds);
	return err->code;
}

static int read_base(struct sweep *s, const struct sweep_request *rq, struct plan *base,
		     struct err *err)
{
	struct json *v = json_read_file(rq->path, MAX_SWEEP, err);
	struct strbuf seeds = { 0 };

	if (!v)
		return err->code;
	if (json_get(v, "axes")) {
		s->file = v;
		if (read_file(s, v, rq, base, err))
			return err_wrap(err, "%s", rq->path);
		return 0;
	}
	json_free(v);
	s->base = str_dup(rq->path);
	if (!s->base)
		return err_set(err, ERR_NOMEM, "%s: no memory", rq->path);
	if (!seed_list(rq->seeds, NULL, &seeds, err))
		plan_read(base, s->base, seeds.len ? seeds.s : NULL, err);
	strbuf_free(&seeds);
	return err->code;
}

/* "face,body" as an array; "" is an empty one. */
static void put_names(struct json_writer *w, const char *key, const char *names)
{
	json_open_array(w, key);
	while (*names) {
		size_t n = strcspn(names, ",");
		char name[64];

		/* one that is too long is no name: the reader of recipes says so */
		json_put_str(w, NULL,
			     str_format(name, sizeof(name), "%.*s", (int)n, names) ? name : names);
		names += n + (names[n] == ',');
	}
	json_close_array(w);
}

static int put_field(struct json_writer *w, const char *name, const char *value, struct err *err)
{
	int64_t window;

	if (!strcmp(name, "window")) {
		if (parse_i64(value, 0, WINDOW_MAX, "window", &window, err))
			return err->code;
		json_put_int(w, name, window);
	} else if (!strcmp(name, "see") || !strcmp(name, "without")) {
		put_names(w, name, value);
	} else if (strcmp(name, "recipe") != 0) {
		json_put_str(w, name, value);
	}
	return 0;
}

/* The recipe on top of the base at one point: {"window": 4, "options": {"lr": "1e-3"}}. */
static int make_layer(const struct sweep *s, const int *choice, struct strbuf *out, struct err *err)
{
	struct json_writer w;

	json_begin(&w, out, 0);
	json_open_object(&w, NULL);
	for (int i = 0; i < s->n_axes && !err->code; i++)
		if (is_listed(fields, s->axis[i].name))
			put_field(&w, s->axis[i].name, s->axis[i].value[choice[i]], err);
	json_open_object(&w, "options");
	for (const struct json *m = json_at(json_get(s->file, "options"), 0); m; m = json_next(m))
		json_put_value(&w, json_key(m), m);
	for (int i = 0; i < s->n_axes; i++)
		if (!is_listed(fields, s->axis[i].name))
			json_put_str(&w, s->axis[i].name, s->axis[i].value[choice[i]]);
	json_close_object(&w);
	json_close_object(&w);
	return out->oom ? err_set(err, ERR_NOMEM, "sweep: no memory") : err->code;
}

/* " window=4 lr=0.001" */
static void add_values(const struct sweep *s, const int *choice, struct strbuf *out)
{
	for (int i = 0; i < s->n_axes; i++)
		strbuf_addf(out, " %s=%s", s->axis[i].name, s->axis[i].value[choice[i]]);
}

/* The runs of one point: those of the base with this recipe, in the order of their seeds. */
static int add_point(struct sweep *s, const struct plan *base, int first, int end,
		     const int *choice, struct err *err)
{
	struct strbuf layer = { 0 }, label = { 0 };
	char *path = NULL;

	for (int i = 0; i < s->n_axes; i++)
		if (!strcmp(s->axis[i].name, "recipe"))
			path = recipe_beside(s->base, s->axis[i].value[choice[i]]);
	make_layer(s, choice, &layer, err);
	for (int i = first; i < end && !err->code; i++) {
		struct planned run = base->run[i];

		strbuf_reset(&label);
		strbuf_addf(&label, "#%d :", s->plan.n + 1);
		add_values(s, choice, &label);
		strbuf_addf(&label, " seed=%llu", (unsigned long long)run.seed);
		run.label = label.s;
		run.layer = layer.s;
		run.path = path ? path : run.path;
		if (label.oom)
			err_set(err, ERR_NOMEM, "sweep: no memory");
		else if (!plan_add(&s->plan, &run, err))
			s->run[s->plan.n - 1].point = s->n_points;
	}
	s->n_points++;
	free(path);
	strbuf_free(&layer);
	strbuf_free(&label);
	return err->code;
}

static bool same_recipe(const struct planned *a, const struct planned *b)
{
	return !strcmp(a->path, b->path) &&
	       !strcmp(a->without ? a->without : "", b->without ? b->without : "");
}

/* Runs of the base from i on that differ in the seed alone end before this one. */
static int recipe_end(const struct plan *base, int i)
{
	int end = i + 1;

	while (end < base->n && same_recipe(&base->run[i], &base->run[end]))
		end++;
	return end;
}

/* Next combination, the last axis first; false after the last. */
static bool turn(const struct sweep *s, int *choice)
{
	for (int i = s->n_axes - 1; i >= 0; i--) {
		if (++choice[i] < s->axis[i].n)
			return true;
		choice[i] = 0;
	}
	return false;
}

static int expand(struct sweep *s, const struct plan *base, size_t n_points, struct err *err)
{
	size_t axes = (size_t)s->n_axes, cells;
	int *choice;

	if (!size_mul(n_points, axes, &cells) || !NEW_ARRAY(choice, axes))
		return err_set(err, ERR_NOMEM, "sweep: no memory");
	if (!NEW_ARRAY(s->choice, cells))
		err_set(err, ERR_NOMEM, "sweep: no memory");
	for (int i = 0, end; i < base->n && !err->code; i = end) {
		end = recipe_end(base, i);
		do {
			memcpy(s->choice + (size_t)s->n_points * axes, choice,
			       axes * sizeof(*choice));
			add_point(s, base, i, end, choice, err);
		} while (!err->code && turn(s, choice));
	}
	free(choice);
	return err->code;
}

/* How many runs; refuses an explosion before anything is made. */
static int count_runs(const struct sweep *s, const struct plan *base, int max_jobs,
		      size_t *n_points, size_t *n_runs, struct err *err)
{
	struct strbuf how = { 0 };
	double runs = base->n;

	*n_points = 0;
	for (int i = 0; i < base->n; i = recipe_end(base, i))
		++*n_points;
	for (int i = 0; i < s->n_axes; i++) {
		runs *= s->axis[i].n;
		strbuf_addf(&how, "%s %d × ", s->axis[i].name, s->axis[i].n);
		if (!s->axis[i].n)
			err_set(err, ERR_ARG, "axis %s: no values", s->axis[i].name);
	}
	if (runs > max_jobs)
		err_set(err, ERR_ARG,
			"%s%d of the base = %.0f runs, --max-jobs is %d: raise it if that is meant",
			strbuf_str(&how), base->n, runs, max_jobs);
	strbuf_free(&how);
	for (int i = 0; i < s->n_axes && !err->code; i++)
		*n_points *= (size_t)s->axis[i].n;
	*n_runs = err->code ? 0 : (size_t)runs;
	return err->code;
}

/* An option cannot be held and varied at once. */
static int check_held(const struct sweep *s, const char *set, struct err *err)
{
	for (int i = 0; i < s->n_axes && !err->code; i++) {
		const char *name = s->axis[i].name, *at = set;
		size_t n = strlen(name);

		if (json_get(json_get(s->file, "options"), name))
			err_set(err, ERR_ARG, "%s is an axis and among the options", name);
		while (at && !err->code) {
			if (!strncmp(at, name, n) && at[n] == '=')
				err_set(err, ERR_ARG, "%s is an axis and in --set", name);
			at = strchr(at, ',');
			at += at != NULL;
		}
	}
	return err->code;
}

/* <corpus>-<what is swept>-by-<axis>-<axis>; --name and the file's name stand after the corpus. */
static int make_name(struct sweep *s, const char *given, const char *dataset, struct err *err)
{
	struct strbuf b = { 0 };
	const char *file = path_base(s->base);
	bool named = given || s->name[0];

	if (named)
		strbuf_addf(&b, "%s-%s", dataset, given ? given : s->name);
	else
		strbuf_addf(&b, "%s-%.*s", dataset, (int)strcspn(file, "."), file);
	for (int i = 0; i < s->n_axes && !named; i++)
		strbuf_addf(&b, "%s-%s", i ? "" : "-by", s->axis[i].name);
	if (b.oom)
		err_set(err, ERR_NOMEM, "sweep: no memory");
	else if (!str_copy(s->name, sizeof(s->name), b.s))
		err_set(err, ERR_ARG, "%s: the name is too long; give a --name", b.s);
	strbuf_free(&b);
	if (!err->code && !str_is_name(s->name))
		err_set(err, ERR_ARG,
			"name '%s': letters, digits, blanks and ._-+() are allowed, no '.' or "
			"blank at "
			"its beginning (--name)",
			s->name);
	return err->code;
}

/* Faulty values must show before work begins. */
static int check_recipes(struct sweep *s, const char *dataset, const char *set, struct err *err)
{
	for (int i = 0; i < s->plan.n && !err->code; i++) {
		struct recipe r;

		if (recipe_planned(&r, &s->plan, i, dataset, NULL, set, err))
			err_wrap(err, "%s", s->plan.run[i].label);
		else
			memcpy(s->run[i].system, r.name, sizeof(r.name));
		recipe_free(&r);
	}
	return err->code;
}

int sweep_read(struct sweep *s, const struct sweep_request *rq, const char *dataset,
	       struct err *err)
{
	struct plan base = { 0 };
	size_t points, runs;

	*s = (struct sweep){ 0 };
	if (read_base(s, rq, &base, err) || axes_from_lines(s, rq->axes, err) ||
	    check_held(s, rq->set, err) || make_name(s, rq->name, dataset, err) ||
	    count_runs(s, &base, rq->max_jobs, &points, &runs, err))
		goto out;
	if (!NEW_ARRAY(s->run, runs)) {
		err_set(err, ERR_NOMEM, "sweep: no memory");
		goto out;
	}
	s->plan.root = base.root;
	s->plan.options = base.options;
	base.root = NULL;
	if (!expand(s, &base, points, err))
		check_recipes(s, dataset, rq->set, err);
out:
	plan_free(&base);
	return err->code;
}

void sweep_free(struct sweep *s)
{
	for (int i = 0; s->run && i < s->plan.n; i++)
		free(s->run[i].left_out);
	for (int i = 0; i < s->n_axes; i++)
		axis_free(&s->axis[i]);
	free(s->axis);
	free(s->run);
	free(s->choice);
	free(s->base);
	json_free(s->file);
	plan_free(&s->plan);
	*s = (struct sweep){ 0 };
}

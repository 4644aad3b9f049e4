/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/sweep_file.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/str.h"

#define MAX_SWEEP ((size_t)256 << 20)
#define RUNS_MAX  1000000

/* The name of a folder, and no path. */
static bool is_folder_name(const char *name)
{
	if (!*name || *name == '.')
		return false;
	for (; *name; name++)
		if (*name == '/' || iscntrl((unsigned char)*name))
			return false;
	return true;
}

/* The name of an option: it becomes part of file names and of gnuplot's scripts. */
static bool is_option_name(const char *name)
{
	bool some = *name;

	for (; *name; name++)
		some &= isalnum((unsigned char)*name) || strchr("_-", *name);
	return some;
}

static int text(const struct json *object, const char *key, const char *path, const char **out,
		struct err *err)
{
	*out = json_str(json_get(object, key), NULL);
	return *out ? 0 : err_set(err, ERR_FORMAT, "%s: no text '%s'", path, key);
}

static int texts(struct arena *mem, const struct json *array, const char *what, const char *path,
		 const char ***out, int *n, struct err *err)
{
	const struct json *v = json_at(array, 0);

	*n = json_size(array);
	*out = arena_array(mem, (size_t)*n, sizeof(**out));
	if (!*out)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	if (json_type(array) != JSON_ARRAY)
		return err_set(err, ERR_FORMAT, "%s: %s: no array of values", path, what);
	for (int i = 0; v; v = json_next(v), i++) {
		(*out)[i] = json_str(v, NULL);
		if (!(*out)[i])
			return err_set(err, ERR_FORMAT, "%s: %s: value %d is not a text", path,
				       what, i + 1);
	}
	return 0;
}

static int read_axes(struct sweep_file *f, const char *path, struct err *err)
{
	const struct json *axes = json_get(f->root, "axes");

	if (json_type(axes) != JSON_ARRAY || json_size(axes) > SWEEP_AXES_MAX)
		return err_set(err, ERR_FORMAT, "%s: axes: an array of at most %d is needed", path,
			       SWEEP_AXES_MAX);
	for (const struct json *v = json_at(axes, 0); v && !err->code; v = json_next(v)) {
		struct sweep_axis *a = &f->axis[f->n_axes++];

		if (text(v, "name", path, &a->name, err) ||
		    texts(&f->mem, json_get(v, "values"), a->name, path, &a->value, &a->n, err))
			break;
		if (!is_option_name(a->name))
			err_set(err, ERR_FORMAT, "%s: axis '%s' is no name", path, a->name);
	}
	return err->code;
}

static bool has_value(const struct sweep_axis *a, const char *value)
{
	for (int i = 0; i < a->n; i++)
		if (!strcmp(a->value[i], value))
			return true;
	return false;
}

static int read_run(struct sweep_file *f, const struct json *v, struct sweep_entry *run,
		    const char *path, struct err *err)
{
	int64_t point;
	int n;

	if (json_int(json_get(v, "point"), 1, f->n_points, "point", &point, err) ||
	    json_int(json_get(v, "seed"), 0, (int64_t)1 << 53, "seed", &run->seed, err))
		return err_wrap(err, "%s: run %d", path, run->number);
	run->point = (int)point - 1;
	run->left_out = json_str(json_get(v, "left_out"), NULL);
	if (text(v, "system", path, &run->system, err) || text(v, "id", path, &run->id, err) ||
	    texts(&f->mem, json_get(v, "values"), "run", path, &run->value, &n, err))
		return err->code;
	if (n != f->n_axes)
		return err_set(err, ERR_FORMAT, "%s: run %d has %d values for %d axes", path,
			       run->number, n, f->n_axes);
	if (!is_folder_name(run->id))
		return err_set(err, ERR_FORMAT, "%s: run %d: '%s' is not the name of a folder",
			       path, run->number, run->id);
	for (int i = 0; i < n; i++)
		if (!has_value(&f->axis[i], run->value[i]))
			return err_set(err, ERR_FORMAT, "%s: run %d: axis %s has no value '%s'",
				       path, run->number, f->axis[i].name, run->value[i]);
	return 0;
}

static int read_runs(struct sweep_file *f, const char *path, struct err *err)
{
	const struct json *runs = json_get(f->root, "runs");
	int64_t points;

	if (json_type(runs) != JSON_ARRAY || json_size(runs) > RUNS_MAX)
		return err_set(err, ERR_FORMAT, "%s: runs: an array of at most %d is needed", path,
			       RUNS_MAX);
	if (json_int(json_get(f->root, "points"), 0, RUNS_MAX, "points", &points, err))
		return err_wrap(err, "%s", path);
	f->n_points = (int)points;
	f->run = arena_array(&f->mem, (size_t)json_size(runs), sizeof(*f->run));
	if (!f->run)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	for (const struct json *v = json_at(runs, 0); v && !err->code; v = json_next(v)) {
		struct sweep_entry *run = &f->run[f->n_runs++];

		run->number = f->n_runs;
		if (!read_run(f, v, run, path, err) && f->n_runs > 1 && run->point < run[-1].point)
			err_set(err, ERR_FORMAT, "%s: run %d: points are out of order", path,
				run->number);
	}
	return err->code;
}

int sweep_file_read(struct sweep_file *f, const char *dir, struct err *err)
{
	char *path = path_join(dir, "sweep.json");
	const struct json *corpus;

	*f = (struct sweep_file){ 0 };
	if (!path)
		return err_set(err, ERR_NOMEM, "%s: no memory", dir);
	f->root = json_read_file(path, MAX_SWEEP, err);
	corpus = json_get(f->root, "corpus");
	if (f->root && json_num(json_get(f->root, "schema_version"), -1) != 1)
		err_set(err, ERR_FORMAT, "%s: schema_version is not 1", path);
	if (!err->code && !text(f->root, "name", path, &f->name, err) &&
	    !text(f->root, "title", path, &f->title, err) &&
	    !text(f->root, "hash", path, &f->hash, err) &&
	    !text(f->root, "base", path, &f->base, err) &&
	    !text(corpus, "name", path, &f->corpus, err) &&
	    !text(corpus, "kind", path, &f->kind, err) && !read_axes(f, path, err))
		read_runs(f, path, err);
	free(path);
	return err->code;
}

void sweep_file_free(struct sweep_file *f)
{
	json_free(f->root);
	arena_free(&f->mem);
	*f = (struct sweep_file){ 0 };
}

char *sweep_file_run(const char *dir, const struct sweep_entry *run)
{
	struct strbuf path = { 0 };

	strbuf_addf(&path, "%s/runs/%s", dir, run->id);
	if (path.oom)
		strbuf_free(&path);
	return path.s;
}

bool sweep_file_done(const char *dir, const struct sweep_entry *run)
{
	char *folder = sweep_file_run(dir, run);
	char *manifest = folder ? path_join(folder, "manifest.json") : NULL;
	bool done = manifest && io_is_file(manifest);

	free(manifest);
	free(folder);
	return done;
}

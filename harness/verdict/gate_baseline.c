/* SPDX-License-Identifier: Apache-2.0
 * The baseline file: what is in it is either understood or refused, since a bound that is passed
 * over would be a gate that stands open.
 */
#include "harness/verdict/gate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/json.h"

#define MAX_BASELINE ((size_t)16 << 20)
#define COUNT_MAX    ((int64_t)1 << 40)

int tolerance_parse(const char *text, struct tolerance *out, struct err *err)
{
	const bool absolute = str_starts(text, "abs:");

	*out = (struct tolerance){ .kind = TOLERANCE_EXACT };
	if (!strcmp(text, "exact"))
		return 0;
	if (!absolute && !str_starts(text, "rel:"))
		return err_set(err, ERR_ARG,
			       "tolerance '%s' is not exact, abs:NUMBER or rel:NUMBER", text);
	out->kind = absolute ? TOLERANCE_ABS : TOLERANCE_REL;
	return parse_f64(text + 4, 0, 1e12, "tolerance", &out->most, err);
}

/* What is being read, for messages: FILE: runs.NAME. */
struct place {
	const char *path, *run;
	struct arena *mem;
};

static int wrong(const struct place *at, const char *what, const char *want, struct err *err)
{
	return err_set(err, ERR_FORMAT, "%s: %s: %s %s", at->path, at->run, what, want);
}

/* Every member of an object has one of these names. */
static int check_members(const struct place *at, const struct json *object, const char *what,
			 const char *const *known, size_t n, struct err *err)
{
	if (json_type(object) != JSON_OBJECT)
		return wrong(at, what, "is not an object", err);
	for (const struct json *v = json_at(object, 0); v; v = json_next(v)) {
		size_t i = 0;

		while (i < n && strcmp(known[i], json_key(v)) != 0)
			i++;
		if (i == n)
			return err_set(err, ERR_FORMAT,
				       "%s: %s: %s has a member '%s' that is not "
				       "known",
				       at->path, at->run, what, json_key(v));
	}
	return 0;
}

static int take_text(const struct place *at, const struct json *object, const char *key,
		     const char **out, struct err *err)
{
	const char *s = json_str(json_get(object, key), NULL);

	if (!s || !*s)
		return wrong(at, key, "is not a text", err);
	*out = arena_strdup(at->mem, s);
	return *out ? 0 : err_set(err, ERR_NOMEM, "%s: no memory", at->path);
}

static int take_hash(const struct place *at, const struct json *object, const char *key,
		     char out[HASH_HEX], struct err *err)
{
	const char *s = json_str(json_get(object, key), "");

	if (strlen(s) != HASH_HEX - 1 || !str_copy(out, HASH_HEX, s))
		return wrong(at, key, "is not a hash of 32 digits", err);
	return 0;
}

/* A number, or NaN where the member is missing or null. */
static int take_number(const struct place *at, const struct json *v, const char *what, double *out,
		       struct err *err)
{
	*out = json_num(v, NAN);
	if (v && json_type(v) != JSON_NULL && !isfinite(*out))
		return wrong(at, what, "is not a number", err);
	return 0;
}

static int read_metric(const struct place *at, const struct json *v, struct gate_metric *m,
		       struct err *err)
{
	static const char *const known[] = { "value", "direction", "tolerance",
					     "floor", "ceiling",   "quarantined" };
	const char *way = json_str(json_get(v, "direction"), "");
	const char *line = json_str(json_get(v, "tolerance"), "");

	m->name = arena_strdup(at->mem, json_key(v));
	if (!m->name)
		return err_set(err, ERR_NOMEM, "%s: no memory", at->path);
	if (check_members(at, v, m->name, known, ARRAY_LEN(known), err) ||
	    take_number(at, json_get(v, "value"), m->name, &m->value, err) ||
	    take_number(at, json_get(v, "floor"), m->name, &m->floor, err) ||
	    take_number(at, json_get(v, "ceiling"), m->name, &m->ceiling, err))
		return err->code;
	m->lower = !strcmp(way, "lower");
	if (!m->lower && strcmp(way, "higher"))
		return wrong(at, m->name, "needs a direction, higher or lower", err);
	if (tolerance_parse(line, &m->line, err)) {
		err->code = ERR_FORMAT;
		return err_wrap(err, "%s: %s: %s", at->path, at->run, m->name);
	}
	if (json_get(v, "quarantined"))
		return take_text(at, v, "quarantined", &m->why, err);
	return 0;
}

static int read_metrics(const struct place *at, const struct json *all, struct gate_run *r,
			struct err *err)
{
	if (json_type(all) != JSON_OBJECT || !json_size(all))
		return wrong(at, "metrics", "is not an object with members", err);
	for (const struct json *v = json_at(all, 0); v; v = json_next(v)) {
		if (!GROW_ARRAY(r->metric, r->cap_metric, (size_t)r->n_metric + 1))
			return err_set(err, ERR_NOMEM, "%s: no memory", at->path);
		r->metric[r->n_metric] = (struct gate_metric){ 0 };
		if (read_metric(at, v, &r->metric[r->n_metric], err))
			return err->code;
		r->n_metric++;
	}
	return 0;
}

static int read_labels(const struct place *at, const struct json *a, struct gate_run *r,
		       struct err *err)
{
	const int k = json_type(a) == JSON_ARRAY ? json_size(a) : 0;

	if (k < 1 || k > LABEL_MAX)
		return wrong(at, "labels", "is not a list of 1 to 16 labels", err);
	r->confusion.k = k;
	for (int i = 0; i < k; i++) {
		const char *s = json_str(json_at(a, i), NULL);

		if (!s)
			return wrong(at, "labels", "has a member that is not a text", err);
		r->label[i] = arena_strdup(at->mem, s);
		if (!r->label[i])
			return err_set(err, ERR_NOMEM, "%s: no memory", at->path);
	}
	return 0;
}

static int read_counts(const struct place *at, const struct json *all, struct gate_run *r,
		       struct err *err)
{
	const int k = r->confusion.k;
	int64_t sum = 0;

	if (json_type(all) != JSON_OBJECT || json_size(all) != k)
		return wrong(at, "counts", "does not have one row a label", err);
	for (int i = 0; i < k; i++) {
		const struct json *row = json_get(all, r->label[i]);

		if (json_type(row) != JSON_ARRAY || json_size(row) != k + 1)
			return wrong(at, "counts",
				     "needs, for each label, one number for each "
				     "label and one for no answer",
				     err);
		for (int j = 0; j <= k; j++) {
			if (json_int(json_at(row, j), 0, COUNT_MAX, "counts",
				     &r->confusion.count[i][j], err))
				return err_wrap(err, "%s: %s", at->path, at->run);
			sum += r->confusion.count[i][j];
		}
	}
	return sum == r->n ? 0 : wrong(at, "counts", "do not add up to n", err);
}

static int read_machine(const struct place *at, const struct json *v, struct gate_run *r,
			struct err *err)
{
	static const char *const known[] = { "cpu", "threads" };

	if (!v)
		return 0;
	if (check_members(at, v, "machine", known, ARRAY_LEN(known), err) ||
	    take_text(at, v, "cpu", &r->cpu, err))
		return err->code;
	if (json_int(json_get(v, "threads"), 0, COUNT_MAX, "threads", &r->threads, err))
		return err_wrap(err, "%s: %s", at->path, at->run);
	return 0;
}

static int read_run(const struct place *at, const struct json *v, struct gate_run *r,
		    struct err *err)
{
	static const char *const known[] = { "task",   "labels",      "n",
					     "exact",  "predictions", "prompts",
					     "counts", "machine",     "metrics" };
	static const char *const of_task[] = { "corpus", "kind", "labels", "version" };
	const struct json *task = json_get(v, "task"), *exact = json_get(v, "exact");
	const struct json *prompts = json_get(v, "prompts");

	r->name = arena_strdup(at->mem, at->run);
	if (!r->name)
		return err_set(err, ERR_NOMEM, "%s: no memory", at->path);
	if (check_members(at, v, "the run", known, ARRAY_LEN(known), err) ||
	    check_members(at, task, "task", of_task, ARRAY_LEN(of_task), err) ||
	    take_text(at, task, "corpus", &r->corpus, err) ||
	    take_text(at, task, "kind", &r->kind, err) ||
	    take_text(at, task, "labels", &r->labels_name, err) ||
	    take_hash(at, task, "version", r->version, err) ||
	    take_hash(at, v, "predictions", r->predictions, err) ||
	    (json_type(prompts) != JSON_NULL && take_hash(at, v, "prompts", r->prompts, err)))
		return err->code;
	if (!exact || json_type(exact) != JSON_BOOL)
		return wrong(at, "exact", "is not true or false", err);
	r->exact = json_bool(exact, false);
	if (json_int(json_get(v, "n"), 1, COUNT_MAX, "n", &r->n, err))
		return err_wrap(err, "%s: %s", at->path, at->run);
	if (read_labels(at, json_get(v, "labels"), r, err) ||
	    read_counts(at, json_get(v, "counts"), r, err) ||
	    read_machine(at, json_get(v, "machine"), r, err))
		return err->code;
	return read_metrics(at, json_get(v, "metrics"), r, err);
}

static int by_name(const void *a, const void *b)
{
	const struct gate_run *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int read_runs(struct baseline *b, const struct json *root, const char *path, struct err *err)
{
	static const char *const known[] = { "schema_version", "runs" };
	const struct json *runs = json_get(root, "runs");
	struct place at = { path, "the file", &b->mem };

	if (check_members(&at, root, "it", known, ARRAY_LEN(known), err))
		return err->code;
	if (json_num(json_get(root, "schema_version"), -1) != 1)
		return err_set(err, ERR_FORMAT, "%s: schema_version is not 1", path);
	if (json_type(runs) != JSON_OBJECT || !json_size(runs))
		return err_set(err, ERR_FORMAT, "%s: no runs", path);
	for (const struct json *v = json_at(runs, 0); v; v = json_next(v)) {
		if (!GROW_ARRAY(b->run, b->cap, (size_t)b->n + 1))
			return err_set(err, ERR_NOMEM, "%s: no memory", path);
		at.run = json_key(v);
		b->run[b->n++] = (struct gate_run){ 0 };
		if (read_run(&at, v, &b->run[b->n - 1], err))
			return err->code;
	}
	qsort(b->run, (size_t)b->n, sizeof(*b->run), by_name);
	return 0;
}

int baseline_read(struct baseline *b, const char *path, struct err *err)
{
	struct json *root;

	*b = (struct baseline){ 0 };
	root = json_read_file(path, MAX_BASELINE, err);
	if (root)
		read_runs(b, root, path, err);
	json_free(root);
	return err->code;
}

void baseline_free(struct baseline *b)
{
	for (int i = 0; i < b->n; i++)
		free(b->run[i].metric);
	free(b->run);
	arena_free(&b->mem);
	*b = (struct baseline){ 0 };
}

struct gate_run *baseline_find(const struct baseline *b, const char *name)
{
	for (int i = 0; i < b->n; i++)
		if (!strcmp(b->run[i].name, name))
			return &b->run[i];
	return NULL;
}

/* Opens or closes a stretch that stands on one line, so that a diff shows what changed. */
static void one_line(struct json_writer *w, bool on)
{
	w->indent = on ? 0 : 1;
}

/* As a person would write it, where that is the same number. */
static void tolerance_text(const struct tolerance *t, char *out, size_t size)
{
	const char *kind = t->kind == TOLERANCE_ABS ? "abs" : "rel";

	if (t->kind == TOLERANCE_EXACT) {
		snprintf(out, size, "exact");
		return;
	}
	snprintf(out, size, "%s:%.15g", kind, t->most);
	if (strtod(out + 4, NULL) != t->most)
		snprintf(out, size, "%s:%.17g", kind, t->most);
}

static void write_metric(struct json_writer *w, const struct gate_metric *m)
{
	char line[48];

	tolerance_text(&m->line, line, sizeof(line));
	json_open_object(w, m->name);
	one_line(w, true);
	json_put_num(w, "value", m->value);
	json_put_str(w, "direction", m->lower ? "lower" : "higher");
	json_put_str(w, "tolerance", line);
	if (!isnan(m->floor))
		json_put_num(w, "floor", m->floor);
	if (!isnan(m->ceiling))
		json_put_num(w, "ceiling", m->ceiling);
	if (m->why)
		json_put_str(w, "quarantined", m->why);
	json_close_object(w);
	one_line(w, false);
}

static void write_task(struct json_writer *w, const struct gate_run *r)
{
	json_open_object(w, "task");
	one_line(w, true);
	json_put_str(w, "corpus", r->corpus);
	json_put_str(w, "kind", r->kind);
	json_put_str(w, "labels", r->labels_name);
	json_put_str(w, "version", r->version);
	json_close_object(w);
	one_line(w, false);
	json_open_array(w, "labels");
	one_line(w, true);
	for (int i = 0; i < r->confusion.k; i++)
		json_put_str(w, NULL, r->label[i]);
	json_close_array(w);
	one_line(w, false);
}

static void write_counts(struct json_writer *w, const struct gate_run *r)
{
	json_open_object(w, "counts");
	for (int i = 0; i < r->confusion.k; i++) {
		json_open_array(w, r->label[i]);
		one_line(w, true);
		for (int j = 0; j <= r->confusion.k; j++)
			json_put_int(w, NULL, r->confusion.count[i][j]);
		json_close_array(w);
		one_line(w, false);
	}
	json_close_object(w);
}

static void write_run(struct json_writer *w, const struct gate_run *r)
{
	json_open_object(w, r->name);
	write_task(w, r);
	json_put_int(w, "n", r->n);
	json_put_bool(w, "exact", r->exact);
	json_put_str(w, "predictions", r->predictions);
	json_put_str(w, "prompts", r->prompts[0] ? r->prompts : NULL);
	write_counts(w, r);
	if (r->cpu) {
		json_open_object(w, "machine");
		json_put_str(w, "cpu", r->cpu);
		json_put_int(w, "threads", r->threads);
		json_close_object(w);
	}
	json_open_object(w, "metrics");
	for (int i = 0; i < r->n_metric; i++)
		write_metric(w, &r->metric[i]);
	json_close_object(w);
	json_close_object(w);
}

int baseline_write(const struct baseline *b, const char *path, struct err *err)
{
	struct strbuf out = { 0 };
	struct json_writer w;

	json_begin(&w, &out, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_open_object(&w, "runs");
	for (int i = 0; i < b->n; i++)
		write_run(&w, &b->run[i]);
	json_close_object(&w);
	json_close_object(&w);
	strbuf_addc(&out, '\n');
	if (out.oom)
		err_set(err, ERR_NOMEM, "%s: no memory", path);
	else
		io_write_atomic(path, strbuf_str(&out), out.len, err);
	strbuf_free(&out);
	return err->code;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/profiles.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"

#define MAX_FILE ((size_t)64 << 20)

static int check_file(struct profile_file *f, const char *path, struct err *err)
{
	const struct json *run = json_get(f->root, "run");

	if (json_num(json_get(f->root, "schema_version"), -1) != 1 ||
	    strcmp(json_str(json_get(f->root, "kind"), ""), "profile") != 0)
		return err_set(err, ERR_FORMAT,
			       "%s: not a profile of schema_version 1; profile the run again",
			       path);
	f->id = json_str(json_get(run, "id"), NULL);
	f->system = json_str(json_get(run, "system"), NULL);
	f->corpus = json_str(json_get(run, "corpus"), NULL);
	if (!f->id || !f->system || !f->corpus)
		return err_set(err, ERR_FORMAT, "%s: no texts run.id, run.system, run.corpus",
			       path);
	return 0;
}

static int load_one(struct profile_list *l, const char *path, struct result_list *problems,
		    const struct log *log, struct err *err)
{
	struct err why = { 0 };
	struct profile_file f = { .root = json_read_file(path, MAX_FILE, &why) };

	if (f.root && !check_file(&f, path, &why)) {
		if (!GROW_ARRAY(l->file, l->cap, (size_t)l->n + 1)) {
			json_free(f.root);
			return err_set(err, ERR_NOMEM, "%s: no memory", path);
		}
		l->file[l->n++] = f;
		return 0;
	}
	json_free(f.root);
	if (why.code == ERR_NOMEM)
		return err_set(err, ERR_NOMEM, "%s", why.msg);
	return results_problem(problems, log, err, "left out: %s", why.msg);
}

int profiles_load(struct profile_list *l, const char *dir, struct result_list *problems,
		  const struct log *log, struct err *err)
{
	struct io_list names;

	*l = (struct profile_list){ 0 };
	if (!dir || !io_is_dir(dir) || io_list_dir(dir, &names, err))
		return err->code;
	for (size_t i = 0; i < names.n && !err->code; i++) {
		char *folder = path_join(dir, names.name[i]);
		char *path = folder ? path_join(folder, "profile.json") : NULL;

		if (!path)
			err_set(err, ERR_NOMEM, "no memory");
		else if (names.name[i][0] != '.' && io_is_file(path))
			load_one(l, path, problems, log, err);
		free(path);
		free(folder);
	}
	io_list_free(&names);
	return err->code;
}

void profiles_free(struct profile_list *l)
{
	for (int i = 0; i < l->n; i++)
		json_free(l->file[i].root);
	free(l->file);
	*l = (struct profile_list){ 0 };
}

static double number(const struct json *object, const char *key)
{
	return json_num(json_get(object, key), NAN);
}

static void key_cells(const struct profile_file *f, struct table *t)
{
	table_text(t, f->system);
	table_text(t, f->corpus);
	table_text(t, f->id);
}

/* "VALID, short"; the causes of INVALID in one text for CSV. */
static void verdict_cells(const struct json *scenario, struct table *t)
{
	bool valid = json_bool(json_get(scenario, "valid"), false);
	bool is_short = json_bool(json_get(scenario, "short"), false);
	struct strbuf words = { 0 };

	table_cell(t, NAN, "%s%s", valid ? "VALID" : "INVALID", is_short ? ", short" : "");
	for (const struct json *c = json_at(json_get(scenario, "causes"), 0); c; c = json_next(c))
		strbuf_addf(&words, "%srequired %s, observed %s (%s)", words.len ? "; " : "",
			    json_str(json_get(c, "required"), "?"),
			    json_str(json_get(c, "observed"), "?"),
			    json_str(json_get(c, "option"), "?"));
	table_text(t, strbuf_str(&words));
	t->oom |= words.oom;
	strbuf_free(&words);
}

static void metric_cell(const struct json *scenario, struct table *t)
{
	const struct json *metric = json_get(scenario, "metric");
	const char *unit = json_str(json_get(metric, "unit"), "");
	double value = number(metric, "value");

	if (isfinite(value))
		table_cell(t, value, "%.4g %s", value, unit);
	else
		table_text(t, "");
}

static void scenario_row(const struct profile_file *f, const struct json *s, struct table *t)
{
	const struct json *ms = json_get(s, "latency_ms");

	key_cells(f, t);
	table_text(t, json_str(json_get(s, "scenario"), "?"));
	table_text(t, json_str(json_get(json_get(s, "metric"), "name"), ""));
	metric_cell(s, t);
	table_number(t, number(json_get(s, "metric"), "value"), 1, 3);
	table_number(t, number(ms, "p50"), 1, 2);
	table_number(t, number(ms, "p90"), 1, 2);
	table_number(t, number(ms, "p99"), 1, 2);
	table_number(t, number(s, "queries"), 1, 0);
	table_number(t, number(s, "threads"), 1, 0);
	table_number(t, number(s, "batch"), 1, 0);
	table_number(t, number(s, "real_time_factor"), 1, 4);
	table_number(t, number(s, "peak_rss_mb"), 1, 0);
	table_number(t, number(s, "energy_j"), 1, 1);
	table_text(t, json_str(json_get(f->root, "cues"), ""));
	verdict_cells(s, t);
}

void tables_profiles(const struct profile_list *l, struct table *t)
{
	table_column(t, COLUMN_TEXT, "system", NULL);
	table_column(t, COLUMN_TEXT, "corpus", NULL);
	table_column(t, COLUMN_KEY, "run", NULL);
	table_column(t, COLUMN_TEXT, "scenario", NULL);
	table_column(t, COLUMN_TEXT, "metric", NULL);
	table_column(t, COLUMN_SHOWN, "value", NULL);
	table_column(t, COLUMN_CSV, "value", NULL);
	table_column(t, COLUMN_NUMBER, "p50 ms", "p50_ms");
	table_column(t, COLUMN_NUMBER, "p90 ms", "p90_ms");
	table_column(t, COLUMN_NUMBER, "p99 ms", "p99_ms");
	table_column(t, COLUMN_NUMBER, "queries", NULL);
	table_column(t, COLUMN_NUMBER, "threads", NULL);
	table_column(t, COLUMN_NUMBER, "batch", NULL);
	table_column(t, COLUMN_CSV, "real_time_factor", NULL);
	table_column(t, COLUMN_CSV, "peak_rss_mb", NULL);
	table_column(t, COLUMN_CSV, "energy_j", NULL);
	table_column(t, COLUMN_TEXT, "cues", NULL);
	table_column(t, COLUMN_TEXT, "verdict", NULL);
	table_column(t, COLUMN_KEY, "causes", NULL);
	for (int i = 0; i < l->n; i++)
		for (const struct json *s = json_at(json_get(l->file[i].root, "scenarios"), 0); s;
		     s = json_next(s))
			scenario_row(&l->file[i], s, t);
}

void tables_invalid(const struct profile_list *l, struct table *t)
{
	t->words = true;
	table_column(t, COLUMN_TEXT, "system", NULL);
	table_column(t, COLUMN_TEXT, "scenario", NULL);
	table_column(t, COLUMN_TEXT, "required", NULL);
	table_column(t, COLUMN_TEXT, "observed", NULL);
	table_column(t, COLUMN_TEXT, "option to change", "option");
	for (int i = 0; i < l->n; i++)
		for (const struct json *s = json_at(json_get(l->file[i].root, "scenarios"), 0); s;
		     s = json_next(s))
			for (const struct json *c = json_at(json_get(s, "causes"), 0); c;
			     c = json_next(c)) {
				table_text(t, l->file[i].system);
				table_text(t, json_str(json_get(s, "scenario"), "?"));
				table_text(t, json_str(json_get(c, "required"), "?"));
				table_text(t, json_str(json_get(c, "observed"), "?"));
				table_text(t, json_str(json_get(c, "option"), "?"));
			}
}

void tables_throughput(const struct profile_list *l, struct table *t)
{
	table_column(t, COLUMN_TEXT, "system", NULL);
	table_column(t, COLUMN_TEXT, "corpus", NULL);
	table_column(t, COLUMN_KEY, "run", NULL);
	table_column(t, COLUMN_NUMBER, "threads", NULL);
	table_column(t, COLUMN_NUMBER, "batch", NULL);
	table_column(t, COLUMN_NUMBER, "utterances/s", "per_s");
	table_column(t, COLUMN_NUMBER, "utterances", "samples");
	table_column(t, COLUMN_NUMBER, "slowest ms", "max_ms");
	table_column(t, COLUMN_NUMBER, "peak MB", "peak_rss_mb");
	table_column(t, COLUMN_NUMBER, "failed", NULL);
	for (int i = 0; i < l->n; i++)
		for (const struct json *x = json_at(json_get(l->file[i].root, "throughput"), 0); x;
		     x = json_next(x)) {
			key_cells(&l->file[i], t);
			table_number(t, number(x, "threads"), 1, 0);
			table_number(t, number(x, "batch"), 1, 0);
			table_number(t, number(x, "per_s"), 1, 2);
			table_number(t, number(x, "samples"), 1, 0);
			table_number(t, number(x, "max_ms"), 1, 1);
			table_number(t, number(x, "peak_rss_mb"), 1, 0);
			table_number(t, number(x, "failed"), 1, 0);
		}
}

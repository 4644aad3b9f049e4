/* SPDX-License-Identifier: Apache-2.0
 * What a sweep knows once the data is there, and the files it keeps of itself.
 */
#include "harness/run/sweep.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "harness/base/io.h"
#include "harness/base/map.h"
#include "harness/base/mem.h"
#include "harness/run/offer.h"

#define SCHEMA 1

static int resolve_run(struct sweep *s, int i, const struct bank *bank, const char *set,
		       const struct run_options *o, struct err *err)
{
	struct sweep_run *run = &s->run[i];
	struct strbuf why = { 0 };
	struct recipe r;

	if (recipe_planned(&r, &s->plan, i, bank->corpus->name, NULL, set, err) ||
	    experiment_id(bank, &r, s->plan.run[i].seed, o, run->id, err)) {
		recipe_free(&r);
		return err->code;
	}
	if (!offer_worth(bank, &r, &why)) {
		free(run->left_out);
		run->left_out =
			why.oom ? NULL
				: str_dup(why.len ? why.s : "what it takes away is not there");
		if (!run->left_out)
			err_set(err, ERR_NOMEM, "sweep: no memory");
	}
	run->done = experiment_done(o->results, run->id);
	strbuf_free(&why);
	recipe_free(&r);
	return err->code;
}

static int check_different(const struct sweep *s, struct err *err)
{
	struct str_map seen = { 0 };

	for (int i = 0; i < s->plan.n && !err->code; i++) {
		int *slot = map_slot(&seen, s->run[i].id);

		if (!slot)
			err_set(err, ERR_NOMEM, "sweep: no memory");
		else if (*slot >= 0)
			err_set(err, ERR_ARG,
				"%s and %s are the same run: an axis changes nothing here (a "
				"window without history, a value twice)",
				s->plan.run[*slot].label, s->plan.run[i].label);
		else
			*slot = i;
	}
	map_free(&seen);
	return err->code;
}

int sweep_resolve(struct sweep *s, const struct bank *bank, const char *set,
		  const struct run_options *o, struct err *err)
{
	struct strbuf all = { 0 };

	for (int i = 0; i < s->plan.n && !err->code; i++)
		if (!resolve_run(s, i, bank, set, o, err))
			strbuf_addf(&all, "%s %s %s\n", s->plan.run[i].label, s->run[i].id,
				    s->run[i].left_out ? "-" : "+");
	if (!err->code && all.oom)
		err_set(err, ERR_NOMEM, "sweep: no memory");
	if (!err->code && !check_different(s, err))
		hash_hex(strbuf_str(&all), all.len, s->hash);
	strbuf_free(&all);
	return err->code;
}

static bool has_system(const struct sweep *s, const char *system)
{
	for (int i = 0; i < s->plan.n; i++)
		if (!strcmp(s->run[i].system, system))
			return true;
	return false;
}

/* wall_s of a finished run of the sweep's kind, NaN: it is none. */
static double run_seconds(const struct sweep *s, const char *run, const char *dataset)
{
	char *path = path_join(run, "manifest.json");
	struct err ignored = { 0 };
	struct json *m =
		path && io_is_file(path) ? json_read_file(path, MANIFEST_MAX, &ignored) : NULL;
	double seconds = NAN;

	if (!strcmp(json_str(json_get(json_get(m, "corpus"), "name"), ""), dataset) &&
	    has_system(s, json_str(json_get(m, "system"), "")))
		seconds = json_num(json_get(m, "wall_s"), NAN);
	json_free(m);
	free(path);
	return seconds;
}

static double mean_seconds(const struct sweep *s, const char *results, const char *dataset, int *n)
{
	char *runs = path_join(results, "runs");
	struct io_list list = { 0 };
	struct err ignored = { 0 };
	double sum = 0;

	*n = 0;
	if (runs && io_is_dir(runs))
		io_list_dir(runs, &list, &ignored);
	for (size_t i = 0; i < list.n; i++) {
		char *run = list.name[i][0] == '.' ? NULL : path_join(runs, list.name[i]);
		double t = run ? run_seconds(s, run, dataset) : NAN;

		if (isfinite(t)) {
			sum += t;
			++*n;
		}
		free(run);
	}
	io_list_free(&list);
	free(runs);
	return *n ? sum / *n : NAN;
}

double sweep_seconds(const struct sweep *s, const char *dir, const char *results,
		     const char *dataset, int *n)
{
	double mean = mean_seconds(s, dir, dataset, n);

	return *n ? mean : mean_seconds(s, results, dataset, n);
}

static void write_axes(struct json_writer *w, const struct sweep *s)
{
	json_open_array(w, "axes");
	for (int i = 0; i < s->n_axes; i++) {
		json_open_object(w, NULL);
		json_put_str(w, "name", s->axis[i].name);
		json_open_array(w, "values");
		for (int k = 0; k < s->axis[i].n; k++)
			json_put_str(w, NULL, s->axis[i].value[k]);
		json_close_array(w);
		json_close_object(w);
	}
	json_close_array(w);
}

static void write_runs(struct json_writer *w, const struct sweep *s)
{
	json_open_array(w, "runs");
	for (int i = 0; i < s->plan.n; i++) {
		const int *choice = s->choice + (size_t)s->run[i].point * (size_t)s->n_axes;

		json_open_object(w, NULL);
		json_put_int(w, "number", i + 1);
		json_put_int(w, "point", s->run[i].point + 1);
		json_open_array(w, "values");
		for (int a = 0; a < s->n_axes; a++)
			json_put_str(w, NULL, s->axis[a].value[choice[a]]);
		json_close_array(w);
		json_put_str(w, "system", s->run[i].system);
		json_put_int(w, "seed", (int64_t)s->plan.run[i].seed);
		json_put_str(w, "id", s->run[i].id);
		json_put_str(w, "left_out", s->run[i].left_out);
		json_close_object(w);
	}
	json_close_array(w);
}

static int write_file(const char *dir, const char *name, struct strbuf *b, struct err *err)
{
	char *path = path_join(dir, name);

	if (!path || b->oom)
		err_set(err, ERR_NOMEM, "%s/%s: no memory", dir, name);
	else
		io_write_atomic(path, strbuf_str(b), b->len, err);
	free(path);
	strbuf_free(b);
	return err->code;
}

static int write_sweep(const struct sweep *s, const struct bank *bank, const char *dir,
		       struct err *err)
{
	struct strbuf b = { 0 };
	struct json_writer w;

	json_begin(&w, &b, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", SCHEMA);
	json_put_str(&w, "name", s->name);
	json_put_str(&w, "title", s->title);
	json_put_str(&w, "hash", s->hash);
	json_put_str(&w, "base", path_base(s->base));
	json_open_object(&w, "corpus");
	json_put_str(&w, "name", bank->corpus->name);
	json_put_str(&w, "kind", bank_kind(bank));
	json_put_str(&w, "hash", bank->content);
	json_close_object(&w);
	write_axes(&w, s);
	json_put_int(&w, "points", s->n_points);
	write_runs(&w, s);
	json_close_object(&w);
	return write_file(dir, "sweep.json", &b, err);
}

/* A file as io_write_atomic() leaves it when it is killed: "status.json.a1B2c3". */
static bool half_written(const char *name)
{
	static const char *const suffix[] = { ".json", ".md", ".csv", ".dat", ".gp" };
	size_t n = strlen(name);

	if (n < 8 || name[n - 7] != '.')
		return false;
	for (size_t i = n - 6; i < n; i++)
		if (!isalnum((unsigned char)name[i]))
			return false;
	for (size_t i = 0; i < ARRAY_LEN(suffix); i++) {
		size_t m = strlen(suffix[i]);

		if (n - 7 > m && !memcmp(name + n - 7 - m, suffix[i], m))
			return true;
	}
	return false;
}

/* Removes the files of the folder that `gone` picks. */
static int remove_files(const char *dir, bool (*gone)(const char *dir, const char *name, void *ctx),
			void *ctx, struct err *err)
{
	struct io_list list = { 0 };

	if (io_list_dir(dir, &list, err))
		return err->code;
	for (size_t i = 0; i < list.n && !err->code; i++) {
		char *path = gone(dir, list.name[i], ctx) ? path_join(dir, list.name[i]) : NULL;

		if (path)
			io_remove_tree(path, err);
		free(path);
	}
	io_list_free(&list);
	return err->code;
}

static bool is_half_written(const char *dir, const char *name, void *ctx)
{
	(void)dir;
	(void)ctx;
	return half_written(name);
}

int sweep_hold(const char *dir, struct err *err)
{
	int fd;

	if (io_mkdirs(dir, err))
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd >= 0 && flock(fd, LOCK_EX))
		if (errno != EINTR) {
			close(fd);
			fd = -1;
		}
	if (fd < 0) {
		err_set(err, ERR_IO, "%s: cannot be held: %s", dir, strerror(errno));
		return -1;
	}
	if (remove_files(dir, is_half_written, NULL, err)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A status of another plan, or of this one cut into another number of shards. */
static bool is_other_status(const char *dir, const char *name, void *ctx)
{
	const struct json *ours = ctx;
	struct err ignored = { 0 };
	char *path =
		str_starts(name, "status") && str_ends(name, ".json") ? path_join(dir, name) : NULL;
	struct json *v = path ? json_read_file(path, MANIFEST_MAX, &ignored) : NULL;
	bool other = path && (strcmp(json_str(json_get(v, "sweep"), ""),
				     json_str(json_get(ours, "sweep"), "?")) != 0 ||
			      json_num(json_get(v, "of"), 0) != json_num(json_get(ours, "of"), -1));

	json_free(v);
	free(path);
	return other;
}

static void status_text(struct strbuf *b, const char *hash, const struct shard *shard,
			const char *status)
{
	struct json_writer w;

	json_begin(&w, b, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", SCHEMA);
	json_put_str(&w, "sweep", hash);
	json_put_int(&w, "shard", shard->i);
	json_put_int(&w, "of", shard->n);
	json_put_str(&w, "source", shard->source);
	json_put_str(&w, "status", status);
	json_close_object(&w);
}

int sweep_status_write(const char *dir, const char *hash, const struct shard *shard,
		       enum sweep_status status, struct err *err)
{
	static const char *const word[] = { "started", "complete", "interrupted", "error" };
	char name[64] = "status.json";
	struct strbuf b = { 0 };

	if (shard->n > 1 &&
	    !str_format(name, sizeof(name), "status-%d-of-%d.json", shard->i, shard->n))
		return err_set(err, ERR_INTERNAL, "%s: name too long", dir);
	status_text(&b, hash, shard, word[status]);
	return write_file(dir, name, &b, err);
}

int sweep_begin(const struct sweep *s, const struct bank *bank, const struct shard *shard,
		const char *dir, struct err *err)
{
	struct strbuf b = { 0 };
	struct json *ours;

	status_text(&b, s->hash, shard, "started");
	if (b.oom)
		return err_set(err, ERR_NOMEM, "%s: no memory", dir);
	ours = json_parse(b.s, b.len, dir, err);
	if (ours)
		remove_files(dir, is_other_status, ours, err);
	json_free(ours);
	strbuf_free(&b);
	if (!err->code && !write_sweep(s, bank, dir, err))
		sweep_status_write(dir, s->hash, shard, SWEEP_STARTED, err);
	return err->code;
}

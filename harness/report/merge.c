/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/io.h"
#include "harness/base/str.h"

#define MAX_STATUS  ((size_t)1 << 20)
#define SHARDS_MAX  100000
#define COPY_PREFIX ".tmp-merge-"

struct merging {
	const char *const *dir;
	int n_dirs;
	const char *out;
	bool partial;
	const struct sweep_file *plan; /* of dir[0] */
	int shards;		       /* that the sweep was cut into, 0: no status yet */
	int *holder;		       /* (shards) folder with that shard's status + 1 */
	int missing;
};

static int same_plan(const struct merging *m, const char *dir, struct err *err)
{
	struct sweep_file other;

	if (!sweep_file_read(&other, dir, err) && strcmp(other.hash, m->plan->hash) != 0)
		err_set(err, ERR_DATA,
			"%s is another sweep than %s (a recipe, an axis, seeds or data differ)",
			dir, m->dir[0]);
	sweep_file_free(&other);
	return err->code;
}

/* One status file: whose shard, and did it end? */
static int take_status(struct merging *m, int d, const struct json *v, const char *path,
		       struct err *err)
{
	const char *status = json_str(json_get(v, "status"), "");
	int64_t shard, of;

	if (json_int(json_get(v, "of"), 1, SHARDS_MAX, "of", &of, err) ||
	    json_int(json_get(v, "shard"), 0, of - 1, "shard", &shard, err))
		return err_wrap(err, "%s", path);
	if (m->shards && m->shards != of)
		return err_set(err, ERR_DATA, "%s: one of %d shards, others are of %d", path,
			       (int)of, m->shards);
	if (!m->holder && !NEW_ARRAY(m->holder, (size_t)of))
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	m->shards = (int)of;
	if (m->holder[shard])
		return err_set(err, ERR_DATA, "shard %d of %d is in %s and in %s: an overlap",
			       (int)shard, m->shards, m->dir[m->holder[shard] - 1], m->dir[d]);
	m->holder[shard] = d + 1;
	if (strcmp(status, "complete") && !m->partial)
		return err_set(err, ERR_INCOMPLETE,
			       "%s: shard %d of %d is '%s', not complete: run it again, or take "
			       "what there is with --partial",
			       path, (int)shard, m->shards, status);
	return 0;
}

/* Statuses of this plan in one folder.  status.json of a folder that also holds shards is what
 * an earlier merge left. */
static int take_statuses(struct merging *m, int d, bool shards, int *found, struct err *err)
{
	struct io_list list;

	*found = 0;
	if (io_list_dir(m->dir[d], &list, err))
		return err->code;
	for (size_t i = 0; i < list.n && !err->code; i++) {
		const char *name = list.name[i];
		char *path = NULL;
		struct json *v = NULL;

		if (shards ? str_starts(name, "status-") && str_ends(name, ".json")
			   : !strcmp(name, "status.json"))
			path = path_join(m->dir[d], name);
		if (path)
			v = json_read_file(path, MAX_STATUS, err);
		if (v && !strcmp(json_str(json_get(v, "sweep"), ""), m->plan->hash)) {
			++*found;
			take_status(m, d, v, path, err);
		}
		json_free(v);
		free(path);
	}
	io_list_free(&list);
	return err->code;
}

static int check_shards(struct merging *m, struct err *err)
{
	int found;

	for (int d = 0; d < m->n_dirs && !err->code; d++)
		if (!take_statuses(m, d, true, &found, err) && !found &&
		    !take_statuses(m, d, false, &found, err) && !found)
			err_set(err, ERR_DATA, "%s: no shard of this sweep was started here",
				m->dir[d]);
	for (int i = 0; i < m->shards && !err->code && !m->partial; i++)
		if (!m->holder[i])
			err_set(err, ERR_INCOMPLETE, "shard %d of %d is missing: a gap", i,
				m->shards);
	return err->code;
}

/* The folder that has the run, -1: none. */
static int find_run(const struct merging *m, const struct sweep_entry *run, struct err *err)
{
	int at = -1;

	for (int d = 0; d < m->n_dirs && !err->code; d++) {
		if (!sweep_file_done(m->dir[d], run))
			continue;
		if (at >= 0)
			err_set(err, ERR_DATA, "run %d (%s) is in %s and in %s: an overlap",
				run->number, run->id, m->dir[at], m->dir[d]);
		at = d;
	}
	return at;
}

static int copy_file(const char *from, const char *to, struct err *err)
{
	FILE *in = fopen(from, "rb"), *out = in ? fopen(to, "wb") : NULL;
	char block[1 << 16];
	size_t n;

	if (!out)
		err_set(err, ERR_IO, "%s: %s", in ? to : from, strerror(errno));
	while (out && !err->code && (n = fread(block, 1, sizeof(block), in)) > 0)
		io_write_exact(out, block, n, to, err);
	if (out && (ferror(in) || fflush(out) || fsync(fileno(out))))
		err_set(err, ERR_IO, "%s: copying %s: %s", to, from, strerror(errno));
	if (in)
		fclose(in);
	if (out)
		io_close(out, to, err);
	return err->code;
}

static int copy_tree(const char *from, const char *to, struct err *err)
{
	struct io_list list;

	if (!io_is_dir(from))
		return copy_file(from, to, err);
	if (io_mkdirs(to, err) || io_list_dir(from, &list, err))
		return err->code;
	for (size_t i = 0; i < list.n && !err->code; i++) {
		char *a = path_join(from, list.name[i]), *b = path_join(to, list.name[i]);

		if (a && b)
			copy_tree(a, b, err);
		else
			err_set(err, ERR_NOMEM, "%s: no memory", to);
		free(a);
		free(b);
	}
	io_list_free(&list);
	return err->code;
}

/* Under another name first: the final one never holds half a result. */
static int copy_run(const struct merging *m, int d, const struct sweep_entry *run, struct err *err)
{
	char *from = sweep_file_run(m->dir[d], run), *to = sweep_file_run(m->out, run);
	struct strbuf temp = { 0 };

	strbuf_addf(&temp, "%s/runs/" COPY_PREFIX "%s", m->out, run->id);
	if (!from || !to || temp.oom)
		err_set(err, ERR_NOMEM, "%s: no memory", run->id);
	else if (!io_remove_tree(temp.s, err) && !copy_tree(from, temp.s, err))
		io_rename(temp.s, to, err);
	strbuf_free(&temp);
	free(from);
	free(to);
	return err->code;
}

static int check_runs(struct merging *m, struct err *err)
{
	for (int i = 0; i < m->plan->n_runs && !err->code; i++) {
		const struct sweep_entry *run = &m->plan->run[i];

		if (run->left_out || find_run(m, run, err) >= 0 || err->code)
			continue;
		m->missing++;
		if (!m->partial)
			err_set(err, ERR_INCOMPLETE, "run %d (%s) is in no folder: a gap",
				run->number, run->id);
	}
	return err->code;
}

static bool same_path(const char *a, const char *b)
{
	struct stat x, y;

	return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int copy_runs(const struct merging *m, struct err *err)
{
	char *from = path_join(m->dir[0], "sweep.json"), *to = path_join(m->out, "sweep.json");
	char *buf = NULL;
	size_t len;

	for (int i = 0; i < m->plan->n_runs && !err->code; i++) {
		const struct sweep_entry *run = &m->plan->run[i];
		int d = run->left_out ? -1 : find_run(m, run, err);

		if (d >= 0 && !sweep_file_done(m->out, run))
			copy_run(m, d, run, err);
	}
	if (!from || !to)
		err_set(err, ERR_NOMEM, "%s: no memory", m->out);
	else if (!err->code && !same_path(from, to) &&
		 !io_read_file(from, SIZE_MAX / 2, &buf, &len, err))
		io_write_atomic(to, buf, len, err);
	free(buf);
	free(from);
	free(to);
	return err->code;
}

int merge_sweeps(const char *const *dir, int n, const char *out, bool partial,
		 struct sweep_file *file, int *missing, struct err *err)
{
	struct merging m = {
		.dir = dir, .n_dirs = n, .out = out, .partial = partial, .plan = file
	};

	*missing = 0;
	if (sweep_file_read(file, dir[0], err))
		return err->code;
	for (int i = 1; i < n && !err->code; i++) {
		for (int k = 0; k < i && !err->code; k++)
			if (same_path(dir[i], dir[k]))
				err_set(err, ERR_DATA, "%s and %s are one folder", dir[k], dir[i]);
		if (!err->code)
			same_plan(&m, dir[i], err);
	}
	if (!err->code && !check_shards(&m, err) && !check_runs(&m, err))
		copy_runs(&m, err);
	*missing = m.missing;
	free(m.holder);
	return err->code;
}

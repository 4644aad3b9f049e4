/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/energy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/str.h"

/* No package takes more: bounds the time in which a counter can wrap around twice. */
#define WATTS_MOST 1000.0

/* A whole number that is all of a small file. */
static int read_number(const char *path, uint64_t *out, struct err *err)
{
	FILE *f = fopen(path, "r");
	char line[40];
	int64_t v = 0;

	if (!f)
		return err_set(err, ERR_MISSING, "%s: not permitted, or not there", path);
	if (!fgets(line, sizeof(line), f))
		err_set(err, ERR_IO, "%s: cannot be read", path);
	fclose(f);
	if (err->code)
		return err->code;
	line[strcspn(line, "\n")] = '\0';
	if (!parse_i64(line, 0, INT64_MAX, path, &v, err))
		*out = (uint64_t)v;
	return err->code;
}

/* intel-rapl:0 is a package, intel-rapl:0:1 a part of one. */
static bool is_package(const char *name)
{
	const char *colon = strchr(name, ':');

	return str_starts(name, "intel-rapl:") && !strchr(colon + 1, ':');
}

static void add_package(struct energy *e, const char *root, const char *name, struct err *err)
{
	char range[256];

	if (e->n == ENERGY_PACKAGES)
		err_set(err, ERR_LIMIT, "%s: more than %d packages", root, ENERGY_PACKAGES);
	else if (!str_format(e->path[e->n], sizeof(e->path[0]), "%s/%s/energy_uj", root, name) ||
		 !str_format(range, sizeof(range), "%s/%s/max_energy_range_uj", root, name))
		err_set(err, ERR_LIMIT, "%s/%s: name too long", root, name);
	else if (!read_number(e->path[e->n], &e->begin[e->n], err) &&
		 !read_number(range, &e->range[e->n], err))
		e->n++;
}

void energy_start(struct energy *e, const char *root)
{
	struct io_list list = { 0 };
	struct err err = { 0 };

	*e = (struct energy){ 0 };
	if (!io_is_dir(root))
		err_set(&err, ERR_MISSING, "%s is not there", root);
	else
		io_list_dir(root, &list, &err);
	for (size_t i = 0; i < list.n && !err.code; i++)
		if (is_package(list.name[i]))
			add_package(e, root, list.name[i], &err);
	if (!err.code && !e->n)
		err_set(&err, ERR_MISSING, "%s lists no intel-rapl package", root);
	io_list_free(&list);
	if (err.code)
		e->n = 0;
	if (err.code)
		snprintf(e->note, sizeof(e->note), "not readable: %.380s", err.msg);
	else
		snprintf(e->note, sizeof(e->note), "all of the machine's %d package%s", e->n,
			 e->n > 1 ? "s" : "");
}

double energy_stop(struct energy *e, double seconds)
{
	struct err err = { 0 };
	double joules = 0;

	for (int i = 0; i < e->n && !err.code; i++) {
		uint64_t now = 0;

		if (seconds * WATTS_MOST > 1e-6 * (double)e->range[i])
			err_set(&err, ERR_LIMIT,
				"%s may have wrapped around more than once in %.0f s", e->path[i],
				seconds);
		else if (!read_number(e->path[i], &now, &err))
			joules += 1e-6 * (double)(now >= e->begin[i]
							  ? now - e->begin[i]
							  : now + (e->range[i] - e->begin[i]));
	}
	if (err.code)
		snprintf(e->note, sizeof(e->note), "not readable: %.380s", err.msg);
	return e->n && !err.code ? joules : NAN;
}

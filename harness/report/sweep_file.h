/* SPDX-License-Identifier: Apache-2.0
 * sweep.json of a sweep's folder as read back: which runs it has and what they are.
 * Nothing in it is believed unchecked: names become parts of paths.
 */
#ifndef HARNESS_REPORT_SWEEP_FILE_H
#define HARNESS_REPORT_SWEEP_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/base/json.h"
#include "harness/base/mem.h"

#define SWEEP_AXES_MAX 16

struct sweep_axis {
	const char *name;
	const char **value; /* (n) */
	int n;
};

struct sweep_entry {
	int number, point;  /* from 1, from 0 */
	const char **value; /* (n_axes) */
	const char *system, *id;
	const char *left_out; /* why it is not run, or NULL */
	int64_t seed;
};

/* Texts belong to root. */
struct sweep_file {
	struct json *root;
	const char *name, *title, *hash, *base, *corpus, *kind;
	struct sweep_axis axis[SWEEP_AXES_MAX];
	int n_axes;
	struct sweep_entry *run; /* (n_runs) runs of one point are neighbours */
	int n_runs, n_points;
	struct arena mem;
};

/* Reads <dir>/sweep.json.  ERR_MISSING, ERR_FORMAT name the file and the field.  Free
 * with sweep_file_free(), also after failure. */
int sweep_file_read(struct sweep_file *f, const char *dir, struct err *err);
void sweep_file_free(struct sweep_file *f); /* accepts the zeroed struct */

/* <dir>/runs/<id of the run>, malloc'ed; NULL: no memory. */
char *sweep_file_run(const char *dir, const struct sweep_entry *run);
/* Is there a result in that folder? */
bool sweep_file_done(const char *dir, const struct sweep_entry *run);

#endif

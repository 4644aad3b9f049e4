/* SPDX-License-Identifier: Apache-2.0
 * A sweep: a recipe (or suite) with every combination of the values of some axes,
 * each with the same seeds.  It becomes a plan for suite_run(); a run is what a
 * recipe on top of the base would be, so its id follows from what it does.
 *
 *   {"schema_version": 1, "name": "window", "title": "…", "base": "bemerc.json",
 *    "seeds": "1-3", "options": {"epochs": 6},
 *    "axes": {"window": "0-12+4", "lr": [1e-3, 2e-3], "without": ["", ["face", "body"]]}}
 *
 * An axis is an option of the model or a field of a recipe: recipe (files, beside the
 * base), model, see, window, selection, without.  A value of `see` or `without` may
 * name several things (an array, or with "\," between them).  The first axis turns
 * slowest, seeds turn fastest.
 *
 * A sweep lives in <results>/sweeps/<name>: runs/<id> as suite_run() writes them,
 * sweep.json, status.json (of a shard: status-I-of-N.json) and the summary.
 */
#ifndef HARNESS_RUN_SWEEP_H
#define HARNESS_RUN_SWEEP_H

#include "harness/base/hash.h"
#include "harness/run/axis.h"
#include "harness/run/experiment.h"
#include "harness/run/shard.h"

#define SWEEP_NAME_MAX 128
#define AXES_MAX       16

struct sweep_request {
	const char *path; /* a sweep, a recipe or a suite */
	const char *axes; /* further ones, lines "name=values"; one that the file has is replaced */
	const char *seeds; /* in the form of an axis, instead of the file's; or NULL */
	const char *set;   /* options for every run: must not be an axis; or NULL */
	const char *name;  /* instead of the file's, or NULL */
	int max_jobs;	   /* more runs than this are refused */
};

struct sweep_run {
	int point;
	char system[64];
	char id[RUN_ID_MAX];
	char *left_out; /* why there is nothing to run, or NULL */
	bool done;	/* its result is there */
};

struct sweep {
	char name[SWEEP_NAME_MAX];
	char title[160];
	char *base;	   /* path of the recipe or suite */
	struct json *file; /* the sweep as read, whose options are every run's; or NULL */
	struct axis *axis; /* (n_axes) */
	int n_axes;
	size_t cap_axes;
	struct plan plan;
	int n_points;	       /* combinations; each has its seeds */
	int *choice;	       /* (n_points, n_axes) number of the value */
	struct sweep_run *run; /* (plan.n) */
	char hash[HASH_HEX];   /* of the runs and what they are called; "" until sweep_resolve() */
};

/* Expands a sweep for a data set and checks every recipe.  ERR_ARG names what is unknown,
 * there twice, or how many runs there would be.  Free with sweep_free(), also after
 * failure. */
int sweep_read(struct sweep *s, const struct sweep_request *rq, const char *dataset,
	       struct err *err);
void sweep_free(struct sweep *s); /* accepts the zeroed struct */

/* Tells the id of every run under these options (results: folder of the sweep), what is left out
 * and what is done.  Two combinations that are the same run are ERR_ARG: an axis changes nothing.
 */
int sweep_resolve(struct sweep *s, const struct bank *bank, const char *set,
		  const struct run_options *o, struct err *err);

/* Seconds that a run takes: the mean of those finished in dir, or else of those in
 * <results>/runs, of the same corpus and systems.  *n: how many those are, 0: not known
 * (and NaN).  dataset: name of the corpus. */
double sweep_seconds(const struct sweep *s, const char *dir, const char *results,
		     const char *dataset, int *n);

/* Holds the sweep's folder (made if need be) against other processes that write into it,
 * and removes what killed ones left half written.  Returns a descriptor to close, -1 on
 * failure. */
int sweep_hold(const char *dir, struct err *err);

enum sweep_status { SWEEP_STARTED, SWEEP_COMPLETE, SWEEP_INTERRUPTED, SWEEP_ERROR };

/* The following want the folder held. */
/* Starts a shard: writes sweep.json and the status "started", and removes statuses of
 * another plan and of another number of shards. */
int sweep_begin(const struct sweep *s, const struct bank *bank, const struct shard *shard,
		const char *dir, struct err *err);
/* Writes status.json (n 1) or status-I-of-N.json: of the sweep with this hash. */
int sweep_status_write(const char *dir, const char *hash, const struct shard *shard,
		       enum sweep_status status, struct err *err);

#endif

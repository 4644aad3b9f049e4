/* SPDX-License-Identifier: Apache-2.0
 * What the files of the engine share.
 */
#ifndef HARNESS_RUN_PROFILE_PARTS_H
#define HARNESS_RUN_PROFILE_PARTS_H

#include "harness/base/pool.h"
#include "harness/run/profile.h"

/* Concatenated permutations of 0..n-1; permutation k comes from stream k of the seed. */
struct order {
	int *perm;
	int n, at;
	uint64_t seed, round;
};
int order_init(struct order *o, int n, uint64_t seed, struct err *err);
int order_next(struct order *o);
void order_free(struct order *o);

struct engine {
	const struct profile_set *set;
	const struct profile_backend *back;
	const struct profile_options *o;
	struct pool *pool; /* NULL: one worker, or simulated */
	double zero;	   /* start of the run on the back-end's clock */
	/* a wave ends early when more than late_most events took longer than late_s */
	double late_s;
	int64_t late_most;
};

/* Seconds since the start, on the clock of the worker furthest on. */
double engine_now(const struct engine *e);
/* Begins again at second 0. */
void engine_restart(struct engine *e);
bool engine_stopped(const struct engine *e, struct err *err);
/* Appends an event that is not answered yet. */
int engine_add(struct profile_result *r, int64_t query, int sample, double scheduled,
	       struct err *err);
/* Answers events first.. to the end in order of issue, as workers become free; batch: of
 * neighbours with one query and one group.  Cuts r->n to what was answered. */
int engine_serve(struct engine *e, struct profile_result *r, size_t first, int batch,
		 struct err *err);
/* Latencies, sorted and described, and the early-stopping estimate; again after another wave. */
int engine_describe(struct profile_result *r, struct err *err);

/* --- Server and Live: schedules known beforehand (profile_schedule.c) --- */

int server_run(struct engine *e, struct profile_result *r, struct err *err);
int live_run(struct engine *e, struct profile_result *r, struct err *err);

/* Fills cause, n_cause, is_short (profile_verdict.c). */
void profile_judge(struct profile_result *r);

#endif

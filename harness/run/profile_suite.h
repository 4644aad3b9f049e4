/* SPDX-License-Identifier: Apache-2.0
 * A whole profile: scenarios one after the other on the model of a result folder, and the
 * grid of throughputs, with what they cost in memory and energy.
 */
#ifndef HARNESS_RUN_PROFILE_SUITE_H
#define HARNESS_RUN_PROFILE_SUITE_H

#include "harness/run/energy.h"
#include "harness/run/profile_model.h"

#define PROFILE_AXIS_MAX 16 /* values of one axis of the grid */

struct profile_plan {
	enum scenario scenario[SCENARIO_COUNT];
	int n;
	struct profile_options each; /* of every scenario; min_queries 0: profile_least_queries() */
	int64_t offline_samples;     /* Offline: least; 0: the sample set once */
	int threads[PROFILE_AXIS_MAX], n_threads, batch[PROFILE_AXIS_MAX], n_batch;
	uint64_t seed_log;
	double log_share; /* of the samples whose label is kept with its latency */
};

/* One scenario as it came out. */
struct profile_scenario {
	struct profile_result r;
	int threads;	 /* SingleStream, Live: of the model; others: workers side by side */
	double peak_mb;	 /* resident memory */
	bool peak_own;	 /* of this scenario; otherwise of the process so far */
	double energy_j; /* NaN: see energy.note */
	struct energy energy;
};

/* Offline, at least the sample set once, at one point of the grid. */
struct profile_cell {
	int threads, batch;
	int64_t samples, failed;
	double seconds, per_s, max_ms, peak_mb; /* NaN where nothing was answered */
};

struct profile {
	const struct profile_plan *plan;
	struct profile_scenario scenario[SCENARIO_COUNT];
	int n; /* that came to their end */
	struct profile_cell cell[PROFILE_AXIS_MAX * PROFILE_AXIS_MAX];
	int n_cell;
	double load_s; /* of the first loading of the model */
	bool interrupted;
};

/* Least number of queries where a plan names none: what early stopping needs, and LoadGen's 100. */
int64_t profile_least_queries(enum scenario s);

/* Runs the plan; the grid only where more than one value of threads or batch is given.  Where it
 * is interrupted *p holds what was complete, and interrupted is set (no error).  Free *p, also
 * after a failure. */
int profile_suite(const struct profile_plan *plan, struct profile_model *m, struct profile *p,
		  struct err *err);
void profile_free(struct profile *p); /* accepts the zeroed struct */
bool profile_valid(const struct profile *p);
bool profile_short(const struct profile *p);

#endif

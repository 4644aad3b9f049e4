/* SPDX-License-Identifier: Apache-2.0
 * Profiles as `merc profile` left them (profile.json; harness/run/profile.h tells the format),
 * for the tables and pictures of latency and throughput.
 */
#ifndef HARNESS_REPORT_PROFILES_H
#define HARNESS_REPORT_PROFILES_H

#include "harness/report/plots.h"
#include "harness/report/table.h"

/* One profile.json; texts belong to root. */
struct profile_file {
	struct json *root;
	const char *id, *system, *corpus; /* of the run that was profiled */
};

struct profile_list {
	struct profile_file *file; /* (n) in the order of their folders' names */
	int n;
	size_t cap;
};

/* Reads DIR/NAME/profile.json of every NAME; a missing DIR, or NULL, holds none.  A file that
 * cannot be used is added to `problems` and logged.  Free with profiles_free(), also after failure.
 */
int profiles_load(struct profile_list *l, const char *dir, struct result_list *problems,
		  const struct log *log, struct err *err);
void profiles_free(struct profile_list *l);

/* A row each scenario: its metric, percentiles, whether the run is valid (in CSV, why not). */
void tables_profiles(const struct profile_list *l, struct table *t);
/* A row each cause of an INVALID run. */
void tables_invalid(const struct profile_list *l, struct table *t);
/* A row each pair of threads and batch. */
void tables_throughput(const struct profile_list *l, struct table *t);

enum profile_plot {
	PROFILE_PLOT_CDF, /* share of queries answered within a time, a panel each scenario */
	PROFILE_PLOT_THROUGHPUT, /* samples a second against batch, a line each number of threads */
	PROFILE_PLOT_COUNT,
};

/* As plots_write(), of all profiles together. */
int plots_profiles_write(const struct summary *s, const struct profile_list *l,
			 enum profile_plot kind, const char *dir, char slug[96], bool *drawn,
			 struct err *err);

#endif

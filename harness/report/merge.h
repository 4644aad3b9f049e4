/* SPDX-License-Identifier: Apache-2.0
 * Shards of a sweep become one: every run must be there once, from shards of one plan.
 */
#ifndef HARNESS_REPORT_MERGE_H
#define HARNESS_REPORT_MERGE_H

#include <stdbool.h>

#include "harness/base/err.h"
#include "harness/report/sweep_file.h"

/* Joins the sweeps' folders dir (n) into out, which may be one of them: checks, then copies
 * runs that out does not have, and sweep.json.  Refuses, naming what and where: folders of
 * different plans or numbers of shards, a shard or a run that is in two folders (ERR_DATA),
 * a shard that is missing or did not end, a run that is missing (ERR_INCOMPLETE).
 * partial: what is missing may be.  *file: the plan, to be freed, also after failure;
 * *missing: how many runs are not there. */
int merge_sweeps(const char *const *dir, int n, const char *out, bool partial,
		 struct sweep_file *file, int *missing, struct err *err);

#endif

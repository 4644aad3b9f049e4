/* SPDX-License-Identifier: Apache-2.0
 * Which part of the work is this process's: shard i of n.
 */
#ifndef HARNESS_RUN_SHARD_H
#define HARNESS_RUN_SHARD_H

#include <stdbool.h>

#include "harness/base/err.h"

#define SHARDS_MAX 100000

struct shard {
	int i, n;	    /* 0 <= i < n */
	const char *source; /* who says so: "--shard", "SLURM_ARRAY_TASK_ID", … */
};

/* text: "" (all of it), "i/n" with i from 0, or "auto": the first of these that the
 * environment holds whole: SLURM_ARRAY_TASK_ID with _MIN, _STEP, _COUNT;
 * SLURM_PROCID with SLURM_NTASKS; OMPI_COMM_WORLD_RANK with _SIZE; PMI_RANK with
 * PMI_SIZE.  Only "auto" reads the environment: a stray variable must not shrink a
 * run.  ERR_ARG names the variable or the text. */
int shard_parse(struct shard *s, const char *text, struct err *err);

#endif

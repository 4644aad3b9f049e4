/* SPDX-License-Identifier: Apache-2.0
 * The processes that mpirun started together, in a program built with MPI=1; in any other
 * there is one.  They share nothing but files: a rank is a shard, split beforehand, so
 * that what a rank does never depends on how quick another was, and a rank that dies leaves
 * its shard to be resumed.
 */
#ifndef HARNESS_RUN_RANKS_H
#define HARNESS_RUN_RANKS_H

#include "harness/run/shard.h"

/* Starts MPI and makes *s the shard of this rank; one rank: all of it.  ERR_BACKEND. */
int ranks_begin(struct shard *s, struct err *err);
/* Waits for every rank; *failed: on how many `bad` was set. */
int ranks_meet(bool bad, int *failed, struct err *err);
/* Ends MPI, if it was started. */
void ranks_end(void);

#endif

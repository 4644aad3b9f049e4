/* SPDX-License-Identifier: Apache-2.0
 * What would be asked, for people: finished prompts, their number, and what they would cost.
 */
#ifndef HARNESS_CLI_DRY_RUN_H
#define HARNESS_CLI_DRY_RUN_H

#include "harness/base/log.h"
#include "harness/core/ask.h"
#include "harness/remote/kept.h"
#include "harness/run/experiment.h"

/* Counts over the asks that were shown. */
struct dry_run {
	const struct carrier *carrier; /* NULL: not known, then nothing is estimated */
	struct kept *kept;	       /* of the folder that the asks belong to; may be NULL */
	int64_t asks, no_clip, media, n_kept;
	uint64_t text_bytes, media_bytes;
	struct ask_estimate estimate;
};

/* Names the folder of the replies to the asks that come, so that those it has are not counted to
 * the estimate; dir NULL: none. */
int dry_run_folder(struct dry_run *d, const char *dir, struct err *err);
/* Calls show (dry_run_show or dry_run_count) with every ask of a run, knowing the replies of its
 * folder. */
int dry_run_experiment(struct dry_run *d, const struct bank *bank, const struct recipe *recipe,
		       uint64_t seed, const struct run_options *o,
		       int (*show)(void *ctx, const struct ask *ask, const char *why,
				   struct err *err),
		       struct err *err);
/* Prints one ask to standard output: id, mode, hash of its prompt, then each message with its role;
 * media as type and size.  ctx is a struct dry_run; why: its clip cannot be read. */
int dry_run_show(void *ctx, const struct ask *ask, const char *why, struct err *err);
/* Counts one ask without printing it: its number, and what it would cost. */
int dry_run_count(void *ctx, const struct ask *ask, const char *why, struct err *err);
/* "cost at most 3.2", or that none is known; c may not be NULL. */
void dry_run_cost(const struct carrier *c, double cost, struct strbuf *out);
/* The sums, to the log. */
void dry_run_sum(const struct dry_run *d, const struct log *log);

#endif

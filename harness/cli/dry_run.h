/* SPDX-License-Identifier: Apache-2.0
 * What would be asked, for people: finished prompts, their number, and what they would cost.
 */
#ifndef HARNESS_CLI_DRY_RUN_H
#define HARNESS_CLI_DRY_RUN_H

#include "harness/base/log.h"
#include "harness/core/ask.h"

/* Counts over the asks that were shown. */
struct dry_run {
	const struct carrier *carrier; /* NULL: not known, then nothing is estimated */
	int64_t asks, no_clip, media;
	uint64_t text_bytes, media_bytes;
	struct ask_estimate estimate;
};

/* Prints one ask to standard output: id, mode, hash of its prompt, then each message with its role;
 * media as type and size.  ctx is a struct dry_run; why: its clip cannot be read. */
int dry_run_show(void *ctx, const struct ask *ask, const char *why, struct err *err);
/* The sums, to the log. */
void dry_run_sum(const struct dry_run *d, const struct log *log);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * A system that asks a served model, for the profiling engine: all questions of the sample set are
 * written, and their clips read, before the clock starts, so that a latency is that of the served
 * model and of the way to it.  Nothing is repeated and nothing is kept.
 */
#ifndef HARNESS_RUN_PROFILE_ASKS_H
#define HARNESS_RUN_PROFILE_ASKS_H

#include "harness/run/profile_samples.h"
#include "harness/run/reload.h"

#define PROFILE_ASKS_BYTES ((size_t)2 << 30) /* of finished questions */

struct carrier;
struct profile_asks;

/* All outlive the asks, *state too. */
struct profile_asks_request {
	const struct model_ops *model;
	const void *state;
	unsigned see;
	const struct views *views;
	const struct corpus *corpus; /* of the views */
	const struct carrier *carrier;
	int threads; /* that read clips */
	const struct log *log;
	const volatile sig_atomic_t *stop;
};

/* Writes the questions about the samples; those whose clip cannot be read leave the sample set,
 * *dropped says how many.  ERR_LIMIT: more than PROFILE_ASKS_BYTES; ERR_DATA: none is left.  NULL
 * with err set. */
struct profile_asks *profile_asks_make(const struct profile_asks_request *rq,
				       struct profile_samples *samples, int *dropped,
				       struct err *err);
void profile_asks_free(struct profile_asks *a); /* accepts NULL */

/* Opens lines for so many workers; those that are open stay. */
int profile_asks_use(struct profile_asks *a, int workers, struct err *err);
/* Asks about one sample, sent at once; a reply without a label is one, anything else ERR_BACKEND.
 */
int profile_asks_answer(struct profile_asks *a, int worker, int sample, struct profile_reply *out,
			struct err *err);
/* What answers, with what is served; "" before profile_asks_use(). */
const char *profile_asks_served(const struct profile_asks *a);

#endif

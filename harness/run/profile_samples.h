/* SPDX-License-Identifier: Apache-2.0
 * The sample set of a profile: which utterances are asked, and when they end where a dialogue
 * is played.
 */
#ifndef HARNESS_RUN_PROFILE_SAMPLES_H
#define HARNESS_RUN_PROFILE_SAMPLES_H

#include "harness/run/bank.h"
#include "harness/run/profile.h"

struct profile_samples {
	struct profile_set set;	 /* points into what follows */
	int *view, *turn;	 /* (n) view, and turn of it */
	int *group;		 /* (n) the view */
	double *seconds, *end_s; /* (n) */
	double *group_s;	 /* (views) */
};

/* n (0: all) of the targets of v, drawn by seed.  A dialogue whose utterances are spans of one
 * file plays as in that file; otherwise its clips follow each other.  Where no clip is known to
 * last any time, set.seconds is NULL.  Destroy with profile_samples_free(). */
int profile_samples_make(struct profile_samples *s, const struct views *v, const struct bank *b,
			 int n, uint64_t seed, struct err *err);
/* Takes samples out; gone: (set.n). */
void profile_samples_drop(struct profile_samples *s, const bool *gone);
void profile_samples_free(struct profile_samples *s); /* accepts the zeroed struct */

#endif

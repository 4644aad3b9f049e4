/* SPDX-License-Identifier: Apache-2.0
 * A carrier (harness/core/ask.h) out of what a user writes: PROFILE.json, exec:COMMAND,
 * replay:FILE.
 */
#ifndef HARNESS_REMOTE_CARRIER_H
#define HARNESS_REMOTE_CARRIER_H

#include "harness/core/ask.h"

struct carrier_options {
	int concurrency;     /* asks in flight, 0: the back-end's own number */
	bool adaptive;	     /* find out how many may fly, within the profile's bounds; http only */
	double limit_s;	     /* for one request, 0: the back-end's own */
	double budget;	     /* as in struct drive_options; 0: any */
	bool retry_failed;   /* replies that are backend_fail are asked for again */
	const char *replies; /* as in struct drive_options; outlives the carrier */
	const struct log *log;
	const volatile sig_atomic_t *stop; /* may be NULL */
};

/* Reads and checks what spec names and reaches nobody; no process of a program, connection or
 * index of a journal is there before carry, which may be called in a forked child of who opened
 * it, several times, and by several threads at once for different folders; lines likewise.  What a
 * file says must not change in between (ERR_BACKEND).  The process leaves no core from now on: it
 * would hold the key.  log and stop outlive the carrier.  Close with carrier_close(), which accepts
 * the zeroed struct and one that could not be opened. */
int carrier_open(struct carrier *c, const char *spec, const struct carrier_options *o,
		 struct err *err);
void carrier_close(struct carrier *c);

#endif

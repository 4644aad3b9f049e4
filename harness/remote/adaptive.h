/* SPDX-License-Identifier: Apache-2.0
 * How many requests a server gets at once, found by trying: one more after a round that went
 * well, half as many after a failure, a status 429 or a round whose slowest twentieth took longer
 * than wanted (additive increase, multiplicative decrease).
 */
#ifndef HARNESS_REMOTE_ADAPTIVE_H
#define HARNESS_REMOTE_ADAPTIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/base/err.h"

#define ADAPTIVE_ROUND 20   /* replies of a round at least; at most as many as may fly */
#define ADAPTIVE_MAX   1024 /* in flight */

struct adaptive_rule {
	bool on;
	int min, max;
	double target_p95_s;
};
extern const struct adaptive_rule adaptive_usual; /* off, 1, 64, 10 s */

/* How a request ended. */
enum adaptive_end { ADAPTIVE_WELL, ADAPTIVE_FAILURE, ADAPTIVE_RATE };

struct adaptive {
	struct adaptive_rule rule;
	int limit;		 /* in flight now; 0: not opened */
	int least, most, halved; /* what it came to, and how often it was halved */
	int64_t requests;	 /* that ended */
	double start, since; /* what was sent before `since` flew under a limit that was given up */
	double latency[ADAPTIVE_MAX]; /* of this round */
	int n;
	FILE *history; /* dir/adaptive.jsonl, one line a change, or NULL */
	char *path;
};

/* Begins with as many as `first`, within the rule.  dir NULL: no history.  now: clock_s(), as
 * everywhere below.  Close with adaptive_close(), which accepts the zeroed struct. */
int adaptive_open(struct adaptive *a, const struct adaptive_rule *rule, int first, const char *dir,
		  double now, struct err *err);
int adaptive_close(struct adaptive *a, double now, struct err *err);

/* A request that was sent at `sent` ended; nothing happens where a is not open. */
void adaptive_note(struct adaptive *a, enum adaptive_end end, double sent, double latency_s,
		   double now);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Asks through a back-end and a journal: what is kept is not asked again, what comes back is kept
 * before it counts, and replies leave in the order of the asks.
 */
#ifndef HARNESS_REMOTE_DRIVE_H
#define HARNESS_REMOTE_DRIVE_H

#include "harness/core/ask.h"

/* What may wait for an earlier reply: so many asks, and so many bytes of replies. */
#define DRIVE_WINDOW 1024
#define DRIVE_HELD   ((size_t)64 << 20)

struct drive_options {
	const char *dir;   /* folder of the journal; must exist */
	bool retry_failed; /* asks that ended as backend_fail are asked again */
	double budget;	   /* no ask is sent once this much was spent in this folder; 0: any */
	int64_t total;	   /* asks to come, for the progress line; 0: not known */
	const struct log *log;
};

/* What became of the asks that reached the sink. */
struct drive_counts {
	int64_t asks, kept; /* kept: found in the journal */
	int64_t status[ANSWER_STATUS_COUNT], cause[CAUSE_COUNT];
	int64_t repeated;			  /* took more than one attempt */
	int64_t prompt_tokens, completion_tokens; /* as far as they are known */
	double cost;				  /* all that was spent in this folder */
	bool budget_hit;
};

/* Runs a started back-end over the source.  The sink gets each reply once, in the order in which
 * the source gave the asks, after it is durable, with prompt_hash and reply_hash set; sink->settle
 * is called whenever some have come.  Asks stay valid until then.  With the budget spent the
 * asks in flight are waited for and ERR_INCOMPLETE is returned. */
int drive(const struct backend_ops *ops, void *state, const struct ask_source *source,
	  const struct ask_sink *sink, const struct drive_options *o, struct drive_counts *counts,
	  struct err *err);

#endif

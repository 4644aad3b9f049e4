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
	/* Of all that is spent in this folder, 0: any.  An ask is sent if what was paid, the
	 * estimates of the asks in flight and its own stay within it, so that it is exceeded by no
	 * more than estimates are wrong. */
	double budget;
	double elsewhere; /* of the budget: spent in other folders */
	/* Folders, one a line, whose replies to the same asks are taken from there; their journals
	 * are only read.  NULL or "": none. */
	const char *replies;
	int64_t total; /* asks to come, for the progress line; 0: not known */
	const struct log *log;
};

/* Runs a started back-end over the source.  The sink gets each reply once, in the order in which
 * the source gave the asks, after it is durable, with its hashes set; sink->settle
 * is called whenever some have come.  Asks stay valid until then.  With the budget spent the
 * asks in flight are waited for and ERR_INCOMPLETE is returned. */
int drive(const struct backend_ops *ops, void *state, const struct ask_source *source,
	  const struct ask_sink *sink, const struct drive_options *o, struct ask_counts *counts,
	  struct err *err);

#endif

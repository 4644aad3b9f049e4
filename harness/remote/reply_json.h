/* SPDX-License-Identifier: Apache-2.0
 * A reply as members of a JSON object, written and read: in journals, in files of replies and
 * from recorded answers.
 */
#ifndef HARNESS_REMOTE_REPLY_JSON_H
#define HARNESS_REMOTE_REPLY_JSON_H

#include "harness/base/json.h"
#include "harness/core/ask.h"

/* id, index and the reply, into the open object.  with_run: also what differs between two runs
 * (attempts, first error, latency, cost, request id). */
void reply_put(struct json_writer *w, const char *id, int index, const struct reply *r,
	       bool with_run);

/* Reads what reply_put wrote, members in any order, others ignored; a line of only id and text
 * is an ok reply.  Strings live in mem.  `what` names the line.  ERR_FORMAT, ERR_NOMEM. */
int reply_read(const struct json *v, const char *what, struct arena *mem, struct reply *r,
	       struct err *err);

/* The empty reply: every string "", counts -1, status ok. */
extern const struct reply reply_none;

#endif

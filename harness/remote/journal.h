/* SPDX-License-Identifier: Apache-2.0
 * Replies on disk.  journal.jsonl is the truth: a reply counts once its line is there and
 * flushed.  journal.db (SQLite) finds lines by key; it is brought up to date from the journal
 * when it is opened and made anew when it is lost.  One writer at a time.
 */
#ifndef HARNESS_REMOTE_JOURNAL_H
#define HARNESS_REMOTE_JOURNAL_H

#include "harness/base/log.h"
#include "harness/core/ask.h"

struct journal;

/* Opens or begins the journal of a folder that exists.  A torn last line is cut off with a
 * warning; a broken line elsewhere is ERR_FORMAT; another writer is ERR_ARG.  NULL with err set.
 * log may be NULL. */
struct journal *journal_open(const char *dir, const struct log *log, struct err *err);
void journal_close(struct journal *j); /* accepts NULL; what was not committed is lost */

/* The last reply kept under the key, in mem; *found false if there is none. */
int journal_find(struct journal *j, const char key[ASK_SHA_HEX], struct arena *mem,
		 struct reply *out, bool *found, struct err *err);
/* Takes a reply up; durable, and found, after journal_commit. */
int journal_add(struct journal *j, const struct ask *ask, const char key[ASK_SHA_HEX],
		const struct reply *r, struct err *err);
/* One write and one flush for all that was added, then the index. */
int journal_commit(struct journal *j, struct err *err);

/* Sum of the cost of every reply in the journal, repeated ones too: what was spent. */
double journal_cost(const struct journal *j);

#endif

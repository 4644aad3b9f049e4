/* SPDX-License-Identifier: Apache-2.0
 * Replies that other folders keep, read and never written: what a server said once to the very
 * same request need not be asked for again.
 */
#ifndef HARNESS_REMOTE_SHELF_H
#define HARNESS_REMOTE_SHELF_H

#include "harness/core/ask.h"

struct shelf;

/* Notes what the journals of the folders, one a line, hold that may be shared: replies of
 * deterministic asks (ask_deterministic) that are whole and not empty.  A line that another
 * process is writing is left out.  NULL with err set; ERR_MISSING: a folder without a journal. */
struct shelf *shelf_open(const char *folders, struct err *err);
void shelf_close(struct shelf *s); /* accepts NULL */

/* The reply under the key, in mem; *found false if there is none. */
int shelf_find(const struct shelf *s, const char key[ASK_SHA_HEX], struct arena *mem,
	       struct reply *out, bool *found, struct err *err);

#endif

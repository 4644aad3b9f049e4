/* SPDX-License-Identifier: Apache-2.0
 * Which asks a folder keeps replies to, as far as can be told without reaching the model: by their
 * names and prompts.  What a run of the folder really takes from it depends on what is served, too.
 */
#ifndef HARNESS_REMOTE_KEPT_H
#define HARNESS_REMOTE_KEPT_H

#include "harness/core/ask.h"

struct kept;

/* Reads the journal of the folder (none: nothing is kept).  again: replies that are backend_fail do
 * not count, as they are asked for again.  NULL with err set. */
struct kept *kept_open(const char *dir, bool again, struct err *err);
void kept_close(struct kept *k); /* accepts NULL */

/* k may be NULL: no. */
bool kept_has(const struct kept *k, const struct ask *ask, const char prompt_hash[ASK_SHA_HEX]);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * What a reply depends on, as one SHA-256: replies are kept under it and found again.
 */
#ifndef HARNESS_REMOTE_KEY_H
#define HARNESS_REMOTE_KEY_H

#include "harness/base/json.h"
#include "harness/core/ask.h"

/* A copy of a value whose objects have their keys in byte order, recursively. */
void json_put_sorted(struct json_writer *w, const char *key, const struct json *v);

/* SHA-256 of the messages as JSON, media as the SHA-256 and size of their bytes; and of the hashes
 * of their media as lines in their order ("" where there are none; may be NULL).  ERR_NOMEM. */
int ask_prompt_hash(const struct ask *ask, char out[ASK_SHA_HEX], char media[ASK_SHA_HEX],
		    struct err *err);

/* SHA-256 of one canonical JSON object (sorted keys, %.17g): version of this rule, identity of
 * the back-end (canonical JSON already), task, id, index, mode, options, prompt hash, every
 * sampling field, settings.  ERR_NOMEM. */
int ask_key(const struct ask *ask, const char *identity, const char prompt_hash[ASK_SHA_HEX],
	    char out[ASK_SHA_HEX], struct err *err);

/* What may be kept for other runs: the same request gives the same reply. */
bool ask_deterministic(const struct ask *ask);

#endif

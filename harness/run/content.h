/* SPDX-License-Identifier: Apache-2.0
 * The hash of a file's content, remembered by name, size and time of change.
 */
#ifndef HARNESS_RUN_CONTENT_H
#define HARNESS_RUN_CONTENT_H

#include "harness/base/hash.h"
#include "harness/run/pack.h"

/* out: the hash.  known (NULL: none): where hashes are looked up and put.  Several threads may
 * call it at once.  ERR_MISSING, ERR_IO. */
int content_hash(struct pack *known, const char *path, char out[HASH_HEX], struct err *err);

#endif

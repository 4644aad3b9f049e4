/* SPDX-License-Identifier: Apache-2.0
 * A cache on disk: one append-only file of keyed, checksummed records.  A torn
 * tail (killed while writing) is cut off on the next opening; a damaged record ends
 * the file there.  Several readers, one writer at a time (flock).
 */
#ifndef HARNESS_RUN_PACK_H
#define HARNESS_RUN_PACK_H

#include <stddef.h>

#include "harness/base/err.h"

#define PACK_KEY 32 /* hex digits of hash_hex() */

struct pack;

/* Opens or creates the file.  Free with pack_close(). */
struct pack *pack_open(const char *path, struct err *err);
/* The newest record of a key, or NULL.  Valid until the pack is closed. */
const void *pack_get(struct pack *p, const char *key, size_t *len);
/* Appends a record (thread-safe) and makes it visible to pack_get. */
int pack_put(struct pack *p, const char *key, const void *data, size_t len, struct err *err);
void pack_close(struct pack *p); /* accepts NULL */

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Content hashes (XXH3, 128 bits, from libxxhash) for caches and provenance,
 * and the 64-bit XXH64 that decides shards.  Not cryptographic.
 */
#ifndef HARNESS_BASE_HASH_H
#define HARNESS_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"

#define HASH_HEX 33 /* 32 hex digits and the NUL */

/* Hash of a block as lower-case hex. */
void hash_hex(const void *data, size_t len, char out[HASH_HEX]);
/* Hash of a file's content, streamed. */
int hash_file(const char *path, char out[HASH_HEX], struct err *err);
uint64_t hash_u64(const void *data, size_t len);

#endif

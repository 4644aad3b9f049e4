/* SPDX-License-Identifier: Apache-2.0
 * Strings to dense numbers: an insertion-ordered table with open addressing.
 * Same insertions, same numbers, on every machine.
 */
#ifndef HARNESS_TEXT_VOCAB_H
#define HARNESS_TEXT_VOCAB_H

#include <stddef.h>

#include "harness/base/mem.h"

/* The zeroed struct is an empty table.  Keys may hold any bytes. */
struct vocab {
	struct vocab_entry *entry; /* (n) in order of insertion */
	int n;
	size_t cap;
	int *slot; /* (n_slot) entry + 1, 0: free */
	size_t n_slot;
	struct arena mem;
};

struct vocab_entry {
	const char *s; /* NUL after the last byte */
	int len;
	unsigned hash;
};

/* Number of a key, -1 if absent. */
int vocab_find(const struct vocab *v, const char *s, size_t len);
/* Number of a key, added (copied) when new; -1 when there is no memory. */
int vocab_add(struct vocab *v, const char *s, size_t len);
void vocab_free(struct vocab *v);

#endif

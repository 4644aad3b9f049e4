/* SPDX-License-Identifier: Apache-2.0
 * A map from strings to whole numbers (open addressing over XXH64): joins of
 * rows, ids and texts without quadratic scans.  Keys are borrowed, not copied.
 */
#ifndef HARNESS_BASE_MAP_H
#define HARNESS_BASE_MAP_H

#include <stddef.h>

struct map_slot {
	const char *key; /* NULL: free */
	int value;
};

/* The zeroed struct is an empty map.  Keys must outlive it. */
struct str_map {
	struct map_slot *slot;
	size_t n, cap; /* cap 0 or a power of two */
};

/* The value of key, added with -1 if it is new; valid until the next call.
 * NULL: no memory. */
int *map_slot(struct str_map *m, const char *key) __attribute__((warn_unused_result));
/* The value of key, or -1. */
int map_get(const struct str_map *m, const char *key);
/* Frees the memory and leaves an empty map. */
void map_free(struct str_map *m);

#endif

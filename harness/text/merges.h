/* SPDX-License-Identifier: Apache-2.0
 * Byte-pair merges by rank, for learned and published tokenizers: of all neighbours that have a
 * merge the one of the lowest rank goes first, the leftmost of equals.
 */
#ifndef HARNESS_TEXT_MERGES_H
#define HARNESS_TEXT_MERGES_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/mem.h"

/* Pairs of symbols, open addressing.  The zeroed struct is empty. */
struct merges {
	struct merge {
		int a, b;    /* a < 0: free */
		int rank, c; /* the pair becomes c */
	} * slot;
	size_t n, n_slot; /* n_slot: 0 or a power of two */
};

/* Where a search for a pair begins, before it is cut to a table's size. */
size_t merges_hash(int a, int b);
/* Adds a pair of numbers >= 0; a pair that is there stays as it is.  false: no memory. */
bool merges_add(struct merges *m, int a, int b, int rank, int c);
/* NULL: the two do not merge. */
const struct merge *merges_find(const struct merges *m, int a, int b);
void merges_free(struct merges *m);

/* A stretch of text on the way to tokens. */
struct node {
	int sym;	     /* -1: merges with nothing */
	unsigned start, len; /* its bytes */
	int prev, next;	     /* list while merging; -1: none */
	int rank, made;	     /* of the pair with the next node; rank INT_MAX: none */
};

struct merge_heap_item {
	int rank, left, c;
};

/* Nodes of one stretch and what merging needs besides; reused from stretch to stretch. */
struct merge_work {
	struct node *node;
	size_t n, cap;
	struct merge_heap_item *heap;
	size_t n_heap, cap_heap;
};

/* Appends a node. false: no memory, or more bytes than a node can count. */
bool merge_push(struct merge_work *w, int sym, size_t start, size_t len);
/* Applies all merges; node[0..n) are what is left.  note, unless NULL, is told of every pair
 * that could merge, in the order in which they are met.  false: no memory. */
bool merge_run(const struct merges *m, struct merge_work *w,
	       void (*note)(void *ctx, const struct merge *pair), void *ctx);
void merge_work_free(struct merge_work *w);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Work memory that is given out front to back and taken back all at once, or block
 * by block.  It grows when a larger job comes and then stays: after the first few jobs
 * it no longer allocates.  Blocks never move until the reset.
 */
#ifndef HARNESS_NUM_WORKSPACE_H
#define HARNESS_NUM_WORKSPACE_H

#include <stddef.h>

/* The zeroed struct is an empty workspace. */
struct workspace {
	unsigned char *base;
	size_t size, used;	     /* used: everything behind it is free */
	struct workspace_hole *hole; /* what was given back in front of it, by address */
	size_t n_hole, hole_cap;
	struct workspace_spill *spill; /* blocks that did not fit into base since the reset */
	size_t spilled, most;	       /* most: of used + spilled since the reset */
};

/* n elements, 64-byte aligned, content undefined; NULL on overflow or no memory. */
void *workspace_get(struct workspace *w, size_t n, size_t size) __attribute__((warn_unused_result));
/* Takes one block back, with the n and size it was asked for with; p NULL: nothing. */
void workspace_give(struct workspace *w, void *p, size_t n, size_t size);
/* Takes everything back; what had spilled becomes part of one block. */
void workspace_reset(struct workspace *w);
/* Bytes held. */
size_t workspace_bytes(const struct workspace *w);
/* Accepts the zeroed struct and leaves it zeroed. */
void workspace_free(struct workspace *w);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Work memory that is given out front to back and taken back all at once.  It
 * grows when a larger job comes and then stays: after the first few jobs it no
 * longer allocates.  Blocks never move until the reset.
 */
#ifndef HARNESS_NUM_WORKSPACE_H
#define HARNESS_NUM_WORKSPACE_H

#include <stddef.h>

/* The zeroed struct is an empty workspace. */
struct workspace {
	unsigned char *base;
	size_t size, used;
	struct workspace_spill *spill; /* blocks that did not fit into base since the reset */
	size_t spilled;
};

/* n elements, 64-byte aligned, content undefined; NULL on overflow or no memory. */
void *workspace_get(struct workspace *w, size_t n, size_t size) __attribute__((warn_unused_result));
/* Takes everything back; what had spilled becomes part of one block. */
void workspace_reset(struct workspace *w);
/* Bytes held. */
size_t workspace_bytes(const struct workspace *w);
/* Accepts the zeroed struct and leaves it zeroed. */
void workspace_free(struct workspace *w);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Which keys a query may see, as at most two contiguous ranges, and how queries
 * are grouped into blocks that share one small matrix product.
 */
#ifndef HARNESS_NUM_ATTN_H
#define HARNESS_NUM_ATTN_H

#include <stddef.h>

#include "harness/base/err.h"
#include "harness/num/workspace.h"

#define ATTN_QUERIES 48 /* most queries of a block */

/* Keys [lo[0], hi[0]) and [lo[1], hi[1]); the second lies behind the first; either may be empty. */
struct key_spans {
	int lo[2], hi[2];
};

struct attn_block {
	int first, count;	/* queries */
	struct key_spans cover; /* smallest spans that hold those of all its queries */
};

/* One plan serves all heads and layers of a packed sequence. */
struct attn_plan {
	int n_query, n_key;
	const struct key_spans *query; /* (n_query), the caller's */
	struct attn_block *block;
	int n_block;
	int most;  /* queries of the largest block */
	int width; /* columns of the widest score row, padded for any kernel */
	long area; /* scores of all blocks together */
};

/* Checks the spans (every query sees at least one key, all inside [0, n_key)) and
 * builds the blocks in the workspace.  The plan lives as long as both. */
int attn_plan_build(struct attn_plan *plan, const struct key_spans *query, int n_query, int n_key,
		    struct workspace *ws, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * The tables of a cascade, for its reader and its evaluator.
 */
#ifndef HARNESS_CUE_CASCADE_PARTS_H
#define HARNESS_CUE_CASCADE_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "harness/base/hash.h"
#include "harness/cue/cascade.h"

enum {
	/* A row of an integral image holds its even columns, then its odd ones: windows two
	 * pixels apart then lie side by side. */
	CASCADE_HALF = 224, /* SCAN_WIDTH / 2 + 1 and room for what a vector reads beyond */
	CASCADE_STRIDE = 2 * CASCADE_HALF,
	CASCADE_RECTS = 3,
	CASCADE_PIECE = 257,	/* pixels whose luma sums to less than 2^16 */
	CASCADE_TREE_MAX = 64,	/* nodes of one tree */
	CASCADE_SIDE_MAX = 128, /* of a window */
	CASCADE_LANES = 8,	/* windows looked at together */
	CASCADE_ROWS = SCAN_HEIGHT + 1,
};

/* Where column x and row y lie, from a window in an even column. */
static inline int32_t cascade_at(int x, int y)
{
	return y * CASCADE_STRIDE + (x & 1) * CASCADE_HALF + x / 2;
}

/* The same in a packed window of that width: its rows follow one another. */
static inline int32_t cascade_packed_at(int width, int x, int y)
{
	return (y * (width + 1) + (x & 1) * (width / 2 + 1) + x / 2) * CASCADE_LANES;
}

/* The weighted sum of a rectangle, or of a piece of one: at most CASCADE_PIECE pixels, so that
 * sums modulo 2^16 are enough.  Corners are offsets into an integral image from the window's
 * own corner. */
struct cascade_term {
	int32_t corner[4], packed[4]; /* packed: into windows that lie side by side */
	float weight;
};

/* One question of a tree: is the sum of its terms below the threshold? */
struct cascade_node {
	struct cascade_term two[2]; /* a second that is not there has no weight */
	int32_t term, terms;	    /* more of them: the first and how many */
	float threshold;
	int32_t child[2]; /* below, otherwise: a later node of the tree, or ~leaf */
};

struct cascade_tree {
	int32_t node, leaf; /* where its nodes and leaves begin */
	int32_t nodes;
	float answer[2]
		    [2]; /* of at most two nodes: the leaf by first and second answer, 0: below */
};

struct cascade_stage {
	int32_t tree, trees; /* first and how many */
	float threshold;     /* a window goes on with this sum of leaves, or more */
};

struct cascade {
	int width, height; /* of the window */
	struct cascade_stage *stage;
	struct cascade_tree *tree;
	struct cascade_node *node;
	struct cascade_term *term;
	float *leaf;
	size_t stages, trees, nodes, terms, leaves;
	int32_t inner_terms; /* of term, the first: the window without its outermost pixels */
	char hash[HASH_HEX]; /* of the bytes it was read from */
};

/* Integral images of one level. */
struct cascade_sums {
	uint16_t sum[CASCADE_STRIDE * CASCADE_ROWS]; /* modulo 2^16 */
	uint32_t square[CASCADE_STRIDE * CASCADE_ROWS];
};

/* A window by its corner; norm: see window_norms(). */
struct cascade_window {
	uint16_t x, y;
	float norm;
};

/* Scratch of a run, and the windows that passed. */
struct cascade_run {
	struct cascade_window window[(SCAN_WIDTH / 2 + CASCADE_LANES) * (SCAN_HEIGHT / 2)];
	/* values of CASCADE_LANES windows side by side, room to align them and for a last write */
	uint16_t packed[CASCADE_LANES * ((CASCADE_SIDE_MAX + 1) * (CASCADE_SIDE_MAX + 1) + 10)];
};

/* Corners of windows: from x0, even, and y0 to x1 and y1. */
struct cascade_box {
	int x0, y0, x1, y1;
};

/* Runs every second window of every second row of the box through the stages.  The windows that
 * pass stand in r->window, row by row; returns how many. */
int cascade_windows(const struct cascade *c, const struct cascade_sums *sums,
		    const struct cascade_box *box, struct cascade_run *r);

#endif

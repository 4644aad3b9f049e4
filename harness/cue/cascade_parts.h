/* SPDX-License-Identifier: Apache-2.0
 * The tables of a cascade, for its reader and its evaluator.
 */
#ifndef HARNESS_CUE_CASCADE_PARTS_H
#define HARNESS_CUE_CASCADE_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "harness/base/hash.h"

enum {
	/* A row of an integral image holds its even columns, then its odd ones: windows two
	 * pixels apart then lie side by side. */
	CASCADE_HALF = 212, /* SCAN_WIDTH / 2 + 1 and room for what a vector reads beyond */
	CASCADE_STRIDE = 2 * CASCADE_HALF,
	CASCADE_RECTS = 3,
	CASCADE_TREE_MAX = 64, /* nodes of one tree */
};

/* Where column x and row y lie, from a window in an even column. */
static inline int32_t cascade_at(int x, int y)
{
	return y * CASCADE_STRIDE + (x & 1) * CASCADE_HALF + x / 2;
}

/* One question of a tree: is the weighted sum of rectangles below the threshold?  The four
 * corners of a rectangle are offsets into an integral image from the window's own corner. */
struct cascade_node {
	int32_t corner[CASCADE_RECTS][4];
	float weight[CASCADE_RECTS]; /* 0: no such rectangle */
	float threshold;
	int32_t child[2]; /* below, otherwise: a later node of the tree, or ~leaf */
};

struct cascade_tree {
	int32_t node, leaf; /* where its nodes and leaves begin */
	int32_t nodes;
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
	float *leaf;
	size_t stages, trees, nodes, leaves;
	char hash[HASH_HEX]; /* of the bytes it was read from */
};

#endif

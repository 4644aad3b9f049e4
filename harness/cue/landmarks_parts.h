/* SPDX-License-Identifier: Apache-2.0
 * The tables of a landmark model, for its reader and its evaluator.
 */
#ifndef HARNESS_CUE_LANDMARKS_PARTS_H
#define HARNESS_CUE_LANDMARKS_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "harness/base/hash.h"
#include "harness/cue/landmarks.h"

enum {
	LANDMARK_VALUES = 2 * LANDMARKS,
	LANDMARK_DEPTH_MAX = 6,
	LANDMARK_LEVELS_MAX = 64,
	LANDMARK_TREES_MAX = 5000,
	LANDMARK_PIXELS_MAX = 5000,
};

/* Goes to the first child where pixel a is brighter than pixel b by more than that. */
struct landmark_split {
	uint16_t a, b;
	float by;
};

/* One pixel that a level looks at: so far from a point of the mean shape, side 1. */
struct landmark_pixel {
	float dx, dy;
	int32_t point;
};

struct landmark_level {
	size_t pixel, pixels; /* first and how many */
};

struct landmark_model {
	size_t levels, trees, splits, leaves; /* trees a level; splits and leaves a tree */
	float mean[LANDMARK_VALUES];	      /* x, y of each point in the unit square */
	struct landmark_level *level;	      /* (levels) */
	struct landmark_pixel *pixel;	      /* all levels' */
	size_t pixels, cap_pixels;
	struct landmark_split *split; /* (levels, trees, splits) */
	float *leaf;		      /* (levels, trees, leaves, LANDMARK_VALUES) */
	char hash[HASH_HEX];	      /* of the bytes it was read from */
};

#endif

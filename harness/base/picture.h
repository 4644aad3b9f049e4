/* SPDX-License-Identifier: Apache-2.0
 * A picture in memory: planar YUV 4:2:0, 8 bits, BT.601 limited range.  A view:
 * the planes belong to somebody else.
 */
#ifndef HARNESS_BASE_PICTURE_H
#define HARNESS_BASE_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

/* Where the codec took a block of the picture from, in pixels of this picture. */
struct picture_vector {
	float x, y;   /* middle of the block */
	float w, h;   /* its sides */
	float dx, dy; /* how it moved since the reference; a later one: how it will, turned round */
	bool later;   /* the reference is shown after this picture */
};

struct picture {
	int width, height; /* of the luma plane; chroma is (w+1)/2 x (h+1)/2 */
	uint8_t *plane[3]; /* Y, U, V */
	int stride[3];	   /* bytes a row */
	double time_s;	   /* presentation time from the start of the span */
	/* Those of a codec that has them, where they were asked for; intra blocks have none. */
	const struct picture_vector *vector;
	int n_vector;
};

#endif

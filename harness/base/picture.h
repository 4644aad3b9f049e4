/* SPDX-License-Identifier: Apache-2.0
 * A picture in memory: planar YUV 4:2:0, 8 bits, BT.601 limited range.  A view:
 * the planes belong to somebody else.
 */
#ifndef HARNESS_BASE_PICTURE_H
#define HARNESS_BASE_PICTURE_H

#include <stdint.h>

struct picture {
	int width, height; /* of the luma plane; chroma is (w+1)/2 x (h+1)/2 */
	uint8_t *plane[3]; /* Y, U, V */
	int stride[3];	   /* bytes a row */
	double time_s;	   /* presentation time from the start of the span */
};

#endif

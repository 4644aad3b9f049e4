/* SPDX-License-Identifier: Apache-2.0
 * What moves between two pictures, outside the head.
 */
#ifndef HARNESS_CUE_MOTION_H
#define HARNESS_CUE_MOTION_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/base/picture.h"

enum { MOTION_GRID = 2, MOTION_SIDE_MAX = 4096 /* of a picture */ };

/* Box in luma pixels. */
struct box {
	double x0, y0, x1, y1;
};

struct motion {
	bool valid;    /* false for the first picture */
	double share;  /* of the cells looked at that change, 0..1 */
	double height; /* mean row of those, luma pixels; 0 when nothing moves */
	double change; /* mean absolute difference of the whole picture: large at a cut */
	float grid[MOTION_GRID * MOTION_GRID]; /* share of changing cells of each part of `area` */
};

struct motion_meter {
	int step, w, h;	       /* a cell is the mean of step x step luma pixels */
	uint8_t *now, *before; /* (h, w) */
	bool any;
};

/* Pictures of at most MOTION_SIDE_MAX a side (ERR_ARG); ERR_NOMEM. */
int motion_init(struct motion_meter *m, int width, int height, struct err *err);
void motion_free(struct motion_meter *m);
void motion_reset(struct motion_meter *m);
/* Compares p with the picture before.  head: left out, or NULL; area: where the grid lies;
 * only_there: what moves elsewhere does not count. */
void motion_measure(struct motion_meter *m, const struct picture *p, const struct box *head,
		    const struct box *area, bool only_there, struct motion *out);

#endif

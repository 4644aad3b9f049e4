/* SPDX-License-Identifier: Apache-2.0
 * Filled shapes in a planar 4:2:0 picture, by scan lines, clipped to a window.
 */
#ifndef DATASETS_SYNTH_DRAW_H
#define DATASETS_SYNTH_DRAW_H

#include "harness/base/picture.h"

/* A window of a picture with a placement: model point (u, v) goes to
 * (x + scale (u cos - v sin), y + scale (u sin + v cos)), from the window's left edge. */
struct brush {
	struct picture *picture;
	int left, width; /* even */
	double x, y, scale, cos, sin;
	int colour[3];
};

/* Ellipse with these half-axes around the model point (u, v), along the model's axes. */
void draw_ellipse(const struct brush *b, double u, double v, double ru, double rv);
/* Convex polygon of n <= 8 model points. */
void draw_polygon(const struct brush *b, const double (*point)[2], int n);
/* Thick line between two model points. */
void draw_line(const struct brush *b, double u0, double v0, double u1, double v1, double width);

#endif

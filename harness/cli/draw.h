/* SPDX-License-Identifier: Apache-2.0
 * Boxes and letters on pictures.
 */
#ifndef HARNESS_CLI_DRAW_H
#define HARNESS_CLI_DRAW_H

#include "harness/base/picture.h"

struct colour {
	uint8_t y, u, v; /* BT.601, limited range */
};
extern const struct colour draw_black, draw_white, draw_grey, draw_green, draw_orange, draw_blue;

/* All of them clip at the edges.  Pixels of luma; chroma goes with every second of them. */

/* Fills [x0, x1) x [y0, y1). */
void draw_fill(const struct picture *p, int x0, int y0, int x1, int y1, struct colour c);
/* The outline of such a box, so many pixels wide, inwards. */
void draw_frame(const struct picture *p, int x0, int y0, int x1, int y1, int width,
		struct colour c);
/* Letters of DRAW_W x DRAW_H pixels times scale, the first at (x, y) of its upper left.  Digits,
 * capitals (small letters become those) and . , : - _ + % / ( ); what else there is stays blank. */
enum { DRAW_W = 6, DRAW_H = 11 }; /* with the space to the next letter and line */
void draw_text(const struct picture *p, int x, int y, int scale, const char *text, struct colour c);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * The speaker's face in one picture by the colour of skin: where it is, how large
 * and how tilted, what brows, eyes and mouth do; and the hands.
 * Colour finds drawn figures; people are found and read elsewhere (track.h), this room
 * only cuts their crops.
 */
#ifndef HARNESS_CUE_FACE_H
#define HARNESS_CUE_FACE_H

#include <stdbool.h>

#include "harness/base/err.h"
#include "harness/base/picture.h"

enum { FACE_PATCH_W = 35, FACE_PATCH_H = 43 }; /* the upright crop, 1/44 face height a sample */

struct face {
	bool found;
	double x, y;   /* centre, luma pixels */
	double height; /* luma pixels, from the area of the skin */
	double tilt;   /* degrees, top of the head to the picture's right + */
	/* In 1/44 of the face height; measured is false where they cannot be seen.  Levels differ
	 * between this finder and landmarks: they are read against the same clip's. */
	bool measured;
	double brow; /* height of the brows over the face's centre (landmarks: the eyes) */
	double eyes; /* light in the eye region (white of the eyes; landmarks: open eyes), area */
	double corners; /* corners of the mouth over its middle */
	double mouth;	/* opening */
	bool hands;
	double hand_y; /* mean height of the hands, luma pixels */
};

/* Scratch and the track of one clip. */
struct face_finder {
	int width, height;   /* of the pictures */
	int step, mw, mh;    /* one mask cell is step x step chroma samples */
	unsigned char *skin; /* (mh, mw) 1: skin */
	int *label, *parent; /* (mh, mw) components */
	float *soft;	     /* (mh, mw) membership 0..1 */
	bool tuned;	     /* cb, cr hold the skin of this clip */
	double cb, cr;
	struct face last; /* where it was in the picture before; found false: nowhere */
	float patch[FACE_PATCH_H][FACE_PATCH_W]; /* upright luma of the face found last */
};

/* Sizes are fixed by the first picture; accepts a used finder of the same size. */
int face_finder_init(struct face_finder *f, int width, int height, struct err *err);
void face_finder_free(struct face_finder *f);
/* Forgets track and skin (a new clip, a cut). */
void face_finder_reset(struct face_finder *f);
/* Looks for the face; *out is overwritten. */
void face_find(struct face_finder *f, const struct picture *p, struct face *out);
/* Cuts the upright crop of a face that was found otherwise into f->patch, averaged down where
 * the face is large; the track of the finder is not touched. */
void face_crop_at(struct face_finder *f, const struct picture *p, const struct face *face);

#endif

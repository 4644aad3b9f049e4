/* SPDX-License-Identifier: Apache-2.0
 * What face, body and posture of the speaker do, measured from decoded pictures
 * one by one.  Each cue is read against the clip's own calm level (its first
 * BEHAVIOUR_CALM_S seconds) and has a validity flag.
 */
#ifndef HARNESS_CUE_BEHAVIOUR_H
#define HARNESS_CUE_BEHAVIOUR_H

#include "harness/base/err.h"
#include "harness/base/picture.h"
#include "harness/cue/cues.h"

/* The parts, in the order of enum part of harness/core. */
enum behaviour_part {
	BEHAVIOUR_FACE,
	BEHAVIOUR_BODY,
	BEHAVIOUR_POSTURE,
	BEHAVIOUR_PARTS,
};

/* Lengths in the face are in face heights, angles in degrees. */
enum behaviour_cue {
	FACE_BROW,	   /* brow height over the eyes against calm */
	FACE_EYES,	   /* eye opening against calm */
	FACE_CORNERS,	   /* mouth corners against its middle, up +, against calm */
	FACE_JAW,	   /* mean mouth opening against calm */
	FACE_MOUTH_RHYTHM, /* standard deviation of mouth opening */
	BODY_ENERGY,	   /* motion outside the face box */
	BODY_BURSTS,	   /* onsets of motion a second */
	BODY_HEIGHT,	   /* height of that motion, from the bottom of the picture */
	BODY_HANDS,	   /* height of hands (skin outside the face) against calm */
	BODY_NOD,	   /* vertical head oscillation */
	BODY_SHAKE,	   /* horizontal head oscillation */
	POSTURE_LEAN,	   /* log2 of face scale against calm, in + */
	POSTURE_RISE,	   /* face height in the picture against calm, up + */
	POSTURE_TILT,	   /* head roll against calm, to the picture's right + */
	BEHAVIOUR_CUE_COUNT,
};
extern const struct cue_spec behaviour_cue_spec[BEHAVIOUR_CUE_COUNT];
extern const enum behaviour_part behaviour_cue_part[BEHAVIOUR_CUE_COUNT];

#define BEHAVIOUR_CALM_S 0.3

/* Feature frames of each part for the video projector: BEHAVIOUR_ROWS stretches
 * of equal time after the calm start, so many columns. */
enum {
	BEHAVIOUR_ROWS = 4,
	FACE_CROP = 8, /* the face crop is FACE_CROP x FACE_CROP means of luma */
	FACE_COLS = 6 + FACE_CROP * FACE_CROP,
	BODY_GRID = 4,
	BODY_COLS = 6 + BODY_GRID * BODY_GRID,
	POSTURE_COLS = 6,
	BEHAVIOUR_COLS_MAX = FACE_COLS,
};
extern const int behaviour_cols[BEHAVIOUR_PARTS]; /* FACE_COLS, BODY_COLS, POSTURE_COLS */

struct behaviour_result {
	struct cue_set cues; /* of behaviour_cue_spec */
	/* (BEHAVIOUR_ROWS, behaviour_cols[p]) row-major in the first elements; zeros and
	 * feat_ok false where the part could not be seen. */
	float feat[BEHAVIOUR_PARTS][BEHAVIOUR_ROWS * BEHAVIOUR_COLS_MAX];
	bool feat_ok[BEHAVIOUR_PARTS];
	int pictures, faces; /* pictures taken in, and those in which a face was found */
};

/* A meter for one utterance: new, one call a picture in order of time, finish, free.
 * Pictures of one utterance have one size (at least 32 x 32, at most 4096 a side). */
struct behaviour;
struct behaviour *behaviour_new(struct err *err);
int behaviour_picture(struct behaviour *b, const struct picture *p, struct err *err);
/* Writes what was measured; no picture, or none with a face, is no error: the
 * cues are invalid.  The meter can then be reused for the next utterance. */
int behaviour_finish(struct behaviour *b, struct behaviour_result *out, struct err *err);
/* Accepts NULL. */
void behaviour_free(struct behaviour *b);

#endif

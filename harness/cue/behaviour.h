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
#include "harness/cue/track.h"

/* The parts, in the order of enum part of harness/core. */
enum behaviour_part {
	BEHAVIOUR_FACE,
	BEHAVIOUR_BODY,
	BEHAVIOUR_POSTURE,
	BEHAVIOUR_PARTS,
};

/* Lengths are in percent of the face height unless said, angles in degrees. */
enum behaviour_cue {
	CUE_BROW,	   /* brow height against calm */
	CUE_EYES,	   /* eye opening against calm, octaves */
	CUE_CORNERS,	   /* corners of the mouth over its middle, against calm */
	CUE_JAW,	   /* mean mouth opening against calm */
	CUE_MOUTH_RHYTHM,  /* standard deviation of mouth opening */
	CUE_GESTURE,	   /* motion outside the head: percent of the picture that changes; of real
			    * footage, of what surrounds the speaker */
	CUE_BURSTS,	   /* onsets of motion a second */
	CUE_MOTION_HEIGHT, /* centre of that motion over the face's (below: negative) */
	CUE_MOTION_DIRECTION, /* how fast that centre moves, up +, percent of the face a second */
	CUE_HANDS, /* height of the hands (skin below the face) against calm, less 4/5 of the
		    * face's rise, which the shoulders follow */
	CUE_NOD,   /* vertical head oscillation */
	CUE_SHAKE, /* horizontal head oscillation */
	CUE_LEAN,  /* face scale against calm, octaves, in + */
	CUE_RISE,  /* face height against calm, percent of the picture, up + */
	CUE_TILT,  /* head roll against calm, degrees, top to the picture's right + */
	BEHAVIOUR_CUE_COUNT,
};
extern const struct cue_spec behaviour_cue_spec[BEHAVIOUR_CUE_COUNT];
extern const enum behaviour_part behaviour_cue_part[BEHAVIOUR_CUE_COUNT];

/* A clip is read against its calm start; what follows it up to BEHAVIOUR_SETTLED_S
 * is the way into the expression and left out of the cues.  After a cut of the
 * camera both count anew; the longest shot with a face is the one that is measured.
 *
 * People do not begin a clip calmly.  In real footage the calm level of brows, eyes and mouth is
 * that of the third of the shot's pictures in which the mouth is least open, kept within what a
 * face at rest can show (a mouth that stays wide open is not calm), and everything from
 * BEHAVIOUR_CALM_S on counts; hands and posture are read against the start as elsewhere.  A part
 * must be seen in an eighth of the pictures instead of a third: people turn away. */
#define BEHAVIOUR_CALM_S    0.3
#define BEHAVIOUR_SETTLED_S 0.65

/* Feature frames for the video projector: BEHAVIOUR_ROWS stretches of equal time
 * after the clip has settled.  Columns, each divided by its cue's typical size:
 *   face     brow, eyes, corners, mouth opening against calm, and FACE_CROP x FACE_CROP
 *	      means of the luma from brows to mouth, upright, minus the calm ones
 *   body     gesture, motion height, hands, nod, shake, and BODY_GRID x BODY_GRID shares
 *	      of changing pixels, cells that go with the shoulders, as large as when calm
 *   posture  lean, rise, tilt over at least a second, so that nods do not show
 * A part's columns are made to say little of another part's axes, so that masking one
 * hides it; what is left of a lean in the body is the size of arms and hands. */
enum {
	BEHAVIOUR_ROWS = 4,
	FACE_CROP = 8,
	FACE_COLS = 4 + FACE_CROP * FACE_CROP,
	BODY_GRID = 2,
	BODY_COLS = 5 + BODY_GRID * BODY_GRID,
	POSTURE_COLS = 3,
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
/* models: for the faces of real footage, borrowed, they must live longer; NULL: the clips show
 * drawn figures, whose faces are found by colour. */
struct behaviour *behaviour_new(const struct face_models *models, struct err *err);
int behaviour_picture(struct behaviour *b, const struct picture *p, struct err *err);
/* The sound of the utterance, mono, from the time of its first picture: of several faces the one
 * whose mouth moves with it is measured.  Any time before behaviour_finish(), or not at all. */
int behaviour_hear(struct behaviour *b, const float *pcm, int n, int rate, struct err *err);
/* Writes what was measured; no picture, or none with a face, is no error: the
 * cues are invalid.  Face and posture cues need brows and mouth to be seen in a third of
 * the pictures (real footage: an eighth).  The meter can then be reused for the next utterance. */
int behaviour_finish(struct behaviour *b, struct behaviour_result *out, struct err *err);
/* What the meter saw in one picture, for people who look at it.  Pixels are those of the
 * pictures handed in. */
struct behaviour_sight {
	double time_s;
	bool cut;		   /* the first picture of another shot */
	bool measured;		   /* of the shot that the cues were read from */
	bool face;		   /* the speaker's face was found: */
	double x, y, height, tilt; /* its centre, pixels, and its roll, degrees */
	double mouth;		   /* opening, percent of the face height; NaN: not seen */
	double motion;		   /* outside the head, percent of the picture; NaN: not seen */
};
/* Calls show for every picture, in order of time, from within behaviour_finish(), when it is known
 * whom the cues belong to.  show NULL: nobody looks.  It holds for later utterances too. */
void behaviour_watch(struct behaviour *b,
		     void (*show)(void *ctx, const struct behaviour_sight *sight), void *ctx);
/* Accepts NULL. */
void behaviour_free(struct behaviour *b);

#endif

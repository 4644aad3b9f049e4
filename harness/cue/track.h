/* SPDX-License-Identifier: Apache-2.0
 * Faces of real footage: found by cascades every few pictures, followed by their own
 * look in between, each under a number that it keeps while it is in view.
 */
#ifndef HARNESS_CUE_TRACK_H
#define HARNESS_CUE_TRACK_H

#include "harness/base/err.h"
#include "harness/base/hash.h"
#include "harness/base/picture.h"
#include "harness/cue/cascade.h"
#include "harness/cue/face.h"
#include "harness/cue/landmarks.h"

/* Where the packages opencv-data and libdlib-data put what is needed. */
#define FACE_CASCADES_DIR "/usr/share/opencv4/haarcascades"
#define FACE_LANDMARKS	  "/usr/share/dlib/shape_predictor_68_face_landmarks.dat"

enum { FACE_CASCADES = 3, FACES_MAX = 5 };

/* What a face looks like from the front and from either side, and where its parts are;
 * read-only, threads share it. */
struct face_models {
	struct cascade *cascade[FACE_CASCADES];
	struct landmark_model *landmarks;
};

/* Loads the cascades of a folder and a landmark model; an error names the file (and the package,
 * where it is missing). */
int face_models_load(struct face_models *m, const char *cascades, const char *landmarks,
		     struct err *err);
/* Hash over the contents of the files behind loaded models, wherever they lie: with another one
 * the same clip may be measured otherwise. */
void face_models_identity(const struct face_models *m, char out[HASH_HEX]);
/* Accepts the zeroed struct. */
void face_models_free(struct face_models *m);

/* One face in one picture. */
struct tracked_face {
	int id; /* from 1, the same for the same face while it is in view */
	struct face face;
	double mouth_moves; /* luma change of the mouth beyond that of brows and eyes */
	float patch[FACE_PATCH_H][FACE_PATCH_W]; /* upright luma */
};

struct face_tracker;
/* For pictures of one size; models are borrowed and must live longer. */
struct face_tracker *face_tracker_new(const struct face_models *models, int width, int height,
				      struct err *err);
void face_tracker_free(struct face_tracker *t);
/* Forgets every face (a cut); numbers go on.  A new clip starts anew from 1. */
void face_tracker_cut(struct face_tracker *t);
void face_tracker_reset(struct face_tracker *t);
/* Takes the next picture; *out points to the faces in view, valid until the next call.
 * Returns how many. */
int face_tracker_picture(struct face_tracker *t, const struct picture *p,
			 const struct tracked_face **out);

/* Is this picture drawn: plain areas without the grain of a camera?  Pictures without
 * contrast (a black one) are neither: *blank. */
bool picture_is_drawn(const struct picture *p, bool *blank);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * A closer look at a face whose place is known roughly: does it look at the camera, and if so
 * what do its parts do?
 */
#ifndef HARNESS_CUE_FACE_LOOK_H
#define HARNESS_CUE_FACE_LOOK_H

#include <stdbool.h>

#include "harness/base/err.h"
#include "harness/base/picture.h"
#include "harness/cue/cascade.h"
#include "harness/cue/face.h"
#include "harness/cue/landmarks.h"

/* A face that is followed: a cascade's square, and how the head is held.  Pixels, degrees. */
struct face_place {
	double x, y, side, tilt;
	bool settled; /* landmarks were believed when it was last looked at */
};

/* Scratch of one thread.  front: the cascade of faces that look at the camera; both models are
 * borrowed. */
struct face_look;
struct face_look *face_look_new(const struct cascade *front, const struct landmark_model *landmarks,
				struct err *err);
void face_look_free(struct face_look *l);

/* Looks at the picture where *at says.  The cascade is asked again, on the upright crop; where it
 * agrees, landmarks are fitted, and believed if they lie in its square: then *at moves to them and
 * *out is measured.  Otherwise *out only has the place.  Returns out->measured. */
bool face_look_at(struct face_look *l, const struct picture *p, struct face_place *at,
		  struct face *out);

#endif

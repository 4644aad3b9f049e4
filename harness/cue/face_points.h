/* SPDX-License-Identifier: Apache-2.0
 * What a real face does, read from its landmarks.
 */
#ifndef HARNESS_CUE_FACE_POINTS_H
#define HARNESS_CUE_FACE_POINTS_H

#include <stdbool.h>

#include "harness/cue/face.h"
#include "harness/cue/landmarks.h"

/* Hairline to chin by the side of the landmarks' square. */
#define FACE_BY_SQUARE 1.3

/* Levels that a face at rest can have, in units of struct face: about those of the mean face, for
 * which the lips are 1.2 apart, the corners 0.4 under the upper lip's middle and the brows 4.2
 * over the eyes, as far as people differ in eight clips of MELD. */
struct face_rest {
	double low, high;
};
extern const struct face_rest face_rest_mouth, face_rest_corners, face_rest_brow;

/* Fills *out from the points and the square they lie in (landmarks_square()): place and height
 * (hairline to chin), roll; height of the brows over the eyes, area of the open eyes, the corners
 * of the mouth over the middle of the upper lip, the gap between the lips, in the units of struct
 * face.  Heights are measured by the way from the eyes to the nose, which no expression changes:
 * a nod then looks less like a brow that rises.  False, and out->measured false: the points lie
 * like no face.  Whether one looks at the camera they cannot tell: see face_look.h. */
bool face_from_points(const struct landmark_model *m, const struct landmark_point at[LANDMARKS],
		      const struct landmark_square *square, struct face *out);

#endif

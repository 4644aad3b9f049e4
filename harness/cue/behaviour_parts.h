/* SPDX-License-Identifier: Apache-2.0
 * What the meter keeps of a clip, and what is read from it.
 */
#ifndef HARNESS_CUE_BEHAVIOUR_PARTS_H
#define HARNESS_CUE_BEHAVIOUR_PARTS_H

#include <stddef.h>

#include "harness/cue/behaviour.h"
#include "harness/cue/face.h"
#include "harness/cue/motion.h"

/* The part of the head's rise that shoulders and arms share. */
#define BEHAVIOUR_FOLLOW 0.8
/* Of the units of struct face. */
#define BEHAVIOUR_PERCENT (100.0 / 44)

/* What is kept of one picture. */
struct record {
	double t;
	int shot;
	struct face face;
	struct motion motion;
	float crop[FACE_CROP * FACE_CROP];
};

/* Reads the n records of a clip whose pictures are height pixels high: the longest shot with a
 * face, against its own calm level.  real: the faces are landmarks of people (see behaviour.h).
 * Fills cues and features of the zeroed *out; [*from, *to) are the records that were read. */
void behaviour_read(const struct record *r, size_t n, int height, bool real,
		    struct behaviour_result *out, size_t *from, size_t *to);

#endif

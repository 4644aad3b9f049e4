/* SPDX-License-Identifier: Apache-2.0
 * How each symbol is shown: levels of the voice, of the face, of the body, of the
 * posture, as one table.  Any two symbols differ in an
 * axis of each channel by at least a level, and no level but the middle one belongs to
 * more than two of them, so that words by quantiles keep them apart.
 */
#ifndef DATASETS_SYNTH_LOOK_H
#define DATASETS_SYNTH_LOOK_H

#include "harness/core/labels.h"

enum synth_voice_axis {
	AXIS_PITCH,
	AXIS_PITCH_VAR,
	AXIS_LOUD,
	AXIS_LOUD_VAR,
	AXIS_RATE,
	VOICE_AXES
};
enum synth_face_axis { AXIS_BROW, AXIS_EYES, AXIS_CORNERS, AXIS_JAW, FACE_AXES };
enum synth_body_axis { AXIS_ENERGY, AXIS_ARMS, AXIS_NOD, AXIS_SHAKE, BODY_AXES };
enum synth_posture_axis { AXIS_LEAN, AXIS_RISE, AXIS_TILT, POSTURE_AXES };

struct synth_look {
	const char *word; /* the label */
	int voice[VOICE_AXES], face[FACE_AXES], body[BODY_AXES], posture[POSTURE_AXES];
};

/* The look of a label of meld7 or iemocap6. */
const struct synth_look *synth_look_find(const struct label_set *labels, int label);

#endif

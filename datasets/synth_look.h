/* SPDX-License-Identifier: Apache-2.0
 * How each symbol is shown: levels of the voice, of the face, of the body, of the
 * posture, as one table.  Any two symbols differ in at least two axes of each channel.
 */
#ifndef DATASETS_SYNTH_LOOK_H
#define DATASETS_SYNTH_LOOK_H

#include "harness/core/labels.h"

enum synth_voice_axis {
	VOICE_PITCH,
	VOICE_PITCH_VAR,
	VOICE_LOUD,
	VOICE_LOUD_VAR,
	VOICE_RATE,
	VOICE_AXES
};
enum synth_face_axis { FACE_BROW, FACE_EYES, FACE_CORNERS, FACE_JAW, FACE_AXES };
enum synth_body_axis { BODY_ENERGY, BODY_ARMS, BODY_NOD, BODY_SHAKE, BODY_AXES };
enum synth_posture_axis { POSTURE_LEAN, POSTURE_RISE, POSTURE_TILT, POSTURE_AXES };

struct synth_look {
	const char *word; /* the label */
	int voice[VOICE_AXES], face[FACE_AXES], body[BODY_AXES], posture[POSTURE_AXES];
};

/* The look of a label of meld7 or iemocap6. */
const struct synth_look *synth_look_find(const struct label_set *labels, int label);

#endif

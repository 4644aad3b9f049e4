/* SPDX-License-Identifier: Apache-2.0
 * Who of the people in view speaks: the mouth that moves while a voice is heard, among
 * faces that are large and near the middle.
 */
#ifndef HARNESS_CUE_SPEAKER_H
#define HARNESS_CUE_SPEAKER_H

#include <stdbool.h>

#include "harness/base/err.h"
#include "harness/cue/track.h"

/* The voice of a clip: its level in equal steps of time from the first picture's zero. */
struct voice {
	float *level; /* (n) root mean square of the samples; owned */
	int n;
	double step_s;
};

/* Measures pcm (n samples a channel of one); replaces what v held. */
int voice_measure(struct voice *v, const float *pcm, int n, int rate, struct err *err);
void voice_free(struct voice *v);

/* What is kept of one face, and of those in one picture. */
struct onlooker {
	int id;
	struct face face;
	double mouth_moves;
};

struct company {
	double t;
	int n;
	struct onlooker face[FACES_MAX];
};

/* The number of the face that speaks in the n pictures of one shot, 0 where nobody is seen.
 * Each face is worth the share of pictures it is in, times its size, less up to a half at
 * the picture's edge, times 0.3 plus how much its mouth moves while the voice is heard
 * (without a voice: at all), against the mouth that moves most. */
int speaker_of(const struct company *c, int n, const struct voice *v, int width);

#endif

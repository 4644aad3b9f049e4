/* SPDX-License-Identifier: Apache-2.0
 * What can be measured of an utterance, as tables: each cue has a name, a unit,
 * the part it belongs to and a line that says what it is.
 */
#ifndef HARNESS_CUE_CUES_H
#define HARNESS_CUE_CUES_H

#include <stdbool.h>

struct cue_spec {
	const char *name; /* column in CSV files */
	const char *unit;
	const char *doc;
};

enum speech_cue {
	CUE_DURATION,	   /* duration, s */
	CUE_INTENSITY,	   /* avg_intensity, dB */
	CUE_INTENSITY_STD, /* intensity_variation, dB */
	CUE_PITCH,	   /* avg_pitch, Hz */
	CUE_PITCH_STD,	   /* pitch_std, Hz */
	CUE_PITCH_RANGE,   /* pitch_range, Hz */
	CUE_RATE,	   /* articulation_rate, syllables/s */
	CUE_HNR,	   /* mean_hnr, dB */
	SPEECH_CUE_COUNT,
};
extern const struct cue_spec speech_cue_spec[SPEECH_CUE_COUNT];

#define CUE_MAX 32

/* Values of one table for one utterance. */
struct cue_set {
	double v[CUE_MAX];
	bool ok[CUE_MAX]; /* false: could not be measured */
};

#endif

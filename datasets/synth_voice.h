/* SPDX-License-Identifier: Apache-2.0
 * The voice of a calibrated corpus: voiced syllables of a harmonic source with two
 * formants over faint breath noise.  A symbol is a pattern of levels (-1, 0, 1) over pitch,
 * pitch variation, loudness, loudness variation and speaking rate.
 */
#ifndef DATASETS_SYNTH_VOICE_H
#define DATASETS_SYNTH_VOICE_H

#include "datasets/synth_process.h"

#define SYNTH_RATE	16000
#define SYNTH_SYLLABLES 32
#define SYNTH_ONSET_S	0.40 /* silence (but breath) before the first syllable … */
#define SYNTH_TAIL_S	0.10 /* … and after the last */

/* How a speaker sounds and looks. */
struct synth_person {
	double pitch_hz, gain_db, tract; /* tract: factor on the formants */
	int skin[3], cloth[3], hair;	 /* Y Cb Cr; luma of the hair */
};

struct synth_syllable {
	double start_s, length_s, gain, f1, f2;
};
struct synth_voice {
	double seconds, pitch_hz, pitch_std, rms, phase;
	double breath; /* root mean square of the noise against rms */
	int n;
	struct synth_syllable syllable[SYNTH_SYLLABLES];
};

/* Plans an utterance of this length (1.2 to 4 s) that shows `symbol` of the label set. */
void synth_voice_plan(const struct label_set *labels, int symbol, const struct synth_person *who,
		      double seconds, struct rng *rng, struct synth_voice *v);
/* How far the mouth is open at t seconds, 0..1. */
double synth_voice_open(const struct synth_voice *v, double t);
/* Adds the sound to pcm (n), n = seconds * SYNTH_RATE rounded; work (n) is overwritten.  No sample
 * exceeds 1. */
void synth_voice_render(const struct synth_voice *v, struct rng *rng, float *pcm, float *work,
			int n);

#endif

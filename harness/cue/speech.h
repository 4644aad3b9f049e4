/* SPDX-License-Identifier: Apache-2.0
 * Speech cues of an utterance as the field measures them: loudness, pitch,
 * harmonicity, articulation rate.
 */
#ifndef HARNESS_CUE_SPEECH_H
#define HARNESS_CUE_SPEECH_H

#include "harness/base/err.h"
#include "harness/cue/cues.h"
#include "harness/cue/pitch.h"

/* Measures mono pcm (full scale 1) and fills out for speech_cue_spec.
 *  duration: n / rate.
 *  avg_intensity, intensity_variation: energy in Kaiser windows of 64 ms, mean
 *    subtracted, dB re 2e-5; mean of the energies, standard deviation of the dB.
 *  avg_pitch, pitch_std, pitch_range: pitch_standard, over voiced frames; invalid without any.
 *  mean_hnr: harmonicity_mean() at 75 Hz, silence 0.1.
 *  articulation_rate: see speech_syllables(); 0 where no nucleus was found.
 * What is too short for its window is invalid.  ERR_ARG for no samples, a rate
 * outside 4000..192000 or samples that are not finite. */
int speech_measure(const float *pcm, int n, int rate, struct cue_set *out, struct err *err);

/* Intensity contour in dB: windows of 6.4 / floor s every 0.8 / floor s. */
struct intensity_track {
	struct frame_grid grid;
	double *db; /* (grid.n) owned */
};
int intensity_track(const float *pcm, int n, int rate, double floor, struct intensity_track *out,
		    struct err *err);
void intensity_free(struct intensity_track *track);

/* Syllable nuclei after de Jong and Wempe (2009): intensity peaks higher than 25 dB
 * below the 0.99 quantile, followed by a dip of more than 2 dB before the next peak, voiced
 * and not inside a pause (0.3 s below that level).  phonation: seconds outside pauses. */
struct syllables {
	int nuclei;
	double phonation;
};
int speech_syllables(const float *pcm, int n, int rate, struct syllables *out, struct err *err);

#endif

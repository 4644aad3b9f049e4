/* SPDX-License-Identifier: Apache-2.0
 * Speech cues of an utterance as the field measures them: loudness, pitch,
 * harmonicity, articulation rate.
 */
#ifndef HARNESS_CUE_SPEECH_H
#define HARNESS_CUE_SPEECH_H

#include "harness/base/err.h"
#include "harness/cue/cues.h"
#include "harness/cue/harmonicity.h"
#include "harness/cue/intensity.h"
#include "harness/cue/pitch.h"
#include "harness/cue/sinc.h"
#include "harness/cue/sound.h"

/* Syllable nuclei after de Jong and Wempe (2009): intensity peaks higher than 25 dB
 * below the 0.99 quantile, followed by a dip of more than 2 dB before the next peak, voiced
 * and not inside a pause (0.3 s below that level).  phonation: seconds outside pauses. */
struct syllables {
	int nuclei;
	double phonation;
};

/* Tables and work memory of the syllables for sounds of one rate. */
struct syllable_meter {
	struct intensity_meter loud;
	struct pitch_meter voicing;
	/* of the sound at hand, by frame of its contour */
	struct intensity_track track;
	unsigned char *sound; /* whether it is outside a pause */
	double *edge;	      /* (frames + 1) where its stretch begins, s */
	float *contour;
	double *when; /* (nuclei that may be) their times, s */
	signed char *voiced;
	size_t cap_sound, cap_edge, cap_contour, cap_when, cap_voiced;
};

int syllable_meter_init(struct syllable_meter *m, int rate, const struct sinc_table *sinc,
			struct err *err);
void syllable_meter_free(struct syllable_meter *m); /* accepts the zeroed struct */
int syllable_meter_count(struct syllable_meter *m, const struct sound *s, struct syllables *out,
			 struct err *err);

/* All that measures speech, kept from sound to sound: tables for the rate of the last one, work
 * memory, and what was measured of it.  One thread at a time; the results do not depend on
 * what was measured before.  The zeroed struct is ready. */
struct speech_meter {
	int rate; /* of the tables; 0: none */
	struct sinc_table sinc;
	struct pitch_meter pitch_meter;
	struct harmonicity harmonicity;
	struct intensity_meter loud_meter;
	struct syllable_meter syllable_meter;
	/* of the last sound, valid while its samples are */
	struct sound sound;
	struct pitch_track pitch;    /* pitch_standard */
	struct intensity_track loud; /* floor of 100 Hz */
	struct syllables syllables;
};
void speech_meter_free(struct speech_meter *m); /* leaves the zeroed struct */

/* Measures mono pcm (full scale 1) and fills out for speech_cue_spec.
 *  duration: n / rate.
 *  avg_intensity, intensity_variation: energy in Kaiser windows of 64 ms, mean
 *    subtracted, dB re 2e-5; mean of the energies, standard deviation of the dB.
 *  avg_pitch, pitch_std, pitch_range: pitch_standard, over voiced frames; invalid without any.
 *  mean_hnr: harmonicity_mean() at 75 Hz, silence 0.1.
 *  articulation_rate: nuclei by phonation of struct syllables; 0 where no nucleus was found.
 * What is too short for its window is invalid.  Errors as sound_load() has them. */
int speech_measure(struct speech_meter *m, const float *pcm, int n, int rate, struct cue_set *out,
		   struct err *err);

#endif

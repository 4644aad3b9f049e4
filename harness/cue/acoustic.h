/* SPDX-License-Identifier: Apache-2.0
 * Acoustic frames: an utterance's sound as a few rows of numbers, for the audio
 * projector of a model.
 */
#ifndef HARNESS_CUE_ACOUSTIC_H
#define HARNESS_CUE_ACOUSTIC_H

#include "harness/base/err.h"
#include "harness/cue/pitch.h"
#include "harness/cue/sound.h"

/* The utterance is cut into ACOUSTIC_ROWS stretches of equal length.  Columns of a row:
 *   0..19  log energy of 20 mel bands, 80..7600 Hz (or half the rate), mean over
 *	    the stretch's frames, minus the row's mean over bands: the colour of the voice
 *   20     log10 of the stretch's mean energy, + 3
 *   21     share of voiced frames, 0..1
 *   22     log2(f0 / 150 Hz), mean over voiced frames (0 without any)
 *   23     its standard deviation, octaves
 *   24     column 20 minus the utterance's mean of it
 *   25     column 22 minus the utterance's mean of it (0 without voice)
 *   26     standard deviation of the frames' log10 energy in the stretch
 *   27     log2 of the utterance's seconds
 * Natural units, all of the order of one; no statistics of a corpus in them. */
enum { ACOUSTIC_MELS = 20, ACOUSTIC_ROWS = 6, ACOUSTIC_COLS = ACOUSTIC_MELS + 8 };

/* out (ACOUSTIC_ROWS, ACOUSTIC_COLS) row-major, overwritten with finite numbers.
 * pitch: the sound's, by pitch_standard. */
int acoustic_frames(const struct sound *s, const struct pitch_track *pitch, float *out,
		    struct err *err);

#endif

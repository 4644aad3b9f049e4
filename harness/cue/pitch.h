/* SPDX-License-Identifier: Apache-2.0
 * Periodicity of speech after Boersma (1993), "Accurate short-term analysis of
 * the fundamental frequency and the harmonics-to-noise ratio of a sampled sound":
 * autocorrelation divided by the window's own, candidates, cheapest path.
 */
#ifndef HARNESS_CUE_PITCH_H
#define HARNESS_CUE_PITCH_H

#include "harness/base/err.h"

/* Frames whose windows all lie inside the sound, centred in it. */
struct frame_grid {
	int n;
	double first, step; /* s: centre of frame 0, distance */
};
/* n = 0 when the sound is shorter than the window. */
struct frame_grid frame_grid_fit(double seconds, double window, double step);

enum { PITCH_MAX_CANDIDATES = 15 };

struct pitch_config {
	double floor, ceiling; /* Hz */
	double step;	       /* s */
	int candidates;	       /* a frame, the unvoiced one included */
	double silence, voicing, octave, jump, voiced_unvoiced; /* thresholds and costs */
};
extern const struct pitch_config pitch_standard; /* 75..600 Hz, steps of 10 ms */

struct pitch_track {
	struct frame_grid grid;
	float *hz; /* (grid.n) 0: unvoiced; owned */
};

/* *out is overwritten; a sound shorter than three periods of the floor gives no
 * frames.  Destroy with pitch_free(). */
int pitch_track(const float *pcm, int n, int rate, const struct pitch_config *cfg,
		struct pitch_track *out, struct err *err);
void pitch_free(struct pitch_track *track);
/* Hz at a time by linear interpolation between voiced frames; 0: unvoiced there. */
double pitch_at(const struct pitch_track *track, double seconds);

/* Harmonics-to-noise ratio by forward cross-correlation over one period of the
 * floor: mean over the frames that are not silent (peak above `silence` of the global one), dB.
 * *frames: how many there were; *db is 0 when there were none. */
int harmonicity_mean(const float *pcm, int n, int rate, double floor, double silence, double *db,
		     int *frames, struct err *err);

/* Means of any stretch of a sound at once: sum (n + 1), sum[i] that of pcm[0..i). */
void sound_sums(const float *pcm, int n, double *sum);
/* Mean of the samples from..to-1 that are there, 0 for none. */
double sound_mean(const double *sum, int n, int from, int to);
/* Largest |pcm[i] - mean| of from..to-1. */
float sound_peak(const float *pcm, int from, int to, float mean);

#endif

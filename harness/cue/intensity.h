/* SPDX-License-Identifier: Apache-2.0
 * Loudness over time.
 */
#ifndef HARNESS_CUE_INTENSITY_H
#define HARNESS_CUE_INTENSITY_H

#include "harness/base/err.h"
#include "harness/cue/pitch.h"
#include "harness/cue/sound.h"

/* Intensity contour in dB re 2e-5 of full scale. */
struct intensity_track {
	struct frame_grid grid;
	double *db; /* (grid.n) owned */
	size_t cap_db;
};
void intensity_free(struct intensity_track *track); /* accepts the zeroed struct */

/* The window for sounds of one rate: Kaiser, 6.4 / floor s long, every 0.8 / floor s. */
struct intensity_meter {
	double floor; /* Hz */
	int rate, half;
	float *weight; /* (2 half + 1) */
	double total;  /* their sum */
};

/* *m is overwritten; destroy with intensity_meter_free(), also after a failure. */
int intensity_meter_init(struct intensity_meter *m, double floor, int rate, struct err *err);
void intensity_meter_free(struct intensity_meter *m); /* accepts the zeroed struct */

/* Energy of the windows, the mean of each removed; out (zeroed or a track) is overwritten, its
 * memory kept.  A sound shorter than the window gives no frames. */
int intensity_track(const struct intensity_meter *m, const struct sound *s,
		    struct intensity_track *out, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Harmonics-to-noise ratio after Boersma (1993), by forward cross-correlation over one
 * period of the floor.
 */
#ifndef HARNESS_CUE_HARMONICITY_H
#define HARNESS_CUE_HARMONICITY_H

#include "harness/base/err.h"
#include "harness/cue/sinc.h"
#include "harness/cue/sound.h"

/* Work memory for sounds of one rate; one thread at a time. */
struct harmonicity {
	double floor; /* Hz */
	int rate, window, period;
	const struct sinc_table *sinc;
	float *x;		/* (2 window, and a margin) the stretch, mean removed */
	double *squares;	/* (2 window + 1) sums of the squares of x before each place */
	float *r;		/* (window and a margin) behind SINC_TABLE_DEPTH mirrored lags */
	int *lag;		/* maxima of r */
	double *place, *height; /* theirs */
};

/* *h is overwritten; sinc must outlive it.  Destroy with harmonicity_free(), also after a
 * failure. */
int harmonicity_init(struct harmonicity *h, double floor, int rate, const struct sinc_table *sinc,
		     struct err *err);
void harmonicity_free(struct harmonicity *h); /* accepts the zeroed struct */

/* Mean over the frames that are not silent (peak above `silence` of the sound's), dB.
 * *frames: how many there were; *db is 0 when there were none. */
void harmonicity_mean(struct harmonicity *h, const struct sound *s, double silence, double *db,
		      int *frames);

#endif

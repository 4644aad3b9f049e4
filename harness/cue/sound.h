/* SPDX-License-Identifier: Apache-2.0
 * A sound as the measurements of speech take it, with what all of them ask of it.
 */
#ifndef HARNESS_CUE_SOUND_H
#define HARNESS_CUE_SOUND_H

#include <stddef.h>

#include "harness/base/err.h"

/* The zeroed struct holds no sound. */
struct sound {
	const float *pcm; /* (n) mono, full scale 1; the caller's */
	int n, rate;
	float peak;  /* largest distance of a sample from the mean of all */
	double *sum; /* (n + 1) sum[i] is that of pcm[0..i); owned, kept from sound to sound */
	size_t cap_sum;
};

/* ERR_ARG for no samples or a rate outside 4000..192000. */
int sound_check(int n, int rate, struct err *err);
/* *s takes another sound.  ERR_ARG as sound_check(), and for samples that are not finite. */
int sound_load(struct sound *s, const float *pcm, int n, int rate, struct err *err);
void sound_free(struct sound *s);
/* Mean of the samples from..to-1 that are there, 0 for none. */
double sound_mean(const struct sound *s, int from, int to);
/* Largest |pcm[i] - mean| of the samples from..to-1 that are there. */
float sound_peak(const struct sound *s, int from, int to, float mean);

#endif

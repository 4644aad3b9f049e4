/* SPDX-License-Identifier: Apache-2.0
 * Log-mel frames and cepstra, the input of audio encoders.
 */
#ifndef HARNESS_CUE_MEL_H
#define HARNESS_CUE_MEL_H

#include "harness/base/err.h"
#include "harness/cue/fft.h"

enum { MEL_BANDS = 80, MEL_CEPSTRA = 13 };

/* Tables and work memory for sounds of one rate; one thread at a time. */
struct mel {
	struct fft fft; /* 512 points at 16 kHz */
	int window, step;
	float *hann;	      /* (window) periodic */
	float *a, *b;	      /* (fft.n) two frames in work */
	int first[MEL_BANDS]; /* first bin of each band */
	int count[MEL_BANDS]; /* its bins */
	int start[MEL_BANDS]; /* its weights in weight */
	float *weight;
	float dct[MEL_CEPSTRA * MEL_BANDS];
};

/* rate: 4000 to 192000 (ERR_ARG), a multiple of 100 for steps of exactly 10 ms. */
int mel_init(struct mel *m, int rate, struct err *err);
void mel_free(struct mel *m);
/* Frames of n > 0 samples: one every 10 ms, the first centred on sample 0. */
int mel_frames(int n, int rate);
/* out (mel_frames(), MEL_BANDS): natural logarithm, not below ln 1e-10, of the power under
 * triangles that rise from 0 to 1 and fall to 0 between neighbours of MEL_BANDS + 2 points
 * evenly spaced on HTK's mel scale, 2595 log10(1 + f / 700), from 0 to half the rate; power
 * |X|^2 of 25 ms windows (periodic Hann, centred in the transform); the sound is mirrored
 * at both ends. */
void mel_log(struct mel *m, const float *pcm, int n, float *out);
/* out (frames, MEL_CEPSTRA): orthonormal cosine transform (DCT-II) of log-mel frames. */
void mel_cepstra(const struct mel *m, const float *log_mel, int frames, float *out);

#endif

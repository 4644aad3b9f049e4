/* SPDX-License-Identifier: Apache-2.0
 * Fast Fourier transform of powers of two, single precision, real and imaginary
 * parts in separate arrays.  Small enough to keep here: the only user is cue.
 */
#ifndef HARNESS_CUE_FFT_H
#define HARNESS_CUE_FFT_H

#include "harness/base/err.h"

struct fft {
	int n;			    /* power of two, 16..2^20 */
	float *cs, *sn;		    /* (3n/4) cos, sin(2 pi k / n) */
	float *first_cs, *first_sn; /* (3, n/4) those of the first pass, in its order */
	float *wre, *wim;	    /* (n) work */
};

int fft_init(struct fft *f, int n, struct err *err);
void fft_free(struct fft *f);
/* Smallest power of two >= n, at least 16. */
int fft_size(int n);

/* X[k] = sum_t x[t] exp(-2 pi i k t / n), in place. */
void fft_forward(struct fft *f, float *re, float *im);
/* Power spectra of two real signals a, b (n) by one transform: on return
 * a[k] = |A[k]|^2 and b[k] = |B[k]|^2 for all k < n (both even in k). */
void fft_power_pair(struct fft *f, float *a, float *b);
/* Circular autocorrelations of two real signals, times n: two transforms.  In place, at the
 * lags below `lags` (1..n); what lies behind them is undefined. */
void fft_autocorrelate_pair(struct fft *f, float *a, float *b, int lags);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Stockham's self-sorting radix-2 transform: every pass reads and writes whole
 * runs, so the compiler turns the inner loops into vector code.
 */
#include "harness/cue/fft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"

static const double two_pi = 6.283185307179586476925;

int fft_size(int n)
{
	int size = 4;

	while (size < n)
		size *= 2;
	return size;
}

int fft_init(struct fft *f, int n, struct err *err)
{
	*f = (struct fft){ .n = n };
	if (n < 4 || n > 1 << 20 || (n & (n - 1)))
		return err_set(err, ERR_INTERNAL, "transform of %d points", n);
	if (!NEW_ARRAY(f->cs, (size_t)n / 2) || !NEW_ARRAY(f->sn, (size_t)n / 2) ||
	    !NEW_ARRAY(f->wre, (size_t)n) || !NEW_ARRAY(f->wim, (size_t)n)) {
		fft_free(f);
		return err_set(err, ERR_NOMEM, "transform of %d points", n);
	}
	for (int k = 0; k < n / 2; k++) {
		f->cs[k] = (float)cos(two_pi * k / n);
		f->sn[k] = (float)sin(two_pi * k / n);
	}
	return 0;
}

void fft_free(struct fft *f)
{
	free(f->cs);
	free(f->sn);
	free(f->wre);
	free(f->wim);
	*f = (struct fft){ 0 };
}

/* First pass (runs of one): twiddles vary along the inner loop. */
static void pass_first(const struct fft *f, const float *restrict xr, const float *restrict xi,
		       float *restrict yr, float *restrict yi)
{
	const int m = f->n / 2;

	for (int p = 0; p < m; p++) {
		const float dr = xr[p] - xr[p + m], di = xi[p] - xi[p + m];

		yr[2 * p] = xr[p] + xr[p + m];
		yi[2 * p] = xi[p] + xi[p + m];
		yr[2 * p + 1] = dr * f->cs[p] + di * f->sn[p];
		yi[2 * p + 1] = di * f->cs[p] - dr * f->sn[p];
	}
}

/* Pass with runs of s > 1: one twiddle a run. */
static void pass_run(const struct fft *f, int s, const float *restrict xr, const float *restrict xi,
		     float *restrict yr, float *restrict yi)
{
	const int half = f->n / 2, m = half / s;

	for (int p = 0; p < m; p++) {
		const float c = f->cs[p * s], sn = f->sn[p * s];
		const float *ar = xr + s * p, *ai = xi + s * p;
		float *br = yr + s * 2 * p, *bi = yi + s * 2 * p;

		for (int q = 0; q < s; q++) {
			const float dr = ar[q] - ar[q + half], di = ai[q] - ai[q + half];

			br[q] = ar[q] + ar[q + half];
			bi[q] = ai[q] + ai[q + half];
			br[q + s] = dr * c + di * sn;
			bi[q + s] = di * c - dr * sn;
		}
	}
}

void fft_forward(struct fft *f, float *re, float *im)
{
	float *xr = re, *xi = im, *yr = f->wre, *yi = f->wim;

	for (int s = 1; s < f->n; s *= 2) {
		float *tr = xr, *ti = xi;

		if (s == 1)
			pass_first(f, xr, xi, yr, yi);
		else
			pass_run(f, s, xr, xi, yr, yi);
		xr = yr;
		xi = yi;
		yr = tr;
		yi = ti;
	}
	if (xr != re) {
		memcpy(re, xr, (size_t)f->n * sizeof(*re));
		memcpy(im, xi, (size_t)f->n * sizeof(*im));
	}
}

void fft_power_pair(struct fft *f, float *a, float *b)
{
	const int n = f->n;

	fft_forward(f, a, b);
	a[0] *= a[0];
	b[0] *= b[0];
	for (int k = 1; k <= n / 2; k++) {
		/* A = (X[k] + conj X[n-k]) / 2, B = (X[k] - conj X[n-k]) / 2i */
		const int m = n - k;
		const float ar = a[k] + a[m], ai = b[k] - b[m];
		const float br = b[k] + b[m], bi = a[m] - a[k];

		a[k] = a[m] = 0.25f * (ar * ar + ai * ai);
		b[k] = b[m] = 0.25f * (br * br + bi * bi);
	}
}

void fft_autocorrelate_pair(struct fft *f, float *a, float *b)
{
	/* the spectra are real and even, so a second forward transform inverts them */
	fft_power_pair(f, a, b);
	fft_forward(f, a, b);
}

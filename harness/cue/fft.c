/* SPDX-License-Identifier: Apache-2.0
 * Stockham's self-sorting transform, four points at a time: every pass reads and writes
 * whole runs, so the compiler turns the inner loops into vector code.
 */
#include "harness/cue/fft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/cue/wide.h"

static const double two_pi = 6.283185307179586476925;

int fft_size(int n)
{
	int size = 16;

	while (size < n)
		size *= 2;
	return size;
}

int fft_init(struct fft *f, int n, struct err *err)
{
	*f = (struct fft){ .n = n };
	if (n < 16 || n > 1 << 20 || (n & (n - 1)))
		return err_set(err, ERR_INTERNAL, "transform of %d points", n);
	if (!NEW_ARRAY(f->cs, (size_t)n / 4 * 3) || !NEW_ARRAY(f->sn, (size_t)n / 4 * 3) ||
	    !NEW_ARRAY(f->first_cs, (size_t)n / 4 * 3) ||
	    !NEW_ARRAY(f->first_sn, (size_t)n / 4 * 3) || !NEW_ARRAY(f->wre, (size_t)n) ||
	    !NEW_ARRAY(f->wim, (size_t)n)) {
		fft_free(f);
		return err_set(err, ERR_NOMEM, "transform of %d points", n);
	}
	for (int k = 0; k < n / 4 * 3; k++) {
		f->cs[k] = (float)cos(two_pi * k / n);
		f->sn[k] = (float)sin(two_pi * k / n);
	}
	for (int k = 1; k < 4; k++)
		for (int p = 0; p < n / 4; p++) {
			f->first_cs[(k - 1) * (n / 4) + p] = f->cs[k * p];
			f->first_sn[(k - 1) * (n / 4) + p] = f->sn[k * p];
		}
	return 0;
}

void fft_free(struct fft *f)
{
	free(f->cs);
	free(f->sn);
	free(f->first_cs);
	free(f->first_sn);
	free(f->wre);
	free(f->wim);
	*f = (struct fft){ 0 };
}

typedef float vec4 __attribute__((vector_size(16)));
typedef float vec8 __attribute__((vector_size(32)));

/* Butterflies of the points at x + at + k n/4 in all lanes, before the twiddles. */
#define BUTTERFLY(vec, re_, im_, at)                                                               \
	do {                                                                                       \
		vec r_[4], i_[4];                                                                  \
		for (int k_ = 0; k_ < 4; k_++) {                                                   \
			memcpy(&r_[k_], xr + (at) + k_ * quarter, sizeof(vec));                    \
			memcpy(&i_[k_], xi + (at) + k_ * quarter, sizeof(vec));                    \
		}                                                                                  \
		const vec er_ = r_[0] + r_[2], ei_ = i_[0] + i_[2];                                \
		const vec fr_ = r_[0] - r_[2], fi_ = i_[0] - i_[2];                                \
		const vec gr_ = r_[1] + r_[3], gi_ = i_[1] + i_[3];                                \
		const vec hr_ = r_[1] - r_[3], hi_ = i_[1] - i_[3];                                \
		re_[0] = er_ + gr_, im_[0] = ei_ + gi_;                                            \
		re_[1] = fr_ + hi_, im_[1] = fi_ - hr_;                                            \
		re_[2] = er_ - gr_, im_[2] = ei_ - gi_;                                            \
		re_[3] = fr_ - hi_, im_[3] = fi_ + hr_;                                            \
	} while (0)

/* One pass: runs of s, a multiple of the lanes, each run under the same three twiddles. */
#define PASS_RUNS(vec, s)                                                                          \
	for (int p = 0; p < quarter / (s); p++)                                                    \
		for (int q = 0; q < (s); q += (int)(sizeof(vec) / sizeof(float))) {                \
			vec re[4], im[4];                                                          \
			BUTTERFLY(vec, re, im, (s)*p + q);                                         \
			for (int k = 0; k < 4; k++) {                                              \
				const float c = f->cs[k * p * (s)], sn = f->sn[k * p * (s)];       \
				const vec outr = re[k] * c + im[k] * sn;                           \
				const vec outi = im[k] * c - re[k] * sn;                           \
				memcpy(yr + (s) * (4 * p + k) + q, &outr, sizeof(vec));            \
				memcpy(yi + (s) * (4 * p + k) + q, &outi, sizeof(vec));            \
			}                                                                          \
		}

static inline ALWAYS_INLINE void store_columns(const vec4 v[4], float *y)
{
	const vec4 a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5);
	const vec4 b = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7);
	const vec4 c = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5);
	const vec4 d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
	const vec4 row[4] = { __builtin_shufflevector(a, c, 0, 1, 4, 5),
			      __builtin_shufflevector(a, c, 2, 3, 6, 7),
			      __builtin_shufflevector(b, d, 0, 1, 4, 5),
			      __builtin_shufflevector(b, d, 2, 3, 6, 7) };

	memcpy(y, row, sizeof(row));
}

/* First pass, runs of one: a lane is a place, with its own twiddles. */
static inline ALWAYS_INLINE void pass_first(const struct fft *f, const float *restrict xr,
					    const float *restrict xi, float *restrict yr,
					    float *restrict yi)
{
	const int quarter = f->n / 4;

	for (int p = 0; p < quarter; p += 4) {
		vec4 re[4], im[4];

		BUTTERFLY(vec4, re, im, p);
		for (int k = 1; k < 4; k++) {
			const vec4 r = re[k];
			vec4 c, sn;

			memcpy(&c, f->first_cs + (k - 1) * quarter + p, sizeof(c));
			memcpy(&sn, f->first_sn + (k - 1) * quarter + p, sizeof(sn));
			re[k] = r * c + im[k] * sn;
			im[k] = im[k] * c - r * sn;
		}
		store_columns(re, yr + 4 * p);
		store_columns(im, yi + 4 * p);
	}
}

static inline ALWAYS_INLINE void pass_four(const struct fft *f, int s, const float *restrict xr,
					   const float *restrict xi, float *restrict yr,
					   float *restrict yi)
{
	const int quarter = f->n / 4;

	if (s == 4)
		PASS_RUNS(vec4, 4)
	else
		PASS_RUNS(vec8, s)
}

/* The last pass where the number of points is no power of four. */
static inline ALWAYS_INLINE void pass_two(const struct fft *f, const float *restrict xr,
					  const float *restrict xi, float *restrict yr,
					  float *restrict yi)
{
	const int half = f->n / 2;

	for (int q = 0; q < half; q++) {
		yr[q] = xr[q] + xr[q + half];
		yi[q] = xi[q] + xi[q + half];
		yr[q + half] = xr[q] - xr[q + half];
		yi[q + half] = xi[q] - xi[q + half];
	}
}

static inline ALWAYS_INLINE void forward(struct fft *f, float *re, float *im)
{
	float *xr = re, *xi = im, *yr = f->wre, *yi = f->wim;

	for (int s = 1; s < f->n; s *= 4) {
		float *tr = xr, *ti = xi;

		if (2 * s == f->n)
			pass_two(f, xr, xi, yr, yi);
		else if (s == 1)
			pass_first(f, xr, xi, yr, yi);
		else
			pass_four(f, s, xr, xi, yr, yi);
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

WIDE static void forward_wide(struct fft *f, float *re, float *im)
{
	forward(f, re, im);
}

void fft_forward(struct fft *f, float *re, float *im)
{
	if (wide_here())
		forward_wide(f, re, im);
	else
		forward(f, re, im);
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

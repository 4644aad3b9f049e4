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

/* Values that need not be aligned. */
typedef float vec4_at __attribute__((vector_size(16), aligned(4), may_alias));
typedef float vec8_at __attribute__((vector_size(32), aligned(4), may_alias));

#define LOAD(vec, p)	 (*(const vec##_at *)(p))
#define STORE(vec, p, v) (*(vec##_at *)(p) = (v))

/* Butterflies of the points at x + at + k n/4 in all lanes, before the twiddles. */
#define BUTTERFLY(vec, re_, im_, at)                                                               \
	const float *br_ = xr + (at), *bi_ = xi + (at);                                            \
	const vec r0_ = LOAD(vec, br_), i0_ = LOAD(vec, bi_);                                      \
	const vec r1_ = LOAD(vec, br_ + quarter), i1_ = LOAD(vec, bi_ + quarter);                  \
	const vec r2_ = LOAD(vec, br_ + 2 * quarter), i2_ = LOAD(vec, bi_ + 2 * quarter);          \
	const vec r3_ = LOAD(vec, br_ + 3 * quarter), i3_ = LOAD(vec, bi_ + 3 * quarter);          \
	const vec er_ = r0_ + r2_, ei_ = i0_ + i2_, fr_ = r0_ - r2_, fi_ = i0_ - i2_;              \
	const vec gr_ = r1_ + r3_, gi_ = i1_ + i3_, hr_ = r1_ - r3_, hi_ = i1_ - i3_;              \
	vec re_[4] = { er_ + gr_, fr_ + hi_, er_ - gr_, fr_ - hi_ };                               \
	vec im_[4] = { ei_ + gi_, fi_ - hr_, ei_ - gi_, fi_ + hr_ }

#define LANES(vec) ((int)(sizeof(vec) / sizeof(float)))

/* Writes lane p of v[k] to y[4 p + k]. */
static inline ALWAYS_INLINE void store_columns4(const vec4 v[4], float *y)
{
	const vec4 a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5);
	const vec4 b = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7);
	const vec4 c = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5);
	const vec4 d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
	STORE(vec4, y, __builtin_shufflevector(a, c, 0, 1, 4, 5));
	STORE(vec4, y + 4, __builtin_shufflevector(a, c, 2, 3, 6, 7));
	STORE(vec4, y + 8, __builtin_shufflevector(b, d, 0, 1, 4, 5));
	STORE(vec4, y + 12, __builtin_shufflevector(b, d, 2, 3, 6, 7));
}

static inline ALWAYS_INLINE void store_columns8(const vec8 v[4], float *y)
{
	/* within each half as above, then the halves apart */
	const vec8 a = __builtin_shufflevector(v[0], v[1], 0, 8, 1, 9, 4, 12, 5, 13);
	const vec8 b = __builtin_shufflevector(v[0], v[1], 2, 10, 3, 11, 6, 14, 7, 15);
	const vec8 c = __builtin_shufflevector(v[2], v[3], 0, 8, 1, 9, 4, 12, 5, 13);
	const vec8 d = __builtin_shufflevector(v[2], v[3], 2, 10, 3, 11, 6, 14, 7, 15);
	const vec8 e = __builtin_shufflevector(a, c, 0, 1, 8, 9, 4, 5, 12, 13);
	const vec8 f = __builtin_shufflevector(a, c, 2, 3, 10, 11, 6, 7, 14, 15);
	const vec8 g = __builtin_shufflevector(b, d, 0, 1, 8, 9, 4, 5, 12, 13);
	const vec8 h = __builtin_shufflevector(b, d, 2, 3, 10, 11, 6, 7, 14, 15);
	STORE(vec8, y, __builtin_shufflevector(e, f, 0, 1, 2, 3, 8, 9, 10, 11));
	STORE(vec8, y + 8, __builtin_shufflevector(g, h, 0, 1, 2, 3, 8, 9, 10, 11));
	STORE(vec8, y + 16, __builtin_shufflevector(e, f, 4, 5, 6, 7, 12, 13, 14, 15));
	STORE(vec8, y + 24, __builtin_shufflevector(g, h, 4, 5, 6, 7, 12, 13, 14, 15));
}

/* First pass, runs of one: a lane is a place, with its own twiddles. */
#define PASS_FIRST(vec, store)                                                                     \
	for (int p = 0; p < quarter; p += LANES(vec)) {                                            \
		BUTTERFLY(vec, re, im, p);                                                         \
		for (int k = 1; k < 4; k++) {                                                      \
			const vec r = re[k];                                                       \
			const vec c = LOAD(vec, f->first_cs + (k - 1) * quarter + p);              \
			const vec sn = LOAD(vec, f->first_sn + (k - 1) * quarter + p);             \
			re[k] = r * c + im[k] * sn;                                                \
			im[k] = im[k] * c - r * sn;                                                \
		}                                                                                  \
		store(re, yr + 4 * p);                                                             \
		store(im, yi + 4 * p);                                                             \
	}

static inline ALWAYS_INLINE void pass_first(const struct fft *f, const float *restrict xr,
					    const float *restrict xi, float *restrict yr,
					    float *restrict yi)
{
	const int quarter = f->n / 4;

	if (quarter < LANES(vec8))
		PASS_FIRST(vec4, store_columns4)
	else
		PASS_FIRST(vec8, store_columns8)
}

/* The second half goes 16 places behind the first. */
static inline ALWAYS_INLINE void store_halves(float *y, vec8 v)
{
	STORE(vec4, y, __builtin_shufflevector(v, v, 0, 1, 2, 3));
	STORE(vec4, y + 16, __builtin_shufflevector(v, v, 4, 5, 6, 7));
}

/* Second pass, runs of four: two runs at a time. */
static inline ALWAYS_INLINE void pass_second(const struct fft *f, const float *restrict xr,
					     const float *restrict xi, float *restrict yr,
					     float *restrict yi)
{
	const int quarter = f->n / 4;

	for (int p = 0; p < quarter; p += 8) {
		BUTTERFLY(vec8, re, im, p);
		for (int k = 0; k < 4; k++) {
			const float ca = f->cs[k * p], cb = f->cs[k * (p + 4)];
			const float sa = f->sn[k * p], sb = f->sn[k * (p + 4)];
			const vec8 c = { ca, ca, ca, ca, cb, cb, cb, cb };
			const vec8 sn = { sa, sa, sa, sa, sb, sb, sb, sb };
			const vec8 outr = re[k] * c + im[k] * sn, outi = im[k] * c - re[k] * sn;

			store_halves(yr + 4 * (p + k), outr);
			store_halves(yi + 4 * (p + k), outi);
		}
	}
}

/* Further passes: runs of s, a multiple of the lanes, each run under the same three twiddles. */
static inline ALWAYS_INLINE void pass_four(const struct fft *f, int s, const float *restrict xr,
					   const float *restrict xi, float *restrict yr,
					   float *restrict yi)
{
	const int quarter = f->n / 4;

	for (int p = 0; p < quarter; p += s) {
		float c[4], sn[4];

		for (int k = 0; k < 4; k++) {
			c[k] = f->cs[k * p];
			sn[k] = f->sn[k * p];
		}
		for (int q = 0; q < s; q += LANES(vec8)) {
			BUTTERFLY(vec8, re, im, p + q);
			for (int k = 0; k < 4; k++) {
				const vec8 outr = re[k] * c[k] + im[k] * sn[k];
				const vec8 outi = im[k] * c[k] - re[k] * sn[k];

				STORE(vec8, yr + 4 * p + k * s + q, outr);
				STORE(vec8, yi + 4 * p + k * s + q, outi);
			}
		}
	}
}

/* The last pass: one run, no twiddles; of the four parts of the result only the first `parts`. */
#define PASS_LAST(vec)                                                                             \
	for (int q = 0; q < quarter; q += LANES(vec)) {                                            \
		BUTTERFLY(vec, re, im, q);                                                         \
		for (int k = 0; k < parts; k++) {                                                  \
			STORE(vec, yr + k * quarter + q, re[k]);                                   \
			STORE(vec, yi + k * quarter + q, im[k]);                                   \
		}                                                                                  \
	}

static inline ALWAYS_INLINE void pass_last(int n, const float *restrict xr,
					   const float *restrict xi, float *restrict yr,
					   float *restrict yi, int parts)
{
	const int quarter = n / 4;

	if (quarter < LANES(vec8))
		PASS_LAST(vec4)
	else if (parts == 1)
		for (int q = 0; q < quarter; q++) {
			yr[q] = (xr[q] + xr[q + 2 * quarter]) +
				(xr[q + quarter] + xr[q + 3 * quarter]);
			yi[q] = (xi[q] + xi[q + 2 * quarter]) +
				(xi[q + quarter] + xi[q + 3 * quarter]);
		}
	else
		PASS_LAST(vec8)
}

/* The last pass where the number of points is no power of four: both halves or the first. */
static inline ALWAYS_INLINE void pass_two(int n, const float *restrict xr, const float *restrict xi,
					  float *restrict yr, float *restrict yi, bool both)
{
	const int half = n / 2;

	for (int q = 0; q < half; q++) {
		yr[q] = xr[q] + xr[q + half];
		yi[q] = xi[q] + xi[q + half];
	}
	for (int q = 0; both && q < half; q++) {
		yr[q + half] = xr[q] - xr[q + half];
		yi[q + half] = xi[q] - xi[q + half];
	}
}

/* Transforms re, im, of which the first `need` points of the result are wanted.  Returns whether
 * they are in the work arrays; else they are in place. */
static inline ALWAYS_INLINE bool passes(struct fft *f, float *re, float *im, int need)
{
	float *xr = re, *xi = im, *yr = f->wre, *yi = f->wim;

	for (int s = 1; s < f->n; s *= 4) {
		float *tr = xr, *ti = xi;

		if (2 * s == f->n)
			pass_two(f->n, xr, xi, yr, yi, 2 * need > f->n);
		else if (4 * s == f->n)
			pass_last(f->n, xr, xi, yr, yi, (4 * need + f->n - 1) / f->n);
		else if (s == 1)
			pass_first(f, xr, xi, yr, yi);
		else if (s == 4)
			pass_second(f, xr, xi, yr, yi);
		else
			pass_four(f, s, xr, xi, yr, yi);
		xr = yr;
		xi = yi;
		yr = tr;
		yi = ti;
	}
	return xr != re;
}

static inline ALWAYS_INLINE void forward(struct fft *f, float *re, float *im, int need)
{
	if (passes(f, re, im, need)) {
		memcpy(re, f->wre, (size_t)need * sizeof(*re));
		memcpy(im, f->wim, (size_t)need * sizeof(*im));
	}
}

static inline ALWAYS_INLINE vec8 backwards(vec8 v)
{
	return __builtin_shufflevector(v, v, 7, 6, 5, 4, 3, 2, 1, 0);
}

/* |A|^2 and |B|^2 of the spectrum of a + i b at xr, xi, which may be a and b themselves:
 * A = (X[k] + conj X[n-k]) / 2, B = (X[k] - conj X[n-k]) / 2i. */
static inline ALWAYS_INLINE void powers(int n, const float *xr, const float *xi, float *a, float *b)
{
#define POWERS(type, xrk, xrm, xik, xim)                                                           \
	const type rk = xrk, rm = xrm, ik = xik, im = xim;                                         \
	const type ar = rk + rm, ai = ik - im, br = ik + im, bi = rm - rk;                         \
	const type pa = 0.25f * (ar * ar + ai * ai), pb = 0.25f * (br * br + bi * bi)

	a[0] = xr[0] * xr[0];
	b[0] = xi[0] * xi[0];
	for (int k = 1; k < 8; k++) {
		POWERS(float, xr[k], xr[n - k], xi[k], xi[n - k]);
		a[k] = a[n - k] = pa;
		b[k] = b[n - k] = pb;
	}
	for (int k = 8; k < n / 2; k += 8) {
		POWERS(vec8, LOAD(vec8, xr + k), backwards(LOAD(vec8, xr + n - k - 7)),
		       LOAD(vec8, xi + k), backwards(LOAD(vec8, xi + n - k - 7)));
		STORE(vec8, a + k, pa);
		STORE(vec8, b + k, pb);
		STORE(vec8, a + n - k - 7, backwards(pa));
		STORE(vec8, b + n - k - 7, backwards(pb));
	}
	a[n / 2] = xr[n / 2] * xr[n / 2];
	b[n / 2] = xi[n / 2] * xi[n / 2];
#undef POWERS
}

static inline ALWAYS_INLINE void power_pair(struct fft *f, float *a, float *b)
{
	if (passes(f, a, b, f->n))
		powers(f->n, f->wre, f->wim, a, b);
	else
		powers(f->n, a, b, a, b);
}

static inline ALWAYS_INLINE void autocorrelate_pair(struct fft *f, float *a, float *b, int lags)
{
	/* the spectra are real and even, so a second forward transform inverts them */
	power_pair(f, a, b);
	forward(f, a, b, lags);
}

WIDE static void forward_wide(struct fft *f, float *re, float *im)
{
	forward(f, re, im, f->n);
}

WIDE static void power_pair_wide(struct fft *f, float *a, float *b)
{
	power_pair(f, a, b);
}

WIDE static void autocorrelate_pair_wide(struct fft *f, float *a, float *b, int lags)
{
	autocorrelate_pair(f, a, b, lags);
}

void fft_forward(struct fft *f, float *re, float *im)
{
	if (wide_here())
		forward_wide(f, re, im);
	else
		forward(f, re, im, f->n);
}

void fft_power_pair(struct fft *f, float *a, float *b)
{
	if (wide_here())
		power_pair_wide(f, a, b);
	else
		power_pair(f, a, b);
}

void fft_autocorrelate_pair(struct fft *f, float *a, float *b, int lags)
{
	if (wide_here())
		autocorrelate_pair_wide(f, a, b, lags);
	else
		autocorrelate_pair(f, a, b, lags);
}

/* SPDX-License-Identifier: Apache-2.0
 * Harmonics-to-noise ratio: a stretch of one period of the floor against itself
 * shifted, normalised by the energies of both; the highest maximum r says
 * 10 log10(r / (1 - r)) dB (Boersma 1993, equation 4).
 */
#include "harness/cue/harmonicity.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/cue/pitch.h"
#include "harness/cue/wide.h"

enum { LAGS = 32 /* at a time */, CHAINS = 4 };

typedef float vec8 __attribute__((vector_size(32)));

int harmonicity_init(struct harmonicity *h, double floor_hz, int rate,
		     const struct sinc_table *sinc, struct err *err)
{
	const int window = 2 * ((int)floor(rate / floor_hz) / 2 - 1);
	const size_t lags = (size_t)window + LAGS;

	*h = (struct harmonicity){ .floor = floor_hz, .rate = rate, .sinc = sinc };
	h->window = window;
	h->period = (int)floor(rate / floor_hz);
	if (!NEW_ARRAY(h->x, (size_t)window + lags) ||
	    !NEW_ARRAY(h->squares, 2 * (size_t)window + 1) ||
	    !NEW_ARRAY(h->r, lags + SINC_TABLE_DEPTH) || !NEW_ARRAY(h->lag, lags) ||
	    !NEW_ARRAY(h->place, lags) || !NEW_ARRAY(h->height, lags))
		return err_set(err, ERR_NOMEM, "harmonicity: window of %d", window);
	return 0;
}

void harmonicity_free(struct harmonicity *h)
{
	free(h->x);
	free(h->squares);
	free(h->r);
	free(h->lag);
	free(h->place);
	free(h->height);
	*h = (struct harmonicity){ 0 };
}

/* dots[k] = sum over i of x[i] x[i + k]: LAGS at a time stay in registers.  x must be
 * readable for LAGS values behind the last one used, and dots have room for as many. */
static inline ALWAYS_INLINE void dots_of_lags(const float *x, int window, int lags, float *dots)
{
	for (int lag = 0; lag < lags; lag += LAGS) {
		vec8 sum[4] = { { 0 } };

		for (int i = 0; i < window; i++)
			for (int k = 0; k < 4; k++) {
				vec8 y;

				memcpy(&y, x + i + lag + 8 * k, sizeof(y));
				sum[k] += x[i] * y;
			}
		memcpy(dots + lag, sum, sizeof(sum));
	}
}

/* before[i]: sum of the squares of x[0..i), i up to n: several chains of additions at a time. */
static inline ALWAYS_INLINE void running_squares(const float *x, int n, double *before)
{
	const int part = n / CHAINS;
	double sum[CHAINS] = { 0 };

	for (int i = 0; i < part; i++)
		for (int c = 0; c < CHAINS; c++) {
			before[c * part + i] = sum[c];
			sum[c] += (double)x[c * part + i] * x[c * part + i];
		}
	for (int c = 1; c < CHAINS; c++) {
		const double start = sum[c - 1];

		for (int i = 0; i < part; i++)
			before[c * part + i] += start;
		sum[c] += start;
	}
	for (int i = CHAINS * part; i < n; i++) {
		before[i] = sum[CHAINS - 1];
		sum[CHAINS - 1] += (double)x[i] * x[i];
	}
	before[n] = sum[CHAINS - 1];
}

/* r[lag]: normalised correlation of x[0..window) with x[lag..lag+window), lags up to `lags`. */
static inline ALWAYS_INLINE void correlate(const float *restrict x, double *restrict squares,
					   int window, int lags, float *restrict r)
{
	double here;

	dots_of_lags(x, window, lags + 1, r);
	running_squares(x, window + lags, squares);
	here = squares[window];
	for (int lag = 1; lag <= lags; lag++) {
		const float energy = (float)(here * (squares[lag + window] - squares[lag]));

		r[lag] = energy > FLT_MIN ? r[lag] / sqrtf(energy) : 0;
	}
	r[0] = 1;
	for (int lag = 1; lag < SINC_TABLE_DEPTH; lag++)
		r[-lag] = lag <= lags ? r[lag] : 0;
}

WIDE static void correlate_wide(const float *x, double *squares, int window, int lags, float *r)
{
	correlate(x, squares, window, lags, r);
}

static double below_one(double v)
{
	return v > 1 ? 1 / v : v;
}

/* Strength of the strongest maximum, 0 if there is none. */
static double strongest(struct harmonicity *h, const float *r, int lags)
{
	const int n = sinc_maxima(r, 2, lags, 0, h->lag, h->place);
	double best = 0, x;
	int at = 0;

	sinc_table_values(h->sinc, r, lags + 1, h->place, n, h->height);
	for (int k = 0; k < n; k++)
		if (below_one(h->height[k]) > best) {
			best = below_one(h->height[k]);
			at = h->lag[k];
		}
	return at ? below_one(sinc_table_peak(h->sinc, r, lags + 1, at, &x)) : 0;
}

/* Correlates the stretch around `centre`, `mean` removed, with what follows; returns the strongest
 * maximum, 0 where the sound ends too early. */
static double periodicity(struct harmonicity *h, const struct sound *s, double centre, float mean)
{
	const double begin = centre - 0.5 * (h->period + h->window) / (double)h->rate;
	int start = (int)floor(begin * h->rate - 0.5), span = 2 * h->window;
	float *r = h->r + SINC_TABLE_DEPTH;

	if (start < 0)
		start = 0;
	if (span > s->n - start)
		span = s->n - start;
	if (span - h->window < 3)
		return 0;
	for (int i = 0; i < span; i++)
		h->x[i] = s->pcm[start + i] - mean;
	if (wide_here())
		correlate_wide(h->x, h->squares, h->window, span - h->window, r);
	else
		correlate(h->x, h->squares, h->window, span - h->window, r);
	return strongest(h, r, span - h->window);
}

void harmonicity_mean(struct harmonicity *h, const struct sound *s, double silence, double *db,
		      int *frames)
{
	const struct frame_grid g = frame_grid_fit((double)s->n / h->rate, 2 / h->floor, 0.01);
	double sum = 0;

	*frames = 0;
	for (int f = 0; s->peak > 0 && f < g.n; f++) {
		const double centre = g.first + f * g.step;
		const int left = (int)floor(centre * h->rate - 0.5), half = h->window / 2;
		const float mean = (float)sound_mean(s, left + 1 - h->period, left + h->period + 1);
		const float loud = sound_peak(s, left + 1 - half, left + 1 + half, mean);
		/* what the unvoiced candidate has on its side where the frame is quiet; no
		 * correlation is above 1 */
		const double quiet = 2 - loud / s->peak / silence;
		double r;

		if (quiet >= 1)
			continue;
		r = periodicity(h, s, centre, mean);
		if (!(r > fmax(0, quiet)))
			continue;
		sum += r >= 1 ? 150 : 10 * log10(r / (1 - r));
		(*frames)++;
	}
	*db = *frames ? sum / *frames : 0;
}

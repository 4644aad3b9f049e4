/* SPDX-License-Identifier: Apache-2.0
 * Harmonics-to-noise ratio: a stretch of one period of the floor against itself
 * shifted, normalised by the energies of both; the highest maximum r says
 * 10 log10(r / (1 - r)) dB (Boersma 1993, equation 4).
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "harness/base/mem.h"
#include "harness/cue/pitch.h"

enum { DEPTH_RANK = 30, DEPTH_PLACE = 100 };

struct shift {
	int window, period, max_lag, rate;
	float *x; /* (window + max_lag) the stretch, mean removed */
	float *r; /* (max_lag + 1) */
};

/* Normalised correlation of x[0..window) with x[lag..lag+window) for lags up to `lags`. */
static void correlate(const struct shift *s, int lags)
{
	double here = 0, there;

	for (int i = 0; i < s->window; i++)
		here += (double)s->x[i] * s->x[i];
	there = here;
	s->r[0] = 1;
	for (int lag = 1; lag <= lags; lag++) {
		const float *y = s->x + lag;
		float part[8] = { 0 };
		double sum = 0;
		int i = 0;

		for (; i + 8 <= s->window; i += 8)
			for (int k = 0; k < 8; k++)
				part[k] += s->x[i + k] * y[i + k];
		for (; i < s->window; i++)
			sum += (double)s->x[i] * y[i];
		for (int k = 0; k < 8; k++)
			sum += part[k];
		there += (double)y[s->window - 1] * y[s->window - 1] -
			 (double)s->x[lag - 1] * s->x[lag - 1];
		s->r[lag] = here > 0 && there > 0 ? (float)(sum / sqrt(here * there)) : 0;
	}
}

/* Strength of the strongest maximum, 0 if there is none. */
static double strongest(const float *r, int lags)
{
	double best = 0;
	int at = 0;

	for (int i = 2; i < lags; i++) {
		double bend, v;

		if (!(r[i] > 0 && r[i] > r[i - 1] && r[i] >= r[i + 1]))
			continue;
		bend = 2.0 * r[i] - r[i - 1] - r[i + 1];
		v = sinc_even(r, lags + 1, i + 0.5 * (r[i + 1] - r[i - 1]) / bend, DEPTH_RANK);
		if (v > 1)
			v = 1 / v;
		if (v > best) {
			best = v;
			at = i;
		}
	}
	if (at) {
		double x;

		best = sinc_peak(r, lags + 1, at, DEPTH_PLACE, &x);
	}
	return best > 1 ? 1 / best : best;
}

/* Loads the stretch around `centre`; *loud: its peak near the centre.  Returns the lags there are.
 */
static int load_stretch(struct shift *s, const float *pcm, int n, double centre, double *loud)
{
	const int left = (int)floor(centre * s->rate - 0.5), half = s->window / 2;
	const double begin = centre - 0.5 * (s->period + s->window) / (double)s->rate;
	int start = (int)floor(begin * s->rate - 0.5), span = s->max_lag + s->window, used = 0;
	double mean = 0, peak = 0;

	if (start < 0)
		start = 0;
	if (span > n - start)
		span = n - start;
	for (int i = left + 1 - s->period; i <= left + s->period; i++)
		if (i >= 0 && i < n) {
			mean += pcm[i];
			used++;
		}
	mean /= used ? used : 1;
	for (int i = left + 1 - half; i <= left + half; i++)
		if (i >= 0 && i < n)
			peak = fmax(peak, fabs(pcm[i] - mean));
	for (int i = 0; i < span; i++)
		s->x[i] = pcm[start + i] - (float)mean;
	*loud = peak;
	return span - s->window;
}

int harmonicity_mean(const float *pcm, int n, int rate, double floor_hz, double silence, double *db,
		     int *frames, struct err *err)
{
	const struct frame_grid g = frame_grid_fit((double)n / rate, 2 / floor_hz, 0.01);
	const int window = 2 * ((int)floor(rate / floor_hz) / 2 - 1);
	struct shift s = { .window = window, .period = (int)floor(rate / floor_hz), .rate = rate };
	double mean = 0, top = 0, sum = 0;

	*db = 0;
	*frames = 0;
	s.max_lag = window;
	for (int i = 0; i < n; i++)
		mean += pcm[i] / (double)n;
	for (int i = 0; i < n; i++)
		top = fmax(top, fabs(pcm[i] - mean));
	if (!g.n || !(top > 0))
		return 0;
	if (!NEW_ARRAY(s.x, (size_t)(window + s.max_lag)) ||
	    !NEW_ARRAY(s.r, (size_t)s.max_lag + 1)) {
		err_set(err, ERR_NOMEM, "harmonicity: window of %d", window);
		goto done;
	}
	for (int f = 0; f < g.n; f++) {
		double loud;
		const int lags = load_stretch(&s, pcm, n, g.first + f * g.step, &loud);
		double r;

		if (lags < 3)
			continue;
		correlate(&s, lags);
		r = strongest(s.r, lags);
		/* the unvoiced candidate wins where the frame is quiet */
		if (!(r > fmax(0, 2 - loud / top / silence)))
			continue;
		sum += r >= 1 ? 150 : 10 * log10(r / (1 - r));
		(*frames)++;
	}
	*db = *frames ? sum / *frames : 0;
done:
	free(s.x);
	free(s.r);
	return err->code;
}

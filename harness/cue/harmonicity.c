/* SPDX-License-Identifier: Apache-2.0
 * Harmonics-to-noise ratio: a stretch of one period of the floor against itself
 * shifted, normalised by the energies of both; the highest maximum r says
 * 10 log10(r / (1 - r)) dB (Boersma 1993, equation 4).
 */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/cue/pitch.h"
#include "harness/cue/sinc.h"
#include "harness/cue/wide.h"

enum { LAGS = 32 /* at a time */ };

typedef float vec8 __attribute__((vector_size(32)));

struct shift {
	int window, period, max_lag, rate;
	float *x;	 /* (window + max_lag, and LAGS) the stretch, mean removed */
	double *sum;	 /* (n + 1) of sound_sums() */
	double *squares; /* (window + max_lag + 1) sums of the squares of x before each place */
	float *energy;	 /* (max_lag + 1) product of the energies of both stretches */
	float *room, *r; /* (max_lag + LAGS) behind SINC_TABLE_DEPTH mirrored lags */
	struct sinc_table sinc;
};

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

WIDE static void dots_of_lags_wide(const float *x, int window, int lags, float *dots)
{
	dots_of_lags(x, window, lags, dots);
}

/* Normalised correlation of x[0..window) with x[lag..lag+window) for lags up to `lags`. */
static void correlate(const struct shift *s, int lags)
{
	double here;

	if (wide_here())
		dots_of_lags_wide(s->x, s->window, lags + 1, s->r);
	else
		dots_of_lags(s->x, s->window, lags + 1, s->r);
	here = s->squares[s->window];
	for (int lag = 1; lag <= lags; lag++)
		s->energy[lag] = (float)(here * (s->squares[lag + s->window] - s->squares[lag]));
	s->r[0] = 1;
	for (int lag = 1; lag <= lags; lag++)
		s->r[lag] = s->energy[lag] > FLT_MIN ? s->r[lag] / sqrtf(s->energy[lag]) : 0;
	for (int lag = 1; lag < SINC_TABLE_DEPTH; lag++)
		s->r[-lag] = lag <= lags ? s->r[lag] : 0;
}

/* Strength of the strongest maximum, 0 if there is none. */
static double strongest(const struct sinc_table *sinc, const float *r, int lags)
{
	double best = 0;
	int at = 0;

	for (int i = 2; i < lags; i++) {
		double bend, v;

		if (!(r[i] > 0 && r[i] > r[i - 1] && r[i] >= r[i + 1]))
			continue;
		bend = 2.0 * r[i] - r[i - 1] - r[i + 1];
		v = sinc_table_at(sinc, r, lags + 1, i + 0.5 * (r[i + 1] - r[i - 1]) / bend);
		if (v > 1)
			v = 1 / v;
		if (v > best) {
			best = v;
			at = i;
		}
	}
	if (at) {
		double x;

		best = sinc_table_peak(sinc, r, lags + 1, at, &x);
	}
	return best > 1 ? 1 / best : best;
}

/* Loads the stretch around `centre`; *loud: its peak near the centre.  Returns the lags there are.
 */
static int load_stretch(struct shift *s, const float *pcm, int n, double centre, double *loud)
{
	const int left = (int)floor(centre * s->rate - 0.5), half = s->window / 2;
	const double begin = centre - 0.5 * (s->period + s->window) / (double)s->rate;
	int start = (int)floor(begin * s->rate - 0.5), span = s->max_lag + s->window;
	double square = 0;
	float mean;

	if (start < 0)
		start = 0;
	if (span > n - start)
		span = n - start;
	mean = (float)sound_mean(s->sum, n, left + 1 - s->period, left + s->period + 1);
	for (int i = 0; i < span; i++)
		s->x[i] = pcm[start + i] - mean;
	for (int i = 0; i < span; i++) {
		s->squares[i] = square;
		square += (double)s->x[i] * s->x[i];
	}
	s->squares[span] = square;
	*loud = sound_peak(pcm, left + 1 - half < 0 ? 0 : left + 1 - half,
			   left + 1 + half > n ? n : left + 1 + half, mean);
	return span - s->window;
}

int harmonicity_mean(const float *pcm, int n, int rate, double floor_hz, double silence, double *db,
		     int *frames, struct err *err)
{
	const struct frame_grid g = frame_grid_fit((double)n / rate, 2 / floor_hz, 0.01);
	const int window = 2 * ((int)floor(rate / floor_hz) / 2 - 1);
	struct shift s = { .window = window, .period = (int)floor(rate / floor_hz), .rate = rate };
	double sum = 0;
	float top;

	*db = 0;
	*frames = 0;
	s.max_lag = window;
	if (!g.n)
		return 0;
	if (!NEW_ARRAY(s.x, (size_t)(window + s.max_lag) + LAGS) ||
	    !NEW_ARRAY(s.sum, (size_t)n + 1) ||
	    !NEW_ARRAY(s.squares, (size_t)(window + s.max_lag) + 1) ||
	    !NEW_ARRAY(s.energy, (size_t)s.max_lag + 1) ||
	    !NEW_ARRAY(s.room, (size_t)s.max_lag + LAGS + SINC_TABLE_DEPTH)) {
		err_set(err, ERR_NOMEM, "harmonicity: window of %d", window);
		goto done;
	}
	s.r = s.room + SINC_TABLE_DEPTH;
	sound_sums(pcm, n, s.sum);
	top = sound_peak(pcm, 0, n, (float)sound_mean(s.sum, n, 0, n));
	if (!(top > 0))
		goto done;
	if (sinc_table_init(&s.sinc, err))
		goto done;
	for (int f = 0; f < g.n; f++) {
		double loud;
		const int lags = load_stretch(&s, pcm, n, g.first + f * g.step, &loud);
		double r;

		if (lags < 3)
			continue;
		correlate(&s, lags);
		r = strongest(&s.sinc, s.r, lags);
		/* the unvoiced candidate wins where the frame is quiet */
		if (!(r > fmax(0, 2 - loud / top / silence)))
			continue;
		sum += r >= 1 ? 150 : 10 * log10(r / (1 - r));
		(*frames)++;
	}
	*db = *frames ? sum / *frames : 0;
done:
	free(s.x);
	free(s.sum);
	free(s.squares);
	free(s.energy);
	free(s.room);
	sinc_table_free(&s.sinc);
	return err->code;
}

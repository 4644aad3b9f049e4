/* SPDX-License-Identifier: Apache-2.0
 * Articulation rate: nuclei are voiced intensity peaks with a dip after them.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/cue/sinc.h"
#include "harness/cue/speech.h"

enum { SINC_DEPTH = 70 };

static const double silence_db = -25, dip_db = 2, min_pause = 0.3, min_sound = 0.1;

/* A wide and forgiving pitch: the question is only whether a peak is voiced. */
static const struct pitch_config voicing = {
	.floor = 30,
	.ceiling = 450,
	.step = 0.02,
	.candidates = 4,
	.silence = 0.03,
	.voicing = 0.25,
	.octave = 0.01,
	.jump = 0.35,
	.voiced_unvoiced = 0.25,
};

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* 0.99 quantile of the n values; v is sorted. */
static double quantile99(double *v, int n)
{
	const double place = 0.99 * n - 0.5; /* order statistics sit at (i + 0.5) / n */
	const int lo = (int)floor(place);

	qsort(v, (size_t)n, sizeof(*v), by_value);
	if (lo < 0)
		return v[0];
	return lo + 1 < n ? v[lo] + (place - lo) * (v[lo + 1] - v[lo]) : v[n - 1];
}

/* Turns runs of `from` shorter than min seconds into the other state. */
static void drop_short(unsigned char *sound, int n, int from, double min, const double *edge)
{
	for (int i = 0; i < n;) {
		int end = i;

		while (end < n && sound[end] == sound[i])
			end++;
		if (sound[i] == from && edge[end] - edge[i] < min && end - i < n)
			memset(sound + i, !from, (size_t)(end - i));
		i = end;
	}
}

/* Marks frames with sound (1) or pause (0); returns the seconds of sound.
 * edge (n + 1): where frame i's stretch begins. */
static double mark_sound(const struct intensity_track *t, double level, double seconds,
			 unsigned char *sound, double *edge)
{
	const int n = t->grid.n;
	double total = 0;

	for (int i = 0; i < n; i++) {
		sound[i] = t->db[i] >= level;
		edge[i] = i ? t->grid.first + i * t->grid.step : 0;
	}
	edge[n] = seconds;
	drop_short(sound, n, 1, min_sound, edge);
	drop_short(sound, n, 0, min_pause, edge);
	for (int i = 0; i < n; i++)
		if (sound[i])
			total += edge[i + 1] - edge[i];
	return total;
}

/* Value between two frames by the cubic through both with central slopes. */
static double cubic_at(const float *v, int n, double pos)
{
	const int l = (int)pos, r = l + 1 < n ? l + 1 : l;
	const double t = pos - l, dl = 0.5 * (v[r] - v[l ? l - 1 : 0]);
	const double dr = 0.5 * (v[r + 1 < n ? r + 1 : r] - v[l]);

	return v[l] * (1 + 2 * t) * (1 - t) * (1 - t) + dl * t * (1 - t) * (1 - t) +
	       v[r] * t * t * (3 - 2 * t) + dr * t * t * (t - 1);
}

/* contour (n): intensity, dB. */
static int count_nuclei(const float *contour, const struct frame_grid *grid, double level,
			const unsigned char *sound, const struct pitch_track *pitch)
{
	const int n = grid->n;
	double before = 0, before_pos = 0;
	bool any = false;
	int nuclei = 0;

	for (int i = 1; i + 1 < n; i++) {
		const int depth = i < n - 1 - i ? i : n - 1 - i; /* points on both sides */
		double pos, height, dip = INFINITY;

		if (!(contour[i] > contour[i - 1] && contour[i] >= contour[i + 1]))
			continue;
		sinc_peak(contour, n, i, depth < SINC_DEPTH ? depth : SINC_DEPTH, &pos);
		height = cubic_at(contour, n, pos);
		if (!(height > level))
			continue;
		for (int k = (int)ceil(before_pos); any && k <= i; k++)
			dip = fmin(dip, contour[k]);
		/* a peak counts when the valley after it is deep enough; the last has none */
		if (any && before - dip > dip_db) {
			const double when = grid->first + before_pos * grid->step;

			nuclei += sound[(int)floor(before_pos)] && pitch_at(pitch, when) > 0;
		}
		before = height;
		before_pos = pos;
		any = true;
	}
	return nuclei;
}

int speech_syllables(const float *pcm, int n, int rate, struct syllables *out, struct err *err)
{
	struct intensity_track loud = { 0 };
	struct pitch_track pitch = { 0 };
	unsigned char *sound = NULL;
	double *edge = NULL, level, low;
	float *contour = NULL;

	*out = (struct syllables){ 0 };
	if (intensity_track(pcm, n, rate, 50, &loud, err) ||
	    pitch_track(pcm, n, rate, &voicing, &pitch, err) || !loud.grid.n)
		goto done;
	if (!NEW_ARRAY(sound, (size_t)loud.grid.n) || !NEW_ARRAY(edge, (size_t)loud.grid.n + 1) ||
	    !NEW_ARRAY(contour, (size_t)loud.grid.n)) {
		err_set(err, ERR_NOMEM, "syllables: %d frames", loud.grid.n);
		goto done;
	}
	memcpy(edge, loud.db, (size_t)loud.grid.n * sizeof(*edge));
	for (int i = 0; i < loud.grid.n; i++)
		contour[i] = (float)loud.db[i];
	level = quantile99(edge, loud.grid.n) + silence_db;
	low = edge[0];
	out->phonation = mark_sound(&loud, level, (double)n / rate, sound, edge);
	out->nuclei = count_nuclei(contour, &loud.grid, fmax(level, low), sound, &pitch);
done:
	free(sound);
	free(edge);
	free(contour);
	intensity_free(&loud);
	pitch_free(&pitch);
	return err->code;
}

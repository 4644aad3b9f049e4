/* SPDX-License-Identifier: Apache-2.0
 * Articulation rate: nuclei are voiced intensity peaks with a dip after them.
 */
#include <math.h>
#include <stdbool.h>
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

/* Times of the peaks that are nuclei if they are voiced; returns how many.  Of the contour of
 * intensity (grid.n), dB, those above level. */
static int find_peaks(struct syllable_meter *m, double level)
{
	const struct frame_grid *grid = &m->track.grid;
	const float *contour = m->contour;
	const int n = grid->n;
	double before = 0, before_pos = 0;
	bool any = false;
	int found = 0;

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
		if (any && before - dip > dip_db && m->sound[(int)floor(before_pos)])
			m->when[found++] = grid->first + before_pos * grid->step;
		before = height;
		before_pos = pos;
		any = true;
	}
	return found;
}

int syllable_meter_init(struct syllable_meter *m, int rate, const struct sinc_table *sinc,
			struct err *err)
{
	*m = (struct syllable_meter){ 0 };
	if (intensity_meter_init(&m->loud, 50, rate, err))
		return err->code;
	return pitch_meter_init(&m->voicing, &voicing, rate, sinc, err);
}

void syllable_meter_free(struct syllable_meter *m)
{
	intensity_meter_free(&m->loud);
	pitch_meter_free(&m->voicing);
	intensity_free(&m->track);
	free(m->sound);
	free(m->edge);
	free(m->contour);
	free(m->when);
	free(m->voiced);
	*m = (struct syllable_meter){ 0 };
}

static int make_room(struct syllable_meter *m, int frames, struct err *err)
{
	const size_t n = (size_t)frames + 1;

	if (GROW_ARRAY(m->sound, m->cap_sound, n) && GROW_ARRAY(m->edge, m->cap_edge, n) &&
	    GROW_ARRAY(m->contour, m->cap_contour, n) && GROW_ARRAY(m->when, m->cap_when, n) &&
	    GROW_ARRAY(m->voiced, m->cap_voiced, n))
		return 0;
	return err_set(err, ERR_NOMEM, "syllables: %d frames", frames);
}

int syllable_meter_count(struct syllable_meter *m, const struct sound *s, struct syllables *out,
			 struct err *err)
{
	double level, low;
	int n, found;

	*out = (struct syllables){ 0 };
	if (intensity_track(&m->loud, s, &m->track, err))
		return err->code;
	n = m->track.grid.n;
	if (!n || make_room(m, n, err))
		return err->code;
	memcpy(m->edge, m->track.db, (size_t)n * sizeof(*m->edge));
	for (int i = 0; i < n; i++)
		m->contour[i] = (float)m->track.db[i];
	level = quantile99(m->edge, n) + silence_db;
	low = m->edge[0];
	out->phonation = mark_sound(&m->track, level, (double)s->n / s->rate, m->sound, m->edge);
	found = find_peaks(m, fmax(level, low));
	if (pitch_voiced(&m->voicing, s, m->when, found, m->voiced, err))
		return err->code;
	for (int i = 0; i < found; i++)
		out->nuclei += m->voiced[i];
	return 0;
}

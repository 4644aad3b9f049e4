/* SPDX-License-Identifier: Apache-2.0
 * Pitch: frames in pairs through one transform, maxima as candidates, then the
 * path of least cost through all frames.
 */
#include "harness/cue/pitch_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/cue/wide.h"

static const double pi = 3.14159265358979323846;

const struct pitch_config pitch_standard = {
	.floor = 75,
	.ceiling = 600,
	.step = 0.01,
	.candidates = PITCH_MAX_CANDIDATES,
	.silence = 0.03,
	.voicing = 0.45,
	.octave = 0.01,
	.jump = 0.35,
	.voiced_unvoiced = 0.14,
};

struct frame_grid frame_grid_fit(double seconds, double window, double step)
{
	struct frame_grid g = { 0, 0, step };

	if (seconds < window)
		return g;
	g.n = (int)floor((seconds - window) / step) + 1;
	g.first = 0.5 * seconds - 0.5 * (g.n - 1) * step;
	return g;
}

void pitch_meter_free(struct pitch_meter *m)
{
	fft_free(&m->fft);
	free(m->hann);
	free(m->inv_acf);
	free(m->a);
	free(m->b);
	free(m->r);
	free(m->lag);
	free(m->place);
	free(m->height);
	free(m->cand);
	free(m->count);
	free(m->wanted);
	free(m->from);
	*m = (struct pitch_meter){ 0 };
}

int pitch_meter_init(struct pitch_meter *m, const struct pitch_config *cfg, int rate,
		     const struct sinc_table *sinc, struct err *err)
{
	const double scale = 0.01 / cfg->step; /* costs are stated for steps of 10 ms */

	*m = (struct pitch_meter){ .cfg = *cfg, .rate = rate, .sinc = sinc };
	m->jump = cfg->jump * scale;
	m->turn = cfg->voiced_unvoiced * scale;
	m->window = 2 * ((int)floor(3.0 / cfg->floor * rate) / 2 - 1);
	m->half_period = (int)floor(rate / cfg->floor) / 2 + 1;
	/* shorter lags are far above the ceiling and can never be chosen */
	m->min_lag = (int)fmax(2, floor(rate / (2 * cfg->ceiling)));
	m->max_lag = m->window / 3 + 2;
	m->last_lag = m->max_lag + SINC_TABLE_DEPTH + 1;
	if (m->last_lag > m->window / 2)
		m->last_lag = m->window / 2;
	/* lags up to a third of the window and a margin: behind 0.72 windows the window's tails
	 * leave nothing that could come round */
	if (fft_init(&m->fft, fft_size((int)(1.28 * m->window)), err))
		return err->code;
	if (!NEW_ARRAY(m->hann, (size_t)m->window) ||
	    !NEW_ARRAY(m->inv_acf, (size_t)m->last_lag + 1) ||
	    !NEW_ARRAY(m->r, (size_t)m->last_lag + 1 + SINC_TABLE_DEPTH) ||
	    !NEW_ARRAY(m->a, (size_t)m->fft.n) || !NEW_ARRAY(m->b, (size_t)m->fft.n) ||
	    !NEW_ARRAY(m->lag, (size_t)m->max_lag) || !NEW_ARRAY(m->place, (size_t)m->max_lag) ||
	    !NEW_ARRAY(m->height, (size_t)m->max_lag))
		return err_set(err, ERR_NOMEM, "pitch: window of %d", m->window);
	for (int i = 0; i < m->window; i++)
		m->a[i] = m->hann[i] = (float)(0.5 - 0.5 * cos(2 * pi * (i + 1) / (m->window + 1)));
	fft_autocorrelate_pair(&m->fft, m->a, m->b, m->last_lag + 1);
	for (int i = 0; i <= m->last_lag; i++)
		m->inv_acf[i] = m->a[0] / m->a[i];
	return 0;
}

int pitch_prepare(struct pitch_meter *m, const struct sound *s, struct err *err)
{
	const size_t w = (size_t)m->cfg.candidates;
	size_t n;

	m->grid = frame_grid_fit((double)s->n / s->rate, 3 / m->cfg.floor, m->cfg.step);
	n = (size_t)m->grid.n;
	if (!n)
		return 0;
	if (!GROW_ARRAY(m->cand, m->cap_cand, n * w) || !GROW_ARRAY(m->count, m->cap_count, n) ||
	    !GROW_ARRAY(m->wanted, m->cap_wanted, n) || !GROW_ARRAY(m->from, m->cap_from, n * w))
		return err_set(err, ERR_NOMEM, "pitch: %d frames", m->grid.n);
	memset(m->count, 0, n * sizeof(*m->count));
	memset(m->wanted, 0, n * sizeof(*m->wanted));
	return 0;
}

/* to[i] = (from[i] - mean) * weight[i]. */
static inline ALWAYS_INLINE void weigh(const float *restrict from, float mean,
				       const float *restrict weight, int n, float *restrict to)
{
	for (int i = 0; i < n; i++)
		to[i] = (from[i] - mean) * weight[i];
}

WIDE static void weigh_wide(const float *from, float mean, const float *weight, int n, float *to)
{
	weigh(from, mean, weight, n, to);
}

/* Copies the samples from..to-1 of the window that begins at sample `start`, weighted, to dst[0];
 * zeros outside of the sound. */
static void cut(const struct pitch_meter *m, const struct sound *s, int start, int from, int to,
		float mean, float *dst)
{
	const int lo = start + from < 0 ? -start : from;
	const int hi = start + to > s->n ? s->n - start : to;

	memset(dst, 0, (size_t)(lo - from) * sizeof(*dst));
	if (wide_here())
		weigh_wide(s->pcm + start + lo, mean, m->hann + lo, hi - lo, dst + lo - from);
	else
		weigh(s->pcm + start + lo, mean, m->hann + lo, hi - lo, dst + lo - from);
	memset(dst + hi - from, 0, (size_t)(to - hi) * sizeof(*dst));
}

/* First sample of a frame's window; *mean: that around the frame. */
static int frame_start(const struct pitch_meter *m, const struct sound *s, int f, float *mean)
{
	const int left = (int)floor((m->grid.first + f * m->grid.step) * m->rate - 0.5);
	const int period = m->rate / (int)m->cfg.floor;

	*mean = (float)sound_mean(s, left + 1 - period, left + period + 1);
	return left + 1 - m->window / 2;
}

static struct pitch_candidate *frame_candidates(const struct pitch_meter *m, int f)
{
	return m->cand + (size_t)f * (size_t)m->cfg.candidates;
}

/* Enters the unvoiced candidate of a frame, the stronger the quieter it is near its centre.
 * Returns whether others must be looked for: no voiced one scores above 1, and beside it a turn
 * on both sides is the most that unvoiced can cost. */
static bool enter_unvoiced(struct pitch_meter *m, const struct sound *s, int f)
{
	const struct pitch_config *cfg = &m->cfg;
	const int half = m->window / 2, lo = half - m->half_period, n = 2 * m->half_period;
	float mean, peak = 0;
	const int start = frame_start(m, s, f, &mean);
	const struct sound centre = { .pcm = m->a, .n = n };
	double quiet = 0;

	cut(m, s, start, lo, lo + n, mean, m->a);
	peak = s->peak > 0 ? fminf(1, sound_peak(&centre, 0, n, 0) / s->peak) : 0;
	if (cfg->silence > 0)
		quiet = fmax(0, 2 - peak / (cfg->silence / (1 + cfg->voicing)));
	*frame_candidates(m, f) =
		(struct pitch_candidate){ .score = (float)(cfg->voicing + quiet) };
	m->count[f] = 1;
	return cfg->voicing + quiet <= 1 + 2 * m->turn;
}

/* One maximum while the strongest are chosen. */
struct maximum {
	double place, height; /* lags; by the parabola through it, then as refined */
	int lag;
};

static double height_at_floor(const struct pitch_config *cfg, int rate, const struct maximum *x)
{
	return x->height - cfg->octave * log2(cfg->floor * x->place / rate);
}

/* Puts a maximum among the kept, over the weakest when they are full. */
static void keep_maximum(const struct pitch_meter *m, struct maximum *kept, int *n,
			 struct maximum x)
{
	double weakest = INFINITY;
	int at = 0;

	if (*n < m->cfg.candidates - 1) {
		kept[(*n)++] = x;
		return;
	}
	for (int k = 0; k < *n; k++) {
		const double h = height_at_floor(&m->cfg, m->rate, &kept[k]);

		if (h < weakest) {
			weakest = h;
			at = k;
		}
	}
	if (height_at_floor(&m->cfg, m->rate, &x) > weakest)
		kept[at] = x;
}

/* r[i] = acf[i] scaled, for lags 0..last; mirrored before 0. */
static inline ALWAYS_INLINE void normalise(const float *restrict acf, const float *restrict inv,
					   float scale, int last, float *restrict r)
{
	for (int i = 0; i <= last; i++)
		r[i] = acf[i] * scale * inv[i];
	for (int i = 1; i < SINC_TABLE_DEPTH; i++)
		r[-i] = i <= last ? r[i] : 0;
}

WIDE static void normalise_wide(const float *acf, const float *inv, float scale, int last, float *r)
{
	normalise(acf, inv, scale, last, r);
}

static double below_one(double strength)
{
	return strength > 1 ? 1 / strength : strength;
}

/* The strongest maxima of r, as many as there are places; returns how many. */
static int choose_maxima(struct pitch_meter *m, const float *r, struct maximum *kept)
{
	const float least = (float)(0.5 * m->cfg.voicing);
	const int half = m->window / 2;
	int n, count = 0;

	n = sinc_maxima(r, m->min_lag, m->max_lag < half ? m->max_lag : half, least, m->lag,
			m->place);
	sinc_table_values(m->sinc, r, half + 1, m->place, n, m->height);
	for (int k = 0; k < n; k++)
		if (m->rate / m->place[k] <= 2 * m->cfg.ceiling)
			keep_maximum(m, kept, &count,
				     (struct maximum){ m->place[k], below_one(m->height[k]),
						       m->lag[k] });
	return count;
}

/* Enters the voiced candidates of a frame from its autocorrelation. */
static void enter_voiced(struct pitch_meter *m, int f, const float *acf)
{
	const struct pitch_config *cfg = &m->cfg;
	struct pitch_candidate *cand = frame_candidates(m, f);
	float *r = m->r + SINC_TABLE_DEPTH;
	struct maximum kept[PITCH_MAX_CANDIDATES];
	const float scale = 1 / acf[0];
	int count;

	if (!(acf[0] > 0) || !isfinite(scale))
		return;
	if (wide_here())
		normalise_wide(acf, m->inv_acf, scale, m->last_lag, r);
	else
		normalise(acf, m->inv_acf, scale, m->last_lag, r);
	count = choose_maxima(m, r, kept);
	for (int k = 0; k < count; k++) {
		double lag, strength, octave, hz;

		if ((kept[k].lag + 1) * cfg->ceiling < m->rate) /* cannot get below the ceiling */
			continue;
		strength = below_one(
			sinc_table_peak(m->sinc, r, m->window / 2 + 1, kept[k].lag, &lag));
		hz = m->rate / lag;
		if (!((float)hz < cfg->ceiling))
			continue;
		octave = log2(hz);
		cand[m->count[f]++] = (struct pitch_candidate){
			.hz = (float)hz,
			.octave = (float)octave,
			.score = (float)(strength - cfg->octave * (log2(cfg->ceiling) - octave)),
		};
	}
}

/* Frames f and g (-1: none) through one transform. */
static void listen_pair(struct pitch_meter *m, const struct sound *s, int f, int g)
{
	const size_t pad = (size_t)(m->fft.n - m->window) * sizeof(*m->a);
	float mean;
	int start = frame_start(m, s, f, &mean);

	cut(m, s, start, 0, m->window, mean, m->a);
	memset(m->a + m->window, 0, pad);
	if (g >= 0) {
		start = frame_start(m, s, g, &mean);
		cut(m, s, start, 0, m->window, mean, m->b);
		memset(m->b + m->window, 0, pad);
	} else {
		memset(m->b, 0, (size_t)m->fft.n * sizeof(*m->b));
	}
	fft_autocorrelate_pair(&m->fft, m->a, m->b, m->last_lag + 1);
	enter_voiced(m, f, m->a);
	if (g >= 0)
		enter_voiced(m, g, m->b);
}

void pitch_listen(struct pitch_meter *m, const struct sound *s)
{
	int waiting = -1;

	for (int f = 0; f < m->grid.n; f++) {
		if (!m->wanted[f] || m->count[f] || !enter_unvoiced(m, s, f))
			continue;
		if (waiting < 0) {
			waiting = f;
		} else {
			listen_pair(m, s, waiting, f);
			waiting = -1;
		}
	}
	if (waiting >= 0)
		listen_pair(m, s, waiting, -1);
}

int pitch_track(struct pitch_meter *m, const struct sound *s, struct pitch_track *out,
		struct err *err)
{
	out->grid.n = 0;
	if (pitch_prepare(m, s, err))
		return err->code;
	if (!GROW_ARRAY(out->hz, out->cap_hz, (size_t)m->grid.n))
		return err_set(err, ERR_NOMEM, "pitch: %d frames", m->grid.n);
	out->grid = m->grid;
	if (!m->grid.n)
		return 0;
	memset(m->wanted, 1, (size_t)m->grid.n);
	pitch_listen(m, s);
	pitch_path(m, out->hz);
	return 0;
}

/* The frame nearest to a time, -1 outside of the track. */
static int nearest_frame(const struct frame_grid *g, double seconds)
{
	const int near = g->n ? (int)floor((seconds - g->first) / g->step + 0.5) : -1;

	return near < g->n ? near : -1;
}

int pitch_voiced(struct pitch_meter *m, const struct sound *s, const double *seconds, int n,
		 signed char *voiced, struct err *err)
{
	int open = n;

	if (pitch_prepare(m, s, err))
		return err->code;
	memset(voiced, -1, (size_t)n);
	for (int reach = 0; open; reach = reach ? 2 * reach : 1) {
		for (int i = 0; i < n; i++) {
			const int f = nearest_frame(&m->grid, seconds[i]);
			const int lo = f - reach > 0 ? f - reach : 0;
			const int hi = f + reach < m->grid.n ? f + reach + 1 : m->grid.n;

			if (f < 0)
				voiced[i] = 0;
			else if (voiced[i] < 0)
				memset(m->wanted + lo, 1, (size_t)(hi - lo));
		}
		pitch_listen(m, s);
		open = 0;
		for (int i = 0; i < n; i++) {
			if (voiced[i] < 0)
				voiced[i] = (signed char)pitch_path_voiced(
					m, nearest_frame(&m->grid, seconds[i]), reach);
			open += voiced[i] < 0;
		}
	}
	return 0;
}

void pitch_free(struct pitch_track *track)
{
	free(track->hz);
	*track = (struct pitch_track){ 0 };
}

double pitch_at(const struct pitch_track *track, double seconds)
{
	const struct frame_grid *g = &track->grid;
	const double pos = (seconds - g->first) / g->step;
	const int left = (int)floor(pos), near = nearest_frame(g, seconds);

	if (near < 0 || track->hz[near] <= 0)
		return 0;
	if (left < 0 || left + 1 >= g->n || track->hz[left] <= 0 || track->hz[left + 1] <= 0)
		return track->hz[near];
	return track->hz[left] + (pos - left) * (track->hz[left + 1] - track->hz[left]);
}

/* SPDX-License-Identifier: Apache-2.0
 * Pitch: frames in pairs through one transform, maxima as candidates, then the
 * path of least cost through all frames.
 */
#include "harness/cue/pitch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/cue/fft.h"
#include "harness/cue/sinc.h"

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

struct candidate {
	float hz, strength; /* hz 0: unvoiced */
};

/* Everything one call needs; one teardown path. */
struct tracker {
	const struct pitch_config *cfg;
	int rate, window, half_period, max_lag;
	struct fft fft;
	struct sinc_table sinc;
	float *hann, *inv_acf; /* (window), (max_lag + 2): 1 / the window's autocorrelation */
	float *a, *b;	       /* (fft.n) the two frames in work */
	float *r; /* (SINC_TABLE_DEPTH + window/2 + 1) normalised; lag 0 at SINC_TABLE_DEPTH */
	struct candidate *cand; /* (frames, candidates) */
	double *sum;		/* (n + 1) of sound_sums() */
	int *count;		/* (frames) */
	float *peak;		/* (frames) local over global peak, 0..1 */
	float *best;		/* (frames, candidates) */
	unsigned char *from;	/* (frames, candidates) */
};

static void tracker_free(struct tracker *t)
{
	fft_free(&t->fft);
	sinc_table_free(&t->sinc);
	free(t->r);
	free(t->hann);
	free(t->inv_acf);
	free(t->a);
	free(t->b);
	free(t->cand);
	free(t->sum);
	free(t->count);
	free(t->peak);
	free(t->best);
	free(t->from);
}

static int tracker_init(struct tracker *t, int n, int rate, int frames,
			const struct pitch_config *cfg, struct err *err)
{
	const size_t cells = (size_t)frames * (size_t)cfg->candidates;

	*t = (struct tracker){ .cfg = cfg, .rate = rate };
	t->window = 2 * ((int)floor(3.0 / cfg->floor * rate) / 2 - 1);
	t->half_period = (int)floor(rate / cfg->floor) / 2 + 1;
	t->max_lag = t->window / 3 + 2;
	/* lags up to a third of the window and a margin: behind 0.72 windows the window's tails
	 * leave nothing that could come round */
	if (fft_init(&t->fft, fft_size((int)(1.28 * t->window)), err) ||
	    sinc_table_init(&t->sinc, err))
		return err->code;
	if (!NEW_ARRAY(t->sum, (size_t)n + 1) || !NEW_ARRAY(t->hann, (size_t)t->window) ||
	    !NEW_ARRAY(t->inv_acf, (size_t)t->window / 2 + 1) ||
	    !NEW_ARRAY(t->r, (size_t)t->window / 2 + 1 + SINC_TABLE_DEPTH) ||
	    !NEW_ARRAY(t->a, (size_t)t->fft.n) || !NEW_ARRAY(t->b, (size_t)t->fft.n) ||
	    !NEW_ARRAY(t->cand, cells) || !NEW_ARRAY(t->best, cells) ||
	    !NEW_ARRAY(t->from, cells) || !NEW_ARRAY(t->count, (size_t)frames) ||
	    !NEW_ARRAY(t->peak, (size_t)frames))
		return err_set(err, ERR_NOMEM, "pitch: %d frames", frames);
	for (int i = 0; i < t->window; i++)
		t->a[i] = t->hann[i] = (float)(0.5 - 0.5 * cos(2 * pi * (i + 1) / (t->window + 1)));
	fft_autocorrelate_pair(&t->fft, t->a, t->b);
	for (int i = 0; i <= t->window / 2; i++)
		t->inv_acf[i] = t->a[0] / t->a[i];
	return 0;
}

/* Copies the windowed frame around `centre` (s) into dst, zero-padded, and
 * returns its peak near the centre. */
static float cut_frame(const struct tracker *t, const float *pcm, int n, double centre, float *dst)
{
	const int left = (int)floor(centre * t->rate - 0.5), half = t->window / 2;
	const int period = t->rate / (int)t->cfg->floor, start = left + 1 - half;
	const int from = start < 0 ? -start : 0;
	const int to = start + t->window > n ? n - start : t->window;
	const float mean = (float)sound_mean(t->sum, n, left + 1 - period, left + period + 1);
	float peak = 0;

	memset(dst, 0, (size_t)from * sizeof(*dst));
	for (int j = from; j < to; j++)
		dst[j] = (pcm[start + j] - mean) * t->hann[j];
	memset(dst + to, 0, (size_t)(t->fft.n - to) * sizeof(*dst));
	for (int j = half - t->half_period; j < half + t->half_period; j++) {
		const float v = fabsf(dst[j]);

		peak = v > peak ? v : peak;
	}
	return peak;
}

/* Puts a maximum among a frame's candidates, over the weakest when they are full. */
static void keep_candidate(const struct pitch_config *cfg, struct candidate *cand, int *lag,
			   int *count, struct candidate c, int i)
{
	int at = *count;

	if (*count == cfg->candidates) {
		double weakest = 2;

		for (int k = 1; k < *count; k++) {
			const double s =
				cand[k].strength - cfg->octave * log2(cfg->floor / cand[k].hz);

			if (s < weakest) {
				weakest = s;
				at = k;
			}
		}
		if (c.strength - cfg->octave * log2(cfg->floor / c.hz) <= weakest)
			return;
	} else {
		(*count)++;
	}
	cand[at] = c;
	lag[at] = i;
}

/* Candidates of one frame from its autocorrelation. */
static int find_candidates(const struct tracker *t, const float *acf, struct candidate *cand)
{
	const int half = t->window / 2;
	float *r = t->r + SINC_TABLE_DEPTH;
	int lag[PITCH_MAX_CANDIDATES], count = 1;
	const float scale = 1 / acf[0];

	cand[0] = (struct candidate){ 0, 0 };
	if (!(acf[0] > 0) || !isfinite(scale))
		return 1;
	for (int i = 0; i <= half; i++)
		r[i] = acf[i] * scale * t->inv_acf[i];
	for (int i = 1; i < SINC_TABLE_DEPTH; i++)
		r[-i] = i <= half ? r[i] : 0;
	for (int i = 2; i < t->max_lag && i < half; i++) {
		double dr, bend, x, s;

		if (!(r[i] > 0.5 * t->cfg->voicing && r[i] > r[i - 1] && r[i] >= r[i + 1]))
			continue;
		dr = 0.5 * (r[i + 1] - r[i - 1]);
		bend = 2.0 * r[i] - r[i - 1] - r[i + 1];
		x = i + dr / bend;
		if (t->rate / x > t->cfg->ceiling * 2) /* far above: can never be chosen */
			continue;
		s = sinc_table_at(&t->sinc, r, half + 1, x);
		keep_candidate(
			t->cfg, cand, lag, &count,
			(struct candidate){ (float)(t->rate / x), (float)(s > 1 ? 1 / s : s) }, i);
	}
	for (int k = 1; k < count; k++) {
		double x, s = sinc_table_peak(&t->sinc, r, half + 1, lag[k], &x);

		cand[k].hz = (float)(t->rate / x);
		cand[k].strength = (float)(s > 1 ? 1 / s : s);
	}
	return count;
}

static bool voiced(const struct pitch_config *cfg, const struct candidate *c)
{
	return c->hz > 0 && c->hz < cfg->ceiling;
}

static double local_score(const struct tracker *t, int frame, const struct candidate *c)
{
	const struct pitch_config *cfg = t->cfg;
	double quiet;

	if (voiced(cfg, c))
		return c->strength - cfg->octave * log2(cfg->ceiling / c->hz);
	quiet = cfg->silence > 0 ? 2 - t->peak[frame] / (cfg->silence / (1 + cfg->voicing)) : 0;
	return cfg->voicing + (quiet > 0 ? quiet : 0);
}

static double step_cost(const struct pitch_config *cfg, const struct candidate *a,
			const struct candidate *b)
{
	const double scale = 0.01 / cfg->step;

	if (voiced(cfg, a) != voiced(cfg, b))
		return cfg->voiced_unvoiced * scale;
	if (!voiced(cfg, a))
		return 0;
	return cfg->jump * scale * fabs(log2(a->hz / b->hz));
}

/* Viterbi over all frames; writes the chosen frequencies. */
static void best_path(struct tracker *t, int frames, float *hz)
{
	const int w = t->cfg->candidates;
	int at = 0;

	for (int f = 0; f < frames; f++)
		for (int k = 0; k < t->count[f]; k++) {
			const struct candidate *c = &t->cand[f * w + k];
			double best = f ? -INFINITY : 0;

			for (int j = 0; f && j < t->count[f - 1]; j++) {
				const double v = t->best[(f - 1) * w + j] -
						 step_cost(t->cfg, &t->cand[(f - 1) * w + j], c);

				if (v > best) {
					best = v;
					t->from[f * w + k] = (unsigned char)j;
				}
			}
			t->best[f * w + k] = (float)(best + local_score(t, f, c));
		}
	for (int k = 1; k < t->count[frames - 1]; k++)
		if (t->best[(frames - 1) * w + k] > t->best[(frames - 1) * w + at])
			at = k;
	for (int f = frames - 1; f >= 0; f--) {
		const struct candidate *c = &t->cand[f * w + at];

		hz[f] = voiced(t->cfg, c) ? c->hz : 0;
		at = t->from[f * w + at];
	}
}

void sound_sums(const float *pcm, int n, double *sum)
{
	double all = 0;

	for (int i = 0; i < n; i++) {
		sum[i] = all;
		all += pcm[i];
	}
	sum[n] = all;
}

double sound_mean(const double *sum, int n, int from, int to)
{
	from = from < 0 ? 0 : from;
	to = to > n ? n : to;
	return to > from ? (sum[to] - sum[from]) / (to - from) : 0;
}

float sound_peak(const float *pcm, int from, int to, float mean)
{
	float peak = 0;

	for (int i = from; i < to; i++) {
		const float v = fabsf(pcm[i] - mean);

		peak = v > peak ? v : peak;
	}
	return peak;
}

int pitch_track(const float *pcm, int n, int rate, const struct pitch_config *cfg,
		struct pitch_track *out, struct err *err)
{
	const struct frame_grid g = frame_grid_fit((double)n / rate, 3 / cfg->floor, cfg->step);
	float top;
	struct tracker t = { 0 };

	*out = (struct pitch_track){ .grid = g };
	if (!g.n)
		return 0;
	if (!NEW_ARRAY(out->hz, (size_t)g.n))
		return err_set(err, ERR_NOMEM, "pitch: %d frames", g.n);
	if (tracker_init(&t, n, rate, g.n, cfg, err)) {
		tracker_free(&t);
		pitch_free(out);
		return err->code;
	}
	sound_sums(pcm, n, t.sum);
	top = sound_peak(pcm, 0, n, (float)sound_mean(t.sum, n, 0, n));
	for (int f = 0; f < g.n; f += 2) {
		const int pair = f + 1 < g.n;

		t.peak[f] = cut_frame(&t, pcm, n, g.first + f * g.step, t.a);
		if (pair)
			t.peak[f + 1] = cut_frame(&t, pcm, n, g.first + (f + 1) * g.step, t.b);
		else
			memset(t.b, 0, (size_t)t.fft.n * sizeof(*t.b));
		fft_autocorrelate_pair(&t.fft, t.a, t.b);
		for (int k = 0; k <= pair; k++) {
			const int at = f + k;

			t.count[at] =
				find_candidates(&t, k ? t.b : t.a, &t.cand[at * cfg->candidates]);
			t.peak[at] = top > 0 ? fminf(1, t.peak[at] / top) : 0;
		}
	}
	best_path(&t, g.n, out->hz);
	tracker_free(&t);
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
	const int left = (int)floor(pos), near = (int)floor(pos + 0.5);

	if (!g->n || near < 0 || near >= g->n || track->hz[near] <= 0)
		return 0;
	if (left < 0 || left + 1 >= g->n || track->hz[left] <= 0 || track->hz[left + 1] <= 0)
		return track->hz[near];
	return track->hz[left] + (pos - left) * (track->hz[left + 1] - track->hz[left]);
}

/* SPDX-License-Identifier: Apache-2.0
 * The path of least cost through the candidates of all frames, and what a part of the frames
 * already says of it.
 */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "harness/cue/pitch_parts.h"

static const struct pitch_candidate *frame_candidates(const struct pitch_meter *m, int f)
{
	return m->cand + (size_t)f * (size_t)m->cfg.candidates;
}

/* Cost between neighbouring frames, the same in both directions. */
static double step_cost(const struct pitch_meter *m, const struct pitch_candidate *a,
			const struct pitch_candidate *b)
{
	if ((a->hz > 0) != (b->hz > 0))
		return m->turn;
	return a->hz > 0 ? m->jump * fabsf(a->octave - b->octave) : 0;
}

/* to[k]: the most that leads to candidate k of frame g from values of the candidates of its
 * neighbour f, without k's own score; by[k], unless NULL: from where. */
static void step(const struct pitch_meter *m, int f, int g, const double *values, double *to,
		 unsigned char *by)
{
	const struct pitch_candidate *a = frame_candidates(m, f), *b = frame_candidates(m, g);

	for (int k = 0; k < m->count[g]; k++) {
		to[k] = -INFINITY;
		for (int j = 0; j < m->count[f]; j++) {
			const double v = values[j] - step_cost(m, &a[j], &b[k]);

			if (!(v > to[k]))
				continue;
			to[k] = v;
			if (by)
				by[k] = (unsigned char)j;
		}
	}
}

static void add_scores(const struct pitch_meter *m, int f, double *values)
{
	for (int k = 0; k < m->count[f]; k++)
		values[k] += frame_candidates(m, f)[k].score;
}

void pitch_path(struct pitch_meter *m, float *hz)
{
	const int frames = m->grid.n, w = m->cfg.candidates;
	double room[2][PITCH_MAX_CANDIDATES] = { 0 }, *best = room[0];
	int at = 0;

	add_scores(m, 0, best);
	for (int f = 1; f < frames; f++) {
		double *next = room[f % 2];

		step(m, f - 1, f, best, next, m->from + (size_t)f * (size_t)w);
		add_scores(m, f, next);
		best = next;
	}
	for (int k = 1; k < m->count[frames - 1]; k++)
		if (best[k] > best[at])
			at = k;
	for (int f = frames - 1; f >= 0; f--) {
		hz[f] = frame_candidates(m, f)[at].hz;
		if (f)
			at = m->from[(size_t)f * (size_t)w + (size_t)at];
	}
}

/* One frame alone.  Beside an unknown neighbour, a turn to the unvoiced candidate costs at most
 * `turn` more than what it replaces; one to a voiced candidate at most as much, or the
 * longest jump within the range less the turn that it saves. */
static int alone(const struct pitch_meter *m, int frame)
{
	const struct pitch_candidate *c = frame_candidates(m, frame);
	const double low = log2((double)m->rate / (m->max_lag + 1)), high = log2(m->cfg.ceiling);
	bool unvoiced = true;

	for (int k = 1; k < m->count[frame]; k++) {
		const double more = c[k].score - c[0].score;
		const double jump = m->jump * fmax(high - c[k].octave, c[k].octave - low);

		if (more > 2 * fmax(m->turn, jump - m->turn))
			return 1;
		unvoiced = unvoiced && -more > 2 * m->turn;
	}
	return unvoiced ? 0 : -1;
}

/* Values of the candidates of `frame` by the ways that lead there from frame `end`: from its
 * candidate `only`, or from any where that is the end of the sound (-1). */
static void lead(const struct pitch_meter *m, int end, int frame, int only, double *values)
{
	const int way = end < frame ? 1 : -1;
	double next[PITCH_MAX_CANDIDATES] = { 0 };

	for (int k = 0; k < m->count[end]; k++)
		values[k] = only < 0 || k == only ? 0 : -INFINITY;
	for (int f = end; f != frame; f += way) {
		add_scores(m, f, values);
		step(m, f, f + way, values, next, NULL);
		memcpy(values, next, sizeof(next));
	}
}

int pitch_path_voiced(const struct pitch_meter *m, int frame, int reach)
{
	const struct pitch_candidate *c = frame_candidates(m, frame);
	const int lo = frame - reach > 0 ? frame - reach : 0;
	const int hi = frame + reach < m->grid.n - 1 ? frame + reach : m->grid.n - 1;
	const int lefts = lo ? m->count[lo] : 1, rights = hi < m->grid.n - 1 ? m->count[hi] : 1;
	int said = -1;

	if (!reach)
		return alone(m, frame);
	/* the best path goes best from where it enters these frames to where it leaves them */
	for (int l = 0; l < lefts; l++)
		for (int r = 0; r < rights; r++) {
			double before[PITCH_MAX_CANDIDATES], after[PITCH_MAX_CANDIDATES];
			double best = -INFINITY;
			bool voiced;

			lead(m, lo, frame, lo ? l : -1, before);
			lead(m, hi, frame, hi < m->grid.n - 1 ? r : -1, after);
			for (int k = 1; k < m->count[frame]; k++)
				best = fmax(best, before[k] + after[k] + c[k].score);
			voiced = best > before[0] + after[0] + c[0].score;
			if (said >= 0 && said != voiced)
				return -1;
			said = voiced;
		}
	return said;
}

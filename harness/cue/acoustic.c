/* SPDX-License-Identifier: Apache-2.0
 * Acoustic frames: mel bands of 32 ms windows every 10 ms, pooled over stretches.
 */
#include "harness/cue/acoustic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/cue/fft.h"

static const double pi = 3.14159265358979323846, window_s = 0.032, step_s = 0.01;
static const double floor_energy = 1e-9; /* keeps digital silence finite */

/* Columns after the mel bands. */
enum {
	COL_LEVEL = ACOUSTIC_MELS,
	COL_VOICED,
	COL_PITCH,
	COL_PITCH_STD,
	COL_LEVEL_REL,
	COL_PITCH_REL,
	COL_LEVEL_STD,
	COL_SECONDS,
};

struct bands {
	struct fft fft;
	int window;
	float *hann, *a, *b; /* (window), (fft.n), (fft.n) */
	/* the triangle of each band: first[b] is the bin of weight[start[b]], start[b + 1] its end
	 */
	int first[ACOUSTIC_MELS], start[ACOUSTIC_MELS + 1];
	double *weight, norm[ACOUSTIC_MELS]; /* norm: their sum */
};

static double mel_of(double hz)
{
	return 2595 * log10(1 + hz / 700);
}

static void bands_free(struct bands *m)
{
	fft_free(&m->fft);
	free(m->hann);
	free(m->a);
	free(m->b);
	free(m->weight);
}

/* Lays triangles over the bins, of which a bin belongs to two. */
static void bands_place(struct bands *m, int rate)
{
	const double lo = mel_of(80), hi = mel_of(fmin(7600, 0.475 * rate));
	double edge[ACOUSTIC_MELS + 2]; /* in bins */
	int used = 0;

	for (int i = 0; i < ACOUSTIC_MELS + 2; i++) {
		const double mel = lo + (hi - lo) * i / (ACOUSTIC_MELS + 1);

		edge[i] = 700 * (pow(10, mel / 2595) - 1) * m->fft.n / rate;
	}
	for (int b = 0; b < ACOUSTIC_MELS; b++) {
		const double left = edge[b], mid = edge[b + 1], right = edge[b + 2];

		m->start[b] = used;
		for (int k = (int)floor(left); k <= (int)ceil(right) && k <= m->fft.n / 2; k++) {
			const double w = k < mid ? (k - left + 1e-9) / (mid - left)
						 : (right - k) / (right - mid);

			if (w <= 0)
				continue;
			if (used == m->start[b])
				m->first[b] = k;
			m->weight[used++] = w;
			m->norm[b] += w;
		}
	}
	m->start[ACOUSTIC_MELS] = used;
}

static int bands_init(struct bands *m, int rate, struct err *err)
{

	*m = (struct bands){ .window = (int)(window_s * rate) };
	if (fft_init(&m->fft, fft_size(m->window), err))
		return err->code;
	if (!NEW_ARRAY(m->hann, (size_t)m->window) || !NEW_ARRAY(m->a, (size_t)m->fft.n) ||
	    !NEW_ARRAY(m->b, (size_t)m->fft.n) ||
	    !NEW_ARRAY(m->weight, (size_t)m->fft.n + 4 * ACOUSTIC_MELS))
		return err_set(err, ERR_NOMEM, "acoustic frames: window of %d", m->window);
	for (int i = 0; i < m->window; i++)
		m->hann[i] = (float)(0.5 - 0.5 * cos(2 * pi * (i + 0.5) / m->window));
	bands_place(m, rate);
	return 0;
}

/* Copies the window that starts at `start`, zero outside the sound; returns its mean energy. */
static double cut_window(const struct bands *m, const float *pcm, int n, int start, float *dst)
{
	enum { CHAINS = 4 };
	const int from = start < 0 ? -start : 0;
	const int to = start + m->window > n ? n - start : m->window;
	double energy[CHAINS] = { 0 };
	int i = from;

	memset(dst, 0, (size_t)m->fft.n * sizeof(*dst));
	for (; i + CHAINS <= to; i += CHAINS)
		for (int k = 0; k < CHAINS; k++)
			energy[k] += (double)pcm[start + i + k] * pcm[start + i + k];
	for (; i < to; i++)
		energy[0] += (double)pcm[start + i] * pcm[start + i];
	for (int k = from; k < to; k++)
		dst[k] = pcm[start + k] * m->hann[k];
	return (energy[0] + energy[1] + energy[2] + energy[3]) / m->window;
}

/* Adds the log energy of each triangular band of one power spectrum to sum. */
static void add_bands(const struct bands *m, const float *power, double *sum)
{
	for (int b = 0; b < ACOUSTIC_MELS; b++) {
		const double *weight = m->weight + m->start[b];
		const float *p = power + m->first[b];
		double e = 0;

		for (int k = 0; k < m->start[b + 1] - m->start[b]; k++)
			e += weight[k] * p[k];
		sum[b] += log10((m->norm[b] > 0 ? e / m->norm[b] : 0) / m->window + floor_energy);
	}
}

/* Sums over the frames of one stretch. */
struct pool {
	double band[ACOUSTIC_MELS], energy, level, level_sq;
	int frames;
};

static void pool_frame(const struct bands *m, struct pool *p, const float *power, double energy)
{
	const double level = log10(energy + floor_energy);

	add_bands(m, power, p->band);
	p->energy += energy;
	p->level += level;
	p->level_sq += level * level;
	p->frames++;
}

static void write_bands(const struct pool *p, float *row)
{
	const double n = p->frames, mean = p->level / n;
	double all = 0;

	for (int b = 0; b < ACOUSTIC_MELS; b++)
		all += p->band[b] / n / ACOUSTIC_MELS;
	for (int b = 0; b < ACOUSTIC_MELS; b++)
		row[b] = (float)(p->band[b] / n - all);
	row[COL_LEVEL] = (float)(log10(p->energy / n + floor_energy) + 3);
	row[COL_LEVEL_STD] = (float)sqrt(fmax(0, p->level_sq / n - mean * mean));
}

/* Voicing and pitch of the stretch [from, to) seconds. */
static void write_pitch(const struct pitch_track *t, double from, double to, float *row)
{
	double sum = 0, sq = 0;
	int voiced = 0, frames = 0;

	for (int i = 0; i < t->grid.n; i++) {
		const double when = t->grid.first + i * t->grid.step;
		double octave;

		if (when < from || when >= to)
			continue;
		frames++;
		if (!(t->hz[i] > 0))
			continue;
		octave = log2(t->hz[i] / 150);
		sum += octave;
		sq += octave * octave;
		voiced++;
	}
	row[COL_VOICED] = frames ? (float)voiced / (float)frames : 0;
	row[COL_PITCH] = voiced ? (float)(sum / voiced) : 0;
	row[COL_PITCH_STD] =
		voiced ? (float)sqrt(fmax(0, sq / voiced - sum / voiced * sum / voiced)) : 0;
}

/* Columns that compare a stretch with the whole utterance. */
static void write_relative(float *out, double seconds)
{
	double level = 0, pitch = 0, weight = 0;

	for (int r = 0; r < ACOUSTIC_ROWS; r++) {
		const float *row = out + r * ACOUSTIC_COLS;

		level += row[COL_LEVEL] / ACOUSTIC_ROWS;
		pitch += row[COL_PITCH] * row[COL_VOICED];
		weight += row[COL_VOICED];
	}
	for (int r = 0; r < ACOUSTIC_ROWS; r++) {
		float *row = out + r * ACOUSTIC_COLS;

		row[COL_LEVEL_REL] = row[COL_LEVEL] - (float)level;
		row[COL_PITCH_REL] =
			row[COL_VOICED] > 0 ? row[COL_PITCH] - (float)(pitch / weight) : 0;
		row[COL_SECONDS] = (float)log2(seconds);
	}
}

int acoustic_frames(const struct sound *s, const struct pitch_track *pitch, float *out,
		    struct err *err)
{
	struct bands m = { 0 };

	if (bands_init(&m, s->rate, err))
		goto done;
	for (int r = 0; r < ACOUSTIC_ROWS; r++) {
		const double from = (double)s->n * r / ACOUSTIC_ROWS;
		const double to = (double)s->n * (r + 1) / ACOUSTIC_ROWS;
		const int frames = (int)fmax(1, floor((to - from) / s->rate / step_s));
		struct pool p = { 0 };

		for (int f = 0; f < frames; f += 2) {
			const double step = (to - from) / frames;
			const int at = (int)(from + (f + 0.5) * step) - m.window / 2;
			const double ea = cut_window(&m, s->pcm, s->n, at, m.a);
			const double eb = cut_window(&m, s->pcm, s->n, at + (int)step, m.b);

			fft_power_pair(&m.fft, m.a, m.b);
			pool_frame(&m, &p, m.a, ea);
			if (f + 1 < frames)
				pool_frame(&m, &p, m.b, eb);
		}
		write_bands(&p, out + r * ACOUSTIC_COLS);
		write_pitch(pitch, from / s->rate, to / s->rate, out + r * ACOUSTIC_COLS);
	}
	write_relative(out, (double)s->n / s->rate);
done:
	bands_free(&m);
	return err->code;
}

/* SPDX-License-Identifier: Apache-2.0
 * Log-mel frames: two real windows a transform, then bands of few bins each.
 */
#include "harness/cue/mel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"

static const double pi = 3.14159265358979323846;

static double hz_of(double mel)
{
	return 700 * (pow(10, mel / 2595) - 1);
}

/* Height of the triangle over points lo < mid < hi at hz. */
static double triangle(double lo, double mid, double hi, double hz)
{
	return fmax(0, fmin((hz - lo) / (mid - lo), (hi - hz) / (hi - mid)));
}

/* Finds the bins of every band and writes their weights where m->weight is there;
 * returns how many there are. */
static int bands_place(struct mel *m, int rate)
{
	const double top = 2595 * log10(1 + rate / 2.0 / 700), bin = (double)rate / m->fft.n;
	int used = 0;

	for (int b = 0; b < MEL_BANDS; b++) {
		const double lo = hz_of(top * b / (MEL_BANDS + 1));
		const double mid = hz_of(top * (b + 1) / (MEL_BANDS + 1));
		const double hi = hz_of(top * (b + 2) / (MEL_BANDS + 1));

		m->first[b] = (int)floor(lo / bin) + 1;
		m->start[b] = used;
		for (int k = m->first[b]; k <= m->fft.n / 2 && k * bin < hi; k++, used++)
			if (m->weight)
				m->weight[used] = (float)triangle(lo, mid, hi, k * bin);
		m->count[b] = used - m->start[b];
	}
	return used;
}

int mel_init(struct mel *m, int rate, struct err *err)
{
	*m = (struct mel){ 0 };
	if (rate < 4000 || rate > 192000)
		return err_set(err, ERR_ARG, "mel frames of sound at %d Hz", rate);
	m->window = rate / 40;
	m->step = rate / 100;
	if (fft_init(&m->fft, fft_size(m->window), err))
		return err->code;
	if (!NEW_ARRAY(m->weight, (size_t)bands_place(m, rate)) ||
	    !NEW_ARRAY(m->hann, (size_t)m->window) || !NEW_ARRAY(m->a, (size_t)m->fft.n) ||
	    !NEW_ARRAY(m->b, (size_t)m->fft.n)) {
		mel_free(m);
		return err_set(err, ERR_NOMEM, "mel frames: window of %d", m->window);
	}
	bands_place(m, rate);
	for (int i = 0; i < m->window; i++)
		m->hann[i] = (float)(0.5 - 0.5 * cos(2 * pi * i / m->window));
	for (int k = 0; k < MEL_CEPSTRA; k++)
		for (int b = 0; b < MEL_BANDS; b++)
			m->dct[k * MEL_BANDS + b] = (float)(sqrt((k ? 2.0 : 1.0) / MEL_BANDS) *
							    cos(pi * k * (b + 0.5) / MEL_BANDS));
	return 0;
}

void mel_free(struct mel *m)
{
	fft_free(&m->fft);
	free(m->hann);
	free(m->a);
	free(m->b);
	free(m->weight);
	*m = (struct mel){ 0 };
}

int mel_frames(int n, int rate)
{
	return 1 + n / (rate / 100);
}

/* Place in 0..n-1 of sample i of the mirrored sound. */
static int mirrored(int i, int n)
{
	const int period = 2 * (n - 1);

	if (n == 1)
		return 0;
	i = abs(i) % period;
	return i < n ? i : period - i;
}

/* Writes the windowed frame around sample `centre`, zeros around it. */
static void cut_window(const struct mel *m, const float *pcm, int n, int centre, float *dst)
{
	const int pad = (m->fft.n - m->window) / 2, start = centre - m->fft.n / 2 + pad;
	float *at = dst + pad;

	memset(dst, 0, (size_t)pad * sizeof(*dst));
	memset(at + m->window, 0, (size_t)(m->fft.n - pad - m->window) * sizeof(*dst));
	if (start >= 0 && start + m->window <= n) {
		for (int i = 0; i < m->window; i++)
			at[i] = pcm[start + i] * m->hann[i];
		return;
	}
	for (int i = 0; i < m->window; i++)
		at[i] = pcm[mirrored(start + i, n)] * m->hann[i];
}

static void log_bands(const struct mel *m, const float *power, float *out)
{
	for (int b = 0; b < MEL_BANDS; b++) {
		const float *p = power + m->first[b], *w = m->weight + m->start[b];
		float sum = 0;

		for (int k = 0; k < m->count[b]; k++)
			sum += w[k] * p[k];
		out[b] = logf(fmaxf(sum, 1e-10f));
	}
}

void mel_log(struct mel *m, const float *pcm, int n, float *out)
{
	const int frames = 1 + n / m->step;

	for (int f = 0; f < frames; f += 2) {
		cut_window(m, pcm, n, f * m->step, m->a);
		cut_window(m, pcm, n, (f + 1) * m->step, m->b);
		fft_power_pair(&m->fft, m->a, m->b);
		log_bands(m, m->a, out + (size_t)f * MEL_BANDS);
		if (f + 1 < frames)
			log_bands(m, m->b, out + (size_t)(f + 1) * MEL_BANDS);
	}
}

void mel_cepstra(const struct mel *m, const float *log_mel, int frames, float *out)
{
	for (int f = 0; f < frames; f++)
		for (int k = 0; k < MEL_CEPSTRA; k++) {
			const float *x = log_mel + (size_t)f * MEL_BANDS;
			const float *c = m->dct + k * MEL_BANDS;
			float part[8] = { 0 }, sum = 0;

			for (int b = 0; b < MEL_BANDS; b += 8)
				for (int l = 0; l < 8; l++)
					part[l] += x[b + l] * c[b + l];
			for (int l = 0; l < 8; l++)
				sum += part[l];
			out[f * MEL_CEPSTRA + k] = sum;
		}
}

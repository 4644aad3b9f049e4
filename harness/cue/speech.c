/* SPDX-License-Identifier: Apache-2.0
 * The speech cue table and its measurement.
 */
#include "harness/cue/speech.h"

#include <math.h>
#include <stdlib.h>

#include "harness/base/mem.h"
#include "harness/cue/wide.h"

const struct cue_spec speech_cue_spec[SPEECH_CUE_COUNT] = {
	[CUE_DURATION] = { "duration", "s", "length of the utterance's sound" },
	[CUE_INTENSITY] = { "avg_intensity", "dB",
			    "mean energy of 64 ms windows, re 2e-5 of full scale" },
	[CUE_INTENSITY_STD] = { "intensity_variation", "dB",
				"standard deviation of the intensity contour" },
	[CUE_PITCH] = { "avg_pitch", "Hz", "mean fundamental frequency of voiced frames" },
	[CUE_PITCH_STD] = { "pitch_std", "Hz", "standard deviation of it over voiced frames" },
	[CUE_PITCH_RANGE] = { "pitch_range", "Hz", "highest minus lowest voiced frame" },
	[CUE_RATE] = { "articulation_rate", "syllables/s",
		       "syllable nuclei by the time outside pauses" },
	[CUE_HNR] = { "mean_hnr", "dB", "mean harmonics-to-noise ratio of frames with sound" },
};

static const double pi = 3.14159265358979323846;

/* Kaiser window with side lobes below -190 dB around weight[half], the edge `span` samples away:
 * the modified Bessel function of order 0 by its power series, in nested form so that
 * neighbours are summed together. */
static void kaiser(float *weight, int half, double span)
{
	enum { TERMS = 64, BLOCK = 8 };
	const double flat = 2 * pi * pi + 0.5;

	for (int i = 0; i <= half; i += BLOCK) {
		double y[BLOCK], sum[BLOCK];

		for (int k = 0; k < BLOCK; k++) {
			const double x = (i + k) / span;

			y[k] = x < 1 ? flat * flat * (1 - x * x) / 4 : 0;
			sum[k] = 1;
		}
		for (int term = TERMS; term > 0; term--) {
			const double scale = 1.0 / (term * term);

			for (int k = 0; k < BLOCK; k++)
				sum[k] = 1 + y[k] * scale * sum[k];
		}
		for (int k = 0; k < BLOCK && i + k <= half; k++)
			weight[half - i - k] = weight[half + i + k] = (float)sum[k];
	}
}

/* Mean of the squares of x[0..n) under the weights, mean removed first. */
static inline ALWAYS_INLINE double weigh(const float *x, const float *weight, int n)
{
	enum { LANES = 8 };
	double mean = 0, sum = 0, norm = 0, a[LANES] = { 0 }, w[LANES] = { 0 };

	for (int i = 0; i + LANES <= n; i += LANES)
		for (int k = 0; k < LANES; k++)
			a[k] += x[i + k];
	for (int k = 0; k < LANES; k++) {
		mean += a[k];
		a[k] = 0;
	}
	for (int i = n / LANES * LANES; i < n; i++)
		mean += x[i];
	mean /= n;
	for (int i = 0; i + LANES <= n; i += LANES)
		for (int k = 0; k < LANES; k++) {
			const double d = x[i + k] - mean;

			a[k] += weight[i + k] * d * d;
			w[k] += weight[i + k];
		}
	for (int i = n / LANES * LANES; i < n; i++) {
		sum += weight[i] * (x[i] - mean) * (x[i] - mean);
		norm += weight[i];
	}
	for (int k = 0; k < LANES; k++) {
		sum += a[k];
		norm += w[k];
	}
	return sum / norm;
}

WIDE static double weigh_wide(const float *x, const float *weight, int n)
{
	return weigh(x, weight, n);
}

static double windowed_energy(const float *x, const float *weight, int n)
{
	return wide_here() ? weigh_wide(x, weight, n) : weigh(x, weight, n);
}

int intensity_track(const float *pcm, int n, int rate, double floor_hz, struct intensity_track *out,
		    struct err *err)
{
	const struct frame_grid g =
		frame_grid_fit((double)n / rate, 6.4 / floor_hz, 0.8 / floor_hz);
	const int half = (int)floor(3.2 / floor_hz * rate);
	float *weight = NULL;

	*out = (struct intensity_track){ .grid = g };
	if (!g.n)
		return 0;
	if (!NEW_ARRAY(out->db, (size_t)g.n) || !NEW_ARRAY(weight, 2 * (size_t)half + 1)) {
		intensity_free(out);
		free(weight);
		return err_set(err, ERR_NOMEM, "intensity: %d frames", g.n);
	}
	kaiser(weight, half, 3.2 / floor_hz * rate);
	for (int f = 0; f < g.n; f++) {
		const int mid = (int)floor((g.first + f * g.step) * rate);
		const int lo = mid - half < 0 ? 0 : mid - half;
		const int hi = mid + half >= n ? n - 1 : mid + half;
		const double e =
			windowed_energy(pcm + lo, weight + (lo - mid + half), hi - lo + 1) / 4e-10;

		out->db[f] = e < 1e-30 ? -300 : 10 * log10(e);
	}
	free(weight);
	return 0;
}

void intensity_free(struct intensity_track *track)
{
	free(track->db);
	*track = (struct intensity_track){ 0 };
}

static void set_cue(struct cue_set *out, enum speech_cue cue, double v, bool ok)
{
	out->v[cue] = ok ? v : 0;
	out->ok[cue] = ok;
}

static void intensity_cues(const struct intensity_track *t, struct cue_set *out)
{
	const int n = t->grid.n;
	double energy = 0, mean = 0, var = 0;

	for (int i = 0; i < n; i++) {
		energy += pow(10, t->db[i] / 10) / n;
		mean += t->db[i] / n;
	}
	for (int i = 0; i < n; i++)
		var += (t->db[i] - mean) * (t->db[i] - mean);
	set_cue(out, CUE_INTENSITY, n ? 10 * log10(energy) : 0, n > 0 && energy > 1e-20);
	set_cue(out, CUE_INTENSITY_STD, n > 1 ? sqrt(var / (n - 1)) : 0, n > 1);
}

static void pitch_cues(const struct pitch_track *t, struct cue_set *out)
{
	double mean = 0, var = 0, lo = INFINITY, hi = 0;
	int n = 0;

	for (int i = 0; i < t->grid.n; i++)
		if (t->hz[i] > 0) {
			mean += t->hz[i];
			lo = fmin(lo, t->hz[i]);
			hi = fmax(hi, t->hz[i]);
			n++;
		}
	mean /= n ? n : 1;
	for (int i = 0; i < t->grid.n; i++)
		if (t->hz[i] > 0)
			var += (t->hz[i] - mean) * (t->hz[i] - mean);
	set_cue(out, CUE_PITCH, mean, n > 0);
	set_cue(out, CUE_PITCH_STD, n > 1 ? sqrt(var / (n - 1)) : 0, n > 1);
	set_cue(out, CUE_PITCH_RANGE, hi - lo, n > 0);
}

static int check_sound(const float *pcm, int n, int rate, struct err *err)
{
	if (n < 1 || rate < 4000 || rate > 192000)
		return err_set(err, ERR_ARG, "speech cues: %d samples at %d Hz", n, rate);
	for (int i = 0; i < n; i++)
		if (!isfinite(pcm[i]))
			return err_set(err, ERR_ARG, "speech cues: sample %d is not a number", i);
	return 0;
}

int speech_measure(const float *pcm, int n, int rate, struct cue_set *out, struct err *err)
{
	struct intensity_track loud = { 0 };
	struct pitch_track pitch = { 0 };
	struct syllables syl;
	double hnr;
	int frames;

	*out = (struct cue_set){ 0 };
	if (check_sound(pcm, n, rate, err))
		return err->code;
	set_cue(out, CUE_DURATION, (double)n / rate, true);
	if (intensity_track(pcm, n, rate, 100, &loud, err) ||
	    pitch_track(pcm, n, rate, &pitch_standard, &pitch, err) ||
	    harmonicity_mean(pcm, n, rate, 75, 0.1, &hnr, &frames, err) ||
	    speech_syllables(pcm, n, rate, &syl, err))
		goto done;
	intensity_cues(&loud, out);
	pitch_cues(&pitch, out);
	set_cue(out, CUE_HNR, hnr, frames > 0);
	set_cue(out, CUE_RATE, syl.phonation > 0 ? syl.nuclei / syl.phonation : 0,
		syl.phonation > 0);
done:
	intensity_free(&loud);
	pitch_free(&pitch);
	return err->code;
}

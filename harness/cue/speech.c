/* SPDX-License-Identifier: Apache-2.0
 * The speech cue table and its measurement.
 */
#include "harness/cue/speech.h"

#include <math.h>

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

void speech_meter_free(struct speech_meter *m)
{
	sinc_table_free(&m->sinc);
	pitch_meter_free(&m->pitch_meter);
	harmonicity_free(&m->harmonicity);
	intensity_meter_free(&m->loud_meter);
	syllable_meter_free(&m->syllable_meter);
	sound_free(&m->sound);
	pitch_free(&m->pitch);
	intensity_free(&m->loud);
	*m = (struct speech_meter){ 0 };
}

static int tune(struct speech_meter *m, int rate, struct err *err)
{
	if (m->rate == rate)
		return 0;
	speech_meter_free(m);
	if (sinc_table_init(&m->sinc, err) ||
	    pitch_meter_init(&m->pitch_meter, &pitch_standard, rate, &m->sinc, err) ||
	    harmonicity_init(&m->harmonicity, pitch_standard.floor, rate, &m->sinc, err) ||
	    intensity_meter_init(&m->loud_meter, 100, rate, err) ||
	    syllable_meter_init(&m->syllable_meter, rate, &m->sinc, err))
		return err->code;
	m->rate = rate;
	return 0;
}

int speech_measure(struct speech_meter *m, const float *pcm, int n, int rate, struct cue_set *out,
		   struct err *err)
{
	struct syllables *syl = &m->syllables;
	double hnr;
	int frames;

	*out = (struct cue_set){ 0 };
	if (sound_check(n, rate, err) || tune(m, rate, err) ||
	    sound_load(&m->sound, pcm, n, rate, err) ||
	    intensity_track(&m->loud_meter, &m->sound, &m->loud, err) ||
	    pitch_track(&m->pitch_meter, &m->sound, &m->pitch, err) ||
	    syllable_meter_count(&m->syllable_meter, &m->sound, syl, err))
		return err->code;
	harmonicity_mean(&m->harmonicity, &m->sound, 0.1, &hnr, &frames);
	set_cue(out, CUE_DURATION, (double)n / rate, true);
	intensity_cues(&m->loud, out);
	pitch_cues(&m->pitch, out);
	set_cue(out, CUE_HNR, hnr, frames > 0);
	set_cue(out, CUE_RATE, syl->phonation > 0 ? syl->nuclei / syl->phonation : 0,
		syl->phonation > 0);
	return 0;
}

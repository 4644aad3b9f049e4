/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/synth_voice.h"

#include <math.h>
#include <string.h>

#include "datasets/synth_look.h"

#define TWO_PI	  6.283185307179586
#define TABLE	  512 /* samples of one period */
#define HARMONICS 28  /* most; those above 3.8 kHz are left out */
#define CREST	  0.9 /* highest sample allowed */

/* level -1, 0, 1 of each axis */
static const double pitch_factor[3] = { 0.80, 1.0, 1.28 };
static const double pitch_std[3] = { 0.02, 0.075, 0.17 }; /* of the mean */
static const double loud_db[3] = { -8, 0, 8 };
/* Breath between the syllables against the voice: what is between them decides how much
 * the loudness varies.  A softer breath would count as a pause in rate measurements. */
static const double breath_db[3] = { -12, -17, -22.5 };
static const double syllable_rate[3] = { 3.1, 4.5, 6.6 };
static const double vowel[][2] = { { 720, 1250 }, { 500, 1750 }, { 330, 2100 }, { 480, 950 } };

static double jitter(struct rng *rng, double sd)
{
	double x = rng_normal(rng);

	return sd * fmax(-2, fmin(2, x));
}

void synth_voice_plan(const struct label_set *labels, int symbol, const struct synth_person *who,
		      double seconds, struct rng *rng, struct synth_voice *v)
{
	const int *level = synth_look_find(labels, symbol)->voice;
	double rate = syllable_rate[level[AXIS_RATE] + 1] * (1 + jitter(rng, 0.04));
	double span = seconds - SYNTH_ONSET_S - SYNTH_TAIL_S, beat;

	*v = (struct synth_voice){
		.seconds = seconds,
		.pitch_hz = who->pitch_hz * pitch_factor[level[AXIS_PITCH] + 1] *
			    (1 + jitter(rng, 0.025)),
		.pitch_std = pitch_std[level[AXIS_PITCH_VAR] + 1] * (1 + jitter(rng, 0.06)),
		.rms = 0.045 *
		       pow(10,
			   (loud_db[level[AXIS_LOUD] + 1] + who->gain_db + jitter(rng, 0.8)) / 20),
		.breath = pow(10, (breath_db[level[AXIS_LOUD_VAR] + 1] + jitter(rng, 0.5)) / 20),
		.phase = rng_uniform(rng),
	};
	v->n = (int)floor(span * rate + 0.5);
	v->n = v->n < 2 ? 2 : v->n > SYNTH_SYLLABLES ? SYNTH_SYLLABLES : v->n;
	beat = span / v->n;
	for (int i = 0; i < v->n; i++) {
		const double *f = vowel[rng_below(rng, sizeof(vowel) / sizeof(vowel[0]))];

		v->syllable[i] = (struct synth_syllable){
			.start_s = SYNTH_ONSET_S + i * beat,
			.length_s = beat * (0.80 + jitter(rng, 0.03)),
			.gain = pow(10, jitter(rng, 1.0) / 20),
			.f1 = f[0] * who->tract,
			.f2 = f[1] * who->tract,
		};
	}
}

/* Rises and falls in an eighth of the syllable or 40 ms. */
static double envelope(const struct synth_syllable *s, double t)
{
	double edge = fmin(0.04, s->length_s / 4), in = t - s->start_s, out = s->length_s - in;
	double x = fmin(in, out) / edge;

	if (x <= 0)
		return 0;
	return x >= 1 ? 1 : x * x * (3 - 2 * x);
}

double synth_voice_open(const struct synth_voice *v, double t)
{
	for (int i = 0; i < v->n; i++) {
		const struct synth_syllable *s = &v->syllable[i];
		double x = (t - s->start_s) / s->length_s;

		if (x > 0 && x < 1)
			return sin(x * TWO_PI / 2);
	}
	return 0;
}

static double formant(double hz, double centre, double width)
{
	double x = (hz - centre) / width;

	return 1 / (1 + x * x);
}

/* One period of the source at this pitch, unit root mean square. */
static void wave_table(float *table, const struct synth_syllable *s, double hz)
{
	double power = 0;

	memset(table, 0, TABLE * sizeof(*table));
	for (int h = 1; h <= HARMONICS && h * hz < 3800; h++) {
		double tilt = pow(h, -0.8), at = h * hz;
		double amp =
			tilt * (0.12 + formant(at, s->f1, 110) + 0.6 * formant(at, s->f2, 160));
		double step = TWO_PI * h / TABLE, c = cos(step), d = sin(step);
		double re = cos(h * h * 0.9),
		       im = sin(h * h * 0.9); /* spread phases: a low crest */

		for (int i = 0; i < TABLE; i++) {
			double next = re * c - im * d;

			table[i] += (float)(amp * im);
			im = re * d + im * c;
			re = next;
		}
		power += amp * amp / 2;
	}
	for (int i = 0; i < TABLE; i++)
		table[i] = (float)(table[i] / sqrt(power));
}

/* Pitch at t: two whole waves over the speech, so that mean and deviation are the plan's. */
static double pitch_at(const struct synth_voice *v, double t)
{
	double span = v->seconds - SYNTH_ONSET_S - SYNTH_TAIL_S;
	double x = (t - SYNTH_ONSET_S) / span;

	return v->pitch_hz * (1 + 1.41421356 * v->pitch_std * sin(TWO_PI * (2 * x + v->phase)));
}

static void render_syllable(const struct synth_voice *v, const struct synth_syllable *s,
			    double *phase, float *out, int n)
{
	int first = (int)(s->start_s * SYNTH_RATE),
	    last = (int)((s->start_s + s->length_s) * SYNTH_RATE);
	float table[TABLE + 1];

	wave_table(table, s, pitch_at(v, s->start_s + s->length_s / 2));
	table[TABLE] = table[0];
	for (int i = first; i < last && i < n; i++) {
		double t = (double)i / SYNTH_RATE, at = *phase * TABLE;
		int k = (int)at;
		double frac = at - k;

		out[i] = (float)(s->gain * envelope(s, t) *
				 (table[k] + frac * (table[k + 1] - table[k])));
		*phase += pitch_at(v, t) / SYNTH_RATE;
		*phase -= floor(*phase);
	}
}

void synth_voice_render(const struct synth_voice *v, struct rng *rng, float *pcm, float *work,
			int n)
{
	double phase = 0, power = 0, voiced = 0, scale, noise, top = 0;

	memset(work, 0, (size_t)n * sizeof(*work));
	for (int i = 0; i < v->n; i++)
		render_syllable(v, &v->syllable[i], &phase, work, n);
	for (int i = 0; i < n; i++) {
		power += (double)work[i] * work[i];
		voiced += work[i] != 0;
		top = fmax(top, fabs(work[i]));
	}
	scale = voiced > 0 ? v->rms / sqrt(power / voiced) : 0;
	if (top * scale > CREST)
		scale = CREST / top;
	/* a uniform variable of half-width a has root mean square a / sqrt 3 */
	noise = v->rms * v->breath * 1.7320508;
	for (int i = 0; i < n; i++)
		pcm[i] += (float)(scale * work[i] + noise * (2 * rng_uniform(rng) - 1));
}

/* SPDX-License-Identifier: Apache-2.0
 * Speech cues against sounds whose answers are known, and acoustic frames.
 */
#include "tests/test.h"

#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "harness/cue/acoustic.h"
#include "harness/cue/fft.h"
#include "harness/cue/sinc.h"
#include "harness/cue/speech.h"
#include "harness/media/media.h"

enum { RATE = 16000 };
static const double pi = 3.14159265358979323846;

static float *sound_new(double seconds, int *n)
{
	float *x;

	*n = (int)(seconds * RATE);
	CHECK(NEW_ARRAY(x, (size_t)*n));
	return x;
}

/* Five harmonics of f0(t) = hz + sweep * t, of total power amp^2 / 2. */
static void add_voice(float *x, int n, double hz, double sweep, double amp)
{
	for (int i = 0; i < n; i++) {
		const double t = (i + 0.5) / RATE, turn = 2 * pi * (hz * t + 0.5 * sweep * t * t);

		for (int h = 1; h <= 5; h++)
			x[i] += (float)(amp / sqrt(5) * sin(h * turn + h));
	}
}

static void add_noise(float *x, int n, double std, uint64_t seed)
{
	struct rng rng;

	rng_seed(&rng, seed, 0);
	for (int i = 0; i < n; i++)
		x[i] += (float)(std * rng_normal(&rng));
}

static void measure(const float *x, int n, int rate, struct cue_set *cues, struct err *err)
{
	struct speech_meter m = { 0 };

	speech_measure(&m, x, n, rate, cues, err);
	speech_meter_free(&m);
}

static void test_fft(void **state)
{
	struct err err = { 0 };
	struct rng rng;
	struct fft f;

	(void)state;
	rng_seed(&rng, 3, 0);
	for (int n = 16; n <= 512; n *= 2) {
		float re[512], im[512], a[512], b[512];
		double er[512] = { 0 }, ei[512] = { 0 }, scale = sqrt(n) * 1e-5;

		for (int i = 0; i < n; i++) {
			a[i] = re[i] = (float)rng_normal(&rng);
			b[i] = im[i] = (float)rng_normal(&rng);
		}
		for (int k = 0; k < n; k++)
			for (int t = 0; t < n; t++) {
				const double c = cos(2 * pi * k * t / n),
					     s = sin(2 * pi * k * t / n);

				er[k] += re[t] * c + im[t] * s;
				ei[k] += im[t] * c - re[t] * s;
			}
		fft_init(&f, n, &err);
		CHECK_OK(&err);
		fft_forward(&f, re, im);
		for (int k = 0; k < n; k++) {
			CHECK_NEAR(re[k], er[k], scale);
			CHECK_NEAR(im[k], ei[k], scale);
		}
		for (int lags = n; lags; lags = lags * 3 / 4) {
			memcpy(re, a, sizeof(a));
			memcpy(im, b, sizeof(b));
			fft_autocorrelate_pair(&f, re, im, lags);
			for (int lag = 0; lag < lags; lag++) {
				double ra = 0, rb = 0;

				for (int t = 0; t < n; t++) {
					ra += (double)a[t] * a[(t + lag) % n];
					rb += (double)b[t] * b[(t + lag) % n];
				}
				CHECK_NEAR(re[lag] / n, ra, scale * 10);
				CHECK_NEAR(im[lag] / n, rb, scale * 10);
			}
		}
		fft_free(&f);
	}
	fft_init(&f, 12, &err);
	CHECK_ERR(&err, ERR_INTERNAL, "12 points");
}

static void test_sinc(void **state)
{
	float r[200];
	double x;

	(void)state;
	for (int i = 0; i < 200; i++)
		r[i] = (float)cos(2 * pi * i / 37.3);
	CHECK_NEAR(sinc_even(r, 200, 50.37, 40), cos(2 * pi * 50.37 / 37.3), 1e-3);
	CHECK_NEAR(sinc_even(r, 200, 0.5, 40), cos(2 * pi * 0.5 / 37.3), 1e-3);
	CHECK_NEAR(sinc_peak(r, 200, 37, 40, &x), 1, 1e-3);
	CHECK_NEAR(x, 37.3, 5e-3);
}

static void test_sinc_table(void **state)
{
	enum { N = 200, LEAD = SINC_TABLE_DEPTH };
	float room[LEAD + N], *r = room + LEAD;
	struct err err = { 0 };
	struct sinc_table t;
	double x, y, place[N];
	int lag[N], found, k = 0;

	(void)state;
	for (int i = -LEAD; i < N; i++)
		r[i] = (float)(cos(2 * pi * i / 37.3) + 0.5 * cos(2 * pi * i / 5.1));
	sinc_table_init(&t, &err);
	CHECK_OK(&err);
	/* the last ones have no table */
	for (double at = 0; at < N - 1; at += 0.173) {
		sinc_table_values(&t, r, N, &at, 1, &y);
		CHECK_NEAR(y, sinc_even(r, N, at, SINC_TABLE_DEPTH), 5e-5);
	}
	found = sinc_maxima(r, 1, N - 1, 0.6F, lag, place);
	for (int i = 1; i < N - 1; i++) {
		if (!(r[i] > 0.6F && r[i] > r[i - 1] && r[i] >= r[i + 1]))
			continue;
		CHECK(k < found && lag[k] == i);
		CHECK_NEAR(sinc_table_peak(&t, r, N, i, &x),
			   sinc_peak(r, N, i, SINC_TABLE_DEPTH, &y), 5e-5);
		CHECK_NEAR(x, y, 2e-3);
		CHECK_NEAR(place[k++], x, 0.1);
	}
	CHECK(k == found);
	sinc_table_free(&t);
}

static void test_intensity(void **state)
{
	struct cue_set cues;
	struct err err = { 0 };
	int n;
	float *x = sound_new(1, &n);

	(void)state;
	for (int i = 0; i < n; i++)
		x[i] = (float)(0.25 +
			       0.1 * sin(2 * pi * 1000 * i / RATE)); /* the offset is removed */
	measure(x, n, RATE, &cues, &err);
	CHECK_OK(&err);
	CHECK_NEAR(cues.v[CUE_INTENSITY], 10 * log10(0.1 * 0.1 / 2 / 4e-10), 0.01);
	CHECK_NEAR(cues.v[CUE_INTENSITY_STD], 0, 0.01);
	CHECK_NEAR(cues.v[CUE_DURATION], 1, 1e-12);
	free(x);
}

static void test_pitch(void **state)
{
	static const double hz[] = { 80, 123.4, 220, 317, 580 };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(hz); k++) {
		struct cue_set cues;
		struct err err = { 0 };
		int n;
		float *x = sound_new(0.8, &n);

		add_voice(x, n, hz[k], 0, 0.3);
		add_noise(x, n, 0.003, k);
		measure(x, n, RATE, &cues, &err);
		CHECK_OK(&err);
		CHECK_NEAR(cues.v[CUE_PITCH], hz[k], 0.001 * hz[k]);
		CHECK(cues.v[CUE_PITCH_STD] < 0.003 * hz[k]);
		free(x);
	}
}

static void test_pitch_sweep(void **state)
{
	/* 150 to 250 Hz in one second: a uniform spread of 100 Hz over all but the edges */
	struct cue_set cues;
	struct err err = { 0 };
	int n;
	float *x = sound_new(1, &n);

	(void)state;
	add_voice(x, n, 150, 100, 0.3);
	measure(x, n, RATE, &cues, &err);
	CHECK_OK(&err);
	CHECK_NEAR(cues.v[CUE_PITCH], 200, 0.5);
	CHECK_NEAR(cues.v[CUE_PITCH_RANGE], 96, 1);
	CHECK_NEAR(cues.v[CUE_PITCH_STD], 96 / sqrt(12), 1);
	free(x);
}

static void test_harmonicity(void **state)
{
	/* low-pass voice in white noise would smear; a dense set of harmonics keeps r sharp */
	static const double want[] = { 0, 10, 20 };
	struct sinc_table sinc = { 0 };
	struct sound sound = { 0 };
	struct harmonicity meter;
	struct err err = { 0 };

	(void)state;
	sinc_table_init(&sinc, &err);
	harmonicity_init(&meter, 75, RATE, &sinc, &err);
	CHECK_OK(&err);
	for (size_t k = 0; k < ARRAY_LEN(want); k++) {
		double db;
		int n, frames;
		float *x = sound_new(2, &n);

		for (int h = 1; h <= 60; h++)
			for (int i = 0; i < n; i++)
				x[i] += (float)(0.05 / sqrt(30) *
						sin(2 * pi * 125 * h * i / RATE + h * h));
		add_noise(x, n, 0.05 * pow(10, -want[k] / 20), 7);
		sound_load(&sound, x, n, RATE, &err);
		CHECK_OK(&err);
		harmonicity_mean(&meter, &sound, 0.1, &db, &frames);
		CHECK(frames > 190);
		CHECK_NEAR(db, want[k], 1.0);
		free(x);
	}
	harmonicity_free(&meter);
	sinc_table_free(&sinc);
	sound_free(&sound);
}

/* `count` voiced bursts of 120 ms every 220 ms, after `lead` silent seconds. */
static float *bursts(int count, double lead, int *n)
{
	float *x = sound_new(lead + count * 0.22 + 0.1, n);

	add_voice(x, *n, 140, 0, 0.3);
	for (int i = 0; i < *n; i++) {
		const double t = (double)i / RATE - lead, k = floor(t / 0.22), u = t - k * 0.22;
		const bool on = t >= 0 && k < count && u < 0.12;

		x[i] *= on ? (float)sin(pi * u / 0.12) : 0;
	}
	add_noise(x, *n, 1e-4, 1);
	return x;
}

static void test_syllables(void **state)
{
	struct speech_meter m = { 0 };
	struct cue_set cues;
	struct err err = { 0 };
	int n;
	float *x = bursts(9, 0.6, &n);

	(void)state;
	speech_measure(&m, x, n, RATE, &cues, &err);
	CHECK_OK(&err);
	/* the last nucleus has no peak after it and does not count: so is the definition */
	CHECK(m.syllables.nuclei == 8);
	/* the lead is a pause; windows of 128 ms blur its end */
	CHECK_NEAR(m.syllables.phonation, 9 * 0.22, 0.2);
	free(x);
	x = sound_new(2, &n);
	add_noise(x, n, 0.1, 5); /* no voice, no nuclei */
	speech_measure(&m, x, n, RATE, &cues, &err);
	CHECK_OK(&err);
	CHECK(m.syllables.nuclei <= 1);
	speech_meter_free(&m);
	free(x);
}

static void test_silence_and_short(void **state)
{
	struct cue_set cues;
	struct err err = { 0 };
	int n;
	float *x = sound_new(1, &n), bad[100] = { 0 };

	(void)state;
	measure(x, n, RATE, &cues, &err);
	CHECK_OK(&err);
	CHECK(cues.ok[CUE_DURATION] && !cues.ok[CUE_PITCH] && !cues.ok[CUE_HNR]);
	CHECK(!cues.ok[CUE_INTENSITY]);
	measure(x, 10, RATE, &cues, &err);
	CHECK_OK(&err);
	CHECK(cues.ok[CUE_DURATION] && !cues.ok[CUE_INTENSITY_STD] && !cues.ok[CUE_RATE]);
	measure(x, 0, RATE, &cues, &err);
	CHECK_ERR(&err, ERR_ARG, "0 samples");
	measure(x, n, 100, &cues, &err);
	CHECK_ERR(&err, ERR_ARG, "100 Hz");
	bad[40] = NAN;
	measure(bad, 100, RATE, &cues, &err);
	CHECK_ERR(&err, ERR_ARG, "sample 40");
	free(x);
}

static void test_every_length(void **state)
{
	/* no length may crash or give numbers that are not finite */
	static const int rates[] = { 4000, 8000, 11025, 16000, 44100, 48000 };
	struct speech_meter m = { 0 };
	float x[4000];
	struct err err = { 0 };

	(void)state;
	for (int i = 0; i < 4000; i++)
		x[i] = (float)sin(i * 0.07);
	for (size_t r = 0; r < ARRAY_LEN(rates); r++)
		for (int n = 1; n <= 4000; n = n * 5 / 4 + 1) {
			float feat[ACOUSTIC_ROWS * ACOUSTIC_COLS];
			struct cue_set cues;

			speech_measure(&m, x, n, rates[r], &cues, &err);
			CHECK_OK(&err);
			acoustic_frames(&m.sound, &m.pitch, feat, &err);
			CHECK_OK(&err);
			for (int c = 0; c < SPEECH_CUE_COUNT; c++)
				CHECK(isfinite(cues.v[c]));
			for (int i = 0; i < ACOUSTIC_ROWS * ACOUSTIC_COLS; i++)
				CHECK(isfinite(feat[i]));
		}
	speech_meter_free(&m);
}

static void test_acoustic(void **state)
{
	float feat[ACOUSTIC_ROWS * ACOUSTIC_COLS];
	struct speech_meter m = { 0 };
	struct cue_set cues;
	struct err err = { 0 };
	int n;
	float *x = sound_new(3, &n);

	(void)state;
	/* voice at 150 Hz in the first half, a soft 3 kHz tone in the second */
	add_voice(x, n / 2, 150, 0, 0.3);
	for (int i = n / 2; i < n; i++)
		x[i] = (float)(0.02 * sin(2 * pi * 3000 * i / RATE));
	for (size_t i = 0; i < ARRAY_LEN(feat); i++)
		feat[i] = NAN;
	speech_measure(&m, x, n, RATE, &cues, &err);
	CHECK_OK(&err);
	acoustic_frames(&m.sound, &m.pitch, feat, &err);
	CHECK_OK(&err);
	for (int r = 0; r < ACOUSTIC_ROWS; r++) {
		const float *row = feat + r * ACOUSTIC_COLS;
		int top = 0;

		for (int b = 1; b < ACOUSTIC_MELS; b++)
			if (row[b] > row[top])
				top = b;
		CHECK(r < 3 ? top < 5 : top > 10);
		if (r != 3) /* its first windows still hear the voice */
			CHECK_NEAR(row[20], log10(r < 3 ? 0.045 : 0.0002) + 3, 0.05);
		if (r < 3) {
			CHECK_NEAR(row[21], 1, 0.1);
			CHECK_NEAR(row[22], 0, 0.02);
		}
		CHECK_NEAR(row[27], log2(3), 1e-6);
	}
	speech_meter_free(&m);
	free(x);
}

/* A meter must give what a fresh one gives, whatever it has measured before. */
static void test_meter_keeps_nothing(void **state)
{
	static const struct {
		double seconds, hz;
		int rate;
	} sounds[] = { { 1.7, 210, RATE },  { 0.02, 210, RATE }, { 2.3, 130, RATE },
		       { 1.1, 170, 22050 }, { 0.9, 300, 8000 },	 { 1.7, 210, RATE } };
	struct speech_meter m = { 0 };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(sounds); k++) {
		struct cue_set kept, fresh;
		struct err err = { 0 };
		int n;
		float *x = sound_new(sounds[k].seconds, &n);

		add_voice(x, n, sounds[k].hz, 40, 0.2);
		add_noise(x, n, 0.01, k);
		speech_measure(&m, x, n, sounds[k].rate, &kept, &err);
		measure(x, n, sounds[k].rate, &fresh, &err);
		CHECK_OK(&err);
		for (int c = 0; c < SPEECH_CUE_COUNT; c++)
			CHECK(kept.ok[c] == fresh.ok[c] && kept.v[c] == fresh.v[c]);
		free(x);
	}
	speech_meter_free(&m);
}

/* Voice that comes and goes in noise, gliding, with octaves in doubt. */
static float *doubtful_sound(uint64_t seed, int *n)
{
	struct rng rng;
	float *x = sound_new(4, n);
	double turn = 0, amp = 0, even = 0;

	rng_seed(&rng, seed, 1);
	for (int i = 0; i < *n; i++) {
		if (i % 1600 == 0) {
			amp = rng_uniform(&rng) < 0.4 ? 0.2 * rng_uniform(&rng) : 0;
			even = rng_uniform(&rng);
		}
		turn += 2 * pi * (120 + 80 * sin(2.1 * i / RATE + (double)seed)) / RATE;
		for (int h = 1; h <= 6; h++)
			x[i] += (float)(amp * (h % 2 ? even : 1) * sin(h * turn) / h);
	}
	add_noise(x, *n, 0.04, seed);
	return x;
}

/* Whether a time is voiced must not depend on how little is listened to. */
static void test_voiced_at_times(void **state)
{
	struct pitch_config cfg = pitch_standard;
	struct sinc_table sinc = { 0 };
	struct err err = { 0 };
	int yes = 0, all = 0;

	(void)state;
	sinc_table_init(&sinc, &err);
	CHECK_OK(&err);
	for (int k = 0; k < 12; k++) {
		struct pitch_track track = { 0 };
		struct sound sound = { 0 };
		struct pitch_meter m;
		double when[40];
		signed char voiced[ARRAY_LEN(when)];
		int n;
		float *x = doubtful_sound((uint64_t)k, &n);

		cfg.floor = k % 2 ? 75 : 40;
		cfg.voicing = k % 3 ? 0.25 : 0.5;
		cfg.voiced_unvoiced = k % 4 ? 0.25 : 1.2; /* long ways hang together */
		pitch_meter_init(&m, &cfg, RATE, &sinc, &err);
		sound_load(&sound, x, n, RATE, &err);
		pitch_track(&m, &sound, &track, &err);
		CHECK_OK(&err);
		for (size_t i = 0; i < ARRAY_LEN(when); i++)
			when[i] = 4.1 * (double)i / ARRAY_LEN(when);
		for (int few = 1; few <= 40; few *= 2) {
			pitch_voiced(&m, &sound, when, few, voiced, &err);
			CHECK_OK(&err);
			for (int i = 0; i < few; i++)
				CHECK(voiced[i] == (pitch_at(&track, when[i]) > 0));
		}
		for (int f = 0; f < track.grid.n; f++)
			yes += track.hz[f] > 0;
		all += track.grid.n;
		pitch_free(&track);
		pitch_meter_free(&m);
		sound_free(&sound);
		free(x);
	}
	CHECK(yes > all / 8 && yes < all / 8 * 7); /* both happened */
	sinc_table_free(&sinc);
}

/* What Praat 6.3 measures on the sound of the real clips (16 kHz mono); the
 * articulation rate by the steps of de Jong and Wempe (2009) in it. */
static const struct {
	const char *clip;
	double intensity, intensity_std, pitch, pitch_std, hnr, rate;
} praat[] = {
	{ "dia111_utt9", 55.13, 11.94, 244.82, 84.65, 8.54, 3.2626 },
	{ "dia12_utt12", 54.86, 8.51, 114.66, 9.19, 4.91, 3.1679 },
	{ "dia169_utt6", 69.19, 9.91, 294.18, 59.74, 9.56, 3.3800 },
	{ "dia240_utt9", 64.90, 7.93, 123.58, 13.91, 5.69, 4.9281 },
	{ "dia279_utt14", 62.79, 11.44, 183.11, 31.57, 10.61, 4.1322 },
	{ "dia29_utt4", 55.47, 8.50, 121.60, 4.28, 5.13, 2.1978 },
	{ "dia42_utt1", 68.71, 7.47, 303.64, 80.34, 8.36, 6.1055 },
	{ "dia77_utt3", 69.17, 3.75, 135.11, 66.66, 5.49, 4.0383 },
};

static void test_praat(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(praat); i++) {
		struct media_request rq = { .end_ms = -1, .rate = RATE };
		struct media_audio sound = { 0 };
		struct err err = { 0 };
		struct cue_set c;
		char name[128], *path;
		unsigned status;

		CHECK(str_format(name, sizeof(name),
				 "meld/clips/output_repeated_splits_test/%s.mp4", praat[i].clip));
		path = real_data(name);
		if (!path)
			skip();
		media_read(path, &rq, &sound, &status, &err);
		CHECK_OK(&err);
		measure(sound.pcm, sound.n, sound.rate, &c, &err);
		CHECK_OK(&err);
		CHECK_NEAR(c.v[CUE_INTENSITY], praat[i].intensity, 0.1);
		CHECK_NEAR(c.v[CUE_INTENSITY_STD], praat[i].intensity_std, 0.2);
		CHECK_NEAR(c.v[CUE_PITCH], praat[i].pitch, 0.01 * praat[i].pitch);
		CHECK_NEAR(c.v[CUE_PITCH_STD], praat[i].pitch_std, 0.1 * praat[i].pitch_std);
		CHECK_NEAR(c.v[CUE_HNR], praat[i].hnr, 0.7);
		CHECK_NEAR(c.v[CUE_RATE], praat[i].rate, 0.05 * praat[i].rate);
		media_audio_free(&sound);
		free(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fft),
		cmocka_unit_test(test_sinc),
		cmocka_unit_test(test_sinc_table),
		cmocka_unit_test(test_intensity),
		cmocka_unit_test(test_pitch),
		cmocka_unit_test(test_pitch_sweep),
		cmocka_unit_test(test_harmonicity),
		cmocka_unit_test(test_syllables),
		cmocka_unit_test(test_silence_and_short),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_acoustic),
		cmocka_unit_test(test_meter_keeps_nothing),
		cmocka_unit_test(test_voiced_at_times),
		cmocka_unit_test(test_praat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

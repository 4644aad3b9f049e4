/* SPDX-License-Identifier: Apache-2.0
 * Log-mel frames and cepstra against their definition, written out in double precision.
 */
#include "tests/test.h"

#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "harness/cue/mel.h"

static const double pi = 3.14159265358979323846;

/* Sample i of the sound mirrored at its first and last sample. */
static double sample(const float *x, int n, int i)
{
	while (n > 1 && (i < 0 || i >= n))
		i = i < 0 ? -i : 2 * (n - 1) - i;
	return x[n > 1 ? i : 0];
}

/* |X[k]|^2 of the frame around sample `centre`. */
static double power(const float *x, int n, int rate, int size, int centre, int k)
{
	const int window = rate / 40;
	double re = 0, im = 0;

	for (int j = 0; j < window; j++) {
		const int at = (size - window) / 2 + j;
		const double w = sin(pi * j / window) * sin(pi * j / window);
		const double v = w * sample(x, n, centre - size / 2 + at);

		re += v * cos(2 * pi * k * at / size);
		im += v * sin(2 * pi * k * at / size);
	}
	return re * re + im * im;
}

static double mel_point(int i, int rate)
{
	const double top = 2595 * log10(1 + rate / 1400.0);

	return 700 * (pow(10, top * i / 81 / 2595) - 1);
}

static void naive_frame(const float *x, int n, int rate, int size, int centre, double *band)
{
	for (int b = 0; b < MEL_BANDS; b++)
		band[b] = 0;
	for (int k = 0; k <= size / 2; k++) {
		const double p = power(x, n, rate, size, centre, k), hz = (double)k * rate / size;

		for (int b = 0; b < MEL_BANDS; b++) {
			const double lo = mel_point(b, rate), mid = mel_point(b + 1, rate);
			const double hi = mel_point(b + 2, rate);

			if (hz > lo && hz < hi)
				band[b] += p * (hz <= mid ? (hz - lo) / (mid - lo)
							  : (hi - hz) / (hi - mid));
		}
	}
	for (int b = 0; b < MEL_BANDS; b++)
		band[b] = log(fmax(band[b], 1e-10));
}

static void compare(int n, int rate, int size)
{
	float *x = NULL, *out = NULL, *cepstra = NULL;
	struct err err = { 0 };
	struct mel m;
	struct rng rng;
	const int frames = mel_frames(n, rate);

	CHECK(frames == 1 + n / (rate / 100));
	CHECK(NEW_ARRAY(x, (size_t)n) && NEW_ARRAY(out, (size_t)frames * MEL_BANDS) &&
	      NEW_ARRAY(cepstra, (size_t)frames * MEL_CEPSTRA));
	rng_seed(&rng, (uint64_t)n, 0);
	for (int i = 0; i < n; i++)
		x[i] = (float)(0.3 * sin(0.2 * i) + 0.05 * rng_normal(&rng));
	mel_init(&m, rate, &err);
	CHECK_OK(&err);
	mel_log(&m, x, n, out);
	mel_cepstra(&m, out, frames, cepstra);
	for (int f = 0; f < frames; f++) {
		double band[MEL_BANDS], top = 0;

		naive_frame(x, n, rate, size, f * (rate / 100), band);
		for (int b = 0; b < MEL_BANDS; b++)
			top = fmax(top, band[b]);
		/* single precision: amplitudes to a share of the loudest one */
		for (int b = 0; b < MEL_BANDS; b++)
			CHECK_NEAR(out[f * MEL_BANDS + b], band[b],
				   1e-4 + 1e-7 * exp((top - band[b]) / 2));
		for (int k = 0; k < MEL_CEPSTRA; k++) {
			double want = 0;

			for (int b = 0; b < MEL_BANDS; b++)
				want += out[f * MEL_BANDS + b] *
					cos(pi / MEL_BANDS * (b + 0.5) * k);
			want *= sqrt((k ? 2.0 : 1.0) / MEL_BANDS);
			CHECK_NEAR(cepstra[f * MEL_CEPSTRA + k], want, 2e-4);
		}
	}
	mel_free(&m);
	free(x);
	free(out);
	free(cepstra);
}

static void test_definition(void **state)
{
	(void)state;
	compare(1600, 16000, 512);
	compare(1759, 16000, 512);
	compare(500, 8000, 256);
	compare(2205, 44100, 2048);
}

/* Shorter than a window, down to one sample: mirrored over and over. */
static void test_short(void **state)
{
	(void)state;
	compare(1, 16000, 512);
	compare(2, 16000, 512);
	compare(97, 16000, 512);
	compare(161, 16000, 512);
}

static void test_silence(void **state)
{
	static const float x[800];
	float out[6 * MEL_BANDS], cepstra[6 * MEL_CEPSTRA];
	struct err err = { 0 };
	struct mel m;

	(void)state;
	mel_init(&m, 16000, &err);
	CHECK_OK(&err);
	mel_log(&m, x, 800, out);
	mel_cepstra(&m, out, 6, cepstra);
	for (int i = 0; i < 6 * MEL_BANDS; i++)
		CHECK_NEAR(out[i], log(1e-10), 1e-5);
	for (int i = 0; i < 6 * MEL_CEPSTRA; i++)
		CHECK_NEAR(cepstra[i], i % MEL_CEPSTRA ? 0 : sqrt(MEL_BANDS) * log(1e-10), 1e-3);
	mel_free(&m);
	mel_init(&m, 3999, &err);
	CHECK_ERR(&err, ERR_ARG, "3999 Hz");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_definition),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

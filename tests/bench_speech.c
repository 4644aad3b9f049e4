/* SPDX-License-Identifier: Apache-2.0
 * Speech cues and frames of an audio encoder, for tables beside other programs: JSON lines.
 *   bench_speech measure FILE...   the cues of each file, and the processor time of each step
 *   bench_speech mel               log-mel frames and cepstra of 60 clips of 3 s, and of 300 s
 */
#include "tests/test.h"

#include <time.h>

#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "harness/cue/mel.h"
#include "harness/cue/speech.h"
#include "harness/media/media.h"

enum { RATE = 16000 };

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void print_cues(const char *path, const struct cue_set *cues, double read_s, double cue_s)
{
	printf("{\"file\":\"%s\",\"read_s\":%.6f,\"cue_s\":%.6f", path, read_s, cue_s);
	for (int c = 0; c < SPEECH_CUE_COUNT; c++)
		if (cues->ok[c])
			printf(",\"%s\":%.6f", speech_cue_spec[c].name, cues->v[c]);
		else
			printf(",\"%s\":null", speech_cue_spec[c].name);
	puts("}");
}

static int measure(struct speech_meter *meter, const char *path, struct err *err)
{
	struct media_request rq = { .end_ms = -1, .rate = RATE };
	struct media_audio sound = { 0 };
	const double start = cpu_s();
	struct cue_set cues;
	double read;
	unsigned status;

	if (media_read(path, &rq, &sound, &status, err))
		return err->code;
	read = cpu_s();
	if (!speech_measure(meter, sound.pcm, sound.n, sound.rate, &cues, err))
		print_cues(path, &cues, read - start, cpu_s() - read);
	media_audio_free(&sound);
	return err->code;
}

/* A gliding buzz in bursts, and noise. */
static float *sound_new(int n, struct err *err)
{
	struct rng rng;
	float *x = NULL;
	double turn = 0;

	if (!NEW_ARRAY(x, (size_t)n)) {
		err_set(err, ERR_NOMEM, "%d samples", n);
		return NULL;
	}
	rng_seed(&rng, 1, 0);
	for (int i = 0; i < n; i++) {
		const double t = (double)i / RATE;

		turn += 2 * 3.14159265358979 * (140 + 40 * sin(4.4 * t)) / RATE;
		for (int k = 1; k < 12; k++)
			x[i] += (float)(sin(k * turn) / k);
		x[i] *= (float)(0.1 * fmax(0, 0.5 + 0.5 * sin(18.85 * t)));
		x[i] += (float)(0.01 * rng_normal(&rng));
	}
	return x;
}

/* Prints how many times real time `clips` sounds of n samples take, the best of seven. */
static int mel_speed(const char *what, int clips, int n, struct err *err)
{
	const int frames = mel_frames(n, RATE);
	float *x = sound_new(n, err), *bands = NULL, *cepstra = NULL;
	double best[2] = { INFINITY, INFINITY };
	struct mel m = { 0 };

	if (!x || mel_init(&m, RATE, err))
		goto done;
	if (!NEW_ARRAY(bands, (size_t)frames * MEL_BANDS) ||
	    !NEW_ARRAY(cepstra, (size_t)frames * MEL_CEPSTRA)) {
		err_set(err, ERR_NOMEM, "%d frames", frames);
		goto done;
	}
	for (int round = 0; round < 7; round++) {
		const double start = cpu_s();
		double mid;

		for (int i = 0; i < clips; i++)
			mel_log(&m, x, n, bands);
		mid = cpu_s();
		for (int i = 0; i < clips; i++)
			mel_cepstra(&m, bands, frames, cepstra);
		best[0] = fmin(best[0], mid - start);
		best[1] = fmin(best[1], cpu_s() - start);
	}
	for (int k = 0; k < 2; k++)
		printf("{\"frames\":\"%s\",\"sound\":\"%s\",\"times_real_time\":%.0f}\n",
		       k ? "mfcc" : "log-mel", what, (double)clips * n / RATE / best[k]);
done:
	mel_free(&m);
	free(x);
	free(bands);
	free(cepstra);
	return err->code;
}

int main(int argc, char **argv)
{
	struct speech_meter meter = { 0 };
	struct err err = { 0 };

	if (argc > 2 && !strcmp(argv[1], "measure")) {
		for (int i = 2; i < argc && !measure(&meter, argv[i], &err); i++)
			;
	} else if (argc == 1 || (argc == 2 && !strcmp(argv[1], "mel"))) {
		if (!mel_speed("60 clips of 3 s", 60, 3 * RATE, &err))
			mel_speed("300 s", 1, 300 * RATE, &err);
	} else {
		err_set(&err, ERR_ARG, "measure FILE..., or mel");
	}
	if (err.code)
		fprintf(stderr, "bench_speech: %s\n", err.msg);
	speech_meter_free(&meter);
	return err.code != 0;
}

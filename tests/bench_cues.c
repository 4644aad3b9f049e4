/* SPDX-License-Identifier: Apache-2.0
 * What it costs to decode a clip and measure its speech, its behaviour and its feature
 * frames: processor time of one thread for five seconds of clip, on a calibrated corpus
 * in each layout and on real clips where they are at hand.
 */
#include "tests/test.h"

#include <time.h>

#include "harness/core/dataset.h"
#include "harness/run/bank.h"

static double cpu_s(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

/* Measures every clip of a corpus without a cache. */
static void measure(const char *what, const char *dataset, const char *root, struct err *err)
{
	const struct dataset_ops *d = dataset_find(dataset);
	struct bank_options o = { .media = true, .threads = 1 };
	double start, spent, seconds = 0;
	struct opt_values opts;
	struct corpus c = { 0 };
	struct gold g = { 0 };
	struct bank b;

	opt_init(&opts, d->opts, err);
	d->load(&c, &g, root, &opts, err);
	CHECK_OK(err);
	start = cpu_s();
	bank_build(&b, &c, &g, &o, err);
	CHECK_OK(err);
	spent = cpu_s() - start;
	for (int i = 0; i < c.n_utt; i++)
		seconds += b.m[i].speech.ok[CUE_DURATION] ? b.m[i].speech.v[CUE_DURATION] : 0;
	printf("%-22s %4d clips, %6.0f s: %6.1f ms for 5 s, %5.0f times real time\n", what,
	       b.n_media, seconds, 5e3 * spent / seconds, seconds / spent);
	bank_free(&b);
	corpus_free(&c);
	gold_free(&g);
	opt_free(&opts);
}

static void calibrated(const char *dataset, const char *dialogues)
{
	const struct dataset_ops *d = dataset_find(dataset);
	char *dir = scratch_make(), *root = path_join(dir, "corpus");
	struct opt_values opts;
	struct err err = { 0 };

	opt_init(&opts, d->synth_opts, &err);
	opt_set(&opts, "dialogues", dialogues, &err);
	opt_set(&opts, "sample", "100", &err);
	CHECK_OK(&err);
	d->synth(root, &opts, 1, NULL, &err);
	CHECK_OK(&err);
	measure(dataset, dataset, root, &err);
	opt_free(&opts);
	free(root);
	scratch_remove(dir);
}

static void bench(void **state)
{
	char *real = real_data("meld");
	struct err err = { 0 };

	(void)state;
	calibrated("meld", "12");
	calibrated("iemocap", "12");
	if (real)
		measure("meld, real (1280x720)", "meld", real, &err);
	free(real);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(bench) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

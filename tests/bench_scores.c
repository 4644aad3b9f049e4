/* SPDX-License-Identifier: Apache-2.0
 * Speed of scoring and resampling on one core, and how often intervals and tests keep their
 * word.  One JSON line a row; medians of alternating rounds of processor time.  Not a test.
 *   bench_scores [speed [million labels, default 10] | coverage [trials, default 4000]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/base/mem.h"
#include "harness/base/thread.h"
#include "tests/clustered.h"

#define ROUNDS 9

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(double *t, int n)
{
	qsort(t, (size_t)n, sizeof(*t), by_size);
	return t[n / 2];
}

static void must(int status, const struct err *err)
{
	if (!status)
		return;
	fprintf(stderr, "bench_scores: %s\n", err->msg);
	exit(1);
}

/* Every byte once, in several sums so that adding does not hold up reading. */
static uint64_t read_all(const int32_t *a, size_t n)
{
	uint64_t sum[4] = { 0 }, word[4];

	for (size_t i = 0; i + 8 <= n; i += 8) {
		memcpy(word, a + i, sizeof(word));
		for (int j = 0; j < 4; j++)
			sum[j] += word[j];
	}
	return sum[0] + sum[1] + sum[2] + sum[3];
}

/* Seven labels, two answers in three right: what sk_metrics.py scores too. */
static void scoring(size_t n)
{
	double read[ROUNDS], score[ROUNDS];
	volatile uint64_t sink = 0;
	struct err err = { 0 };
	struct scores s;
	int32_t *gold, *answer;
	struct rng r;

	if (!NEW_ARRAY(gold, n) || !NEW_ARRAY(answer, n))
		must(err_set(&err, ERR_NOMEM, "no memory for %zu labels", n), &err);
	rng_seed(&r, 1, 0);
	for (size_t i = 0; i < n; i++) {
		gold[i] = (int32_t)rng_below(&r, 7);
		answer[i] = rng_uniform(&r) < .65 ? gold[i] : (int32_t)rng_below(&r, 7);
	}
	for (int i = 0; i < ROUNDS; i++) {
		struct confusion c = { .k = 7 };
		double t = cpu_s();

		sink += read_all(gold, n) + read_all(answer, n);
		read[i] = cpu_s() - t;
		t = cpu_s();
		must(confusion_add_all(&c, gold, answer, n, &err), &err);
		scores_compute(&c, &s);
		score[i] = cpu_s() - t;
	}
	printf("{\"what\":\"confusion and all F1\",\"labels\":%zu,\"read_ms\":%.3f,\"ms\":%.3f,"
	       "\"times_reading\":%.2f,\"weighted_f1\":%.6f}\n",
	       n, 1e3 * median(read, ROUNDS), 1e3 * median(score, ROUNDS),
	       score[ROUNDS / 2] / read[ROUNDS / 2], s.weighted_f1);
	free(gold);
	free(answer);
}

/* Two systems on a test set of MELD's size: 280 dialogues, 2,610 utterances, 7 labels. */
static void resampling(void)
{
	struct bootstrap_options o = { .metric = METRIC_WEIGHTED_F1,
				       .replicates = 10000,
				       .alpha = .05,
				       .seed = 1,
				       .threads = 1 };
	double one[ROUNDS], two[ROUNDS], swap[ROUNDS], p;
	struct interval i, again;
	struct err err = { 0 };
	struct tally t[2];

	clustered_pair(&(struct clustered){ 280, 9.32, 7, .62, .60, .8 }, 1, t);
	for (int n = 0; n < ROUNDS; n++) {
		struct tally_set a = { t, 1 }, b = { t + 1, 1 };
		double start = cpu_s();

		must(bootstrap_system(&a, &o, &i, &err), &err);
		one[n] = cpu_s() - start;
		start = cpu_s();
		must(bootstrap_paired(&a, &b, &o, &again, &err), &err);
		two[n] = cpu_s() - start;
		start = cpu_s();
		must(randomization_test(&a, &b, &o, &p, &err), &err);
		swap[n] = cpu_s() - start;
	}
	o.threads = cpu_count();
	must(bootstrap_system(&(struct tally_set){ t, 1 }, &o, &again, &err), &err);
	printf("{\"what\":\"10,000 replicates of 280 dialogues\",\"bootstrap_ms\":%.1f,"
	       "\"paired_ms\":%.1f,\"randomization_ms\":%.1f,\"same_on_all_threads\":%s}\n",
	       1e3 * median(one, ROUNDS), 1e3 * median(two, ROUNDS), 1e3 * median(swap, ROUNDS),
	       again.lo == i.lo && again.hi == i.hi && again.se == i.se ? "true" : "false");
	tally_free(&t[0]);
	tally_free(&t[1]);
}

static void coverage(int trials)
{
	static const enum metric metric[] = { METRIC_ACCURACY, METRIC_WEIGHTED_F1,
					      METRIC_MACRO_F1 };
	static const int groups[] = { 31, 100, 280 };

	for (size_t g = 0; g < ARRAY_LEN(groups); g++)
		for (size_t m = 0; m < ARRAY_LEN(metric); m++) {
			struct clustered c = { groups[g], 9.32, 4, .62, .60, 1.2 };
			struct kept k = clustered_trials(&c, metric[m], trials, 1000, 5);
			char naive[24] = "null";

			if (metric[m] == METRIC_ACCURACY)
				snprintf(naive, sizeof(naive), "%.4f", (double)k.naive / trials);
			printf("{\"what\":\"coverage at 95 %%\",\"dialogues\":%d,\"metric\":\"%s\","
			       "\"trials\":%d,\"interval\":%.4f,\"of_difference\":%.4f,"
			       "\"as_if_independent\":%s,\"randomization_5pct\":%.4f}\n",
			       groups[g], metric_name[metric[m]], trials,
			       (double)k.interval / trials, (double)k.difference / trials, naive,
			       (double)k.rejected / trials);
			fflush(stdout);
		}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "speed";
	int number = argc > 2 ? atoi(argv[2]) : 0;

	if (!strcmp(what, "coverage")) {
		coverage(number > 0 ? number : 4000);
	} else {
		scoring((size_t)(number > 0 ? number : 10) * 1000000);
		resampling();
	}
	return 0;
}

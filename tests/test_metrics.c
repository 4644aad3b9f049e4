/* SPDX-License-Identifier: Apache-2.0
 * The metrics room: worked vectors, resampling against cases whose answer is known.
 * Second opinions on random cases are in test_scores_peers.c.
 */
#include "tests/test.h"

#include "harness/base/rng.h"
#include "harness/metrics/bootstrap.h"
#include "harness/metrics/calibration.h"
#include "harness/metrics/compare.h"
#include "harness/metrics/continuous.h"
#include "harness/metrics/latency.h"
#include "harness/metrics/multilabel.h"
#include "harness/metrics/scores.h"
#include "tests/clustered.h"

static void test_worked_example(void **state)
{
	const struct confusion c = { .k = 3,
				     .count = { { 3, 1, 0, 1 }, { 1, 2, 0, 0 }, { 1, 0, 1, 0 } } };
	struct confusion two = { .k = 3 };
	struct scores s;

	(void)state;
	scores_compute(&c, &s);
	CHECK(s.n == 10 && s.answered == 9);
	CHECK_NEAR(s.accuracy, .6, 1e-15);
	CHECK_NEAR(s.cls[0].f1, .6, 1e-15);
	CHECK_NEAR(s.cls[1].f1, 2. / 3, 1e-15);
	CHECK_NEAR(s.cls[2].f1, 2. / 3, 1e-15);
	CHECK_NEAR(s.cls[0].precision, .6, 1e-15);
	CHECK_NEAR(s.cls[2].precision, 1, 0);
	CHECK_NEAR(s.cls[2].recall, .5, 0);
	CHECK_NEAR(s.macro_f1, .644444, 5e-7);
	CHECK_NEAR(s.weighted_f1, .633333, 5e-7);
	CHECK_NEAR(s.uar, .588889, 5e-7);
	CHECK_NEAR(s.micro_f1, 12. / 19, 1e-15); /* 2*6 / (9 answers + 10 samples) */
	CHECK_NEAR(scores_weighted_f1(&c), s.weighted_f1, 0);

	confusion_sum(&two, &c);
	confusion_sum(&two, &c);
	CHECK(two.count[0][3] == 2 && two.count[0][0] == 6);
	two = c;
	two.count[0][3] = 0; /* answered only */
	scores_compute(&two, &s);
	CHECK_NEAR(s.accuracy, 2. / 3, 1e-15);
	CHECK_NEAR(s.macro_f1, 2. / 3, 1e-15);
	CHECK_NEAR(s.weighted_f1, 2. / 3, 1e-15);
	CHECK_NEAR(s.uar, .638889, 5e-7);
}

static void test_absent_class(void **state)
{
	struct confusion c = { .k = 3 };
	struct scores s;

	(void)state;
	scores_compute(&c, &s);
	CHECK(s.n == 0 && isnan(s.accuracy) && isnan(s.weighted_f1) && isnan(s.uar));
	CHECK(isnan(s.mcc) && isnan(s.kappa));
	confusion_add(&c, 0, 0);
	confusion_add(&c, 0, 1);
	confusion_add(&c, 1, 1);
	confusion_add(&c, 1, 1);
	scores_compute(&c, &s);
	CHECK_NEAR(s.macro_f1, .488889, 5e-7);
	CHECK_NEAR(s.weighted_f1, .733333, 5e-7);
	CHECK_NEAR(s.uar, .75, 0);
	CHECK(s.cls[2].undefined && !s.cls[0].undefined && s.cls[2].f1 == 0);
}

/* One class, always right: chance explains everything. */
static void test_one_class(void **state)
{
	struct confusion c = { .k = 2 };
	struct scores s;

	(void)state;
	for (int i = 0; i < 5; i++)
		confusion_add(&c, 0, 0);
	scores_compute(&c, &s);
	CHECK(s.accuracy == 1 && s.weighted_f1 == 1 && s.macro_f1 == .5);
	CHECK(isnan(s.kappa) && s.mcc == 0);
}

static void test_many_at_once(void **state)
{
	enum { N = 5000 };
	static int32_t gold[N], answer[N];
	struct confusion one = { .k = LABEL_MAX }, all = { .k = LABEL_MAX }, before;
	struct err err = { 0 };
	struct rng r;

	(void)state;
	rng_seed(&r, 3, 0);
	for (int i = 0; i < N; i++) {
		gold[i] = (int32_t)rng_below(&r, LABEL_MAX);
		answer[i] = (int32_t)rng_below(&r, LABEL_MAX + 2) - 2;
		confusion_add(&one, gold[i], answer[i]);
	}
	/* twice: it adds; no samples are no change */
	CHECK(!confusion_add_all(&all, gold, answer, N, &err));
	CHECK(!confusion_add_all(&all, gold, answer, 0, &err));
	CHECK(!memcmp(&one, &all, sizeof(one)));
	CHECK(!confusion_add_all(&all, gold, answer, N, &err));
	confusion_sum(&one, &one);
	CHECK(!memcmp(&one, &all, sizeof(one)));

	before = all;
	gold[N - 3] = -1;
	confusion_add_all(&all, gold, answer, N, &err);
	CHECK_ERR(&err, ERR_DATA, "sample 4997: true label -1");
	gold[N - 3] = LABEL_MAX;
	confusion_add_all(&all, gold, answer, N, &err);
	CHECK_ERR(&err, ERR_DATA, "there are 16 labels");
	gold[N - 3] = 0;
	answer[0] = LABEL_MAX;
	confusion_add_all(&all, gold, answer, N, &err);
	CHECK_ERR(&err, ERR_DATA, "sample 0");
	CHECK(!memcmp(&before, &all, sizeof(all)));
}

/* Two labels; sets {0} answered {0, 1}; {} answered {}; {1} answered nothing. */
static void test_sets(void **state)
{
	struct multilabel m = { .k = 2 };
	struct multilabel_scores s;

	(void)state;
	multilabel_compute(&m, &s);
	CHECK(s.n == 0 && isnan(s.micro_f1) && isnan(s.jaccard) && isnan(s.exact_match));
	multilabel_add(&m, 1, 3);
	multilabel_add(&m, 0, 0);
	multilabel_add(&m, 2, 0);
	multilabel_compute(&m, &s);
	CHECK(s.n == 3 && s.f1[0] == 1 && s.f1[1] == 0 && s.macro_f1 == .5);
	CHECK_NEAR(s.micro_f1, .5, 1e-15); /* 2 * 1 / (2 answered + 2 true) */
	CHECK_NEAR(s.jaccard, .5, 1e-15);
	CHECK_NEAR(s.exact_match, 1. / 3, 1e-15);
}

/* True 1 2 3 answered 2 3 4: variances 2/3, covariance 2/3, means 1 apart. */
static void test_numbers(void **state)
{
	struct continuous c = { 0 }, same = { 0 };

	(void)state;
	CHECK(isnan(continuous_ccc(&c)) && isnan(continuous_mae(&c)) && isnan(continuous_rmse(&c)));
	for (int i = 1; i <= 3; i++)
		continuous_add(&c, i, i + 1);
	continuous_add(&c, 2, NAN);
	CHECK(c.n == 3 && c.missing == 1);
	CHECK_NEAR(continuous_ccc(&c), 4. / 7, 1e-15);
	CHECK_NEAR(continuous_pearson(&c), 1, 1e-15);
	CHECK(continuous_mae(&c) == 1 && continuous_rmse(&c) == 1);
	continuous_add(&same, 2, 2);
	continuous_add(&same, 2, 2);
	CHECK(isnan(continuous_ccc(&same)) && isnan(continuous_pearson(&same)));
	CHECK(continuous_mae(&same) == 0);
	continuous_add(&same, 2, 5);
	CHECK(continuous_ccc(&same) == 0 && continuous_mae(&same) == 1);
}

static void test_calibration(void **state)
{
	const double p[3][3] = { { .7, .2, .1 }, { .1, .6, .3 }, { .5, .25, .25 } };
	const int gold[3] = { 0, 2, 0 };
	const double even[3] = { .4, .4, .2 }, wrong[3] = { .5, .5, .5 };
	const float score[3] = { 1000.f, 1000.f + logf(2), -INFINITY };
	struct calibration c = { .k = 3 };
	struct err err = { 0 };
	double soft[3];

	(void)state;
	CHECK(isnan(calibration_ece(&c)) && isnan(calibration_nll(&c)));
	for (int i = 0; i < 3; i++)
		CHECK(!calibration_add(&c, p[i], gold[i], &err));
	CHECK_NEAR(calibration_ece(&c), .466667, 5e-7);
	CHECK_NEAR(calibration_brier(&c), .458333, 5e-7);
	CHECK_NEAR(calibration_nll(&c), .751265, 5e-7);
	CHECK(c.ties == 0 && c.bin[6].n == 1 && c.bin[5].n == 1 && c.bin[4].n == 1);
	calibration_add(&c, even, 0, &err);
	CHECK(c.ties == 1 && c.bin[3].right == 1);
	calibration_add(&c, wrong, 0, &err);
	CHECK_ERR(&err, ERR_DATA, "sum to 1.5");
	CHECK(!probabilities(score, 3, soft));
	CHECK(probabilities(score, 2, soft));
	CHECK_NEAR(soft[0], 1. / 3, 1e-4); /* scores are single precision */
	CHECK_NEAR(soft[0] + soft[1], 1, 1e-15);
}

static void test_percentiles(void **state)
{
	double ms[1000];
	struct latency_stats s;

	(void)state;
	for (int i = 0; i < 1000; i++)
		ms[i] = 999 - i;
	latency_describe(ms, 1000, &s);
	CHECK(s.p50 == 500 && s.p90 == 900 && s.p999 == 999 && s.min == 0 && s.max == 999);
	CHECK(s.mean == 499.5 && s.total == 499500);
	latency_describe(ms, 100, &s);
	CHECK(s.p90 == 90 && s.p99 == 99 && s.p999 == 99);
	latency_describe(ms, 0, &s);
	CHECK(s.n == 0 && isnan(s.p50));
	CHECK(latency_percentile(ms, 1, 999) == 0);
}

static void test_early_stopping(void **state)
{
	static const struct {
		int p, n, need[7];
	} row[] = {
		{ 900, 7, { 44, 64, 81, 97, 113, 127, 142 } },
		{ 950, 3, { 90, 130, 165 } },
		{ 970, 3, { 152, 219, 277 } },
		{ 990, 7, { 459, 662, 838, 1001, 1157, 1307, 1453 } },
		{ 999, 3, { 4603, 6636, 8403 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		for (int t = 0; t < row[i].n; t++)
			CHECK(latency_needed(t, row[i].p) == row[i].need[t]);
	CHECK(latency_estimate_index(63, 900) == -1);
	CHECK(latency_estimate_index(64, 900) == 63);
	CHECK(latency_estimate_index(81, 900) == 79);
	CHECK(latency_estimate_index(100, 900) == 97);
	CHECK(latency_estimate_index(1000, 900) == 922);
	CHECK(latency_estimate_index(2610, 900) == 2385);
	CHECK(latency_estimate_index(662, 990) == 661);
	CHECK(latency_estimate_index(1000, 990) == 998);
	CHECK(latency_estimate_index(2610, 990) == 2596);
}

static void test_small_tests(void **state)
{
	const double seeds[3] = { .60, .62, .64 }, p[4] = { .01, .04, .03, .005 };
	const double want[4] = { .03, .06, .06, .02 };
	const double low[9] = { 1, 2, 2, 3, 4, 5, 6, 7, 8 };
	const double high[9] = { 2, 3, 4, 5, 6, 7, 8, 9, 10 };
	double adjusted[4], u, value, apart[14];
	struct spread s;
	struct err err = { 0 };

	(void)state;
	spread_compute(seeds, 3, &s);
	CHECK_NEAR(s.std, .02, 1e-15);
	CHECK_NEAR(s.std * sqrt(2. / 3), .016330, 5e-7);
	spread_compute(seeds, 1, &s);
	CHECK(s.mean == .60 && isnan(s.std) && s.n == 1);
	CHECK_NEAR(mcnemar_exact(1, 9), .021484375, 1e-15);
	CHECK_NEAR(mcnemar_exact(12, 3), .03515625, 1e-15);
	CHECK(mcnemar_exact(5, 5) == 1 && mcnemar_exact(0, 0) == 1);
	CHECK(mcnemar_exact(500000, 500000) == 1 && mcnemar_exact(0, 100000) == 0);
	CHECK(!holm_adjust(p, adjusted, 4, &err));
	for (int i = 0; i < 4; i++)
		CHECK_NEAR(adjusted[i], want[i], 1e-15);
	for (int i = 0; i < 14; i++)
		apart[i] = i;
	CHECK(!mann_whitney(apart, 5, apart + 5, 5, &u, &value, &err));
	CHECK_NEAR(value, .0079365, 5e-8);
	mann_whitney(apart, 6, apart + 6, 6, &u, &value, &err);
	CHECK_NEAR(value, .0021645, 5e-8);
	mann_whitney(apart + 7, 7, apart, 7, &u, &value, &err);
	CHECK_NEAR(value, .00058275, 5e-9);
	CHECK(u == 49);
	mann_whitney(low, 9, high, 9, &u, &value, &err);
	CHECK_NEAR(u, 25, 0);
	CHECK_NEAR(value, .183051, 5e-7);
	mann_whitney(seeds, 1, seeds, 1, &u, &value, &err);
	CHECK(value == 1);
}

/* The area under the curve against its definition, pair by pair, on values with many ties. */
static void test_roc_area(void **state)
{
	const double apart[] = { 1, 2, 3, 4, 5 }, tied[] = { 1, 2, 2, 3, 3, 3, 5, 2, 2, 3, 4 };
	double v[40], area, above;
	struct err err = { 0 };
	struct rng r;

	(void)state;
	CHECK(!roc_area(apart + 3, 2, apart, 3, &area, &err) && area == 1);
	CHECK(!roc_area(apart, 3, apart + 3, 2, &area, &err) && area == 0);
	CHECK(!roc_area(apart, 1, apart, 1, &area, &err) && area == 0.5);
	roc_area(tied + 6, 5, tied, 6, &area, &err);
	CHECK_NEAR(area, 20.5 / 30, 1e-15); /* scikit-learn's roc_auc_score: 0.6833333333333333 */
	rng_seed(&r, 8, 0);
	for (int round = 0; round < 200; round++) {
		const int n = 1 + (int)rng_below(&r, 20), m = 1 + (int)rng_below(&r, 20);

		for (int i = 0; i < n + m; i++)
			v[i] = (double)rng_below(&r, 12) / 7;
		above = 0;
		for (int i = 0; i < n; i++)
			for (int j = 0; j < m; j++)
				above += v[i] > v[n + j] ? 1 : v[i] == v[n + j] ? 0.5 : 0;
		CHECK(!roc_area(v, n, v + n, m, &area, &err));
		CHECK_NEAR(area, above / (n * m), 1e-15);
	}
}

static const struct bootstrap_options usual = {
	.metric = METRIC_WEIGHTED_F1, .replicates = 2000, .alpha = .05, .seed = 1, .threads = 1
};

/* groups dialogues of size samples, right with probability p (or 1 - p, by dialogue). */
static void invent(struct tally *t, int groups, int size, double p, uint64_t seed)
{
	struct err err = { 0 };
	struct rng r;

	rng_seed(&r, seed, 0);
	tally_init(t, 3, groups, &err);
	CHECK_OK(&err);
	for (int g = 0; g < groups; g++) {
		double q = rng_uniform(&r) < .5 ? p : 1 - p * .6;

		for (int i = 0; i < size; i++) {
			int gold = (g * 7 + i) % 3;

			tally_add(t, g, gold, rng_uniform(&r) < q ? gold : (gold + 1) % 3);
		}
	}
}

static void test_bootstrap_few_groups(void **state)
{
	struct tally t;
	struct bootstrap_options o = usual;
	struct interval one, two;
	struct err err = { 0 };

	(void)state;
	invent(&t, 1, 9, .7, 3);
	CHECK(!bootstrap_system(&(struct tally_set){ &t, 1 }, &o, &one, &err));
	CHECK(one.lo == one.hi && one.lo == one.value && one.se < 1e-12 && one.groups == 1);
	tally_free(&t);

	/* dialogues {1,1} and {0,0}, and an empty one that must not count */
	tally_init(&t, 2, 3, &err);
	for (int i = 0; i < 2; i++) {
		tally_add(&t, 0, 0, 0);
		tally_add(&t, 2, 0, 1);
	}
	o.metric = METRIC_ACCURACY;
	o.replicates = 100000;
	CHECK(!bootstrap_system(&(struct tally_set){ &t, 1 }, &o, &two, &err));
	CHECK(two.groups == 2 && two.lo == 0 && two.hi == 1 && two.value == .5);
	CHECK_NEAR(two.se, .353553, .003);
	CHECK(isnan(two.p));
	/* two dialogues, three values: whatever the level, a bound is one of them */
	for (int i = 1; i < 20; i++) {
		o.alpha = i / 20.;
		o.replicates = 1000;
		CHECK(!bootstrap_system(&(struct tally_set){ &t, 1 }, &o, &two, &err));
		CHECK(two.lo == 0 || two.lo == .5 || two.lo == 1);
		CHECK(two.hi == 0 || two.hi == .5 || two.hi == 1);
	}
	tally_free(&t);
}

/* Accuracy: the error of the bootstrap is that of the formula for clusters, sqrt of the sum over
 * dialogues of (sum of x - mean)^2, over n. */
static void test_bootstrap_error(void **state)
{
	struct bootstrap_options o = usual;
	struct tally t[2];
	struct interval i;
	struct err err = { 0 };
	double n = 0, right = 0, sum = 0;

	(void)state;
	o.metric = METRIC_ACCURACY;
	o.replicates = 20000;
	clustered_pair(&(struct clustered){ 280, 9.32, 7, .62, .60, 1.2 }, 5, t);
	CHECK(!bootstrap_system(&(struct tally_set){ t, 1 }, &o, &i, &err));
	for (int g = 0; g < 280; g++)
		for (int k = 0; k < 7; k++) {
			right += t->count[g * 21 + k];
			n += t->count[g * 21 + 14 + k];
		}
	for (int g = 0; g < 280; g++) {
		double off = 0;

		for (int k = 0; k < 7; k++)
			off += t->count[g * 21 + k] - right / n * t->count[g * 21 + 14 + k];
		sum += off * off;
	}
	CHECK_NEAR(i.value, right / n, 1e-15);
	CHECK_NEAR(i.se / (sqrt(sum) / n), 1, .02);
	tally_free(&t[0]);
	tally_free(&t[1]);
}

/* F1 of one label resampled alone; weighted by support they make the weighted F1. */
static void test_bootstrap_label(void **state)
{
	struct bootstrap_options o = usual, one = usual;
	struct interval i;
	struct err err = { 0 };
	struct tally t;
	double sum = 0, n = 0;

	(void)state;
	invent(&t, 40, 10, .7, 3);
	for (int k = 0; k < 3; k++) {
		int64_t count[3] = { 0 };

		for (int g = 0; g < 40; g++)
			for (int c = 0; c < 3; c++)
				count[c] += t.count[(g * 3 + c) * 3 + k];
		one.f1_of = k + 1;
		CHECK(!bootstrap_system(&(struct tally_set){ &t, 1 }, &one, &i, &err));
		CHECK_NEAR(i.value, metric_f1(count[0], count[1], count[2]), 1e-15);
		CHECK(i.value == tally_value(&t, &one) && i.lo < i.value && i.value < i.hi);
		sum += (double)count[2] * i.value;
		n += (double)count[2];
	}
	CHECK_NEAR(sum / n, tally_value(&t, &o), 1e-15);
	one.f1_of = 4;
	bootstrap_system(&(struct tally_set){ &t, 1 }, &one, &i, &err);
	CHECK_ERR(&err, ERR_ARG, "F1 of label 3 of 3");
	tally_free(&t);
}

static void test_bootstrap_threads(void **state)
{
	struct tally t[2];
	struct bootstrap_options o = usual;
	struct interval a, b;
	struct err err = { 0 };

	(void)state;
	invent(&t[0], 40, 10, .7, 3);
	invent(&t[1], 40, 10, .6, 4);
	CHECK(!bootstrap_paired(&(struct tally_set){ &t[0], 1 }, &(struct tally_set){ &t[1], 1 },
				&o, &a, &err));
	o.threads = 3;
	CHECK(!bootstrap_paired(&(struct tally_set){ &t[0], 1 }, &(struct tally_set){ &t[1], 1 },
				&o, &b, &err));
	CHECK(a.lo == b.lo && a.hi == b.hi && a.p == b.p && a.value == b.value);
	CHECK(a.lo < a.value && a.value < a.hi && a.groups == 40);
	o.seed = 2;
	bootstrap_paired(&(struct tally_set){ &t[0], 1 }, &(struct tally_set){ &t[1], 1 }, &o, &b,
			 &err);
	CHECK(a.lo != b.lo);
	tally_free(&t[0]);
	tally_free(&t[1]);
}

/* Means over runs: one system twice is the same system; a system minus itself is nothing. */
static void test_bootstrap_runs(void **state)
{
	struct tally t[3];
	struct interval a, b;
	struct err err = { 0 };
	double p;

	(void)state;
	invent(&t[0], 30, 8, .7, 5);
	invent(&t[1], 30, 8, .7, 5);
	invent(&t[2], 30, 8, .5, 6);
	CHECK(!bootstrap_system(&(struct tally_set){ t, 1 }, &usual, &a, &err));
	CHECK(!bootstrap_system(&(struct tally_set){ t, 2 }, &usual, &b, &err));
	CHECK(a.lo == b.lo && a.hi == b.hi);
	CHECK(!bootstrap_paired(&(struct tally_set){ t, 2 }, &(struct tally_set){ t, 1 }, &usual,
				&a, &err));
	CHECK(a.value == 0 && a.lo == 0 && a.hi == 0 && a.p == 1);
	CHECK(!randomization_test(&(struct tally_set){ t, 1 }, &(struct tally_set){ t + 1, 1 },
				  &usual, &p, &err));
	CHECK(p == 1);
	CHECK(!bootstrap_paired(&(struct tally_set){ t, 2 }, &(struct tally_set){ t + 2, 1 },
				&usual, &a, &err));
	CHECK(!bootstrap_paired(&(struct tally_set){ t + 2, 1 }, &(struct tally_set){ t, 2 },
				&usual, &b, &err));
	CHECK_NEAR(a.value, -b.value, 1e-15);
	CHECK_NEAR(a.lo, -b.hi, 1e-15);
	randomization_test(&(struct tally_set){ t, 2 }, &(struct tally_set){ t + 2, 1 }, &usual, &p,
			   &err);
	CHECK_ERR(&err, ERR_ARG, "2 runs against 1");
	for (int i = 0; i < 3; i++)
		tally_free(&t[i]);
}

static void test_randomization_exact(void **state)
{
	struct tally a, b;
	struct err err = { 0 };
	double p;

	(void)state;
	tally_init(&a, 2, 3, &err);
	tally_init(&b, 2, 3, &err);
	for (int g = 0; g < 3; g++)
		for (int i = 0; i < 4; i++) {
			tally_add(&a, g, i % 2, i % 2);
			tally_add(&b, g, i % 2, 1 - i % 2);
		}
	CHECK(!randomization_test(&(struct tally_set){ &a, 1 }, &(struct tally_set){ &b, 1 },
				  &usual, &p, &err));
	CHECK(p == .25);
	tally_free(&a);
	tally_free(&b);
}

static void test_bootstrap_refuses(void **state)
{
	struct tally a, b;
	struct bootstrap_options o = usual;
	struct interval out;
	struct err err = { 0 };

	(void)state;
	tally_init(&a, 2, 2, &err);
	bootstrap_system(&(struct tally_set){ &a, 1 }, &usual, &out, &err);
	CHECK_ERR(&err, ERR_DATA, "no sample");
	tally_init(&b, 2, 2, &err);
	tally_add(&a, 0, 0, 0);
	tally_add(&b, 0, 1, -1);
	bootstrap_paired(&(struct tally_set){ &a, 1 }, &(struct tally_set){ &b, 1 }, &usual, &out,
			 &err);
	CHECK_ERR(&err, ERR_DATA, "same samples");
	o.replicates = 0;
	bootstrap_system(&(struct tally_set){ &a, 1 }, &o, &out, &err);
	CHECK_ERR(&err, ERR_ARG, "0 replicates");
	CHECK(isnan(out.lo));
	bootstrap_system(&(struct tally_set){ &a, 0 }, &usual, &out, &err);
	CHECK_ERR(&err, ERR_ARG, "at least one run");
	tally_free(&b);
	tally_init(&b, 3, 2, &err);
	bootstrap_paired(&(struct tally_set){ &a, 1 }, &(struct tally_set){ &b, 1 }, &usual, &out,
			 &err);
	CHECK_ERR(&err, ERR_DATA, "against 2 over 2");
	tally_init(&(struct tally){ 0 }, LABEL_MAX + 1, 2, &err);
	CHECK_ERR(&err, ERR_ARG, "labels");
	tally_free(&a);
	tally_free(&b);
	tally_free(&b);
}

/* The interval of a system, and of a difference, holds the truth about 95 times in 100 although
 * utterances cluster, and randomization finds what is not there 5 times in 100; an interval that
 * takes utterances for independent fails (bench_scores has more of it). */
static void test_coverage(void **state)
{
	enum { TRIALS = 1000 };
	const struct clustered c = { 100, 9.32, 4, .62, .60, 1.2 };

	(void)state;
	for (enum metric m = METRIC_ACCURACY; m < METRIC_COUNT; m += METRIC_WEIGHTED_F1) {
		struct kept k = clustered_trials(&c, m, TRIALS, 200, 5);

		print_message("%s: %d, %d, %d and %d of %d\n", metric_name[m], k.interval,
			      k.difference, k.naive, k.rejected, TRIALS);
		CHECK(k.interval >= TRIALS * .93 && k.interval <= TRIALS * .97);
		CHECK(k.difference >= TRIALS * .93 && k.difference <= TRIALS * .97);
		CHECK(k.rejected >= TRIALS * .03 && k.rejected <= TRIALS * .07);
		CHECK(m != METRIC_ACCURACY || k.naive < TRIALS * .85);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worked_example),
		cmocka_unit_test(test_absent_class),
		cmocka_unit_test(test_one_class),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_calibration),
		cmocka_unit_test(test_percentiles),
		cmocka_unit_test(test_early_stopping),
		cmocka_unit_test(test_small_tests),
		cmocka_unit_test(test_roc_area),
		cmocka_unit_test(test_bootstrap_few_groups),
		cmocka_unit_test(test_bootstrap_error),
		cmocka_unit_test(test_bootstrap_label),
		cmocka_unit_test(test_bootstrap_threads),
		cmocka_unit_test(test_bootstrap_runs),
		cmocka_unit_test(test_randomization_exact),
		cmocka_unit_test(test_bootstrap_refuses),
		cmocka_unit_test(test_coverage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * The profiling engine over a back-end with known latencies and a clock of its own: queues
 * come out exactly, verdicts say why.
 */
#include "tests/test.h"

#include <signal.h>

#include "harness/base/log.h"
#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "harness/run/profile.h"

#define WORKERS 4

/* Answers sample i in cost[i % n_cost] seconds of the worker's own time. */
struct fake {
	double clock[WORKERS];
	const double *cost;
	int n_cost;
	int fails_at; /* sample, -1: none */
	int64_t calls, answered, longest;
	const int *group;
	bool mixed; /* a call held samples of two groups, or samples that are no neighbours */
	volatile sig_atomic_t stop;
	int64_t stop_after; /* calls; 0: never */
};

static int fake_answer(void *ctx, int worker, const int *sample, int n, struct profile_reply *reply,
		       struct err *err)
{
	struct fake *f = ctx;

	f->calls++;
	f->answered += n;
	f->longest = n > f->longest ? n : f->longest;
	for (int i = 0; i < n; i++) {
		f->clock[worker] += f->cost[sample[i] % f->n_cost];
		reply[i].label = sample[i] % 7;
		if (i && (sample[i] != sample[i - 1] + 1 ||
			  (f->group && f->group[sample[i]] != f->group[sample[i - 1]])))
			f->mixed = true;
		if (sample[i] == f->fails_at)
			err_set(err, ERR_BACKEND, "sample %d is out of order", sample[i]);
	}
	if (f->stop_after && f->calls >= f->stop_after)
		f->stop = 1;
	return err->code;
}

static double fake_now(void *ctx, int worker)
{
	return ((struct fake *)ctx)->clock[worker];
}

static void fake_wait(void *ctx, int worker, double until)
{
	struct fake *f = ctx;

	if (f->clock[worker] < until)
		f->clock[worker] = until;
}

static struct profile_backend backend(struct fake *f, int workers)
{
	return (struct profile_backend){ .ctx = f,
					 .workers = workers,
					 .answer = fake_answer,
					 .now = fake_now,
					 .wait = fake_wait,
					 .simulated = true };
}

static struct fake constant(const double *cost)
{
	return (struct fake){ .cost = cost, .n_cost = 1, .fails_at = -1, .clock = { 5, 5, 5, 5 } };
}

static struct profile_options options(enum scenario s, int64_t queries)
{
	return (struct profile_options){ .scenario = s,
					 .min_queries = queries,
					 .samples_per_query = 8,
					 .batch = 1,
					 .target_ms = 100,
					 .max_rate = 20000,
					 .precision = .01,
					 .speed = 1,
					 .seed_order = 3,
					 .seed_schedule = 4 };
}

static void run(struct profile_result *r, struct fake *f, int workers, int n,
		const struct profile_options *o)
{
	struct profile_set set = { .n = n, .group = f->group };
	struct profile_backend b = backend(f, workers);
	struct err err = { 0 };

	profile_run(&set, &b, o, r, &err);
	CHECK_OK(&err);
}

static void check_cause(const struct profile_result *r, int i, const char *required,
			const char *observed, const char *option)
{
	CHECK(i < r->n_cause);
	if (!strstr(r->cause[i].required, required) || !strstr(r->cause[i].observed, observed) ||
	    !strstr(r->cause[i].option, option))
		fail_msg("cause %d: %s | %s | %s", i, r->cause[i].required, r->cause[i].observed,
			 r->cause[i].option);
}

/* Latencies 1 ms, 2 ms, …: one permutation has each once, and the estimate is known. */
static void test_single_stream(void **state)
{
	static const struct {
		int n, index;
	} row[] = { { 64, 63 }, { 81, 79 }, { 100, 97 }, { 1000, 922 }, { 2610, 2385 } };
	double cost[2610];

	(void)state;
	for (int i = 0; i < 2610; i++)
		cost[i] = (i + 1) * 1e-3;
	for (size_t k = 0; k < ARRAY_LEN(row); k++) {
		struct fake f = { .cost = cost, .n_cost = row[k].n, .fails_at = -1 };
		struct profile_options o = options(SCENARIO_SINGLE, row[k].n);
		struct profile_result r;

		run(&r, &f, 1, row[k].n, &o);
		CHECK(r.queries == row[k].n && r.index == row[k].index && r.n_cause == 0);
		CHECK_NEAR(r.metric, row[k].index + 1, 1e-6);
		CHECK_NEAR(r.latency.max, row[k].n, 1e-6);
		CHECK_NEAR(r.event[0].scheduled, 0, 0);
		for (size_t i = 1; i < r.n; i++)
			CHECK(r.event[i].scheduled == r.event[i - 1].done);
		profile_result_free(&r);
	}
}

/* Duration is the last issue time; both minima must be reached, either maximum ends. */
static void test_ends(void **state)
{
	static const double cost = .0625;
	static const struct {
		double min_s, max_s;
		int64_t min, max, n;
	} row[] = {
		{ 0, 0, 100, 0, 100 },	   { 6.25, 0, 64, 0, 101 }, { 12.5, 0, 64, 0, 201 },
		{ 12.5, 0, 64, 150, 150 }, { 12.5, 5, 64, 0, 81 },  { 0, 5, 300, 0, 81 },
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(row); k++) {
		struct fake f = constant(&cost);
		struct profile_options o = options(SCENARIO_SINGLE, row[k].min);
		struct profile_result r;

		o.min_s = row[k].min_s;
		o.max_s = row[k].max_s;
		o.max_queries = row[k].max;
		run(&r, &f, 1, 10, &o);
		CHECK(r.queries == row[k].n);
		CHECK_NEAR(r.duration_s, (double)(row[k].n - 1) * cost, 1e-9);
		CHECK((r.n_cause > 0) == (k >= 3) && r.is_short);
		if (k == 3 || k == 4)
			check_cause(&r, 0, "duration of at least 12.5 s",
				    k == 3 ? "9.3125 s" : "5 s", "--duration lower");
		if (k == 5)
			check_cause(&r, 0, "at least 300 queries", "81", "--queries lower");
		profile_result_free(&r);
	}
}

static void test_early_stopping_short(void **state)
{
	static const double cost = .01, half = .0625;
	struct fake f = constant(&cost);
	struct profile_options o = options(SCENARIO_SINGLE, 63);
	struct profile_result r;

	(void)state;
	run(&r, &f, 1, 10, &o);
	CHECK(isnan(r.metric) && r.index == -1 && r.n_cause == 1);
	check_cause(&r, 0, "64 queries for p90", "63, 1 short", "--queries higher");
	profile_result_free(&r);
	f = constant(&cost);
	o = options(SCENARIO_MULTI, 600);
	run(&r, &f, 1, 10, &o);
	check_cause(&r, 0, "662 queries for p99", "600, 62 short", "--queries higher");
	profile_result_free(&r);
	f = constant(&cost);
	f = constant(&half);
	o.min_s = PROFILE_RULES_S; /* 8 samples of 1/16 s */
	run(&r, &f, 1, 10, &o);
	CHECK(r.queries == 1201 && !r.is_short && r.n_cause == 0);
	profile_result_free(&r);
}

/* Eight neighbours a query; the slowest sample counts; workers share them. */
static void test_multi_stream(void **state)
{
	static const double cost[] = { .001, .002, .003, .004, .005, .006, .007, .008 };

	(void)state;
	for (int workers = 1; workers <= 4; workers *= 2) {
		/* in order of issue to whoever is free first */
		const double want = workers == 1 ? 36 : workers == 2 ? 20 : 12;
		struct fake f = { .cost = cost, .n_cost = 8, .fails_at = -1 };
		struct profile_options o = options(SCENARIO_MULTI, 662);
		int seen[5] = { 0 };
		struct profile_result r;

		run(&r, &f, workers, 40, &o);
		CHECK(r.queries == 662 && r.n == 662 * 8 && r.index == 661 && r.n_cause == 0);
		CHECK_NEAR(r.metric, want, 1e-6);
		CHECK_NEAR(r.latency.min, want, 1e-6);
		for (size_t i = 0; i < r.n; i++) {
			CHECK(r.event[i].query == (int64_t)i / 8);
			CHECK(r.event[i].sample % 8 == (int)(i % 8));
			if (i < 40)
				seen[r.event[i].sample / 8]++;
		}
		for (int b = 0; b < 5; b++)
			CHECK(seen[b] == 8);
		profile_result_free(&r);
	}
}

/* Every n samples in a row are a permutation, other seeds give others, and the same the same. */
static void test_order(void **state)
{
	static const double cost = .001;
	int first[3][50];

	(void)state;
	for (int k = 0; k < 3; k++) {
		struct fake f = constant(&cost);
		struct profile_options o = options(SCENARIO_SINGLE, 500);
		struct profile_result r;
		int seen[50] = { 0 };

		o.seed_order = k == 2 ? 9 : 3;
		run(&r, &f, 1, 50, &o);
		for (int i = 0; i < 500; i++) {
			if (i < 50)
				first[k][i] = r.event[i].sample;
			CHECK(seen[r.event[i].sample]++ == i / 50);
		}
		CHECK(memcmp(&r.event[0].sample, &r.event[50].sample, sizeof(int)) != 0 ||
		      r.event[1].sample != r.event[51].sample);
		profile_result_free(&r);
	}
	CHECK(!memcmp(first[0], first[1], sizeof(first[0])));
	CHECK(memcmp(first[0], first[2], sizeof(first[0])) != 0);
}

/* First come first served, recomputed here from the arrivals: start = max(arrival, the
 * earliest time at which a worker is free). */
static void test_server_queue(void **state)
{
	double cost[100];

	(void)state;
	for (int i = 0; i < 100; i++)
		cost[i] = 1e-3 * (1 + (i * 37) % 23);
	for (int workers = 1; workers <= 3; workers++) {
		struct fake f = { .cost = cost, .n_cost = 100, .fails_at = -1 };
		struct profile_options o = options(SCENARIO_SERVER, 2000);
		double free_at[3] = { 0 }, t = 0;
		struct profile_result r;
		struct rng rng;

		o.rate = workers * 70;
		run(&r, &f, workers, 100, &o);
		rng_seed(&rng, o.seed_schedule, 0);
		CHECK(r.n == 2000 && r.planned == 2000);
		for (int i = 0; i < 2000; i++) {
			int w = 0;

			t += -log(1 - rng_uniform(&rng)) / o.rate;
			for (int k = 1; k < workers; k++)
				w = free_at[k] < free_at[w] ? k : w;
			CHECK_NEAR(r.event[i].scheduled, t, 1e-9);
			free_at[w] = fmax(free_at[w], t) + cost[r.event[i].sample];
			CHECK_NEAR(r.event[i].done, free_at[w], 1e-9);
		}
		CHECK_NEAR(r.duration_s, t, 1e-9);
		profile_result_free(&r);
	}
}

/* Mean wait of M/D/1 is rho s / (2 (1 - rho)) (Pollaczek and Khinchine). */
static void test_server_theory(void **state)
{
	static const double cost = .01;
	struct fake f = constant(&cost);
	struct profile_options o = options(SCENARIO_SERVER, 400000);
	struct profile_result r;

	(void)state;
	o.rate = 50;
	o.target_ms = 1000;
	run(&r, &f, 1, 100, &o);
	CHECK_NEAR(r.latency.mean, 10 + .5 * 10 / (2 * .5), .1);
	CHECK(r.n_cause == 0 && r.over == 0);
	CHECK_NEAR(r.metric, 50, 0);
	profile_result_free(&r);
}

/* The rate found keeps the target, one a little higher does not, with the same schedule seed. */
static void test_server_search(void **state)
{
	static const double cost = .004;

	(void)state;
	for (int workers = 1; workers <= 2; workers++) {
		struct profile_options o = options(SCENARIO_SERVER, 2610);
		struct fake f = constant(&cost);
		struct profile_result r;
		double rate, lowest_fail = INFINITY;

		o.target_ms = 20;
		o.warmup = 2;
		o.min_s = 5;
		run(&r, &f, workers, 64, &o);
		rate = r.metric;
		CHECK(r.n_cause == 0 && r.n_probe > 3 && rate < workers / cost);
		CHECK_NEAR(r.probe[0].rate, workers / cost / 2, 1e-9);
		CHECK(r.over <= 14 && r.latency.p99 <= 20 && r.duration_s >= 5);
		for (int i = 0; i < r.n_probe; i++) {
			CHECK(r.probe[i].pass == (r.probe[i].rate <= rate));
			if (!r.probe[i].pass)
				lowest_fail = fmin(lowest_fail, r.probe[i].rate);
		}
		CHECK(lowest_fail <= rate * 1.01);
		profile_result_free(&r);
		o.rate = lowest_fail;
		f = constant(&cost);
		run(&r, &f, workers, 64, &o);
		CHECK(isnan(r.metric) && !r.cut && r.n_cause > 0);
		check_cause(&r, r.n_cause - 1, "p99 of at most 20 ms", "queries/s", "--rate lower");
		check_cause(&r, 0, "early stopping", "short", "--queries higher");
		profile_result_free(&r);
	}
}

static void test_server_bounds(void **state)
{
	static const double slow = .5, fast = 1e-6;
	struct profile_options o = options(SCENARIO_SERVER, 662);
	struct fake f = constant(&slow);
	struct profile_result r;

	(void)state;
	o.warmup = 1;
	run(&r, &f, 1, 10, &o); /* no rate will do */
	CHECK(isnan(r.metric) && r.n_probe == 1 && r.cut && r.n < 20 && r.n_cause == 1);
	check_cause(&r, 0, "p99 of at most 100 ms at some rate", "cut short", "--target-ms higher");
	profile_result_free(&r);
	f = constant(&fast);
	o.max_rate = 1000;
	run(&r, &f, 1, 10, &o);
	CHECK_NEAR(r.metric, 1000, 0);
	CHECK(r.n_probe == 1 && r.n_cause == 0);
	profile_result_free(&r);
	f = constant(&fast);
	o.expected_rate = 10;
	run(&r, &f, 1, 10, &o); /* 10 20 40 … 640 1000 */
	CHECK(r.n_probe == 8 && r.probe[7].rate == 1000);
	profile_result_free(&r);
	f = constant(&fast);
	f.fails_at = 3;
	o.warmup = 0;
	run(&r, &f, 1, 10, &o);
	CHECK(r.n_probe == 1 && r.failed > 0 && strstr(r.first_failure, "out of order"));
	profile_result_free(&r);
}

static void test_offline(void **state)
{
	static const double cost[] = { .001, .003 };
	static const int group[] = { 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2 };
	struct fake f = { .cost = cost, .n_cost = 2, .fails_at = -1 };
	struct profile_options o = options(SCENARIO_OFFLINE, 1200);
	struct profile_result r;

	(void)state;
	run(&r, &f, 1, 12, &o);
	CHECK(r.n == 1200 && r.queries == 1 && r.n_cause == 0 && r.is_short);
	CHECK_NEAR(r.metric, 500, 1e-9);
	CHECK_NEAR(r.duration_s, 2.4, 1e-9);
	CHECK_NEAR(r.latency.max, 2400, 1e-6);
	profile_result_free(&r);
	/* batches are neighbours of one group, every sample comes as often as any other */
	f = (struct fake){ .cost = cost, .n_cost = 1, .fails_at = -1, .group = group };
	o.batch = 4;
	run(&r, &f, 2, 12, &o);
	CHECK(!f.mixed && f.longest == 4 && f.calls == 400); /* 4+1, 3, 4 */
	CHECK_NEAR(r.metric, 2000, 20);
	profile_result_free(&r);
	/* sized by the expected rate: 1.1 * 2 s * 1000; the warm-up tells it too, with reserve */
	f = constant(cost);
	o = options(SCENARIO_OFFLINE, 12);
	o.min_s = 2;
	o.expected_rate = 1000;
	run(&r, &f, 1, 12, &o);
	CHECK(r.n == 2200 && r.n_cause == 0);
	profile_result_free(&r);
	o.expected_rate = 0;
	o.warmup = 3;
	f = constant(cost);
	run(&r, &f, 2, 12, &o);
	CHECK(r.n == 6600);
	CHECK_NEAR(r.warm_s, .001, 1e-9);
	profile_result_free(&r);
	o.max_s = 1;
	f = constant(cost);
	run(&r, &f, 1, 12, &o);
	CHECK(r.cut && r.n == 1000 && r.n_cause == 2);
	check_cause(&r, 0, "duration of at least 2 s", "1 s", "--offline-samples");
	check_cause(&r, 1, "all 3300 samples", "1000", "--max-duration");
	profile_result_free(&r);
}

/* Two dialogues: utterances end at 1 and 3 s of 4, and at 2 and 2.5 s of 3. */
static void test_live(void **state)
{
	static const int group[] = { 0, 0, 1, 1 };
	static const double seconds[] = { 1, 2, 2, 2.5 }, end_s[] = { 1, 3, 2, 2.5 },
			    group_s[] = { 4, 3 }, cost = .75;
	struct profile_set set = {
		.n = 4, .group = group, .seconds = seconds, .end_s = end_s, .group_s = group_s
	};
	struct fake f = constant(&cost);
	struct profile_backend b = backend(&f, 1);
	struct profile_options o = options(SCENARIO_LIVE, 80);
	struct err err = { 0 };
	struct profile_result r;
	double base = 0;

	(void)state;
	profile_run(&set, &b, &o, &r, &err);
	CHECK_OK(&err);
	CHECK(r.n == 80 && r.n_cause == 0 && !r.is_short);
	for (size_t i = 0; i < 80; i += 2) {
		const int s = r.event[i].sample;

		CHECK((s == 0 || s == 2) && r.event[i + 1].sample == s + 1);
		CHECK_NEAR(r.event[i].scheduled, base + end_s[s], 1e-9);
		CHECK_NEAR(r.event[i + 1].scheduled, base + end_s[s + 1], 1e-9);
		CHECK_NEAR(r.event[i].done - r.event[i].scheduled, .75, 1e-9);
		CHECK_NEAR(r.event[i + 1].done - r.event[i + 1].scheduled, s ? 1 : .75, 1e-9);
		base += group_s[s / 2];
	}
	CHECK(r.late == 20); /* once each time the second dialogue is played */
	CHECK_NEAR(r.spoken_s, 20 * 7.5, 1e-9);
	CHECK_NEAR(r.real_time_factor, 80 * .75 / 150, 1e-9);
	CHECK_NEAR(r.metric, 1000, 1e-6);
	profile_result_free(&r);
	o.speed = 10; /* too fast for it: the queue grows, the factor stays */
	f = constant(&cost);
	profile_run(&set, &b, &o, &r, &err);
	CHECK_OK(&err);
	CHECK(r.late == 79 && r.latency.max > 30000 && r.is_short);
	CHECK_NEAR(r.real_time_factor, .4, 1e-9);
	profile_result_free(&r);
	set.seconds = NULL;
	profile_run(&set, &b, &o, &r, &err);
	CHECK_ERR(&err, ERR_ARG, "how long");
	profile_result_free(&r);
}

static void test_failures(void **state)
{
	static const double cost = .01;
	struct fake f = constant(&cost);
	struct profile_options o = options(SCENARIO_SINGLE, 100);
	struct profile_set set = { .n = 10 };
	struct profile_backend b = backend(&f, 1);
	struct err err = { 0 };
	struct profile_result r;

	(void)state;
	f.fails_at = 7;
	run(&r, &f, 1, 10, &o);
	CHECK(r.failed == 10 && r.n_cause == 1 &&
	      !strcmp(r.first_failure, "sample 7 is out of order"));
	check_cause(&r, 0, "no failed query", "10 samples", "first failure");
	profile_result_free(&r);
	o.warmup = 100;
	profile_run(&set, &b, &o, &r, &err);
	CHECK_ERR(&err, ERR_BACKEND, "warm-up: sample 7");
	profile_result_free(&r);
	f = constant(&cost);
	f.stop_after = 30;
	o.warmup = 0;
	o.stop = &f.stop;
	profile_run(&set, &b, &o, &r, &err);
	CHECK_ERR(&err, ERR_INTERRUPTED, "interrupted");
	CHECK(f.calls == 30);
	profile_result_free(&r);
	o.stop = NULL;
	o.batch = 0;
	profile_run(&set, &b, &o, &r, &err);
	CHECK_ERR(&err, ERR_ARG, "--batch");
	profile_result_free(&r);
}

/* Threads and the real clock: nothing is lost and nothing answered twice. */
struct real {
	_Atomic int64_t answered[50];
};

static int real_answer(void *ctx, int worker, const int *sample, int n, struct profile_reply *reply,
		       struct err *err)
{
	struct real *b = ctx;

	(void)worker;
	(void)reply;
	(void)err;
	for (int i = 0; i < n; i++)
		b->answered[sample[i]]++;
	return 0;
}

static double real_now(void *ctx, int worker)
{
	(void)ctx;
	(void)worker;
	return clock_s();
}

static void real_wait(void *ctx, int worker, double until)
{
	(void)ctx;
	(void)worker;
	while (clock_s() < until)
		;
}

static void test_threads(void **state)
{
	struct profile_set set = { .n = 50 };

	(void)state;
	for (int s = 0; s < SCENARIO_LIVE; s++) {
		struct profile_options o = options((enum scenario)s, 200);
		struct real ctx = { { 0 } };
		struct profile_backend b = { .ctx = &ctx,
					     .workers = 4,
					     .answer = real_answer,
					     .now = real_now,
					     .wait = real_wait };
		struct err err = { 0 };
		struct profile_result r;
		int64_t sum = 0;

		o.rate = 1e5;
		o.samples_per_query = 5;
		profile_run(&set, &b, &o, &r, &err);
		CHECK_OK(&err);
		CHECK(r.n == (s == SCENARIO_MULTI ? 1000 : 200));
		for (int i = 0; i < 50; i++) {
			CHECK(ctx.answered[i] == (int64_t)r.n / 50);
			sum += ctx.answered[i];
		}
		CHECK(sum == (int64_t)r.n);
		for (size_t i = 0; i < r.n; i++)
			CHECK(r.event[i].started >= r.event[i].scheduled &&
			      r.event[i].done >= r.event[i].started);
		profile_result_free(&r);
	}
}

static void test_draw(void **state)
{
	struct err err = { 0 };
	int *a, *b, n, m, same = 0;

	(void)state;
	profile_draw(1000, 100, 1, &a, &n, &err);
	profile_draw(1000, 100, 2, &b, &m, &err);
	CHECK_OK(&err);
	CHECK(n == 100 && m == 100);
	for (int i = 0; i < 100; i++) {
		CHECK(a[i] >= 0 && a[i] < 1000 && (!i || a[i] > a[i - 1]));
		same += a[i] == b[i];
	}
	CHECK(same < 50);
	free(a);
	free(b);
	profile_draw(5, 9, 1, &a, &n, &err);
	CHECK(n == 5 && a[0] == 0 && a[4] == 4);
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_stream),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_early_stopping_short),
		cmocka_unit_test(test_multi_stream),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_server_queue),
		cmocka_unit_test(test_server_theory),
		cmocka_unit_test(test_server_search),
		cmocka_unit_test(test_server_bounds),
		cmocka_unit_test(test_offline),
		cmocka_unit_test(test_live),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_draw),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * How much and how fast: what asks would take, how many may be in flight, and lines for who
 * measures.
 */
#include "tests/talk.h"

#include <pthread.h>

#include "harness/remote/adaptive.h"
#include "tests/mock.h"

/* --- lines ----------------------------------------------------------------------------------- */

#define LINES 4

struct caller {
	const struct carrier *c;
	void *line;
	struct talk talk;
	struct err err;
};

/* Says all asks of a talk, one after the other. */
static void *call(void *ctx)
{
	struct caller *k = ctx;

	for (int i = 0; i < ASKS && !k->err.code; i++) {
		const struct ask *ask = talk_make(&k->talk);
		struct arena mem = { 0 };
		struct reply r;

		if (!k->c->say(k->line, ask, &mem, &r, &k->err) && r.status == ANSWER_OK &&
		    r.attempts == 1 &&
		    str_format(k->talk.reply[i], sizeof(k->talk.reply[i]), "%s", r.text))
			k->talk.got++;
		arena_free(&mem);
	}
	return NULL;
}

/* Several threads, each with its own line, get what a run gets. */
static void check_lines(const char *spec, const char *dir)
{
	const struct carrier_options usual = { 0 };
	struct caller *k = calloc(LINES, sizeof(*k));
	struct strbuf served = { 0 }, other = { 0 };
	pthread_t thread[LINES];
	struct ask_counts counts;
	struct err err = { 0 };
	struct carrier c;
	struct talk *want;

	carrier_open(&c, spec, &usual, &err);
	CHECK_OK(&err);
	CHECK(k != NULL);
	for (int i = 0; i < LINES; i++) {
		strbuf_reset(&other);
		k[i].c = &c;
		k[i].line = c.line(c.ctx, i ? 0 : ASK_NEEDS_MODE(ASK_GENERATE), &other, &err);
		CHECK_OK(&err);
	}
	for (int i = 0; i < LINES; i++)
		CHECK(!pthread_create(&thread[i], NULL, call, &k[i]));
	for (int i = 0; i < LINES; i++)
		CHECK(!pthread_join(thread[i], NULL));
	want = carry(&c, dir, &counts, &served, &err);
	CHECK_OK(&err);
	assert_string_equal(strbuf_str(&other), strbuf_str(&served));
	for (int i = 0; i < LINES; i++) {
		CHECK_OK(&k[i].err);
		CHECK(k[i].talk.got == ASKS);
		CHECK(!memcmp(k[i].talk.reply, want->reply, sizeof(want->reply)));
		c.hang_up(k[i].line);
	}
	c.hang_up(NULL);
	carrier_close(&c);
	strbuf_free(&served);
	strbuf_free(&other);
	free(want);
	free(k);
}

/* A line sends nothing twice: what went wrong once is told. */
static void check_once(const char *spec, const char *text, enum reply_cause cause,
		       const struct mock *m)
{
	const struct carrier_options o = { .limit_s = 5 };
	const struct ask_part part = { .type = ASK_TEXT, .data = text, .size = strlen(text) };
	const struct ask_message message = { "user", &part, 1 };
	const struct ask ask = { .id = "x",
				 .task = "",
				 .settings = "",
				 .message = &message,
				 .n_messages = 1,
				 .sampling = ask_sampling_default };
	struct strbuf served = { 0 };
	struct arena mem = { 0 };
	struct err err = { 0 };
	struct carrier c;
	struct reply r;
	long before;
	void *line;

	carrier_open(&c, spec, &o, &err);
	line = c.line(c.ctx, 0, &served, &err);
	CHECK_OK(&err);
	before = mock_asked(m);
	c.say(line, &ask, &mem, &r, &err);
	CHECK_OK(&err);
	CHECK(r.status == ANSWER_BACKEND_FAIL && r.cause == cause && r.attempts == 1);
	CHECK(mock_asked(m) <= before + 1);
	arena_free(&mem);
	c.hang_up(line);
	carrier_close(&c);
	strbuf_free(&served);
}

static void test_lines(void **state)
{
	const struct mock_options mo = { .delay_s = .001 };
	struct mock *m = mock_start(&mo);
	char *dir = scratch_make(), *path = path_join(dir, "p.json"), *a = path_join(dir, "a"),
	     *b = path_join(dir, "b");

	(void)state;
	CHECK(m != NULL);
	write_profile(path, mock_port(m), "mock", "");
	check_lines(path, a);
	check_lines("exec:scripts/examples/exec_majority.sh", b);
	write_profile(path, mock_port(m), "mock", ",\"adaptive\":{}");
	check_once(path, "case=flaky", CAUSE_SERVER, m);
	check_once(path, "case=rate", CAUSE_RATE, m);
	check_once("exec:echo '{\"ready\":true}'; read -r l; exit 1", "x", CAUSE_CRASH, m);
	mock_stop(m);
	free(path);
	free(a);
	free(b);
	scratch_remove(dir);
}

/* --- estimates ------------------------------------------------------------------------------- */

static struct ask_estimate estimate(const char *spec, const struct ask *ask)
{
	const struct carrier_options usual = { 0 };
	struct ask_estimate sum = { 0 };
	struct err err = { 0 };
	struct carrier c;

	carrier_open(&c, spec, &usual, &err);
	CHECK_OK(&err);
	c.estimate(c.ctx, ask, &sum);
	carrier_close(&c);
	return sum;
}

static void test_estimate(void **state)
{
	/* two seconds of sound behind a header of 44 bytes */
	static char wav[44 + 64000];
	static const char *const option[] = { "joy", "anger" };
	const struct ask_part part[] = {
		{ .type = ASK_JPEG },
		{ .type = ASK_JPEG, .data = wav, .size = 9 },
		{ .type = ASK_WAV, .data = wav, .size = sizeof(wav) },
		{ .type = ASK_WAV },
		{ .type = ASK_VIDEO },
		{ .type = ASK_TEXT, .data = "twelve bytes", .size = 12 },
	};
	const struct ask_message message = { "user", part, 6 }, words = { "user", part + 5, 1 };
	struct ask ask = { .id = "a",
			   .message = &message,
			   .n_messages = 1,
			   .sampling = ask_sampling_default,
			   .media = { .frames = 3, .seconds = 5 } };
	char *dir = scratch_make(), *path = path_join(dir, "p.json");
	const struct carrier_options usual = { 0 };
	struct err err = { 0 };
	struct ask_estimate e;
	struct carrier c;

	(void)state;
	/* 4 of the message, 4 pictures, 2 + 5 seconds of sound, 5 of video, 3 of the text */
	e = estimate("exec:x", &ask);
	CHECK(e.requests == 1 && e.completion_tokens == 16 && e.cost == 0);
	CHECK(e.prompt_tokens == 4 + 4 * 85 + 7 * 10 + 5 * 170 + 3);
	write_profile(path, 1, "p",
		      ",\"estimate\":{\"bytes_per_token\":2,\"image_tokens\":1000,"
		      "\"sound_tokens_per_s\":0,\"video_tokens_per_s\":1},"
		      "\"price\":{\"prompt_per_million\":1,\"completion_per_million\":1000}");
	e = estimate(path, &ask);
	CHECK(e.prompt_tokens == 4 + 4000 + 5 + 6);
	CHECK_NEAR(e.cost, (4015 + 16 * 1000) * 1e-6, 1e-12);
	/* a request for each option: " joy" and " anger" take two and three tokens more */
	ask.message = &words;
	ask.mode = ASK_LIKELIHOOD;
	ask.option = option;
	ask.n_options = 2;
	e = estimate(path, &ask);
	CHECK(e.requests == 2 && e.prompt_tokens == 12 + 13 && e.completion_tokens == 2);
	write_profile(path, 1, "p", ",\"estimate\":{\"bytes_per_token\":0}");
	carrier_open(&c, path, &usual, &err);
	CHECK_ERR(&err, ERR_FORMAT, "\"bytes_per_token\" must be a number");
	carrier_close(&c);
	free(path);
	scratch_remove(dir);
}

/* --- adaptive concurrency -------------------------------------------------------------------- */

/* n requests that end well one after another, from time now on. */
static double all_well(struct adaptive *a, int n, double latency, double now)
{
	for (int i = 0; i < n; i++, now += 1)
		adaptive_note(a, ADAPTIVE_WELL, now, latency, now + .5);
	return now;
}

static void test_adaptive_rule(void **state)
{
	const struct adaptive_rule rule = { true, 2, 30, 1 };
	struct adaptive a = { 0 };
	struct err err = { 0 };
	double now = 0;

	(void)state;
	adaptive_note(&a, ADAPTIVE_FAILURE, 0, 0, 0);
	CHECK(a.limit == 0);
	CHECK(!adaptive_open(&a, &rule, 8, NULL, now, &err) && a.limit == 8);
	/* one more a round, and a round has as many replies as may fly, 20 at least */
	now = all_well(&a, 19, .1, now);
	CHECK(a.limit == 8);
	now = all_well(&a, 1, .1, now);
	CHECK(a.limit == 9);
	now = all_well(&a, 12 * 20, .1, now);
	CHECK(a.limit == 21);
	now = all_well(&a, 20, .1, now);
	CHECK(a.limit == 21);
	now = all_well(&a, 1, .1, now);
	CHECK(a.limit == 22);
	now = all_well(&a, 1000, .1, now);
	CHECK(a.limit == 30 && a.most == 30 && a.halved == 0);
	/* one failure halves; what was sent before it does not count again */
	adaptive_note(&a, ADAPTIVE_FAILURE, now, 0, now + 1);
	CHECK(a.limit == 15 && a.halved == 1);
	for (int i = 0; i < 14; i++)
		adaptive_note(&a, i % 2 ? ADAPTIVE_RATE : ADAPTIVE_WELL, now, 0, now + 1.5);
	CHECK(a.limit == 15);
	now += 2;
	adaptive_note(&a, ADAPTIVE_RATE, now, 0, now + 1);
	CHECK(a.limit == 7 && a.halved == 2);
	/* one slow reply of twenty is borne, two are not */
	now = all_well(&a, 1, 5, now + 2);
	now = all_well(&a, 19, 1, now);
	CHECK(a.limit == 8);
	now = all_well(&a, 2, 5, now);
	now = all_well(&a, 18, 1, now);
	CHECK(a.limit == 4 && a.halved == 3);
	for (int i = 0; i < 3; i++, now += 2)
		adaptive_note(&a, ADAPTIVE_FAILURE, now, 0, now + 1);
	CHECK(a.limit == 2 && a.least == 2 && a.halved == 4);
	CHECK(!adaptive_close(&a, now, &err));
}

/* The history of a run: its last line says what it came to. */
static void check_history(const char *dir, int limit, const char *why)
{
	char *path = path_join(dir, "adaptive.jsonl"), *text, want[60];
	struct err err = { 0 };
	size_t n;

	io_read_file(path, 1 << 20, &text, &n, &err);
	CHECK_OK(&err);
	CHECK(str_starts(text, "{\"t_s\":") && strstr(text, "\"why\":\"start\",\"in_flight\":8,"));
	CHECK(str_format(want, sizeof(want), "\"why\":\"end\",\"in_flight\":%d,", limit));
	CHECK(strstr(text, want) && strstr(text, why));
	free(text);
	free(path);
}

static void carry_adaptive(const char *path, const char *dir, struct ask_counts *counts)
{
	const struct carrier_options o = { .adaptive = true };
	struct strbuf served = { 0 };
	struct err err = { 0 };
	struct carrier c;

	carrier_open(&c, path, &o, &err);
	CHECK_OK(&err);
	free(carry(&c, dir, counts, &served, &err));
	CHECK_OK(&err);
	CHECK(counts->status[ANSWER_OK] == ASKS);
	carrier_close(&c);
	strbuf_free(&served);
}

static void test_adaptive(void **state)
{
	const struct mock_options mo = { .delay_s = .02 };
	struct mock *m = mock_start(&mo);
	char *dir = scratch_make(), *path = path_join(dir, "p.json"), *a = path_join(dir, "a"),
	     *b = path_join(dir, "b");
	const struct carrier_options o = { .adaptive = true };
	struct ask_counts counts;
	struct err err = { 0 };
	struct carrier c;

	(void)state;
	CHECK(m != NULL);
	write_profile(path, mock_port(m), "mock", "");
	carry_adaptive(path, a, &counts);
	CHECK(counts.flying_least == 8 && counts.flying_most == 10 && counts.flying_halved == 0);
	CHECK(mock_most(m) <= 10);
	check_history(a, 10, "\"why\":\"well\"");
	/* slower than wanted: two rounds are halved */
	write_profile(path, mock_port(m), "mock",
		      ",\"adaptive\":{\"min\":3,\"target_p95_s\":0.01}");
	carry_adaptive(path, b, &counts);
	CHECK(counts.flying_least < 8 && counts.flying_least >= 3 && counts.flying_most == 8);
	check_history(b, counts.flying_least, "\"why\":\"latency\"");
	carrier_open(&c, "exec:true", &o, &err);
	CHECK_ERR(&err, ERR_ARG, "adaptive concurrency is for servers");
	carrier_close(&c);
	write_profile(path, 1, "mock", ",\"adaptive\":{\"min\":5,\"max\":4}");
	carrier_open(&c, path, &o, &err);
	CHECK_ERR(&err, ERR_FORMAT, "\"max\"");
	carrier_close(&c);
	mock_stop(m);
	free(path);
	free(a);
	free(b);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_estimate),
		cmocka_unit_test(test_adaptive_rule),
		cmocka_unit_test(test_adaptive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

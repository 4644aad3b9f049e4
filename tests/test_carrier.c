/* SPDX-License-Identifier: Apache-2.0
 * Carriers: what a user writes becomes a way to a model; the same in a child of who opened it.
 */
#include "tests/test.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/json.h"
#include "harness/remote/adaptive.h"
#include "harness/remote/carrier.h"
#include "harness/remote/ready.h"
#include "tests/mock.h"

#define ASKS 40

/* Numbered asks, in order, and the replies to them. */
struct talk {
	int given, got, n;
	struct ask ask[ASKS];
	struct ask_part part[ASKS];
	struct ask_message message[ASKS];
	char id[ASKS][8], text[ASKS][40];
	char reply[ASKS][16];
};

static const struct ask *talk_make(struct talk *t)
{
	const int i = t->given++;

	CHECK(str_format(t->id[i], sizeof(t->id[i]), "s%02d", i));
	CHECK(str_format(t->text[i], sizeof(t->text[i]), "ask:s%02d how does she feel?", i));
	t->part[i] = (struct ask_part){ .type = ASK_TEXT,
					.data = t->text[i],
					.size = strlen(t->text[i]) };
	t->message[i] = (struct ask_message){ "user", &t->part[i], 1 };
	t->ask[i] = (struct ask){ .id = t->id[i],
				  .task = "",
				  .settings = "",
				  .message = &t->message[i],
				  .n_messages = 1,
				  .sampling = ask_sampling_default };
	return &t->ask[i];
}

static enum ask_next talk_next(void *ctx, const struct ask **out, struct err *err)
{
	struct talk *t = ctx;

	(void)err;
	if (t->given == t->n)
		return ASK_END;
	*out = talk_make(t);
	return ASK_READY;
}

static int talk_put(void *ctx, const struct ask *ask, const struct reply *r, struct err *err)
{
	struct talk *t = ctx;

	CHECK(ask == &t->ask[t->got]);
	CHECK(str_format(t->reply[t->got++], sizeof(t->reply[0]), "%s", r->text));
	return err->code;
}

static struct talk *carry(const struct carrier *c, const char *dir, struct ask_counts *counts,
			  struct strbuf *served, struct err *err)
{
	struct talk *t = calloc(1, sizeof(*t));
	const struct ask_source source = { .next = talk_next, .ctx = t };
	const struct ask_sink sink = { talk_put, NULL, t };

	CHECK(t != NULL);
	t->n = ASKS;
	c->carry(c->ctx, dir, ASK_NEEDS_MODE(ASK_GENERATE), ASKS, &source, &sink, counts, served,
		 err);
	return t;
}

static void write_text(const char *path, const char *text)
{
	struct err err = { 0 };

	io_write_atomic(path, text, strlen(text), &err);
	CHECK_OK(&err);
}

static void write_profile(const char *path, int port, const char *name, const char *more)
{
	struct strbuf b = { 0 };

	strbuf_addf(&b,
		    "{\"schema_version\":1,\"name\":\"%s\",\"dialect\":\"vllm\",\"model\":"
		    "\"mock-1\",\"base_url\":\"http://127.0.0.1:%d/v1\",\"retry\":{\"max\":0}%s}",
		    name, port, more);
	write_text(path, strbuf_str(&b));
	strbuf_free(&b);
}

static void check_name(const char *spec, const char *want)
{
	const struct carrier_options usual = { 0 };
	struct err err = { 0 };
	struct carrier c;

	carrier_open(&c, spec, &usual, &err);
	CHECK_OK(&err);
	assert_string_equal(c.name, want);
	carrier_close(&c);
}

static void test_open(void **state)
{
	const struct carrier_options usual = { 0 };
	char *dir = scratch_make(), *path = path_join(dir, "p.json"), spec[200];
	struct err err = { 0 };
	struct carrier c;

	(void)state;
	write_profile(path, 1, ".my model/2 (q4)", "");
	check_name(path, "_my_model_2__q4_");
	check_name("exec:LABEL=joy X=1 /opt/a=b/run.sh --model x", "run.sh");
	check_name("exec:python3 mine.py", "python3");
	CHECK(str_format(spec, sizeof(spec), "replay:%s/said.jsonl", dir));
	write_text(spec + 7, "{\"id\":\"a\",\"text\":\"joy\"}\n");
	check_name(spec, "said.jsonl");
	carrier_open(&c, "exec:", &usual, &err);
	CHECK_ERR(&err, ERR_ARG, "name a command");
	carrier_close(&c);
	carrier_open(&c, "no-such.json", &usual, &err);
	CHECK_ERR(&err, ERR_MISSING, "no-such.json");
	carrier_close(&c);
	carrier_close(&c);
	free(path);
	scratch_remove(dir);
}

/* In a child: all replies are those of the parent. */
static void carry_in_child(const struct carrier *c, const char *dir, const struct talk *want)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		struct strbuf served = { 0 };
		struct ask_counts counts;
		struct err err = { 0 };
		struct talk *t = carry(c, dir, &counts, &served, &err);
		bool same = !err.code && !memcmp(t->reply, want->reply, sizeof(t->reply)) &&
			    counts.kept == 0;

		strbuf_free(&served);
		free(t);
		_exit(same ? 0 : 1);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	CHECK(WEXITSTATUS(status) == 0);
}

static void test_http(void **state)
{
	const struct mock_options mo = { 0 };
	const struct carrier_options usual = { 0 };
	struct mock *m = mock_start(&mo);
	char *dir = scratch_make(), *path = path_join(dir, "p.json"), *runs = path_join(dir, "a/b"),
	     *other = path_join(dir, "c");
	struct strbuf served = { 0 };
	struct ask_counts counts;
	struct err err = { 0 };
	struct carrier c;
	struct talk *t;

	(void)state;
	CHECK(m != NULL);
	write_profile(path, mock_port(m), "mock", "");
	carrier_open(&c, path, &usual, &err);
	CHECK_OK(&err);
	assert_string_equal(c.backend, "http");
	CHECK(mock_asked(m) == 0 && !strstr(c.identity, "served"));
	t = carry(&c, runs, &counts, &served, &err);
	CHECK_OK(&err);
	CHECK(counts.asks == ASKS && counts.kept == 0 && mock_asked(m) == ASKS);
	CHECK(strstr(strbuf_str(&served), "\"served\":{\"id\":\"mock-1\""));
	carry_in_child(&c, other, t);
	CHECK(mock_asked(m) == 2 * ASKS);
	free(t);
	/* the same folder again: nothing is sent */
	t = carry(&c, runs, &counts, &served, &err);
	CHECK_OK(&err);
	CHECK(counts.kept == ASKS && mock_asked(m) == 2 * ASKS);
	free(t);
	/* the profile became another */
	write_profile(path, mock_port(m), "mock", ",\"revision\":\"2\"");
	free(carry(&c, runs, &counts, &served, &err));
	CHECK_ERR(&err, ERR_BACKEND, "another model than when the run began");
	carrier_close(&c);
	strbuf_free(&served);
	mock_stop(m);
	free(path);
	free(runs);
	free(other);
	scratch_remove(dir);
}

static void test_replay(void **state)
{
	const struct carrier_options usual = { 0 };
	char *dir = scratch_make(), *runs = path_join(dir, "runs"),
	     *other = path_join(dir, "other"), spec[200];
	struct strbuf text = { 0 }, served = { 0 };
	struct ask_counts counts;
	struct err err = { 0 };
	struct carrier c;
	struct talk *t;

	(void)state;
	CHECK(str_format(spec, sizeof(spec), "replay:%s/said.jsonl", dir));
	for (int i = 0; i < ASKS; i++)
		strbuf_addf(&text, "{\"id\":\"s%02d\",\"text\":\"t%d\"}\n", i, i);
	write_text(spec + 7, strbuf_str(&text));
	carrier_open(&c, spec, &usual, &err);
	CHECK_OK(&err);
	t = carry(&c, runs, &counts, &served, &err);
	CHECK_OK(&err);
	CHECK(counts.status[ANSWER_OK] == ASKS);
	assert_string_equal(t->reply[39], "t39");
	assert_string_equal(strbuf_str(&served), c.identity);
	carry_in_child(&c, other, t);
	free(t);
	carrier_close(&c);
	strbuf_free(&text);
	strbuf_free(&served);
	free(runs);
	free(other);
	scratch_remove(dir);
}

/* --- a source that has to wait --------------------------------------------------------------- */

/* Asks that become known one by one, a while apart. */
struct late {
	struct talk talk;
	atomic_int known;
	int event, calls, pause_ms;
};

static void *make_known(void *ctx)
{
	struct late *l = ctx;
	const struct timespec pause = { .tv_nsec = l->pause_ms * 1000000L };

	for (int i = 0; i < ASKS; i++) {
		const uint64_t one = 1;

		nanosleep(&pause, NULL);
		atomic_fetch_add(&l->known, 1);
		if (write(l->event, &one, sizeof(one)) != sizeof(one))
			return l;
	}
	return NULL;
}

static enum ask_next late_next(void *ctx, const struct ask **out, struct err *err)
{
	struct late *l = ctx;
	uint64_t n;

	(void)err;
	l->calls++;
	if (l->talk.given == ASKS)
		return ASK_END;
	if (l->talk.given == atomic_load(&l->known)) {
		if (read(l->event, &n, sizeof(n)) < 0)
			CHECK(errno == EAGAIN);
		if (l->talk.given == atomic_load(&l->known))
			return ASK_LATER;
	}
	*out = talk_make(&l->talk);
	return ASK_READY;
}

/* Every ask is answered, and next is called for events only: each ask that becomes known and each
 * reply is one, and leads to a call that gives nothing at most. */
static void carry_late(const char *spec, const char *dir, int pause_ms)
{
	const struct carrier_options usual = { 0 };
	struct late *l = calloc(1, sizeof(*l));
	const struct ask_sink sink = { talk_put, NULL, &l->talk };
	struct ask_source source = { .next = late_next, .ctx = l };
	struct strbuf served = { 0 };
	struct ask_counts counts;
	struct err err = { 0 };
	struct carrier c;
	pthread_t thread;
	void *bad;

	CHECK(l != NULL);
	l->pause_ms = pause_ms;
	source.ready = l->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	CHECK(source.ready > 0);
	carrier_open(&c, spec, &usual, &err);
	CHECK_OK(&err);
	CHECK(!pthread_create(&thread, NULL, make_known, l));
	c.carry(c.ctx, dir, ASK_NEEDS_MODE(ASK_GENERATE), ASKS, &source, &sink, &counts, &served,
		&err);
	CHECK(!pthread_join(thread, &bad) && !bad);
	CHECK_OK(&err);
	CHECK(counts.asks == ASKS && counts.status[ANSWER_OK] == ASKS && l->talk.got == ASKS);
	CHECK(l->calls <= 3 * ASKS + 2);
	carrier_close(&c);
	strbuf_free(&served);
	close(l->event);
	free(l);
}

static void test_late(void **state)
{
	const struct mock_options mo = { .delay_s = .003 };
	struct mock *m = mock_start(&mo);
	char *dir = scratch_make(), *path = path_join(dir, "p.json"), *a = path_join(dir, "a"),
	     *b = path_join(dir, "b"), *c = path_join(dir, "c"), *d = path_join(dir, "d"),
	     spec[200];
	struct strbuf text = { 0 };

	(void)state;
	CHECK(m != NULL);
	write_profile(path, mock_port(m), "mock", "");
	carry_late(path, a, 10);
	carry_late(path, d, 0);
	carry_late("exec:scripts/examples/exec_majority.sh", b, 2);
	CHECK(str_format(spec, sizeof(spec), "replay:%s/said.jsonl", dir));
	for (int i = 0; i < ASKS; i++)
		strbuf_addf(&text, "{\"id\":\"s%02d\",\"text\":\"t%d\"}\n", i, i);
	write_text(spec + 7, strbuf_str(&text));
	carry_late(spec, c, 2);
	mock_stop(m);
	strbuf_free(&text);
	free(path);
	free(a);
	free(b);
	free(c);
	free(d);
	scratch_remove(dir);
}

static bool readable(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, 0) == 1;
}

/* Who has no room does not wake for what cannot be taken. */
static void test_gate(void **state)
{
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	const uint64_t one = 1;
	struct err err = { 0 };
	struct ready_gate g;

	(void)state;
	CHECK(!ready_gate_open(&g, event, &err) && g.fd > 0 && !readable(g.fd));
	CHECK(write(event, &one, sizeof(one)) == sizeof(one) && readable(g.fd));
	CHECK(!ready_gate_hold(&g, true, &err) && !readable(g.fd));
	CHECK(!ready_gate_hold(&g, false, &err) && readable(g.fd));
	ready_gate_close(&g);
	CHECK(!ready_gate_open(&g, 0, &err) && g.fd == 0 && !ready_gate_hold(&g, true, &err));
	ready_gate_close(&g);
	close(event);
}

static enum ask_next never_next(void *ctx, const struct ask **out, struct err *err)
{
	(void)ctx;
	(void)out;
	(void)err;
	return ASK_LATER;
}

/* A source without a descriptor that waits for replies to nothing is found out. */
static void test_never(void **state)
{
	const struct mock_options mo = { 0 };
	struct mock *m = mock_start(&mo);
	const struct carrier_options usual = { 0 };
	const struct ask_source source = { .next = never_next };
	const struct ask_sink sink = { talk_put, NULL, NULL };
	char *dir = scratch_make(), *path = path_join(dir, "p.json"),
	     *runs = path_join(dir, "runs"), said[100];
	const char *const spec[] = { path, "exec:scripts/examples/exec_majority.sh", said };

	(void)state;
	CHECK(m != NULL && str_format(said, sizeof(said), "replay:%s/said.jsonl", dir));
	write_text(said + 7, "");
	write_profile(path, mock_port(m), "mock", "");
	for (size_t i = 0; i < ARRAY_LEN(spec); i++) {
		struct strbuf served = { 0 };
		struct ask_counts counts;
		struct err err = { 0 };
		struct carrier c;

		carrier_open(&c, spec[i], &usual, &err);
		CHECK_OK(&err);
		c.carry(c.ctx, runs, 1, 0, &source, &sink, &counts, &served, &err);
		CHECK_ERR(&err, ERR_INTERNAL, "replies to nothing");
		carrier_close(&c);
		strbuf_free(&served);
	}
	mock_stop(m);
	free(path);
	free(runs);
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
		cmocka_unit_test(test_open),	 cmocka_unit_test(test_http),
		cmocka_unit_test(test_replay),	 cmocka_unit_test(test_late),
		cmocka_unit_test(test_gate),	 cmocka_unit_test(test_never),
		cmocka_unit_test(test_estimate), cmocka_unit_test(test_adaptive_rule),
		cmocka_unit_test(test_adaptive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

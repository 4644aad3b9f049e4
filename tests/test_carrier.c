/* SPDX-License-Identifier: Apache-2.0
 * Carriers: what a user writes becomes a way to a model; the same in a child of who opened it, and
 * for asks that become known late.
 */
#include "tests/talk.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/remote/ready.h"
#include "tests/mock.h"

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
	/* two programs in one language are two systems */
	check_name("exec:python3 mine.py", "mine.py");
	check_name("exec:env X=1 /usr/bin/python3.11 -u ./a/other.py --fast", "other.py");
	check_name("exec:sh", "sh");
	check_name("exec:./run --port 3", "run");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),   cmocka_unit_test(test_http),
		cmocka_unit_test(test_replay), cmocka_unit_test(test_late),
		cmocka_unit_test(test_gate),   cmocka_unit_test(test_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

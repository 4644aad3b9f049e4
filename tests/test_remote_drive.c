/* SPDX-License-Identifier: Apache-2.0
 * What is kept and in which order it comes back: the journal, recorded replies and programs as
 * models.
 */
#include "tests/test.h"

#include <sys/wait.h>
#include <unistd.h>

#include "harness/remote/ask_file.h"
#include "harness/remote/backend.h"
#include "harness/remote/drive.h"
#include "harness/remote/journal.h"
#include "harness/remote/reply_json.h"
#include "harness/remote/shelf.h"
#include "harness/base/sha256.h"

static void write_text(const char *dir, const char *name, const char *text)
{
	char *path = path_join(dir, name);
	struct err err = { 0 };

	io_write_atomic(path, text, strlen(text), &err);
	CHECK_OK(&err);
	free(path);
}

/* --- the journal ----------------------------------------------------------------------------- */

static void key_of(int i, char key[ASK_SHA_HEX])
{
	sha256_hex(&i, sizeof(i), key);
}

static void keep(struct journal *j, int i, const char *text)
{
	const struct ask ask = { .id = "s", .index = i };
	struct option_score score[] = { { true, -.1, 2, 5 }, { .tokens = 1 } };
	struct reply r = reply_none;
	char key[ASK_SHA_HEX];
	struct err err = { 0 };

	r.text = text;
	r.cost = .5;
	r.option = score;
	r.n_options = 2;
	key_of(i, key);
	journal_add(j, &ask, key, &r, &err);
	journal_commit(j, &err);
	CHECK_OK(&err);
}

static bool kept(struct journal *j, int i, const char *text)
{
	struct arena mem = { 0 };
	struct err err = { 0 };
	char key[ASK_SHA_HEX];
	struct reply r;
	bool found, same;

	key_of(i, key);
	journal_find(j, key, &mem, &r, &found, &err);
	CHECK_OK(&err);
	same = found && !strcmp(r.text, text) && r.n_options == 2 && r.option[0].known &&
	       r.option[0].logprob == -.1 && r.option[0].bytes == 5 && !r.option[1].known;
	arena_free(&mem);
	return same;
}

static struct journal *reopen(struct journal *j, const char *dir)
{
	struct err err = { 0 };

	journal_close(j);
	j = journal_open(dir, NULL, &err);
	CHECK_OK(&err);
	CHECK(j != NULL);
	return j;
}

static void append(const char *dir, const char *text)
{
	char *path = path_join(dir, "journal.jsonl");
	FILE *f = fopen(path, "a");

	CHECK(f != NULL);
	fputs(text, f);
	fclose(f);
	free(path);
}

static void test_journal(void **state)
{
	char *dir = scratch_make(), *index = path_join(dir, "journal.db");
	struct journal *j = reopen(NULL, dir);
	struct err err = { 0 };

	(void)state;
	keep(j, 1, "one \xc3\xa9\n\x01");
	keep(j, 2, "two");
	keep(j, 1, "one again");
	CHECK(kept(j, 1, "one again") && kept(j, 2, "two") && !kept(j, 3, ""));
	j = reopen(j, dir);
	CHECK(kept(j, 1, "one again") && kept(j, 2, "two"));
	CHECK_NEAR(journal_cost(j), 1.5, 1e-12);
	/* the index is lost, or no index at all */
	journal_close(j);
	unlink(index);
	j = reopen(NULL, dir);
	CHECK(kept(j, 1, "one again") && kept(j, 2, "two"));
	CHECK_NEAR(journal_cost(j), 1.5, 1e-12);
	journal_close(j);
	write_text(dir, "journal.db", "this is no data base, and long enough to be looked at");
	j = reopen(NULL, dir);
	CHECK(kept(j, 2, "two"));
	/* a torn line is cut off, and what comes after stands in a line of its own */
	journal_close(j);
	append(dir, "{\"key\":\"12");
	j = reopen(NULL, dir);
	keep(j, 4, "four");
	j = reopen(j, dir);
	CHECK(kept(j, 4, "four") && kept(j, 2, "two"));
	journal_close(j);
	/* a broken line is not passed over */
	append(dir, "{\"key\"}\n");
	CHECK(!journal_open(dir, NULL, &err));
	CHECK_ERR(&err, ERR_FORMAT, "journal.jsonl: at byte");
	free(index);
	scratch_remove(dir);
}

static void test_one_writer(void **state)
{
	char *dir = scratch_make();
	struct journal *j = reopen(NULL, dir);
	int status;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		struct err err = { 0 };

		journal_open(dir, NULL, &err);
		_exit(err.code == ERR_ARG ? 7 : 8);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	journal_close(j);
	scratch_remove(dir);
}

/* --- the drive ------------------------------------------------------------------------------- */

/* A back-end that answers what waits in the reverse order, eight at a time. */
struct reversed {
	int asked, fail; /* asks whose number is a multiple of fail have no reply */
	double guess;	 /* what an ask, which costs 1, is thought to cost */
};

static int reversed_run(void *state, const struct ask_source *source, const struct ask_sink *sink,
			struct err *err)
{
	struct reversed *s = state;
	const struct ask *wait[8];
	bool ended = false;

	while (!ended && !err->code) {
		int n = 0;

		for (; n < 8; n++) {
			enum ask_next what = source->next(source->ctx, &wait[n], err);

			ended |= what == ASK_END;
			if (what != ASK_READY)
				break;
			s->asked++;
		}
		for (; n > 0 && !err->code; n--) {
			struct reply r = reply_none;

			r.text = wait[n - 1]->id;
			r.cost = 1;
			if (s->fail && atoi(wait[n - 1]->id) % s->fail == 0) {
				r.status = ANSWER_BACKEND_FAIL;
				r.cause = CAUSE_SERVER;
			}
			sink->put(sink->ctx, wait[n - 1], &r, err);
		}
		sink->settle(sink->ctx, err);
	}
	return err->code;
}

static const char *fixed_identity(const void *state)
{
	(void)state;
	return "{}";
}

static void guess(const void *state, const struct ask *ask, struct ask_estimate *sum)
{
	(void)ask;
	sum->cost += ((const struct reversed *)state)->guess;
}

static const struct backend_ops reversed_ops = {
	.name = "reversed",
	.estimate = guess,
	.identity = fixed_identity,
	.run = reversed_run,
};

/* n asks; the next is known only once `behind` replies fewer are out. */
struct counted {
	int n, behind, given, got;
	struct ask ask[3000];
	char id[3000][8];
};

static enum ask_next counted_next(void *ctx, const struct ask **out, struct err *err)
{
	struct counted *c = ctx;
	struct ask *a = &c->ask[c->given];

	(void)err;
	if (c->given == c->n)
		return ASK_END;
	if (c->behind && c->given - c->got >= c->behind)
		return ASK_LATER;
	CHECK(str_format(c->id[c->given], 8, "%04d", c->given + 1));
	*a = (struct ask){ .id = c->id[c->given], .task = "", .settings = "" };
	c->given++;
	*out = a;
	return ASK_READY;
}

static int counted_put(void *ctx, const struct ask *ask, const struct reply *r, struct err *err)
{
	struct counted *c = ctx;

	CHECK(ask == &c->ask[c->got]);
	assert_string_equal(r->text, c->id[c->got]);
	CHECK(strlen(r->prompt_hash) == 64 && strlen(r->reply_hash) == 64);
	c->got++;
	return err->code;
}

static struct ask_counts go(const char *dir, int n, int behind, struct reversed *s,
			    const struct drive_options *more, struct err *err)
{
	struct counted *c = calloc(1, sizeof(*c));
	const struct ask_source source = { .next = counted_next, .ctx = c };
	const struct ask_sink sink = { counted_put, NULL, c };
	struct drive_options o = *more;
	struct ask_counts counts;

	CHECK(c != NULL);
	c->n = n;
	c->behind = behind;
	o.dir = dir;
	drive(&reversed_ops, s, &source, &sink, &o, &counts, err);
	if (!err->code)
		CHECK(c->got == n);
	CHECK(counts.asks == c->got);
	free(c);
	return counts;
}

static void test_drive(void **state)
{
	const struct drive_options usual = { 0 }, again = { .retry_failed = true },
				   poor = { .budget = 30 };
	char *dir = scratch_make(), *other = scratch_make();
	struct reversed s = { .fail = 10 };
	struct ask_counts n;
	struct err err = { 0 };

	(void)state;
	n = go(dir, 50, 0, &s, &usual, &err);
	CHECK_OK(&err);
	CHECK(n.kept == 0 && n.status[ANSWER_BACKEND_FAIL] == 5 && s.asked == 50);
	/* nothing is asked again but what failed, and that on request */
	s = (struct reversed){ 0 };
	n = go(dir, 50, 0, &s, &usual, &err);
	CHECK(n.kept == 50 && s.asked == 0 && n.status[ANSWER_BACKEND_FAIL] == 5);
	n = go(dir, 60, 1, &s, &again, &err);
	CHECK(n.kept == 45 && s.asked == 15 && n.status[ANSWER_OK] == 60);
	CHECK_NEAR(n.cost, 65, 1e-9);
	CHECK_OK(&err);
	/* more than the window holds, in turn with the source */
	n = go(dir, 3000, 2, &s, &usual, &err);
	CHECK_OK(&err);
	CHECK(n.kept == 60 && n.asks == 3000);
	/* a budget stops, and a larger one goes on */
	s = (struct reversed){ 0 };
	n = go(other, 100, 0, &s, &poor, &err);
	CHECK_ERR(&err, ERR_INCOMPLETE, "budget");
	CHECK(n.budget_hit && s.asked >= 30 && s.asked < 30 + 8);
	n = go(other, 100, 0, &s, &usual, &err);
	CHECK_OK(&err);
	CHECK(s.asked == 100 && n.status[ANSWER_OK] == 100);
	scratch_remove(dir);
	scratch_remove(other);
}

/* What another folder keeps is taken from there once, and kept here from then on. */
static void test_shared(void **state)
{
	char *one = scratch_make(), *two = scratch_make(), *three = scratch_make(), folders[200];
	struct drive_options o = { .replies = folders };
	const struct drive_options alone = { 0 };
	struct reversed s = { .fail = 10 };
	struct ask_counts n;
	struct err err = { 0 };

	(void)state;
	CHECK(str_format(folders, sizeof(folders), "%s", one));
	n = go(one, 1500, 0, &s, &alone, &err);
	CHECK_OK(&err);
	/* failures are not shared; more than the window holds; in turn with a source that waits */
	s = (struct reversed){ 0 };
	n = go(two, 1600, 2, &s, &o, &err);
	CHECK_OK(&err);
	CHECK(n.shared == 1350 && n.kept == 0 && s.asked == 250 && n.asks == 1600);
	CHECK(n.status[ANSWER_OK] == 1600);
	CHECK_NEAR(n.cost, 250, 1e-9);
	n = go(two, 1600, 0, &s, &alone, &err);
	CHECK_OK(&err);
	CHECK(n.shared == 0 && n.kept == 1600 && s.asked == 250);
	/* of two folders everything is there: nobody is asked */
	CHECK(str_format(folders, sizeof(folders), "%s\n%s", one, two));
	s = (struct reversed){ 0 };
	n = go(three, 1600, 1, &s, &o, &err);
	CHECK_OK(&err);
	CHECK(n.shared == 1600 && s.asked == 0 && n.cost == 0);
	CHECK(str_format(folders, sizeof(folders), "%s/none", one));
	go(one, 1, 0, &s, &o, &err);
	CHECK_ERR(&err, ERR_MISSING, "name a folder that holds replies");
	scratch_remove(three);
	scratch_remove(one);
	scratch_remove(two);
}

/* Whether a folder that keeps this one reply would share it. */
static bool shelved(const struct reply *r, enum ask_mode mode, double temperature)
{
	const struct ask ask = { .id = "s",
				 .mode = mode,
				 .sampling = { .temperature = temperature } };
	char *dir = scratch_make(), key[ASK_SHA_HEX];
	struct err err = { 0 };
	struct journal *j = journal_open(dir, NULL, &err);
	struct arena mem = { 0 };
	struct reply got;
	struct shelf *s;
	bool found;

	key_of(1, key);
	CHECK(j && !journal_add(j, &ask, key, r, &err) && !journal_commit(j, &err));
	/* while the other process still writes */
	s = shelf_open(dir, &err);
	CHECK_OK(&err);
	CHECK(!shelf_find(s, key, &mem, &got, &found, &err));
	if (found)
		assert_string_equal(got.text, r->text);
	shelf_close(s);
	journal_close(j);
	arena_free(&mem);
	scratch_remove(dir);
	return found;
}

static void test_may_share(void **state)
{
	const struct option_score score[2] = { { true, -1, 1, 1 }, { true, -2, 1, 1 } };
	struct reply r = reply_none, empty = reply_none, cut, failed, letters = reply_none, varies;

	(void)state;
	r.text = "joy";
	cut = failed = r;
	cut.finish_reason = "length";
	failed.status = ANSWER_BACKEND_FAIL;
	failed.cause = CAUSE_SERVER;
	letters.option = score;
	letters.n_options = 2;
	letters.finish_reason = "length";
	CHECK(shelved(&r, ASK_GENERATE, 0) && shelved(&r, ASK_CHOICE, 0));
	CHECK(shelved(&letters, ASK_LETTERS, 0));
	CHECK(!shelved(&r, ASK_GENERATE, .7));
	varies = r;
	varies.varies = true;
	CHECK(!shelved(&varies, ASK_GENERATE, 0));
	CHECK(!shelved(&empty, ASK_GENERATE, 0));
	CHECK(!shelved(&cut, ASK_GENERATE, 0));
	CHECK(!shelved(&failed, ASK_GENERATE, 0));
	failed.status = ANSWER_PARSE_FAIL;
	failed.cause = CAUSE_FILTERED;
	CHECK(!shelved(&failed, ASK_GENERATE, 0));
}

/* Spends within the budget, but for what estimates are wrong by. */
static void test_budget(void **state)
{
	static const struct {
		double guess;
		int spent_least, spent_most;
	} row[] = {
		{ 1, 30, 30 },	   /* estimates hold */
		{ 1.25, 29, 30 },  /* too high: one more is not risked */
		{ .5, 30, 30 + 4 } /* too low by a half: at most for the eight in flight */
	};
	const struct drive_options poor = { .budget = 30 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		char *dir = scratch_make();
		struct reversed s = { .guess = row[i].guess };
		struct err err = { 0 };
		struct ask_counts n = go(dir, 100, 0, &s, &poor, &err);

		CHECK_ERR(&err, ERR_INCOMPLETE, "bears no further ask");
		CHECK(n.budget_hit && n.cost == s.asked && n.asks == s.asked);
		CHECK(s.asked >= row[i].spent_least && s.asked <= row[i].spent_most);
		scratch_remove(dir);
	}
}

/* --- programs and records -------------------------------------------------------------------- */

struct gathered {
	struct reply r[8];
	int n;
	struct arena mem;
};

static int gather(void *ctx, const struct ask *ask, const struct reply *r, struct err *err)
{
	struct gathered *g = ctx;

	CHECK(g->n < 8 && reply_copy(&g->r[g->n++], r, &g->mem));
	ask_file_release(ask);
	return err->code;
}

/* Asks "a", "b", "c" of a back-end, by a file. */
static void ask_three(const char *spec, const char *dir, double limit, struct gathered *g,
		      struct err *err)
{
	const struct backend_env env = { .dir = dir, .limit_s = limit };
	const struct ask_sink sink = { gather, NULL, g };
	const struct backend_ops *ops = backend_find(spec, &spec);
	void *state = calloc(1, ops->state_size);
	char *path = path_join(dir, "asks.jsonl");
	struct ask_file f;
	const struct ask_source source = { .next = ask_file_next, .ctx = &f };

	*g = (struct gathered){ 0 };
	write_text(dir, "asks.jsonl",
		   "{\"id\":\"c\",\"messages\":[{\"role\":\"user\",\"content\":\"3\"}]}\n"
		   "{\"id\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"1\"}]}\n\n"
		   "{\"id\":\"b\",\"messages\":[{\"role\":\"user\",\"content\":\"2\"}]}\n");
	CHECK(state != NULL && !ask_file_open(&f, path, err));
	if (!ops->open(state, spec, &env, err) && !ops->start(state, 1, err))
		ops->run(state, &source, &sink, err);
	ops->close(state);
	ask_file_free(&f);
	free(state);
	free(path);
}

static void test_replay(void **state)
{
	char *dir = scratch_make(), spec[100];
	struct gathered g = { 0 };
	struct err err = { 0 };

	(void)state;
	CHECK(str_format(spec, sizeof(spec), "replay:%s/r.jsonl", dir));
	write_text(dir, "r.jsonl",
		   "{\"id\":\"b\",\"text\":\"joy\"}\n{\"id\":\"a\",\"text\":\"fear\"}\n"
		   "{\"id\":\"a\",\"text\":\"anger\",\"index\":0}\n"
		   "{\"id\":\"c\",\"text\":\"other\",\"index\":1}\n");
	ask_three(spec, dir, 0, &g, &err);
	CHECK_OK(&err);
	CHECK(g.n == 3);
	assert_string_equal(g.r[0].text, "anger");
	assert_string_equal(g.r[1].text, "joy");
	CHECK(g.r[2].status == ANSWER_BACKEND_FAIL && g.r[2].cause == CAUSE_NOT_RECORDED);
	arena_free(&g.mem);
	scratch_remove(dir);
}

static void test_exec(void **state)
{
	char *dir = scratch_make(), spec[600];
	struct gathered g = { 0 };
	struct err err = { 0 };

	(void)state;
	ask_three("exec:LABEL=joy scripts/examples/exec_majority.sh", dir, 0, &g, &err);
	CHECK_OK(&err);
	CHECK(g.n == 3);
	for (int i = 0; i < 3; i++)
		assert_string_equal(g.r[i].text, "joy");
	arena_free(&g.mem);

	/* dies at b the first time, says nothing readable for c; a is fine */
	CHECK(str_format(
		spec, sizeof(spec),
		"exec:echo '{\"ready\":true}'; echo hello >&2; while read -r l; do case $l in "
		"*'\"id\":\"b\"'*) [ -e %s/died ] || { : >%s/died; exit 1; }; "
		"echo '{\"id\":\"b\",\"error\":\"no idea\"}' ;; "
		"*'\"id\":\"c\"'*) echo nonsense ;; "
		"*) echo '{\"id\":\"a\",\"text\":\"fear\"}' ;; esac; done",
		dir, dir));
	ask_three(spec, dir, 0, &g, &err);
	CHECK_OK(&err);
	CHECK(g.n == 3 && g.r[0].status == ANSWER_OK && g.r[0].attempts == 1);
	CHECK(g.r[1].cause == CAUSE_REPORTED && g.r[1].attempts == 2);
	CHECK(strstr(g.r[1].first_error, "ended"));
	CHECK(g.r[2].status == ANSWER_BACKEND_FAIL && g.r[2].cause == CAUSE_MALFORMED);
	arena_free(&g.mem);
	CHECK(str_format(spec, sizeof(spec), "%s/exec.stderr", dir));
	CHECK(io_is_file(spec));

	/* silent, not ready, gone for good */
	ask_three("exec:echo '{\"ready\":true}'; sleep 100", dir, .05, &g, &err);
	CHECK_OK(&err);
	CHECK(g.n == 3 && g.r[2].cause == CAUSE_TIMEOUT && g.r[2].attempts == 2);
	arena_free(&g.mem);
	ask_three("exec:echo hello", dir, 0, &g, &err);
	CHECK_ERR(&err, ERR_BACKEND, "did not say");
	arena_free(&g.mem);
	ask_three("exec:exit 3", dir, 0, &g, &err);
	CHECK_ERR(&err, ERR_BACKEND, "did not say");
	arena_free(&g.mem);
	scratch_remove(dir);
}

static void refuse_asks(const char *dir, const char *text, const char *why)
{
	char *path = path_join(dir, "bad.jsonl");
	struct err err = { 0 };
	struct ask_file f;

	write_text(dir, "bad.jsonl", text);
	ask_file_open(&f, path, &err);
	CHECK_ERR(&err, ERR_FORMAT, why);
	ask_file_free(&f);
	free(path);
}

static void test_ask_files(void **state)
{
	char *dir = scratch_make();

	(void)state;
#define M "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]"
	refuse_asks(dir, "{\"id\":\"a\"}\n", "bad.jsonl:1: \"messages\"");
	refuse_asks(dir, "{\"id\":\"a\"," M "}\n{\"id\":\"a\"," M "}\n", "in line 1 too");
	refuse_asks(dir, "{\"id\":\"a\"," M ",\"x\":1}\n", "unknown field \"x\"");
	refuse_asks(dir, "{\"id\":\"a\"," M ",\"mode\":\"x\"}\n", "\"mode\" is");
	refuse_asks(dir, "{\"id\":\"a\"," M ",\"options\":[\"x\",\"x\"]}\n", "same option");
	refuse_asks(dir, "{\"id\":\"a\"," M ",\"sampling\":{\"max_tokens\":0}}\n", "whole number");
	refuse_asks(dir, "{\"id\":\"a\"," M "}\n{\"id\":", "bad.jsonl:2");
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_journal),	  cmocka_unit_test(test_one_writer),
		cmocka_unit_test(test_drive),	  cmocka_unit_test(test_budget),
		cmocka_unit_test(test_shared),	  cmocka_unit_test(test_may_share),
		cmocka_unit_test(test_replay),	  cmocka_unit_test(test_exec),
		cmocka_unit_test(test_ask_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

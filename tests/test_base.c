/* SPDX-License-Identifier: Apache-2.0
 * The base room: numbers, UTF-8, CSV and JSON refuse what they should and keep what they must.
 */
#include "tests/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/csv.h"
#include "harness/base/hash.h"
#include "harness/base/json.h"
#include "harness/base/mem.h"
#include "harness/base/opt.h"
#include "harness/base/pool.h"
#include "harness/base/rng.h"

static void write_text(const char *path, const char *text)
{
	struct err err = { 0 };

	io_write_atomic(path, text, strlen(text), &err);
	CHECK_OK(&err);
}

static void test_numbers(void **state)
{
	struct err err = { 0 };
	int64_t i = 0;
	double d = 0;

	(void)state;
	CHECK(!parse_i64("-12", -20, 20, "x", &i, &err) && i == -12);
	CHECK(!parse_f64("2.5e-3", 0, 1, "x", &d, &err) && d == 2.5e-3);
	parse_i64("12x", 0, 20, "epochs", &i, &err);
	CHECK_ERR(&err, ERR_ARG, "epochs");
	parse_i64("21", 0, 20, "epochs", &i, &err);
	CHECK_ERR(&err, ERR_ARG, "outside");
	parse_f64("nan", 0, 20, "lr", &d, &err);
	CHECK_ERR(&err, ERR_ARG, "not a number");
	parse_i64("", 0, 20, "epochs", &i, &err);
	CHECK_ERR(&err, ERR_ARG, "whole number");
}

static void test_utf8(void **state)
{
	char out[4];
	size_t len;

	(void)state;
	CHECK(utf8_check("caf\xc3\xa9", 5) == 5);
	CHECK(utf8_check("a\xc0\x80", 3) == 1);		/* overlong */
	CHECK(utf8_check("a\xed\xa0\x80", 4) == 1);	/* surrogate */
	CHECK(utf8_check("a\xf4\x90\x80\x80", 5) == 1); /* beyond U+10FFFF */
	CHECK(utf8_check("ab\xe2\x82", 4) == 2);	/* cut short */
	for (int32_t cp = 1; cp < 0x110000; cp += 37) {
		if (cp >= 0xd800 && cp < 0xe000)
			continue;
		size_t n = utf8_encode(cp, out);

		CHECK(utf8_decode(out, n, &len) == cp && len == n);
	}
}

static void test_csv(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "t.csv");
	struct csv_table t;
	struct err err = { 0 };
	int col;

	(void)state;
	write_text(path, "a,b\r\n1,\"x, \"\"y\"\"\nz\"\r\n\r\n2,w\r\n");
	csv_table_read(&t, path, ',', 1000, &err);
	CHECK_OK(&err);
	CHECK(t.n_cols == 2 && t.n_rows == 2);
	CHECK(!strcmp(t.row[0].field[1], "x, \"y\"\nz"));
	CHECK(t.row[0].line == 2 && t.row[1].line == 5);
	csv_need_column(&t, "c", &col, &err);
	CHECK_ERR(&err, ERR_FORMAT, "there are: a, b");
	csv_table_free(&t);

	write_text(path, "a,b\n1,2\n3\n");
	csv_table_read(&t, path, ',', 1000, &err);
	CHECK_ERR(&err, ERR_FORMAT, "t.csv:3");
	write_text(path, "a,b\n1,\"open\n");
	csv_table_read(&t, path, ',', 1000, &err);
	CHECK_ERR(&err, ERR_FORMAT, "not closed");
	write_text(path, "a,b\n1,caf\xe9\n");
	csv_table_read(&t, path, ',', 1000, &err);
	CHECK_ERR(&err, ERR_FORMAT, "t.csv:2");
	csv_table_read(&t, dir, ',', 1000, &err);
	CHECK_ERR(&err, ERR_FORMAT, "not a regular file");
	csv_table_read(&t, path, ',', 3, &err);
	CHECK_ERR(&err, ERR_LIMIT, "limit");
	free(path);
	scratch_remove(dir);
}

static void refuse_json(const char *text, int code)
{
	struct err err = { 0 };
	struct json *v = json_parse(text, strlen(text), "x", &err);

	CHECK(!v && err.code == code);
}

static void test_json(void **state)
{
	const char *text = "{\"a\":[1,2.5,null,true],\"b\":{\"c\":\"q\\\"\\n\"}}";
	struct strbuf out = { 0 };
	struct json_writer w;
	struct err err = { 0 };
	struct json *v = json_parse(text, strlen(text), "x", &err);

	(void)state;
	CHECK_OK(&err);
	json_begin(&w, &out, 0);
	json_put_value(&w, NULL, v);
	CHECK(!strcmp(strbuf_str(&out), text));
	CHECK(json_num(json_at(json_get(v, "a"), 1), 0) == 2.5);
	CHECK(json_get(json_get(json_get(v, "none"), "x"), "y") == NULL);
	json_free(v);
	strbuf_free(&out);
	refuse_json("{\"a\":1,\"a\":2}", ERR_FORMAT);
	refuse_json("{\"a\":1} x", ERR_FORMAT);
	refuse_json("[1,", ERR_FORMAT);
	refuse_json("\"\xff\"", ERR_FORMAT);
	refuse_json("{\"a\":\"joy\\u0000 or anger\"}", ERR_FORMAT);
	for (int i = 0; i < 80; i++)
		strbuf_addc(&out, '[');
	refuse_json(strbuf_str(&out), ERR_LIMIT);
	strbuf_free(&out);
}

/* What a terminal would obey, in a text and as the same text shows it. */
static void test_commands(void **state)
{
	static const char *const row[][2] = {
		{ "\x1b[31m red\x07\r\x7f", "?[31m red???" },
		{ "a\n\tb", "a  b" },
		{ "\xc2\x9b 2J \xc2\xa0", "? 2J \xc2\xa0" },
		{ "\xe2\x80\xae\xe2\x80\xa8\xe2\x81\xa6 \xe2\x80\x99", "??? \xe2\x80\x99" },
		{ "\xff \xe2\x80", "? ??" },
		{ "é中😀", "é中😀" },
	};
	struct err err = { 0 };
	struct strbuf out = { 0 };
	struct json_writer w;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		char text[64];

		CHECK(str_copy(text, sizeof(text), row[i][0]));
		utf8_tame(text);
		assert_string_equal(text, row[i][1]);
	}
	err_set(&err, ERR_ARG, "no '%s'", "\x1b]8;;x\x1b\\");
	assert_string_equal(err.msg, "no '?]8;;x?\\'");
	err_wrap(&err, "%s", "\x1b[1m");
	assert_string_equal(err.msg, "?[1m: no '?]8;;x?\\'");
	json_begin(&w, &out, 0);
	json_put_str(&w, NULL, "\x1b\xc2\x9b\xe2\x80\xae\xc2\xa0é");
	assert_string_equal(strbuf_str(&out), "\"\\u001b\\u009b\\u202e\xc2\xa0é\"");
	strbuf_free(&out);
}

static void test_names(void **state)
{
	static const char *const bad[] = { "",	   ".",	 "..",	    ".x",  "a/b", "../x",
					   "a\nb", " b", "\x1b[1m", "a;b", "é" };

	(void)state;
	CHECK(str_is_name("omnivox-cot_2.json") && str_is_name("-x") && str_is_name("a..b") &&
	      str_is_name("bow (my own)"));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!str_is_name(bad[i]));
}

static int count_line(void *ctx, const struct json *v, long line, struct err *err)
{
	int *n = ctx;

	(void)err;
	CHECK(json_num(json_get(v, "i"), -1) == (double)line);
	(*n)++;
	return 0;
}

static void test_json_lines(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "t.jsonl");
	struct err err = { 0 };
	bool torn;
	int n = 0;

	(void)state;
	write_text(path, "{\"i\":1}\n{\"i\":2}\n{\"i\":");
	json_lines(path, 1000, &torn, count_line, &n, &err);
	CHECK_OK(&err);
	CHECK(n == 2 && torn);
	write_text(path, "{\"i\":1}\n{\"i\":\n{\"i\":3}\n");
	json_lines(path, 1000, &torn, count_line, &n, &err);
	CHECK_ERR(&err, ERR_FORMAT, "t.jsonl:2");
	free(path);
	scratch_remove(dir);
}

static void test_options(void **state)
{
	static const struct opt_spec spec[] = {
		{ .name = "epochs", .type = OPT_INT, .fallback = "3", .min = 1, .max = 9 },
		{ .name = "kind", .type = OPT_CHOICE, .fallback = "a", .choices = "a|bb" },
		OPT_END,
	};
	struct opt_values v;
	struct err err = { 0 };

	(void)state;
	opt_init(&v, spec, &err);
	CHECK(opt_int(&v, "epochs") == 3 && !opt_given(&v, "epochs"));
	CHECK(!opt_set(&v, "kind", "bb", &err) && !strcmp(opt_str(&v, "kind"), "bb"));
	opt_set(&v, "kind", "b", &err);
	CHECK_ERR(&err, ERR_ARG, "a|bb");
	opt_set(&v, "epoch", "1", &err);
	CHECK_ERR(&err, ERR_ARG, "known: epochs, kind");
	opt_set(&v, "epochs", "10", &err);
	CHECK_ERR(&err, ERR_ARG, "outside");
	opt_free(&v);
}

static void test_rng(void **state)
{
	struct rng a, b, c;
	double sum = 0, sq = 0;

	(void)state;
	rng_seed(&a, 1, 0);
	rng_seed(&b, 1, 0);
	rng_seed(&c, 1, 1);
	CHECK(rng_u64(&a) == rng_u64(&b) && rng_u64(&a) != rng_u64(&c));
	for (int i = 0; i < 100000; i++) {
		double x = rng_normal(&a);

		sum += x;
		sq += x * x;
		CHECK(rng_below(&a, 7) < 7);
	}
	CHECK_NEAR(sum / 1e5, 0, 0.015);
	CHECK_NEAR(sq / 1e5, 1, 0.03);
}

static void test_sizes(void **state)
{
	struct arena a = { 0 };
	size_t out;

	(void)state;
	CHECK(!size_mul(SIZE_MAX, 2, &out) && size_mul(SIZE_MAX, 0, &out) && out == 0);
	CHECK(!mem_realloc(NULL, SIZE_MAX / 2, 4));
	CHECK(!arena_array(&a, SIZE_MAX, 1));
	CHECK(((uintptr_t)arena_array(&a, 3, 1) & 15) == 0);
	CHECK(((uintptr_t)arena_array(&a, 200000, 1) & 15) == 0);
	arena_free(&a);
}

struct tally {
	int runs[1000], worker[1000], threads;
	int64_t square[1000];
};

static void tally_item(void *ctx, int i, int worker)
{
	struct tally *t = ctx;

	t->runs[i]++;
	t->worker[i] = worker;
	t->square[i] = (int64_t)i * i;
}

/* Every item runs once, on a worker that exists, for many loops of all lengths one after
 * the other; the next loop sees what the last one wrote. */
static void test_pool(void **state)
{
	struct tally *t = calloc(1, sizeof(*t));
	struct err err = { 0 };

	(void)state;
	CHECK(t);
	CHECK(pool_threads(NULL) == 1);
	pool_run(NULL, 3, tally_item, t);
	CHECK(t->runs[0] == 1 && t->runs[2] == 1 && !t->runs[3]);
	pool_free(NULL);
	for (int threads = -1; threads <= 4; threads++) {
		struct pool *p = pool_new(threads, &err);
		int loops = 0;

		CHECK_OK(&err);
		CHECK(pool_threads(p) == (threads < 1 ? 1 : threads));
		*t = (struct tally){ 0 };
		pool_run(p, 0, tally_item, t);
		CHECK(!t->runs[0]);
		for (int n = 1; n <= 1000; n += 1 + n / 7)
			for (int again = 0; again < 20; again++, loops++) {
				pool_run(p, n, tally_item, t);
				CHECK(t->runs[0] == loops + 1);
				t->runs[n - 1] += n > 1 ? 1000000 : 0;
			}
		for (int i = 0; i < 1000; i++) {
			CHECK(t->worker[i] >= 0 && t->worker[i] < pool_threads(p));
			CHECK(t->square[i] == (t->runs[i] ? (int64_t)i * i : 0));
			CHECK(t->runs[i] % 1000000 % 20 == 0);
		}
		/* workers that went to sleep wake up again */
		nanosleep(&(struct timespec){ .tv_nsec = 3000000 }, NULL);
		*t = (struct tally){ 0 };
		pool_run(p, 1000, tally_item, t);
		for (int i = 0; i < 1000; i++)
			CHECK(t->runs[i] == 1);
		pool_free(p);
	}
	free(t);
}

/* What is replaced is a file; links, pipes and devices stay what they are. */
static void test_writes(void **state)
{
	char *dir = scratch_make(), *file = path_join(dir, "file"), *link = path_join(dir, "link"),
	     *pipe = path_join(dir, "pipe"), *text;
	struct err err = { 0 };
	char got[8] = "";
	struct stat at;
	size_t len;
	int fd;

	(void)state;
	CHECK(file && link && pipe && !symlink(file, link) && !mkfifo(pipe, 0600));
	write_text(file, "old");
	write_text(link, "new");
	CHECK(!lstat(link, &at) && S_ISLNK(at.st_mode));
	io_read_file(file, 100, &text, &len, &err);
	CHECK_OK(&err);
	CHECK(!strcmp(text, "new"));
	fd = open(pipe, O_RDWR);
	CHECK(fd >= 0);
	write_text(pipe, "water");
	CHECK(read(fd, got, sizeof(got)) == 5 && !strcmp(got, "water"));
	CHECK(!stat(pipe, &at) && S_ISFIFO(at.st_mode));
	close(fd);
	free(text);
	free(file);
	free(link);
	free(pipe);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),	   cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_csv),	   cmocka_unit_test(test_json),
		cmocka_unit_test(test_commands),   cmocka_unit_test(test_names),
		cmocka_unit_test(test_json_lines), cmocka_unit_test(test_options),
		cmocka_unit_test(test_rng),	   cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_pool),	   cmocka_unit_test(test_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

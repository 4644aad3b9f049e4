/* SPDX-License-Identifier: Apache-2.0
 * What becomes a row of the report, and what of the headline: experiments that differ in more than
 * the seed, limited runs, systems that ask.
 */
#include "tests/fixture_results.h"

#include "harness/report/plots.h"
#include "harness/report/report.h"
#include "harness/report/tables.h"
#include "harness/verdict/compare.h"

static const struct summary_options options = { .replicates = 50, .seed = 1, .threads = 1 };

static struct fixture_run run_of(const char *system, double skill, int seed)
{
	return (struct fixture_run){ .corpus = "meld",
				     .kind = "real",
				     .system = system,
				     .see = "text,face,history",
				     .selection = "dev-f1",
				     .labels = &labels_meld7,
				     .skill = skill,
				     .seed = seed,
				     .dialogues = 6 };
}

static void write_run(const char *dir, struct fixture_run f)
{
	fixture_run_write(dir, dir, &f);
}

static void load(struct summary *s, const char *dir)
{
	struct err err = { 0 };

	summary_make(s, dir, &options, NULL, &err);
	CHECK_OK(&err);
}

/* Seeds of one recipe are one row; other options, other cues are others, which say so. */
static void test_other_options(void **state)
{
	static const double skill[] = { .5, .6, .55 };
	char *dir = scratch_make();
	struct fixture_run f;
	struct summary s;

	(void)state;
	for (int seed = 1; seed <= 2; seed++) {
		f = run_of("bemerc", skill[seed - 1], seed);
		f.options = "{\"lr\": 0.1, \"dim\": 8, \"words\": \"\"}";
		write_run(dir, f);
	}
	f = run_of("bemerc", skill[2], 2);
	f.options = "{\"lr\": 0.01, \"dim\": 8, \"words\": \"\"}";
	f.variant = 1;
	write_run(dir, f);
	f = run_of("bemerc", .4, 1);
	f.options = "{\"lr\": 0.1, \"dim\": 8, \"words\": \"all of them, and then some more\"}";
	f.variant = 2;
	write_run(dir, f);
	f.options = "{\"lr\": 0.1, \"dim\": 8, \"words\": \"\"}";
	f.cues = "0123456789abcdef";
	f.variant = 3;
	write_run(dir, f);
	load(&s, dir);
	CHECK(s.n_rows == 4 && !s.runs.n_problem);
	CHECK(!strcmp(s.row[0].system, "bemerc (lr=0.1, words=none, cues=measured)"));
	CHECK(s.row[0].n_runs == 2 && summary_find(&s, 0, "bemerc", "") == &s.row[0]);
	CHECK_NEAR(s.row[0].f1.mean,
		   (s.row[0].run[0]->scores.weighted_f1 + s.row[0].run[1]->scores.weighted_f1) / 2,
		   1e-15);
	CHECK(!strcmp(s.row[1].system, "bemerc (words=all of them, and then so…)"));
	CHECK(!strcmp(s.row[2].system, "bemerc (cues=files 0123456789abcdef)"));
	CHECK(!strcmp(s.row[3].system, "bemerc (lr=0.01)"));
	for (int i = 1; i < s.n_rows; i++) /* variants are systems of their own */
		CHECK(s.row[i].n_runs == 1 && s.row[i].versus == 0 &&
		      strcmp(plots_color(&s, s.row[i].system), plots_color(&s, s.row[0].system)));
	summary_free(&s);
	scratch_remove(dir);
}

/* Free and constrained answers are never one row, whatever their seeds; nor are two models. */
static void test_other_mode(void **state)
{
	char *dir = scratch_make();
	struct fixture_run f;
	struct summary s;

	(void)state;
	f = run_of("zero-on-x", .5, 1);
	f.options = "{\"mode\": \"generate\"}";
	f.asked = "{\"mode\": \"generate\"}";
	f.backend = "{\"model\":\"a\",\"sent\":[\"n\"]}";
	write_run(dir, f);
	f.seed = 2;
	f.options = "{\"mode\": \"choice\"}";
	f.asked = "{\"mode\": \"choice\"}";
	write_run(dir, f);
	f.seed = 3;
	f.backend = "{\"model\":\"b\",\"sent\":[\"n\"]}";
	write_run(dir, f);
	load(&s, dir);
	CHECK(s.n_rows == 3 && s.row[0].n_runs == 1 && s.row[1].n_runs == 1);
	CHECK(!strcmp(s.row[0].system, "zero-on-x (mode=generate, model=a)"));
	CHECK(!strcmp(s.row[1].system, "zero-on-x (mode=choice)"));
	CHECK(!strcmp(s.row[2].system, "zero-on-x (mode=choice, model=b)"));
	summary_free(&s);
	scratch_remove(dir);
}

/* An ablation is held against the full system with its own options. */
static void test_ablation_of_variant(void **state)
{
	char *dir = scratch_make();
	struct fixture_run f;
	struct summary s;

	(void)state;
	for (unsigned v = 0; v < 2; v++)
		for (int less = 0; less < 2; less++) {
			f = run_of("bemerc", .4 + .2 * v - .1 * less, 1);
			f.options = v ? "{\"dim\": 64}" : "{\"dim\": 8}";
			f.without = less ? "face" : NULL;
			f.variant = v;
			write_run(dir, f);
		}
	load(&s, dir);
	CHECK(s.n_rows == 4);
	for (int i = 0; i < s.n_rows; i++) {
		const struct row *w = &s.row[i];

		if (w->without[0])
			CHECK(w->versus >= 0 &&
			      results_same_options(w->first, s.row[w->versus].first));
	}
	summary_free(&s);
	scratch_remove(dir);
}

/* Runs that are no results stand apart: no headline, no claim, no ablation, their reason told. */
static void test_limited(void **state)
{
	const struct report_options o = { .replicates = 50, .seed = 1, .threads = 1 };
	char *dir = scratch_make(), *runs = path_join(dir, "runs"), *out = path_join(dir, "out");
	char *path = path_join(out, "index.html"), *page;
	struct fixture_run f;
	struct summary s;
	struct err err = { 0 };
	size_t len;

	(void)state;
	f = run_of("bemerc", .9, 1);
	f.why_limited = "9 of 54 asks <failed>";
	write_run(runs, f);
	f.without = "face";
	f.dialogues = 3; /* the first dialogues only: other samples */
	write_run(runs, f);
	report_write(runs, out, &o, NULL, &err);
	CHECK_OK(&err);
	CHECK(!io_read_file(path, (size_t)64 << 20, &page, &len, &err));
	CHECK(strstr(page, "No result yet") && !strstr(page, "class=\"tile\""));
	free(page);
	write_run(runs, run_of("bow", .5, 1));
	write_run(runs, run_of("majority", .6, 1));
	load(&s, runs);
	CHECK(s.n_boards == 3 && !s.board[0].limited && s.board[1].limited && s.board[2].limited);
	CHECK(!strcmp(s.board[0].name, "MELD (real)"));
	CHECK(!strcmp(s.board[1].name, "MELD, limited: not a result (real)"));
	CHECK(!strcmp(plots_main_row(&s, 0)->system, "majority")); /* no bemerc: the highest */
	for (int i = 0; i < s.n_rows; i++)
		CHECK(s.row[i].versus == -1);
	summary_free(&s);
	report_write(runs, out, &o, NULL, &err);
	CHECK_OK(&err);
	CHECK(!io_read_file(path, (size_t)64 << 20, &page, &len, &err));
	CHECK(strstr(page, "weighted F1 of majority, the highest of 2 here"));
	CHECK(!strstr(page, "weighted F1 of bemerc"));
	CHECK(strstr(page, "<li>meld-bemerc-s1-00004ea1: 9 of 54 asks &lt;failed&gt;</li>"));
	free(page);
	free(path);
	free(runs);
	free(out);
	scratch_remove(dir);
}

/* Mode, strict scores, causes, tokens and cost of systems that ask; none of it where none asks. */
static void test_served(void **state)
{
	char *dir = scratch_make();
	struct fixture_run f;
	struct table t = { 0 };
	struct strbuf text = { 0 };
	struct summary s;

	(void)state;
	write_run(dir, run_of("bow", .5, 1));
	load(&s, dir);
	CHECK(!tables_any_asks(&s, -1));
	tables_served(&s, -1, &t);
	CHECK(!table_rows(&t));
	table_free(&t);
	summary_free(&s);
	for (int seed = 1; seed <= 2; seed++) {
		f = run_of("zero-on-x", .5, seed);
		f.failures = .2;
		f.asked = "{\"mode\": \"generate\", \"asks\": 54, \"kept\": 0, \"shared\": 0, "
			  "\"concurrency\": 4, \"prompt_tokens\": 100, \"completion_tokens\": 7, "
			  "\"cost\": 0.25}";
		write_run(dir, f);
	}
	f = run_of("kept-on-x", .5, 1);
	f.asked = "{\"mode\": \"choice\", \"asks\": 54, \"kept\": 3, \"shared\": 0}";
	write_run(dir, f);
	load(&s, dir);
	CHECK(tables_any_asks(&s, 0) && !strcmp(tables_mode(summary_find(&s, 0, "bow", "")), ""));
	CHECK_NEAR(tables_asks_per_s(summary_find(&s, 0, "zero-on-x", "")), 54 / 70.25, 1e-12);
	CHECK(isnan(tables_asks_per_s(summary_find(&s, 0, "kept-on-x", ""))));
	tables_served(&s, 0, &t);
	table_markdown(&t, &text);
	CHECK(table_rows(&t) == 2);
	CHECK(strstr(strbuf_str(&text), "| kept-on-x |  | choice |"));
	CHECK(strstr(strbuf_str(&text), "| zero-on-x |  | generate |"));
	/* 6 first turns of each run were asked twice */
	CHECK(strstr(strbuf_str(&text), "| 2 | 108 | 120 | 4 | 200 | 14 | 0.5000 |"));
	table_free(&t);
	strbuf_free(&text);
	summary_free(&s);
	scratch_remove(dir);
}

/* Scores by the strict rule, failures by cause, counted again by hand. */
static void test_strict(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "meld-zero-on-x-s1-00004ea1");
	struct confusion strict = { .k = labels_meld7.n };
	struct fixture_run f = run_of("zero-on-x", .6, 1);
	struct err err = { 0 };
	struct result r;
	int causes = 0;

	(void)state;
	f.failures = .3;
	f.asked = "{\"mode\": \"generate\"}";
	write_run(dir, f);
	result_load(&r, path, &err);
	CHECK_OK(&err);
	for (int i = 0; i < r.n; i++) {
		const struct prediction *p = &r.pred[i];

		confusion_add(&strict, p->gold, p->label < 0 || p->turn % 2 ? -1 : p->label);
		causes += p->cause != NULL;
		CHECK((p->cause != NULL) == (p->label < 0));
	}
	CHECK(causes > 0 && causes == r.n - (int)r.scores.answered);
	CHECK_NEAR(r.strict.weighted_f1, scores_weighted_f1(&strict), 1e-15);
	result_free(&r);
	free(path);
	scratch_remove(dir);
}

/* More systems than colours: names at the axis, curves in panels of eight; colours come again with
 * another dash. */
static void test_many_systems(void **state)
{
	const struct report_options o = { .replicates = 20, .seed = 1, .threads = 1 };
	static const char *const file[] = { "per-class", "latency", "latency-cdf" };
	char *dir = scratch_make(), *runs = path_join(dir, "runs"), *out = path_join(dir, "out");
	char name[32], *text;
	struct summary s;
	struct err err = { 0 };
	size_t len;

	(void)state;
	for (int i = 0; i < 20; i++) {
		CHECK(str_format(name, sizeof(name), "system-%02d-on-x", i));
		write_run(runs, run_of(name, .3 + .02 * i, 1));
	}
	report_write(runs, out, &o, NULL, &err);
	CHECK_OK(&err);
	for (size_t f = 0; f < ARRAY_LEN(file); f++) {
		struct strbuf path = { 0 };
		int panels = 0;

		strbuf_addf(&path, "%s/plots/%s-meld-real.gp", out, file[f]);
		CHECK(!io_read_file(strbuf_str(&path), (size_t)1 << 20, &text, &len, &err));
		for (int i = 0; i < 20; i++) {
			CHECK(str_format(name, sizeof(name), "'system-%02d-on-x'", i));
			CHECK(strstr(text, name));
		}
		for (const char *at = text; (at = strstr(at, "set key at screen")); at++)
			panels++;
		CHECK(f < 2 || panels == 3);
		free(text);
		strbuf_free(&path);
	}
	load(&s, runs);
	for (int i = 0; i < s.n_rows; i++)
		for (int j = 0; j < i; j++)
			CHECK(strcmp(plots_color(&s, s.row[i].system),
				     plots_color(&s, s.row[j].system)) ||
			      plots_round(&s, s.row[i].system) != plots_round(&s, s.row[j].system));
	CHECK(plots_round(&s, s.row[0].system) == 0 && plots_round(&s, s.row[19].system) == 2);
	summary_free(&s);
	free(runs);
	free(out);
	scratch_remove(dir);
}

/* Columns in which nothing stands are none on a page, unless it is sentences that are missing. */
static void test_empty_columns(void **state)
{
	struct table t = { 0 };
	struct strbuf html = { 0 };

	(void)state;
	table_column(&t, COLUMN_TEXT, "name", NULL);
	table_column(&t, COLUMN_NUMBER, "absent", NULL);
	for (int i = 0; i < 2; i++) {
		table_text(&t, "a");
		table_number(&t, NAN, 1, 0);
	}
	table_html(&t, &html);
	CHECK(strstr(strbuf_str(&html), ">name<") && !strstr(strbuf_str(&html), "absent"));
	CHECK(!strstr(strbuf_str(&html), "<td></td>"));
	t.words = true;
	table_html(&t, &html);
	CHECK(strstr(strbuf_str(&html), "absent"));
	table_free(&t);
	strbuf_free(&html);
}

/* A comparison over fewer runs than the systems have says so, in its row and below. */
static void test_compared_seeds(void **state)
{
	const struct compare_options o = { .metric = METRIC_WEIGHTED_F1,
					   .replicates = 100,
					   .alpha = .05,
					   .seed = 1,
					   .threads = 1 };
	char *dir = scratch_make(), *folder[4];
	static const char *const id[4] = { "meld-bow-s1-00004ea1", "meld-llmerc-s1-00004ea1",
					   "meld-llmerc-s2-00004ea1", "meld-llmerc-s3-00004ea1" };
	struct table t = { 0 };
	struct strbuf text = { 0 }, want = { 0 };
	struct comparison c;
	struct lineup l;
	struct err err = { 0 };

	(void)state;
	write_run(dir, run_of("bow", .4, 1));
	for (int seed = 1; seed <= 3; seed++)
		write_run(dir, run_of("llmerc", .5 + .1 * seed, seed));
	for (int i = 0; i < 4; i++)
		folder[i] = path_join(dir, id[i]);
	lineup_load(&l, folder, 4, NULL, &err);
	CHECK_OK(&err);
	comparison_make(&c, &l, &o, &err);
	CHECK_OK(&err);
	CHECK(!compare_table(&c, COMPARE_DUELS, &t, &err));
	table_markdown(&t, &text);
	CHECK(strstr(strbuf_str(&text), "| 1 of 1 and 3 |"));
	strbuf_reset(&text);
	compare_notes(&c, &text);
	strbuf_addf(&want,
		    "bow and llmerc are compared over the 1 seed that both have; their means over "
		    "all runs differ by %+.2f.\n",
		    100 * (c.standing[1].number[STANDING_WEIGHTED_F1].mean -
			   c.standing[0].number[STANDING_WEIGHTED_F1].mean));
	CHECK(strstr(strbuf_str(&text), strbuf_str(&want)));
	table_free(&t);
	strbuf_free(&text);
	strbuf_free(&want);
	comparison_free(&c);
	lineup_free(&l);
	for (int i = 0; i < 4; i++)
		free(folder[i]);
	scratch_remove(dir);
}

static void test_sight_words(void **state)
{
	char words[128];

	(void)state;
	tables_see_words(SEE_ALL, words, sizeof(words));
	CHECK(!strcmp(words, "text, speech, audio, behaviour, video, history"));
	tables_see_words(SEE_TEXT | SEE_FACE | SEE_POSTURE | SEE_PICTURES, words, sizeof(words));
	CHECK(!strcmp(words, "text, face, posture, pictures"));
	tables_see_words(0, words, sizeof(words));
	CHECK(!strcmp(words, "nothing"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_options),
		cmocka_unit_test(test_other_mode),
		cmocka_unit_test(test_ablation_of_variant),
		cmocka_unit_test(test_limited),
		cmocka_unit_test(test_served),
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_sight_words),
		cmocka_unit_test(test_many_systems),
		cmocka_unit_test(test_empty_columns),
		cmocka_unit_test(test_compared_seeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

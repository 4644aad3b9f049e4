/* SPDX-License-Identifier: Apache-2.0
 * Gates: every kind of breach is planted and has to be told by its name, equal results and what
 * is within its tolerance pass, a baseline is read as it was written or refused, and the time
 * gate gives the verdicts of known samples.
 */
#include "tests/fixture_results.h"

#include "harness/verdict/gate.h"

#define BOW    "meld-bow-s1"
#define FOLDER "meld-bow-s1-00004ea1"

/* A folder with one invented run, and the baseline made of it. */
struct yard {
	char *dir, *run;
	struct baseline held;
	struct gate_report report;
};

static const struct fixture_run plain = { .corpus = "meld",
					  .kind = "real",
					  .system = "bow",
					  .see = "text",
					  .selection = "dev-f1",
					  .labels = &labels_meld7,
					  .skill = .6,
					  .seed = 1,
					  .dialogues = 40,
					  .beliefs = true,
					  .all_scores = true };
static const struct gate_rules no_rules = {
	.metrics = "", .tolerance = "", .floor = "", .ceiling = "", .quarantine = ""
};

static void update(struct yard *y, const struct gate_rules *rules)
{
	struct strbuf changes = { 0 };
	struct err err = { 0 };

	baseline_update(&y->held, &y->run, 1, rules, &changes, &err);
	CHECK_OK(&err);
	strbuf_free(&changes);
}

static void yard_open(struct yard *y, const struct gate_rules *rules)
{
	*y = (struct yard){ .dir = scratch_make() };
	fixture_run_write(y->dir, y->dir, &plain);
	y->run = path_join(y->dir, FOLDER);
	update(y, rules);
}

static void yard_close(struct yard *y)
{
	baseline_free(&y->held);
	gate_report_free(&y->report);
	free(y->run);
	scratch_remove(y->dir);
}

/* Judges again; returns the exit status. */
static int judge(struct yard *y)
{
	struct err err = { 0 };

	gate_report_free(&y->report);
	gate_results(&y->held, &y->run, 1, true, &y->report, &err);
	CHECK_OK(&err);
	return gate_exit_status(&y->report);
}

/* The first check of this name; its text must contain what is given. */
static void check_found(const struct yard *y, const char *what, enum gate_state state,
			const char *text)
{
	for (int i = 0; i < y->report.n; i++) {
		const struct gate_check *c = &y->report.check[i];

		if (strcmp(c->what, what))
			continue;
		if (c->state != state || !strstr(c->text, text))
			fail_msg("%s: state %d, '%s', not %d with '%s'", what, (int)c->state,
				 c->text, (int)state, text);
		return;
	}
	fail_msg("no check of %s", what);
}

/* Replaces the first place of a text in a file of the run. */
static void plant(const struct yard *y, const char *file, const char *old, const char *fresh)
{
	char *path = path_join(y->run, file), *text, *at;
	struct strbuf out = { 0 };
	struct err err = { 0 };
	size_t len;

	io_read_file(path, (size_t)1 << 24, &text, &len, &err);
	CHECK_OK(&err);
	at = strstr(text, old);
	CHECK(at != NULL);
	strbuf_addn(&out, text, (size_t)(at - text));
	strbuf_add(&out, fresh);
	strbuf_add(&out, at + strlen(old));
	fixture_write(y->run, file, &out);
	free(text);
	free(path);
}

static void test_equal(void **state)
{
	struct strbuf out = { 0 };
	struct yard y;

	(void)state;
	yard_open(&y, &no_rules);
	CHECK(judge(&y) == 0);
	/* task, counts, predictions, 9 of the whole set (no Brier score, no NLL), 3 a class */
	CHECK(y.report.n == 3 + 9 + 21 && gate_count(&y.report, GATE_PASS) == y.report.n);
	gate_write_breaches(&y.report, &out);
	CHECK(out.len == 0);
	yard_close(&y);
}

static void test_flipped(void **state)
{
	struct gate_rules within = no_rules;
	struct fixture_run f = plain;
	struct yard y;

	(void)state;
	yard_open(&y, &no_rules);
	f.flip = 7;
	fixture_run_write(y.dir, y.dir, &f);
	CHECK(judge(&y) == 1);
	check_found(&y, "task", GATE_PASS, "");
	check_found(&y, "counts", GATE_FAIL, "(2 counts differ)");
	check_found(&y, "predictions", GATE_FAIL, "the baseline has");
	check_found(&y, "mcc", GATE_FAIL, "is more than the exact 1e-09");
	check_found(&y, "answered", GATE_PASS, "");
	within.tolerance = "abs:0.01,f1=abs:0.05,precision=abs:.05,recall=abs:.05";
	fixture_run_write(y.dir, y.dir, &plain);
	update(&y, &within);
	fixture_run_write(y.dir, y.dir, &f);
	CHECK(judge(&y) == 0);
	yard_close(&y);
}

static void test_other_skill(void **state)
{
	struct gate_rules within = no_rules;
	struct fixture_run f = plain;
	struct yard y;

	(void)state;
	within.metrics = "weighted_f1,kappa,uar";
	within.tolerance = "rel:0.05";
	within.quarantine = "kappa=known to be unsteady";
	yard_open(&y, &within);
	f.skill = .9;
	fixture_run_write(y.dir, y.dir, &f);
	CHECK(judge(&y) == 0);
	check_found(&y, "weighted_f1", GATE_BETTER, "better: ");
	f.skill = .3;
	fixture_run_write(y.dir, y.dir, &f);
	CHECK(judge(&y) == 1);
	check_found(&y, "weighted_f1", GATE_FAIL, "the baseline has");
	check_found(&y, "kappa", GATE_QUARANTINED, "known to be unsteady");
	/* exact: better fails too */
	fixture_run_write(y.dir, y.dir, &plain);
	within = no_rules;
	within.exact = true;
	update(&y, &within);
	f.skill = .9;
	fixture_run_write(y.dir, y.dir, &f);
	CHECK(judge(&y) == 1);
	check_found(&y, "weighted_f1", GATE_FAIL, "exact");
	yard_close(&y);
}

static void test_bounds(void **state)
{
	struct gate_rules rules = no_rules;
	struct yard y;

	(void)state;
	rules.tolerance = "abs:1";
	rules.floor = "f1.joy=0.99,f1.anger=0.1";
	rules.ceiling = "ece=0.001,accuracy=0.99";
	yard_open(&y, &rules);
	CHECK(judge(&y) == 1);
	check_found(&y, "f1.joy", GATE_FAIL, "is below the floor 0.99");
	check_found(&y, "f1.anger", GATE_PASS, "");
	check_found(&y, "ece", GATE_FAIL, "is above the ceiling 0.001");
	check_found(&y, "accuracy", GATE_PASS, "");
	CHECK(gate_count(&y.report, GATE_FAIL) == 2);
	yard_close(&y);
}

static void test_missing_metric(void **state)
{
	struct gate_rules all = no_rules;
	struct yard y;

	(void)state;
	all.tolerance = "abs:1";
	yard_open(&y, &all);
	plant(&y, "metrics.json", "\"uar\"", "\"war\"");
	plant(&y, "metrics.json", "\"precision\": ", "\"precision\": null, \"x\": ");
	CHECK(judge(&y) == 1);
	check_found(&y, "uar", GATE_FAIL, "missing or null in the result");
	check_found(&y, "precision.neutral", GATE_FAIL, "missing or null in the result");
	CHECK(gate_count(&y.report, GATE_FAIL) == 2);
	/* an update keeps the place, so that it is noticed */
	update(&y, &no_rules);
	CHECK(judge(&y) == 1);
	check_found(&y, "uar", GATE_FAIL, "missing or null in the result");
	fixture_run_write(y.dir, y.dir, &plain);
	CHECK(judge(&y) == 1);
	check_found(&y, "uar", GATE_FAIL, "null in the baseline");
	yard_close(&y);
}

/* Not to be judged: each ends in 4 and says why. */
static void test_mismatch(void **state)
{
	struct fixture_run f = plain;
	struct yard y;

	(void)state;
	yard_open(&y, &no_rules);
	f.labels = &labels_iemocap6;
	fixture_run_write(y.dir, y.dir, &f);
	CHECK(judge(&y) == 4 && y.report.n == 1);
	check_found(&y, "labels", GATE_MISMATCH, "iemocap6, the baseline has meld7");
	f = plain;
	f.dialogues = 39;
	fixture_run_write(y.dir, y.dir, &f);
	CHECK(judge(&y) == 4);
	check_found(&y, "n", GATE_MISMATCH, "351 samples, the baseline has 360 samples");
	fixture_run_write(y.dir, y.dir, &plain);
	plant(&y, "predictions.jsonl", "dia0_utt0", "dia0_uttX");
	CHECK(judge(&y) == 4);
	check_found(&y, "version of the test set", GATE_MISMATCH, "the baseline has");
	fixture_run_write(y.dir, y.dir, &plain);
	plant(&y, "manifest.json", "\"neutral\"", "\"calm\"");
	CHECK(judge(&y) == 4);
	check_found(&y, "result", GATE_MISMATCH, "status ok with label 'neutral'");
	f = plain;
	f.kind = "calibrated";
	fixture_run_write(y.dir, y.dir, &f);
	free(y.run);
	y.run = path_join(y.dir, "meld-bow-s1-00000ca1");
	CHECK(judge(&y) == 4);
	check_found(&y, "kind", GATE_MISMATCH, "calibrated, the baseline has real");
	yard_close(&y);
}

static void test_damaged(void **state)
{
	struct yard y;
	char *path, *text;
	size_t len;
	struct err err = { 0 };

	(void)state;
	yard_open(&y, &no_rules);
	/* one label alone, its scores left as they were */
	plant(&y, "predictions.jsonl", "\"label\":\"joy\"", "\"label\":\"fear\"");
	CHECK(judge(&y) == 4 && y.report.n == 1);
	check_found(&y, "result", GATE_MISMATCH, "score the run again");
	fixture_run_write(y.dir, y.dir, &plain);
	plant(&y, "metrics.json", "\"uar\": 0", "\"uar\": 1");
	CHECK(judge(&y) == 4);
	check_found(&y, "result", GATE_MISMATCH, "metrics.json: uar is 1");
	fixture_run_write(y.dir, y.dir, &plain);
	path = path_join(y.run, "predictions.jsonl");
	CHECK(!io_read_file(path, (size_t)1 << 24, &text, &len, &err));
	CHECK(!io_write_atomic(path, text, len - 20, &err));
	CHECK(judge(&y) == 4);
	check_found(&y, "result", GATE_MISMATCH, "cut short");
	CHECK(!strcmp(y.report.check[0].run, BOW));
	free(text);
	free(path);
	io_remove_tree(y.run, &err);
	CHECK(judge(&y) == 4);
	check_found(&y, "result", GATE_MISMATCH, "manifest.json");
	yard_close(&y);
}

static void test_refused(void **state)
{
	struct fixture_run f = plain;
	struct strbuf changes = { 0 };
	struct err err = { 0 };
	struct yard y;
	char *twice[2];

	(void)state;
	yard_open(&y, &no_rules);
	plant(&y, "manifest.json", "\"result_class\": \"full\"", "\"result_class\": \"limited\"");
	CHECK(judge(&y) == 4);
	check_found(&y, "result", GATE_MISMATCH, "limited");
	baseline_update(&y.held, &y.run, 1, &no_rules, &changes, &err);
	CHECK_ERR(&err, ERR_DATA, "limited");
	fixture_run_write(y.dir, y.dir, &plain);
	plant(&y, "manifest.json", "\"status\": \"complete\"", "\"status\": \"interrupted\"");
	CHECK(judge(&y) == 3);
	check_found(&y, "result", GATE_INCOMPLETE, "interrupted");
	baseline_update(&y.held, &y.run, 1, &no_rules, &changes, &err);
	CHECK_ERR(&err, ERR_INCOMPLETE, "interrupted");
	fixture_run_write(y.dir, y.dir, &plain);
	gate_report_free(&y.report);
	CHECK(!gate_results(&y.held, &y.run, 0, true, &y.report, &err));
	CHECK(gate_exit_status(&y.report) == 3);
	check_found(&y, "result", GATE_INCOMPLETE, "no result of it was given");
	twice[0] = twice[1] = y.run;
	gate_report_free(&y.report);
	CHECK(!gate_results(&y.held, twice, 2, true, &y.report, &err));
	CHECK(gate_exit_status(&y.report) == 4);
	check_found(&y, "result", GATE_MISMATCH, "given twice");
	f.seed = 2;
	fixture_run_write(y.dir, y.dir, &f);
	free(y.run);
	y.run = path_join(y.dir, "meld-bow-s2-00004ea1");
	CHECK(judge(&y) == 4);
	check_found(&y, "baseline", GATE_MISMATCH, "no such run");
	yard_close(&y);
}

/* Times are judged on the machine they were measured on. */
static void test_times(void **state)
{
	struct gate_rules rules = no_rules;
	struct yard y;

	(void)state;
	rules.metrics = "weighted_f1";
	rules.times = true;
	yard_open(&y, &rules);
	CHECK(judge(&y) == 0 && y.report.n == 3 + 1 + 6);
	check_found(&y, "ms.model.p90", GATE_PASS, "");
	plant(&y, "manifest.json", "\"p90_ms\": 0.07", "\"p90_ms\": 0.14");
	CHECK(judge(&y) == 0);
	plant(&y, "manifest.json", "\"p90_ms\": 0.14", "\"p90_ms\": 0.19");
	CHECK(judge(&y) == 1);
	check_found(&y, "ms.prompt.p90", GATE_FAIL, "the baseline has 0.075");
	plant(&y, "manifest.json", "\"threads\": 2", "\"threads\": 3");
	CHECK(judge(&y) == 0);
	check_found(&y, "ms.prompt.p90", GATE_SKIPPED, "another machine");
	check_found(&y, "weighted_f1", GATE_PASS, "");
	yard_close(&y);
}

/* One metric of a run without samples: held value, direction, tolerance; what is seen. */
static enum gate_state line(double held, bool lower, const char *tolerance, double seen)
{
	struct gate_metric a = {
		.name = "x", .value = held, .lower = lower, .floor = NAN, .ceiling = NAN
	};
	struct gate_metric b = { .name = "x", .value = seen };
	struct gate_run was = { .name = "r",
				.corpus = "c",
				.kind = "real",
				.labels_name = "l",
				.metric = &a,
				.n_metric = 1 };
	struct gate_run is = was;
	struct gate_report report = { 0 };
	struct err err = { 0 };
	enum gate_state state;

	is.metric = &b;
	tolerance_parse(tolerance, &a.line, &err);
	CHECK_OK(&err);
	gate_judge(&was, &is, &report, &err);
	CHECK_OK(&err);
	CHECK(report.n == 2 && !strcmp(report.check[1].what, "x"));
	state = report.check[1].state;
	gate_report_free(&report);
	return state;
}

static void test_tolerance(void **state)
{
	(void)state;
	CHECK(line(.6, false, "exact", .6 + 9e-10) == GATE_PASS);
	CHECK(line(.6, false, "exact", .6 + 2e-9) == GATE_FAIL);
	CHECK(line(.6, false, "exact", .6 - 2e-9) == GATE_FAIL);
	CHECK(line(.6, false, "abs:0.02", .62) == GATE_PASS);
	CHECK(line(.6, false, "abs:0.02", .58) == GATE_PASS);
	CHECK(line(.6, false, "abs:0.02", .5799) == GATE_FAIL);
	CHECK(line(.6, false, "abs:0.02", .6201) == GATE_BETTER);
	CHECK(line(.6, true, "abs:0.02", .6201) == GATE_FAIL);
	CHECK(line(.6, true, "abs:0.02", .5799) == GATE_BETTER);
	CHECK(line(50, false, "rel:0.1", 45) == GATE_PASS);
	CHECK(line(50, false, "rel:0.1", 44.9) == GATE_FAIL);
	CHECK(line(-.5, false, "rel:0.1", -.56) == GATE_FAIL);
	CHECK(line(-.5, false, "rel:0.1", -.55) == GATE_PASS);
	CHECK(line(.6, false, "abs:9", NAN) == GATE_FAIL);
	CHECK(line(NAN, false, "abs:9", .6) == GATE_FAIL);
}

static char *read_text(const char *path)
{
	struct err err = { 0 };
	char *text;
	size_t len;

	io_read_file(path, (size_t)1 << 24, &text, &len, &err);
	CHECK_OK(&err);
	return text;
}

/* Read and written again: the same bytes, rules and all. */
static void test_file(void **state)
{
	struct gate_rules rules = no_rules;
	struct baseline again;
	struct err err = { 0 };
	struct yard y;
	char *path, *first, *second;

	(void)state;
	rules.tolerance = "abs:0.02,ece=rel:0.3,mcc=exact";
	rules.floor = "f1.joy=0.125";
	rules.ceiling = "ece=0.5";
	rules.quarantine = "kappa=a \"reason\"";
	rules.times = true;
	yard_open(&y, &rules);
	path = path_join(y.dir, "baseline.json");
	CHECK(!baseline_write(&y.held, path, &err));
	first = read_text(path);
	CHECK(!baseline_read(&again, path, &err));
	CHECK(!baseline_write(&again, path, &err));
	second = read_text(path);
	CHECK(!strcmp(first, second));
	CHECK(strstr(first, "\"tolerance\":\"abs:0.02\"") && strstr(first, "\"floor\":0.125"));
	CHECK(strstr(first, "\"quarantined\":\"a \\\"reason\\\"\"") && strstr(first, "\"cpu\":"));
	/* rules outlive an update with none */
	baseline_free(&y.held);
	y.held = again;
	update(&y, &no_rules);
	CHECK(!baseline_write(&y.held, path, &err));
	free(second);
	second = read_text(path);
	CHECK(!strcmp(first, second));
	free(first);
	free(second);
	free(path);
	yard_close(&y);
}

/* Prompts are held where a run is exact and its manifest tells their hash. */
static void test_prompts(void **state)
{
	static const char one[] = "{\n \"prompts\": \"0123456789abcdef0123456789abcdef\",";
	static const char other[] = "\"prompts\": \"0023";
	struct yard y = { .dir = scratch_make() };

	(void)state;
	fixture_run_write(y.dir, y.dir, &plain);
	y.run = path_join(y.dir, FOLDER);
	plant(&y, "manifest.json", "{", one);
	update(&y, &no_rules);
	CHECK(judge(&y) == 0);
	check_found(&y, "prompts", GATE_PASS, "");
	plant(&y, "manifest.json", "\"prompts\": \"0123", other);
	CHECK(judge(&y) == 1 && gate_count(&y.report, GATE_FAIL) == 1);
	check_found(&y, "prompts", GATE_FAIL, "the baseline has 0123456789abcdef");
	fixture_run_write(y.dir, y.dir, &plain);
	CHECK(judge(&y) == 1);
	check_found(&y, "prompts", GATE_FAIL, "hash missing");
	yard_close(&y);
}

/* What is not understood is refused: a bound that is passed over would be a gate left open. */
static void test_bad_files(void **state)
{
	static const struct {
		const char *old, *fresh, *says;
	} bad[] = {
		{ "\"schema_version\": 1", "\"schema_version\": 2", "schema_version is not 1" },
		{ "\"runs\"", "\"run\"", "member 'run'" },
		{ "\"floor\"", "\"flor\"", "member 'flor'" },
		{ "\"exact\": false", "\"exact\": 0", "exact is not true or false" },
		{ "\"higher\"", "\"up\"", "higher or lower" },
		{ "abs:0.02", "0.02", "is not exact, abs:NUMBER or rel:NUMBER" },
		{ "abs:0.02", "abs:-1", "tolerance" },
		{ "\"n\": 360", "\"n\": 361", "do not add up to n" },
		{ "\"value\":", "\"value\":\"0\",\"tolerance\":", "" },
		{ "\"value\":", "\"values\":", "member 'values'" },
		{ "\"predictions\": \"", "\"predictions\": \"0", "not a hash" },
		{ "\"corpus\":\"meld\"", "\"corpus\":\"\"", "corpus is not a text" },
		{ "\"neutral\": [", "\"neutral\": [-1,", "counts" },
		{ "\"labels\": [", "\"labels\": [0,", "labels" },
		{ "\"metrics\": {", "\"metrics\": {}, \"x\": {", "" },
	};
	struct gate_rules rules = no_rules;
	struct yard y;
	char *path;

	(void)state;
	rules.tolerance = "abs:0.02";
	rules.floor = "f1.joy=0.125";
	yard_open(&y, &rules);
	path = path_join(y.run, "baseline.json");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = { 0 };
		struct baseline b;

		CHECK(!baseline_write(&y.held, path, &err));
		plant(&y, "baseline.json", bad[i].old, bad[i].fresh);
		baseline_read(&b, path, &err);
		CHECK_ERR(&err, ERR_FORMAT, bad[i].says);
		baseline_free(&b);
	}
	free(path);
	yard_close(&y);
}

static void test_bad_rules(void **state)
{
	struct gate_rules rules[] = { no_rules, no_rules, no_rules, no_rules, no_rules };
	static const char *const says[] = { "no metric 'f2'", "give one of them", "is not exact",
					    "no metric to record", "give a reason" };
	struct strbuf changes = { 0 };
	struct yard y;

	(void)state;
	rules[0].floor = "f2=0.5";
	rules[1].tolerance = "abs:1";
	rules[1].exact = true;
	rules[2].tolerance = "f1=5%";
	rules[3].metrics = "bleu";
	rules[4].quarantine = "uar=";
	yard_open(&y, &no_rules);
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		struct err err = { 0 };

		baseline_update(&y.held, &y.run, 1, &rules[i], &changes, &err);
		CHECK_ERR(&err, ERR_ARG, says[i]);
	}
	CHECK(judge(&y) == 0);
	strbuf_free(&changes);
	yard_close(&y);
}

static void test_reports(void **state)
{
	static const char tap[] = "TAP version 14\n1..5\n"
				  "ok 1 - a: task\n"
				  "not ok 2 - a: f1.\\#joy\n  ---\n  message: 'it''s < 1'\n  ...\n"
				  "ok 3 - a: uar\n  ---\n  better: 'up'\n  ...\n"
				  "ok 4 - a: mcc # SKIP known\n"
				  "ok 5 - b: ms # SKIP slow\n";
	static const char junit[] =
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
		" <testsuite name=\"a\" tests=\"4\" failures=\"1\" errors=\"0\" skipped=\"1\">\n"
		"  <testcase classname=\"a\" name=\"task\"/>\n"
		"  <testcase classname=\"a\" name=\"f1.#joy\"><failure message=\"it's &lt; "
		"1\"/></testcase>\n"
		"  <testcase classname=\"a\" name=\"uar\"><system-out>up</system-out></testcase>\n"
		"  <testcase classname=\"a\" name=\"mcc\"><skipped message=\"known\"/></testcase>\n"
		" </testsuite>\n"
		" <testsuite name=\"b\" tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"1\">\n"
		"  <testcase classname=\"b\" name=\"ms\"><skipped message=\"slow\"/></testcase>\n"
		" </testsuite>\n</testsuites>\n";
	struct gate_report r = { 0 };
	struct strbuf out = { 0 };
	struct err err = { 0 };

	(void)state;
	gate_add(&r, "a", "task", GATE_PASS, &err, "%s", "");
	gate_add(&r, "a", "f1.#joy", GATE_FAIL, &err, "it's < 1");
	gate_add(&r, "a", "uar", GATE_BETTER, &err, "up");
	gate_add(&r, "a", "mcc", GATE_QUARANTINED, &err, "known");
	gate_add(&r, "b", "ms", GATE_SKIPPED, &err, "slow");
	CHECK_OK(&err);
	gate_write_tap(&r, &out);
	assert_string_equal(strbuf_str(&out), tap);
	strbuf_reset(&out);
	gate_write_junit(&r, &out);
	assert_string_equal(strbuf_str(&out), junit);
	strbuf_reset(&out);
	gate_write_breaches(&r, &out);
	assert_string_equal(strbuf_str(&out), "a: f1.#joy: it's < 1\n");
	CHECK(gate_exit_status(&r) == 1);
	gate_add(&r, "b", "result", GATE_INCOMPLETE, &err, "x");
	CHECK(gate_exit_status(&r) == 3);
	gate_add(&r, "b", "result", GATE_MISMATCH, &err, "x");
	CHECK(gate_exit_status(&r) == 4);
	strbuf_free(&out);
	gate_report_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),	       cmocka_unit_test(test_flipped),
		cmocka_unit_test(test_other_skill),    cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_missing_metric), cmocka_unit_test(test_mismatch),
		cmocka_unit_test(test_damaged),	       cmocka_unit_test(test_refused),
		cmocka_unit_test(test_times),	       cmocka_unit_test(test_tolerance),
		cmocka_unit_test(test_file),	       cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_prompts),	       cmocka_unit_test(test_bad_rules),
		cmocka_unit_test(test_reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

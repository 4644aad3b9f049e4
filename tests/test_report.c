/* SPDX-License-Identifier: Apache-2.0
 * The report room: invented result folders in, golden tables out; broken
 * folders are named; what comes from outside is escaped.
 * UPDATE_GOLDEN=1 rewrites tests/golden/report (review the diff); MERC_REPORT=DIR
 * keeps the whole report there to look at.
 */
#include "tests/fixture_results.h"

#include <unistd.h>

#include "harness/report/page.h"
#include "harness/report/report.h"
#include "harness/report/results.h"
#include "harness/report/summary.h"

#define GOLDEN "tests/golden/report"

static char *read_text(const char *dir, const char *name)
{
	char *path = path_join(dir, name), *text = NULL;
	struct err err = { 0 };
	size_t len;

	io_read_file(path, (size_t)64 << 20, &text, &len, &err);
	CHECK_OK(&err);
	free(path);
	return text;
}

static void write_text(const char *dir, const char *name, const char *content)
{
	struct strbuf b = { 0 };

	strbuf_add(&b, content);
	fixture_write(dir, name, &b);
}

static char *sub_dir(const char *dir, const char *name)
{
	char *path = path_join(dir, name);
	struct err err = { 0 };

	io_mkdirs(path, &err);
	CHECK_OK(&err);
	return path;
}

static void replace(const char *dir, const char *file, const char *from, const char *to)
{
	char *text = read_text(dir, file);
	struct strbuf changed = { 0 };
	size_t at = 0;

	while (text[at] && !str_starts(text + at, from))
		at++;
	CHECK(text[at]);
	strbuf_addn(&changed, text, at);
	strbuf_add(&changed, to);
	strbuf_add(&changed, text + at + strlen(from));
	fixture_write(dir, file, &changed);
	free(text);
}

static void check_golden(const char *dir, const char *name)
{
	char *ours = read_text(dir, name), *golden;
	const char *update = getenv("UPDATE_GOLDEN");

	if (update && !strcmp(update, "1"))
		write_text(GOLDEN, path_base(name), ours);
	golden = read_text(GOLDEN, path_base(name));
	if (strcmp(ours, golden)) {
		size_t at = 0;
		int line = 1;

		for (; ours[at] && ours[at] == golden[at]; at++)
			line += ours[at] == '\n';
		fail_msg("%s differs from " GOLDEN "/%s in line %d (UPDATE_GOLDEN=1 rewrites it)",
			 name, path_base(name), line);
	}
	free(ours);
	free(golden);
}

static const char claims_text[] =
	"[{\"kind\":\"delta\",\"system\":\"bemerc\",\"versus\":\"llmerc\",\"dataset\":\"meld\","
	"\"split\":\"test\",\"metric\":\"weighted_f1\",\"value\":null,\"delta_points\":0.88,"
	"\"selection\":null,\"backbone\":null,\"source\":\"a <paper> & more\"},\n"
	"{\"kind\":\"ablation\",\"system\":\"bemerc\",\"claim\":\"the face | helps most\","
	"\"dataset\":null,\"metric\":null,\"value\":null,\"source\":\"a digest\"},\n"
	"{\"kind\":\"floor\",\"system\":\"always-neutral\",\"dataset\":\"meld\","
	"\"split\":\"test, seven-way\",\"metric\":\"accuracy\",\"value\":48.12,\"n\":2610,"
	"\"selection\":\"none\",\"source\":\"counts\"},\n"
	"{\"kind\":\"result\",\"system\":\"speechcuellm\",\"dataset\":\"iemocap\","
	"\"split\":\"test\",\"metric\":\"weighted_f1\",\"value\":58.52,\"selection\":\"test\","
	"\"backbone\":\"some LLM\",\"source\":\"a table\"},\n"
	"{\"kind\":\"result\",\"system\":\"mmgcn\",\"dataset\":\"meld\",\"split\":\"test\","
	"\"metric\":\"weighted_f1\",\"value\":58.65,\"seeds\":5,\"selection\":\"valid\","
	"\"source\":\"a table\"}]\n";

static const char notes_text[] =
	"{\"corpus\":\"meld\",\"system\":\"bemerc\",\"reason\":\"no clips at hand\"}\n"
	"{\"corpus\":\"iemocap\",\"system\":\"*\",\"reason\":\"the corpus needs a licence\"}\n";

struct site {
	char *dir, *runs, *meld, *iemocap, *out, *claims, *notes, *profiles;
};

static struct site site_make(int dialogues, int seeds, bool both)
{
	struct site s = { .dir = scratch_make() };

	s.runs = sub_dir(s.dir, "runs");
	s.meld = sub_dir(s.dir, "meld");
	s.iemocap = sub_dir(s.dir, "iemocap");
	s.profiles = path_join(s.dir, "profiles");
	s.out = path_join(s.dir, "out");
	s.claims = path_join(s.dir, "claims.json");
	s.notes = path_join(s.dir, "notes.jsonl");
	write_text(s.dir, "claims.json", claims_text);
	write_text(s.dir, "notes.jsonl", notes_text);
	fixture_calibration(s.meld);
	fixture_calibration(s.iemocap);
	fixture_corpus(s.runs, s.meld, "meld", "calibrated", &labels_meld7, dialogues, seeds, both);
	fixture_corpus(s.runs, s.dir, "meld", "real", &labels_meld7, dialogues, seeds, both);
	if (both)
		fixture_corpus(s.runs, s.iemocap, "iemocap", "calibrated", &labels_iemocap6,
			       dialogues, seeds, true);
	return s;
}

static void site_free(struct site *s)
{
	free(s->runs);
	free(s->meld);
	free(s->iemocap);
	free(s->out);
	free(s->claims);
	free(s->notes);
	free(s->profiles);
	scratch_remove(s->dir);
}

static void write_report(const struct site *s, int replicates)
{
	const struct report_options o = { .claims = s->claims,
					  .notes = s->notes,
					  .profiles = s->profiles,
					  .replicates = replicates,
					  .seed = 1,
					  .threads = 2 };
	struct err err = { 0 };

	report_write(s->runs, s->out, &o, NULL, &err);
	CHECK_OK(&err);
}

static void test_golden(void **state)
{
	static const char *const name[] = {
		"summary.json",	       "tables/results.md",    "tables/results.csv",
		"tables/per-class.md", "tables/per-class.csv", "tables/ablation.md",
		"tables/ablation.csv", "tables/stages.md",     "tables/stages.csv",
		"tables/claims.md",    "tables/claims.csv",    "tables/claims-field.md",
		"tables/not-run.md",   "tables/runs.md",       "tables/results.tex",
		"tables/claims.tex",
	};
	struct site s = site_make(14, 2, false);

	(void)state;
	write_report(&s, 500);
	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		check_golden(s.out, name[i]);
	site_free(&s);
}

static bool have_gnuplot(void)
{
	return system("gnuplot --version >/dev/null 2>&1") == 0;
}

/* Pictures and page: there, complete, self-contained, balanced, escaped. */
static void test_page(void **state)
{
	static const char *const kind[] = { "overview",		"seeds",       "confusion",
					    "per-class",	"ablation",    "label-drop",
					    "confusion-others", "reliability", "loss",
					    "latency",		"latency-cdf" };
	const char *keep = getenv("MERC_REPORT");
	struct site s = site_make(keep ? 60 : 8, keep ? 3 : 2, true);
	char *page, name[96];
	int opened = 0, closed = 0;

	(void)state;
	if (keep && *keep) {
		free(s.out);
		s.out = str_dup(keep);
		free(s.claims);
		s.claims = str_dup("results/reference/claims.json");
	}
	fixture_profile(s.profiles, "bemerc", 8);
	fixture_profile(s.profiles, "llmerc", 2.5);
	write_report(&s, keep ? 2000 : 50);
	page = read_text(s.out, "index.html");
	for (size_t i = 0; have_gnuplot() && i < sizeof(kind) / sizeof(kind[0]); i++) {
		static const char *const suffix[] = { "dat", "gp", "svg", "png", "pdf" };

		for (size_t j = 0; j < 5; j++) {
			char *path;

			CHECK(str_format(name, sizeof(name), "plots/%s-iemocap-calibrated.%s",
					 kind[i], suffix[j]));
			path = path_join(s.out, name);
			CHECK(io_is_file(path));
			free(path);
		}
	}
	CHECK(strstr(page, "cc &lt;12&gt; &amp; &quot;more&quot;"));
	CHECK(keep || strstr(page, "a &lt;paper&gt; &amp; more"));
	CHECK(!strstr(page, "<paper>"));
	CHECK(!strstr(page, "src=") && !strstr(page, "url(http") && !strstr(page, "@import"));
	CHECK(!strstr(page, "onmousemove") && !strstr(page, "gnuplot_svg"));
	if (have_gnuplot())
		CHECK(strstr(page, "neutral answered as neutral:"));
	for (const char *p = page; (p = strstr(p, "<svg")); p++)
		opened++;
	for (const char *p = page; (p = strstr(p, "</svg>")); p++)
		closed++;
	CHECK(opened == closed && (!have_gnuplot() || opened == 33));
	free(page);
	site_free(&s);
}

/* Results that bear the name of a published system stand beside its claims; recorded replies say
 * how they were read. */
static void test_recorded(void **state)
{
	struct fixture_run f = { .corpus = "meld",
				 .kind = "real",
				 .system = "mmgcn",
				 .see = "",
				 .selection = "dev-f1",
				 .labels = &labels_meld7,
				 .skill = .6,
				 .seed = 1,
				 .dialogues = 4 };
	struct site s = site_make(4, 1, false);
	char *dir = path_join(s.runs, "meld-mmgcn-s1-00004ea1"), *text;

	(void)state;
	fixture_run_write(s.runs, s.dir, &f);
	replace(dir, "manifest.json", "\"model\": \"mmgcn\"",
		"\"decoder\": \"A\", \"model\": \"recorded\"");
	write_report(&s, 20);
	text = read_text(s.out, "tables/claims.md");
	CHECK(strstr(text, "| mmgcn | 58.65 (5 seeds) (meld, test, weighted F1, selection dev) | "
			   "MELD: "));
	CHECK(strstr(text, "| not comparable: the claim does not name its label set |"));
	free(text);
	text = read_text(s.out, "tables/results.md");
	CHECK(strstr(text, "recorded replies, decoder A |"));
	free(text);
	free(dir);
	site_free(&s);
}

/* Profiles beside the results: tables as golden files, what is broken is named, none is fine. */
static void test_profiles(void **state)
{
	struct site s = site_make(4, 1, false);
	char *bad = path_join(s.profiles, "bad"), *text;
	struct err err = { 0 };

	(void)state;
	write_report(&s, 20);
	text = read_text(s.out, "index.html");
	CHECK(!strstr(text, "Profiles</h3>"));
	free(text);
	fixture_profile(s.profiles, "bemerc", 8);
	fixture_profile(s.profiles, "other <one>", 2.5);
	io_mkdirs(bad, &err);
	CHECK_OK(&err);
	write_text(bad, "profile.json", "{\"schema_version\": 1, \"kind\": \"verdict\"}");
	write_report(&s, 20);
	check_golden(s.out, "tables/profiles.md");
	check_golden(s.out, "tables/throughput.md");
	text = read_text(s.out, "index.html");
	CHECK(strstr(text, "Profiles</h3>") && strstr(text, "other &lt;one&gt;"));
	CHECK(strstr(text, "bad/profile.json: not a profile"));
	if (have_gnuplot())
		CHECK(strstr(text, "<title>bemerc, Server: "));
	free(text);
	free(bad);
	site_free(&s);
}

/* Without gnuplot the report is still whole and says what is missing. */
static void test_no_gnuplot(void **state)
{
	struct site s = site_make(4, 1, false);
	char *path = str_dup(getenv("PATH")), *page;

	(void)state;
	setenv("PATH", "/nonexistent", 1);
	write_report(&s, 20);
	setenv("PATH", path, 1);
	page = read_text(s.out, "index.html");
	CHECK(strstr(page, "gnuplot is not installed") && !strstr(page, "<svg"));
	free(page);
	page = read_text(s.out, "plots/confusion-meld-calibrated.gp");
	CHECK(strstr(page, "confusion-meld-calibrated.dat"));
	free(page);
	free(path);
	site_free(&s);
}

static void test_rows(void **state)
{
	const struct summary_options o = { .replicates = 200, .seed = 1, .threads = 1 };
	struct site s = site_make(14, 2, false);
	const struct row *full, *less, *bow;
	struct summary sum;
	struct err err = { 0 };

	(void)state;
	summary_make(&sum, s.runs, &o, NULL, &err);
	CHECK_OK(&err);
	CHECK(sum.n_boards == 2 && sum.n_rows == 11 + 2);
	CHECK(!strcmp(sum.row[0].system, "bemerc") && !strcmp(sum.row[0].without, ""));
	full = summary_find(&sum, 0, "bemerc", "");
	less = summary_find(&sum, 0, "bemerc", "face");
	bow = summary_find(&sum, 0, "bow", "");
	CHECK(full && less && bow && full->n_runs == 2 && full->versus == -1);
	CHECK_NEAR(full->ceiling, .3 + .56 + .06, 1e-12);
	CHECK_NEAR(less->true_drop, .16, 1e-12);
	CHECK_NEAR(bow->ceiling, .5, 1e-12); /* text, no history */
	CHECK_NEAR(less->drop.value, full->f1.mean - less->f1.mean, 1e-12);
	CHECK(less->drop.lo < less->drop.value && less->drop.value < less->drop.hi);
	CHECK(less->paired_seeds == 2 && bow->versus >= 0);
	CHECK_NEAR(full->f1.mean,
		   (full->run[0]->scores.weighted_f1 + full->run[1]->scores.weighted_f1) / 2,
		   1e-15);
	bow = summary_find(&sum, 1, "bow", "");
	CHECK(bow && isnan(bow->ceiling) && bow->versus == -1 && isnan(bow->drop.value));
	summary_free(&sum);
	site_free(&s);
}

/* The sight of a run is what its manifest says less what it was run without. */
static void test_sight(void **state)
{
	struct site s = site_make(4, 1, false);
	struct result r;
	struct err err = { 0 };
	char *dir = path_join(s.runs, "meld-bemerc-without-audio-s1-00000ca1");

	(void)state;
	result_load(&r, dir, &err);
	CHECK_OK(&err);
	CHECK(r.see == (SEE_ALL & ~(unsigned)(SEE_AUDIO | SEE_SPEECH)));
	CHECK(r.n == 36 && r.groups == 4 && r.n_epoch == 8 && r.n_stage == 4 && r.k == 7);
	CHECK(isnan(r.epoch[0].dev) && r.epoch[3].best == false && r.epoch[6].best);
	result_free(&r);
	free(dir);
	site_free(&s);
}

/* Ceilings come from the manifest wherever the report is made; runs without one need the corpus
 * that they name, and the report says so. */
static void test_ceiling(void **state)
{
	const struct summary_options o = { .replicates = 20, .seed = 1, .threads = 1 };
	struct fixture_run f = { .corpus = "meld",
				 .kind = "calibrated",
				 .system = "bow",
				 .see = "text",
				 .selection = "dev-f1",
				 .labels = &labels_meld7,
				 .skill = .5,
				 .seed = 1,
				 .dialogues = 4,
				 .ceiling = .47 };
	char *dir = scratch_make();
	struct summary s;
	struct err err = { 0 };

	(void)state;
	fixture_run_write(dir, "gone/meld", &f);
	summary_make(&s, dir, &o, NULL, &err);
	CHECK_OK(&err);
	CHECK(s.n_rows == 1 && !s.runs.n_problem);
	CHECK_NEAR(s.row[0].ceiling, .47, 1e-15);
	CHECK_NEAR(s.row[0].test_ceiling, .46, 1e-15);
	summary_free(&s);
	f.system = "speechcue";
	f.ceiling = 0;
	fixture_run_write(dir, "gone/meld", &f);
	summary_make(&s, dir, &o, NULL, &err);
	CHECK_OK(&err);
	CHECK(s.n_boards == 1 && s.n_rows == 2 && s.runs.n_problem == 1);
	CHECK(strstr(s.runs.problem[0], "gone/meld/calibration.json is not there"));
	CHECK(strstr(s.runs.problem[0], "meld-speechcue-s1-00000ca1"));
	CHECK(isnan(summary_find(&s, 0, "speechcue", "")->ceiling));
	CHECK_NEAR(summary_find(&s, 0, "bow", "")->ceiling, .47, 1e-15);
	summary_free(&s);
	scratch_remove(dir);
}

static void refuse(const char *dir, const char *file, const char *from, const char *to, int code,
		   const char *message)
{
	char *text = read_text(dir, file);
	struct result r;
	struct err err = { 0 };

	replace(dir, file, from, to);
	result_load(&r, dir, &err);
	CHECK_ERR(&err, code, message);
	result_free(&r);
	write_text(dir, file, text);
	free(text);
}

/* Beliefs are read where the scores are probabilities, and must be what metrics.json says. */
static void test_beliefs(void **state)
{
	struct fixture_run f = { .corpus = "meld",
				 .kind = "real",
				 .system = "speechcue",
				 .see = "text",
				 .selection = "dev-f1",
				 .labels = &labels_meld7,
				 .skill = .5,
				 .seed = 1,
				 .dialogues = 6,
				 .failures = .1,
				 .beliefs = true };
	char *runs = scratch_make(), *dir = path_join(runs, "meld-speechcue-s1-00004ea1");
	double right, sure = FIXTURE_SURE, rest = (1 - sure) / 6;
	struct result r;
	struct err err = { 0 };

	(void)state;
	fixture_run_write(runs, runs, &f);
	result_load(&r, dir, &err);
	CHECK_OK(&err);
	CHECK(r.beliefs.n == r.scores.answered && r.beliefs.n < r.n && r.beliefs.bin[7].n);
	right = (double)r.beliefs.bin[7].right / (double)r.beliefs.n;
	CHECK_NEAR(calibration_ece(&r.beliefs), fabs(right - sure), 1e-6);
	CHECK_NEAR(calibration_brier(&r.beliefs),
		   right * ((1 - sure) * (1 - sure) + 6 * rest * rest) +
			   (1 - right) * (sure * sure + (1 - rest) * (1 - rest) + 5 * rest * rest),
		   1e-6);
	CHECK_NEAR(r.pred[3].ms, .5 + 1 + 3, 1e-12);
	result_free(&r);
	refuse(dir, "metrics.json", "\"ece\": ", "\"ece\": 1", ERR_DATA,
	       "but predictions.jsonl gives");
	replace(dir, "metrics.json", "\"ece\"", "\"other\"");
	result_load(&r, dir, &err);
	CHECK_OK(&err);
	CHECK(!r.beliefs.n); /* the scores are not meant as probabilities */
	result_free(&r);
	free(dir);
	scratch_remove(runs);
}

static void test_broken_folders(void **state)
{
	struct site s = site_make(4, 1, false);
	char *dir = path_join(s.runs, "meld-bow-s1-00000ca1"), *path;
	struct result r;
	struct err err = { 0 };

	(void)state;
	refuse(dir, "manifest.json", "\"schema_version\": 1", "\"schema_version\": 2", ERR_FORMAT,
	       "schema_version");
	refuse(dir, "manifest.json", "\"calibrated\"", "\"imagined\"", ERR_FORMAT, "imagined");
	refuse(dir, "manifest.json", "meld-bow-s1", "meld-bow-s2", ERR_DATA, "name of its folder");
	refuse(dir, "manifest.json", "\"seed\": 1", "\"seed\": 1.5", ERR_FORMAT, "whole number");
	refuse(dir, "manifest.json", "\"system\": \"bow\"", "\"system\": 7", ERR_FORMAT,
	       "'system'");
	refuse(dir, "predictions.jsonl", "\"gold\":\"neutral\"", "\"gold\":\"bored\"", ERR_DATA,
	       "bored");
	refuse(dir, "predictions.jsonl", "\"status\":\"ok\"", "\"status\":\"fine\"", ERR_DATA,
	       "jsonl:1: unknown status");
	refuse(dir, "predictions.jsonl", "\"status\":\"ok\"", "\"status\":\"parse_fail\"", ERR_DATA,
	       "parse_fail with label");
	refuse(dir, "predictions.jsonl", "dia0_utt1\",\"dialogue\":\"0\",\"turn\":1",
	       "dia0_utt0\",\"dialogue\":\"0\",\"turn\":0", ERR_DATA, "appears twice");
	refuse(dir, "predictions.jsonl", "\"turn\":1,", "", ERR_FORMAT, "line 2");
	refuse(dir, "metrics.json", "\"n\": 36", "\"n\": 37", ERR_DATA, "score the run again");
	refuse(dir, "log.jsonl", "\"epoch\":1", "\"epoch\":-1", ERR_FORMAT, "log.jsonl");
	path = path_join(dir, "predictions.jsonl");
	CHECK(!truncate(path, 2000));
	result_load(&r, dir, &err);
	CHECK_ERR(&err, ERR_FORMAT, "cut short");
	result_free(&r);
	CHECK(!unlink(path));
	result_load(&r, dir, &err);
	CHECK_ERR(&err, ERR_MISSING, "predictions.jsonl");
	result_free(&r);
	free(path);
	free(dir);
	site_free(&s);
}

/* One bad folder does not hide the others, nor itself; unfinished runs are shown as such. */
static void test_problems(void **state)
{
	struct site s = site_make(4, 1, false);
	char *bad = path_join(s.runs, "meld-bow-s1-00000ca1"), *text;
	char *cut = path_join(s.runs, "meld-majority-s1-00000ca1");
	char *hidden = sub_dir(s.runs, ".unfinished");
	struct strbuf b = { 0 };

	(void)state;
	write_text(bad, "metrics.json", "{\"schema_version\":1}");
	text = read_text(cut, "manifest.json");
	strbuf_addn(&b, text, (size_t)(strstr(text, "complete") - text));
	strbuf_add(&b, "interrupted");
	strbuf_add(&b, strstr(text, "complete") + 8);
	fixture_write(cut, "manifest.json", &b);
	free(text);
	write_report(&s, 20);
	text = read_text(s.out, "summary.json");
	CHECK(strstr(text, "\"unusable\"") && strstr(text, "meld-bow-s1-00000ca1/metrics.json"));
	CHECK(!strstr(text, ".unfinished"));
	free(text);
	text = read_text(s.out, "tables/runs.md");
	CHECK(strstr(text, "meld-majority-s1-00000ca1 | interrupted"));
	free(text);
	free(bad);
	free(cut);
	free(hidden);
	site_free(&s);
}

static void test_nothing_to_report(void **state)
{
	const struct report_options o = { .seed = 1 };
	char *dir = scratch_make();
	struct err err = { 0 };

	(void)state;
	report_write("/nonexistent/runs", dir, &o, NULL, &err);
	CHECK_ERR(&err, ERR_MISSING, "/nonexistent/runs");
	report_write(dir, dir, &o, NULL, &err);
	CHECK_ERR(&err, ERR_INCOMPLETE, "no finished run");
	scratch_remove(dir);
}

/* Runs of one row must hold the same samples. */
static void test_other_samples(void **state)
{
	const struct summary_options o = { .replicates = 20, .seed = 1, .threads = 1 };
	struct fixture_run f = { .corpus = "meld",
				 .kind = "real",
				 .system = "bow",
				 .see = "text",
				 .selection = "dev-f1",
				 .labels = &labels_meld7,
				 .skill = .5,
				 .seed = 1,
				 .dialogues = 4 };
	char *dir = scratch_make();
	struct summary s;
	struct err err = { 0 };

	(void)state;
	fixture_run_write(dir, dir, &f);
	f.seed = 2;
	f.dialogues = 5;
	fixture_run_write(dir, dir, &f);
	summary_make(&s, dir, &o, NULL, &err);
	CHECK_ERR(&err, ERR_DATA, "not comparable");
	summary_free(&s);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),	      cmocka_unit_test(test_page),
		cmocka_unit_test(test_no_gnuplot),    cmocka_unit_test(test_rows),
		cmocka_unit_test(test_sight),	      cmocka_unit_test(test_broken_folders),
		cmocka_unit_test(test_problems),      cmocka_unit_test(test_nothing_to_report),
		cmocka_unit_test(test_other_samples), cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_beliefs),	      cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

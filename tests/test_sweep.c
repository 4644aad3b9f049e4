/* SPDX-License-Identifier: Apache-2.0
 * Sweeps: what axes expand to, what each run then is, whose it is, and what the summary
 * makes of results whose scores are known.
 */
#include "tests/test.h"

#include "harness/report/sweep_report.h"
#include "harness/run/shard.h"
#include "harness/run/sweep.h"
#include "tests/fixture_results.h"

/* The values of an axis, joined by blanks. */
static void check_axis(const char *text, bool numeric, const char *want)
{
	struct strbuf got = { 0 };
	struct err err = { 0 };
	struct axis a;

	axis_parse(&a, "x", text, numeric, &err);
	CHECK_OK(&err);
	for (int i = 0; i < a.n; i++)
		strbuf_addf(&got, "%s%s", i ? " " : "", a.value[i]);
	if (strcmp(strbuf_str(&got), want) != 0)
		fail_msg("axis '%s': '%s', wanted '%s'", text, strbuf_str(&got), want);
	strbuf_free(&got);
	axis_free(&a);
}

static void check_axis_refused(const char *text, const char *why)
{
	struct err err = { 0 };
	struct axis a;

	axis_parse(&a, "x", text, true, &err);
	CHECK_ERR(&err, ERR_ARG, why);
	axis_free(&a);
}

static void test_axis(void **state)
{
	(void)state;
	check_axis("a,b,c", false, "a b c");
	check_axis("text\\,face,body", false, "text,face body");
	check_axis("", false, "");
	check_axis(",face", false, " face");
	check_axis("0-12+4", true, "0 4 8 12");
	check_axis("0-10+4", true, "0 4 8");
	check_axis("0-12+4", false, "0-12+4");
	check_axis("1e-4-1e-3*2", true, "0.0001 0.0002 0.0004 0.0008");
	check_axis("1e-4-1e-1*10", true, "0.0001 0.001 0.01 0.1");
	check_axis("0.1-0.5+0.1", true, "0.1 0.2 0.3 0.4 0.5");
	check_axis("0.1-0.7+0.1", true, "0.1 0.2 0.3 0.4 0.5 0.6 0.7");
	check_axis(".5-4*2", true, "0.5 1 2 4");
	check_axis("1-243*3", true, "1 3 9 27 81 243");
	check_axis("1E2-3E2+1e+2", true, "100 200 300");
	check_axis("1-3", true, "1 2 3");
	check_axis("7-7", true, "7");
	check_axis("0,1-8*2", true, "0 1 2 4 8");
	check_axis("-1,0.5,1e-3", true, "-1 0.5 1e-3");
	check_axis_refused("3-1+1", "does not rise");
	check_axis_refused("1-3+0", "does not rise");
	check_axis_refused("1-8*1", "does not rise");
	check_axis_refused("0-8*2", "does not rise");
	check_axis_refused("1-1e9+1", "more than 10000 values");
	check_axis_refused("1-1e300*1.0000001", "more than 10000 values");
	check_axis_refused("1-2.5", "no range");
	check_axis_refused("1-3+", "no range");
	check_axis_refused("1-3/2", "no range");
	check_axis_refused("1,2,1", "there twice");
	check_axis_refused("1-3,2", "there twice");
}

static void check_shard(const char *text, int i, int n, const char *source)
{
	struct err err = { 0 };
	struct shard s;

	shard_parse(&s, text, &err);
	CHECK_OK(&err);
	if (s.i != i || s.n != n || strcmp(s.source, source) != 0)
		fail_msg("%s: %d/%d by %s, wanted %d/%d by %s", text, s.i, s.n, s.source, i, n,
			 source);
}

static void check_shard_refused(const char *text, const char *why)
{
	struct err err = { 0 };
	struct shard s;

	shard_parse(&s, text, &err);
	CHECK_ERR(&err, ERR_ARG, why);
}

static void set_all(const char *const (*v)[2])
{
	for (; (*v)[0]; v++)
		setenv((*v)[0], (*v)[1], 1);
}

static void test_shard(void **state)
{
	static const char *const pmi[][2] = { { "PMI_RANK", "1" }, { "PMI_SIZE", "3" }, { NULL } };
	static const char *const ompi[][2] = { { "OMPI_COMM_WORLD_RANK", "2" },
					       { "OMPI_COMM_WORLD_SIZE", "4" },
					       { NULL } };
	static const char *const task[][2] = { { "SLURM_PROCID", "5" },
					       { "SLURM_NTASKS", "8" },
					       { NULL } };
	static const char *const array[][2] = { { "SLURM_ARRAY_TASK_ID", "16" },
						{ "SLURM_ARRAY_TASK_MIN", "10" },
						{ "SLURM_ARRAY_TASK_STEP", "2" },
						{ NULL } };

	(void)state;
	check_shard("", 0, 1, "");
	check_shard("0/1", 0, 1, "--shard");
	check_shard("6/7", 6, 7, "--shard");
	check_shard_refused("7/7", "shard 7 of 7 does not exist");
	check_shard_refused("-1/7", "neither");
	check_shard_refused("1", "neither");
	check_shard_refused("1/0", "neither");
	check_shard_refused("1/2/3", "neither");
	check_shard_refused("auto", "no variables");
	set_all(pmi);
	check_shard("", 0, 1, ""); /* a stray variable shrinks nothing */
	check_shard("auto", 1, 3, "PMI_RANK");
	set_all(ompi);
	check_shard("auto", 2, 4, "OMPI_COMM_WORLD_RANK");
	set_all(task);
	check_shard("auto", 5, 8, "SLURM_PROCID");
	set_all(array); /* not whole yet */
	check_shard("auto", 5, 8, "SLURM_PROCID");
	setenv("SLURM_ARRAY_TASK_COUNT", "4", 1);
	check_shard("auto", 3, 4, "SLURM_ARRAY_TASK_ID");
	setenv("SLURM_ARRAY_TASK_ID", "15", 1);
	check_shard_refused("auto", "regular array");
	setenv("SLURM_ARRAY_TASK_ID", "18", 1);
	check_shard_refused("auto", "regular array");
	setenv("SLURM_ARRAY_TASK_ID", "x", 1);
	check_shard_refused("auto", "SLURM_ARRAY_TASK_ID");
}

static void write_text(const char *dir, const char *name, const char *text)
{
	struct err err = { 0 };
	char *path = path_join(dir, name);

	io_write_atomic(path, text, strlen(text), &err);
	CHECK_OK(&err);
	free(path);
}

static void read_sweep(struct sweep *s, const char *dir, const char *file, const char *axes,
		       const char *seeds, const char *set, struct err *err)
{
	char *path = path_join(dir, file);
	struct sweep_request rq = {
		.path = path, .axes = axes, .seeds = seeds, .set = set, .max_jobs = 30
	};

	sweep_read(s, &rq, "meld", err);
	free(path);
}

static void write_recipes(const char *dir)
{
	write_text(dir, "nano.json",
		   "{\"name\":\"nano\",\"model\":\"bemerc\",\"see\":[\"text\",\"behaviour\","
		   "\"history\"],\"window\":9,\"options\":{\"epochs\":7}}");
	write_text(dir, "words.json",
		   "{\"name\":\"words\",\"model\":\"bow\",\"see\":[\"text\"],\"options\":{"
		   "\"min_df\":3}}");
}

/* The first axis turns slowest, seeds fastest; every run is what its label says. */
static void test_expand(void **state)
{
	char *dir = scratch_make();
	struct err err = { 0 };
	struct recipe r;
	struct sweep s;

	(void)state;
	write_recipes(dir);
	read_sweep(&s, dir, "nano.json", "window=0-8+4\nlr=1e-3,2e-3", "4-5", "ff=96", &err);
	CHECK_OK(&err);
	CHECK(s.plan.n == 12 && s.n_points == 6 && !strcmp(s.name, "meld-nano-by-window-lr"));
	CHECK(!strcmp(s.plan.run[0].label, "#1 : window=0 lr=1e-3 seed=4"));
	CHECK(!strcmp(s.plan.run[1].label, "#2 : window=0 lr=1e-3 seed=5"));
	CHECK(!strcmp(s.plan.run[2].label, "#3 : window=0 lr=2e-3 seed=4"));
	CHECK(!strcmp(s.plan.run[11].label, "#12 : window=8 lr=2e-3 seed=5"));
	CHECK(s.run[11].point == 5 && s.choice[5 * 2] == 2 && s.choice[5 * 2 + 1] == 1);
	recipe_planned(&r, &s.plan, 11, "meld", NULL, "ff=96", &err);
	CHECK_OK(&err);
	CHECK(r.window == 8 && opt_num(&r.opts, "lr") == 2e-3 && opt_int(&r.opts, "epochs") == 7);
	CHECK(opt_int(&r.opts, "ff") == 96 && s.plan.run[11].seed == 5);
	recipe_free(&r);
	sweep_free(&s);
	scratch_remove(dir);
}

/* Every field of a recipe can be an axis. */
static void test_fields(void **state)
{
	char *dir = scratch_make();
	struct err err = { 0 };
	struct recipe r;
	struct sweep s;

	(void)state;
	write_recipes(dir);
	write_text(dir, "s.json",
		   "{\"schema_version\":1,\"name\":\"mine\",\"title\":\"t\",\"base\":\"nano.json\","
		   "\"seeds\":[3],\"options\":{\"epochs\":2},\"axes\":{"
		   "\"without\":[\"\",[\"face\",\"alignment\"]],\"see\":\"text,text\\\\,face\\\\,"
		   "history\",\"selection\":\"last-epoch\",\"dropout\":[0.25]}}");
	read_sweep(&s, dir, "s.json", "dropout=0.5", NULL, NULL, &err);
	CHECK_OK(&err);
	CHECK(s.plan.n == 4 && !strcmp(s.name, "meld-mine") && s.plan.run[3].seed == 3);
	recipe_planned(&r, &s.plan, 1, "meld", NULL, NULL, &err);
	CHECK_OK(&err);
	CHECK(r.see == (SEE_TEXT | SEE_FACE | SEE_HISTORY) && r.n_without == 0 && r.window == 9);
	CHECK(r.selection == SELECT_LAST && opt_int(&r.opts, "epochs") == 2);
	CHECK(opt_num(&r.opts, "dropout") == .5 && opt_int(&r.opts, "align_epochs") > 0);
	recipe_free(&r);
	recipe_planned(&r, &s.plan, 3, "meld", NULL, NULL, &err);
	CHECK_OK(&err);
	/* what is taken away stays away although it is seen again */
	CHECK(r.see == (SEE_TEXT | SEE_HISTORY) && r.n_without == 2);
	CHECK(opt_int(&r.opts, "align_epochs") == 0);
	recipe_free(&r);
	sweep_free(&s);

	read_sweep(&s, dir, "nano.json", "recipe=words.json,nano.json", NULL, NULL, &err);
	CHECK_OK(&err);
	CHECK(!strcmp(s.run[0].system, "words") && !strcmp(s.run[1].system, "nano"));
	sweep_free(&s);
	read_sweep(&s, dir, "words.json", "model=bow,majority", NULL, NULL, &err);
	CHECK_OK(&err);
	recipe_planned(&r, &s.plan, 0, "meld", NULL, NULL, &err);
	CHECK(opt_int(&r.opts, "min_df") == 3);
	recipe_free(&r);
	recipe_planned(&r, &s.plan, 1, "meld", NULL, NULL, &err);
	CHECK(!strcmp(r.model->name, "majority"));
	recipe_free(&r);
	sweep_free(&s);
	scratch_remove(dir);
}

/* A suite below: its recipes, its seeds, its options under the axes. */
static void test_suite(void **state)
{
	char *dir = scratch_make();
	struct err err = { 0 };
	struct recipe r;
	struct sweep s;

	(void)state;
	write_recipes(dir);
	write_text(dir, "suite.json",
		   "{\"seeds\":[1,2],\"options\":{\"bow\":{\"ngrams\":1,\"min_df\":5}},\"runs\":["
		   "{\"recipe\":\"words.json\"},{\"recipe\":\"nano.json\",\"seeds\":[9]}]}");
	read_sweep(&s, dir, "suite.json", "selection=dev-f1,none", NULL, NULL, &err);
	CHECK_OK(&err);
	CHECK(s.plan.n == 6 && s.n_points == 4);
	CHECK(!strcmp(s.plan.run[2].label, "#3 : selection=none seed=1"));
	CHECK(!strcmp(s.run[4].system, "nano") && s.plan.run[4].seed == 9);
	recipe_planned(&r, &s.plan, 3, "meld", NULL, NULL, &err);
	CHECK(opt_int(&r.opts, "ngrams") == 1 && r.selection == SELECT_NONE);
	recipe_free(&r);
	sweep_free(&s);
	scratch_remove(dir);
}

static void refused(const char *dir, const char *file, const char *axes, const char *set,
		    const char *why)
{
	struct err err = { 0 };
	struct sweep s;

	read_sweep(&s, dir, file, axes, NULL, set, &err);
	CHECK_ERR(&err, ERR_ARG, why);
	sweep_free(&s);
}

static void test_refused(void **state)
{
	char *dir = scratch_make();

	(void)state;
	write_recipes(dir);
	write_text(dir, "key.json", "{\"axes\":{},\"base\":\"nano.json\",\"seed\":1}");
	write_text(dir, "nobase.json", "{\"axes\":{}}");
	write_text(dir, "held.json",
		   "{\"axes\":{\"lr\":\"1e-3\"},\"base\":\"nano.json\",\"options\":{\"lr\":1}}");
	write_text(dir, "name.json", "{\"axes\":{},\"base\":\"nano.json\",\"name\":\"a/b\"}");
	refused(dir, "nano.json", "window=0-30+1", NULL,
		"window 31 × 1 of the base = 31 runs, --max-jobs is 30");
	refused(dir, "nano.json", "epochs=1-9999\nff=1-9999\nlr=1,2", NULL, "= 199960002 runs");
	refused(dir, "nano.json", "colour=red", NULL, "axis 'colour': neither recipe");
	refused(dir, "nano.json", "seed=1-3", NULL, "--seeds 1-3");
	refused(dir, "nano.json", "lr", NULL, "not option=values");
	refused(dir, "nano.json", "lr=1e-3", "epochs=1,lr=1", "in --set");
	refused(dir, "nano.json", "lr=fast", NULL, "#1 : lr=fast seed=1");
	refused(dir, "nano.json", "epochs=1.5", NULL, "epochs");
	refused(dir, "nano.json", "min_df=1", NULL, "unknown option 'min_df'");
	refused(dir, "nano.json", "window=-1", NULL, "window");
	refused(dir, "nano.json", "see=smell", NULL, "smell");
	refused(dir, "nano.json", "selection=best", NULL, "selection 'best'");
	refused(dir, "words.json", "without=text", NULL, "cannot work without");
	refused(dir, "key.json", "", NULL, "unknown key 'seed'");
	refused(dir, "nobase.json", "", NULL, "name a recipe");
	refused(dir, "held.json", "", NULL, "among the options");
	refused(dir, "name.json", "", NULL, "letters, digits");
	scratch_remove(dir);
}

/* Every sweep that is shipped is valid. */
static void test_shipped(void **state)
{
	static const char dir[] = "scripts/experiments/sweeps";
	struct io_list list;
	struct err err = { 0 };

	(void)state;
	io_list_dir(dir, &list, &err);
	CHECK_OK(&err);
	CHECK(list.n > 0);
	for (size_t i = 0; i < list.n; i++) {
		struct sweep s;

		read_sweep(&s, dir, list.name[i], "", NULL, NULL, &err);
		CHECK_OK(&err);
		CHECK(s.plan.n > 1 && s.n_axes > 0);
		sweep_free(&s);
	}
	io_list_free(&list);
}

/* --- results of known scores ------------------------------------------------------------------ */

/* Three combinations with two seeds each.  The second has the best dev score (skill times 15/16
 * at epoch 4), the third answers the test better by one that its log does not know of. */
static void write_sweep_folder(const char *dir, double *skill, int n_points)
{
	struct strbuf b = { 0 };
	char *runs = path_join(dir, "runs");

	strbuf_add(&b, "{\"schema_version\":1,\"name\":\"meld-x\",\"title\":\"\",\"hash\":\"00ff\","
		       "\"base\":\"bow.json\",\"corpus\":{\"name\":\"meld\",\"kind\":\"real\"},"
		       "\"axes\":[{\"name\":\"c\",\"values\":[\"1\",\"4\",\"16\"]}],\"points\":3,"
		       "\"runs\":[");
	for (int i = 0; i < 2 * n_points; i++) {
		char system[16];
		struct fixture_run f = { .corpus = "meld",
					 .kind = "real",
					 .system = system,
					 .see = "text",
					 .selection = "dev-f1",
					 .labels = &labels_meld7,
					 .skill = skill[i / 2],
					 .seed = i % 2 + 1,
					 .dialogues = 12 };

		CHECK(str_format(system, sizeof(system), "sys%d", i / 2));
		fixture_run_write(runs, dir, &f);
		strbuf_addf(&b,
			    "%s{\"point\":%d,\"values\":[\"%s\"],\"system\":\"%s\",\"seed\":%d,"
			    "\"id\":\"meld-%s-s%d-00004ea1\",\"left_out\":null}",
			    i ? "," : "", i / 2 + 1,
			    i < 2   ? "1"
			    : i < 4 ? "4"
				    : "16",
			    system, i % 2 + 1, system, i % 2 + 1);
	}
	strbuf_add(&b, "]}");
	CHECK(!b.oom);
	write_text(dir, "sweep.json", b.s);
	strbuf_free(&b);
	free(runs);
}

static void rewrite_log(const char *dir, const char *id, const char *dev)
{
	struct strbuf path = { 0 }, text = { 0 };

	strbuf_addf(&path, "runs/%s/log.jsonl", id);
	strbuf_addf(&text,
		    "{\"schema_version\":1,\"stage\":\"fit\",\"epoch\":1,\"of\":2,\"loss\":1,"
		    "\"dev_weighted_f1\":%s,\"best\":true,\"seconds\":1}\n"
		    "{\"schema_version\":1,\"stage\":\"fit\",\"epoch\":2,\"of\":2,\"loss\":1,"
		    "\"dev_weighted_f1\":0.99,\"best\":false,\"seconds\":1}\n",
		    dev);
	write_text(dir, path.s, text.s);
	strbuf_free(&path);
	strbuf_free(&text);
}

static void make_summary(struct sweep_summary *s, const char *dir)
{
	const struct sweep_report_options o = { .replicates = 200, .seed = 1, .threads = 1 };
	struct err err = { 0 };

	sweep_summary_make(s, dir, &o, &err);
	CHECK_OK(&err);
}

static void test_summary(void **state)
{
	double skill[] = { .3, .7, .9 };
	char *dir = scratch_make(), slug[96];
	struct strbuf md = { 0 };
	struct sweep_summary s;
	struct err err = { 0 };
	bool drawn;

	(void)state;
	write_sweep_folder(dir, skill, 3);
	rewrite_log(dir, "meld-sys2-s1-00004ea1", "0.125");
	rewrite_log(dir, "meld-sys2-s2-00004ea1", "0.375");
	make_summary(&s, dir);
	CHECK(s.n_rows == 3 && s.finished == 6 && !s.missing && !s.limited);
	CHECK(s.chosen == 1 && s.best == 2);
	CHECK_NEAR(s.row[2].dev.mean, .25, 1e-15); /* of the epochs that were kept */
	CHECK_NEAR(s.row[2].dev.std, .25 / sqrt(2), 1e-15);
	CHECK_NEAR(s.row[1].dev.mean, .7 * 15 / 16, 1e-4);
	CHECK(s.row[2].f1.n == 2 && s.row[2].f1.mean > s.row[1].f1.mean);
	CHECK(s.row[1].interval.lo < s.row[1].f1.mean && s.row[1].f1.mean < s.row[1].interval.hi);
	sweep_summary_markdown(&s, &md);
	CHECK(strstr(md.s, "Tried: 6 runs of 3 combinations.") && strstr(md.s, "Best-on-test"));
	CHECK(strstr(md.s, "| chosen on dev |") && strstr(md.s, "| best-on-test |"));
	CHECK(!strstr(md.s, "Not a result"));
	sweep_plot_write(&s, 0, dir, slug, &drawn, &err);
	CHECK_OK(&err);
	CHECK(drawn && !strcmp(slug, "axis-c"));
	strbuf_free(&md);
	sweep_summary_free(&s);

	/* a run without a dev score takes its combination out of the choice */
	rewrite_log(dir, "meld-sys1-s2-00004ea1", "null");
	make_summary(&s, dir);
	CHECK(s.chosen == 0 && s.row[1].dev.n == 1 && s.row[1].n == 2);
	sweep_summary_free(&s);
	scratch_remove(dir);
}

/* One sweep of nine systems over two values: every system has a line and a place of its own beside
 * the value, and no point is drawn twice. */
static void test_many_systems(void **state)
{
	char *dir = scratch_make(), *runs = path_join(dir, "runs"),
	     *path = path_join(dir, "axis-c.gp");
	struct strbuf b = { 0 };
	char slug[96], *script = NULL;
	struct sweep_summary s;
	struct err err = { 0 };
	size_t len;
	bool drawn;

	(void)state;
	strbuf_add(&b,
		   "{\"schema_version\":1,\"name\":\"meld-x\",\"title\":\"\",\"hash\":\"00ff\","
		   "\"base\":\"x.json\",\"corpus\":{\"name\":\"meld\",\"kind\":\"real\"},"
		   "\"axes\":[{\"name\":\"c\",\"values\":[\"1\",\"3\"]}],\"points\":18,\"runs\":[");
	for (int i = 0; i < 18; i++) {
		char system[16];
		struct fixture_run f = { .corpus = "meld",
					 .kind = "real",
					 .system = system,
					 .see = "text",
					 .selection = "none",
					 .labels = &labels_meld7,
					 .skill = .3 + .03 * i,
					 .seed = i % 2 + 1,
					 .dialogues = 4 };

		CHECK(str_format(system, sizeof(system), "sys%d", i / 2));
		fixture_run_write(runs, dir, &f);
		strbuf_addf(&b,
			    "%s{\"point\":%d,\"values\":[\"%d\"],\"system\":\"%s\",\"seed\":%d,"
			    "\"id\":\"meld-%s-s%d-00004ea1\",\"left_out\":null}",
			    i ? "," : "", i + 1, i % 2 ? 3 : 1, system, i % 2 + 1, system,
			    i % 2 + 1);
	}
	strbuf_add(&b, "]}");
	write_text(dir, "sweep.json", strbuf_str(&b));
	make_summary(&s, dir);
	sweep_plot_write(&s, 0, dir, slug, &drawn, &err);
	CHECK_OK(&err);
	CHECK(drawn && !io_read_file(path, (size_t)1 << 20, &script, &len, &err));
	CHECK(strstr(script, "'sys0, test'") && strstr(script, "'sys8, test'"));
	CHECK(!strstr(script, "one combination"));
	free(script);
	path[strlen(path) - 2] = '\0';
	strbuf_reset(&b);
	strbuf_addf(&b, "%sdat", path);
	CHECK(!io_read_file(strbuf_str(&b), (size_t)1 << 20, &script, &len, &err));
	/* two values 2 apart: nine systems share .3 of it around each */
	CHECK(str_starts(script, "0.7\t") && strstr(script, "\n1\t") && strstr(script, "\n3.3\t"));
	free(script);
	strbuf_free(&b);
	sweep_summary_free(&s);
	free(runs);
	free(path);
	scratch_remove(dir);
}

static void remove_run(const char *dir, const char *id)
{
	struct strbuf path = { 0 };
	struct err err = { 0 };

	strbuf_addf(&path, "%s/runs/%s", dir, id);
	io_remove_tree(path.s, &err);
	CHECK_OK(&err);
	strbuf_free(&path);
}

static void test_missing(void **state)
{
	double skill[] = { .3, .7, .9 };
	char *dir = scratch_make();
	struct strbuf text = { 0 };
	struct sweep_summary s;

	(void)state;
	write_sweep_folder(dir, skill, 3);
	remove_run(dir, "meld-sys2-s1-00004ea1");
	make_summary(&s, dir);
	/* what is not whole is never chosen */
	CHECK(s.missing == 1 && s.limited && s.chosen == 1 && s.best == 1);
	sweep_summary_markdown(&s, &text);
	CHECK(strstr(text.s, "Not a result: 1 runs are missing"));
	CHECK(strstr(text.s, "1 of 2 runs are missing"));
	strbuf_reset(&text);
	sweep_summary_json(&s, &text);
	CHECK(strstr(text.s, "\"result_class\": \"limited\""));
	strbuf_free(&text);
	sweep_summary_free(&s);
	scratch_remove(dir);
}

static void file_refused(const char *dir, const char *from, const char *to, const char *why)
{
	char *path = path_join(dir, "sweep.json"), *text, *at;
	struct strbuf changed = { 0 };
	struct sweep_file f;
	struct err err = { 0 };
	size_t len;

	io_read_file(path, 1 << 20, &text, &len, &err);
	CHECK_OK(&err);
	at = strstr(text, from);
	CHECK(at);
	strbuf_addn(&changed, text, (size_t)(at - text));
	strbuf_addf(&changed, "%s%s", to, at + strlen(from));
	write_text(dir, "sweep.json", changed.s);
	sweep_file_read(&f, dir, &err);
	CHECK_ERR(&err, ERR_FORMAT, why);
	sweep_file_free(&f);
	write_text(dir, "sweep.json", text);
	strbuf_free(&changed);
	free(text);
	free(path);
}

/* Names in a file from elsewhere become parts of paths: only names may be there. */
static void test_file(void **state)
{
	double skill[] = { .3, .7, .9 };
	char *dir = scratch_make();

	(void)state;
	write_sweep_folder(dir, skill, 3);
	file_refused(dir, "meld-sys0-s1-00004ea1", "../../etc", "not the name of a folder");
	file_refused(dir, "meld-sys0-s1-00004ea1", ".hidden", "not the name of a folder");
	file_refused(dir, "\"name\":\"c\"", "\"name\":\"../c\"", "is no name");
	file_refused(dir, "\"name\":\"c\"", "\"name\":\"c' x\"", "is no name");
	file_refused(dir, "\"values\":[\"4\"]", "\"values\":[\"5\"]", "has no value '5'");
	file_refused(dir, "\"values\":[\"4\"]", "\"values\":[]", "0 values for 1 axes");
	file_refused(dir, "\"point\":2", "\"point\":4", "point");
	file_refused(dir, "\"point\":1", "\"point\":3", "out of order");
	file_refused(dir, "\"schema_version\":1", "\"schema_version\":2", "schema_version");
	file_refused(dir, "\"hash\":\"00ff\"", "\"hash\":7", "no text 'hash'");
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_axis),	cmocka_unit_test(test_shard),
		cmocka_unit_test(test_expand),	cmocka_unit_test(test_fields),
		cmocka_unit_test(test_suite),	cmocka_unit_test(test_refused),
		cmocka_unit_test(test_summary), cmocka_unit_test(test_many_systems),
		cmocka_unit_test(test_missing), cmocka_unit_test(test_file),
		cmocka_unit_test(test_shipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

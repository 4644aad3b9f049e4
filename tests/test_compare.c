/* SPDX-License-Identifier: Apache-2.0
 * Systems side by side: which runs are one system, differences and tests against sums made here
 * by hand, parts of the test set, flips, what may not be compared, and what a reader sees.
 * UPDATE_GOLDEN=1 rewrites tests/golden/compare (review the diff).
 */
#include "tests/fixture_results.h"

#include "harness/base/mem.h"
#include "harness/verdict/compare.h"

#define MOST 12

/* A folder with invented runs. */
struct house {
	char *dir, *run[MOST];
	int n;
};

static void house_open(struct house *h)
{
	*h = (struct house){ .dir = scratch_make() };
}

static void house_close(struct house *h)
{
	for (int i = 0; i < h->n; i++)
		free(h->run[i]);
	scratch_remove(h->dir);
}

static struct fixture_run plain(const char *system, double skill, int seed)
{
	return (struct fixture_run){ .corpus = "meld",
				     .kind = "real",
				     .system = system,
				     .see = "text",
				     .selection = "dev-f1",
				     .labels = &labels_meld7,
				     .skill = skill,
				     .seed = seed,
				     .dialogues = 40,
				     .texts = true };
}

static void house_add(struct house *h, const struct fixture_run *f)
{
	char name[160];

	CHECK(h->n < MOST);
	CHECK(str_format(name, sizeof(name), "%s-%s%s%s-s%d-%08x", f->corpus, f->system,
			 f->without ? "-without-" : "", f->without ? f->without : "", f->seed,
			 f->kind[0] == 'r' ? 0x4ea1u : 0xca1u));
	fixture_run_write(h->dir, h->dir, f);
	h->run[h->n] = path_join(h->dir, name);
	CHECK(io_is_dir(h->run[h->n++]));
}

static void house_load(const struct house *h, const char *fold, struct lineup *l)
{
	struct err err = { 0 };

	lineup_load(l, h->run, h->n, fold, &err);
	CHECK_OK(&err);
}

static const struct compare_options usual = {
	.metric = METRIC_WEIGHTED_F1,
	.replicates = 500,
	.alpha = .05,
	.seed = 1,
	.threads = 1,
	.least = 30,
	.flips = 20,
};

static void compare(const struct lineup *l, const struct compare_options *o, struct comparison *c)
{
	struct err err = { 0 };

	comparison_make(c, l, o, &err);
	CHECK_OK(&err);
}

/* Seeds make one system whatever their order; an ablation is another, and so is the same seed
 * again. */
static void test_grouping(void **state)
{
	struct fixture_run f[] = { plain("bow", .6, 3), plain("bow", .6, 1), plain("llmerc", .7, 1),
				   plain("bow", .5, 1), plain("bow", .6, 2) };
	struct house h;
	struct lineup l;

	(void)state;
	f[3].without = "audio";
	house_open(&h);
	for (size_t i = 0; i < ARRAY_LEN(f); i++)
		house_add(&h, &f[i]);
	h.run[h.n++] = str_dup(h.run[1]);
	house_load(&h, NULL, &l);
	CHECK(l.n_systems == 4 && l.n == 360 && l.groups == 40 && l.k == 7 && !l.left_out);
	CHECK(l.system[0].n_runs == 3 && l.system[0].run[0]->seed == 1);
	CHECK(l.system[0].run[2]->seed == 3 && l.system[1].n_runs == 1);
	CHECK(!strcmp(l.system[1].name, "llmerc"));
	CHECK(!strcmp(l.system[2].name, "bow without audio"));
	CHECK(!strcmp(l.system[0].name, "meld-bow-s1-00004ea1"));
	CHECK(!strcmp(l.system[3].name, "meld-bow-s1-00004ea1 #4"));
	for (int i = 0; i < l.n; i++)
		CHECK(lineup_answers(&l, &l.system[0], 0)[i] ==
		      lineup_answers(&l, &l.system[3], 0)[i]);
	lineup_free(&l);
	house_close(&h);
}

/* Everything that can be counted again is counted again. */
static void check_counts(const struct lineup *l, const struct duel *d)
{
	const int *a = lineup_answers(l, &l->system[d->a], 0);
	const int *b = lineup_answers(l, &l->system[d->b], 0);
	int only_a = 0, only_b = 0, won_a = 0, won_b = 0, in_class = 0;

	for (int i = 0, net = 0; i < l->n; i++) {
		int gold = l->sample[i].gold;

		only_a += a[i] == gold && b[i] != gold;
		only_b += a[i] != gold && b[i] == gold;
		net += (b[i] == gold) - (a[i] == gold);
		if (i + 1 < l->n && l->sample[i + 1].group == l->sample[i].group)
			continue;
		won_a += net < 0;
		won_b += net > 0;
		net = 0;
	}
	for (int k = 0; k < l->k; k++)
		in_class += (int)(d->cls[k].only_a + d->cls[k].only_b);
	CHECK(d->only_a == only_a && d->only_b == only_b && in_class == only_a + only_b);
	CHECK(d->dialogues_a == won_a && d->dialogues_b == won_b);
	CHECK(d->p_mcnemar == mcnemar_exact(only_a, only_b));
	CHECK_NEAR(d->g, (double)only_b / (only_a + only_b) - .5, 1e-15);
	CHECK_NEAR(d->odds, (double)only_b / only_a, 1e-15);
}

static void test_duel(void **state)
{
	struct fixture_run a = plain("bow", .5, 1), b = plain("llmerc", .7, 1);
	struct house h;
	struct lineup l;
	struct comparison c;
	const struct duel *d;

	(void)state;
	a.failures = .05;
	house_open(&h);
	house_add(&h, &a);
	house_add(&h, &b);
	house_load(&h, NULL, &l);
	compare(&l, &usual, &c);
	d = c.duel;
	CHECK(c.n_duels == 1 && d->a == 0 && d->b == 1 && d->shared == 1);
	CHECK_NEAR(d->value_a, l.result[0].scores.weighted_f1, 1e-15);
	CHECK_NEAR(d->difference.value,
		   l.result[1].scores.weighted_f1 - l.result[0].scores.weighted_f1, 1e-15);
	for (int k = 0; k < 7; k++)
		CHECK_NEAR(d->cls[k].f1_b - d->cls[k].f1_a, d->cls[k].difference.value, 1e-15);
	CHECK_NEAR(d->cls[4].f1_a, l.result[0].scores.cls[4].f1, 1e-15);
	CHECK(d->difference.lo < d->difference.value && d->difference.value < d->difference.hi);
	CHECK(d->p < .01 && d->p == d->p_holm && d->winner == 1 && d->dz > 0);
	CHECK(!comparison_worse(&c));
	check_counts(&l, d);
	CHECK_NEAR(c.standing[0].number[STANDING_ANSWERED].mean,
		   (double)l.result[0].scores.answered / l.n, 1e-15);
	CHECK(isnan(c.standing[0].number[STANDING_ECE].mean));
	comparison_free(&c);
	lineup_free(&l);
	house_close(&h);
}

/* A system against itself: no difference, and p is 1. */
static void test_identical(void **state)
{
	struct fixture_run f = plain("bow", .5, 1);
	struct house h;
	struct lineup l;
	struct comparison c;

	(void)state;
	house_open(&h);
	house_add(&h, &f);
	h.run[h.n++] = str_dup(h.run[0]);
	house_load(&h, NULL, &l);
	compare(&l, &usual, &c);
	CHECK(c.duel->difference.value == 0 && c.duel->difference.lo == 0);
	CHECK(c.duel->p == 1 && c.duel->p_holm == 1 && c.duel->p_mcnemar == 1);
	CHECK(isnan(c.duel->g) && isnan(c.duel->odds) && isnan(c.duel->dz) && !c.duel->winner);
	comparison_free(&c);
	lineup_free(&l);
	house_close(&h);
}

/* Means over seeds, shared seeds alone in the difference, Holm over the family. */
static void test_seeds_and_family(void **state)
{
	struct fixture_run f[] = { plain("llmerc", .7, 1),  plain("llmerc", .71, 2),
				   plain("llmerc", .72, 3), plain("bow", .62, 2),
				   plain("bow", .61, 3),    plain("majority", .3, 9) };
	struct compare_options o = usual;
	struct house h;
	struct lineup l;
	struct comparison c;
	struct spread want;
	double x[3], p[3], adjusted[3];
	struct err err = { 0 };

	(void)state;
	house_open(&h);
	for (size_t i = 0; i < ARRAY_LEN(f); i++)
		house_add(&h, &f[i]);
	house_load(&h, NULL, &l);
	o.all_pairs = true;
	compare(&l, &o, &c);
	for (int i = 0; i < 3; i++)
		x[i] = l.result[i].scores.uar;
	spread_compute(x, 3, &want);
	CHECK(c.standing[0].number[STANDING_UAR].n == 3);
	CHECK_NEAR(c.standing[0].number[STANDING_UAR].std, want.std, 1e-15);
	CHECK(isnan(c.standing[2].number[STANDING_UAR].std));
	CHECK(c.n_duels == 3 && c.duel[0].shared == 2 && c.duel[0].runs_a == 2);
	CHECK_NEAR(c.duel[0].value_a,
		   (l.result[1].scores.weighted_f1 + l.result[2].scores.weighted_f1) / 2, 1e-15);
	CHECK(c.duel[1].b == 2 && c.duel[1].shared == 0 && c.duel[1].runs_a == 3 &&
	      c.duel[1].randomized == 1);
	CHECK(c.duel[2].a == 1 && c.duel[2].b == 2);
	for (int m = 0; m < METRIC_COUNT; m++) {
		const struct bootstrap_options one = { .metric = (enum metric)m };
		struct tally t;

		CHECK(!lineup_tally(&l, lineup_answers(&l, &l.system[2], 0), NULL, &t, &err));
		CHECK_NEAR(c.standing[2].number[m].mean, tally_value(&t, &one), 1e-15);
		tally_free(&t);
	}
	for (int i = 0; i < 3; i++)
		p[i] = c.duel[i].p;
	CHECK(!holm_adjust(p, adjusted, 3, &err));
	for (int i = 0; i < 3; i++)
		CHECK(c.duel[i].p_holm == adjusted[i]);
	CHECK(c.duel[1].winner == -1 && comparison_worse(&c) >= 1);
	comparison_free(&c);
	lineup_free(&l);
	house_close(&h);
}

static int part_named(const struct strata *s, const char *name)
{
	for (int i = 0; i < s->n; i++)
		if (!strcmp(s->stratum[i].name, name))
			return i;
	return -1;
}

static int in_part(const struct strata *s, const struct lineup *l, const char *id)
{
	for (int i = 0; i < l->n; i++)
		if (!strcmp(l->sample[i].id, id))
			return s->of[i];
	return -1;
}

/* Each utterance is in one part; parts add up; a part scored alone gives its accuracy. */
static void check_parts(const struct strata *s, const struct lineup *l)
{
	int n = 0;

	for (int i = 0; i < s->n; i++) {
		const int *answer = lineup_answers(l, &l->system[1], 0);
		int right = 0;

		for (int j = 0; j < l->n; j++)
			right += s->of[j] == i && answer[j] == l->sample[j].gold;
		CHECK_NEAR(s->stratum[i].score[1].accuracy, (double)right / s->stratum[i].n, 1e-15);
		CHECK_NEAR(s->stratum[i].score[1].difference.value,
			   s->stratum[i].score[1].value.value - s->stratum[i].score[0].value.value,
			   1e-15);
		CHECK(s->stratum[i].score[1].p_holm >= s->stratum[i].score[1].p);
		CHECK(isnan(s->stratum[i].score[0].p));
		n += s->stratum[i].n;
	}
	CHECK(n + s->unknown == l->n);
}

static void test_parts(void **state)
{
	struct fixture_run a = plain("bow", .5, 1), b = plain("llmerc", .7, 1);
	struct compare_options o = usual;
	struct house h;
	struct lineup l;
	struct comparison c;
	const struct strata *s;

	(void)state;
	house_open(&h);
	house_add(&h, &a);
	house_add(&h, &b);
	house_load(&h, NULL, &l);
	for (int by = 0; by < BY_COUNT; by++)
		o.by[by] = true;
	o.least = 100;
	compare(&l, &o, &c);
	for (int by = 0; by < BY_COUNT; by++)
		check_parts(&c.strata[by], &l);
	s = &c.strata[BY_SPEAKER]; /* Ann 3 of 9 turns, Bob 6 of 9 in 30 dialogues, Cy in 10 */
	CHECK(s->n == 3 && s->merged == 1 && !strcmp(s->stratum[0].name, "Bob"));
	CHECK(s->stratum[0].n == 180 && s->stratum[0].groups == 30);
	CHECK(s->stratum[1].n == 120 && !strcmp(s->stratum[2].name, "others"));
	s = &c.strata[BY_POSITION];
	CHECK(s->n == 5 && s->stratum[0].n == 40 && s->stratum[2].n == 80);
	CHECK(in_part(s, &l, "dia7_utt8") == part_named(s, "9-16"));
	CHECK(in_part(s, &l, "dia7_utt4") == part_named(s, "5-8"));
	s = &c.strata[BY_LENGTH]; /* dia0_utt0 has one word, dia1_utt1 eleven, dia2_utt1 twenty */
	CHECK(in_part(s, &l, "dia0_utt0") == part_named(s, "1"));
	CHECK(in_part(s, &l, "dia0_utt1") == part_named(s, "2-4"));
	CHECK(in_part(s, &l, "dia1_utt1") == part_named(s, "9-16"));
	CHECK(in_part(s, &l, "dia2_utt1") == part_named(s, "17 and more"));
	s = &c.strata[BY_SHIFT]; /* two speakers a dialogue */
	CHECK(s->stratum[part_named(s, "first of the speaker")].n == 80);
	for (int i = 0; i < l.n; i++)
		if (l.sample[i].turn == 4) { /* Ann spoke three turns before */
			const char *want = l.sample[i].gold == l.sample[i - 3].gold
						   ? "same as before"
						   : "another than before";

			CHECK(s->of[i] == part_named(s, want));
		}
	s = &c.strata[BY_CLASS];
	CHECK_NEAR(s->stratum[2].score[0].value.value, l.result[0].scores.cls[2].f1, 1e-15);
	CHECK_NEAR(s->stratum[2].score[0].accuracy, l.result[0].scores.cls[2].recall, 1e-15);
	s = &c.strata[BY_SENTIMENT];
	CHECK(s->n == 4 && part_named(s, "surprise (either)") == 3);
	CHECK(s->stratum[3].n == l.result[0].scores.cls[1].support);
	comparison_free(&c);
	lineup_free(&l);
	house_close(&h);
}

/* Sentiment: surprise stays out where it is true, and is no answer where it is given. */
static void test_fold(void **state)
{
	struct fixture_run a = plain("bow", .5, 1);
	struct house h;
	struct lineup l;
	struct confusion c;
	struct err err = { 0 };
	const struct confusion *seven;

	(void)state;
	house_open(&h);
	house_add(&h, &a);
	house_load(&h, "meld3", &l);
	seven = &l.result[0].confusion;
	CHECK(l.k == 3 && l.left_out == l.result[0].scores.cls[1].support);
	lineup_confusion(&l, lineup_answers(&l, &l.system[0], 0), NULL, &c);
	CHECK(c.count[0][0] == seven->count[0][0] && c.count[0][1] == seven->count[0][4]);
	CHECK(c.count[1][1] == seven->count[4][4] && c.count[1][3] == seven->count[4][1]);
	CHECK(c.count[0][2] ==
	      seven->count[0][2] + seven->count[0][3] + seven->count[0][5] + seven->count[0][6]);
	lineup_free(&l);
	lineup_load(&l, h.run, h.n, "iemocap4", &err);
	CHECK_ERR(&err, ERR_ARG, "do not read as iemocap4");
	lineup_free(&l);
	lineup_load(&l, h.run, h.n, "moods", &err);
	CHECK_ERR(&err, ERR_ARG, "no label set 'moods'");
	lineup_free(&l);
	house_close(&h);
}

static void test_flips(void **state)
{
	struct fixture_run f[] = { plain("bow", .5, 1), plain("bow", .5, 2), plain("llmerc", .7, 1),
				   plain("llmerc", .7, 2) };
	struct house h;
	struct lineup l;
	struct comparison c;
	struct table t = { 0 };
	struct err err = { 0 };
	const struct duel *d;
	char said[64];
	int *sample, n;

	(void)state;
	house_open(&h);
	for (size_t i = 0; i < ARRAY_LEN(f); i++)
		house_add(&h, &f[i]);
	house_load(&h, NULL, &l);
	compare(&l, &usual, &c);
	d = c.duel;
	CHECK(!duel_flips(&l, d, &sample, &n, &err));
	CHECK(n == d->only_a + d->only_b && n > 100);
	for (int i = 1; i < n; i++) {
		double before = fabs(d->right_a[sample[i - 1]] - d->right_b[sample[i - 1]]);
		double now = fabs(d->right_a[sample[i]] - d->right_b[sample[i]]);

		CHECK(before > now || (before == now && sample[i - 1] < sample[i]));
	}
	CHECK(fabs(d->right_a[sample[0]] - d->right_b[sample[0]]) == 1);
	CHECK(fabs(d->right_a[sample[n - 1]] - d->right_b[sample[n - 1]]) == .5);
	compare_said(&l, &l.system[d->b], sample[0], said);
	CHECK(strstr(said, "/2"));
	CHECK(!compare_table(&c, COMPARE_FLIPS, &t, &err) && table_rows(&t) == 20);
	table_free(&t);
	free(sample);
	comparison_free(&c);
	lineup_free(&l);
	house_close(&h);
}

/* What the predictions lack comes from the corpus by id, sentiments too. */
static void test_corpus(void **state)
{
	struct fixture_run a = plain("bow", .5, 1);
	struct speaker who = { .name = "Zoe" };
	struct utterance u[2] = { { .id = "dia0_utt0", .text = "well" },
				  { .id = "dia0_utt1", .text = "no" } };
	struct dialogue dia[1] = { { .id = "0", .split = SPLIT_TEST, .count = 2 } };
	struct corpus corpus = {
		.speaker = &who, .utt = u, .dia = dia, .n_speaker = 1, .n_utt = 2, .n_dia = 1
	};
	int label[2] = { 1, 2 }, found;
	struct gold gold = { label };
	struct err err = { 0 };
	struct house h;
	struct lineup l;

	(void)state;
	a.texts = false;
	house_open(&h);
	house_add(&h, &a);
	house_load(&h, NULL, &l);
	CHECK(lineup_lacks_texts(&l));
	CHECK(!lineup_add_corpus(&l, &corpus, &gold, &found, &err) && found == 2);
	CHECK(!strcmp(l.sample[0].text, "well") && !strcmp(l.sample[1].speaker, "Zoe"));
	CHECK(l.sample[0].sentiment == 1 && l.sample[1].sentiment == 2);
	CHECK(l.sample[2].sentiment == -1 && !l.sample[2].text && lineup_lacks_texts(&l));
	dia[0].split = SPLIT_DEV; /* MELD's ids repeat across splits */
	CHECK(!lineup_add_corpus(&l, &corpus, &gold, &found, &err) && found == 0);
	lineup_free(&l);
	house_close(&h);
}

static void expect_refusal(const struct fixture_run *a, const struct fixture_run *b, int code,
			   const char *text)
{
	struct err err = { 0 };
	struct house h;
	struct lineup l;

	house_open(&h);
	house_add(&h, a);
	house_add(&h, b);
	lineup_load(&l, h.run, h.n, NULL, &err);
	CHECK_ERR(&err, code, text);
	lineup_free(&l);
	house_close(&h);
}

static void test_refuses(void **state)
{
	struct fixture_run a = plain("bow", .5, 1), b = plain("llmerc", .7, 1);
	struct compare_options o = usual;
	char there[] = "/nowhere/at/all/", *const nowhere[] = { there };
	struct err err = { 0 };
	struct house h;
	struct lineup l;
	struct comparison c;

	(void)state;
	b.dialogues = 39;
	expect_refusal(&a, &b, ERR_DATA, "not comparable");
	b.dialogues = 40;
	b.labels = &labels_iemocap6;
	expect_refusal(&a, &b, ERR_DATA, "has labels meld7");
	b.labels = &labels_meld7;
	b.kind = "calibrated";
	expect_refusal(&a, &b, ERR_DATA, "(calibrated)");
	lineup_load(&l, nowhere, 1, NULL, &err);
	CHECK_ERR(&err, ERR_MISSING, "/nowhere/at/all/manifest.json");
	lineup_free(&l);
	a.texts = false;
	house_open(&h);
	house_add(&h, &a);
	house_load(&h, NULL, &l);
	o.by[BY_SPEAKER] = true;
	comparison_make(&c, &l, &o, &err);
	CHECK_ERR(&err, ERR_MISSING, "by speaker");
	comparison_free(&c);
	lineup_free(&l);
	house_close(&h);
}

/* The same on one thread and on several, to the last digit. */
static void test_threads(void **state)
{
	struct fixture_run a = plain("bow", .5, 1), b = plain("llmerc", .7, 1);
	struct compare_options o = usual;
	struct strbuf text[2] = { { 0 } };
	struct err err = { 0 };
	struct house h;
	struct lineup l;

	(void)state;
	house_open(&h);
	house_add(&h, &a);
	house_add(&h, &b);
	house_load(&h, NULL, &l);
	o.by[BY_SHIFT] = true;
	for (int i = 0; i < 2; i++) {
		struct comparison c;

		o.threads = i ? 3 : 1;
		compare(&l, &o, &c);
		CHECK(!compare_json(&c, &text[i], &err));
		comparison_free(&c);
	}
	CHECK(!strcmp(text[0].s, text[1].s));
	strbuf_free(&text[0]);
	strbuf_free(&text[1]);
	lineup_free(&l);
	house_close(&h);
}

/* All tables as `write` gives them, against the file of that name. */
static void check_tables(const struct comparison *c, const char *name,
			 void (*write)(const struct table *t, struct strbuf *out))
{
	const char *update = getenv("UPDATE_GOLDEN");
	char path[80], *want;
	struct strbuf out = { 0 };
	struct err err = { 0 };
	size_t len;

	compare_notes(c, &out);
	for (int i = 0; i < COMPARE_TABLES; i++) {
		struct table t = { 0 };

		CHECK(!compare_table(c, (enum compare_table)i, &t, &err));
		strbuf_addf(&out, "\n%s\n\n", compare_table_title[i]);
		write(&t, &out);
		table_free(&t);
	}
	CHECK(str_format(path, sizeof(path), "tests/golden/compare/%s", name));
	if (update && !strcmp(update, "1"))
		io_write_atomic(path, out.s, out.len, &err);
	CHECK_OK(&err);
	io_read_file(path, (size_t)1 << 20, &want, &len, &err);
	CHECK_OK(&err);
	if (strcmp(out.s, want))
		fail_msg("%s is not what comes out (UPDATE_GOLDEN=1 rewrites it)", path);
	free(want);
	strbuf_free(&out);
}

static void test_tables(void **state)
{
	struct fixture_run f[] = { plain("llmerc", .7, 1), plain("llmerc", .72, 2),
				   plain("bow", .5, 1), plain("bow", .52, 2),
				   plain("majority", .3, 1) };
	struct compare_options o = usual;
	struct house h;
	struct lineup l;
	struct comparison c;

	(void)state;
	house_open(&h);
	for (size_t i = 0; i < ARRAY_LEN(f); i++) {
		f[i].failures = i == 2 ? .1 : 0;
		house_add(&h, &f[i]);
	}
	house_load(&h, NULL, &l);
	o.flips = 4;
	o.least = 100;
	o.by[BY_SPEAKER] = o.by[BY_SHIFT] = true;
	compare(&l, &o, &c);
	check_tables(&c, "tables.txt", table_plain);
	check_tables(&c, "tables.md", table_markdown);
	check_tables(&c, "tables.csv", table_csv);
	comparison_free(&c);
	lineup_free(&l);
	house_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grouping),  cmocka_unit_test(test_duel),
		cmocka_unit_test(test_identical), cmocka_unit_test(test_seeds_and_family),
		cmocka_unit_test(test_parts),	  cmocka_unit_test(test_fold),
		cmocka_unit_test(test_flips),	  cmocka_unit_test(test_corpus),
		cmocka_unit_test(test_refuses),	  cmocka_unit_test(test_tables),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

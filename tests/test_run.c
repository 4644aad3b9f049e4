/* SPDX-License-Identifier: Apache-2.0
 * The run room: recipes refuse what they do not know, masks mask, the cache survives
 * torn and damaged files, a run writes a whole folder or none.
 */
#include "tests/test.h"

#include <unistd.h>

#include "harness/base/hash.h"
#include "harness/base/mem.h"
#include "harness/run/experiment.h"
#include "harness/run/offer.h"
#include "harness/run/pack.h"
#include "harness/run/see.h"

static void write_text(const char *dir, const char *name, const char *text)
{
	struct err err = { 0 };
	char *path = path_join(dir, name);

	io_write_atomic(path, text, strlen(text), &err);
	CHECK_OK(&err);
	free(path);
}

static void read_recipe(struct recipe *r, const char *dir, const char *name, const char *without,
			const char *set, struct err *err)
{
	char *path = path_join(dir, name);

	recipe_read(r, path, "meld", without, set, err);
	free(path);
}

static void test_recipe(void **state)
{
	char *dir = scratch_make();
	struct err err = { 0 };
	struct recipe r;

	(void)state;
	write_text(dir, "a.json",
		   "{\"schema_version\":1,\"name\":\"a\",\"model\":\"bow\",\"see\":[\"text\"],"
		   "\"selection\":\"last-epoch\",\"options\":{\"ngrams\":1},"
		   "\"for\":{\"meld\":{\"min_df\":3},\"iemocap\":{\"min_df\":4}}}");
	write_text(dir, "b.json",
		   "{\"base\":\"a.json\",\"name\":\"b\",\"options\":{\"ngrams\":3}}");
	write_text(dir, "bad-key.json", "{\"base\":\"a.json\",\"windows\":3}");
	write_text(dir, "bad-option.json", "{\"base\":\"a.json\",\"options\":{\"epoch\":3}}");
	write_text(dir, "bad-model.json", "{\"name\":\"x\",\"model\":\"gpt\"}");
	write_text(dir, "circle.json", "{\"base\":\"circle.json\"}");
	read_recipe(&r, dir, "b.json", NULL, "c=2", &err);
	CHECK_OK(&err);
	CHECK(!strcmp(r.name, "b") && r.selection == SELECT_LAST && r.see == SEE_TEXT);
	CHECK(opt_int(&r.opts, "ngrams") == 3 && opt_int(&r.opts, "min_df") == 3);
	CHECK_NEAR(opt_num(&r.opts, "c"), 2, 0);
	CHECK(r.window == 0); /* no history asked for */
	recipe_free(&r);
	read_recipe(&r, dir, "bad-key.json", NULL, NULL, &err);
	CHECK_ERR(&err, ERR_ARG, "unknown key 'windows'");
	read_recipe(&r, dir, "bad-option.json", NULL, NULL, &err);
	CHECK_ERR(&err, ERR_ARG, "bad-option.json");
	read_recipe(&r, dir, "bad-model.json", NULL, NULL, &err);
	CHECK_ERR(&err, ERR_ARG, "no model 'gpt'");
	read_recipe(&r, dir, "circle.json", NULL, NULL, &err);
	CHECK_ERR(&err, ERR_ARG, "circle");
	read_recipe(&r, dir, "a.json", "text", NULL, &err);
	CHECK_ERR(&err, ERR_ARG, "cannot work without");
	read_recipe(&r, dir, "a.json", "smell", NULL, &err);
	CHECK_ERR(&err, ERR_ARG, "'smell'");
	scratch_remove(dir);
}

/* Every recipe and suite that is shipped must be valid for every data set. */
static void test_shipped(void **state)
{
	static const char *const dataset[] = { "meld", "iemocap" };
	struct io_list list;
	struct err err = { 0 };

	(void)state;
	io_list_dir("scripts/experiments", &list, &err);
	CHECK_OK(&err);
	CHECK(list.n > 10);
	for (size_t i = 0; i < list.n; i++) {
		char *path = path_join("scripts/experiments", list.name[i]);
		struct plan plan = { 0 };

		if (io_is_file(path)) /* sweeps have a folder of their own */
			plan_read(&plan, path, NULL, &err);
		CHECK_OK(&err);
		for (int k = 0; k < plan.n * 2; k++) {
			struct recipe r;

			recipe_planned(&r, &plan, k / 2, dataset[k % 2], NULL, NULL, &err);
			CHECK_OK(&err);
			recipe_free(&r);
		}
		plan_free(&plan);
		free(path);
	}
	io_list_free(&list);
}

/* The suite's options lie over the recipe's and under --set. */
static void suite_options(const char *dir)
{
	char *path = path_join(dir, "o.json");
	struct err err = { 0 };
	struct recipe r;
	struct plan p;

	plan_read(&p, path, NULL, &err);
	CHECK_OK(&err);
	recipe_planned(&r, &p, 0, "meld", NULL, "ngrams=3", &err);
	CHECK_OK(&err);
	CHECK(opt_int(&r.opts, "min_df") == 7 && opt_int(&r.opts, "ngrams") == 3);
	recipe_free(&r);
	plan_free(&p);
	free(path);
}

static void test_plan_seeds(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "s.json");
	struct err err = { 0 };
	struct plan p;

	(void)state;
	write_text(dir, "s.json",
		   "{\"name\":\"s\",\"seeds\":[1,2],\"runs\":[{\"recipe\":\"a.json\"},"
		   "{\"recipe\":\"b.json\",\"seeds\":[7],\"without\":[\"text\",\"face\"]}]}");
	plan_read(&p, path, NULL, &err);
	CHECK_OK(&err);
	CHECK(p.n == 3 && p.run[1].seed == 2 && p.run[2].seed == 7);
	CHECK(str_ends(p.run[2].path, "/b.json") && !strcmp(p.run[2].without, "text,face"));
	plan_free(&p);
	write_text(
		dir, "a.json",
		"{\"name\":\"a\",\"model\":\"bow\",\"see\":[\"text\"],\"options\":{\"min_df\":5}}");
	write_text(dir, "o.json",
		   "{\"options\":{\"bow\":{\"min_df\":7,\"ngrams\":1}},\"runs\":[{\"recipe\":\"a."
		   "json\"}]}");
	suite_options(dir);
	plan_read(&p, path, "5,6,7", &err);
	CHECK(p.n == 6 && p.run[5].seed == 7);
	plan_free(&p);
	plan_read(&p, path, "5,x", &err);
	CHECK_ERR(&err, ERR_ARG, "seed");
	free(path);
	scratch_remove(dir);
}

/* Every modality that is not seen is NULL afterwards, and only those. */
static void test_mask(void **state)
{
	float row[2] = { 1, 2 };
	struct feat f = { row, 1, 2 };
	struct turn full = { .id = "u",
			     .speaker = 1,
			     .text = "t",
			     .speech = "s",
			     .behaviour = { "f", "b", "p" },
			     .audio = f,
			     .video = { f, f, f } };

	(void)state;
	for (unsigned see = 0; see <= SEE_ALL; see++) {
		const unsigned bit[PART_COUNT] = { SEE_FACE, SEE_BODY, SEE_POSTURE };
		struct turn t;

		see_mask_turn(&t, &full, see);
		CHECK(!t.text == !(see & SEE_TEXT));
		CHECK(!t.speech == !(see & SEE_SPEECH));
		CHECK(!t.audio.data == !(see & SEE_AUDIO));
		for (int p = 0; p < PART_COUNT; p++) {
			CHECK(!t.behaviour[p] == !(see & bit[p]));
			CHECK(!t.video[p].data == !((see & bit[p]) && (see & SEE_VIDEO)));
		}
		CHECK(t.speaker == 1);
	}
}

static void put(struct pack *p, const char *what, const char *data)
{
	struct err err = { 0 };
	char key[HASH_HEX];

	hash_hex(what, strlen(what), key);
	pack_put(p, key, data, strlen(data), &err);
	CHECK_OK(&err);
}

static bool has(struct pack *p, const char *what, const char *data)
{
	char key[HASH_HEX];
	const char *got;
	size_t len;

	hash_hex(what, strlen(what), key);
	got = pack_get(p, key, &len);
	return data ? got && len == strlen(data) && !memcmp(got, data, len) : !got;
}

static void test_pack(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "x.pack"), name[16], *buf;
	struct err err = { 0 };
	struct pack *p = pack_open(path, &err);
	size_t len;

	(void)state;
	CHECK_OK(&err);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "%d", i);
		put(p, name, name);
	}
	put(p, "7", "newer");
	CHECK(has(p, "7", "newer") && has(p, "2999", "2999") && has(p, "x", NULL));
	pack_close(p);
	io_read_file(path, 1 << 20, &buf, &len, &err);
	CHECK_OK(&err);

	/* killed while appending: everything before the torn record stays */
	CHECK(!truncate(path, (off_t)len - 3));
	p = pack_open(path, &err);
	CHECK_OK(&err);
	CHECK(has(p, "7", "7") && has(p, "2999", "2999"));
	put(p, "7", "again");
	pack_close(p);
	p = pack_open(path, &err);
	CHECK(has(p, "7", "again"));
	pack_close(p);

	/* every flipped bit is noticed: what is read is right or absent */
	for (size_t at = 0; at < 2000; at += 13) {
		buf[at] ^= 0x10;
		io_write_atomic(path, buf, len, &err);
		CHECK_OK(&err);
		buf[at] ^= 0x10;
		p = pack_open(path, &err);
		CHECK_OK(&err);
		CHECK(has(p, "5", "5") || has(p, "5", NULL));
		pack_close(p);
	}
	free(buf);
	free(path);
	scratch_remove(dir);
}

/* A small corpus without clips: 12 dialogues of 4 turns, two words tell the label. */
static void make_corpus(struct corpus *c, struct gold *g, char *root)
{
	static const char *const say[] = { "it is fine", "oh no", "great news", "go away" };

	*c = (struct corpus){ .name = "meld", .title = "t", .policy = "p", .root = root };
	c->labels = &labels_meld7;
	c->n_dia = 12;
	c->n_utt = 48;
	c->n_speaker = 1;
	c->dia = arena_array(&c->mem, 12, sizeof(*c->dia));
	c->utt = arena_array(&c->mem, 48, sizeof(*c->utt));
	c->speaker = arena_array(&c->mem, 1, sizeof(*c->speaker));
	CHECK(NEW_ARRAY(g->label, 48));
	c->speaker[0] = (struct speaker){ .name = "A" };
	for (int d = 0; d < 12; d++) {
		char id[16];

		snprintf(id, sizeof(id), "%d", d);
		c->dia[d] = (struct dialogue){ .id = arena_strdup(&c->mem, id),
					       .first = 4 * d,
					       .count = 4 };
		c->dia[d].split = d < 6 ? SPLIT_TRAIN : d < 9 ? SPLIT_DEV : SPLIT_TEST;
		for (int t = 0; t < 4; t++) {
			snprintf(id, sizeof(id), "dia%d_utt%d", d, t);
			c->utt[4 * d + t] = (struct utterance){ .id = arena_strdup(&c->mem, id),
								.dialogue = d,
								.text = say[(d + t) % 4] };
			g->label[4 * d + t] = (d + t) % 4;
		}
	}
}

static int count_entries(const char *dir)
{
	struct io_list list;
	struct err err = { 0 };
	int n;

	io_list_dir(dir, &list, &err);
	n = (int)list.n;
	io_list_free(&list);
	return n;
}

static void test_experiment(void **state)
{
	static volatile sig_atomic_t stop;
	char *dir = scratch_make(), *runs = path_join(dir, "runs");
	struct bank_options bo = { .threads = 1, .stop = &stop };
	struct run_options o = { .results = dir, .save_model = true, .threads = 1, .stop = &stop };
	struct predictions p;
	struct run_outcome out;
	struct recipe r;
	struct corpus c;
	struct gold g;
	struct bank b;
	struct err err = { 0 };
	char *run;

	(void)state;
	make_corpus(&c, &g, dir);
	bank_build(&b, &c, &g, &bo, &err);
	CHECK_OK(&err);
	CHECK(b.heard == 0);
	recipe_read(&r, "scripts/experiments/bow.json", "meld", NULL, "min_df=1", &err);
	CHECK_OK(&err);
	experiment_run(&b, &r, 1, &o, &out, &err);
	CHECK_OK(&err);
	CHECK(!out.skipped && out.weighted_f1 > 0.99);
	experiment_run(&b, &r, 1, &o, &out, &err);
	CHECK_OK(&err);
	CHECK(out.skipped && count_entries(runs) == 1);
	experiment_run(&b, &r, 2, &o, &out, &err);
	CHECK(!out.skipped && count_entries(runs) == 2);

	/* the saved model answers as it did */
	run = path_join(runs, out.id);
	experiment_predict(run, &b, false, 0, &o, &p, &err);
	CHECK_OK(&err);
	CHECK(p.n == 12 && scores_weighted_f1(&p.confusion) == out.weighted_f1);
	predictions_free(&p);

	/* interrupted: nothing stays behind */
	stop = 1;
	experiment_run(&b, &r, 3, &o, &out, &err);
	CHECK_ERR(&err, ERR_INTERRUPTED, "interrupted");
	stop = 0;
	CHECK(count_entries(runs) == 2);
	free(run);
	recipe_free(&r);
	bank_free(&b);
	corpus_free(&c);
	gold_free(&g);
	free(runs);
	scratch_remove(dir);
}

/* A corpus without clips: what cannot be taken away is left out, with its reason, once a system. */
static void test_offer(void **state)
{
	char *dir = scratch_make(), *suite = path_join(dir, "s.json"), *notes, *text;
	struct bank_options bo = { .threads = 1 };
	struct strbuf spec = { 0 };
	struct err err = { 0 };
	struct corpus c;
	struct gold g;
	struct bank b;
	struct plan p;
	bool keep[6];
	char cwd[4096], *here;
	size_t len;

	(void)state;
	CHECK(getcwd(cwd, sizeof(cwd)));
	here = path_join(cwd, "scripts/experiments");
	make_corpus(&c, &g, dir);
	bank_build(&b, &c, &g, &bo, &err);
	CHECK_OK(&err);
	strbuf_addf(&spec,
		    "{\"runs\":[{\"recipe\":\"%s/bow.json\"},"
		    "{\"recipe\":\"%s/bemerc.json\"},"
		    "{\"recipe\":\"%s/bemerc-without-face.json\",\"seeds\":[1,2]},"
		    "{\"recipe\":\"%s/bemerc-without-alignment.json\"},"
		    "{\"recipe\":\"%s/bemerc-without-history.json\"}]}",
		    here, here, here, here, here);
	write_text(dir, "s.json", strbuf_str(&spec));
	plan_read(&p, suite, NULL, &err);
	CHECK_OK(&err);
	CHECK(p.n == 6);
	offer_filter(&b, &p, NULL, NULL, dir, keep, &err);
	CHECK_OK(&err);
	CHECK(keep[0] && keep[1] && !keep[2] && !keep[3] && !keep[4] && keep[5]);
	notes = path_join(dir, "notes/meld-real.jsonl");
	io_read_file(notes, 1 << 20, &text, &len, &err);
	CHECK_OK(&err);
	CHECK(!strstr(text, "\"bow\"") && strstr(text, "ran without speech measurements"));
	CHECK(strstr(text, "without face\",\"reason\":\"nothing to take away"));
	CHECK(!strstr(strstr(text, "without face") + 1, "without face"));
	free(text);
	free(notes);
	free(here);
	strbuf_free(&spec);
	plan_free(&p);
	bank_free(&b);
	corpus_free(&c);
	gold_free(&g);
	free(suite);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recipe),	   cmocka_unit_test(test_shipped),
		cmocka_unit_test(test_plan_seeds), cmocka_unit_test(test_mask),
		cmocka_unit_test(test_pack),	   cmocka_unit_test(test_experiment),
		cmocka_unit_test(test_offer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

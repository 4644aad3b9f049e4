/* SPDX-License-Identifier: Apache-2.0
 * Cue files: published tables joined to the real corpora, our own two formats,
 * and files that are not as they should be.
 */
#include "tests/test.h"

#include "harness/core/dataset.h"
#include "harness/cue/behaviour.h"
#include "harness/run/cue_files.h"

static void load_corpus(struct corpus *c, const char *name, const char *root)
{
	const struct dataset_ops *ops = dataset_find(name);
	struct gold g = { 0 };
	struct opt_values v;
	struct err err = { 0 };

	*c = (struct corpus){ 0 };
	opt_init(&v, ops->opts, &err);
	ops->load(c, &g, root, &v, &err);
	CHECK_OK(&err);
	opt_free(&v);
	gold_free(&g);
}

static int count_issues(const struct corpus *c, const char *kind)
{
	int n = 0;

	for (int i = 0; i < c->n_issue; i++)
		n += !strcmp(c->issue[i].kind, kind);
	return n;
}

static void test_iemocap(void **state)
{
	char *root = real_data("iemocap/release"), *cues = real_data("cues");
	struct cue_files f;
	struct corpus c;
	struct err err = { 0 };
	const struct cue_set *s;
	int no_pitch = 0;

	(void)state;
	if (!root || !cues)
		skip();
	load_corpus(&c, "iemocap", root);
	cue_files_load(&f, &c, cues, &err);
	CHECK_OK(&err);
	CHECK(f.n_speech == 10039 && f.n_unmatched == 0 && f.n_rows == 10039);
	CHECK(count_issues(&c, "cue-text-differs") == 0 && count_issues(&c, "cue-missing") == 0);
	CHECK(count_issues(&c, "cue-file-unused") == 5); /* MELD's */
	s = cue_files_speech(&f, corpus_find(&c, "Ses01F_script02_1_F001", -1));
	CHECK(s && s->v[CUE_DURATION] == 1.5024375 && s->v[CUE_HNR] == -1.2315271339103535);
	CHECK(!s->ok[CUE_PITCH] && s->ok[CUE_PITCH_STD] && s->v[CUE_PITCH_STD] == 0);
	for (int i = 0; i < c.n_utt; i++)
		no_pitch += !cue_files_speech(&f, i)->ok[CUE_PITCH];
	CHECK(no_pitch == 20);
	cue_files_free(&f);
	corpus_free(&c);
	free(root);
	free(cues);
}

static void test_meld(void **state)
{
	char *root = real_data("meld"), *cues = real_data("cues");
	char *behaviour = real_data("meld/behaviour");
	struct strbuf dirs = { 0 };
	struct cue_files f;
	struct corpus c;
	struct err err = { 0 };
	const struct cue_set *s;
	int i;

	(void)state;
	if (!root || !cues || !behaviour)
		skip();
	load_corpus(&c, "meld", root);
	strbuf_addf(&dirs, "%s:%s", cues, behaviour);
	cue_files_load(&f, &c, dirs.s, &err);
	CHECK_OK(&err);
	CHECK(f.n_speech == 9988 + 1108 + 2610);
	CHECK(f.n_unmatched == 4 + 5 && count_issues(&c, "cue-without-utterance") == 9);
	CHECK(count_issues(&c, "cue-missing") == 2);	 /* one clip of train, one of dev */
	CHECK(count_issues(&c, "cue-file-unused") == 3); /* IEMOCAP's, two processed tables */
	s = cue_files_speech(&f, corpus_find(&c, "dia260_utt7", SPLIT_TRAIN));
	CHECK(s && s->v[CUE_DURATION] == 7.07);
	s = cue_files_speech(&f, corpus_find(&c, "dia260_utt7", SPLIT_TEST));
	CHECK(s && s->v[CUE_DURATION] == 1.44);
	CHECK(!cue_files_speech(&f, corpus_find(&c, "dia125_utt3", SPLIT_TRAIN)));
	CHECK(f.n_sentence[PART_FACE] == 190 && f.n_sentence[PART_BODY] == 0);
	i = corpus_find(&c, "dia233_utt4", SPLIT_TEST);
	CHECK(!strcmp(
		cue_files_sentence(&f, i, PART_FACE),
		"Target facial expression: slightly Cheek Raiser, moderately Lid Tightener, "
		"moderately Upper Lip Raiser, slightly Lip Corner Puller, barely Chin Raiser, "
		"moderately Lips Part, moderately Jaw Drop."));
	strbuf_free(&dirs);
	cue_files_free(&f);
	corpus_free(&c);
	free(root);
	free(cues);
	free(behaviour);
}

/* A corpus of four utterances, dia0_utt0 in train and in test. */
static void make_corpus(struct corpus *c)
{
	static struct dialogue dia[] = { { "train_dia0", SPLIT_TRAIN, 0, 2 },
					 { "test_dia0", SPLIT_TEST, 2, 2 } };
	static struct speaker speaker[] = { { "A", NULL, "A" } };
	static struct utterance utt[] = {
		{ .id = "dia0_utt0", .text = "one", .dialogue = 0 },
		{ .id = "dia0_utt1", .text = "two", .dialogue = 0 },
		{ .id = "dia0_utt0", .text = "three", .dialogue = 1 },
		{ .id = "dia0_utt2", .text = "four", .dialogue = 1 },
	};

	*c = (struct corpus){ .name = "meld",
			      .labels = &labels_meld7,
			      .dia = dia,
			      .utt = utt,
			      .speaker = speaker,
			      .n_dia = 2,
			      .n_utt = 4,
			      .n_speaker = 1 };
}

static void put(const char *dir, const char *name, const char *text)
{
	char *path = path_join(dir, name);
	struct err err = { 0 };

	CHECK(path != NULL);
	io_write_atomic(path, text, strlen(text), &err);
	CHECK_OK(&err);
	free(path);
}

static void test_own_formats(void **state)
{
	char *dir = scratch_make();
	struct cue_files f;
	struct corpus c;
	struct err err = { 0 };

	(void)state;
	put(dir, "a.csv",
	    "id,split,avg_pitch,mean_hnr,face,odd\n"
	    "dia0_utt0,train,200.5,,brows up,1\n"
	    "dia0_utt0,test,nan,3,,1\n"
	    "dia0_utt9,test,1,2,,1\n"
	    "dia0_utt1,,100,2,,1\n");
	put(dir, "b.jsonl",
	    "{\"schema_version\":1,\"id\":\"dia0_utt1\",\"split\":\"train\",\"avg_pitch\":7,"
	    "\"speech\":\"loud\",\"posture\":\"leans in\"}\n"
	    "{\"id\":\"dia0_utt2\",\"articulation_rate\":4.5,\"avg_pitch\":null,\"body\":null}"
	    "\n");
	make_corpus(&c);
	cue_files_load(&f, &c, dir, &err);
	CHECK_OK(&err);
	CHECK(f.n_speech == 4 && f.n_unmatched == 1 && f.n_rows == 6);
	CHECK(cue_files_speech(&f, 0)->v[CUE_PITCH] == 200.5);
	CHECK(!cue_files_speech(&f, 0)->ok[CUE_HNR] && !cue_files_speech(&f, 2)->ok[CUE_PITCH]);
	CHECK(cue_files_speech(&f, 2)->v[CUE_HNR] == 3);
	CHECK(cue_files_speech(&f, 1)->v[CUE_PITCH] == 100); /* a.csv comes first */
	CHECK(cue_files_speech(&f, 3)->v[CUE_RATE] == 4.5 &&
	      !cue_files_speech(&f, 3)->ok[CUE_PITCH]);
	CHECK(!strcmp(cue_files_sentence(&f, 0, PART_FACE), "brows up"));
	CHECK(!strcmp(cue_files_sentence(&f, 1, PART_POSTURE), "leans in"));
	CHECK(!cue_files_sentence(&f, 3, PART_BODY) && !cue_files_sentence(&f, 9, 0));
	CHECK(count_issues(&c, "cue-repeated") == 1 && count_issues(&c, "cue-ignored") == 1);
	CHECK(count_issues(&c, "cue-without-utterance") == 1);
	cue_files_free(&f);
	free(c.issue);
	arena_free(&c.mem);
	scratch_remove(dir);
}

/* The file alone in a folder must be refused with this code and message. */
static void refuse(const char *name, const char *text, int code, const char *message)
{
	char *dir = scratch_make();
	struct cue_files f;
	struct corpus c;
	struct err err = { 0 };

	put(dir, name, text);
	make_corpus(&c);
	cue_files_load(&f, &c, dir, &err);
	CHECK(f.record == NULL && f.n_utt == 0);
	CHECK_ERR(&err, code, message);
	free(c.issue);
	arena_free(&c.mem);
	scratch_remove(dir);
}

/* Measurements of the picture, beside and without those of the voice. */
static void test_behaviour(void **state)
{
	char *dir = scratch_make(), text[512];
	struct cue_files f;
	struct corpus c;
	struct err err = { 0 };

	(void)state;
	CHECK(str_format(text, sizeof(text),
			 "id,split,avg_pitch,%s,%s\ndia0_utt0,train,100,0.5,\n"
			 "dia0_utt1,train,,,-2\ndia0_utt2,test,90,,\n",
			 behaviour_cue_spec[CUE_JAW].name, behaviour_cue_spec[CUE_LEAN].name));
	put(dir, "x.csv", text);
	CHECK(str_format(text, sizeof(text), "{\"id\":\"dia0_utt2\",\"%s\":3,\"avg_pitch\":1}\n",
			 behaviour_cue_spec[CUE_NOD].name));
	put(dir, "y.jsonl", text);
	make_corpus(&c);
	cue_files_load(&f, &c, dir, &err);
	CHECK_OK(&err);
	CHECK(f.n_speech == 2 && f.n_behaviour == 3);
	CHECK(cue_files_behaviour(&f, 0)->v[CUE_JAW] == 0.5);
	CHECK(!cue_files_behaviour(&f, 0)->ok[CUE_LEAN]);
	CHECK(cue_files_behaviour(&f, 1)->v[CUE_LEAN] == -2 && !cue_files_speech(&f, 1));
	CHECK(cue_files_behaviour(&f, 3)->v[CUE_NOD] == 3);
	CHECK(cue_files_speech(&f, 3)->v[CUE_PITCH] == 90 && count_issues(&c, "cue-repeated") == 1);
	CHECK(!cue_files_behaviour(&f, 2) && !cue_files_behaviour(&f, -1));
	cue_files_free(&f);
	free(c.issue);
	arena_free(&c.mem);
	scratch_remove(dir);
}

/* A teacher's file named as such: its sentences, and what it has none for. */
static void test_teacher(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "teacher.jsonl");
	struct cue_files f;
	struct corpus c;
	struct err err = { 0 };

	(void)state;
	put(dir, "teacher.jsonl",
	    "{\"schema_version\":1,\"id\":\"dia0_utt0\",\"split\":\"train\",\"face\":\"brows up\","
	    "\"body\":null,\"posture\":null,\"status\":\"ok\",\"asked\":2,\"model\":\"m\","
	    "\"prompt_hash\":\"a\",\"media_hash\":\"b\",\"reply_hash\":\"c\",\"new\":1}\n"
	    "{\"id\":\"dia0_utt1\",\"split\":\"train\",\"face\":null,\"body\":null,\"posture\":"
	    "null,\"status\":\"parse_fail\",\"cause\":\"keys\"}\n"
	    "{\"id\":\"dia0_utt0\",\"split\":\"test\",\"face\":\"not this\",\"status\":"
	    "\"decode_fail\"}\n");
	put(dir, "other.csv", "id,split,avg_pitch\ndia0_utt0,train,1\n");
	put(dir, "readme.txt", "no cues");
	make_corpus(&c);
	cue_files_load(&f, &c, path, &err);
	CHECK_OK(&err);
	CHECK(f.n_rows == 3 && f.n_speech == 0 && f.n_sentence[PART_FACE] == 1);
	assert_string_equal(cue_files_sentence(&f, 0, PART_FACE), "brows up");
	CHECK(!cue_files_sentence(&f, 2, PART_FACE));
	CHECK(count_issues(&c, "cue-ignored") == 1 && c.n_issue == 2);
	assert_string_equal(c.issue[1].kind, "cue-without-sentence");
	CHECK(strstr(c.issue[1].text,
		     "2 of 3 utterances have no sentences (1 parse_fail, 1 decode_fail)"));
	cue_files_free(&f);
	free(path);
	path = path_join(dir, "readme.txt");
	cue_files_load(&f, &c, path, &err);
	CHECK_ERR(&err, ERR_ARG, "readme.txt: cue files are called .csv, .jsonl or .json");
	free(c.issue);
	arena_free(&c.mem);
	free(path);
	scratch_remove(dir);
}

static void test_refused(void **state)
{
	struct cue_files f;
	struct corpus c;
	struct err err = { 0 };

	(void)state;
	refuse("x.csv", "id,avg_pitch\ndia0_utt0,1\n", ERR_FORMAT,
	       "x.csv:2: dia0_utt0 is an utter");
	refuse("x.csv", "id,split,avg_pitch\ndia0_utt0,valid,1\n", ERR_FORMAT,
	       "x.csv:2: split 'valid'");
	refuse("x.csv", "id,avg_pitch\ndia0_utt1,high\n", ERR_FORMAT, "x.csv:2: avg_pitch");
	refuse("x.csv", "id,avg_pitch\ndia0_utt1,inf\n", ERR_FORMAT, "x.csv:2: avg_pitch");
	refuse("x.csv", "id,avg_pitch\ndia0_utt1\n", ERR_FORMAT, "x.csv:2");
	refuse("x.csv", "video_id,segment_id,gender,text,avg_pitch,avg_intensity\nd,-1,F,x,1,1\n",
	       ERR_FORMAT, "x.csv:2: segment_id");
	refuse("x.jsonl", "{\"id\":7}\n{}\n", ERR_FORMAT, "x.jsonl:1");
	refuse("x.jsonl", "{\"id\":\"dia0_utt1\",\"avg_pitch\":\"1\"}\n", ERR_FORMAT,
	       "x.jsonl:1: avg_pitch");
	refuse("x.jsonl", "{\"id\":\"dia0_utt1\",\"face\":[1]}\n", ERR_FORMAT, "x.jsonl:1: face");
	refuse("test_x.json", "[{\"video_id\":\"dia0_utt0.mp4\"}]", ERR_FORMAT, "entry 1");
	refuse("test_x.json", "[{\"video_id\":", ERR_FORMAT, "test_x.json");
	make_corpus(&c);
	cue_files_load(&f, &c, "/nonexistent", &err);
	CHECK_ERR(&err, ERR_MISSING, "/nonexistent");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_iemocap),	    cmocka_unit_test(test_meld),
		cmocka_unit_test(test_own_formats), cmocka_unit_test(test_behaviour),
		cmocka_unit_test(test_teacher),	    cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

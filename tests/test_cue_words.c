/* SPDX-License-Identifier: Apache-2.0
 * Cue words: quantiles against known values, and the published wording byte for byte.
 */
#include "tests/test.h"

#include "harness/base/csv.h"
#include "harness/base/json.h"
#include "harness/base/mem.h"
#include "harness/cue/words.h"

static struct cue_set speech_set(double loud, double loud_std, double pitch, double pitch_std,
				 double rate)
{
	struct cue_set s = { 0 };
	const int cue[] = { CUE_INTENSITY, CUE_INTENSITY_STD, CUE_PITCH, CUE_PITCH_STD, CUE_RATE };
	const double v[] = { loud, loud_std, pitch, pitch_std, rate };

	for (int i = 0; i < 5; i++) {
		s.v[cue[i]] = v[i];
		s.ok[cue[i]] = !isnan(v[i]);
	}
	return s;
}

/* A quantizer over 0..100 for every speech cue, group 0 alone. */
static void fit_hundred(struct quantizer *q, int classes)
{
	struct cue_set set[101];
	int group[101] = { 0 };
	struct quantizer_data d = {
		speech_cue_spec, SPEECH_CUE_COUNT, set, group, 101, 1, false, 0
	};
	struct err err = { 0 };

	for (int i = 0; i <= 100; i++)
		set[i] = speech_set(i, i, i, i, i);
	quantizer_fit(q, &d, classes, &err);
	CHECK_OK(&err);
}

static void test_quantiles(void **state)
{
	static const double at[4][5] = {
		{ 25, 75 }, { 25, 50, 75 }, { 10, 25, 75, 90 }, { 10, 25, 50, 75, 90 }
	};
	struct quantizer q;

	(void)state;
	for (int classes = 3; classes <= 6; classes++) {
		fit_hundred(&q, classes);
		for (int k = 0; k < classes - 1; k++) {
			const double t = at[classes - 3][k];
			struct cue_set on = speech_set(t, t, t, t, t);
			struct cue_set above = speech_set(t + 1e-9, t, t, t, t);

			CHECK(quantizer_class(&q, &on, CUE_INTENSITY, 0) == k);
			CHECK(quantizer_class(&q, &above, CUE_INTENSITY, 0) == k + 1);
		}
		quantizer_free(&q);
	}
}

static void test_interpolation(void **state)
{
	/* order statistics 1, 2, 4, 8 at .1 .25 .75 .9: 1.3, 1.75, 5, 6.8 */
	struct cue_set set[6] = { 0 };
	const double v[6] = { 8, 0, 2, NAN, 1, 4 }, want[4] = { 1.3, 1.75, 5, 6.8 };
	struct quantizer_data d = { speech_cue_spec, 1, set, NULL, 6, 0, true, 0 };
	struct quantizer q;
	struct err err = { 0 };

	(void)state;
	for (int i = 0; i < 6; i++)
		set[i] = (struct cue_set){ .v = { v[i] }, .ok = { true } };
	quantizer_fit(&q, &d, 5, &err);
	CHECK_OK(&err);
	for (int i = 0; i < 4; i++)
		CHECK_NEAR(q.cut[i], want[i], 1e-12);
	CHECK(quantizer_class(&q, &set[1], 0, 0) == -1); /* zero */
	CHECK(quantizer_class(&q, &set[3], 0, 0) == -1); /* not a number */
	quantizer_free(&q);
	quantizer_fit(&q, &d, 7, &err);
	CHECK_ERR(&err, ERR_ARG, "3, 4, 5 or 6");
}

static void test_small_groups(void **state)
{
	/* group 0: 40 values around 100; group 1: 19 values around 0, too few */
	struct cue_set set[59] = { 0 };
	int group[59];
	struct quantizer_data d = { speech_cue_spec, 1, set, group, 59, 2, false, 0 };
	struct quantizer q;
	struct err err = { 0 };

	(void)state;
	for (int i = 0; i < 59; i++) {
		group[i] = i >= 40;
		set[i] = (struct cue_set){ .v = { i < 40 ? 100 + i : i - 40 }, .ok = { true } };
	}
	quantizer_fit(&q, &d, 3, &err);
	CHECK_OK(&err);
	CHECK_NEAR(q.cut[0], 100 + 39 * .25, 1e-12);
	CHECK(q.cut[2] == q.cut[4] && q.cut[3] == q.cut[5]); /* group 1 is the pool */
	CHECK(q.cut[4] < q.cut[0]);
	quantizer_free(&q);
}

static void test_json(void **state)
{
	struct quantizer q, r;
	struct strbuf out = { 0 };
	struct json_writer w;
	struct err err = { 0 };
	struct json *v;

	(void)state;
	fit_hundred(&q, 6);
	json_begin(&w, &out, 0);
	quantizer_save(&q, speech_cue_spec, &w, NULL);
	v = json_parse(out.s, out.len, "q", &err);
	CHECK_OK(&err);
	quantizer_load(&r, speech_cue_spec, SPEECH_CUE_COUNT, v, "q", &err);
	CHECK_OK(&err);
	CHECK(r.classes == 6 && r.groups == 1 && !r.zero_missing);
	for (int i = 0; i < 2 * SPEECH_CUE_COUNT * 5; i++)
		CHECK(q.cut[i] == r.cut[i] || (isnan(q.cut[i]) && isnan(r.cut[i])));
	quantizer_free(&r);
	quantizer_load(&r, speech_cue_spec, SPEECH_CUE_COUNT - 1, v, "file.json", &err);
	CHECK_ERR(&err, ERR_FORMAT, "file.json");
	quantizer_load(&r, speech_cue_spec, SPEECH_CUE_COUNT, NULL, "file.json", &err);
	CHECK_ERR(&err, ERR_FORMAT, "file.json");
	json_free(v);
	strbuf_free(&out);
	quantizer_free(&q);
}

static void test_descending_refused(void **state)
{
	const char *text = "{\"classes\":3,\"groups\":0,\"cuts\":{\"duration\":[[2,1]]}}";
	struct err err = { 0 };
	struct json *v = json_parse(text, strlen(text), "q", &err);
	struct quantizer q;

	(void)state;
	quantizer_load(&q, speech_cue_spec, 1, v, "q", &err);
	CHECK_ERR(&err, ERR_FORMAT, "not ascending");
	json_free(v);
}

static void check_text(const struct quantizer *q, struct cue_set s, const char *describe,
		       const char *impress)
{
	struct strbuf out = { 0 };

	speech_describe(q, &s, 0, &out);
	CHECK(!strcmp(strbuf_str(&out), describe));
	strbuf_reset(&out);
	speech_impression(q, &s, 0, &out);
	if (impress && strcmp(strbuf_str(&out), impress))
		fail_msg("%s", strbuf_str(&out));
	strbuf_free(&out);
}

static void test_wording(void **state)
{
	struct quantizer q;

	(void)state;
	fit_hundred(&q, 5);
	check_text(&q, speech_set(80, 20, 5, 50, 99),
		   "Target speech characteristics: high volume with low variation, very low pitch "
		   "with moderate variation, very high speaking rate.",
		   "The target speaker uses a lower pitch with typical variation, while likely "
		   "speaking loudly, which might indicate excitement, confidence, or urgency, with "
		   "likely little volume variation, and is talking quickly, which could indicate "
		   "excitement, urgency, or nervousness.");
	check_text(&q, speech_set(NAN, NAN, NAN, NAN, 50),
		   "Target speech characteristics: moderate speaking rate.",
		   "The target speaker uses a higher pitch with noticeable variation, suggesting "
		   "expressiveness, while speaking loudly, which might indicate excitement, "
		   "confidence, or urgency, with significant volume changes, and is speaking at a "
		   "moderate pace.");
	check_text(&q, speech_set(50, NAN, 50, NAN, NAN),
		   "Target speech characteristics: moderate volume, moderate pitch.", NULL);
	check_text(&q, speech_set(NAN, NAN, NAN, NAN, NAN),
		   "Insufficient data to describe speech characteristics.", NULL);
	quantizer_free(&q);
}

/* ---- published tables ---- */

static struct csv_table open_table(const char *name, bool *have)
{
	struct csv_table t = { 0 };
	struct err err = { 0 };
	char *path = real_data(name);

	*have = path != NULL;
	if (path)
		csv_table_read(&t, path, ',', (size_t)1 << 26, &err);
	CHECK_OK(&err);
	free(path);
	return t;
}

static const char *field(const struct csv_table *t, size_t row, const char *name)
{
	const int col = csv_column(t, name);

	if (col < 0)
		fail_msg("%s has no column %s", t->path, name);
	return t->row[row].field[col];
}

static struct cue_set row_cues(const struct csv_table *t, size_t row)
{
	struct cue_set s = { 0 };

	for (int c = 0; c < SPEECH_CUE_COUNT; c++) {
		const char *text = field(t, row, speech_cue_spec[c].name);

		s.ok[c] = *text != '\0';
		s.v[c] = s.ok[c] ? strtod(text, NULL) : NAN;
	}
	return s;
}

static int main_speaker(const char *name)
{
	static const char *const six[] = {
		"Phoebe", "Rachel", "Chandler", "Joey", "Monica", "Ross"
	};

	for (int i = 0; i < 6; i++)
		if (!strcmp(name, six[i]))
			return i;
	return -1; /* everyone else is compared with the pool of all */
}

/* Group of a clip "dia1_utt2.wav" by the speaker in the text side. */
static int clip_group(const struct csv_table *text, const char *clip)
{
	int dia, utt;

	if (sscanf(clip, "dia%d_utt%d", &dia, &utt) != 2)
		return -1;
	for (size_t i = 0; i < text->n_rows; i++)
		if (atoi(field(text, i, "Dialogue_ID")) == dia &&
		    atoi(field(text, i, "Utterance_ID")) == utt)
			return main_speaker(field(text, i, "Speaker"));
	fail_msg("%s has no row in %s", clip, text->path);
	return -1;
}

static void fit_meld(struct quantizer *q, const struct csv_table *cues,
		     const struct csv_table *text)
{
	struct cue_set *set;
	struct err err = { 0 };
	struct quantizer_data d = { .spec = speech_cue_spec,
				    .cues = SPEECH_CUE_COUNT,
				    .n = (int)cues->n_rows,
				    .groups = 6,
				    .zero_missing = true };
	int *group;

	CHECK(NEW_ARRAY(set, cues->n_rows) && NEW_ARRAY(group, cues->n_rows));
	for (size_t i = 0; i < cues->n_rows; i++) {
		set[i] = row_cues(cues, i);
		group[i] = clip_group(text, field(cues, i, "filename"));
	}
	d.set = set;
	d.group = group;
	quantizer_fit(q, &d, 5, &err);
	CHECK_OK(&err);
	free(set);
	free(group);
}

/* The published descriptions that the published train table does not give: a value of each lies
 * beside a threshold. */
static void check_known(const char *clip, const char *speaker, const char *text)
{
	static const char *const known[] = { "dia77_utt12.wav", "dia52_utt8.wav", "dia163_utt4.wav",
					     "dia163_utt7.wav", "dia254_utt6.wav" };

	print_message("%s (%s): %s\n", clip, speaker, text);
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!strcmp(clip, known[i]))
			return;
	fail_msg("%s is none of the five", clip);
}

/* Counts the rows of a gold table whose two sentences are equal to ours. */
static void compare_gold(const struct quantizer *q, const char *gold_name, const char *cue_name,
			 int *same, int *impressions, int *all)
{
	bool have;
	struct csv_table gold = open_table(gold_name, &have), cues = open_table(cue_name, &have);
	struct strbuf out = { 0 };

	for (size_t i = 0; i < gold.n_rows; i++) {
		const char *clip = field(&gold, i, "filename");
		const int g = main_speaker(field(&gold, i, "speaker"));
		struct cue_set s;
		size_t at = 0;

		while (at < cues.n_rows && strcmp(field(&cues, at, "filename"), clip))
			at++;
		if (at == cues.n_rows)
			fail_msg("%s is not in %s", clip, cue_name);
		s = row_cues(&cues, at);
		strbuf_reset(&out);
		speech_describe(q, &s, g, &out);
		if (!strcmp(strbuf_str(&out), field(&gold, i, "description")))
			(*same)++;
		else
			check_known(clip, field(&gold, i, "speaker"), out.s);
		strbuf_reset(&out);
		speech_impression(q, &s, g, &out);
		*impressions += !strcmp(strbuf_str(&out), field(&gold, i, "impression"));
		(*all)++;
	}
	strbuf_free(&out);
	csv_table_free(&gold);
	csv_table_free(&cues);
}

static void test_meld_gold(void **state)
{
	bool have, have_text;
	struct csv_table cues = open_table("cues/meld_train_audio_features.csv", &have);
	struct csv_table text = open_table("meld/train_sent_emo.csv", &have_text);
	struct quantizer q;
	int same = 0, impressions = 0, all = 0;

	(void)state;
	if (!have || !have_text)
		skip();
	fit_meld(&q, &cues, &text);
	compare_gold(&q, "cues/meld_processed_5class_dev_audio_features.csv",
		     "cues/meld_dev_audio_features.csv", &same, &impressions, &all);
	compare_gold(&q, "cues/meld_processed_5class_test_audio_features.csv",
		     "cues/meld_test_audio_features.csv", &same, &impressions, &all);
	print_message("descriptions %d, impressions %d of %d\n", same, impressions, all);
	CHECK(all == 3727);
	CHECK(same >= 3722);
	CHECK(impressions >= 3722);
	quantizer_free(&q);
	csv_table_free(&cues);
	csv_table_free(&text);
}

/* ---- IEMOCAP: the descriptions inside published prompts ---- */

struct prompts {
	const struct csv_table *cues;
	const struct quantizer *q;
	int same, all;
};

static void fit_iemocap(struct quantizer *q, const struct csv_table *cues)
{
	struct cue_set *set;
	struct err err = { 0 };
	struct quantizer_data d = {
		.spec = speech_cue_spec, .cues = SPEECH_CUE_COUNT, .groups = 2, .zero_missing = true
	};
	int *group;

	CHECK(NEW_ARRAY(set, cues->n_rows) && NEW_ARRAY(group, cues->n_rows));
	for (size_t i = 0; i < cues->n_rows; i++) {
		if (strcmp(field(cues, i, "mode"), "train"))
			continue;
		set[d.n] = row_cues(cues, i);
		group[d.n++] = field(cues, i, "gender")[0] == 'F';
	}
	d.set = set;
	d.group = group;
	quantizer_fit(q, &d, 5, &err);
	CHECK_OK(&err);
	free(set);
	free(group);
}

/* First row of the dialogue whose text (up to " (") is the target's. */
static size_t find_row(const struct csv_table *t, const char *dialogue, const char *target,
		       size_t len)
{
	for (size_t i = 0; i < t->n_rows; i++) {
		const char *text = field(t, i, "text"), *cut = strstr(text, " (");
		const size_t n = cut ? (size_t)(cut - text) : strlen(text);

		if (!strcmp(field(t, i, "video_id"), dialogue) && n == len &&
		    !strncmp(text, target, n))
			return i;
	}
	return t->n_rows;
}

static int check_prompt(void *ctx, const struct json *v, long line, struct err *err)
{
	struct prompts *p = ctx;
	const char *path = json_str(json_get(v, "path"), ""), *input;
	const char *target, *end, *said, *wav = path_base(path);
	struct strbuf out = { 0 };
	char dialogue[64];
	size_t row;

	(void)line;
	(void)err;
	input = json_str(json_get(v, "input"), "");
	said = strstr(input, " ### Target");
	if (!said)
		said = strstr(input, " ### Insufficient");
	target = strstr(said, "Select the emotion of < Speaker_");
	CHECK(said && target && strlen(wav) < sizeof(dialogue));
	memcpy(dialogue, wav, strlen(wav) + 1);
	*strrchr(dialogue, '_') = '\0';
	target = strchr(target, '"') + 1;
	end = strstr(target, "\"> from [");
	row = find_row(p->cues, dialogue, target, (size_t)(end - target));
	p->all++;
	if (row < p->cues->n_rows) {
		const struct cue_set s = row_cues(p->cues, row);

		speech_describe(p->q, &s, field(p->cues, row, "gender")[0] == 'F', &out);
		p->same += str_starts(said + 5, strbuf_str(&out));
	}
	strbuf_free(&out);
	return 0;
}

static void test_iemocap_gold(void **state)
{
	bool have;
	struct csv_table cues = open_table("cues/iemocap_audio_features.csv", &have);
	char *path = real_data("prompts/iemocap_True_False/test.jsonl");
	struct quantizer q;
	struct prompts p = { &cues, &q, 0, 0 };
	struct err err = { 0 };
	bool torn;

	(void)state;
	if (!have || !path) {
		csv_table_free(&cues);
		free(path);
		skip();
	}
	fit_iemocap(&q, &cues);
	json_lines(path, (size_t)1 << 26, &torn, check_prompt, &p, &err);
	CHECK_OK(&err);
	print_message("descriptions %d of %d\n", p.same, p.all);
	CHECK(p.all == 1623 && p.same == 1623);
	quantizer_free(&q);
	csv_table_free(&cues);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantiles),	   cmocka_unit_test(test_interpolation),
		cmocka_unit_test(test_small_groups),	   cmocka_unit_test(test_json),
		cmocka_unit_test(test_descending_refused), cmocka_unit_test(test_wording),
		cmocka_unit_test(test_meld_gold),	   cmocka_unit_test(test_iemocap_gold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

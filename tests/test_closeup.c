/* SPDX-License-Identifier: Apache-2.0
 * One clip looked at closely: the same numbers as among a corpus, its curves, its words; the
 * picture and the letters drawn of them; action units from good and broken files.
 */
#include "tests/clip.h"

#include "harness/base/json.h"
#include "harness/base/mem.h"
#include "harness/cue/action_units.h"
#include "harness/report/clip_plot.h"
#include "harness/run/closeup.h"
#include "harness/run/measure.h"

static struct media_ref whole(const char *path)
{
	return (struct media_ref){ .path = path, .end_ms = -1 };
}

/* ---- one clip ---- */

static void test_tracks(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "tone.mp4");
	struct media_ref ref = whole(path);
	struct speech_meter ear = { 0 };
	struct cue_set speech;
	struct err err = { 0 };
	struct closeup c;

	(void)state;
	write_clip(path, 24, RATE);
	closeup_take(&c, &ref, &err);
	CHECK_OK(&err);
	speech_measure(&ear, c.audio.pcm, c.audio.n, c.audio.rate, &speech, &err);
	CHECK_OK(&err);
	speech_meter_free(&ear);
	for (int i = 0; i < SPEECH_CUE_COUNT; i++)
		CHECK(speech.ok[i] == c.m.speech.ok[i] && speech.v[i] == c.m.speech.v[i]);
	CHECK_NEAR(pitch_at(&c.pitch, 1), TONE_HZ, 1);
	CHECK_NEAR(c.loud.db[c.loud.grid.n / 2], c.m.speech.v[CUE_INTENSITY], 0.5);
	assert_int_equal(c.pictures, 24);
	assert_int_equal(c.n_sight, 24);
	for (int i = 0; i < 24; i++) {
		CHECK_NEAR(c.sight[i].time_s, (double)i / FPS, 1e-3);
		CHECK(isnan(c.sight[i].motion) == (i == 0));
		CHECK(!c.sight[i].cut && c.sight[i].measured);
	}
	closeup_free(&c);
	free(path);
	scratch_remove(dir);
}

static void test_half_a_clip(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "tone.wav");
	struct media_ref ref = whole(path), none = whole("no such clip.mp4");
	struct utterance u = { .audio = ref };
	char status[STATUS_SIZE];
	struct err err = { 0 };
	struct closeup c;

	(void)state;
	write_clip(path, 24, RATE);
	closeup_take(&c, &ref, &err);
	CHECK_OK(&err);
	CHECK(c.m.speech.ok[CUE_PITCH] && !c.n_sight && !c.pictures);
	measured_status(&c.m, &u, status);
	assert_string_equal(status, "no-video");
	closeup_free(&c);
	closeup_take(&c, &none, &err);
	CHECK(c.m.error == ERR_MISSING);
	CHECK_ERR(&err, ERR_MISSING, "no such clip.mp4");
	measured_status(&c.m, &u, status);
	assert_string_equal(status, "missing");
	closeup_free(&c);
	free(path);
	scratch_remove(dir);
}

static void test_status_words(void **state)
{
	const struct utterance named = { .audio.path = "a.mp4" }, bare = { 0 };
	struct measured m = { 0 };
	char status[STATUS_SIZE];

	(void)state;
	measured_status(&m, &named, status);
	assert_string_equal(status, "ok");
	measured_status(&m, &bare, status);
	assert_string_equal(status, "no-clip");
	m.media_status = MEDIA_NO_AUDIO | MEDIA_NO_VIDEO | MEDIA_CUT | MEDIA_DAMAGED;
	measured_status(&m, &named, status);
	assert_string_equal(status, "no-audio+no-video+cut+damaged");
	m.error = ERR_FORMAT;
	measured_status(&m, &named, status);
	assert_string_equal(status, "not-media");
}

static void test_words(void **state)
{
	static const char json[] =
		"{\"groups\":[\"F\",\"M\"],"
		"\"speech\":{\"classes\":3,\"zero_missing\":true,\"groups\":2,\"cuts\":{"
		"\"duration\":[[1,2],[1,2],[1,2]],\"avg_intensity\":[[1,2],[1,2],[1,2]],"
		"\"intensity_variation\":[[1,2],[1,2],[1,2]],"
		"\"avg_pitch\":[[200,300],[100,150],[120,200]],"
		"\"pitch_std\":[[1,2],[1,2],[1,2]],\"pitch_range\":[[1,2],[1,2],[1,2]],"
		"\"articulation_rate\":[[1,2],[1,2],[1,2]],\"mean_hnr\":[[1,2],[1,2],[1,2]]}}}";
	struct closeup_words w;
	struct err err = { 0 };

	(void)state;
	closeup_words_parse(&w, "{", "w.json", "", &err);
	CHECK_ERR(&err, ERR_FORMAT, "w.json");
	closeup_words_free(&w);
	closeup_words_parse(&w, json, "w.json", "X", &err);
	CHECK_ERR(&err, ERR_ARG, "there are: F, M");
	closeup_words_free(&w);
	closeup_words_parse(&w, json, "w.json", "M", &err); /* no table of behaviour */
	assert_int_equal(w.group, 1);
	CHECK_ERR(&err, ERR_FORMAT, "w.json");
	closeup_words_free(&w);
}

/* ---- the picture ---- */

static void test_plot(void **state)
{
	char *dir = scratch_make(), *dat = path_join(dir, "clip.dat"),
	     *png = path_join(dir, "clip.png");
	const float pcm[] = { 0, 0.5F, -0.25F, 0 }, hz[] = { 0, 120 };
	const double db[] = { 60, 70 };
	const struct clip_sight sight[] = {
		{ 0, false, false, NAN, NAN, NAN, NAN, NAN },
		{ 0.5, true, true, 50, 40, 30, 2, 7 },
	};
	const char *const line[] = { "It's 100 % \"said\"." };
	struct clip_curves k = {
		"it's a_clip", 1, pcm,	4, 4, { 2, 0.1, 0.2 }, { 2, 0.1, 0.2 }, hz, db,
		sight,	       2, line, 1
	};
	struct err err = { 0 };
	bool missing;
	char *text;
	size_t len;

	(void)state;
	clip_plot(&k, dir, "clip", &missing, &err);
	CHECK_OK(&err);
	CHECK(missing || io_is_file(png));
	io_read_file(dat, 1 << 20, &text, &len, &err);
	CHECK_OK(&err);
	CHECK(strstr(text, "0.3\t120\n") && strstr(text, "0.1\tNaN\n")); /* unvoiced: a gap */
	CHECK(strstr(text, "0.5\t50\t40\t30\t2\t7\n"));
	free(text);
	k = (struct clip_curves){ .title = "nothing", .seconds = 1 };
	clip_plot(&k, dir, "nothing", &missing, &err);
	CHECK_OK(&err);
	free(png);
	free(dat);
	scratch_remove(dir);
}

/* ---- action units ---- */

static void put(const char *dir, const char *name, const char *text, char **path)
{
	struct err err = { 0 };

	*path = path_join(dir, name);
	io_write_atomic(*path, text, strlen(text), &err);
	CHECK_OK(&err);
}

static void must_fail(const char *dir, const char *name, const char *text, int code,
		      const char *said)
{
	struct action_units a;
	struct err err = { 0 };
	char *path;

	put(dir, name, text, &path);
	action_units_read(&a, path, "dia0_utt1", &err);
	CHECK_ERR(&err, code, said);
	CHECK(!a.used && isnan(a.peak_s));
	free(path);
}

static void test_openface(void **state)
{
	/* blanks as some versions write them; the second face and doubtful pictures do not count */
	static const char text[] = "frame, face_id, timestamp, confidence, success, AU01_r, "
				   "AU12_r, AU26_r, AU12_c, AU28_c\n"
				   "1, 0, 0.000, 0.98, 1, 0.00, 0.50, 0.19, 1, 0\n"
				   "2, 0, 0.040, 0.98, 1, 0.11, 2.50, 0.20, 1, 1\n"
				   "2, 1, 0.040, 0.98, 1, 5.00, 5.00, 5.00, 1, 1\n"
				   "3, 0, 0.080, 0.79, 1, 5.00, 5.00, 5.00, 1, 1\n"
				   "4, 0, 0.120, 0.98, 0, 5.00, 5.00, 5.00, 1, 1\n";
	static const char *const want[] = { "barely Inner Brow Raiser",
					    "strongly Lip Corner Puller", "slightly Jaw Drop",
					    "Lip Suck" };
	char *dir = scratch_make(), *path, phrase[ACTION_UNITS][ACTION_PHRASE_SIZE];
	struct strbuf said = { 0 };
	struct action_units a;
	struct err err = { 0 };

	(void)state;
	put(dir, "clip.csv", text, &path);
	action_units_read(&a, path, "", &err);
	CHECK_OK(&err);
	assert_int_equal(a.pictures, 5);
	assert_int_equal(a.used, 2);
	assert_int_equal(a.line, 3);
	CHECK_NEAR(a.peak_s, 0.04, 1e-12);
	assert_int_equal(action_units_phrases(&a, phrase), 4);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_string_equal(phrase[i], want[i]);
	action_units_describe(&a, &said);
	assert_string_equal(strbuf_str(&said), "Target face: mouth corners strongly raised, "
					       "lips sucked in, jaw slightly dropped.");
	strbuf_free(&said);
	free(path);
	put(dir, "doubt.csv", "confidence,AU01_r\n0.1,3\n", &path);
	action_units_read(&a, path, "", &err);
	CHECK_OK(&err);
	CHECK(a.pictures == 1 && !a.used && !action_units_describe(&a, &said));
	strbuf_free(&said);
	free(path);
	scratch_remove(dir);
}

static void test_broken_units(void **state)
{
	char *dir = scratch_make();

	(void)state;
	must_fail(dir, "a.csv", "frame,confidence\n1,1\n", ERR_FORMAT, "a.csv:1: no column");
	must_fail(dir, "b.csv", "frame,AU01_r\n1,0\n2,x\n", ERR_FORMAT, "b.csv:3: ");
	must_fail(dir, "c.csv", "frame,AU01_r\n1,5.1\n", ERR_FORMAT, "c.csv:2: ");
	must_fail(dir, "d.csv", "frame,AU01_r\n1,nan\n", ERR_FORMAT, "d.csv:2: ");
	must_fail(dir, "e.csv", "frame,AU01_r\n1\n", ERR_FORMAT, "e.csv:2: ");
	must_fail(dir, "f.csv", "face_id,AU01_r\n-1,1\n", ERR_FORMAT, "f.csv:2: ");
	must_fail(dir, "g.csv", "face_id,AU01_r\n900,1\n", ERR_FORMAT, "g.csv:2: ");
	must_fail(dir, "h.csv", "", ERR_FORMAT, "h.csv");
	must_fail(dir, "a.txt", "", ERR_ARG, "a.txt");
	must_fail(dir, "a.json", "{}", ERR_FORMAT, "a.json: not an array");
	must_fail(dir, "b.json", "[{\"video_id\":\"dia0_utt1", ERR_FORMAT, "b.json");
	must_fail(dir, "c.json", "[{\"a\":1}]", ERR_FORMAT, "c.json: entry 1: no 'video_id'");
	must_fail(dir, "d.json", "[{\"video_id\":\"dia0_utt10.mp4\"}]", ERR_MISSING, "dia0_utt1");
	must_fail(dir, "e.json", "[{\"video_id\":\"dia0_utt1.mp4\"}]", ERR_FORMAT, "entry 1");
	must_fail(dir, "f.json",
		  "[{\"video_id\":\"dia0_utt1\",\"raw_AU_values_at_peak\":{\"AU01\":\"x\"}}]",
		  ERR_FORMAT, "entry 1: AU01 is no intensity");
	scratch_remove(dir);
}

/* Every clip's phrases are those that were published with its values. */
static void test_published_phrases(void **state)
{
	char *path = real_data("meld/behaviour/test_behaviour_descriptions.json");
	char phrase[ACTION_UNITS][ACTION_PHRASE_SIZE];
	struct err err = { 0 };
	struct json *root;
	int clips = 0;

	(void)state;
	if (!path)
		return;
	root = json_read_file(path, 64 << 20, &err);
	CHECK_OK(&err);
	for (const struct json *v = json_at(root, 0); v; v = json_next(v), clips++) {
		const struct json *want = json_get(v, "visual_expression_description");
		struct action_units a;
		int n;

		action_units_read(&a, path, json_str(json_get(v, "video_id"), ""), &err);
		CHECK_OK(&err);
		n = action_units_phrases(&a, phrase);
		assert_int_equal(n, json_size(want));
		for (int i = 0; i < n; i++)
			assert_string_equal(phrase[i], json_str(json_at(want, i), ""));
	}
	assert_int_equal(clips, 191);
	json_free(root);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tracks),	     cmocka_unit_test(test_half_a_clip),
		cmocka_unit_test(test_status_words), cmocka_unit_test(test_words),
		cmocka_unit_test(test_plot),	     cmocka_unit_test(test_openface),
		cmocka_unit_test(test_broken_units), cmocka_unit_test(test_published_phrases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

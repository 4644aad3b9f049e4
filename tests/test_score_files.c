/* SPDX-License-Identifier: Apache-2.0
 * Recorded predictions: what is read from foreign files.
 */
#include "tests/score_world.h"

#include "harness/base/mem.h"
#include "harness/score/recorded_parts.h"

static void check_field(const struct world *w, size_t row, enum recorded_field f, const char *want)
{
	const char *got = row < w->r.n ? w->r.row[row].field[f] : "(no row)";

	if ((got && want) ? strcmp(got, want) != 0 : got != want)
		fail_msg("row %zu: %s is '%s', wanted '%s'", row, recorded_field_name[f],
			 got ? got : "(null)", want ? want : "(null)");
}

static void test_read_lines(void **state)
{
	struct world w;
	struct err err = { 0 };

	(void)state;
	world_make(&w, world_csv, NULL, NULL);
	read_text(&w,
		  "\xef\xbb\xbf{\"id\": \"dia0_utt0\", \"output\": \"joy\", \"Emotion\": \"joy\"}\n"
		  "\n"
		  "{\"id\": \"dia0_utt1\", \"output\": \"jo\n"
		  "{\"id\": 7, \"output\": null, \"finish_reason\": \"length\", \"x\": [1]}\n"
		  "{\"id\": \"a\", \"output\": \"b\", \"reply\": \"c\"}\n"
		  "[1]\n"
		  "{\"id\": \"dia0_utt2\", \"scores\": [0.5, 1], \"label\": \"joy\", \"gold\": "
		  "\"joy\"}\n"
		  "{\"id\": \"torn",
		  "auto", NULL, &err);
	CHECK_OK(&err);
	assert_string_equal(w.r.format, "lines");
	CHECK(w.r.n == 3 && w.r.row[0].line == 1 && w.r.row[1].line == 4 && w.r.row[2].line == 7);
	check_field(&w, 0, FIELD_GOLD, "joy");
	check_field(&w, 1, FIELD_ID, "7");
	check_field(&w, 1, FIELD_REPLY, NULL);
	check_field(&w, 1, FIELD_FINISH, "length");
	CHECK(w.r.row[2].by_scores && !w.r.row[0].by_scores);
	CHECK(w.notes.n == 4 && w.notes.count[NOTE_UNREADABLE] == 4);
	CHECK(w.notes.note[0].line == 3 && w.notes.note[1].line == 5);
	CHECK(strstr(w.notes.note[1].text, "--columns reply=NAME"));
	CHECK(w.notes.note[2].line == 6 && w.notes.note[3].line == 8);
	world_free(&w);
}

static void test_read_results(void **state)
{
	struct world w;
	struct err err = { 0 };

	(void)state;
	world_make(&w, world_csv, NULL, NULL);
	read_text(&w,
		  "{\"Acc_SA\": 50.0, \"F1_SA\": 41.667, \"mode\": \"test\"}\n"
		  "              precision    recall  f1-score   support\n\n"
		  "     neutral   0.500000  1.000000  0.666667         4\n"
		  "      joyful   0.250000  0.125000  0.166667         2\n\n"
		  "    accuracy                       0.500000         6\n"
		  "weighted avg   0.100000  0.200000  0.300000         6\n\n"
		  "confuse_case:[334, 936] \n\n"
		  "[\n"
		  "     {\n          \"index\": 0,\n"
		  "          \"input\": \"Now '### ###' speakers. ### \\t Speaker_0:\\\"Hi.\\\"\\t "
		  "Speaker_1:\\\"a \\\"b\\\" c\\\" (high) ### For Speaker_1\",\n"
		  "          \"output\": \"joyful\",\n          \"target\": \"joyful\"\n     },\n"
		  "     {\n          \"output\": \"x\" \"target\": 1\n     },\n"
		  "     {\"index\": 2, \"input\": \"no turns\", \"output\": \"sad\"}\n"
		  "]\n",
		  "auto", NULL, &err);
	CHECK_OK(&err);
	assert_string_equal(w.r.format, "results");
	CHECK_NEAR(w.r.score.accuracy, 0.5, 1e-12);
	CHECK_NEAR(w.r.score.weighted_f1, 0.41667, 1e-12);
	CHECK(w.r.score.n_cls == 2);
	assert_string_equal(w.r.score.cls[1].name, "joyful");
	CHECK_NEAR(w.r.score.cls[1].f1, 0.166667, 1e-12);
	CHECK(w.r.n == 2 && w.r.row[0].line == 13 && w.r.row[1].line == 22);
	CHECK(w.r.row[0].has_history && w.r.row[0].n_history == 1);
	assert_string_equal(w.r.row[0].history[0], "Hi.");
	assert_string_equal(w.r.row[0].text, "a \"b\" c");
	CHECK(!w.r.row[1].text);
	CHECK(w.notes.n == 1 && w.notes.note[0].line == 19);
	read_text(&w, "[{\"output\": \"joy\"}, {\"output\": \"fear\"}", "auto", NULL, &err);
	CHECK_OK(&err);
	assert_string_equal(w.r.format, "array");
	CHECK(w.r.n == 2 && w.notes.n == 1 && strstr(w.notes.note[0].text, "cut short"));
	read_text(&w, "{\"Acc_SA\": 1}\nreport\n", "results", NULL, &err);
	CHECK_ERR(&err, ERR_FORMAT, "no list of answers");
	world_free(&w);
}

static void test_read_table(void **state)
{
	struct world w;
	struct err err = { 0 };

	(void)state;
	world_make(&w, world_csv, NULL, NULL);
	read_text(&w,
		  "\xef\xbb\xbfUtterance_ID,Dialogue_ID,Utterance,Emotion,Predicted_Emotion\n"
		  "1,0,\"Hello, \"\"there\"\"\",joy,\n2,0,\"two\nlines\",fear,Joy\n",
		  "auto", NULL, &err);
	CHECK_OK(&err);
	assert_string_equal(w.r.format, "csv");
	CHECK(w.r.n == 2 && w.r.row[1].line == 3);
	check_field(&w, 0, FIELD_TURN, "1");
	check_field(&w, 0, FIELD_TEXT, "Hello, \"there\"");
	check_field(&w, 0, FIELD_REPLY, "");
	check_field(&w, 1, FIELD_REPLY, "Joy");
	read_text(&w, "id\tlabel\tprediction\nx\tjoy\tfear\n", "auto", NULL, &err);
	CHECK_OK(&err);
	assert_string_equal(w.r.format, "tsv");
	check_field(&w, 0, FIELD_GOLD, "joy");
	check_field(&w, 0, FIELD_REPLY, "fear");
	read_text(&w, "id,label\nx,joy\n", "auto", NULL, &err);
	CHECK_ERR(&err, ERR_FORMAT, "true label or the answer");
	read_text(&w, "id,label\nx,joy\n", "auto", "reply=label", &err);
	CHECK_OK(&err);
	check_field(&w, 0, FIELD_REPLY, "joy");
	read_text(&w, "id,mood\nx,joy\n", "auto", NULL, &err);
	CHECK_ERR(&err, ERR_FORMAT, "--columns reply=NAME");
	read_text(&w, "id,mood\nx,joy\n", "auto", "reply=mod", &err);
	CHECK_ERR(&err, ERR_FORMAT, "column 'mod' is missing");
	read_text(&w, "id,mood\nx,joy\n", "auto", "answer=mood", &err);
	CHECK_ERR(&err, ERR_ARG, "MEANING=NAME");
	read_text(&w, "id,prediction\nx\n", "auto", NULL, &err);
	CHECK_ERR(&err, ERR_FORMAT, ":2: 1 fields");
	read_text(&w, "", "auto", NULL, &err);
	CHECK_ERR(&err, ERR_FORMAT, "empty file");
	read_text(&w, "id,prediction\n", "auto", NULL, &err);
	CHECK_ERR(&err, ERR_DATA, "no answer");
	world_free(&w);
}

static void test_turns(void **state)
{
	static const char prompt[] =
		"Now ### \t Speaker_0:\"an example\" ### joyful. between '### ###' ### "
		"\t Speaker_0:\"one\"\tSpeaker_12: \"two \"x\"\" (low pitch)\t Speaker_0:three ### "
		"Select < Speaker_0:\"three\">";
	const char *const *turn;
	struct arena mem = { 0 };

	(void)state;
	CHECK(prompt_turns(prompt, &mem, &turn) == 3);
	assert_string_equal(turn[0], "one");
	assert_string_equal(turn[1], "two \"x\"");
	assert_string_equal(turn[2], "three");
	CHECK(prompt_turns("no turn ### here ###", &mem, &turn) == 0);
	CHECK(prompt_turns("### \t Speaker_x:\"a\" ###", &mem, &turn) == 0);
	CHECK(prompt_turns("### \t Speaker_1:\" ###", &mem, &turn) == 1);
	assert_string_equal(turn[0], "");
	CHECK(prompt_turns("### \t Speaker_1:\"a\"", &mem, &turn) == 0);
	arena_free(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_lines),
		cmocka_unit_test(test_read_results),
		cmocka_unit_test(test_read_table),
		cmocka_unit_test(test_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}

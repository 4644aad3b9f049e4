/* SPDX-License-Identifier: Apache-2.0
 * Recorded predictions: which utterance a row belongs to, what becomes of every sample, and what
 * comes out.
 */
#include "tests/score_world.h"

#include "harness/base/json.h"
#include "harness/base/mem.h"
#include "harness/report/results.h"
#include "harness/run/bank.h"
#include "harness/score/folder.h"
#include "harness/score/scored_print.h"

static int score(struct world *w, enum extract_rule rule, enum match_way way, const char *exclude,
		 struct err *err)
{
	const struct match_request rq = {
		.corpus = &w->corpus, .gold = &w->gold, .split = SPLIT_TEST, .way = way
	};
	const struct score_options o = {
		.rule = rule, .exclude = exclude, .replicates = 200, .threads = 1
	};

	return score_recorded(&w->s, &w->r, &rq, &o, &w->notes, err);
}

static int read_and_score(struct world *w, const char *text, enum extract_rule rule,
			  struct err *err)
{
	return read_text(w, text, "auto", NULL, err) ? err->code
						     : score(w, rule, MATCH_AUTO, NULL, err);
}

static const struct note *note_of(const struct world *w, enum note_kind kind)
{
	for (size_t i = 0; i < w->notes.n; i++)
		if (w->notes.note[i].kind == kind)
			return &w->notes.note[i];
	return NULL;
}

/* --- matching -------------------------------------------------------------------------------- */

static void check_sample(const struct world *w, const char *id, long line, const char *label,
			 enum answer_status status, const char *cause)
{
	const int utt = corpus_find(&w->corpus, id, SPLIT_TEST);
	const struct scored_sample *p = NULL;

	for (int i = 0; i < w->s.n; i++)
		if (w->s.sample[i].utt == utt)
			p = &w->s.sample[i];
	CHECK(p != NULL);
	if ((p->row < 0 ? 0 : w->r.row[p->row].line) != line || p->status != status ||
	    strcmp(p->cause, cause) != 0 ||
	    strcmp(p->label < 0 ? "" : w->corpus.labels->word[p->label], label) != 0)
		fail_msg("%s: line %ld, label %d, %s (%s)", id,
			 p->row < 0 ? 0L : w->r.row[p->row].line, p->label,
			 answer_status_name[p->status], p->cause);
}

static void test_match_ids(void **state)
{
	struct world w;
	struct err err = { 0 };

	(void)state;
	world_make(&w, world_csv, NULL, NULL);
	read_and_score(&w,
		       "Dialogue_ID,Utterance_ID,Utterance,gold,split,prediction\n"
		       "0,0,hi,neutral,test,neutral\n" /* punctuation and case may differ */
		       "1,3,No.,joy,test,joy\n"	       /* another true label */
		       "0,1,Something else,joy,test,joy\n"
		       "1,0,Hi.,joy,,fear\n"
		       "1,0,Hi.,joy,test,fear\n" /* again */
		       "0,2,Hi.,neutral,dev,fear\n"
		       "9,9,Hi.,neutral,test,fear\n",
		       EXTRACT_STRICT, &err);
	CHECK_OK(&err);
	check_sample(&w, "dia0_utt0", 2, "neutral", ANSWER_OK, "whole");
	check_sample(&w, "dia1_utt3", 3, "joy", ANSWER_OK, "whole");
	check_sample(&w, "dia0_utt1", 4, "joy", ANSWER_OK, "whole");
	check_sample(&w, "dia1_utt0", 5, "fear", ANSWER_OK, "whole");
	check_sample(&w, "dia0_utt2", 0, "", ANSWER_BACKEND_FAIL, "no-row");
	CHECK(w.s.match.by_id == 5);
	CHECK(w.notes.count[NOTE_GOLD] == 1 && note_of(&w, NOTE_GOLD)->line == 3);
	CHECK(w.notes.count[NOTE_TEXT] == 1 && note_of(&w, NOTE_TEXT)->line == 4);
	CHECK(w.notes.count[NOTE_REPEATED] == 1 && note_of(&w, NOTE_REPEATED)->line == 6);
	CHECK(w.notes.count[NOTE_OUTSIDE] == 1 && note_of(&w, NOTE_OUTSIDE)->line == 7);
	CHECK(w.notes.count[NOTE_UNMATCHED] == 1 && note_of(&w, NOTE_UNMATCHED)->line == 8);
	CHECK(w.notes.count[NOTE_MISSING] == 4 && scored_failures(&w.s) == 4);
	read_and_score(&w, "id,prediction\ndia0_utt0,joy\nclips/dia0_utt0.mp4,fear\n",
		       EXTRACT_STRICT, &err);
	CHECK_ERR(&err, ERR_DATA, ":3: a second, different answer for dia0_utt0");
	read_and_score(&w,
		       "id,text,prediction\ndia0_utt0,Who?,joy\ndia0_utt1,Me?,fear\n"
		       "dia0_utt2,Hi.,fear\n",
		       EXTRACT_STRICT, &err);
	CHECK_ERR(&err, ERR_DATA, "another split or corpus");
	read_and_score(&w, "number,prediction\n1,joy\n", EXTRACT_STRICT, &err);
	CHECK_ERR(&err, ERR_DATA, "--match order");
	world_free(&w);
}

/* Texts alone: "Hi." three times, told apart by what came before. */
static void test_match_text(void **state)
{
	struct world w;
	struct err err = { 0 };

	(void)state;
	world_make(&w, world_csv, NULL, NULL);
	read_and_score(
		&w,
		"{\"text\": \"Hi.\", \"history\": [\"Hi.\", \"Hello there!\"], \"output\": "
		"\"joy\"}\n"
		"{\"text\": \"You lie, 'Bob'.\", \"history\": [\"Hi.\"], \"output\": \"fear\"}\n"
		"{\"text\": \"hi\", \"history\": [], \"target\": \"joy\", \"output\": "
		"\"anger\"}\n"
		"{\"text\": \"Hi.\", \"history\": [], \"target\": \"neutral\", \"output\": "
		"\"sadness\"}\n"
		"{\"text\": \"No.\", \"history\": [\"Hello there!\"], \"output\": \"fear\"}\n"
		"{\"text\": \"No.\", \"history\": [\"You lie, Bob\"], \"output\": \"joy\"}\n"
		"{\"text\": \"Go.\", \"history\": [\"Go.\"], \"output\": \"joy\"}\n"
		"{\"text\": \"Go.\", \"history\": [], \"output\": \"surprise\"}\n",
		EXTRACT_STRICT, &err);
	CHECK_OK(&err);
	check_sample(&w, "dia0_utt2", 1, "joy", ANSWER_OK, "whole");
	check_sample(&w, "dia1_utt1", 2, "fear", ANSWER_OK, "whole");
	check_sample(&w, "dia1_utt0", 3, "anger", ANSWER_OK, "whole");
	check_sample(&w, "dia0_utt0", 4, "sadness", ANSWER_OK, "whole");
	check_sample(&w, "dia1_utt3", 6, "joy", ANSWER_OK, "whole");
	check_sample(&w, "dia2_utt1", 7, "joy", ANSWER_OK, "whole");
	check_sample(&w, "dia2_utt0", 8, "surprise", ANSWER_OK, "whole");
	check_sample(&w, "dia0_utt1", 0, "", ANSWER_BACKEND_FAIL, "no-row");
	CHECK(w.s.match.by_text == 5 && w.s.match.chosen == 2 &&
	      w.notes.count[NOTE_UNMATCHED] == 1);
	CHECK(w.notes.count[NOTE_AMBIGUOUS] == 2 && note_of(&w, NOTE_AMBIGUOUS)->line == 3);
	/* nothing tells the two apart: as many rows as utterances of one true label */
	read_and_score(&w, "text,prediction\nGo.,joy\nHello there!,joy\nGo.,fear\nHi.,anger\n",
		       EXTRACT_STRICT, &err);
	CHECK_OK(&err);
	check_sample(&w, "dia2_utt0", 2, "joy", ANSWER_OK, "whole");
	check_sample(&w, "dia2_utt1", 4, "fear", ANSWER_OK, "whole");
	/* the row above was the utterance before */
	check_sample(&w, "dia0_utt1", 3, "joy", ANSWER_OK, "whole");
	CHECK(w.notes.count[NOTE_AMBIGUOUS] == 3 && w.s.match.chosen == 2);
	CHECK(strstr(w.notes.note[2].text, "fits 3 utterances; left out"));
	read_and_score(&w, "text,prediction\nHi.,joy\nHello there!,fear\nHi.,anger\n",
		       EXTRACT_STRICT, &err);
	CHECK_OK(&err);
	check_sample(&w, "dia0_utt0", 2, "joy", ANSWER_OK, "whole");
	check_sample(&w, "dia0_utt2", 4, "anger", ANSWER_OK, "whole");
	world_free(&w);
}

/* A complete file of forty rows of which one or two have lost their texts: they are what is left.
 * Three are too many, and a row with another true label is none of it. */
static void test_match_rest(void **state)
{
	struct strbuf csv = { 0 }, file = { 0 };
	struct world w;
	struct err err = { 0 };

	(void)state;
	strbuf_add(&csv, HEADER);
	for (int i = 0; i < 40; i++)
		strbuf_addf(&csv,
			    "1,t%d,Ann,%s,neutral,%d,%d,1,1,\"00:00:01,000\",\"00:00:02,000\"\n", i,
			    i % 2 ? "joy" : "fear", i / 8, i);
	world_make(&w, strbuf_str(&csv), NULL, NULL);
	for (int lost = 1; lost < 5; lost++) {
		strbuf_reset(&file);
		strbuf_add(&file, "text,gold,prediction\n");
		for (int i = 0; i < 40; i++)
			strbuf_addf(&file, "%s%d,%s,joy\n",
				    i == 7 || (lost == 2 && i == 8) ||
						    (lost == 3 && (i == 9 || i == 10))
					    ? "garbled"
					    : "t",
				    i, (i % 2) ^ (lost == 4 && i == 7) ? "joy" : "fear");
		read_and_score(&w, strbuf_str(&file), EXTRACT_STRICT, &err);
		CHECK_OK(&err);
		if (lost < 3) {
			check_sample(&w, "dia0_utt7", 9, "joy", ANSWER_OK, "whole");
			CHECK(w.s.match.by_text == 40 - lost && w.s.match.chosen == lost &&
			      w.notes.count[NOTE_AMBIGUOUS] == lost &&
			      w.notes.count[NOTE_TEXT] == lost);
			CHECK(note_of(&w, NOTE_AMBIGUOUS)->line == 9);
		} else {
			check_sample(&w, "dia0_utt7", 0, "", ANSWER_BACKEND_FAIL, "no-row");
		}
	}
	strbuf_free(&csv);
	strbuf_free(&file);
	world_free(&w);
}

static void test_match_order(void **state)
{
	struct world w;
	struct err err = { 0 };

	(void)state;
	world_make(&w, world_csv, NULL, NULL);
	read_text(&w, "prediction\njoy\njoy\njoy\njoy\nfear\njoy\njoy\nanger\n", "auto", NULL,
		  &err);
	score(&w, EXTRACT_STRICT, MATCH_ORDER, NULL, &err);
	CHECK_OK(&err);
	check_sample(&w, "dia1_utt1", 6, "fear", ANSWER_OK, "whole");
	check_sample(&w, "dia2_utt1", 9, "anger", ANSWER_OK, "whole");
	read_text(&w, "prediction\njoy\njoy\n", "auto", NULL, &err);
	score(&w, EXTRACT_STRICT, MATCH_ORDER, NULL, &err);
	CHECK_ERR(&err, ERR_DATA, "2 rows that can be read, 0 that cannot, for 8 utterances");
	world_free(&w);
}

/* --- accounting ------------------------------------------------------------------------------ */

static void test_states(void **state)
{
	struct world w;
	struct err err = { 0 };
	char *exclude;

	(void)state;
	world_make(&w, world_csv, NULL, NULL);
	put_file(w.dir, "out.txt", "# manifest\n\ndia2_utt0 clip is \"broken\"\r\n");
	exclude = path_join(w.dir, "out.txt");
	read_text(
		&w,
		"{\"id\": \"dia0_utt0\", \"status\": \"ok\", \"label\": \"neutral\", \"raw\": null,"
		"\"scores\": [1, 2]}\n"
		"{\"id\": \"dia0_utt1\", \"status\": \"ok\", \"label\": \"joy\", \"raw\": \"He "
		"smiles, "
		"no anger\", \"scores\": [1]}\n"
		"{\"id\": \"dia0_utt2\", \"status\": \"decode_fail\", \"label\": null}\n"
		"{\"id\": \"dia1_utt0\", \"raw\": \"\", \"finish_reason\": \"length\"}\n"
		"{\"id\": \"dia1_utt1\", \"raw\": \"Failed to obtain answer\"}\n"
		"{\"id\": \"dia1_utt3\", \"raw\": \"joy\", \"error\": \"timeout\"}\n"
		"{\"id\": \"dia2_utt0\", \"raw\": \"neutral\"}\n"
		"{\"id\": \"dia2_utt1\", \"raw\": null}\n",
		"auto", NULL, &err);
	score(&w, EXTRACT_FLEXIBLE, MATCH_AUTO, exclude, &err);
	CHECK_OK(&err);
	check_sample(&w, "dia0_utt0", 1, "neutral", ANSWER_OK, "given");
	check_sample(&w, "dia0_utt1", 2, "joy", ANSWER_OK, "given");
	check_sample(&w, "dia0_utt2", 3, "", ANSWER_DECODE_FAIL, "recorded");
	check_sample(&w, "dia1_utt0", 4, "", ANSWER_PARSE_FAIL, "length");
	check_sample(&w, "dia1_utt1", 5, "", ANSWER_BACKEND_FAIL, "error-message");
	check_sample(&w, "dia1_utt3", 6, "", ANSWER_BACKEND_FAIL, "error");
	check_sample(&w, "dia2_utt0", 7, "", ANSWER_EXCLUDED, "clip is \"broken\"");
	check_sample(&w, "dia2_utt1", 8, "", ANSWER_BACKEND_FAIL, "no-reply");
	CHECK(w.s.count[ANSWER_OK] == 2 && w.s.count[ANSWER_PARSE_FAIL] == 1 &&
	      w.s.count[ANSWER_DECODE_FAIL] == 1 && w.s.count[ANSWER_BACKEND_FAIL] == 3 &&
	      w.s.count[ANSWER_EXCLUDED] == 1 && scored_failures(&w.s) == 4);
	CHECK(w.s.all.n == 7 && w.s.all.answered == 2 && w.s.answered.n == 2);
	CHECK_NEAR(w.s.all.accuracy, 2.0 / 7, 1e-15);
	CHECK_NEAR(w.s.answered.accuracy, 1, 0);
	CHECK(isnan(w.s.differs) && !w.s.reproduced);
	put_file(w.dir, "out.txt", "dia2_utt0\n");
	read_text(&w, "id,prediction\ndia0_utt0,joy\n", "auto", NULL, &err);
	score(&w, EXTRACT_STRICT, MATCH_AUTO, exclude, &err);
	CHECK_ERR(&err, ERR_FORMAT, "out.txt:1: dia2_utt0 has no reason");
	free(exclude);
	world_free(&w);
}

/* The example of the definitions: rows a 3 1 0 |1, b 1 2 0 |0, c 1 0 1 |0, last: no answer. */
static void test_example(void **state)
{
	static const char *const gold[] = { "neutral",	"neutral",  "neutral",	"neutral",
					    "neutral",	"positive", "positive", "positive",
					    "negative", "negative" };
	static const char *const said[] = { "neutral", "neutral", "neutral",  "positive",
					    "?",       "neutral", "positive", "positive",
					    "neutral", "negative" };
	struct strbuf csv = { 0 }, file = { 0 };
	struct world w;
	struct err err = { 0 };

	(void)state;
	strbuf_add(&csv, HEADER);
	strbuf_add(&file, "Dialogue_ID,Utterance_ID,prediction\n");
	for (int i = 0; i < 10; i++) {
		strbuf_addf(&csv, "1,t%d,Ann,fear,%s,%d,%d,1,1,\"00:00:01,000\",\"00:00:02,000\"\n",
			    i, gold[i], i / 4, i);
		strbuf_addf(&file, "%d,%d,%s\n", i / 4, i, said[i]);
	}
	world_make(&w, strbuf_str(&csv), "labels", "sentiment");
	read_and_score(&w, strbuf_str(&file), EXTRACT_STRICT, &err);
	CHECK_OK(&err);
	CHECK_NEAR(w.s.all.accuracy, 0.6, 1e-15);
	CHECK_NEAR(w.s.all.cls[0].f1, 0.6, 1e-15);
	CHECK_NEAR(w.s.all.cls[1].f1, 2.0 / 3, 1e-15);
	CHECK_NEAR(w.s.all.cls[2].f1, 2.0 / 3, 1e-15);
	CHECK_NEAR(w.s.all.macro_f1, 0.644444, 5e-7);
	CHECK_NEAR(w.s.all.weighted_f1, 0.633333, 5e-7);
	CHECK_NEAR(w.s.all.uar, 0.588889, 5e-7);
	CHECK_NEAR(w.s.answered.accuracy, 2.0 / 3, 1e-15);
	CHECK_NEAR(w.s.answered.macro_f1, 2.0 / 3, 1e-15);
	CHECK_NEAR(w.s.answered.weighted_f1, 2.0 / 3, 1e-15);
	CHECK_NEAR(w.s.answered.uar, 0.638889, 5e-7);
	CHECK(w.s.confusion.count[0][3] == 1 && w.s.confusion.count[0][1] == 1);
	CHECK(w.s.interval.groups == 3);
	strbuf_free(&csv);
	strbuf_free(&file);
	world_free(&w);
}

/* A result text on MELD speaks of joyful, sad, angry: decoder A must look for those. */
static void test_words(void **state)
{
	static const char file[] =
		"id,target,output\ndia0_utt0,neutral,sadly\ndia0_utt1,joyful,joyful\n"
		"dia0_utt2,neutral,joy\ndia1_utt0,joyful,happy\n";
	struct world w;
	struct err err = { 0 };

	(void)state;
	world_make(&w, world_csv, NULL, NULL);
	read_and_score(&w, file, EXTRACT_A, &err);
	CHECK_OK(&err);
	CHECK(w.s.words == WORDS_PROMPT);
	check_sample(&w, "dia0_utt0", 2, "sadness", ANSWER_OK, "span");
	check_sample(&w, "dia0_utt1", 3, "joy", ANSWER_OK, "span");
	/* three steps to sad, which comes first, and to joyful */
	check_sample(&w, "dia0_utt2", 4, "sadness", ANSWER_OK, "edit");
	check_sample(&w, "dia1_utt0", 5, "sadness", ANSWER_OK, "edit");
	CHECK(w.notes.count[NOTE_GOLD] == 0);
	read_and_score(&w, file, EXTRACT_STRICT, &err);
	check_sample(&w, "dia0_utt2", 4, "", ANSWER_PARSE_FAIL, "no-label");
	read_and_score(&w, file, EXTRACT_FLEXIBLE, &err);
	check_sample(&w, "dia0_utt2", 4, "joy", ANSWER_OK, "whole");
	world_free(&w);
}

/* --- what comes out --------------------------------------------------------------------------- */

static void test_folder(void **state)
{
	static const char file[] = "id,prediction\ndia0_utt0,neutral\ndia0_utt1,joy\ndia0_utt2,?\n"
				   "dia1_utt0,joy\ndia1_utt1,fear\n";
	const struct bank_options bo = { .threads = 1 };
	struct folder_options o = { .selection = "best-on-test",
				    .seed = 7,
				    .threads = 1,
				    .started = "2023-11-14T22:13:20Z" };
	struct bank bank;
	struct result again;
	struct world w;
	struct err err = { 0 };
	char *dir;

	(void)state;
	world_make(&w, world_csv, NULL, NULL);
	read_and_score(&w, file, EXTRACT_STRICT, &err);
	bank_build(&bank, &w.corpus, &w.gold, &bo, &err);
	CHECK_OK(&err);
	dir = path_join(w.dir, "runs/remote/");
	o.dir = dir;
	score_folder(&w.s, &bank, &w.notes, &o, &err);
	CHECK_OK(&err);
	score_folder(&w.s, &bank, &w.notes, &o, &err);
	CHECK_ERR(&err, ERR_ARG, "is there already");
	o.again = true;
	score_folder(&w.s, &bank, &w.notes, &o, &err);
	CHECK_OK(&err);
	dir[strlen(dir) - 1] = '\0';
	result_load(&again, dir, &err);
	CHECK_OK(&err);
	CHECK(again.complete && again.n == 8 && again.seed == 7);
	assert_string_equal(again.system, "remote");
	assert_string_equal(again.selection, "best-on-test");
	assert_string_equal(again.corpus_hash, bank.content);
	CHECK_NEAR(again.scores.weighted_f1, w.s.all.weighted_f1, 1e-15);
	CHECK(again.pred[2].status == ANSWER_PARSE_FAIL &&
	      again.pred[5].status == ANSWER_BACKEND_FAIL);
	result_free(&again);
	bank_free(&bank);
	free(dir);
	world_free(&w);
}

static void test_json(void **state)
{
	struct world w;
	struct strbuf out = { 0 };
	struct err err = { 0 };
	struct json *v;

	(void)state;
	world_make(&w, world_csv, NULL, NULL);
	read_and_score(&w, "id,prediction\ndia0_utt0,neutral\ndia0_utt1,joy\ndia0_utt2,joy\n",
		       EXTRACT_STRICT, &err);
	scored_json(&w.s, &w.notes, "none", &out);
	v = json_parse(strbuf_str(&out), out.len, "score", &err);
	CHECK_OK(&err);
	CHECK(json_num(json_get(v, "n"), -1) == 8);
	CHECK_NEAR(json_num(json_get(v, "accuracy"), -1), 0.25, 0);
	CHECK_NEAR(json_num(json_get(v, "coverage"), -1), 0.375, 0);
	assert_string_equal(json_str(json_get(v, "decoder"), ""), "strict");
	assert_string_equal(json_str(json_get(v, "selection"), ""), "none");
	CHECK_NEAR(json_num(json_get(json_get(json_get(v, "per_class"), "neutral"), "f1"), -1), 0.4,
		   1e-15);
	CHECK(json_num(json_get(json_get(v, "counts"), "backend_fail"), -1) == 5);
	CHECK(json_num(json_get(json_get(json_get(v, "causes"), "backend_fail"), "no-row"), -1) ==
	      5);
	CHECK(json_size(json_get(json_get(v, "confusion"), "counts")) == 7);
	CHECK(json_size(json_get(v, "undefined")) == 5);
	CHECK(json_type(json_get(v, "recorded")) == JSON_NULL);
	CHECK_NEAR(json_num(json_get(json_get(v, "answered_only"), "accuracy"), -1), 2.0 / 3,
		   1e-15);
	CHECK(json_size(json_get(v, "notes")) == 5);
	json_free(v);
	strbuf_reset(&out);
	scored_csv(&w.s, &out);
	CHECK(strstr(out.s, "\naccuracy,,0.25\n") && strstr(out.s, "\nbackend_fail,no-row,5\n"));
	strbuf_reset(&out);
	scored_text(&w.s, "none", &out);
	CHECK(strstr(out.s, "decoder strict") && strstr(out.s, "coverage 37.50 %"));
	strbuf_reset(&out);
	scored_markdown(&w.s, "none", &out);
	CHECK(strstr(out.s, "| neutral | 50.00 | 33.33 | 40.00 | 3 |") == NULL);
	CHECK(strstr(out.s, "| accuracy | 25.00 | 66.67 |"));
	strbuf_free(&out);
	world_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match_ids),  cmocka_unit_test(test_match_text),
		cmocka_unit_test(test_match_rest), cmocka_unit_test(test_match_order),
		cmocka_unit_test(test_states),	   cmocka_unit_test(test_example),
		cmocka_unit_test(test_words),	   cmocka_unit_test(test_folder),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}

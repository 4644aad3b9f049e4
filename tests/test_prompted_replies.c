/* SPDX-License-Identifier: Apache-2.0
 * Systems that ask a served model: what is sent beside the prompt, replies of each mode, examples
 * from the train split.
 */
#include "tests/prompted_bench.h"

static void test_sampling(void **state)
{
	struct ask_sampling s;
	struct bench b;

	(void)state;
	bench_new(&b, "", TEXT, 0);
	s = ask_of(&b, 0).sampling;
	CHECK(s.max_tokens == 16 && s.seed == 1234);
	CHECK_NEAR(s.temperature + s.top_p, 1, 0);
	bench_close(&b);
	bench_new(&b, "template=omnivox-acoustic", TEXT, 0);
	CHECK(ask_of(&b, 0).sampling.max_tokens == 512);
	bench_close(&b);
	bench_new(&b,
		  "temperature=0.5;top_p=0.25;presence_penalty=-1;frequency_penalty=2;"
		  "sampling_seed=-1;max_tokens=77;template=omnivox-cot",
		  TEXT, 0);
	s = ask_of(&b, 0).sampling;
	CHECK(s.max_tokens == 77 && s.seed == 1);
	CHECK_NEAR(s.temperature, 0.5, 0);
	CHECK_NEAR(s.top_p, 0.25, 0);
	CHECK_NEAR(s.presence_penalty, -1, 0);
	CHECK_NEAR(s.frequency_penalty, 2, 0);
	bench_close(&b);
}

/* --- replies --- */

static struct answer read_reply(struct bench *b, const struct reply *r)
{
	struct err err = { 0 };
	struct answer a;

	b->m->read(b->state, &b->view, 3, r, &a, &err);
	CHECK_OK(&err);
	CHECK(a.cause && *a.cause && (a.status == ANSWER_OK) == (a.label >= 0));
	for (int j = 0; j < labels_meld7.n; j++)
		CHECK(isfinite(a.score[j]) && (a.label < 0 || a.score[j] <= a.score[a.label]));
	return a;
}

static void check_text(const char *set, unsigned see, const char *text, const char *finish,
		       const char *label, const char *cause)
{
	const struct reply r = { .text = text, .finish_reason = finish };
	struct answer a;
	struct bench b;

	bench_new(&b, set, see, 2);
	a = read_reply(&b, &r);
	if ((label ? label_find(&labels_meld7, label) : -1) != a.label ||
	    strcmp(cause, a.cause) != 0)
		fail_msg("%s: '%s' gave %d, %s", set, text, a.label, a.cause);
	CHECK(a.status == (label ? ANSWER_OK : ANSWER_PARSE_FAIL) && a.raw == text);
	bench_close(&b);
}

static void test_read_text(void **state)
{
	static const char sc[] = "template=speechcue-zero-shot-text";
	static const char cot[] = "template=omnivox-cot";
	const struct reply whole = { .text = "Anger.", .finish_reason = "stop" };
	const struct reply said = { .text = "The answer is anger", .finish_reason = "stop" };
	struct bench b;

	(void)state;
	check_text("", TEXT, "Anger.", "stop", "anger", "whole");
	check_text("", TEXT, "The answer is anger", "stop", "anger", "marker");
	check_text("extract=strict", TEXT, "The answer is anger", "stop", NULL, "no-label");
	check_text("extract=A", TEXT, "I'd say joy or anger", "stop", "joy", "span");
	check_text("", TEXT, "I cannot tell", "stop", NULL, "no-label");
	check_text("", TEXT, "I cannot", "length", NULL, "length");
	check_text("", TEXT, "", "length", NULL, "length");
	check_text("", TEXT, "joy", "length", "joy", "whole");
	check_text("", TEXT, "surprised", "stop", "surprise", "whole");
	check_text("extract=strict", TEXT, "surprised", "stop", NULL, "no-label");
	/* a published format's own words, and the corpus's */
	check_text(sc, TEXT, "joyful", "stop", "joy", "whole");
	check_text(sc, TEXT, "joy", "stop", "joy", "whole");
	check_text("", TEXT, "joyful", "stop", "joy", "whole");
	check_text("", TEXT, "A sad tone in her voice", "stop", "sadness", "word");
	check_text("extract=strict", TEXT, "joyful", "stop", NULL, "no-label");
	check_text(cot, BOTH,
		   "1. It is loud and fast, which may be anger or joy.\n**Emotion:** joy", "stop",
		   "joy", "marker");
	bench_new(&b, "", TEXT, 2);
	CHECK(read_reply(&b, &whole).strict == label_find(&labels_meld7, "anger"));
	CHECK(read_reply(&b, &said).strict == -1);
	bench_close(&b);
	check_text("mode=choice", TEXT, "fear", "stop", "fear", "choice");
	check_text("mode=choice", TEXT, "fear.", "stop", NULL, "constraint");
}

static void test_read_scores(void **state)
{
	struct option_score o[7] = {
		{ true, -4, 1, 7 },   { true, -3, 1, 8 }, { true, -2.5, 1, 4 }, { true, -6, 3, 7 },
		{ true, -3.5, 1, 3 }, { true, -9, 2, 7 }, { true, -7, 2, 5 },
	};
	struct reply r = { .text = "", .finish_reason = "", .option = o, .n_options = 7 };
	struct answer a;
	struct bench b;

	(void)state;
	bench_new(&b, "mode=likelihood", TEXT, 0);
	a = read_reply(&b, &r);
	CHECK(a.label == 2 && a.strict == 2 && !strcmp(a.cause, "scored"));
	for (int j = 0; j < 7; j++)
		CHECK_NEAR(a.score[j], o[j].logprob, 0);
	r.n_options = 6;
	CHECK(!strcmp(read_reply(&b, &r).cause, "malformed"));
	r.n_options = 7;
	o[3].logprob = -INFINITY;
	CHECK(!strcmp(read_reply(&b, &r).cause, "malformed"));
	o[3].logprob = -6;
	bench_close(&b);

	bench_new(&b, "mode=likelihood;length=bytes", TEXT, 0);
	a = read_reply(&b, &r);
	CHECK(a.label == 1 && a.strict == 2); /* -3 / 8 against -2.5 / 4 */
	CHECK_NEAR(a.score[1], -3.0 / 8, 1e-7);
	bench_close(&b);
	bench_new(&b, "mode=likelihood;length=tokens", TEXT, 0);
	a = read_reply(&b, &r);
	CHECK(a.label == 3 && a.strict == 2); /* -6 / 3 */
	bench_close(&b);
}

static void test_read_letters(void **state)
{
	struct option_score o[7] = { { .known = true, .logprob = log(0.2), .tokens = 1 },
				     { .known = true, .logprob = log(0.5), .tokens = 1 },
				     { .known = true, .logprob = log(0.1), .tokens = 1 } };
	struct reply r = { .text = "B", .finish_reason = "length", .option = o, .n_options = 7 };
	struct answer a;
	struct bench b;

	(void)state;
	bench_new(&b, "mode=letters", TEXT, 0);
	a = read_reply(&b, &r);
	CHECK(a.label == 1 && a.strict == 1 && !strcmp(a.cause, "letters-missing"));
	/* what is left, 0.2, is shared by four, which is less than the least that is told */
	CHECK_NEAR(a.score[6], log(0.05), 1e-6);
	o[2].logprob = log(0.01);
	a = read_reply(&b, &r);
	CHECK_NEAR(a.score[6], log(0.01), 1e-6);
	for (int j = 0; j < 7; j++)
		o[j] = (struct option_score){ .known = true, .logprob = -j };
	a = read_reply(&b, &r);
	CHECK(a.label == 0 && !strcmp(a.cause, "letters"));
	for (int j = 0; j < 7; j++)
		o[j].known = false;
	a = read_reply(&b, &r);
	CHECK(a.label == -1 && !strcmp(a.cause, "no-letter"));
	bench_close(&b);
}

/* --- examples from the train split --- */

static void test_shots(void **state)
{
	struct err err = { 0 };
	struct bench b, other;
	struct ask ask;
	bool label[7] = { false }, talks[LESSONS] = { false };
	struct lessons *l = lessons_new(TEXT, 2);

	(void)state;
	bench_new(&b, "shots=6", TEXT, 2);
	fit(&b);
	ask = ask_of(&b, 3);
	CHECK(ask.n_messages == 13);
	for (int i = 0; i < 6; i++) {
		const struct ask_message *q = &ask.message[2 * i], *a = q + 1;
		int k = label_find(&labels_meld7, a->part[0].data), line = -1, in = -1;

		CHECK(!strcmp(q->role, "user") && !strcmp(a->role, "assistant"));
		CHECK(q->n_parts == 1 && a->n_parts == 1);
		CHECK(sscanf(strstr(q->part[0].data, "Line "), "Line %d of talk %d.", &line, &in) ==
		      2);
		/* its own label; six of seven labels once each; every dialogue once */
		CHECK(k == (in + line) % 7 && !label[k] && !talks[in]);
		label[k] = talks[in] = true;
	}
	/* the run's seed chooses, unless the option does */
	bench_new(&other, "shots=6", TEXT, 2);
	other.env.seed = 2;
	fit(&other);
	CHECK(strcmp(text_of(&b, 3), text_of(&other, 3)) != 0);
	CHECK(strcmp(ask.settings, ask_of(&other, 3).settings) != 0);
	bench_close(&other);
	bench_new(&other, "shots=6;shots_seed=1", TEXT, 2);
	other.env.seed = 2;
	fit(&other);
	assert_string_equal(text_of(&b, 3), text_of(&other, 3));
	bench_close(&other);
	bench_close(&b);

	bench_new(&b, "shots=25", TEXT, 2);
	CHECK(b.m->fit(b.state, &l->samples, &err));
	CHECK_ERR(&err, ERR_DATA, "25 examples are wanted, the train split shows 24");
	bench_close(&b);
	free(l);
}

/* Kept examples fit the option they were made with only. */
static void test_shots_kept(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "model.ckpt");
	struct err err = { 0 };
	struct bench a, b;

	(void)state;
	bench_new(&a, "shots=3;shot_window=2", TEXT, 2);
	fit(&a);
	a.m->save(a.state, path, &err);
	CHECK_OK(&err);
	bench_new(&b, "shots=3;shot_window=2", TEXT, 2);
	b.m->load(b.state, path, &err);
	CHECK_OK(&err);
	assert_string_equal(text_of(&a, 3), text_of(&b, 3));
	assert_string_equal(ask_of(&a, 3).settings, ask_of(&b, 3).settings);
	bench_close(&b);
	bench_new(&b, "shots=2", TEXT, 2);
	CHECK(b.m->load(b.state, path, &err));
	CHECK_ERR(&err, ERR_FORMAT, "number of examples");
	bench_close(&b);
	bench_close(&a);
	free(path);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sampling),    cmocka_unit_test(test_read_text),
		cmocka_unit_test(test_read_scores), cmocka_unit_test(test_read_letters),
		cmocka_unit_test(test_shots),	    cmocka_unit_test(test_shots_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * Scores of a system that asks: over all samples, over those that have a label, by the strict
 * rule; every failure is in a denominator, and in which.
 */
#include "tests/test.h"

#include "harness/base/json.h"
#include "harness/run/asked.h"

/* Rows of true labels a, b, c; the last column has no label. */
static const int counts[3][4] = { { 3, 1, 0, 1 }, { 1, 2, 0, 0 }, { 1, 0, 1, 0 } };
static const struct label_set abc = { .name = "abc", .word = { "a", "b", "c" }, .n = 3 };

#define SAMPLES 10

static void fill(struct predictions *p, struct answer *answer, int *gold)
{
	*p = (struct predictions){ .answer = answer, .gold = gold };
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 4; k++)
			for (int j = 0; j < counts[i][k]; j++) {
				gold[p->n] = i;
				answer[p->n++] = (struct answer){
					.label = k < 3 ? k : -1,
					.strict = k < 3 ? k : -1,
					.status = k < 3 ? ANSWER_OK : ANSWER_PARSE_FAIL,
				};
			}
}

static struct json *written(const struct predictions *p)
{
	struct strbuf b = { 0 };
	struct err err = { 0 };
	struct json_writer w;
	struct json *v;

	json_begin(&w, &b, 0);
	json_open_object(&w, NULL);
	asked_write_scores(&w, &abc, p);
	json_close_object(&w);
	v = json_parse(strbuf_str(&b), b.len, "scores", &err);
	CHECK_OK(&err);
	strbuf_free(&b);
	return v;
}

static double number(const struct json *v, const char *part, const char *name)
{
	return json_num(json_get(json_get(v, part), name), -1);
}

static void test_scores(void **state)
{
	struct answer answer[SAMPLES];
	int gold[SAMPLES];
	struct predictions p;
	struct json *v;

	(void)state;
	fill(&p, answer, gold);
	CHECK(p.n == SAMPLES);
	v = written(&p);
	CHECK(number(v, "answered_only", "n") == 9);
	CHECK_NEAR(number(v, "answered_only", "accuracy"), 2. / 3, 1e-12);
	CHECK_NEAR(number(v, "answered_only", "macro_f1"), 2. / 3, 1e-12);
	CHECK_NEAR(number(v, "answered_only", "weighted_f1"), 2. / 3, 1e-12);
	CHECK_NEAR(number(v, "answered_only", "uar"), .638889, 1e-6);
	CHECK(number(v, "strict", "n") == 10 && !json_get(json_get(v, "strict"), "reason"));
	CHECK_NEAR(number(v, "strict", "coverage"), .9, 1e-12);
	CHECK(json_size(json_get(json_get(v, "strict"), "undefined")) == 0);
	CHECK_NEAR(number(v, "strict", "accuracy"), .6, 1e-12);
	CHECK_NEAR(number(v, "strict", "macro_f1"), .644444, 1e-6);
	CHECK_NEAR(number(v, "strict", "weighted_f1"), .633333, 1e-6);
	CHECK_NEAR(number(v, "strict", "uar"), .588889, 1e-6);
	json_free(v);

	/* what the strict rule does not take counts as wrong for it, and for it alone */
	answer[0].strict = -1;
	v = written(&p);
	CHECK_NEAR(number(v, "answered_only", "accuracy"), 2. / 3, 1e-12);
	CHECK(number(v, "strict", "n") == 10);
	CHECK_NEAR(number(v, "strict", "accuracy"), .5, 1e-12);
	json_free(v);

	/* a label that nobody knows is in no denominator */
	gold[0] = -1;
	v = written(&p);
	CHECK(number(v, "answered_only", "n") == 8 && number(v, "strict", "n") == 9);
	json_free(v);
}

/* Nothing answered: no score, rather than one of 0. */
static void test_nothing(void **state)
{
	struct answer answer[SAMPLES];
	int gold[SAMPLES];
	struct predictions p;
	struct json *v;

	(void)state;
	fill(&p, answer, gold);
	for (int i = 0; i < p.n; i++) {
		answer[i].label = answer[i].strict = -1;
		answer[i].status = i % 2 ? ANSWER_BACKEND_FAIL : ANSWER_DECODE_FAIL;
	}
	v = written(&p);
	CHECK(number(v, "answered_only", "n") == 0);
	assert_string_equal(json_str(json_get(json_get(v, "answered_only"), "reason"), ""),
			    "there is no sample");
	CHECK(number(v, "strict", "coverage") == 0);
	CHECK(json_size(json_get(json_get(v, "strict"), "undefined")) == 3);
	CHECK(json_type(json_get(json_get(v, "answered_only"), "weighted_f1")) == JSON_NULL);
	CHECK(number(v, "strict", "n") == 10 && number(v, "strict", "weighted_f1") == 0);
	json_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scores),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

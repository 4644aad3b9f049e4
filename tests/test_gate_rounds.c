/* SPDX-License-Identifier: Apache-2.0
 * Gates of time: the verdicts of known samples, and what ran when.
 */
#include "tests/test.h"

#include "harness/verdict/gate_rounds.h"

static void test_rounds_verdict(void **state)
{
	double base[10], slow[10], near[10], mixed[10];
	struct rounds_verdict v;
	struct err err = { 0 };

	(void)state;
	for (int i = 0; i < 10; i++) {
		base[i] = 1 + i * .001;
		slow[i] = 1.2 + i * .001;
		near[i] = 1.05 + i * .001;
		/* the median is far above, yet four rounds are below every one of the base */
		mixed[i] = i < 4 ? .5 + i * .001 : 1.5 + i * .001;
	}
	CHECK(!rounds_judge(base, slow, 7, 1.1, .002, &v, &err));
	CHECK_NEAR(v.p, .00058275, 5e-9);
	CHECK_NEAR(v.ratio, 1.203 / 1.003, 1e-12);
	CHECK(v.slower);
	CHECK(!rounds_judge(base, near, 10, 1.1, .002, &v, &err) && !v.slower && v.p < .002);
	CHECK(!rounds_judge(base, near, 10, 1.02, .002, &v, &err) && v.slower);
	CHECK(!rounds_judge(base, mixed, 10, 1.1, .002, &v, &err) && !v.slower && v.ratio > 1.4);
	CHECK(!rounds_judge(slow, base, 10, 1.1, .002, &v, &err) && !v.slower && v.p < .002);
	CHECK(!rounds_judge(base, base, 10, 1.1, .002, &v, &err) && !v.slower && v.ratio == 1);
	/* 6 a side give p = .0021645 at the least */
	rounds_judge(base, slow, 6, 1.1, .002, &v, &err);
	CHECK_ERR(&err, ERR_ARG, "6 rounds can never show p < 0.002");
}

/* Who ran when, written down by the commands themselves. */
static void test_rounds_order(void **state)
{
	struct rounds_options o = { .rounds = 3, .warmup = 1 };
	struct strbuf base = { 0 }, fresh = { 0 };
	char *dir = scratch_make(), *path = path_join(dir, "order"), *text;
	struct err err = { 0 };
	struct rounds r;
	size_t len;

	(void)state;
	strbuf_addf(&base, "printf b >>%s", path);
	strbuf_addf(&fresh, "printf n >>%s", path);
	o.base = strbuf_str(&base);
	o.fresh = strbuf_str(&fresh);
	CHECK(!rounds_run(&o, &r, &err) && r.n == 3 && !r.bad);
	CHECK(!io_read_file(path, 64, &text, &len, &err));
	assert_string_equal(text, "nbbnnbbn");
	for (int i = 0; i < r.n; i++)
		CHECK(r.base[i] > 0 && r.fresh[i] > 0);
	o.fresh = "exit 7";
	CHECK(!rounds_run(&o, &r, &err) && r.bad == 7 && r.bad_is_fresh);
	o.fresh = "true";
	o.base = "kill -9 $$";
	CHECK(!rounds_run(&o, &r, &err) && r.bad == 128 + 9 && !r.bad_is_fresh);
	free(text);
	free(path);
	strbuf_free(&base);
	strbuf_free(&fresh);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rounds_verdict),
		cmocka_unit_test(test_rounds_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * A test program that fails on purpose, in the way its argument names: the test of the runner
 * (tests/test_runner.sh) sees that no such failure is counted as a success.
 */
#include "tests/test.h"

#include <signal.h>

static void test_good(void **state)
{
	(void)state;
	CHECK(1 + 1 == 2);
}

static void test_skipped(void **state)
{
	(void)state;
	print_message("skipped: on purpose\n");
	skip();
}

static void test_bad(void **state)
{
	(void)state;
	CHECK(1 + 1 == 3);
}

static void test_killed(void **state)
{
	(void)state;
	raise(SIGKILL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest bad[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_skipped),
	};
	const struct CMUnitTest killed[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_good),
	};
	const struct CMUnitTest good[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_skipped),
	};
	const char *how = argc > 1 ? argv[1] : "bad";

	if (!strcmp(how, "silent"))
		return 0;
	if (!strcmp(how, "killed"))
		return cmocka_run_group_tests(killed, NULL, NULL);
	if (!strcmp(how, "good"))
		return cmocka_run_group_tests(good, NULL, NULL);
	if (!strcmp(how, "late"))
		return cmocka_run_group_tests(good, NULL, NULL) ? 1 : 3;
	return cmocka_run_group_tests(bad, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * Energy counters, from a folder laid out as Linux lays them out.
 */
#include "tests/test.h"

#include "harness/run/energy.h"

static void counter(const char *root, const char *domain, const char *file, const char *text)
{
	char *dir = path_join(root, domain), *path = path_join(dir, file);
	struct err err = { 0 };

	io_mkdirs(dir, &err);
	io_write_atomic(path, text, strlen(text), &err);
	CHECK_OK(&err);
	free(path);
	free(dir);
}

/* Two packages, one of which wraps around; parts of a package do not count twice. */
static void test_energy(void **state)
{
	char *root = scratch_make();
	struct energy e;

	(void)state;
	energy_start(&e, "/nowhere/powercap");
	CHECK(e.n == 0 && isnan(energy_stop(&e, 1)) && strstr(e.note, "not readable: /nowhere"));
	energy_start(&e, root);
	CHECK(e.n == 0 && strstr(e.note, "no intel-rapl package"));
	counter(root, "intel-rapl:0", "energy_uj", "5000000\n");
	energy_start(&e, root);
	CHECK(e.n == 0 && strstr(e.note, "max_energy_range_uj"));
	counter(root, "intel-rapl:0", "max_energy_range_uj", "262143328850\n");
	counter(root, "intel-rapl:0:0", "energy_uj", "1\n");
	counter(root, "intel-rapl:1", "energy_uj", "262143000000\n");
	counter(root, "intel-rapl:1", "max_energy_range_uj", "262143328850\n");
	counter(root, "dtpm", "energy_uj", "7\n");
	energy_start(&e, root);
	CHECK(e.n == 2 && strstr(e.note, "2 packages"));
	counter(root, "intel-rapl:0", "energy_uj", "7500000\n");
	counter(root, "intel-rapl:1", "energy_uj", "1000000\n");
	CHECK_NEAR(energy_stop(&e, 10), 2.5 + .32885 + 1, 1e-6);
	CHECK(isnan(energy_stop(&e, 300)) && strstr(e.note, "wrapped around"));
	counter(root, "intel-rapl:1", "energy_uj", "many\n");
	CHECK(isnan(energy_stop(&e, 10)) && strstr(e.note, "energy_uj"));
	scratch_remove(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_energy) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

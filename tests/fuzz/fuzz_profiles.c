/* SPDX-License-Identifier: Apache-2.0
 * profile.json as the report reads it: every table in every form, and both pictures' data.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/report/profiles.h"

static void print_tables(const struct profile_list *l)
{
	void (*const make[])(const struct profile_list *, struct table *) = { tables_profiles,
									      tables_invalid,
									      tables_throughput };
	struct strbuf out = { 0 };

	for (size_t i = 0; i < sizeof(make) / sizeof(make[0]); i++) {
		struct table t = { 0 };

		make[i](l, &t);
		table_markdown(&t, &out);
		table_latex(&t, "profiles", &out);
		table_csv(&t, &out);
		table_html(&t, &out);
		table_free(&t);
	}
	fuzz_touch(strbuf_str(&out), out.len);
	strbuf_free(&out);
}

static void plot_all(const struct profile_list *l, const char *dir)
{
	const struct summary none = { 0 };

	for (int i = 0; i < PROFILE_PLOT_COUNT; i++) {
		static const char *const suffix[] = { "dat", "gp" };
		char slug[96], path[160];
		bool drawn;
		struct err err = { 0 };

		FUZZ_CHECK(!plots_profiles_write(&none, l, (enum profile_plot)i, dir, slug, &drawn,
						 &err));
		for (size_t j = 0; j < 2 && drawn; j++) {
			snprintf(path, sizeof(path), "%s/%s.%s", dir, slug, suffix[j]);
			FUZZ_CHECK(!unlink(path));
		}
	}
}

int fuzz_profiles(const uint8_t *data, size_t size)
{
	static const char *const name[] = { "profile.json", NULL };
	struct result_list problems = { 0 };
	struct profile_list l;
	struct fuzz_folder f;
	struct err err = { 0 };
	char link[64];

	fuzz_folder_open(&f, name, data, size);
	/* the folder is its own only profile */
	snprintf(link, sizeof(link), "%s/run", f.path);
	FUZZ_CHECK(!symlink(".", link));
	FUZZ_CHECK(!profiles_load(&l, f.path, &problems, NULL, &err));
	FUZZ_CHECK(l.n + problems.n_problem <= 1);
	unlink(link);
	print_tables(&l);
	plot_all(&l, f.path);
	profiles_free(&l);
	results_free(&problems);
	fuzz_folder_close(&f);
	return 0;
}

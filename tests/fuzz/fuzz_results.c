/* SPDX-License-Identifier: Apache-2.0
 * A result folder in one input, its files one after the other: manifest.json (of the id "run"),
 * predictions.jsonl, metrics.json, log.jsonl.  What opens is compared with itself, in parts too.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/verdict/compare.h"

static void print_all(const struct comparison *c)
{
	struct strbuf out = { 0 };
	struct err err = { 0 };

	compare_notes(c, &out);
	for (int i = 0; i < COMPARE_TABLES; i++) {
		struct table t = { 0 };

		FUZZ_CHECK(!compare_table(c, (enum compare_table)i, &t, &err));
		table_plain(&t, &out);
		table_csv(&t, &out);
		table_free(&t);
	}
	FUZZ_CHECK(!compare_json(c, &out, &err));
	fuzz_touch(strbuf_str(&out), out.len);
	strbuf_free(&out);
}

static void compare_all(const struct lineup *l)
{
	struct compare_options o = {
		.metric = METRIC_WEIGHTED_F1, .replicates = 3, .alpha = .05, .least = 2, .flips = -1
	};

	/* the whole, then each view alone: some do not fit */
	for (int by = -1; by < BY_COUNT; by++) {
		struct comparison c;
		struct err err = { 0 };

		memset(o.by, 0, sizeof(o.by));
		if (by >= 0)
			o.by[by] = true;
		fuzz_outcome(!comparison_make(&c, l, &o, &err), &err);
		FUZZ_CHECK(by >= 0 || !err.code);
		if (!err.code)
			print_all(&c);
		comparison_free(&c);
	}
}

int fuzz_results(const uint8_t *data, size_t size)
{
	static const char *const name[] = { "manifest.json", "predictions.jsonl", "metrics.json",
					    "log.jsonl", NULL };
	struct fuzz_folder f;
	char link[64], *const twice[] = { link, link };

	fuzz_folder_open(&f, name, data, size);
	/* a folder bears the name of its run */
	snprintf(link, sizeof(link), "%s/run", f.path);
	FUZZ_CHECK(!symlink(".", link));
	for (int folded = 0; folded < 2; folded++) {
		struct err err = { 0 };
		struct lineup l;

		fuzz_outcome(!lineup_load(&l, twice, 2, folded ? "meld3" : NULL, &err), &err);
		if (!err.code)
			compare_all(&l);
		lineup_free(&l);
	}
	unlink(link);
	fuzz_folder_close(&f);
	return 0;
}

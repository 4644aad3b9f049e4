/* SPDX-License-Identifier: Apache-2.0
 * A sweep as it is asked for, behind a line "%%%%" the recipe below it, then a sweep.json as it
 * is read back, then the values of an axis.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/str.h"
#include "harness/report/sweep_report.h"
#include "harness/run/sweep.h"

static void look_spec(const char *path)
{
	struct sweep_request rq = { .path = path, .axes = "", .max_jobs = 40 };
	struct err err = { 0 };
	struct sweep s;

	fuzz_outcome(!sweep_read(&s, &rq, "meld", &err), &err);
	FUZZ_CHECK(s.plan.n <= 40);
	for (int i = 0; i < s.plan.n; i++)
		FUZZ_CHECK(s.plan.run[i].path && s.plan.run[i].label &&
			   s.run[i].point < s.n_points);
	sweep_free(&s);
}

static void look_file(const char *dir)
{
	struct sweep_report_options o = { .replicates = 100, .seed = 1, .threads = 1 };
	struct sweep_summary s;
	struct strbuf text = { 0 };
	struct err err = { 0 };

	fuzz_outcome(!sweep_summary_make(&s, dir, &o, &err), &err);
	if (!err.code) {
		FUZZ_CHECK(s.finished == 0 && s.missing + s.left_out == s.file.n_runs);
		sweep_summary_markdown(&s, &text);
		sweep_summary_csv(&s, &text);
		sweep_summary_json(&s, &text);
		FUZZ_CHECK(text.len > 0);
	}
	strbuf_free(&text);
	sweep_summary_free(&s);
}

static void look_axis(const char *path)
{
	struct err err = { 0 };
	struct axis a = { 0 };
	char *text;
	size_t len;

	if (io_read_file(path, 1 << 16, &text, &len, &err))
		return;
	fuzz_outcome(!axis_parse(&a, "axis", text, true, &err), &err);
	for (int i = 0; i < a.n; i++)
		FUZZ_CHECK(strlen(a.value[i]) <= len + 32);
	axis_free(&a);
	err = (struct err){ 0 };
	fuzz_outcome(!axis_parse(&a, "axis", text, false, &err), &err);
	axis_free(&a);
	free(text);
}

int fuzz_sweep(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "ask.json", "base.json", "sweep.json", "axis", NULL };
	struct fuzz_folder f;
	char *ask, *axis;

	fuzz_folder_open(&f, names, data, size);
	ask = path_join(f.path, names[0]);
	axis = path_join(f.path, names[3]);
	if (ask && axis) {
		look_spec(ask);
		if (f.n > 2)
			look_file(f.path);
		if (f.n > 3)
			look_axis(axis);
	}
	free(ask);
	free(axis);
	fuzz_folder_close(&f);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * Baselines of gates: what is read holds itself, and is written as it was read.
 */
#include "tests/fuzz/fuzz.h"

#include <math.h>

#include "harness/verdict/gate.h"

/* A run held to itself fails nowhere but where its own bounds or nulls say so. */
static void hold(const struct gate_run *r)
{
	struct gate_report report = { 0 };
	struct strbuf out = { 0 };
	struct err err = { 0 };

	FUZZ_CHECK(!gate_judge(r, r, &report, &err));
	for (int i = 0; i < report.n; i++) {
		const struct gate_metric *m = gate_metric_find(r, report.check[i].what);

		FUZZ_CHECK(
			!gate_breach(report.check[i].state) ||
			(m && (isnan(m->value) || m->value < m->floor || m->value > m->ceiling)));
	}
	gate_write_tap(&report, &out);
	gate_write_junit(&report, &out);
	FUZZ_CHECK(out.len > 0 && !out.oom);
	strbuf_free(&out);
	gate_report_free(&report);
}

int fuzz_baseline(const uint8_t *data, size_t size)
{
	struct fuzz_file f;
	struct err err = { 0 };
	struct baseline b;

	fuzz_file_open(&f, data, size);
	fuzz_outcome(!baseline_read(&b, f.path, &err), &err);
	for (int i = 0; i < b.n && !err.code; i++) {
		FUZZ_CHECK(baseline_find(&b, b.run[i].name) == &b.run[i]);
		hold(&b.run[i]);
	}
	baseline_free(&b);
	fuzz_file_close(&f);
	return 0;
}

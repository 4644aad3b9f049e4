/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/cli/cmd_profile.h"

#include <math.h>
#include <string.h>

#include "harness/report/table.h"
#include "harness/run/profile_write.h"

static void head(struct table *t)
{
	static const struct {
		enum column_kind kind;
		const char *head, *csv;
	} column[] = {
		{ COLUMN_TEXT, "scenario", NULL },
		{ COLUMN_TEXT, "verdict", NULL },
		{ COLUMN_NUMBER, "value", NULL },
		{ COLUMN_TEXT, "unit", NULL },
		{ COLUMN_NUMBER, "threads", NULL },
		{ COLUMN_NUMBER, "batch", NULL },
		{ COLUMN_NUMBER, "samples", NULL },
		{ COLUMN_NUMBER, "p50 ms", "p50_ms" },
		{ COLUMN_NUMBER, "p90 ms", "p90_ms" },
		{ COLUMN_NUMBER, "p99 ms", "p99_ms" },
		{ COLUMN_NUMBER, "max ms", "max_ms" },
		{ COLUMN_NUMBER, "decode ms", "decode_ms" },
		{ COLUMN_NUMBER, "cues ms", "cues_ms" },
		{ COLUMN_NUMBER, "prompt ms", "prompt_ms" },
		{ COLUMN_NUMBER, "prefill ms", "prefill_ms" },
		{ COLUMN_NUMBER, "score ms", "score_ms" },
		{ COLUMN_NUMBER, "peak MB", "peak_rss_mb" },
		{ COLUMN_NUMBER, "energy J", "energy_j" },
	};

	for (size_t i = 0; i < ARRAY_LEN(column); i++)
		table_column(t, column[i].kind, column[i].head, column[i].csv);
}

/* Three digits that say something. */
static void number(struct table *t, double v)
{
	const double size = fabs(v);

	table_number(t, v, 1, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

static int scenario_row(struct table *t, const struct profile_scenario *s, struct err *err)
{
	const struct profile_result *r = &s->r;
	const char *unit;

	profile_metric_name(r->o.scenario, &unit);
	table_text(t, scenario_name[r->o.scenario]);
	table_text(t, r->n_cause ? "INVALID" : r->is_short ? "VALID, short" : "VALID");
	number(t, r->metric);
	table_text(t, unit);
	table_number(t, s->threads, 1, 0);
	table_number(t, r->o.batch, 1, 0);
	table_number(t, (double)r->n, 1, 0);
	number(t, r->latency.p50);
	number(t, r->latency.p90);
	number(t, r->latency.p99);
	number(t, r->latency.max);
	for (int k = 0; k < PROFILE_STAGES; k++) {
		struct latency_stats stage;

		if (profile_stage(r, (enum profile_stage)k, &stage, err))
			return err->code;
		number(t, stage.n ? stage.mean : NAN);
	}
	number(t, s->peak_mb);
	number(t, s->energy_j);
	return 0;
}

static void cell_row(struct table *t, const struct profile_cell *c)
{
	table_text(t, "throughput");
	table_text(t, c->failed ? "INVALID" : "");
	number(t, c->per_s);
	table_text(t, "samples/s");
	table_number(t, c->threads, 1, 0);
	table_number(t, c->batch, 1, 0);
	table_number(t, (double)c->samples, 1, 0);
	for (int i = 0; i < 3; i++)
		table_number(t, NAN, 1, 0);
	number(t, c->max_ms);
	for (int i = 0; i < PROFILE_STAGES; i++)
		table_number(t, NAN, 1, 0);
	number(t, c->peak_mb);
	table_number(t, NAN, 1, 0);
}

static void add_notes(const struct profile *p, const struct profile_model *m, struct strbuf *out)
{
	for (int i = 0; i < p->n; i++) {
		const struct profile_result *r = &p->scenario[i].r;
		const char *name = scenario_name[r->o.scenario], *unit;

		for (int k = 0; k < r->n_cause; k++)
			strbuf_addf(out, "%s INVALID: required %s; observed %s; to change: %s\n",
				    name, r->cause[k].required, r->cause[k].observed,
				    r->cause[k].option);
		if (r->first_failure[0])
			strbuf_addf(out, "%s: first failure: %s\n", name, r->first_failure);
		if (r->o.scenario == SCENARIO_LIVE)
			strbuf_addf(out,
				    "%s: real-time factor %.3g, %lld of %lld labels later than the "
				    "end of the next utterance, speed %g\n",
				    name, r->real_time_factor, (long long)r->late, (long long)r->n,
				    r->o.speed);
		strbuf_addf(out, "%s: %s", name, profile_metric_name(r->o.scenario, &unit));
		if (isnan(r->metric))
			strbuf_addf(out, " not told");
		else
			strbuf_addf(out, " %.6g %s", r->metric, unit);
		strbuf_addf(out, "; energy: %s\n", p->scenario[i].energy.note);
	}
	strbuf_addf(out, "cues: %s\n", profile_cues_note(profile_model_cues(m)));
	if (profile_model_unreadable(m))
		strbuf_addf(out, "%d of %d samples have a clip that cannot be read\n",
			    profile_model_unreadable(m), profile_model_set(m)->n);
	if (profile_model_limited(m))
		strbuf_add(out, "the first dialogues only (--limit): not a result\n");
	if (p->interrupted)
		strbuf_add(out, "interrupted: what follows is missing\n");
}

int profile_text(const struct profile *p, const struct profile_model *m, const char *format,
		 struct strbuf *out, struct err *err)
{
	struct table t = { 0 };

	head(&t);
	for (int i = 0; i < p->n && !err->code; i++)
		scenario_row(&t, &p->scenario[i], err);
	for (int i = 0; i < p->n_cell; i++)
		cell_row(&t, &p->cell[i]);
	if (t.oom)
		err_set(err, ERR_NOMEM, "table: no memory");
	if (!err->code && !strcmp(format, "csv"))
		table_csv(&t, out);
	else if (!err->code && !strcmp(format, "md"))
		table_markdown(&t, out);
	else if (!err->code)
		table_plain(&t, out);
	if (!err->code && strcmp(format, "csv") != 0) {
		strbuf_addc(out, '\n');
		add_notes(p, m, out);
	}
	table_free(&t);
	return err->code;
}

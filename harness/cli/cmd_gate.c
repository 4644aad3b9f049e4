/* SPDX-License-Identifier: Apache-2.0
 * merc gate
 */
#include "harness/cli/verbs.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/verdict/gate.h"
#include "harness/verdict/gate_rounds.h"

static const struct opt_spec gate_opts[] = {
	{ .name = "baseline",
	  .type = OPT_STR,
	  .fallback = "",
	  .letter = 'b',
	  .arg = "FILE",
	  .help = "what the results are held to" },
	{ .name = "update",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .help = "take the results into the baseline instead, for review as a diff" },
	{ .name = "exact",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .help = "with --update: counts and answers as they are, metrics within 1e-9, on both "
		  "sides "
		  "(so is a new run without --tolerance)" },
	{ .name = "tolerance",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "LIST",
	  .help = "with --update: METRIC=abs:X, METRIC=rel:X, METRIC=exact; without METRIC: all" },
	{ .name = "floor",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "LIST",
	  .help = "with --update: METRIC=X, the least whatever the baseline was" },
	{ .name = "ceiling",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "LIST",
	  .help = "with --update: METRIC=X, the most" },
	{ .name = "quarantine",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "LIST",
	  .help = "with --update: METRIC=REASON, reported and not failed (no comma in a reason)" },
	{ .name = "metrics",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "LIST",
	  .help = "with --update: hold these alone (weighted_f1,f1.joy; f1: of every class)" },
	{ .name = "times",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .help = "with --update: hold the stages' milliseconds too, on a machine of this kind" },
	{ .name = "base",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "COMMAND",
	  .help = "hold the time of --new to this command's" },
	{ .name = "new",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "COMMAND",
	  .help = "the command whose time is judged" },
	{ .name = "rounds",
	  .type = OPT_INT,
	  .fallback = "10",
	  .min = 1,
	  .max = ROUNDS_MAX,
	  .arg = "N",
	  .help = "timed rounds of both commands in alternation" },
	{ .name = "warmup",
	  .type = OPT_INT,
	  .fallback = "1",
	  .min = 0,
	  .max = ROUNDS_MAX,
	  .arg = "N",
	  .help = "rounds before them that are not timed" },
	{ .name = "clock",
	  .type = OPT_CHOICE,
	  .fallback = "wall",
	  .choices = "wall|cpu",
	  .arg = "CLOCK",
	  .help = "wall, or cpu: processor time of a command and what it started" },
	{ .name = "ratio",
	  .type = OPT_NUM,
	  .fallback = "1.1",
	  .min = 0,
	  .max = 1e6,
	  .arg = "R",
	  .help = "new is slower when the ratio of medians is above this …" },
	{ .name = "p",
	  .type = OPT_NUM,
	  .fallback = "0.002",
	  .min = 0,
	  .max = 1,
	  .arg = "P",
	  .help = "… and the two-sided Mann-Whitney p below this" },
	{ .name = "junit",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "FILE",
	  .help = "write every check as JUnit XML too" },
	{ .name = "tap",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .help = "print every check as TAP version 14 instead of a line for each breach" },
	OPT_END,
};

static const char *text(const struct cli *c, const char *name)
{
	return opt_str(&c->opts, name);
}

/* What is asked for must make sense together. */
static int check_usage(const struct cli *c, bool time, struct err *err)
{
	static const char *const rule[] = { "exact",	  "tolerance", "floor", "ceiling",
					    "quarantine", "metrics",   "times" };

	for (size_t i = 0; i < ARRAY_LEN(rule) && !opt_bool(&c->opts, "update"); i++)
		if (opt_given(&c->opts, rule[i]))
			return err_set(
				err, ERR_ARG,
				"gate: --%s is a rule of the baseline: give it with --update",
				rule[i]);
	if (opt_bool(&c->opts, "update") && (opt_bool(&c->opts, "tap") || *text(c, "junit")))
		return err_set(err, ERR_ARG, "gate: --update judges nothing: no --tap, no --junit");
	if (time && (!*text(c, "base") || !*text(c, "new")))
		return err_set(err, ERR_ARG, "gate: --base and --new go together");
	if (time && (*text(c, "baseline") || c->n_operand || opt_bool(&c->opts, "update")))
		return err_set(err, ERR_ARG,
			       "gate: --base and --new take no baseline and no results");
	if (!time && !*text(c, "baseline"))
		return err_set(err, ERR_ARG,
			       "gate: name a --baseline, or commands with --base and --new");
	if (!time && !c->n_operand)
		return err_set(err, ERR_ARG, "gate: no result folder given");
	return 0;
}

static int update(const struct cli *c, struct gate_report *out, struct err *err)
{
	const struct gate_rules rules = {
		.metrics = text(c, "metrics"),
		.tolerance = text(c, "tolerance"),
		.floor = text(c, "floor"),
		.ceiling = text(c, "ceiling"),
		.quarantine = text(c, "quarantine"),
		.exact = opt_bool(&c->opts, "exact"),
		.times = opt_bool(&c->opts, "times"),
	};
	const char *path = text(c, "baseline");
	struct strbuf changes = { 0 };
	struct baseline b = { 0 };

	if ((!io_is_file(path) || !baseline_read(&b, path, err)) &&
	    !baseline_update(&b, c->operand, c->n_operand, &rules, &changes, err) &&
	    !gate_results(&b, c->operand, c->n_operand, false, out, err)) {
		if (gate_exit_status(out))
			log_error(&c->log, "%s: not written: its own results would fail", path);
		else if (changes.oom)
			err_set(err, ERR_NOMEM, "gate: no memory");
		else if (!baseline_write(&b, path, err))
			fputs(strbuf_str(&changes), stdout);
	}
	strbuf_free(&changes);
	baseline_free(&b);
	return err->code;
}

static int hold(const struct cli *c, struct gate_report *out, struct err *err)
{
	const char *path = text(c, "baseline");
	struct err why = { 0 };
	struct baseline b;

	if (!baseline_read(&b, path, &why))
		gate_results(&b, c->operand, c->n_operand, true, out, err);
	else if (why.code == ERR_NOMEM)
		err_set(err, ERR_NOMEM, "%s", why.msg);
	else
		gate_add(out, "baseline", "file", GATE_MISMATCH, err, "%s", why.msg);
	baseline_free(&b);
	return err->code;
}

/* What the rounds were, for a person. */
static void tell_rounds(const struct cli *c, const struct rounds_verdict *v, int n)
{
	log_info(&c->log, "medians of %d rounds: base %.4g s, new %.4g s, ratio %.3f, p %.3g", n,
		 v->base, v->fresh, v->ratio, v->p);
}

static int hold_time(const struct cli *c, struct gate_report *out, struct err *err)
{
	const struct rounds_options o = {
		.base = text(c, "base"),
		.fresh = text(c, "new"),
		.rounds = (int)opt_int(&c->opts, "rounds"),
		.warmup = (int)opt_int(&c->opts, "warmup"),
		.cpu = !strcmp(text(c, "clock"), "cpu"),
		.stop = c->stop,
	};
	const double ratio = opt_num(&c->opts, "ratio"), p = opt_num(&c->opts, "p");
	struct rounds_verdict v;
	struct rounds r;

	if (rounds_check(o.rounds, p, err) || rounds_run(&o, &r, err))
		return err->code;
	if (r.bad)
		return gate_add(out, "time", r.bad_is_fresh ? "new" : "base",
				r.bad_is_fresh ? GATE_FAIL : GATE_MISMATCH, err,
				"ended with status %d: %s", r.bad,
				r.bad_is_fresh ? o.fresh : o.base);
	if (rounds_judge(r.base, r.fresh, r.n, ratio, p, &v, err))
		return err->code;
	tell_rounds(c, &v, r.n);
	if (!v.slower)
		return gate_add(out, "time", "median", GATE_PASS, err, "%s", "");
	return gate_add(out, "time", "median", GATE_FAIL, err,
			"%.4g s, base %.4g s: %.3f times, more than %g, with p = %.3g below %g",
			v.fresh, v.base, v.ratio, ratio, v.p, p);
}

static int write_report(const struct cli *c, const struct gate_report *r, struct err *err)
{
	const bool tap = opt_bool(&c->opts, "tap");
	struct strbuf out = { 0 }, junit = { 0 };

	if (tap)
		gate_write_tap(r, &out);
	else
		gate_write_breaches(r, &out);
	gate_write_junit(r, &junit);
	if (out.oom || junit.oom)
		err_set(err, ERR_NOMEM, "gate: no memory");
	else
		fwrite(strbuf_str(&out), 1, out.len, stdout);
	if (!err->code && *text(c, "junit"))
		io_write_atomic(text(c, "junit"), strbuf_str(&junit), junit.len, err);
	strbuf_free(&out);
	strbuf_free(&junit);
	return err->code;
}

/* What is no breach and yet worth a look. */
static void tell_rest(const struct cli *c, const struct gate_report *r)
{
	for (int i = 0; i < r->n; i++)
		if (!gate_breach(r->check[i].state) && r->check[i].state != GATE_PASS)
			log_info(&c->log, "%s: %s: %s", r->check[i].run, r->check[i].what,
				 r->check[i].text);
	log_info(&c->log, "gate: %d checks, %d better, %d quarantined, %d skipped, %d breaches",
		 r->n, gate_count(r, GATE_BETTER), gate_count(r, GATE_QUARANTINED),
		 gate_count(r, GATE_SKIPPED),
		 gate_count(r, GATE_FAIL) + gate_count(r, GATE_INCOMPLETE) +
			 gate_count(r, GATE_MISMATCH));
}

static int run_gate(struct cli *c, struct err *err)
{
	const bool time = *text(c, "base") || *text(c, "new");
	const bool updates = opt_bool(&c->opts, "update");
	struct gate_report report = { 0 };
	int status = 0;

	if (!check_usage(c, time, err) && !(time      ? hold_time(c, &report, err)
					    : updates ? update(c, &report, err)
						      : hold(c, &report, err))) {
		status = gate_exit_status(&report);
		if (!write_report(c, &report, err))
			tell_rest(c, &report);
	}
	gate_report_free(&report);
	return status;
}

const struct verb verb_gate = {
	.name = "gate",
	.operands = "[RESULT...]",
	.min_operands = 0,
	.max_operands = 10000,
	.summary = "Hold results to a baseline, or one program's time to another's",
	.doc = "Predictions are scored again and held to the baseline: the test set (ids, true "
	       "labels, label set), the counts of the confusion matrix where a run is exact, each "
	       "metric by its tolerance, floor and ceiling.  A metric that is missing or null "
	       "fails.  What is better than its tolerance is told and passes, unless exact.  "
	       "Limited runs are refused, and every run of the baseline must be given.\n\n"
	       "--update writes the baseline (nothing else does); rules in it stay unless others "
	       "are given, and it may be edited by hand.\n\n"
	       "--base and --new time two commands in alternation.  New fails when the ratio of "
	       "medians and the rank test both say that it is slower.\n\n"
	       "One line for each breach on standard output.  The exit status is 0 when all "
	       "passes, 1 when something fails, 2 for wrong usage, 3 when a run of the baseline is "
	       "not finished or not given, 4 when the baseline or a result is missing, torn, "
	       "limited or of another test set; the gravest counts.",
	.opts = gate_opts,
	.run = run_gate,
};

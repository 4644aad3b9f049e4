/* SPDX-License-Identifier: Apache-2.0
 * merc merge
 */
#include "harness/cli/verbs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/io.h"
#include "harness/cli/sweeps.h"
#include "harness/report/merge.h"
#include "harness/report/sweep_report.h"

static void print_summary(const struct cli *c, const struct sweep_summary *s)
{
	const char *format = opt_str(&c->opts, "format");
	struct strbuf b = { 0 };

	if (!strcmp(format, "json"))
		sweep_summary_json(s, &b);
	else if (!strcmp(format, "csv"))
		sweep_summary_csv(s, &b);
	else
		sweep_summary_markdown(s, &b);
	fputs(strbuf_str(&b), stdout);
	strbuf_free(&b);
}

int sweeps_summarize(const struct cli *c, const char *dir, const char *hash, struct err *err)
{
	const struct sweep_report_options o = {
		.replicates = (int)opt_int(&c->opts, "replicates"),
		.seed = 1,
		.threads = c->threads,
	};
	const struct shard all = { .n = 1, .source = "" };
	struct sweep_summary s = { 0 };
	int hold = sweep_hold(dir, err);

	if (hold >= 0 && !sweep_summary_make(&s, dir, &o, err) && strcmp(s.file.hash, hash) != 0)
		err_set(err, ERR_DATA,
			"%s: another sweep was started here meanwhile; --name keeps two apart",
			dir);
	if (hold >= 0 && !err->code && !sweep_summary_write(&s, dir, &c->log, err) &&
	    !sweep_status_write(dir, hash, &all, s.missing ? SWEEP_ERROR : SWEEP_COMPLETE, err)) {
		log_info(&c->log, "summary: %s/summary.md", dir);
		print_summary(c, &s);
	}
	if (hold >= 0)
		close(hold);
	sweep_summary_free(&s);
	return err->code;
}

static const struct opt_spec merge_opts[] = {
	{ .name = "output",
	  .type = OPT_STR,
	  .fallback = "",
	  .letter = 'o',
	  .arg = "DIR",
	  .help = "folder to write (for one SWEEP: itself)" },
	{ .name = "partial",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .help = "take what there is; the summary says that it is no result" },
	OPT_REPLICATES,
	OPT_SUMMARY_FORMAT,
	OPT_END,
};

static int run_merge(struct cli *c, struct err *err)
{
	const char *out = opt_str(&c->opts, "output");
	struct sweep_file file = { 0 };
	int missing;

	if (!*out && c->n_operand > 1)
		return err_set(err, ERR_ARG, "merge: name the folder to write with --output");
	if (!*out)
		out = c->operand[0];
	if (!io_mkdirs(out, err) &&
	    !merge_sweeps((const char *const *)c->operand, c->n_operand, out,
			  opt_bool(&c->opts, "partial"), &file, &missing, err))
		sweeps_summarize(c, out, file.hash, err);
	if (!err->code && missing)
		err_set(err, ERR_INCOMPLETE, "%d of %d runs are missing: not a result", missing,
			file.n_runs);
	sweep_file_free(&file);
	return 0;
}

const struct verb verb_merge = {
	.name = "merge",
	.operands = "SWEEP...",
	.min_operands = 1,
	.max_operands = 100000,
	.summary = "Join the shards of a sweep, refusing gaps and overlaps",
	.doc = "SWEEP is a folder that merc sweep --shard wrote (RESULTS/sweeps/NAME), or several "
	       "of "
	       "one sweep. Every shard must have ended, and every run be there once.",
	.opts = merge_opts,
	.run = run_merge,
};

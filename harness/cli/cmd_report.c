/* SPDX-License-Identifier: Apache-2.0
 * merc report
 */
#include "harness/cli/verbs.h"

#include <stdlib.h>

#include "harness/base/io.h"
#include "harness/report/report.h"

static const struct opt_spec report_opts[] = {
	OPT_RESULTS,
	{ .name = "output",
	  .type = OPT_STR,
	  .fallback = "",
	  .letter = 'o',
	  .arg = "DIR",
	  .help = "folder to write (RESULTS/report)" },
	{ .name = "claims",
	  .type = OPT_STR,
	  .fallback = "results/reference/claims.json",
	  .arg = "FILE",
	  .help = "published results to set beside" },
	{ .name = "notes",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "FILE",
	  .help = "JSON Lines of what was not run, with reasons" },
	{ .name = "profiles",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "DIR",
	  .help = "folders with profile.json (RESULTS/profiles)" },
	{ .name = "replicates",
	  .type = OPT_INT,
	  .fallback = "10000",
	  .min = 100,
	  .max = 1e7,
	  .arg = "B",
	  .help = "bootstrap replicates behind each interval" },
	OPT_END,
};

static int run_report(struct cli *c, struct err *err)
{
	const char *notes = opt_str(&c->opts, "notes");
	struct report_options o = {
		.claims = opt_str(&c->opts, "claims"),
		.notes = *notes ? notes : NULL,
		.replicates = (int)opt_int(&c->opts, "replicates"),
		.seed = 1,
		.threads = c->threads,
	};
	const char *profiles = opt_str(&c->opts, "profiles");
	char *runs = path_join(opt_str(&c->opts, "results"), "runs");
	char *usual = path_join(opt_str(&c->opts, "results"), "profiles");
	char *beside = path_join(opt_str(&c->opts, "results"), "report");
	const char *output = opt_str(&c->opts, "output");

	o.profiles = *profiles ? profiles : usual;
	if (!runs || !usual || !beside)
		err_set(err, ERR_NOMEM, "report: no memory");
	else if (*profiles && !io_is_dir(profiles))
		err_set(err, ERR_MISSING, "--profiles %s: no such folder", profiles);
	else
		report_write(runs, *output ? output : beside, &o, &c->log, err);
	free(runs);
	free(usual);
	free(beside);
	return 0;
}

const struct verb verb_report = {
	.name = "report",
	.operands = "",
	.summary = "Write tables, plots and one self-contained page from result folders",
	.doc = "Published numbers, numbers obtained on real data and numbers obtained on "
	       "calibrated "
	       "data are kept apart, and every table says how checkpoints were selected. Tables "
	       "are written as markdown, LaTeX and CSV, pictures (where gnuplot is installed) as "
	       "PDF, SVG and PNG; index.html holds all of it in one file.",
	.opts = report_opts,
	.run = run_report,
};

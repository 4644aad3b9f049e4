/* SPDX-License-Identifier: Apache-2.0
 * What `merc sweep` and `merc merge` end with, and the options of that.
 */
#ifndef HARNESS_CLI_SWEEPS_H
#define HARNESS_CLI_SWEEPS_H

#include "harness/cli/cli.h"
#include "harness/run/sweep.h"

#define OPT_REPLICATES                                                                             \
	{                                                                                          \
		.name = "replicates", .type = OPT_INT, .fallback = "10000", .min = 100,            \
		.max = 1e7, .arg = "B", .help = "bootstrap replicates behind each interval"        \
	}
#define OPT_SUMMARY_FORMAT                                                                         \
	{                                                                                          \
		.name = "format", .type = OPT_CHOICE, .fallback = "text",                          \
		.choices = "text|json|csv|md", .arg = "FORMAT",                                    \
		.help = "of the summary on standard output: text (markdown), json, csv, md"        \
	}

/* Writes the summary and the pictures of a sweep's folder, gives it the status complete
 * (error: runs are missing), and prints the summary as --format says. */
int sweeps_summarize(const struct cli *c, const char *dir, const char *hash, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * The report: summary.json, tables (markdown, LaTeX, CSV), pictures (gnuplot) and one
 * self-contained index.html, from result folders alone.
 */
#ifndef HARNESS_REPORT_REPORT_H
#define HARNESS_REPORT_REPORT_H

#include <stdint.h>

#include "harness/base/err.h"
#include "harness/base/log.h"

struct report_options {
	const char *claims;   /* published claims (JSON array); NULL or empty: none */
	const char *notes;    /* what was not run: JSON Lines of corpus, system, reason; or none */
	const char *profiles; /* folders with profile.json; NULL, or not there: none */
	int replicates;	      /* of the bootstrap; 0: 10,000 */
	uint64_t seed;
	int threads;
};

/* Reads every result folder of runs_dir and writes into out_dir (made if need be):
 *   index.html  summary.json  tables/NAME.md .tex .csv
 *   plots/NAME.dat .gp .png .svg .pdf (pictures only where gnuplot is installed)
 * Ceilings are those that the manifests hold; runs that hold none (of an earlier version) need
 * calibration.json in the root that they name.
 * Folders that cannot be used are named in the log and in the report.
 * ERR_MISSING: no runs_dir; ERR_INCOMPLETE: no finished run in it. */
int report_write(const char *runs_dir, const char *out_dir, const struct report_options *o,
		 const struct log *log, struct err *err);

#endif

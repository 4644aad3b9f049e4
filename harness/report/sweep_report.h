/* SPDX-License-Identifier: Apache-2.0
 * The summary of a sweep, from its folder alone: one row for each combination of values,
 * as markdown, CSV and JSON, and a picture for each axis.
 *
 * The combination to use is chosen by the mean dev score over seeds; the best on test
 * stands beside it as what it is, best-on-test.  Nothing in these files depends on when or
 * how fast the runs were made.
 */
#ifndef HARNESS_REPORT_SWEEP_REPORT_H
#define HARNESS_REPORT_SWEEP_REPORT_H

#include "harness/base/log.h"
#include "harness/metrics/bootstrap.h"
#include "harness/metrics/compare.h"
#include "harness/report/sweep_file.h"

/* One combination over its seeds; spreads are of n finished runs. */
struct sweep_row {
	const struct sweep_entry *first; /* of its runs: values, system */
	int planned, n;			 /* runs to be had (left out ones do not count); finished */
	const char *left_out;		 /* why none of them is to be had, or NULL */
	char selection[32];		 /* of the checkpoint within a run */
	struct spread f1, accuracy, dev; /* dev.n < n: some runs have no dev score */
	struct interval interval;	 /* of mean weighted F1, by dialogue; NaN: no run */
};

struct sweep_summary {
	struct sweep_file file;
	struct sweep_row *row;			 /* (n_rows) */
	int n_rows, finished, missing, left_out; /* runs */
	bool limited;				 /* runs are missing or limited: not a result */
	int chosen; /* row with the best mean dev score among the whole ones, -1: none */
	int best;   /* row with the best mean on test, -1: none */
};

struct sweep_report_options {
	int replicates; /* of the bootstrap */
	uint64_t seed;
	int threads;
};

/* Reads the folder of a sweep.  A run that is not there is counted as missing; one that
 * cannot be read is an error.  Free with sweep_summary_free(), also after failure. */
int sweep_summary_make(struct sweep_summary *s, const char *dir,
		       const struct sweep_report_options *o, struct err *err);
void sweep_summary_free(struct sweep_summary *s);

/* The three forms. */
void sweep_summary_markdown(const struct sweep_summary *s, struct strbuf *out);
void sweep_summary_csv(const struct sweep_summary *s, struct strbuf *out);
void sweep_summary_json(const struct sweep_summary *s, struct strbuf *out);

/* Writes summary.md, .csv, .json and axis-NAME.{dat,gp,svg,png} into dir; without gnuplot
 * the last two are left out and the log says so. */
int sweep_summary_write(const struct sweep_summary *s, const char *dir, const struct log *log,
			struct err *err);
/* axis-NAME.dat and .gp; *drawn: the axis has something to show. */
int sweep_plot_write(const struct sweep_summary *s, int axis, const char *dir, char slug[96],
		     bool *drawn, struct err *err);

#endif

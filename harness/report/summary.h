/* SPDX-License-Identifier: Apache-2.0
 * From runs to rows: runs that differ in the seed alone become one row with mean, spread,
 * interval, ceiling and the drop against the full system.  Runs of one name with other options,
 * back-ends or cues are rows of their own, which say what differs.
 */
#ifndef HARNESS_REPORT_SUMMARY_H
#define HARNESS_REPORT_SUMMARY_H

#include "harness/metrics/compare.h"
#include "harness/report/results.h"

/* One test set under one label policy; calibrated and real never share one, and limited runs share
 * none with results. */
struct board {
	char slug[64];		     /* "meld-calibrated"; a second corpus of that name gets "-2" */
	char title[48];		     /* "MELD"; says so when the runs are limited */
	char name[96];		     /* "MELD (calibrated)" */
	const struct result *sample; /* any run on it: labels, root, policy, splits */
	bool calibrated, limited;
	struct json *calibration; /* calibration.json of its root where runs lack their ceiling */
};

struct row {
	int board;
	const char *system; /* with what differs: "bemerc", "bemerc (lr=0.01)" */
	const char *model;
	const struct result *first; /* name, options, without, selection, sight of all its runs */
	char without[160];	    /* "face, body"; "" for the full system */
	const struct result **run;  /* (n_runs) ordered by seed */
	int n_runs;
	struct spread f1, accuracy;
	struct spread answered_f1; /* of the samples that have a label; n 0: a run has none */
	struct interval interval;  /* of the mean over seeds, by dialogue */
	struct interval accuracy_interval;
	struct confusion confusion;   /* all seeds added */
	struct scores pooled;	      /* of that */
	struct calibration beliefs;   /* all seeds together; n 0: no probabilities */
	double ceiling, test_ceiling; /* best reachable weighted F1: of the process; of the oracle
				       * on this very test set.  NaN: not known */
	int versus;		      /* row of the system it is compared with, or -1 */
	struct interval drop;	      /* versus - this, in weighted F1; value NaN: none */
	int paired_seeds;	      /* seeds both have; 0: all seeds of both were used */
	double true_drop;	      /* ceiling of versus - ceiling; NaN: not known */
};

#define MAIN_SYSTEM "bemerc" /* that others are compared with */

struct summary {
	struct result_list runs;
	struct board *board;
	int n_boards;
	struct row *row; /* ordered: board, system, without */
	int n_rows;
	struct arena mem; /* names of rows */
};

struct summary_options {
	int replicates; /* of the bootstrap */
	uint64_t seed;
	int threads;
};

/* Reads runs_dir and fills *s.  Free with summary_free(), also after failure. */
int summary_make(struct summary *s, const char *runs_dir, const struct summary_options *o,
		 const struct log *log, struct err *err);
void summary_free(struct summary *s);

/* Row of a system on a board, or NULL; without "": the full system.  Of several that differ in
 * options, the one with the most runs, then the oldest. */
const struct row *summary_find(const struct summary *s, int board, const char *system,
			       const char *without);
/* Names the rows that differ from others of the same name; part of summary_make(). */
int summary_name_rows(struct summary *s, struct err *err);
/* summary.json (schema_version 1). */
void summary_write_json(const struct summary *s, struct strbuf *out);

#endif

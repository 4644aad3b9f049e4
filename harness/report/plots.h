/* SPDX-License-Identifier: Apache-2.0
 * The pictures of the report, from the same rows as the tables.  Colours follow
 * Okabe and Ito (readable with colour-blind eyes), one for each system everywhere.
 */
#ifndef HARNESS_REPORT_PLOTS_H
#define HARNESS_REPORT_PLOTS_H

#include "harness/report/summary.h"

enum plot_kind {
	PLOT_OVERVIEW,	/* weighted F1 by system with interval, seeds, ceiling */
	PLOT_CONFUSION, /* heat map of the main system */
	PLOT_PER_CLASS, /* F1 by label and system */
	PLOT_ABLATION,	/* measured and true drop */
	PLOT_LOSS,	/* training loss and dev score by epoch */
	PLOT_LATENCY,	/* p50 to p99 of each stage */
	PLOT_KIND_COUNT,
};

/* Writes one picture's .dat and .gp into dir, named KIND-BOARD.  *drawn: there is
 * something to show; slug (size 96) is its file name without suffix. */
int plots_write(const struct summary *s, int board, enum plot_kind kind, const char *dir,
		char slug[96], bool *drawn, struct err *err);
/* "#rrggbb" of a system. */
const char *plots_color(const struct summary *s, const char *system);
/* The row whose confusions and losses are drawn: the main system, else the first. */
const struct row *plots_main_row(const struct summary *s, int board);

#endif

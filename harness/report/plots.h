/* SPDX-License-Identifier: Apache-2.0
 * The pictures of the report, from the same rows as the tables.  Colours follow
 * Okabe and Ito (readable with colour-blind eyes), one for each system and one for each
 * emotion everywhere; where curves or points meet, their shapes differ as well.
 */
#ifndef HARNESS_REPORT_PLOTS_H
#define HARNESS_REPORT_PLOTS_H

#include "harness/report/summary.h"

enum plot_kind {
	PLOT_OVERVIEW,	       /* weighted F1 by system with interval, seeds, ceiling */
	PLOT_SEEDS,	       /* every run by itself, systems and ablations */
	PLOT_ABLATION,	       /* measured and true drop */
	PLOT_LABEL_DROP,       /* what each ablation costs each label */
	PLOT_CONFUSION,	       /* heat map of the main system */
	PLOT_CONFUSION_OTHERS, /* smaller ones of the other systems */
	PLOT_PER_CLASS,	       /* F1 by label and system */
	PLOT_RELIABILITY,      /* accuracy by confidence, ECE */
	PLOT_LOSS,	       /* training loss and dev score by epoch */
	PLOT_LATENCY,	       /* p50 to p99 of each stage */
	PLOT_LATENCY_CDF,      /* share of utterances answered within a time */
	PLOT_KIND_COUNT,
};

/* Writes one picture's .dat and .gp into dir, named KIND-BOARD.  *drawn: there is
 * something to show; slug (size 96) is its file name without suffix. */
int plots_write(const struct summary *s, int board, enum plot_kind kind, const char *dir,
		char slug[96], bool *drawn, struct err *err);
/* "#rrggbb" of a system. */
const char *plots_color(const struct summary *s, const char *system);
/* How often the colours were used up before this system; a dash or shape tells it from the others.
 */
int plots_round(const struct summary *s, const char *system);
/* "#rrggbb" of a label; index: which of its set it is, for labels that have no colour. */
const char *plots_label_color(const char *label, int index);
/* The row of the headline, whose confusions and losses are drawn: the main system's, else that with
 * the highest score. */
const struct row *plots_main_row(const struct summary *s, int board);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Shared by the files that draw: which rows, which colours, where bars stand.
 */
#ifndef HARNESS_REPORT_PLOTS_PARTS_H
#define HARNESS_REPORT_PLOTS_PARTS_H

#include "harness/report/gnuplot.h"
#include "harness/report/plots.h"

#define TRUTH_COLOR "#D55E00" /* ceilings and true drops, in every picture */
#define GRID_STYLE  "lc rgb \"#bbbbbb\" lw .5"
/* One hue from light to dark: read by lightness alone. */
#define HEAT_PALETTE "set palette defined (0 '#f1f6fb', .5 '#5aa2d0', 1 '#083a6b')\n"
#define HOVER_STYLE  "with labels hypertext point pt 5 ps 2 lc rgb \"#ff000000\" notitle"
#define KEY_ON_TOP                                                                                 \
	"set key at screen .98, screen .97 right top horizontal Left reverse samplen 1.5 "         \
	"maxrows 1 width -1\nset tmargin 2.2\n"

/* Next full system of a board after row (NULL: the first); NULL at the end. */
const struct row *plot_next(const struct summary *s, int board, const struct row *row);
int plot_count(const struct summary *s, int board);
/* "set xtics ('a' 0, 'b' 1 …) scale 0" for n names; axis 'x' or 'y'; down: first on top. */
void plot_tics(struct plot *p, char axis, const char *const *name, int n, bool down);
/* Where series j of m stands at group i, when all of a group share .8 of its width. */
double plot_bar_at(int i, int j, int m);

/* The colour of a system as gnuplot's "rgb variable" wants it. */
long plot_color_number(const struct summary *s, const char *system);
/* "bemerc without face, body". */
void plot_row_name(const struct row *r, char *dst, size_t size);
/* Ablations with a drop, and the one system that is an ablation by design. */
bool plot_is_ablation(const struct row *r, int board);
/* Origin and size of panel i of n, so many in a row, in a picture whose foot has a share of the
 * height for the key. */
void plot_panel(struct plot *p, int i, int n, int across, double foot);
/* An empty panel in that foot with a line or point ("style") for each of n names. */
struct key_entry {
	const char *name, *color, *style;
};
void plot_foot_key(struct plot *p, const struct key_entry *entry, int n, double foot);

/* The name as the title of a panel, in lines of so many letters (what differs in one of its own),
 * and another line below it (or NULL). */
void plot_title(struct plot *p, const char *name, const char *below, int letters);

/* Points that the longest name of a board's full systems takes beside a picture. */
int plot_name_width(const struct summary *s, int board);
/* Room for long names on the left: gnuplot by itself leaves too much. */
void plot_name_margin(struct plot *p, const struct summary *s, int board);
/* In a high picture: the key of KEY_ON_TOP goes as far up as in others. */
void plot_key_up(struct plot *p);
/* More full systems than colours, or than names fit a key of this width? */
bool plot_crowded(const struct summary *s, int board, int width);
/* Their pictures then. */
bool plot_per_class_many(struct plot *p, const struct summary *s, int board);
bool plot_latency_many(struct plot *p, const struct summary *s, int board, const char *const *stage,
		       int n);
bool plot_latency_cdf_many(struct plot *p, const struct summary *s, int board);
/* Slowest run of a row at one stage; n 0: not measured. */
struct stage_times plot_slowest(const struct row *r, const char *stage);
/* Two blocks: the curve; three percentiles with their hover texts.  false: nothing recorded. */
bool plot_cdf_blocks(struct plot *p, const struct row *r);
/* The range of x that all curves of n rows need. */
void plot_cdf_range(struct plot *p, const struct row *const *row, int n);

/* Each fills *p; false: nothing to show. */
bool plot_overview(struct plot *p, const struct summary *s, int board);
bool plot_ablation(struct plot *p, const struct summary *s, int board);
bool plot_confusion(struct plot *p, const struct summary *s, int board);
bool plot_per_class(struct plot *p, const struct summary *s, int board);
bool plot_loss(struct plot *p, const struct summary *s, int board);
bool plot_latency(struct plot *p, const struct summary *s, int board);
bool plot_latency_cdf(struct plot *p, const struct summary *s, int board);
bool plot_seeds(struct plot *p, const struct summary *s, int board);
bool plot_label_drop(struct plot *p, const struct summary *s, int board);
bool plot_confusion_others(struct plot *p, const struct summary *s, int board);
bool plot_reliability(struct plot *p, const struct summary *s, int board);

#endif

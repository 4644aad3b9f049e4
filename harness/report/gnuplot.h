/* SPDX-License-Identifier: Apache-2.0
 * Pictures by gnuplot: a .dat and a .gp beside each, so that gnuplot alone can
 * redraw them.  gnuplot is optional: without it the two files are all there is.
 */
#ifndef HARNESS_REPORT_GNUPLOT_H
#define HARNESS_REPORT_GNUPLOT_H

#include <stdbool.h>

#include "harness/base/err.h"
#include "harness/base/str.h"

/* One picture in the making: data and script. */
struct plot {
	char slug[96]; /* file name without suffix */
	int width, height;
	bool print; /* a PDF of print size too: 760 points of the picture are 17 cm */
	struct strbuf dat, gp;
};

/* Starts a picture of so many points (SVG) or twice as many pixels (PNG). */
void plot_begin(struct plot *p, const char *slug, int width, int height);
/* A text field of the .dat: quotes, backslashes and control characters become blanks. */
void plot_dat_text(struct plot *p, const char *text);
/* A text in the script, quoted so that gnuplot shows it as it is. */
void plot_gp_text(struct plot *p, const char *text);
/* The same where it names a place on an axis: gnuplot takes that for a format. */
void plot_gp_tic(struct plot *p, const char *text);
/* Writes slug.dat and slug.gp into dir. */
int plot_write(const struct plot *p, const char *dir, struct err *err);
void plot_free(struct plot *p);

/* Runs "gnuplot slug.gp" in dir (no shell).  *missing: there is no gnuplot, which
 * is no error; a script that fails is ERR_BACKEND with what gnuplot said. */
int plot_draw(const char *dir, const char *slug, bool *missing, struct err *err);

#endif

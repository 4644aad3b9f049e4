/* SPDX-License-Identifier: Apache-2.0
 * Reliability diagrams: how often a system is right when it says how sure it is.
 */
#include "harness/report/plots_parts.h"

#define ACROSS 3

static void belief_bins(struct plot *p, const struct calibration *c)
{
	for (int m = 0; m < CALIBRATION_BINS; m++) {
		double n = (double)c->bin[m].n, right = (double)c->bin[m].right;

		if (!c->bin[m].n)
			continue;
		strbuf_addf(&p->dat,
			    "%.2f\t%.6f\t%.6f\t%lld\tconfidence %.1f to %.1f, mean %.3f: %lld of "
			    "%lld right (%.3f)\n",
			    (m + .5) / CALIBRATION_BINS, right / n, c->bin[m].confidence / n,
			    (long long)c->bin[m].n, m / (double)CALIBRATION_BINS,
			    (m + 1) / (double)CALIBRATION_BINS, c->bin[m].confidence / n,
			    (long long)c->bin[m].right, (long long)c->bin[m].n, right / n);
	}
	strbuf_add(&p->dat, "\n\n");
}

static void belief_panel(struct plot *p, const struct summary *s, const struct row *r, int block)
{
	struct strbuf title = { 0 };

	strbuf_addf(&title, "ECE %.3f, n %lld", calibration_ece(&r->beliefs),
		    (long long)r->beliefs.n);
	plot_title(p, r->system, strbuf_str(&title), 38);
	p->gp.oom |= title.oom;
	strbuf_free(&title);
	belief_bins(p, &r->beliefs);
	strbuf_addf(&p->gp,
		    "\nplot data index %d using 1:2:(.086) with boxes fs solid .75 noborder lc rgb "
		    "\"%s\", \\\n"
		    " x with lines dt 2 lw 1.2 lc rgb \"#777777\", \\\n"
		    " data index %d using 3:2 with points pt 7 ps .5 lc rgb \"black\", \\\n"
		    " data index %d using 1:(1.07):4 with labels font \",9\", \\\n"
		    " data index %d using 1:($2/2):5 " HOVER_STYLE "\n",
		    block, plots_color(s, r->system), block, block, block);
}

bool plot_reliability(struct plot *p, const struct summary *s, int board)
{
	int n = 0, i = 0, across;

	for (const struct row *r = plot_next(s, board, NULL); r; r = plot_next(s, board, r))
		n += r->beliefs.n > 0;
	if (!n)
		return false;
	across = n < ACROSS ? n : ACROSS;
	p->width = 300 * across;
	p->height = 290 * ((n + ACROSS - 1) / ACROSS);
	strbuf_add(&p->gp, "set multiplot\nset border 3\nset tics nomirror out\nunset key\n"
			   "set grid y " GRID_STYLE "\nset xrange [0:1]\nset yrange [0:1.13]\n"
			   "set xtics .2\nset ytics 0,.2,1\nset xlabel 'confidence'\n"
			   "set ylabel 'share that is right'\nset lmargin 9\nset rmargin 2\n"
			   "set tics font \",11\"\nset title font \",12\"\n"
			   "set xlabel font \",12\"\nset ylabel font \",12\"\n");
	for (const struct row *r = plot_next(s, board, NULL); r; r = plot_next(s, board, r)) {
		if (!r->beliefs.n)
			continue;
		plot_panel(p, i, n, ACROSS, 0);
		belief_panel(p, s, r, i++);
	}
	strbuf_add(&p->gp, "unset multiplot\n");
	return true;
}

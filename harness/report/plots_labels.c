/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/plots_parts.h"

/* Column k of a confusion matrix is "no answer"; drawn only if something is in it. */
static int confusion_columns(const struct confusion *c)
{
	for (int i = 0; i < c->k; i++)
		if (c->count[i][c->k])
			return c->k + 1;
	return c->k;
}

static void confusion_cells(struct plot *p, const struct row *r, int columns)
{
	const struct confusion *c = &r->confusion;

	for (int i = 0; i < c->k; i++)
		for (int j = 0; j < columns; j++) {
			long long n = (long long)c->count[i][j];
			long long of = (long long)r->pooled.cls[i].support;
			double part = of ? (double)n / (double)of : 0;

			strbuf_addf(&p->dat, "%d\t%d\t%.6f\t%lld\t%d\t", j, c->k - 1 - i, part, n,
				    part > .55 ? 0xffffff : 0x222222);
			plot_dat_text(p, r->first->label[i]);
			strbuf_add(&p->dat, " answered as ");
			plot_dat_text(p, j < c->k ? r->first->label[j] : "nothing");
			strbuf_addf(&p->dat, ": %lld of %lld (%.1f %%)\n", n, of, part * 100);
		}
}

bool plot_confusion(struct plot *p, const struct summary *s, int board)
{
	const struct row *r = plots_main_row(s, board);
	const char *name[LABEL_MAX + 1];
	int k = r->confusion.k, columns = confusion_columns(&r->confusion);

	for (int i = 0; i < k; i++)
		name[i] = r->first->label[i];
	name[k] = "none";
	p->width = 190 + 72 * columns;
	p->height = 110 + 48 * k;
	confusion_cells(p, r, columns);
	plot_tics(p, 'x', name, columns, false);
	plot_tics(p, 'y', name, k, true);
	strbuf_addf(&p->gp,
		    "unset key\nunset border\nset xrange [-.5:%d.5]\nset yrange [-.5:%d.5]\n"
		    "set cbrange [0:1]\nunset colorbox\n" HEAT_PALETTE
		    "set xlabel 'answer'\nset ylabel 'true label'\n"
		    "set style fill solid 1 noborder\n"
		    "plot data using 1:2:($1-.49):($1+.49):($2-.48):($2+.48):3 with boxxyerror "
		    "fc palette, \\\n data using 1:2:4:5 with labels tc rgb variable, \\\n"
		    " data using 1:2:6 with labels hypertext point pt 5 ps 4 lc rgb "
		    "\"#ff000000\"\n",
		    columns - 1, k - 1);
	return true;
}

#define OTHERS_ACROSS 3

/* A heat map without numbers, which stand in the hover texts. */
static void other_panel(struct plot *p, const struct row *r, int i, int columns)
{
	int k = r->confusion.k;

	plot_title(p, r->system, NULL, 36);
	confusion_cells(p, r, columns);
	strbuf_add(&p->dat, "\n\n");
	strbuf_addf(&p->gp,
		    "\nset xrange [-.5:%d.5]\nset yrange [-.5:%d.5]\n"
		    "plot data index %d using 1:2:($1-.48):($1+.48):($2-.48):($2+.48):3 with "
		    "boxxyerror fc palette, \\\n data index %d using 1:2:6 with labels hypertext "
		    "point pt 5 ps 2.4 lc rgb \"#ff000000\"\n",
		    columns - 1, k - 1, i, i);
}

bool plot_confusion_others(struct plot *p, const struct summary *s, int board)
{
	const struct row *main_row = plots_main_row(s, board);
	const char *name[LABEL_MAX + 1];
	int n = plot_count(s, board) - 1, i = 0, k = main_row->confusion.k;
	int across = n < OTHERS_ACROSS ? n : OTHERS_ACROSS;

	if (n < 1)
		return false;
	for (int j = 0; j < k; j++)
		name[j] = main_row->first->label[j];
	name[k] = "none";
	p->width = 300 * across;
	p->height = 290 * ((n + OTHERS_ACROSS - 1) / OTHERS_ACROSS);
	strbuf_add(&p->gp, "set multiplot\nunset key\nunset border\nset cbrange [0:1]\n"
			   "unset colorbox\nset lmargin 11\nset rmargin 4\nset bmargin 5\n"
			   "set tics font \",11\"\nset title font \",12\"\n"
			   "set style fill solid 1 noborder\n" HEAT_PALETTE);
	plot_tics(p, 'y', name, k, true);
	for (const struct row *r = plot_next(s, board, NULL); r; r = plot_next(s, board, r)) {
		int columns = confusion_columns(&r->confusion);

		if (r == main_row)
			continue;
		plot_tics(p, 'x', name, columns, false);
		strbuf_add(&p->gp, "set xtics rotate by -45\n");
		plot_panel(p, i, n, OTHERS_ACROSS, 0);
		other_panel(p, r, i++, columns);
	}
	strbuf_add(&p->gp, "unset multiplot\n");
	return true;
}

/* One block of bars for each system; the commands that draw them go to curves. */
static void per_class_series(struct plot *p, const struct summary *s, const struct row *r, int j,
			     int m)
{
	for (int i = 0; i < r->pooled.k; i++) {
		double f1 = r->pooled.cls[i].f1 * 100;

		strbuf_addf(&p->dat, "%.4f\t%.6f\t%.4f\t", plot_bar_at(i, j, m), f1, .72 / m);
		plot_dat_text(p, r->system);
		strbuf_add(&p->dat, ", ");
		plot_dat_text(p, r->first->label[i]);
		strbuf_addf(&p->dat, ": F1 %.1f, %lld samples\n", f1,
			    (long long)r->first->scores.cls[i].support);
	}
	strbuf_add(&p->dat, "\n\n");
	strbuf_addf(&p->gp, "%sdata index %d using 1:2:3 with boxes lc rgb \"%s\" title ",
		    j ? ", \\\n " : "plot ", j, plots_color(s, r->system));
	plot_gp_text(p, r->system);
	strbuf_addf(&p->gp, ", \\\n data index %d using 1:($2/2):4 " HOVER_STYLE, j);
}

bool plot_per_class(struct plot *p, const struct summary *s, int board)
{
	const struct result *sample = s->board[board].sample;
	int m = plot_count(s, board), j = 0;

	p->width = 160 + sample->k * (40 + 16 * m);
	if (plot_crowded(s, board, p->width))
		return plot_per_class_many(p, s, board);
	p->height = 340;
	strbuf_addf(&p->gp,
		    "set border 3\nset grid y " GRID_STYLE "\nset yrange [0:100]\n"
		    "set xrange [-.6:%d.6]\nset ytics nomirror out\nset ylabel 'F1, %%'\n"
		    "set style fill solid 1 noborder\n" KEY_ON_TOP,
		    sample->k - 1);
	plot_tics(p, 'x', sample->label, sample->k, false);
	for (const struct row *r = plot_next(s, board, NULL); r; r = plot_next(s, board, r))
		per_class_series(p, s, r, j++, m);
	strbuf_addc(&p->gp, '\n');
	return true;
}

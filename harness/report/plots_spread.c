/* SPDX-License-Identifier: Apache-2.0
 * What lies behind the means: single runs, and the labels that an ablation costs.
 */
#include <math.h>

#include "harness/report/plots_parts.h"

#define ROWS_MAX   64  /* rows a picture has room for */
#define NAME_USUAL 180 /* points of a name, with what it went without */

/* Two blocks: runs, means.  Returns the most runs that a row has. */
static int seeds_data(struct plot *p, const struct summary *s, const struct row *const *row, int n)
{
	int most = 0;

	for (int i = 0; i < n; i++) {
		const struct row *r = row[i];
		double apart = fmin(.14, .6 / r->n_runs);
		char name[224];

		plot_row_name(r, name, sizeof(name));
		most = r->n_runs > most ? r->n_runs : most;
		for (int j = 0; j < r->n_runs; j++) {
			double f1 = r->run[j]->scores.weighted_f1 * 100;

			strbuf_addf(&p->dat, "%.6f\t%.4f\t%ld\t", f1,
				    n - 1 - i + ((r->n_runs - 1) / 2.0 - j) * apart,
				    plot_color_number(s, r->system));
			plot_dat_text(p, name);
			strbuf_addf(&p->dat, ", seed %llu: %.2f\n",
				    (unsigned long long)r->run[j]->seed, f1);
		}
	}
	strbuf_add(&p->dat, "\n\n");
	for (int i = 0; i < n; i++)
		strbuf_addf(&p->dat, "%.6f\t%d\n", row[i]->f1.mean * 100, n - 1 - i);
	return most;
}

/* Tics with the names of rows, the first on top. */
static void name_tics(struct plot *p, const struct row *const *row, int n)
{
	strbuf_add(&p->gp, "set ytics (");
	for (int i = 0; i < n; i++) {
		char name[224];

		plot_row_name(row[i], name, sizeof(name));
		strbuf_add(&p->gp, i ? ", " : "");
		plot_gp_tic(p, name);
		strbuf_addf(&p->gp, " %d", n - 1 - i);
	}
	strbuf_add(&p->gp, ") scale 0\n");
}

bool plot_seeds(struct plot *p, const struct summary *s, int board)
{
	const struct row *row[ROWS_MAX];
	int n = 0;

	for (int i = 0; i < s->n_rows && n < ROWS_MAX; i++)
		if (s->row[i].board == board)
			row[n++] = &s->row[i];
	if (seeds_data(p, s, row, n) < 2)
		return false;
	p->height = 90 + 26 * n;
	if (plot_name_width(s, board) > NAME_USUAL)
		p->width += plot_name_width(s, board) - NAME_USUAL;
	strbuf_addf(&p->gp,
		    "set border 1\nset grid x y " GRID_STYLE "\nset yrange [-.6:%d.6]\n"
		    "set offsets graph .02, graph .02, 0, 0\nset xtics nomirror out\n"
		    "set xlabel 'weighted F1, %%'\n" KEY_ON_TOP,
		    n - 1);
	plot_key_up(p);
	plot_name_margin(p, s, board);
	name_tics(p, row, n);
	strbuf_add(&p->gp,
		   "plot data index 1 using 1:($2-.32):(0):(.64) with vectors nohead lw 1.6 lc rgb "
		   "\"#777777\" title 'mean', \\\n"
		   " data index 0 using 1:2:3 with points pt 7 ps .75 lc rgb variable title "
		   "'one run', \\\n data index 0 using 1:2:4 " HOVER_STYLE "\n");
	return true;
}

/* One block a label. */
static void label_drop_data(struct plot *p, const struct summary *s, const struct row *const *row,
			    int n, int label)
{
	for (int i = 0; i < n; i++) {
		const struct row *r = row[i], *full = &s->row[r->versus];
		double drop = (full->pooled.cls[label].f1 - r->pooled.cls[label].f1) * 100;
		int k = r->pooled.k;
		char name[224];

		plot_row_name(r, name, sizeof(name));
		strbuf_addf(&p->dat, "%.6f\t%.4f\t", drop,
			    n - 1 - i + ((k - 1) / 2.0 - label) * (.72 / k));
		plot_dat_text(p, name);
		strbuf_add(&p->dat, ", ");
		plot_dat_text(p, r->first->label[label]);
		strbuf_addf(&p->dat, ": F1 %.1f instead of %.1f\n", r->pooled.cls[label].f1 * 100,
			    full->pooled.cls[label].f1 * 100);
	}
	strbuf_add(&p->dat, "\n\n");
}

bool plot_label_drop(struct plot *p, const struct summary *s, int board)
{
	static const int shape[] = { 7, 5, 9, 11, 13, 15 };
	const struct row *row[ROWS_MAX];
	const struct result *sample = s->board[board].sample;
	int n = 0;

	for (int i = 0; i < s->n_rows && n < ROWS_MAX; i++)
		if (plot_is_ablation(&s->row[i], board))
			row[n++] = &s->row[i];
	if (!n)
		return false;
	p->width = sample->k > 6 ? 900 : 760; /* the key is one line */
	p->height = 120 + 44 * n;
	strbuf_addf(
		&p->gp,
		"set border 1\nset grid x " GRID_STYLE "\nset yrange [-.6:%d.6]\n"
		"set xtics nomirror out\nset xlabel 'drop in F1 of the label, points'\n" KEY_ON_TOP
		"set arrow from 0,graph 0 to 0,graph 1 nohead lc rgb \"#777777\" lw 1\n",
		n - 1);
	plot_key_up(p);
	name_tics(p, row, n);
	for (int k = 0; k < sample->k; k++) {
		label_drop_data(p, s, row, n, k);
		strbuf_addf(
			&p->gp,
			"%sdata index %d using 1:2 with points pt %d ps .8 lc rgb \"%s\" title ",
			k ? ", \\\n " : "plot ", k, shape[(size_t)k % ARRAY_LEN(shape)],
			plots_label_color(sample->label[k], k));
		plot_gp_text(p, sample->label[k]);
		strbuf_addf(&p->gp, ", \\\n data index %d using 1:2:3 " HOVER_STYLE, k);
	}
	strbuf_addc(&p->gp, '\n');
	return true;
}

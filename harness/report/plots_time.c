/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "harness/report/plots_parts.h"

#define PANEL_MAX 6 /* stages of training that a picture has room for */

/* A point of a curve: an epoch of this stage, or of any stage with a dev score. */
static bool in_panel(const struct epoch_line *e, const char *stage)
{
	return stage ? !strcmp(e->stage, stage) && isfinite(e->loss) : isfinite(e->dev);
}

/* Stages that were logged on this board, in order of appearance. */
static int find_stages(const struct summary *s, int board, const char *name[PANEL_MAX])
{
	int n = 0;

	for (const struct row *r = plot_next(s, board, NULL); r; r = plot_next(s, board, r))
		for (int e = 0; e < r->first->n_epoch; e++) {
			int i = 0;

			while (i < n && strcmp(name[i], r->first->epoch[e].stage))
				i++;
			if (i == n && n < PANEL_MAX - 1)
				name[n++] = r->first->epoch[e].stage;
		}
	return n;
}

/* Last epoch that a panel shows for a row (for a board: row NULL); 0: none. */
static int last_epoch(const struct row *r, const char *stage)
{
	int last = 0;

	for (int i = 0; i < r->n_runs; i++)
		for (int e = 0; e < r->run[i]->n_epoch; e++)
			if (in_panel(&r->run[i]->epoch[e], stage) &&
			    r->run[i]->epoch[e].epoch > last)
				last = r->run[i]->epoch[e].epoch;
	return last;
}

static int board_last_epoch(const struct summary *s, int board, const char *stage)
{
	int last = 0;

	for (const struct row *r = plot_next(s, board, NULL); r; r = plot_next(s, board, r)) {
		int here = last_epoch(r, stage);

		last = here > last ? here : last;
	}
	return last;
}

/* One block: every seed a line, broken by a blank line. */
static void loss_block(struct plot *p, const struct row *r, const char *stage)
{
	for (int i = 0; i < r->n_runs; i++) {
		for (int e = 0; e < r->run[i]->n_epoch; e++) {
			const struct epoch_line *x = &r->run[i]->epoch[e];

			if (in_panel(x, stage))
				strbuf_addf(&p->dat, "%d\t%.6g\n", x->epoch,
					    stage ? x->loss : x->dev * 100);
		}
		strbuf_addc(&p->dat, '\n');
	}
	strbuf_addc(&p->dat, '\n');
}

/* stage NULL: the panel of dev scores. */
static void loss_panel(struct plot *p, const struct summary *s, int board, const char *stage,
		       int *block)
{
	int last = board_last_epoch(s, board, stage);
	const char *sep = "plot ";

	if (!last)
		return;
	strbuf_add(&p->gp, "set title ");
	plot_gp_text(p, stage ? stage : "dev");
	strbuf_addf(&p->gp,
		    "\nset ylabel '%s'\nset yrange [%s]\nset xrange [.7:%d.3]\nset xtics %d\n",
		    stage ? "training loss" : "weighted F1, %", stage ? "0:*" : "*:*", last,
		    1 + (last - 1) / 8);
	for (const struct row *r = plot_next(s, board, NULL); r; r = plot_next(s, board, r)) {
		if (!last_epoch(r, stage))
			continue;
		loss_block(p, r, stage);
		strbuf_addf(&p->gp,
			    "%sdata index %d using 1:2 with linespoints pt 7 ps .45 lw 1.6 lc rgb "
			    "\"%s\" notitle",
			    sep, (*block)++, plots_color(s, r->system));
		sep = ", \\\n ";
	}
	strbuf_addc(&p->gp, '\n');
}

/* One key for all panels: an empty plot that holds nothing else. */
static void loss_key(struct plot *p, const struct summary *s, int board)
{
	const char *sep = "plot ";

	strbuf_add(&p->gp, "set origin 0,0\nset size 1,.15\nunset border\nunset tics\n"
			   "unset xlabel\nunset ylabel\nunset title\nunset grid\n"
			   "set xrange [0:1]\nset yrange [0:1]\nset margins 0,0,0,0\n"
			   "set key center center horizontal samplen 2 maxrows 1\n");
	for (const struct row *r = plot_next(s, board, NULL); r; r = plot_next(s, board, r)) {
		if (!r->first->n_epoch)
			continue;
		strbuf_addf(&p->gp, "%s1/0 with linespoints pt 7 ps .6 lw 1.6 lc rgb \"%s\" title ",
			    sep, plots_color(s, r->system));
		plot_gp_text(p, r->system);
		sep = ", \\\n ";
	}
	strbuf_addc(&p->gp, '\n');
}

bool plot_loss(struct plot *p, const struct summary *s, int board)
{
	const char *stage[PANEL_MAX];
	int n = find_stages(s, board, stage), block = 0, panels;

	panels = n + (board_last_epoch(s, board, NULL) > 0);
	p->width = panels > 1 ? 340 * panels : 480;
	p->height = 330;
	strbuf_add(&p->gp, "set multiplot\nset border 3\nset tics nomirror out\n"
			   "set grid y " GRID_STYLE "\nset xlabel 'epoch'\nset lmargin 9\n"
			   "set rmargin 2\nunset key\n");
	for (int i = 0; i < panels; i++) {
		strbuf_addf(&p->gp, "set origin %.4f,.13\nset size %.4f,.87\n", (double)i / panels,
			    1.0 / panels);
		loss_panel(p, s, board, i < n ? stage[i] : NULL, &block);
	}
	loss_key(p, s, board);
	strbuf_add(&p->gp, "unset multiplot\n");
	return n > 0;
}

/* Slowest run of a row at one stage; n 0: not measured. */
static struct stage_times slowest(const struct row *r, const char *stage)
{
	struct stage_times out = { .name = stage };

	for (int i = 0; i < r->n_runs; i++)
		for (int j = 0; j < r->run[i]->n_stage; j++) {
			const struct stage_times *x = &r->run[i]->stage[j];

			if (!strcmp(x->name, stage) && x->n && x->p50_ms > out.p50_ms)
				out = *x;
		}
	return out;
}

/* Stages with a time, in order of appearance. */
static int find_timed(const struct summary *s, int board, const char *name[STAGE_MAX])
{
	int n = 0;

	for (const struct row *r = plot_next(s, board, NULL); r; r = plot_next(s, board, r))
		for (int i = 0; i < r->n_runs; i++)
			for (int j = 0; j < r->run[i]->n_stage; j++) {
				const struct stage_times *x = &r->run[i]->stage[j];
				int at = 0;

				while (at < n && strcmp(name[at], x->name))
					at++;
				if (at == n && n < STAGE_MAX && x->n && x->p50_ms > 0)
					name[n++] = x->name;
			}
	return n;
}

/* The block of one system; false (and nothing written): no stage was timed. */
static bool latency_block(struct plot *p, const struct row *r, const char *const *stage, int n,
			  int j, int m)
{
	bool any = false;

	for (int i = 0; i < n; i++) {
		struct stage_times x = slowest(r, stage[i]);

		if (!x.n)
			continue;
		strbuf_addf(&p->dat, "%.4f\t%.6g\t%.6g\t%.6g\t", plot_bar_at(i, j, m), x.p50_ms,
			    x.p90_ms, x.p99_ms);
		plot_dat_text(p, r->system);
		strbuf_add(&p->dat, ", ");
		plot_dat_text(p, stage[i]);
		strbuf_addf(&p->dat, ": p50 %.3g, p90 %.3g, p99 %.3g ms\n", x.p50_ms, x.p90_ms,
			    x.p99_ms);
		any = true;
	}
	strbuf_add(&p->dat, any ? "\n\n" : "");
	return any;
}

bool plot_latency(struct plot *p, const struct summary *s, int board)
{
	const char *stage[STAGE_MAX];
	int n = find_timed(s, board, stage), m = plot_count(s, board), j = 0, block = 0;

	p->width = 170 + n * (40 + 24 * m) < 640 ? 640 : 170 + n * (40 + 24 * m);
	p->height = 340;
	strbuf_addf(&p->gp,
		    "set border 3\nset grid y " GRID_STYLE "\nset logscale y\n"
		    "set format y '%%g'\nset xrange [-.6:%d.6]\nset ytics nomirror out\n"
		    "set ylabel 'ms an utterance'\n" KEY_ON_TOP,
		    n - 1);
	plot_tics(p, 'x', stage, n, false);
	for (const struct row *r = plot_next(s, board, NULL); r; r = plot_next(s, board, r)) {
		if (!latency_block(p, r, stage, n, j++, m))
			continue;
		strbuf_addf(&p->gp,
			    "%sdata index %d using 1:2:2:4 with yerrorbars pt 7 ps .9 lw 2 lc rgb "
			    "\"%s\" title ",
			    block ? ", \\\n " : "plot ", block, plots_color(s, r->system));
		plot_gp_text(p, r->system);
		strbuf_addf(&p->gp,
			    ", \\\n data index %d using 1:3 with points pt 9 ps .9 lc rgb \"%s\" "
			    "notitle, \\\n data index %d using 1:2:5 " HOVER_STYLE,
			    block, plots_color(s, r->system), block);
		block++;
	}
	strbuf_addc(&p->gp, '\n');
	return n > 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/metrics/latency.h"
#include "harness/report/plots_parts.h"

#define PANEL_MAX 6  /* stages of training that a picture has room for */
#define KEY_MAX	  32 /* systems in a key */
#define LOSS_FOOT .13
#define CDF_MAX	  300 /* points of a curve */

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

static void loss_key(struct plot *p, const struct summary *s, int board)
{
	struct key_entry entry[KEY_MAX];
	int n = 0;

	for (const struct row *r = plot_next(s, board, NULL); r && n < KEY_MAX;
	     r = plot_next(s, board, r))
		if (r->first->n_epoch)
			entry[n++] = (struct key_entry){ r->system, plots_color(s, r->system),
							 "linespoints pt 7 ps .6 lw 1.6" };
	plot_foot_key(p, entry, n, LOSS_FOOT + .02);
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
		plot_panel(p, i, panels, panels, LOSS_FOOT);
		loss_panel(p, s, board, i < n ? stage[i] : NULL, &block);
	}
	loss_key(p, s, board);
	strbuf_add(&p->gp, "unset multiplot\n");
	return n > 0;
}

struct stage_times plot_slowest(const struct row *r, const char *stage)
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
		struct stage_times x = plot_slowest(r, stage[i]);

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
	if (n && plot_crowded(s, board, p->width))
		return plot_latency_many(p, s, board, stage, n);
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

/* Times of all runs of a row, sorted; 0: not recorded.  Caller frees *ms. */
static size_t all_times(const struct row *r, double **ms, struct latency_stats *stats)
{
	size_t n = 0, room = 0;

	for (int i = 0; i < r->n_runs; i++)
		room += (size_t)r->run[i]->n;
	if (!NEW_ARRAY(*ms, room))
		return 0;
	for (int i = 0; i < r->n_runs; i++)
		for (int j = 0; j < r->run[i]->n; j++)
			if (isfinite(r->run[i]->pred[j].ms) && r->run[i]->pred[j].ms > 0)
				(*ms)[n++] = r->run[i]->pred[j].ms;
	latency_describe(*ms, n, stats);
	return n;
}

bool plot_cdf_blocks(struct plot *p, const struct row *r)
{
	static const int mark[] = { 500, 900, 990 };
	struct latency_stats stats;
	double *ms = NULL;
	size_t n = all_times(r, &ms, &stats), points = n < CDF_MAX ? n : CDF_MAX;

	for (size_t i = 0; i < points; i++) {
		size_t at = points > 1 ? i * (n - 1) / (points - 1) : 0;

		strbuf_addf(&p->dat, "%.6g\t%.4f\n", ms[at], 100 * (double)(at + 1) / (double)n);
	}
	strbuf_add(&p->dat, n ? "\n\n" : "");
	for (size_t i = 0; n && i < ARRAY_LEN(mark); i++) {
		double x = latency_percentile(ms, n, mark[i]);

		strbuf_addf(&p->dat, "%.6g\t%d\t", x, mark[i] / 10);
		plot_dat_text(p, r->system);
		strbuf_addf(&p->dat, ": %d %% of %zu within %.3g ms\n", mark[i] / 10, n, x);
	}
	strbuf_add(&p->dat, n ? "\n\n" : "");
	p->dat.oom |= !ms;
	free(ms);
	return n > 0;
}

void plot_cdf_range(struct plot *p, const struct row *const *row, int n)
{
	double lo = INFINITY, hi = 0;

	for (int i = 0; i < n; i++)
		for (int j = 0; j < row[i]->n_runs; j++)
			for (int k = 0; k < row[i]->run[j]->n; k++) {
				const double ms = row[i]->run[j]->pred[k].ms;

				if (!isfinite(ms) || !(ms > 0))
					continue;
				lo = fmin(lo, ms);
				hi = fmax(hi, ms);
			}
	if (hi > 0)
		strbuf_addf(&p->gp, "set xrange [%.6g:%.6g]\n", lo / 1.2, hi * 1.2);
}

bool plot_latency_cdf(struct plot *p, const struct summary *s, int board)
{
	static const int shape[] = { 7, 5, 9, 11, 13, 15 };
	int block = 0;

	if (plot_crowded(s, board, p->width))
		return plot_latency_cdf_many(p, s, board);
	p->height = 340;
	strbuf_add(&p->gp, "set border 3\nset grid x y " GRID_STYLE "\nset logscale x\n"
			   "set format x '%g'\nset yrange [0:102]\nset xtics nomirror out\n"
			   "set ytics 0,20,100 nomirror out\nset xlabel 'ms an utterance'\n"
			   "set ylabel '% of utterances'\n" KEY_ON_TOP);
	for (const struct row *r = plot_next(s, board, NULL); r; r = plot_next(s, board, r)) {
		if (!plot_cdf_blocks(p, r))
			continue;
		strbuf_addf(&p->gp,
			    "%sdata index %d using 1:2 with steps lw 2 lc rgb \"%s\" title ",
			    block ? ", \\\n " : "plot ", block, plots_color(s, r->system));
		plot_gp_text(p, r->system);
		strbuf_addf(&p->gp,
			    ", \\\n data index %d using 1:2 with points pt %d ps .9 lc rgb \"%s\" "
			    "notitle, \\\n data index %d using 1:2:3 " HOVER_STYLE,
			    block + 1, shape[(size_t)block / 2 % ARRAY_LEN(shape)],
			    plots_color(s, r->system), block + 1);
		block += 2;
	}
	strbuf_addc(&p->gp, '\n');
	return block > 0;
}

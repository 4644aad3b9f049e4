/* SPDX-License-Identifier: Apache-2.0
 * The pictures of a board with more systems than a key and a row of bars have room for: names
 * stand at the axis, curves in panels of a few.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/report/plots_parts.h"

#define FEW	      8 /* systems that eyes tell apart by colour */
#define LETTER	      7 /* points a letter takes */
#define LONG_NAMES    170
#define KEY_SAMPLE    45
#define NAME_PART_MAX 400 /* points of a name beside a picture */

static int name_width(const struct row *r)
{
	return (int)strlen(r->system) * LETTER;
}

int plot_name_width(const struct summary *s, int board)
{
	int longest = 0;

	for (const struct row *r = plot_next(s, board, NULL); r; r = plot_next(s, board, r))
		longest = name_width(r) > longest ? name_width(r) : longest;
	return longest < NAME_PART_MAX ? longest : NAME_PART_MAX;
}

void plot_name_margin(struct plot *p, const struct summary *s, int board)
{
	const int names = plot_name_width(s, board);

	if (names > LONG_NAMES)
		strbuf_addf(&p->gp, "set lmargin at screen %.4f\n", (names * 1.08 + 14) / p->width);
}

bool plot_crowded(const struct summary *s, int board, int width)
{
	int key = 0, n = 0;

	for (const struct row *r = plot_next(s, board, NULL); r; r = plot_next(s, board, r), n++)
		key += name_width(r) + KEY_SAMPLE;
	return n > FEW || key > width;
}

/* Names of the systems down the y axis. */
static void name_tics(struct plot *p, const struct summary *s, int board, int n)
{
	strbuf_add(&p->gp, "set ytics (");
	for (const struct row *r = plot_next(s, board, NULL); r; r = plot_next(s, board, r)) {
		n--;
		plot_gp_tic(p, r->system);
		strbuf_addf(&p->gp, " %d%s", n, n ? ", " : "");
	}
	strbuf_add(&p->gp, ") scale 0\n");
}

bool plot_per_class_many(struct plot *p, const struct summary *s, int board)
{
	const struct result *sample = s->board[board].sample;
	const int n = plot_count(s, board);
	int y = n;

	p->width = 50 + plot_name_width(s, board) + 78 * sample->k;
	p->height = 60 + 25 * n;
	for (const struct row *r = plot_next(s, board, NULL); r; r = plot_next(s, board, r)) {
		y--;
		for (int k = 0; k < sample->k; k++) {
			const double f1 = r->pooled.cls[k].f1;

			strbuf_addf(&p->dat, "%d\t%d\t%.6f\t%.1f\t%d\t", k, y, f1, f1 * 100,
				    f1 > .55 ? 0xffffff : 0x222222);
			plot_dat_text(p, r->system);
			strbuf_add(&p->dat, ", ");
			plot_dat_text(p, sample->label[k]);
			strbuf_addf(&p->dat, ": F1 %.1f, %lld samples\n", f1 * 100,
				    (long long)r->first->scores.cls[k].support);
		}
	}
	plot_tics(p, 'x', sample->label, sample->k, false);
	plot_name_margin(p, s, board);
	name_tics(p, s, board, n);
	strbuf_addf(&p->gp,
		    "unset key\nunset border\nset xrange [-.5:%d.5]\nset yrange [-.5:%d.5]\n"
		    "set cbrange [0:1]\nunset colorbox\n" HEAT_PALETTE
		    "set style fill solid 1 noborder\n"
		    "plot data using 1:2:($1-.49):($1+.49):($2-.47):($2+.47):3 with boxxyerror "
		    "fc palette, \\\n data using 1:2:4:5 with labels tc rgb variable, \\\n"
		    " data using 1:2:6 with labels hypertext point pt 5 ps 3 lc rgb "
		    "\"#ff000000\"\n",
		    sample->k - 1, n - 1);
	return true;
}

/* One block of a stage: y, p50, p90, p99, text.  false: nobody was timed. */
static bool stage_block(struct plot *p, const struct summary *s, int board, const char *stage,
			double shift)
{
	int y = plot_count(s, board);
	bool any = false;

	for (const struct row *r = plot_next(s, board, NULL); r; r = plot_next(s, board, r)) {
		struct stage_times x = plot_slowest(r, stage);

		y--;
		if (!x.n || !(x.p50_ms > 0))
			continue;
		strbuf_addf(&p->dat, "%.4f\t%.6g\t%.6g\t%.6g\t", y + shift, x.p50_ms, x.p90_ms,
			    x.p99_ms);
		plot_dat_text(p, r->system);
		strbuf_add(&p->dat, ", ");
		plot_dat_text(p, stage);
		strbuf_addf(&p->dat, ": p50 %.3g, p90 %.3g, p99 %.3g ms\n", x.p50_ms, x.p90_ms,
			    x.p99_ms);
		any = true;
	}
	strbuf_add(&p->dat, any ? "\n\n" : "");
	return any;
}

bool plot_latency_many(struct plot *p, const struct summary *s, int board, const char *const *stage,
		       int n)
{
	static const char *const color[] = { "#0072B2", "#E69F00", "#009E73", "#CC79A7",
					     "#5C5C5C", "#56B4E9", "#884422", "#8833DD" };
	const int systems = plot_count(s, board);
	int block = 0;

	p->width = 500 + plot_name_width(s, board);
	p->height = 120 + (16 + 7 * n) * systems;
	name_tics(p, s, board, systems);
	strbuf_addf(&p->gp,
		    "set border 1\nset grid x " GRID_STYLE "\nset logscale x\nset format x '%%g'\n"
		    "set yrange [-.6:%d.6]\nset xtics nomirror out\nset xlabel 'ms an "
		    "utterance'\n" KEY_ON_TOP,
		    systems - 1);
	plot_key_up(p);
	plot_name_margin(p, s, board);
	for (int i = 0; i < n; i++) {
		const char *c = color[(size_t)i % ARRAY_LEN(color)];

		if (!stage_block(p, s, board, stage[i], ((n - 1) / 2.0 - i) * (.6 / n)))
			continue;
		strbuf_addf(
			&p->gp,
			"%sdata index %d using 2:1:2:4 with xerrorbars pt 7 ps .7 lw 1.8 lc rgb "
			"\"%s\" title ",
			block ? ", \\\n " : "plot ", block, c);
		plot_gp_text(p, stage[i]);
		strbuf_addf(&p->gp,
			    ", \\\n data index %d using 3:1 with points pt 9 ps .7 lc rgb \"%s\" "
			    "notitle, \\\n data index %d using 2:1:5 " HOVER_STYLE,
			    block, c, block);
		block++;
	}
	strbuf_addc(&p->gp, '\n');
	return block > 0;
}

/* Systems with recorded times. */
static int timed_rows(const struct summary *s, int board, const struct row **row, int room)
{
	int n = 0;

	for (const struct row *r = plot_next(s, board, NULL); r && n < room;
	     r = plot_next(s, board, r)) {
		bool timed = false;

		for (int i = 0; i < r->n_runs && !timed; i++)
			for (int j = 0; j < r->run[i]->n && !timed; j++)
				timed = r->run[i]->pred[j].ms > 0;
		if (timed)
			row[n++] = r;
	}
	return n;
}

static void cdf_panel(struct plot *p, const struct summary *s, const struct row *const *row, int n,
		      int *block)
{
	static const int shape[FEW] = { 7, 5, 9, 11, 13, 15, 4, 6 };

	for (int i = 0; i < n; i++) {
		const char *color = plots_color(s, row[i]->system);
		const int dash = plots_round(s, row[i]->system) % 5 + 1;

		if (!plot_cdf_blocks(p, row[i]))
			continue;
		strbuf_addf(&p->gp,
			    "%sdata index %d using 1:2 with steps lw 1.8 dt %d lc rgb \"%s\" "
			    "notitle, \\\n data index %d using 1:2 with points pt %d ps .9 lc rgb "
			    "\"%s\" notitle, \\\n data index %d using 1:2:3 " HOVER_STYLE
			    ", \\\n 1/0 with linespoints lw 1.8 dt %d pt %d ps .9 lc rgb \"%s\" "
			    "title ",
			    i ? ", \\\n " : "plot ", *block, dash, color, *block + 1, shape[i],
			    color, *block + 1, dash, shape[i], color);
		plot_gp_text(p, row[i]->system);
		*block += 2;
	}
	strbuf_addc(&p->gp, '\n');
}

bool plot_latency_cdf_many(struct plot *p, const struct summary *s, int board)
{
	const int room = plot_count(s, board), beside = plot_name_width(s, board) + 120;
	const struct row **row = NULL;
	int n, panels, block = 0;

	if (!NEW_ARRAY(row, (size_t)room)) {
		p->dat.oom = true;
		return false;
	}
	n = timed_rows(s, board, row, room);
	panels = (n + FEW - 1) / FEW;
	p->width = 580 + beside;
	p->height = 250 * panels + 10;
	strbuf_addf(&p->gp,
		    "set multiplot\nset border 3\nset grid x y " GRID_STYLE "\nset logscale x\n"
		    "set format x '%%g'\nset yrange [0:102]\nset xtics nomirror out\n"
		    "set ytics 0,20,100 nomirror out\nset xlabel 'ms an utterance'\n"
		    "set ylabel '%% of utterances'\nset lmargin at screen %.4f\n"
		    "set rmargin at screen %.4f\n",
		    90.0 / p->width, 1 - (double)beside / p->width);
	plot_cdf_range(p, row, n);
	for (int i = 0; i < panels; i++) {
		plot_panel(p, i, panels, 1, 0);
		strbuf_addf(&p->gp,
			    "set key at screen %.4f, screen %.4f left center vertical Left "
			    "reverse samplen 3\n",
			    1 - (beside - 20.0) / p->width, 1 - (i + .45) / panels);
		cdf_panel(p, s, row + i * FEW, n - i * FEW < FEW ? n - i * FEW : FEW, &block);
	}
	strbuf_add(&p->gp, "unset multiplot\n");
	free(row);
	return block > 0;
}

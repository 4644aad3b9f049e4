/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/plots.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report/gnuplot.h"

#define TRUTH_COLOR "#D55E00" /* ceilings and true drops, in every picture */

static const char *const kind_name[PLOT_KIND_COUNT] = {
	[PLOT_OVERVIEW] = "overview",	[PLOT_CONFUSION] = "confusion",
	[PLOT_PER_CLASS] = "per-class", [PLOT_ABLATION] = "ablation",
	[PLOT_LOSS] = "loss",		[PLOT_LATENCY] = "latency",
};

static const struct {
	const char *system, *color;
} fixed_color[] = { { "bemerc", "#0072B2" },
		    { "llmerc", "#E69F00" },
		    { "speechcue", "#009E73" },
		    { "bow", "#CC79A7" },
		    { "majority", "#999999" } };

/* Systems without a colour of their own take these in order of appearance. */
static const char *const spare_color[] = { "#56B4E9", "#B8A800", "#7F5B3A", "#5D3A9B" };

static const char *color_known(const char *system)
{
	for (size_t i = 0; i < ARRAY_LEN(fixed_color); i++)
		if (!strcmp(fixed_color[i].system, system))
			return fixed_color[i].color;
	return NULL;
}

const char *plots_color(const struct summary *s, const char *system)
{
	const char *known = color_known(system);
	size_t before = 0;

	for (int i = 0; !known && i < s->n_rows && strcmp(s->row[i].system, system); i++) {
		bool again = color_known(s->row[i].system) != NULL;

		for (int j = 0; j < i; j++)
			again |= !strcmp(s->row[j].system, s->row[i].system);
		before += !again;
	}
	return known ? known : spare_color[before % ARRAY_LEN(spare_color)];
}

/* The colour as gnuplot's "rgb variable" wants it. */
static long color_number(const struct summary *s, const char *system)
{
	return strtol(plots_color(s, system) + 1, NULL, 16);
}

const struct row *plots_main_row(const struct summary *s, int board)
{
	for (int i = 0; i < s->n_rows; i++)
		if (s->row[i].board == board && !s->row[i].without[0])
			return &s->row[i];
	return NULL;
}

static bool on_board(const struct row *r, int board, bool full)
{
	return r->board == board && (!full || !r->without[0]);
}

static int count_rows(const struct summary *s, int board, bool full)
{
	int n = 0;

	for (int i = 0; i < s->n_rows; i++)
		n += on_board(&s->row[i], board, full);
	return n;
}

/* "set ytics ('a' 3, 'b' 2)" for the full systems of a board, first on top. */
static void system_tics(struct plot *p, const struct summary *s, int board, int n)
{
	const char *sep = "set ytics (";

	for (const struct row *r = s->row; r < s->row + s->n_rows; r++)
		if (on_board(r, board, true)) {
			strbuf_add(&p->gp, sep);
			plot_gp_text(p, r->system);
			strbuf_addf(&p->gp, " %d", --n);
			sep = ", ";
		}
	strbuf_add(&p->gp, ") scale 0\n");
}

static void overview(struct plot *p, const struct summary *s, int board)
{
	int n = count_rows(s, board, true), y = n;
	bool ceilings = false;

	p->height = 130 + 44 * n;
	for (const struct row *r = s->row; r < s->row + s->n_rows; r++)
		if (on_board(r, board, true)) {
			strbuf_addf(&p->dat, "%.6f\t%.6f\t%.6f\t%d\t%ld\t", r->f1.mean * 100,
				    r->interval.lo * 100, r->interval.hi * 100, --y,
				    color_number(s, r->system));
			plot_dat_text(p, r->system);
			strbuf_addf(&p->dat, ": %.2f, interval %.2f to %.2f, %d seeds\n",
				    r->f1.mean * 100, r->interval.lo * 100, r->interval.hi * 100,
				    r->n_runs);
		}
	strbuf_add(&p->dat, "\n\n");
	y = n;
	for (const struct row *r = s->row; r < s->row + s->n_rows; r++)
		if (on_board(r, board, true)) {
			y--;
			for (int i = 0; i < r->n_runs; i++)
				strbuf_addf(&p->dat, "%.6f\t%.2f\n",
					    r->run[i]->scores.weighted_f1 * 100, y - .2);
		}
	strbuf_add(&p->dat, "\n\n");
	y = n;
	for (const struct row *r = s->row; r < s->row + s->n_rows; r++)
		if (on_board(r, board, true) && (y--, isfinite(r->ceiling))) {
			strbuf_addf(&p->dat, "%.6f\t%d\tbest reachable: %.2f\n", r->ceiling * 100,
				    y, r->ceiling * 100);
			ceilings = true;
		}
	strbuf_addf(&p->gp,
		    "set border 1\nset grid x lc rgb \"#bbbbbb\" lw .5\nset xrange [0:100]\n"
		    "set yrange [-.6:%d.6]\nset xtics nomirror out\n"
		    "set xlabel 'weighted F1, %%'\nset key top center outside horizontal\n",
		    n - 1);
	system_tics(p, s, board, n);
	strbuf_add(&p->gp, "plot data index 0 using 1:4:2:3:5 with xerrorbars pt 7 ps .9 lw 2.2 lc "
			   "rgb variable title 'mean and 95 % interval', \\\n"
			   " data index 1 using 1:2 with points pt 6 ps .5 lc rgb \"#888888\" "
			   "title 'one seed'");
	if (ceilings)
		strbuf_add(&p->gp, ", \\\n data index 2 using 1:2 with points pt 12 ps 1.5 lw 2 "
				   "lc rgb \"" TRUTH_COLOR "\" title 'best reachable'");
	strbuf_add(&p->gp, ", \\\n data index 0 using 1:4:6 with labels hypertext point pt 7 ps 2 "
			   "lc rgb \"#ff000000\" notitle\n");
}

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

static void confusion(struct plot *p, const struct summary *s, int board)
{
	const struct row *r = plots_main_row(s, board);
	int k = r->confusion.k, columns = confusion_columns(&r->confusion);

	p->width = 190 + 72 * columns;
	p->height = 130 + 52 * k;
	confusion_cells(p, r, columns);
	strbuf_addf(&p->gp,
		    "unset key\nunset border\nset tics scale 0\nset xrange [-.5:%d.5]\n"
		    "set yrange [-.5:%d.5]\nset cbrange [0:1]\n"
		    "set palette defined (0 '#f4f8fc', .5 '#5aa2d0', 1 '#083a6b')\n"
		    "unset colorbox\nset xlabel 'answer'\nset ylabel 'true label'\n"
		    "set style fill solid 1 noborder\nset xtics (",
		    columns - 1, k - 1);
	for (int j = 0; j < columns; j++) {
		strbuf_add(&p->gp, j ? ", " : "");
		plot_gp_text(p, j < k ? r->first->label[j] : "none");
		strbuf_addf(&p->gp, " %d", j);
	}
	strbuf_add(&p->gp, ")\nset ytics (");
	for (int i = 0; i < k; i++) {
		strbuf_add(&p->gp, i ? ", " : "");
		plot_gp_text(p, r->first->label[i]);
		strbuf_addf(&p->gp, " %d", k - 1 - i);
	}
	strbuf_add(&p->gp,
		   ")\nplot data using 1:2:($1-.49):($1+.49):($2-.48):($2+.48):3 with boxxyerror "
		   "fc palette, \\\n"
		   " data using 1:2:4:5 with labels tc rgb variable, \\\n"
		   " data using 1:2:6 with labels hypertext point pt 5 ps 4 lc rgb "
		   "\"#ff000000\"\n");
}

/* Bars side by side: series j of m at group i. */
static double bar_at(int i, int j, int m)
{
	return i + (j - (m - 1) / 2.0) * (.8 / m);
}

static void per_class(struct plot *p, const struct summary *s, int board)
{
	const struct result *sample = s->board[board].sample;
	int m = count_rows(s, board, true), j = 0;

	p->width = 160 + sample->k * (40 + 16 * m);
	p->height = 340;
	for (const struct row *r = s->row; r < s->row + s->n_rows; r++) {
		if (!on_board(r, board, true))
			continue;
		for (int i = 0; i < sample->k; i++) {
			strbuf_addf(&p->dat, "%.4f\t%.6f\t%.4f\t", bar_at(i, j, m),
				    r->pooled.cls[i].f1 * 100, .72 / m);
			plot_dat_text(p, r->system);
			strbuf_add(&p->dat, ", ");
			plot_dat_text(p, sample->label[i]);
			strbuf_addf(&p->dat, ": F1 %.1f, %lld samples\n", r->pooled.cls[i].f1 * 100,
				    (long long)r->first->scores.cls[i].support);
		}
		strbuf_add(&p->dat, "\n\n");
		j++;
	}
	strbuf_addf(&p->gp,
		    "set border 3\nset grid y lc rgb \"#bbbbbb\" lw .5\nset yrange [0:100]\n"
		    "set xrange [-.6:%d.6]\nset ytics nomirror out\nset ylabel 'F1, %%'\n"
		    "set style fill solid 1 noborder\nset key top center outside horizontal\n"
		    "set xtics scale 0 (",
		    sample->k - 1);
	for (int i = 0; i < sample->k; i++) {
		strbuf_add(&p->gp, i ? ", " : "");
		plot_gp_text(p, sample->label[i]);
		strbuf_addf(&p->gp, " %d", i);
	}
	strbuf_add(&p->gp, ")\nplot ");
	j = 0;
	for (const struct row *r = s->row; r < s->row + s->n_rows; r++) {
		if (!on_board(r, board, true))
			continue;
		strbuf_addf(&p->gp, "%sdata index %d using 1:2:3 with boxes lc rgb \"%s\" title ",
			    j ? ", \\\n " : "", j, plots_color(s, r->system));
		plot_gp_text(p, r->system);
		strbuf_addf(&p->gp,
			    ", \\\n data index %d using 1:($2/2):4 with labels hypertext point pt "
			    "5 ps 2 lc rgb \"#ff000000\" notitle",
			    j++);
	}
	strbuf_addc(&p->gp, '\n');
}

/* Ablations, and the systems that are one by design. */
static bool in_ablation(const struct row *r, int board)
{
	return r->board == board && isfinite(r->drop.value) &&
	       (r->without[0] || !strcmp(r->system, "llmerc"));
}

static void ablation_row(struct plot *p, const struct summary *s, const struct row *r, int y)
{
	strbuf_addf(&p->dat, "%.6f\t%.6f\t%.6f\t%d\t%.6f\t%ld\t", r->drop.value * 100,
		    r->drop.lo * 100, r->drop.hi * 100, y,
		    isfinite(r->true_drop) ? r->true_drop * 100 : NAN,
		    color_number(s, r->without[0] ? r->system : "llmerc"));
	strbuf_addf(&p->dat, "measured %.2f points, interval %.2f to %.2f", r->drop.value * 100,
		    r->drop.lo * 100, r->drop.hi * 100);
	if (isfinite(r->true_drop))
		strbuf_addf(&p->dat, "; true %.2f", r->true_drop * 100);
	strbuf_addc(&p->dat, '\n');
}

static bool ablation(struct plot *p, const struct summary *s, int board)
{
	int n = 0, y;
	bool truth = false, several = false;
	const char *sep = "set ytics (", *system = NULL;

	for (const struct row *r = s->row; r < s->row + s->n_rows; r++)
		if (in_ablation(r, board)) {
			n++;
			truth |= isfinite(r->true_drop);
			several |= r->without[0] && system && strcmp(system, r->system);
			system = r->without[0] ? r->system : system;
		}
	p->height = 140 + 34 * n;
	y = n;
	for (const struct row *r = s->row; r < s->row + s->n_rows; r++)
		if (in_ablation(r, board)) {
			ablation_row(p, s, r, --y);
			strbuf_add(&p->gp, sep);
			if (!r->without[0] || several)
				plot_gp_text(p, r->system);
			if (r->without[0]) {
				strbuf_add(&p->gp, several ? ".' '." : "");
				strbuf_add(&p->gp, "'without '.");
				plot_gp_text(p, r->without);
			}
			strbuf_addf(&p->gp, " %d", y);
			sep = ", ";
		}
	strbuf_addf(&p->gp,
		    ") scale 0\nset border 1\nset grid x lc rgb \"#bbbbbb\" lw .5\n"
		    "set xzeroaxis\nset yrange [-.6:%d.6]\nset xtics nomirror out\n"
		    "set xlabel 'drop in weighted F1, points'\nset datafile missing 'nan'\n"
		    "set style fill solid .75 noborder\nset key top center outside horizontal\n"
		    "set arrow from 0,graph 0 to 0,graph 1 nohead lc rgb \"#777777\" lw 1\n"
		    "plot data using (0):4:(0):1:($4-.28):($4+.28):6 with boxxyerror fc rgb "
		    "variable title 'measured', \\\n"
		    " data using 1:4:2:3 with xerrorbars pt 0 lw 1.6 lc rgb \"#444444\" title "
		    "'95 %% interval'",
		    n - 1);
	if (truth)
		strbuf_add(&p->gp, ", \\\n data using 5:4 with points pt 13 ps 1.3 lc rgb "
				   "\"" TRUTH_COLOR "\" title 'true drop'");
	strbuf_add(&p->gp, ", \\\n data using ($1/2):4:7 with labels hypertext point pt 5 ps 3 lc "
			   "rgb \"#ff000000\" notitle\n");
	return n > 0;
}

#define PANEL_MAX 6

/* Stages that were logged on this board, in order of appearance. */
static int find_stages(const struct summary *s, int board, const char *name[PANEL_MAX])
{
	int n = 0;

	for (const struct row *r = s->row; r < s->row + s->n_rows; r++)
		for (int e = 0; on_board(r, board, true) && e < r->first->n_epoch; e++) {
			int i = 0;

			while (i < n && strcmp(name[i], r->first->epoch[e].stage))
				i++;
			if (i == n && n < PANEL_MAX - 1)
				name[n++] = r->first->epoch[e].stage;
		}
	return n;
}

/* One block of curves: every seed a line, broken by a blank line.  false: no points. */
static bool loss_curves(struct plot *p, const struct row *r, const char *stage, bool dev)
{
	bool any = false;

	for (int i = 0; i < r->n_runs; i++) {
		const struct result *run = r->run[i];

		for (int e = 0; e < run->n_epoch; e++) {
			const struct epoch_line *x = &run->epoch[e];
			double v = dev ? x->dev * 100 : x->loss;

			if ((stage && strcmp(x->stage, stage)) || !isfinite(v))
				continue;
			strbuf_addf(&p->dat, "%d\t%.6g\n", x->epoch, v);
			any = true;
		}
		strbuf_addc(&p->dat, '\n');
	}
	strbuf_add(&p->dat, any ? "\n" : "");
	return any;
}

static void loss_panel(struct plot *p, const struct summary *s, int board, const char *stage,
		       int *block)
{
	const char *sep = "plot ";

	strbuf_add(&p->gp, "set title ");
	plot_gp_text(p, stage ? stage : "weighted F1 on dev");
	strbuf_add(&p->gp, stage ? "\nset ylabel 'training loss'\nset yrange [0:*]\n"
				 : "\nset ylabel 'weighted F1, %'\nset yrange [*:*]\n");
	for (const struct row *r = s->row; r < s->row + s->n_rows; r++) {
		size_t before = p->dat.len;

		if (!on_board(r, board, true))
			continue;
		if (!loss_curves(p, r, stage, !stage)) {
			p->dat.len = p->dat.len < before ? p->dat.len : before;
			if (p->dat.s)
				p->dat.s[p->dat.len] = '\0';
			continue;
		}
		strbuf_addf(&p->gp,
			    "%sdata index %d using 1:2 with linespoints pt 7 ps .45 lw 1.6 lc rgb "
			    "\"%s\" title ",
			    sep, (*block)++, plots_color(s, r->system));
		plot_gp_text(p, r->system);
		sep = ", \\\n ";
	}
	strbuf_addc(&p->gp, '\n');
}

static bool has_dev(const struct summary *s, int board)
{
	for (const struct row *r = s->row; r < s->row + s->n_rows; r++)
		for (int i = 0; on_board(r, board, true) && i < r->n_runs; i++)
			for (int e = 0; e < r->run[i]->n_epoch; e++)
				if (isfinite(r->run[i]->epoch[e].dev))
					return true;
	return false;
}

static bool loss(struct plot *p, const struct summary *s, int board)
{
	const char *stage[PANEL_MAX];
	int n = find_stages(s, board, stage), block = 0;
	bool dev = has_dev(s, board);

	p->width = 330 * (n + dev);
	p->height = 310;
	strbuf_addf(&p->gp,
		    "set multiplot layout 1,%d\nset border 3\nset tics nomirror out\n"
		    "set grid y lc rgb \"#bbbbbb\" lw .5\nset xlabel 'epoch'\nset xtics 1\n"
		    "set key top right\nset xtics autofreq\nset lmargin 9\nset rmargin 2\n",
		    n + dev);
	for (int i = 0; i < n; i++)
		loss_panel(p, s, board, stage[i], &block);
	if (dev) {
		strbuf_add(&p->gp, "set key bottom right\n");
		loss_panel(p, s, board, NULL, &block);
	}
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

			if (!strcmp(x->name, stage) && x->n && !(x->p50_ms <= out.p50_ms))
				out = *x;
		}
	return out;
}

static int find_timed(const struct summary *s, int board, const char *name[STAGE_MAX])
{
	int n = 0;

	for (const struct row *r = s->row; r < s->row + s->n_rows; r++)
		for (int i = 0; on_board(r, board, true) && i < r->n_runs; i++)
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

static bool latency(struct plot *p, const struct summary *s, int board)
{
	const char *stage[STAGE_MAX];
	int n = find_timed(s, board, stage), m = count_rows(s, board, true), j = 0;
	const char *sep = "plot ";

	p->width = 170 + n * (40 + 24 * m);
	p->height = 340;
	strbuf_addf(&p->gp,
		    "set border 3\nset grid y lc rgb \"#bbbbbb\" lw .5\nset logscale y\n"
		    "set format y '%%g'\nset xrange [-.6:%d.6]\nset ytics nomirror out\n"
		    "set ylabel 'ms an utterance'\nset key top center outside horizontal\n"
		    "set xtics scale 0 (",
		    n ? n - 1 : 0);
	for (int i = 0; i < n; i++) {
		strbuf_add(&p->gp, i ? ", " : "");
		plot_gp_text(p, stage[i]);
		strbuf_addf(&p->gp, " %d", i);
	}
	strbuf_add(&p->gp, ")\n");
	for (const struct row *r = s->row; r < s->row + s->n_rows; r++) {
		int points = 0;

		if (!on_board(r, board, true))
			continue;
		for (int i = 0; i < n; i++) {
			struct stage_times x = slowest(r, stage[i]);

			if (!x.n || !(x.p50_ms > 0))
				continue;
			strbuf_addf(&p->dat, "%.4f\t%.6g\t%.6g\t%.6g\t", bar_at(i, j, m), x.p50_ms,
				    x.p90_ms, x.p99_ms);
			plot_dat_text(p, r->system);
			strbuf_add(&p->dat, ", ");
			plot_dat_text(p, stage[i]);
			strbuf_addf(&p->dat, ": p50 %.3g, p90 %.3g, p99 %.3g ms\n", x.p50_ms,
				    x.p90_ms, x.p99_ms);
			points++;
		}
		if (!points)
			continue;
		strbuf_add(&p->dat, "\n\n");
		strbuf_addf(&p->gp,
			    "%sdata index %d using 1:2:2:4 with yerrorbars pt 7 ps .9 lw 2 lc rgb "
			    "\"%s\" title ",
			    sep, j, plots_color(s, r->system));
		plot_gp_text(p, r->system);
		strbuf_addf(&p->gp,
			    ", \\\n data index %d using 1:3 with points pt 9 ps .9 lc rgb \"%s\" "
			    "notitle, \\\n data index %d using 1:2:5 with labels hypertext point "
			    "pt 5 ps 2 lc rgb \"#ff000000\" notitle",
			    j, plots_color(s, r->system), j);
		sep = ", \\\n ";
		j++;
	}
	strbuf_addc(&p->gp, '\n');
	return n > 0;
}

static bool draw(struct plot *p, const struct summary *s, int board, enum plot_kind kind)
{
	switch (kind) {
	case PLOT_OVERVIEW:
		overview(p, s, board);
		return true;
	case PLOT_CONFUSION:
		confusion(p, s, board);
		return true;
	case PLOT_PER_CLASS:
		per_class(p, s, board);
		return true;
	case PLOT_ABLATION:
		return ablation(p, s, board);
	case PLOT_LOSS:
		return loss(p, s, board);
	case PLOT_LATENCY:
		return latency(p, s, board);
	case PLOT_KIND_COUNT:
		break;
	}
	return false;
}

int plots_write(const struct summary *s, int board, enum plot_kind kind, const char *dir,
		char slug[96], bool *drawn, struct err *err)
{
	struct plot p;

	*drawn = false;
	if (!str_format(slug, 96, "%s-%s", kind_name[kind], s->board[board].slug))
		return err_set(err, ERR_LIMIT, "%s: name too long", s->board[board].slug);
	plot_begin(&p, slug, 760, 300);
	if (plots_main_row(s, board) && draw(&p, s, board, kind)) {
		*drawn = true;
		plot_write(&p, dir, err);
	}
	plot_free(&p);
	return err->code;
}

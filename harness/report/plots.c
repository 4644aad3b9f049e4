/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/plots.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report/plots_parts.h"

long plot_color_number(const struct summary *s, const char *system)
{
	return strtol(plots_color(s, system) + 1, NULL, 16);
}

const struct row *plots_main_row(const struct summary *s, int board)
{
	const struct row *best = summary_find(s, board, MAIN_SYSTEM, "");

	if (best)
		return best;
	for (const struct row *r = plot_next(s, board, NULL); r; r = plot_next(s, board, r))
		if (!best || r->f1.mean > best->f1.mean)
			best = r;
	return best;
}

const struct row *plot_next(const struct summary *s, int board, const struct row *row)
{
	for (row = row ? row + 1 : s->row; row < s->row + s->n_rows; row++)
		if (row->board == board && !row->without[0])
			return row;
	return NULL;
}

int plot_count(const struct summary *s, int board)
{
	int n = 0;

	for (const struct row *r = plot_next(s, board, NULL); r; r = plot_next(s, board, r))
		n++;
	return n;
}

void plot_tics(struct plot *p, char axis, const char *const *name, int n, bool down)
{
	strbuf_addf(&p->gp, "set %ctics (", axis);
	for (int i = 0; i < n; i++) {
		strbuf_add(&p->gp, i ? ", " : "");
		plot_gp_tic(p, name[i]);
		strbuf_addf(&p->gp, " %d", down ? n - 1 - i : i);
	}
	strbuf_add(&p->gp, ") scale 0\n");
}

double plot_bar_at(int i, int j, int m)
{
	return i + (j - (m - 1) / 2.0) * (.8 / m);
}

void plot_row_name(const struct row *r, char *dst, size_t size)
{
	if (!str_format(dst, size, "%s%s%s", r->system, r->without[0] ? " without " : "",
			r->without) &&
	    !str_copy(dst, size, r->system))
		dst[0] = '\0';
}

void plot_panel(struct plot *p, int i, int n, int across, double foot)
{
	int down = (n + across - 1) / across;

	across = n < across ? n : across;
	strbuf_addf(&p->gp, "set origin %.4f,%.4f\nset size %.4f,%.4f\n",
		    (double)(i % across) / across,
		    foot + (1 - foot) * (down - 1 - i / across) / down, 1.0 / across,
		    (1 - foot) / down);
}

void plot_foot_key(struct plot *p, const struct key_entry *entry, int n, double foot)
{
	strbuf_addf(&p->gp,
		    "set origin 0,0\nset size 1,%.4f\nunset border\nunset tics\n"
		    "unset xlabel\nunset ylabel\nunset title\nunset grid\n"
		    "set xrange [0:1]\nset yrange [0:1]\nset margins 0,0,0,0\n"
		    "set key center center horizontal samplen 2 maxrows 1\n",
		    foot);
	for (int i = 0; i < n; i++) {
		strbuf_addf(&p->gp, "%s1/0 with %s lc rgb \"%s\" title ", i ? ", \\\n " : "plot ",
			    entry[i].style, entry[i].color);
		plot_gp_text(p, entry[i].name);
	}
	strbuf_addc(&p->gp, '\n');
}

#define USUAL_HEIGHT 400 /* up to which KEY_ON_TOP stands well */

void plot_key_up(struct plot *p)
{
	if (p->height > USUAL_HEIGHT)
		strbuf_addf(&p->gp, "set key at screen .98, screen %.4f\n", 1 - 10.0 / p->height);
}

/* A line of a title, cut to so many bytes. */
static void title_line(struct plot *p, const char *text, size_t n, size_t most)
{
	struct strbuf b = { 0 };

	strbuf_add_valid(&b, text, n > most ? most - 1 : n);
	strbuf_add(&b, n > most ? "…" : "");
	plot_gp_text(p, strbuf_str(&b));
	p->gp.oom |= b.oom;
	strbuf_free(&b);
}

void plot_title(struct plot *p, const char *name, const char *below, int letters)
{
	const size_t most = (size_t)letters, n = strlen(name);
	const char *rest = n > most ? strstr(name, " (") : NULL;

	strbuf_add(&p->gp, "set title ");
	title_line(p, name, rest ? (size_t)(rest - name) : n, most);
	if (rest) {
		strbuf_add(&p->gp, ".\"\\n\".");
		title_line(p, rest + 1, strlen(rest + 1), most);
	}
	if (below) {
		strbuf_add(&p->gp, ".\"\\n\".");
		plot_gp_text(p, below);
	}
	strbuf_addc(&p->gp, '\n');
}

#define NAME_USUAL  120 /* points of a name that a picture has room for */
#define SYSTEMS_MAX 32	/* systems a picture has room for */

/* Three blocks: means with intervals, single seeds, ceilings.  Returns how many ceilings. */
static int overview_data(struct plot *p, const struct summary *s, int board, int n)
{
	const struct row *r;
	int y = n, ceilings = 0;

	for (r = plot_next(s, board, NULL); r; r = plot_next(s, board, r)) {
		strbuf_addf(&p->dat, "%.6f\t%.6f\t%.6f\t%d\t%ld\t", r->f1.mean * 100,
			    r->interval.lo * 100, r->interval.hi * 100, --y,
			    plot_color_number(s, r->system));
		plot_dat_text(p, r->system);
		strbuf_addf(&p->dat, ": %.2f, interval %.2f to %.2f, seeds: %d\n", r->f1.mean * 100,
			    r->interval.lo * 100, r->interval.hi * 100, r->n_runs);
	}
	strbuf_add(&p->dat, "\n\n");
	y = n;
	for (r = plot_next(s, board, NULL); r; r = plot_next(s, board, r)) {
		y--;
		for (int i = 0; i < r->n_runs; i++)
			strbuf_addf(&p->dat, "%.6f\t%.2f\n", r->run[i]->scores.weighted_f1 * 100,
				    y - .24);
	}
	strbuf_add(&p->dat, "\n\n");
	y = n;
	for (r = plot_next(s, board, NULL); r; r = plot_next(s, board, r)) {
		y--;
		if (!isfinite(r->ceiling))
			continue;
		strbuf_addf(&p->dat, "%.6f\t%d\n", r->ceiling * 100, y);
		ceilings++;
	}
	return ceilings;
}

bool plot_overview(struct plot *p, const struct summary *s, int board)
{
	const char *name[SYSTEMS_MAX];
	int n = 0, ceilings;

	for (const struct row *r = plot_next(s, board, NULL); r && n < SYSTEMS_MAX;
	     r = plot_next(s, board, r))
		name[n++] = r->system;
	p->height = 110 + 44 * n;
	if (plot_name_width(s, board) > NAME_USUAL)
		p->width += plot_name_width(s, board) - NAME_USUAL;
	ceilings = overview_data(p, s, board, plot_count(s, board));
	strbuf_addf(&p->gp,
		    "set border 1\nset grid x " GRID_STYLE "\nset xrange [0:100]\n"
		    "set yrange [-.6:%d.6]\nset xtics nomirror out\n"
		    "set xlabel 'weighted F1, %%'\n" KEY_ON_TOP,
		    n - 1);
	plot_key_up(p);
	plot_name_margin(p, s, board);
	plot_tics(p, 'y', name, n, true);
	strbuf_add(&p->gp, "plot data index 0 using 1:4:2:3:5 with xerrorbars pt 7 ps .9 lw 2.2 lc "
			   "rgb variable title 'mean, 95 % interval', \\\n"
			   " data index 1 using 1:2 with points pt 6 ps .5 lc rgb \"#888888\" "
			   "title 'one seed'");
	if (ceilings)
		strbuf_add(&p->gp, ", \\\n data index 2 using 1:2 with points pt 12 ps 1.4 lw 2 "
				   "lc rgb \"" TRUTH_COLOR "\" title 'best reachable'");
	strbuf_add(&p->gp, ", \\\n data index 0 using 1:4:6 " HOVER_STYLE "\n");
	return n > 0;
}

bool plot_is_ablation(const struct row *r, int board)
{
	return r->board == board && isfinite(r->drop.value) &&
	       (r->without[0] || !strcmp(r->first->system, "llmerc"));
}

static void ablation_row(struct plot *p, const struct summary *s, const struct row *r, int y)
{
	strbuf_addf(&p->dat, "%.6f\t%.6f\t%.6f\t%d\t", r->drop.value * 100, r->drop.lo * 100,
		    r->drop.hi * 100, y);
	if (isfinite(r->true_drop))
		strbuf_addf(&p->dat, "%.6f", r->true_drop * 100);
	strbuf_addf(&p->dat, "\t%ld\tmeasured %.2f points, interval %.2f to %.2f",
		    plot_color_number(s, r->system), r->drop.value * 100, r->drop.lo * 100,
		    r->drop.hi * 100);
	if (isfinite(r->true_drop))
		strbuf_addf(&p->dat, "; true %.2f", r->true_drop * 100);
	strbuf_addc(&p->dat, '\n');
}

/* Draws rows from the top; names go into tics.  Returns how many have a true drop. */
static int ablation_data(struct plot *p, const struct summary *s, int board, int n)
{
	int y = n, truths = 0;
	const char *sep = "set ytics (";

	for (const struct row *r = s->row; r < s->row + s->n_rows; r++) {
		char name[224];

		if (!plot_is_ablation(r, board))
			continue;
		ablation_row(p, s, r, --y);
		truths += isfinite(r->true_drop);
		plot_row_name(r, name, sizeof(name));
		strbuf_add(&p->gp, sep);
		plot_gp_tic(p, name);
		strbuf_addf(&p->gp, " %d", y);
		sep = ", ";
	}
	strbuf_add(&p->gp, ") scale 0\n");
	return truths;
}

bool plot_ablation(struct plot *p, const struct summary *s, int board)
{
	int n = 0, truths;

	for (int i = 0; i < s->n_rows; i++)
		n += plot_is_ablation(&s->row[i], board);
	if (!n)
		return false;
	p->height = 120 + 34 * n;
	truths = ablation_data(p, s, board, n);
	strbuf_addf(&p->gp,
		    "set border 1\nset grid x " GRID_STYLE "\nset yrange [-.6:%d.6]\n"
		    "set xtics nomirror out\nset xlabel 'drop in weighted F1, points'\n"
		    "set style fill solid .75 noborder\n" KEY_ON_TOP
		    "set arrow from 0,graph 0 to 0,graph 1 nohead lc rgb \"#777777\" lw 1\n",
		    n - 1);
	plot_key_up(p);
	strbuf_add(&p->gp,
		   "plot data using (0):4:(0):1:($4-.28):($4+.28):6 with boxxyerror fc rgb "
		   "variable title 'measured', \\\n"
		   " data using 1:4:2:3 with xerrorbars pt 0 lw 1.6 lc rgb \"#777777\" title "
		   "'95 % interval'");
	if (truths)
		strbuf_add(&p->gp, ", \\\n data using 5:4 with points pt 13 ps 1.3 lc rgb "
				   "\"" TRUTH_COLOR "\" title 'true drop'");
	strbuf_add(&p->gp, ", \\\n data using ($1/2):4:7 " HOVER_STYLE "\n");
	return true;
}

static const struct {
	const char *name;
	bool (*draw)(struct plot *p, const struct summary *s, int board);
} kinds[PLOT_KIND_COUNT] = {
	[PLOT_OVERVIEW] = { "overview", plot_overview },
	[PLOT_SEEDS] = { "seeds", plot_seeds },
	[PLOT_ABLATION] = { "ablation", plot_ablation },
	[PLOT_LABEL_DROP] = { "label-drop", plot_label_drop },
	[PLOT_CONFUSION] = { "confusion", plot_confusion },
	[PLOT_CONFUSION_OTHERS] = { "confusion-others", plot_confusion_others },
	[PLOT_PER_CLASS] = { "per-class", plot_per_class },
	[PLOT_RELIABILITY] = { "reliability", plot_reliability },
	[PLOT_LOSS] = { "loss", plot_loss },
	[PLOT_LATENCY] = { "latency", plot_latency },
	[PLOT_LATENCY_CDF] = { "latency-cdf", plot_latency_cdf },
};

int plots_write(const struct summary *s, int board, enum plot_kind kind, const char *dir,
		char slug[96], bool *drawn, struct err *err)
{
	struct plot p;

	*drawn = false;
	if (!str_format(slug, 96, "%s-%s", kinds[kind].name, s->board[board].slug))
		return err_set(err, ERR_LIMIT, "%s: name too long", s->board[board].slug);
	plot_begin(&p, slug, 760, 300);
	p.print = true;
	if (plots_main_row(s, board) && kinds[kind].draw(&p, s, board)) {
		*drawn = true;
		plot_write(&p, dir, err);
	}
	plot_free(&p);
	return err->code;
}

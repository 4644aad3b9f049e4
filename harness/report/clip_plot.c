/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/clip_plot.h"

#include <math.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/report/gnuplot.h"

enum {
	WIDTH = 960,
	PANEL = 120,	     /* points: height of a panel */
	EDGE = 34,	     /* above the first */
	FOOT = 60,	     /* below the last, for its times */
	LETTERS = 108,	     /* a line of words */
	LINE = 18,	     /* height of such a line */
	WAVE_COLUMNS = 1200, /* the sound is drawn as so many spans from least to largest */
	PANELS = 5,
	SILENCE_DB = 0, /* what is quieter is not drawn */
};

static void end_block(struct plot *p)
{
	strbuf_add(&p->dat, "\n\n");
}

/* A number, or an empty field that gnuplot breaks the line at. */
static void put_field(struct plot *p, double v, bool ok)
{
	strbuf_addc(&p->dat, '\t');
	if (ok && isfinite(v))
		strbuf_addf(&p->dat, "%.5g", v);
	else
		strbuf_add(&p->dat, "NaN");
}

/* Every block begins with a row of nothing: gnuplot counts no empty ones. */
static void begin_block(struct plot *p, int columns)
{
	strbuf_add(&p->dat, "0");
	for (int i = 1; i < columns; i++)
		strbuf_add(&p->dat, "\tNaN");
	strbuf_addc(&p->dat, '\n');
}

static void wave_block(struct plot *p, const struct clip_curves *c)
{
	const int columns = c->n_pcm < WAVE_COLUMNS ? c->n_pcm : WAVE_COLUMNS;

	begin_block(p, 3);
	for (int k = 0; k < columns; k++) {
		const int from = (int)((long long)c->n_pcm * k / columns);
		const int to = (int)((long long)c->n_pcm * (k + 1) / columns);
		float lo = c->pcm[from], hi = lo;

		for (int i = from; i < to; i++) {
			lo = fminf(lo, c->pcm[i]);
			hi = fmaxf(hi, c->pcm[i]);
		}
		strbuf_addf(&p->dat, "%.5g", 0.5 * (from + to) / c->rate);
		put_field(p, lo, true);
		put_field(p, hi, true);
		strbuf_addc(&p->dat, '\n');
	}
	end_block(p);
}

static void frame_blocks(struct plot *p, const struct clip_curves *c)
{
	begin_block(p, 2);
	for (int i = 0; i < c->pitch.n; i++) {
		strbuf_addf(&p->dat, "%.5g", c->pitch.first + i * c->pitch.step);
		put_field(p, c->hz[i], c->hz[i] > 0);
		strbuf_addc(&p->dat, '\n');
	}
	end_block(p);
	begin_block(p, 2);
	for (int i = 0; i < c->loud.n; i++) {
		strbuf_addf(&p->dat, "%.5g", c->loud.first + i * c->loud.step);
		put_field(p, c->db[i], c->db[i] > SILENCE_DB);
		strbuf_addc(&p->dat, '\n');
	}
	end_block(p);
}

/* t, x, y, height, mouth, motion */
static void sight_block(struct plot *p, const struct clip_curves *c)
{
	begin_block(p, 6);
	for (int i = 0; i < c->n_sight; i++) {
		const struct clip_sight *s = &c->sight[i];
		const double v[] = { s->x, s->y, s->height, s->mouth, s->motion };

		if (s->cut) /* another shot: no line leads there */
			strbuf_addf(&p->dat, "%.5g\tNaN\tNaN\tNaN\tNaN\tNaN\n", s->t);
		strbuf_addf(&p->dat, "%.5g", s->t);
		for (size_t k = 0; k < ARRAY_LEN(v); k++)
			put_field(p, v[k], true);
		strbuf_addc(&p->dat, '\n');
	}
	end_block(p);
}

/* A camera cut is a dashed line through every panel. */
static void add_cuts(struct plot *p, const struct clip_curves *c)
{
	for (int i = 0; i < c->n_sight; i++)
		if (c->sight[i].cut)
			strbuf_addf(&p->gp,
				    "set arrow from first %.5g, graph 0 to first %.5g, graph 1 "
				    "nohead lc rgb \"#777777\" dt 2\n",
				    c->sight[i].t, c->sight[i].t);
}

/* Puts the words below the panels, broken at blanks; returns how many lines they take. */
static int add_words(struct plot *p, const struct clip_curves *c, int height, bool draw)
{
	int rows = 0;

	for (int i = 0; i < c->n_line; i++) {
		const char *s = c->line[i];

		for (bool first = true; *s; first = false) {
			size_t n = strlen(s);
			char part[LETTERS + 1];

			if (n > LETTERS) {
				n = LETTERS;
				while (n > 1 && s[n] != ' ')
					n--;
				if (n == 1)
					n = LETTERS;
			}
			memcpy(part, s, n);
			part[n] = '\0';
			if (draw) {
				strbuf_add(&p->gp, "set label ");
				plot_gp_text(p, part);
				strbuf_addf(&p->gp, " at screen %.4f, screen %.4f left\n",
					    first ? .015 : .035,
					    (double)((c->n_line ? height : 0) - LINE * rows) /
						    p->height);
			}
			rows++;
			s += n;
			while (*s == ' ')
				s++;
		}
	}
	return rows;
}

/* Shots that the cues do not come from stand on grey. */
static void add_shots(struct plot *p, const struct clip_curves *c)
{
	for (int i = 0, end; i < c->n_sight; i = end) {
		end = i + 1;
		while (end < c->n_sight && c->sight[end].measured == c->sight[i].measured)
			end++;
		if (!c->sight[i].measured)
			strbuf_addf(&p->gp,
				    "set object rect from first %.5g, graph 0 to first %.5g, graph "
				    "1 behind fc rgb \"#eeeeee\" fs noborder\n",
				    c->sight[i].t, end < c->n_sight ? c->sight[end].t : c->seconds);
	}
}

static double highest_pitch(const struct clip_curves *c)
{
	double top = 0;

	for (int i = 0; i < c->pitch.n; i++)
		top = fmax(top, c->hz[i]);
	return top;
}

/* Of mouth and motion; fmax() leaves out NaN. */
static double highest_share(const struct clip_curves *c)
{
	double top = 0;

	for (int i = 0; i < c->n_sight; i++)
		top = fmax(top, fmax(c->sight[i].mouth, c->sight[i].motion));
	return top;
}

/* Where panel k of those that stand over the words lies. */
static void place(struct plot *p, int k, const char *label, double from, double to, double tics)
{
	const double top = p->height - EDGE - k * PANEL;

	strbuf_addf(&p->gp,
		    "set tmargin at screen %.4f\nset bmargin at screen %.4f\n"
		    "set ylabel '%s'\nset yrange [%.5g:%.5g]\nset ytics %g\nset format x '%s'\n%s",
		    top / p->height, (top - PANEL + 14) / p->height, label, from, to, tics,
		    k == PANELS - 1 ? "%g" : "",
		    k == PANELS - 1 ? "set xlabel 'seconds' offset 0,.5\n" : "");
}

static void add_panels(struct plot *p, const struct clip_curves *c)
{
	double loudest = .01;

	for (int i = 0; i < c->n_pcm; i++)
		loudest = fmax(loudest, fabsf(c->pcm[i]));
	strbuf_addf(&p->gp,
		    "set xrange [0:%.5g]\nset lmargin at screen .09\nset rmargin at screen .82\n"
		    "set border 3\nset tics nomirror out\nset grid x y lc rgb \"#dddddd\" lw .5\n"
		    "set key at graph 1.01, graph 1 left top Left reverse samplen 1 spacing 1.1\n",
		    c->seconds);
	add_shots(p, c);
	add_cuts(p, c);
	place(p, 0, "sound", -loudest, loudest, loudest > .4 ? .5 : loudest > .1 ? .1 : .05);
	strbuf_add(&p->gp, "plot data index 0 using 1:2:3 with filledcurves lc rgb "
			   "\"#56B4E9\" notitle, '' index 0 using 1:2 with lines lc rgb "
			   "\"#0072B2\" lw .5 notitle, '' index 0 using 1:3 with lines lc rgb "
			   "\"#0072B2\" lw .5 notitle\n");
	place(p, 1, "pitch, Hz", 0, fmax(300, highest_pitch(c)), 100);
	strbuf_add(&p->gp, "plot data index 1 using 1:2 with points pt 7 ps .35 lc rgb "
			   "\"#D55E00\" notitle\n");
	place(p, 2, "dB", 20, 100, 20);
	strbuf_add(&p->gp, "plot data index 2 using 1:2 with lines lw 1.4 lc rgb \"#009E73\" "
			   "title 'intensity'\n");
	place(p, 3, "face, %", 0, 100, 20);
	strbuf_add(&p->gp, "plot data index 3 using 1:2 with lines lw 1.4 lc rgb \"#0072B2\" "
			   "title 'from left', '' index 3 using 1:3 with lines lw 1.4 lc rgb "
			   "\"#009E73\" title 'from below', '' index 3 using 1:4 with lines "
			   "lw 1.4 lc rgb \"#CC79A7\" title 'height'\n");
	place(p, 4, "%", 0, fmax(30, highest_share(c)), 10 * ceil(fmax(30, highest_share(c)) / 50));
	strbuf_add(&p->gp, "plot data index 3 using 1:5 with lines lw 1.4 lc rgb \"#D55E00\" "
			   "title 'mouth (face)', '' index 3 using 1:6 with lines lw 1.4 lc rgb "
			   "\"#555555\" title 'motion'\n");
}

int clip_plot(const struct clip_curves *c, const char *dir, const char *slug, bool *missing,
	      struct err *err)
{
	struct plot p;
	int words;

	plot_begin(&p, slug, WIDTH, 0);
	words = LINE * add_words(&p, c, 0, false);
	p.height = EDGE + PANELS * PANEL + FOOT + words + LINE / 2;
	wave_block(&p, c);
	frame_blocks(&p, c);
	sight_block(&p, c);
	strbuf_add(&p.gp, "set multiplot\nset label ");
	plot_gp_text(&p, c->title);
	strbuf_addf(&p.gp, " at screen .015, screen %.4f left font ',15'\n", 1 - 16.0 / p.height);
	add_words(&p, c, words, true);
	/* labels are drawn with every plot: once, on an empty one, is enough */
	strbuf_add(&p.gp, "unset border\nunset tics\nset xrange [0:1]\nset yrange [0:1]\n"
			  "plot NaN notitle\nunset label\nset tics\n");
	add_panels(&p, c);
	strbuf_add(&p.gp, "unset multiplot\n");
	if (!plot_write(&p, dir, err))
		plot_draw(dir, slug, missing, err);
	plot_free(&p);
	return err->code;
}

/* SPDX-License-Identifier: Apache-2.0
 * One picture for each axis of a sweep: test and dev score against its values.  A
 * line goes through the means over the other axes; each combination is a point.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/report/gnuplot.h"
#include "harness/report/plots_parts.h"
#include "harness/report/sweep_report.h"

#define SYSTEMS_MAX 32
#define COLORS	    8
#define TICS_MAX    40
#define KEY_LINES   6 /* systems in a key above; more stand beside */

/* Okabe and Ito's colours, in the order of appearance of the systems. */
static const char *const line_color[COLORS] = { "#0072B2", "#009E73", "#CC79A7", "#56B4E9",
						"#7F5B3A", "#5D3A9B", "#B8A800", "#000000" };
#define DEV_COLOR "#E69F00"
#define DODGE	  .3 /* of the smallest gap between values, for all systems together */

/* Where the values of an axis stand: on a scale if all are numbers, else side by side. */
struct scale {
	const struct sweep_axis *axis;
	bool numeric, logarithmic;
	int *order; /* (axis->n) by position */
	double *x;  /* (axis->n) */
};

static bool as_number(const char *text, double *out)
{
	char *end;

	if (!isdigit((unsigned char)text[0]) && !strchr("+-.", text[0]))
		return false;
	*out = strtod(text, &end);
	return !*end && end > text && isfinite(*out);
}

static int scale_init(struct scale *c, const struct sweep_axis *axis, struct err *err)
{
	double lo = INFINITY, hi = 0;

	*c = (struct scale){ .axis = axis, .numeric = true };
	if (!NEW_ARRAY(c->order, (size_t)axis->n) || !NEW_ARRAY(c->x, (size_t)axis->n))
		return err_set(err, ERR_NOMEM, "axis %s: no memory", axis->name);
	for (int i = 0; i < axis->n; i++) {
		c->numeric &= as_number(axis->value[i], &c->x[i]);
		lo = fmin(lo, c->x[i]);
		hi = fmax(hi, c->x[i]);
	}
	c->logarithmic = c->numeric && axis->n > 2 && lo > 0 && hi / lo >= 30;
	for (int i = 0; i < axis->n; i++) {
		int k = i;

		if (!c->numeric)
			c->x[i] = i;
		for (; k && c->x[c->order[k - 1]] > c->x[i]; k--)
			c->order[k] = c->order[k - 1];
		c->order[k] = i;
	}
	return 0;
}

static void scale_free(struct scale *c)
{
	free(c->order);
	free(c->x);
}

/* Finished rows of a system (NULL: any) with one value of the axis. */
struct marginal {
	double f1, dev;
	int n, n_dev;
	const struct sweep_row *only; /* when there is one */
};

static struct marginal marginal(const struct sweep_summary *s, int axis, const char *value,
				const char *system)
{
	struct marginal m = { 0 };

	for (int i = 0; i < s->n_rows; i++) {
		const struct sweep_row *r = &s->row[i];

		if (!r->n || strcmp(r->first->value[axis], value) ||
		    strcmp(r->first->system, system))
			continue;
		m.only = m.n++ ? NULL : r;
		m.f1 += r->f1.mean;
		if (r->dev.n) {
			m.dev += r->dev.mean;
			m.n_dev++;
		}
	}
	m.f1 = m.n ? m.f1 / m.n : NAN;
	m.dev = m.n_dev ? m.dev / m.n_dev : NAN;
	return m;
}

/* What some line has. */
struct shown {
	bool dev;     /* a score on dev */
	bool several; /* a point that is the mean of several combinations */
};

static int find_systems(const struct sweep_summary *s, const char *system[SYSTEMS_MAX])
{
	int n = 0;

	for (int i = 0; i < s->n_rows; i++) {
		bool known = !s->row[i].n;

		for (int k = 0; k < n && !known; k++)
			known = !strcmp(system[k], s->row[i].first->system);
		if (!known && n < SYSTEMS_MAX)
			system[n++] = s->row[i].first->system;
	}
	return n;
}

static void number_or_gap(struct strbuf *b, double v, char end)
{
	if (isfinite(v))
		strbuf_addf(b, "%.6f", v * 100);
	else
		strbuf_addc(b, '?');
	strbuf_addc(b, end);
}

/* Between neighbours; 0: there is one value. */
static double smallest_gap(const struct scale *c)
{
	double gap = INFINITY;

	for (int k = 1; k < c->axis->n; k++) {
		const double lo = c->x[c->order[k - 1]], hi = c->x[c->order[k]];

		gap = fmin(gap, c->logarithmic ? log(hi / lo) : hi - lo);
	}
	return isfinite(gap) ? gap : 0;
}

/* Where system i of n stands beside a value, so that intervals do not lie on each other. */
static double dodge(const struct scale *c, double x, int i, int n)
{
	const double place = n > 1 ? (double)i / (n - 1) - .5 : 0;
	const double gap = smallest_gap(c);

	return c->logarithmic ? x * exp(place * DODGE * gap) : x + place * DODGE * gap;
}

/* One block a system: x, test, interval (of a single combination), dev, text. */
static int line_data(struct plot *p, const struct sweep_summary *s, int axis, const struct scale *c,
		     const char *const *system, int i, int n, struct shown *seen)
{
	int shown = 0;

	for (int k = 0; k < c->axis->n; k++) {
		const char *value = c->axis->value[c->order[k]];
		struct marginal m = marginal(s, axis, value, system[i]);

		if (!m.n)
			continue;
		shown++;
		seen->dev |= isfinite(m.dev);
		seen->several |= m.n > 1;
		strbuf_addf(&p->dat, "%.12g\t", dodge(c, c->x[c->order[k]], i, n));
		number_or_gap(&p->dat, m.f1, '\t');
		number_or_gap(&p->dat, m.only ? m.only->interval.lo : m.f1, '\t');
		number_or_gap(&p->dat, m.only ? m.only->interval.hi : m.f1, '\t');
		number_or_gap(&p->dat, m.dev, '\t');
		plot_dat_text(p, system[i]);
		strbuf_add(&p->dat, ", ");
		plot_dat_text(p, value);
		strbuf_addf(&p->dat, ": %.2f, combinations: %d\n", m.f1 * 100, m.n);
	}
	strbuf_add(&p->dat, "\n\n");
	return shown;
}

static void point_data(struct plot *p, const struct sweep_summary *s, int axis,
		       const struct scale *c)
{
	for (int i = 0; i < s->n_rows; i++)
		for (int k = 0; k < c->axis->n && s->row[i].n; k++)
			if (!strcmp(c->axis->value[k], s->row[i].first->value[axis]))
				strbuf_addf(&p->dat, "%.12g\t%.6f\n", c->x[k],
					    s->row[i].f1.mean * 100);
	strbuf_add(&p->dat, "\n\n");
	for (int k = 0; k < c->axis->n && s->chosen >= 0; k++)
		if (!strcmp(c->axis->value[k], s->row[s->chosen].first->value[axis]))
			strbuf_addf(&p->dat, "%.12g\t%.6f\n", c->x[k],
				    s->row[s->chosen].f1.mean * 100);
}

static void scale_script(struct plot *p, const struct scale *c)
{
	double lo = c->x[c->order[0]], hi = c->x[c->order[c->axis->n - 1]];
	const double gap = smallest_gap(c), least = gap * DODGE * .7;
	double room = c->numeric ? (hi > lo ? fmax((hi - lo) * .06, least) : 1) : .5;
	double times = fmax(1.3, exp(c->logarithmic ? least : 0));
	size_t longest = 6;

	if (c->logarithmic)
		strbuf_addf(&p->gp, "set logscale x\nset xrange [%.12g:%.12g]\n", lo / times,
			    hi * times);
	else
		strbuf_addf(&p->gp, "set xrange [%.12g:%.12g]\n", lo - room, hi + room);
	if (c->axis->n > TICS_MAX && c->numeric)
		return;
	strbuf_add(&p->gp, "set xtics (");
	for (int i = 0; i < c->axis->n; i++) {
		strbuf_add(&p->gp, i ? ", " : "");
		plot_gp_tic(p, *c->axis->value[i] ? c->axis->value[i] : "(none)");
		strbuf_addf(&p->gp, " %.12g", c->x[i]);
		if (strlen(c->axis->value[i]) > longest)
			longest = strlen(c->axis->value[i]);
	}
	strbuf_addf(&p->gp, ")%s\n",
		    longest * (size_t)c->axis->n > 56 ? " rotate by -30 offset -.5,0" : "");
}

static void draw_lines(struct plot *p, const char *const *system, int n, bool dev)
{
	static const int shape[] = { 7, 5, 9, 11, 13, 15 };
	const char *sep = "plot ";
	char title[96];

	for (int i = 0; i < n; i++) {
		const char *color = line_color[i % COLORS];
		const int point = shape[(size_t)(i / COLORS) % ARRAY_LEN(shape)];

		strbuf_addf(&p->gp,
			    "%sdata index %d using 1:2:3:4 with yerrorbars pt 0 lw 1.4 lc rgb "
			    "\"%s\" notitle, \\\n"
			    " data index %d using 1:2 with linespoints pt %d ps .7 lw 2 lc rgb "
			    "\"%s\" title ",
			    sep, i, color, i, point, color);
		sep = ", \\\n ";
		if (str_format(title, sizeof(title), "%s, test", system[i]))
			plot_gp_text(p, title);
		else
			plot_gp_text(p, "test");
		if (dev)
			strbuf_addf(&p->gp,
				    ", \\\n data index %d using 1:5 with linespoints pt 6 ps .6 dt "
				    "2 lw 1.6 lc rgb "
				    "\"%s\" %s",
				    i, n > 1 ? color : DEV_COLOR, i ? "notitle" : "title 'dev'");
	}
}

static void draw(struct plot *p, const struct sweep_summary *s, const struct scale *c,
		 const char *const *system, int n, const struct shown *seen)
{
	strbuf_add(&p->gp, "set border 3\nset grid y " GRID_STYLE "\nset xtics nomirror out\n"
			   "set ytics nomirror out\nset datafile missing '?'\nset xlabel ");
	plot_gp_text(p, c->axis->name);
	strbuf_add(&p->gp, "\nset ylabel 'weighted F1, %'\nset offsets 0,0,1,1\n"
			   "set yrange [0<*:*<100]\n");
	strbuf_addf(&p->gp, "set key outside %s samplen 2 width 1\n",
		    n > KEY_LINES ? "right center vertical Left reverse" : "top center horizontal");
	scale_script(p, c);
	draw_lines(p, system, n, seen->dev);
	if (seen->several)
		strbuf_addf(&p->gp,
			    ", \\\n data index %d using 1:2 with points pt 6 ps .5 lc rgb "
			    "\"#888888\" title 'one combination'",
			    n);
	if (s->chosen >= 0)
		strbuf_addf(&p->gp,
			    ", \\\n data index %d using 1:2 with points pt 12 ps 1.6 lw 2 lc rgb "
			    "\"" TRUTH_COLOR "\" title 'chosen on dev'",
			    n + 1);
	for (int i = 0; i < n; i++)
		strbuf_addf(&p->gp, ", \\\n data index %d using 1:2:6 " HOVER_STYLE, i);
	strbuf_addc(&p->gp, '\n');
}

int sweep_plot_write(const struct sweep_summary *s, int axis, const char *dir, char slug[96],
		     bool *drawn, struct err *err)
{
	const char *system[SYSTEMS_MAX];
	struct shown seen = { 0 };
	struct scale c;
	struct plot p;
	int n, shown = 0;

	*drawn = false;
	if (!str_format(slug, 96, "axis-%s", s->file.axis[axis].name))
		return err_set(err, ERR_LIMIT, "axis %s: name too long", s->file.axis[axis].name);
	plot_begin(&p, slug, 640, 400);
	n = find_systems(s, system);
	if (n > KEY_LINES)
		p.width += 260;
	if (!scale_init(&c, &s->file.axis[axis], err)) {
		for (int i = 0; i < n; i++)
			shown += line_data(&p, s, axis, &c, system, i, n, &seen);
		point_data(&p, s, axis, &c);
		*drawn = shown > 0;
		if (*drawn) {
			draw(&p, s, &c, system, n, &seen);
			plot_write(&p, dir, err);
		}
	}
	scale_free(&c);
	plot_free(&p);
	return err->code;
}

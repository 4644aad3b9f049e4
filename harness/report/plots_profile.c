/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "harness/report/plots_parts.h"
#include "harness/report/profiles.h"

#define PANELS_MAX 6 /* scenarios that a picture has room for */
#define ACROSS	   3
#define POINTS_MAX 1000 /* of one curve */
#define FOOT	   .09	/* share of the height for the key */
#define LINES_MAX  24	/* names in the key */

/* Profiles of one system get shapes of their own. */
static const int shape[] = { 7, 5, 9, 11, 13, 15 };

static const struct json *scenario_of(const struct profile_file *f, const char *name)
{
	const struct json *s = json_at(json_get(f->root, "scenarios"), 0);

	while (s && strcmp(json_str(json_get(s, "scenario"), ""), name) != 0)
		s = json_next(s);
	return s;
}

/* Scenarios with a curve, in order of appearance. */
static int find_scenarios(const struct profile_list *l, const char *name[PANELS_MAX])
{
	int n = 0;

	for (int i = 0; i < l->n; i++)
		for (const struct json *s = json_at(json_get(l->file[i].root, "scenarios"), 0); s;
		     s = json_next(s)) {
			const char *word = json_str(json_get(s, "scenario"), NULL);
			int at = 0;

			if (!word || json_size(json_get(s, "cdf")) < 1)
				continue;
			while (at < n && strcmp(name[at], word) != 0)
				at++;
			if (at == n && n < PANELS_MAX)
				name[n++] = word;
		}
	return n;
}

/* Points of the curve, rising times above zero.  Returns how many. */
static int cdf_points(struct plot *p, const struct profile_file *f, const char *scenario)
{
	int n = 0;

	for (const struct json *v = json_at(json_get(scenario_of(f, scenario), "cdf"), 0);
	     v && n < POINTS_MAX; v = json_next(v)) {
		double ms = json_num(json_at(v, 0), NAN), share = json_num(json_at(v, 1), NAN);

		if (!(ms > 0) || !isfinite(ms) || !(share >= 0 && share <= 1))
			continue;
		strbuf_addf(&p->dat, "%.6g\t%.4f\t", ms, share * 100);
		plot_dat_text(p, f->system);
		strbuf_add(&p->dat, ", ");
		plot_dat_text(p, scenario);
		strbuf_addf(&p->dat, ": %.1f %% within %.4g ms\n", share * 100, ms);
		n++;
	}
	strbuf_add(&p->dat, n ? "\n\n" : "");
	return n;
}

static void cdf_panel(struct plot *p, const struct summary *s, const struct profile_list *l,
		      const char *scenario, int *block)
{
	const char *sep = "plot ";

	strbuf_add(&p->gp, "set title ");
	plot_gp_text(p, scenario);
	strbuf_addc(&p->gp, '\n');
	for (int i = 0; i < l->n; i++) {
		int n = cdf_points(p, &l->file[i], scenario);

		if (!n)
			continue;
		strbuf_addf(&p->gp,
			    "%sdata index %d using 1:2 with linespoints lw 1.8 pt %d ps .6 "
			    "pointinterval %d lc rgb \"%s\", \\\n data index %d using 1:2:3 "
			    "every %d " HOVER_STYLE,
			    sep, *block, shape[(size_t)i % ARRAY_LEN(shape)], n / 8 + 1,
			    plots_color(s, l->file[i].system), *block, n / 24 + 1);
		(*block)++;
		sep = ", \\\n ";
	}
	strbuf_add(&p->gp, *sep == 'p' ? "" : "\n");
}

/* "bemerc", or "bemerc, meld" where profiles are of several corpora or runs. */
static void name_profile(const struct profile_list *l, int i, char *dst, size_t size)
{
	const struct profile_file *f = &l->file[i];
	int same = 0;

	for (int j = 0; j < l->n; j++)
		same += !strcmp(l->file[j].system, f->system);
	if ((same > 1 && !str_copy(dst, size, f->id)) ||
	    (same == 1 && !str_copy(dst, size, f->system)))
		dst[0] = '\0';
}

static bool plot_cdf(struct plot *p, const struct summary *s, const struct profile_list *l)
{
	const char *scenario[PANELS_MAX];
	int n = find_scenarios(l, scenario), block = 0, k = 0;
	char name[LINES_MAX][128], style[LINES_MAX][40];
	struct key_entry entry[LINES_MAX];

	if (!n)
		return false;
	p->width = n < ACROSS ? 380 * n : 320 * ACROSS;
	p->height = 300 * ((n + ACROSS - 1) / ACROSS) + 40;
	strbuf_add(&p->gp,
		   "set multiplot\nset border 3\nset tics nomirror out font \",11\"\n"
		   "set title font \",12\"\nset grid x y " GRID_STYLE "\nset logscale x\n"
		   "set format x '%g'\nset yrange [0:102]\nset ytics 0,20,100\nunset key\n"
		   "set xlabel 'ms' font \",12\"\nset ylabel '% of utterances' font \",12\"\n"
		   "set lmargin 9\nset rmargin 3\n");
	for (int i = 0; i < n; i++) {
		plot_panel(p, i, n, ACROSS, FOOT);
		cdf_panel(p, s, l, scenario[i], &block);
	}
	for (int i = 0; i < l->n && k < LINES_MAX; i++, k++) {
		name_profile(l, i, name[k], sizeof(name[k]));
		if (!str_format(style[k], sizeof(style[k]), "linespoints pt %d ps .7 lw 1.8",
				shape[(size_t)i % ARRAY_LEN(shape)]))
			p->gp.oom = true;
		entry[k] =
			(struct key_entry){ name[k], plots_color(s, l->file[i].system), style[k] };
	}
	plot_foot_key(p, entry, k, FOOT);
	strbuf_add(&p->gp, "unset multiplot\n");
	return block > 0;
}

/* The points of one profile with so many threads, by batch.  Returns how many. */
static int throughput_points(struct plot *p, const struct profile_file *f, double threads)
{
	int n = 0;

	for (const struct json *x = json_at(json_get(f->root, "throughput"), 0);
	     x && n < POINTS_MAX; x = json_next(x)) {
		double batch = json_num(json_get(x, "batch"), NAN);
		double rate = json_num(json_get(x, "per_s"), NAN);
		double failed = json_num(json_get(x, "failed"), 0);

		if (json_num(json_get(x, "threads"), NAN) != threads || !(batch >= 1) ||
		    !(rate >= 0) || !isfinite(batch) || !isfinite(rate))
			continue;
		strbuf_addf(&p->dat, "%.0f\t%.6g\t", batch, rate);
		plot_dat_text(p, f->system);
		strbuf_addf(&p->dat, ", %.0f threads, batch %.0f: %.4g utterances/s", threads,
			    batch, rate);
		if (failed > 0)
			strbuf_addf(&p->dat, ", %.0f failed", failed);
		strbuf_addc(&p->dat, '\n');
		n++;
	}
	strbuf_add(&p->dat, n ? "\n\n" : "");
	return n;
}

/* Is this the first point with its number of threads? */
static bool first_threads(const struct json *list, const struct json *x)
{
	double threads = json_num(json_get(x, "threads"), NAN);

	for (const struct json *v = json_at(list, 0); v != x; v = json_next(v))
		if (json_num(json_get(v, "threads"), NAN) == threads)
			return false;
	return threads >= 1;
}

static bool plot_throughput(struct plot *p, const struct summary *s, const struct profile_list *l)
{
	int block = 0;

	p->height = 360;
	strbuf_add(&p->gp, "set border 3\nset grid y " GRID_STYLE "\nset logscale x 2\n"
			   "set yrange [0:*]\nset offsets graph .03, graph .03, graph .05, 0\n"
			   "set tics nomirror out\nset xlabel 'batch, utterances'\n"
			   "set ylabel 'utterances a second'\n"
			   "set key outside right top vertical Left reverse samplen 2\n");
	for (int i = 0; i < l->n; i++) {
		const struct json *list = json_get(l->file[i].root, "throughput");
		int line = 0;

		for (const struct json *x = json_at(list, 0); x; x = json_next(x)) {
			double threads = json_num(json_get(x, "threads"), NAN);
			char name[128], title[160];

			if (!first_threads(list, x) || !throughput_points(p, &l->file[i], threads))
				continue;
			name_profile(l, i, name, sizeof(name));
			if (!str_format(title, sizeof(title), "%s, %.0f thread%s", name, threads,
					threads > 1 ? "s" : ""))
				title[0] = '\0';
			strbuf_addf(&p->gp,
				    "%sdata index %d using 1:2 with linespoints lw 1.8 pt %d ps .8 "
				    "lc rgb \"%s\" title ",
				    block ? ", \\\n " : "plot ", block,
				    shape[(size_t)line++ % ARRAY_LEN(shape)],
				    plots_color(s, l->file[i].system));
			plot_gp_text(p, title);
			strbuf_addf(&p->gp, ", \\\n data index %d using 1:2:3 " HOVER_STYLE,
				    block++);
		}
	}
	strbuf_addc(&p->gp, '\n');
	return block > 0;
}

int plots_profiles_write(const struct summary *s, const struct profile_list *l,
			 enum profile_plot kind, const char *dir, char slug[96], bool *drawn,
			 struct err *err)
{
	static const char *const name[PROFILE_PLOT_COUNT] = { "profile-cdf", "throughput" };
	struct plot p;

	*drawn = false;
	if (!str_copy(slug, 96, name[kind]))
		return err_set(err, ERR_INTERNAL, "%s: name too long", name[kind]);
	plot_begin(&p, slug, 760, 300);
	p.print = true;
	if (kind == PROFILE_PLOT_CDF ? plot_cdf(&p, s, l) : plot_throughput(&p, s, l)) {
		*drawn = true;
		plot_write(&p, dir, err);
	}
	plot_free(&p);
	return err->code;
}

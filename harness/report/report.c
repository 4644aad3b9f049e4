/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/report.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/report/claims.h"
#include "harness/report/gnuplot.h"
#include "harness/report/page.h"
#include "harness/report/tables.h"

struct report {
	const char *out_dir;
	struct summary_options options;
	struct summary summary;
	struct claims claims;
	struct profile_list profiles;
	struct picture *picture;
	struct picture profile_picture[PROFILE_PLOT_COUNT];
	bool no_gnuplot;
};

static int write_text(const char *dir, const char *name, const struct strbuf *text, struct err *err)
{
	char *path = path_join(dir, name);

	if (!path || text->oom)
		err_set(err, ERR_NOMEM, "%s: no memory", name);
	else
		io_write_atomic(path, strbuf_str(text), text->len, err);
	free(path);
	return err->code;
}

static int make_dirs(const char *out_dir, struct err *err)
{
	static const char *const part[] = { "tables", "plots" };

	for (size_t i = 0; i < ARRAY_LEN(part) && !err->code; i++) {
		char *path = path_join(out_dir, part[i]);

		if (!path)
			err_set(err, ERR_NOMEM, "no memory");
		else
			io_mkdirs(path, err);
		free(path);
	}
	return err->code;
}

static int write_summary(const struct report *r, struct err *err)
{
	struct strbuf out = { 0 };

	summary_write_json(&r->summary, &out);
	write_text(r->out_dir, "summary.json", &out, err);
	strbuf_free(&out);
	return err->code;
}

/* Tables of the corpora: markdown by corpus, CSV in one. */
static const struct {
	const char *name, *title, *note;
	table_maker *make, *csv;
} corpus_table[] = {
	{ "results", "Results",
	  "Weighted F1 in per cent on the test split: mean ± standard deviation over seeds (ddof "
	  "1); the interval resamples dialogues. A failure counts as wrong; F1 of these: over the "
	  "answered alone. Ceiling: best reachable weighted F1 for what the "
	  "system sees (calibrated corpora only).",
	  tables_results, tables_results },
	{ "served", "Served models",
	  "Systems that ask a served model. Modes are different tasks: constrained, scored and "
	  "free "
	  "answers are not to be compared as one. Strict: only replies that are a label and "
	  "nothing "
	  "else; answered only: of the utterances with a label. Asks, tokens and cost of all runs "
	  "together, in the units of the profile's prices; attempts count requests sent again.",
	  tables_served, tables_served },
	{ "per-class", "F1 by label", "Per cent, from the answers of all seeds together.",
	  tables_per_class, tables_per_class_long },
	{ "ablation", "Ablations",
	  "Drop of weighted F1 in points against the full system (other systems: against bemerc), "
	  "paired by dialogue. True drop: difference of the ceilings.",
	  tables_ablation, tables_ablation },
	{ "calibration", "Confidence and accuracy",
	  "Ten bins of equal width by the largest probability; answered utterances of all seeds "
	  "together; Brier score from 0 to 2, NLL in nats.",
	  tables_calibration, tables_calibration },
	{ "stages", "Latency and throughput by stage",
	  "Percentiles without interpolation, of the slowest run.", tables_stages, tables_stages },
};

/* A table in the forms that are files of their own. */
enum form { FORM_MARKDOWN, FORM_LATEX, FORM_CSV, FORM_COUNT };

static int write_forms(const struct report *r, const char *name,
		       const struct strbuf form[FORM_COUNT], struct err *err)
{
	static const char *const suffix[FORM_COUNT] = { "md", "tex", "csv" };
	char file[64];

	for (int i = 0; i < FORM_COUNT && !err->code; i++) {
		if (!str_format(file, sizeof(file), "tables/%s.%s", name, suffix[i]))
			err_set(err, ERR_INTERNAL, "%s: name too long", name);
		else
			write_text(r->out_dir, file, &form[i], err);
	}
	return err->code;
}

static void free_forms(struct strbuf form[FORM_COUNT])
{
	for (int i = 0; i < FORM_COUNT; i++)
		strbuf_free(&form[i]);
}

static void begin_forms(struct strbuf form[FORM_COUNT], const char *title)
{
	strbuf_addf(&form[FORM_MARKDOWN], "# %s\n\n", title);
	strbuf_add(&form[FORM_LATEX], "% \\input this; no package is needed\n");
}

static void add_board(const struct board *board, const char *title, const struct table *t,
		      struct strbuf form[FORM_COUNT])
{
	struct strbuf head = { 0 };

	strbuf_addf(&head, "%s, %s", title, board->name);
	strbuf_addf(&form[FORM_MARKDOWN], "\n## %s\n\n", board->name);
	table_markdown(t, &form[FORM_MARKDOWN]);
	table_latex(t, strbuf_str(&head), &form[FORM_LATEX]);
	form[FORM_LATEX].oom |= head.oom;
	strbuf_free(&head);
}

static int write_corpus_tables(const struct report *r, struct err *err)
{
	const struct summary *s = &r->summary;

	for (size_t i = 0; i < ARRAY_LEN(corpus_table) && !err->code; i++) {
		struct strbuf form[FORM_COUNT] = { 0 };
		struct table all = { 0 };

		if (corpus_table[i].make == tables_served && !tables_any_asks(s, -1))
			continue;
		begin_forms(form, corpus_table[i].title);
		strbuf_addf(&form[FORM_MARKDOWN], "%s\n", corpus_table[i].note);
		strbuf_add(&form[FORM_LATEX], "\\noindent ");
		latex_escape(&form[FORM_LATEX], corpus_table[i].note);
		strbuf_add(&form[FORM_LATEX], "\\par\\medskip\n");
		for (int b = 0; b < s->n_boards; b++) {
			struct table t = { 0 };

			corpus_table[i].make(s, b, &t);
			add_board(&s->board[b], corpus_table[i].title, &t, form);
			table_free(&t);
		}
		corpus_table[i].csv(s, -1, &all);
		table_csv(&all, &form[FORM_CSV]);
		write_forms(r, corpus_table[i].name, form, err);
		table_free(&all);
		free_forms(form);
	}
	return err->code;
}

static int write_table(const struct report *r, const char *name, const char *title,
		       const struct table *t, struct err *err)
{
	struct strbuf form[FORM_COUNT] = { 0 };

	begin_forms(form, title);
	table_markdown(t, &form[FORM_MARKDOWN]);
	table_latex(t, title, &form[FORM_LATEX]);
	table_csv(t, &form[FORM_CSV]);
	write_forms(r, name, form, err);
	free_forms(form);
	return err->code;
}

static int write_claims(const struct report *r, bool ours, struct err *err)
{
	struct table t = { 0 };

	tables_claims(&r->summary, &r->claims, ours ? CLAIMS_OURS : CLAIMS_FIELD, &t);
	write_table(r, ours ? "claims" : "claims-field",
		    ours ? "Published claims beside what was obtained"
			 : "Published numbers of other systems",
		    &t, err);
	table_free(&t);
	return err->code;
}

static int write_tables(const struct report *r, struct err *err)
{
	struct table runs = { 0 }, not_run = { 0 }, profiles = { 0 }, throughput = { 0 };

	tables_runs(&r->summary, -1, &runs);
	tables_not_run(&r->claims, &not_run);
	tables_profiles(&r->profiles, &profiles);
	tables_throughput(&r->profiles, &throughput);
	if (!write_corpus_tables(r, err) && !write_claims(r, true, err) &&
	    !write_claims(r, false, err) && !write_table(r, "runs", "Runs", &runs, err) &&
	    !write_table(r, "not-run", "What was not run", &not_run, err) && r->profiles.n &&
	    !write_table(r, "profiles", "Latency by scenario", &profiles, err))
		write_table(r, "throughput", "Throughput by threads and batch", &throughput, err);
	table_free(&profiles);
	table_free(&throughput);
	table_free(&runs);
	table_free(&not_run);
	return err->code;
}

/* Has gnuplot draw what was written; without gnuplot the log says so once. */
static int draw_picture(struct report *r, struct picture *x, const char *dir, const struct log *log,
			struct err *err)
{
	if (!x->drawn || r->no_gnuplot || plot_draw(dir, x->slug, &r->no_gnuplot, err))
		return err->code;
	x->svg = !r->no_gnuplot;
	if (r->no_gnuplot)
		log_error(log,
			  "gnuplot is not installed: scripts are written to %s, pictures are not "
			  "drawn",
			  dir);
	return 0;
}

static int draw_plots(struct report *r, const struct log *log, struct err *err)
{
	int n = r->summary.n_boards * PLOT_KIND_COUNT;
	char *dir = path_join(r->out_dir, "plots");

	if (!dir || !NEW_ARRAY(r->picture, (size_t)n))
		err_set(err, ERR_NOMEM, "no memory");
	for (int i = 0; i < n && !err->code; i++) {
		struct picture *x = &r->picture[i];

		if (!plots_write(&r->summary, i / PLOT_KIND_COUNT,
				 (enum plot_kind)(i % PLOT_KIND_COUNT), dir, x->slug, &x->drawn,
				 err))
			draw_picture(r, x, dir, log, err);
	}
	for (int i = 0; i < PROFILE_PLOT_COUNT && !err->code; i++) {
		struct picture *x = &r->profile_picture[i];

		if (!plots_profiles_write(&r->summary, &r->profiles, (enum profile_plot)i, dir,
					  x->slug, &x->drawn, err))
			draw_picture(r, x, dir, log, err);
	}
	free(dir);
	return err->code;
}

static int write_page(const struct report *r, struct err *err)
{
	const struct page p = { .summary = &r->summary,
				.claims = &r->claims,
				.options = &r->options,
				.out_dir = r->out_dir,
				.picture = r->picture,
				.profiles = &r->profiles,
				.profile_picture = r->profile_picture,
				.no_gnuplot = r->no_gnuplot };
	struct strbuf out = { 0 };

	if (!page_write(&p, &out, err))
		write_text(r->out_dir, "index.html", &out, err);
	strbuf_free(&out);
	return err->code;
}

int report_write(const char *runs_dir, const char *out_dir, const struct report_options *o,
		 const struct log *log, struct err *err)
{
	struct report r = { .out_dir = out_dir,
			    .options = { .replicates = o->replicates ? o->replicates : 10000,
					 .seed = o->seed,
					 .threads = o->threads } };

	if (summary_make(&r.summary, runs_dir, &r.options, log, err) ||
	    profiles_load(&r.profiles, o->profiles, &r.summary.runs, log, err) ||
	    claims_load(&r.claims, o->claims, o->notes, err))
		goto done;
	if (!r.summary.n_rows) {
		err_set(err, ERR_INCOMPLETE, "%s: no finished run to report", runs_dir);
		goto done;
	}
	if (make_dirs(out_dir, err) || write_summary(&r, err) || write_tables(&r, err) ||
	    draw_plots(&r, log, err) || write_page(&r, err))
		goto done;
	log_info(log, "report: %s/index.html (%d rows, %d runs)", out_dir, r.summary.n_rows,
		 r.summary.runs.n);
done:
	free(r.picture);
	claims_free(&r.claims);
	profiles_free(&r.profiles);
	summary_free(&r.summary);
	return err->code;
}

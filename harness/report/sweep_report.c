/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/sweep_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/str.h"
#include "harness/report/gnuplot.h"
#include "harness/report/results.h"

/* The finished runs of one row. */
struct pool {
	struct result *run; /* (n) */
	struct tally *tally;
	double *f1, *accuracy, *dev;
	int n, n_dev;
};

static void pool_free(struct pool *p)
{
	for (int i = 0; i < p->n; i++) {
		result_free(&p->run[i]);
		tally_free(&p->tally[i]);
	}
	free(p->run);
	free(p->tally);
	free(p->f1);
	free(p->accuracy);
	free(p->dev);
	*p = (struct pool){ 0 };
}

static int pool_init(struct pool *p, int n, struct err *err)
{
	size_t size = (size_t)n;

	*p = (struct pool){ 0 };
	if (NEW_ARRAY(p->run, size) && NEW_ARRAY(p->tally, size) && NEW_ARRAY(p->f1, size) &&
	    NEW_ARRAY(p->accuracy, size) && NEW_ARRAY(p->dev, size))
		return 0;
	pool_free(p);
	return err_set(err, ERR_NOMEM, "summary: no memory");
}

/* Dev score of the epoch that was kept; NaN: none. */
static double dev_score(const struct result *r)
{
	for (int i = r->n_epoch - 1; i >= 0; i--)
		if (r->epoch[i].best && isfinite(r->epoch[i].dev))
			return r->epoch[i].dev;
	return NAN;
}

static int pool_add(struct pool *p, const char *dir, const struct sweep_entry *run, struct err *err)
{
	char *folder = sweep_file_run(dir, run);
	struct result *r = &p->run[p->n];
	double dev;

	if (!folder)
		return err_set(err, ERR_NOMEM, "summary: no memory");
	p->n++;
	if (!result_load(r, folder, err) && !r->complete)
		err_set(err, ERR_INCOMPLETE, "%s: status %s", folder, r->status);
	if (!err->code && r->seed != (uint64_t)run->seed)
		err_set(err, ERR_DATA, "%s: seed %llu, but sweep.json says %lld", folder,
			(unsigned long long)r->seed, (long long)run->seed);
	free(folder);
	if (err->code || results_same_samples(&p->run[0], r, err) ||
	    result_tally(r, &p->tally[p->n - 1], err))
		return err->code;
	p->f1[p->n - 1] = r->scores.weighted_f1;
	p->accuracy[p->n - 1] = r->scores.accuracy;
	dev = dev_score(r);
	if (isfinite(dev))
		p->dev[p->n_dev++] = dev;
	return 0;
}

static int score_row(struct sweep_summary *s, struct sweep_row *row, const struct pool *p,
		     const struct sweep_report_options *o, struct err *err)
{
	struct bootstrap_options bo = { .metric = METRIC_WEIGHTED_F1,
					.replicates = o->replicates,
					.alpha = 0.05,
					.seed = o->seed,
					.threads = o->threads };
	struct tally_set set = { p->tally, p->n };

	row->n = p->n;
	row->interval = (struct interval){ .value = NAN, .lo = NAN, .hi = NAN, .se = NAN };
	spread_compute(p->f1, p->n, &row->f1);
	spread_compute(p->accuracy, p->n, &row->accuracy);
	spread_compute(p->dev, p->n_dev, &row->dev);
	if (!p->n)
		return 0;
	for (int i = 0; i < p->n; i++)
		s->limited |= p->run[i].limited;
	if (!str_copy(row->selection, sizeof(row->selection), p->run[0].selection))
		return err_set(err, ERR_FORMAT, "%s: selection is too long", p->run[0].id);
	return bootstrap_system(&set, &bo, &row->interval, err);
}

/* Runs first … end - 1 of the file are one point. */
static int make_row(struct sweep_summary *s, int first, int end, const char *dir,
		    const struct sweep_report_options *o, struct err *err)
{
	struct sweep_row *row = &s->row[s->n_rows++];
	struct pool pool;

	row->first = &s->file.run[first];
	if (pool_init(&pool, end - first, err))
		return err->code;
	for (int i = first; i < end && !err->code; i++) {
		const struct sweep_entry *run = &s->file.run[i];

		if (run->left_out) {
			row->left_out = run->left_out;
			s->left_out++;
			continue;
		}
		row->planned++;
		if (sweep_file_done(dir, run))
			pool_add(&pool, dir, run, err);
	}
	if (!err->code)
		score_row(s, row, &pool, o, err);
	s->finished += row->n;
	s->missing += row->planned - row->n;
	pool_free(&pool);
	return err->code;
}

/* Ties go to the first. */
static void choose(struct sweep_summary *s)
{
	s->chosen = s->best = -1;
	for (int i = 0; i < s->n_rows; i++) {
		const struct sweep_row *row = &s->row[i];

		if (!row->n || row->n < row->planned)
			continue;
		if (row->dev.n == row->n &&
		    (s->chosen < 0 || row->dev.mean > s->row[s->chosen].dev.mean))
			s->chosen = i;
		if (s->best < 0 || row->f1.mean > s->row[s->best].f1.mean)
			s->best = i;
	}
}

int sweep_summary_make(struct sweep_summary *s, const char *dir,
		       const struct sweep_report_options *o, struct err *err)
{
	const struct sweep_file *f = &s->file;

	*s = (struct sweep_summary){ .chosen = -1, .best = -1 };
	if (sweep_file_read(&s->file, dir, err))
		return err->code;
	if (!NEW_ARRAY(s->row, (size_t)f->n_runs))
		return err_set(err, ERR_NOMEM, "summary: no memory");
	for (int i = 0, end; i < f->n_runs && !err->code; i = end) {
		for (end = i + 1; end < f->n_runs && f->run[end].point == f->run[i].point;)
			end++;
		make_row(s, i, end, dir, o, err);
	}
	s->limited |= s->missing > 0;
	choose(s);
	return err->code;
}

void sweep_summary_free(struct sweep_summary *s)
{
	free(s->row);
	sweep_file_free(&s->file);
	*s = (struct sweep_summary){ 0 };
}

static int write_text(const char *dir, const char *name,
		      void (*form)(const struct sweep_summary *s, struct strbuf *out),
		      const struct sweep_summary *s, struct err *err)
{
	char *path = path_join(dir, name);
	struct strbuf b = { 0 };

	form(s, &b);
	if (!path || b.oom)
		err_set(err, ERR_NOMEM, "%s: no memory", name);
	else
		io_write_atomic(path, strbuf_str(&b), b.len, err);
	strbuf_free(&b);
	free(path);
	return err->code;
}

int sweep_summary_write(const struct sweep_summary *s, const char *dir, const struct log *log,
			struct err *err)
{
	bool missing = false, drawn;
	char slug[96];

	if (write_text(dir, "summary.md", sweep_summary_markdown, s, err) ||
	    write_text(dir, "summary.csv", sweep_summary_csv, s, err) ||
	    write_text(dir, "summary.json", sweep_summary_json, s, err))
		return err->code;
	for (int i = 0; i < s->file.n_axes && !err->code; i++)
		if (!sweep_plot_write(s, i, dir, slug, &drawn, err) && drawn && !missing)
			plot_draw(dir, slug, &missing, err);
	if (missing)
		log_error(log,
			  "gnuplot is not installed: scripts are written to %s, pictures are not "
			  "drawn",
			  dir);
	return err->code;
}

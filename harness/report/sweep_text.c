/* SPDX-License-Identifier: Apache-2.0
 * The summary of a sweep as markdown, CSV and JSON.
 */
#include "harness/report/sweep_report.h"

#include <math.h>

#include "harness/report/table.h"

static void spread_cells(struct table *t, const struct spread *s)
{
	if (isfinite(s->std))
		table_cell(t, s->mean, "%.2f ± %.2f", s->mean * 100, s->std * 100);
	else
		table_number(t, s->mean, 100, 2);
	table_number(t, s->mean, 1, 6);
	table_number(t, s->std, 1, 6);
}

static void row_note(const struct sweep_summary *s, int i, struct table *t)
{
	const struct sweep_row *r = &s->row[i];

	if (r->left_out)
		table_cell(t, NAN, "left out: %s", r->left_out);
	else if (r->n < r->planned)
		table_cell(t, NAN, "%d of %d runs are missing", r->planned - r->n, r->planned);
	else
		table_cell(t, NAN, "%s%s%s", i == s->chosen ? "chosen on dev" : "",
			   i == s->chosen && i == s->best ? "; " : "",
			   i == s->best ? "best-on-test" : "");
}

static void make_columns(const struct sweep_summary *s, struct table *t)
{
	table_column(t, COLUMN_NUMBER, "#", "point");
	table_column(t, COLUMN_TEXT, "system", NULL);
	for (int a = 0; a < s->file.n_axes; a++)
		table_column(t, COLUMN_TEXT, s->file.axis[a].name, NULL);
	table_column(t, COLUMN_NUMBER, "seeds", NULL);
	table_column(t, COLUMN_SHOWN, "dev weighted F1, %", NULL);
	table_column(t, COLUMN_CSV, "dev_mean", NULL);
	table_column(t, COLUMN_CSV, "dev_std", NULL);
	table_column(t, COLUMN_SHOWN, "test weighted F1, %", NULL);
	table_column(t, COLUMN_CSV, "weighted_f1_mean", NULL);
	table_column(t, COLUMN_CSV, "weighted_f1_std", NULL);
	table_column(t, COLUMN_SHOWN, "95 % interval", NULL);
	table_column(t, COLUMN_CSV, "lo", NULL);
	table_column(t, COLUMN_CSV, "hi", NULL);
	table_column(t, COLUMN_SHOWN, "accuracy, %", NULL);
	table_column(t, COLUMN_CSV, "accuracy_mean", NULL);
	table_column(t, COLUMN_CSV, "accuracy_std", NULL);
	table_column(t, COLUMN_TEXT, "selection", NULL);
	table_column(t, COLUMN_TEXT, "note", NULL);
}

static void make_table(const struct sweep_summary *s, struct table *t)
{
	make_columns(s, t);
	for (int i = 0; i < s->n_rows; i++) {
		const struct sweep_row *r = &s->row[i];

		table_number(t, r->first->point + 1, 1, 0);
		table_text(t, r->first->system);
		for (int a = 0; a < s->file.n_axes; a++)
			table_text(t, r->first->value[a]);
		table_number(t, r->n, 1, 0);
		spread_cells(t, &r->dev);
		spread_cells(t, &r->f1);
		if (isfinite(r->interval.lo))
			table_cell(t, r->interval.lo, "%.2f to %.2f", r->interval.lo * 100,
				   r->interval.hi * 100);
		else
			table_text(t, "");
		table_number(t, r->interval.lo, 1, 6);
		table_number(t, r->interval.hi, 1, 6);
		spread_cells(t, &r->accuracy);
		table_text(t, r->selection);
		row_note(s, i, t);
	}
}

static void row_words(const struct sweep_summary *s, int i, struct strbuf *out)
{
	strbuf_addf(out, "#%d", s->row[i].first->point + 1);
	for (int a = 0; a < s->file.n_axes; a++)
		strbuf_addf(out, "%s%s=%s", a ? ", " : " (", s->file.axis[a].name,
			    s->row[i].first->value[a]);
	strbuf_add(out, s->file.n_axes ? ")" : "");
}

static void verdict(const struct sweep_summary *s, struct strbuf *out)
{
	const struct sweep_row *chosen = s->chosen < 0 ? NULL : &s->row[s->chosen];
	const struct sweep_row *best = s->best < 0 ? NULL : &s->row[s->best];

	strbuf_addf(out, "Tried: %d runs of %d combinations.", s->finished, s->n_rows);
	if (chosen) {
		strbuf_add(out, " Chosen by the mean dev score (selection dev-f1): ");
		row_words(s, s->chosen, out);
		strbuf_addf(out, ", test weighted F1 %.2f.", chosen->f1.mean * 100);
	} else {
		strbuf_add(out, " Nothing is chosen: no combination is whole and has a dev score.");
	}
	if (best) {
		strbuf_add(out, " Best-on-test, which is no way to choose: ");
		row_words(s, s->best, out);
		strbuf_addf(out, ", %.2f", best->f1.mean * 100);
		if (chosen)
			strbuf_addf(out, ", %.2f points above the one chosen",
				    (best->f1.mean - chosen->f1.mean) * 100);
		strbuf_add(out, ".");
	}
	strbuf_add(out, "\n");
}

void sweep_summary_markdown(const struct sweep_summary *s, struct strbuf *out)
{
	const struct sweep_file *f = &s->file;
	struct table t = { 0 };

	strbuf_addf(out, "# %s\n\n%s%s%s on %s (%s), sweep %.8s.\n", f->name, f->title,
		    *f->title ? ": " : "", f->base, f->corpus, f->kind, f->hash);
	if (s->limited)
		strbuf_addf(out, "\n**Not a result: %d runs are missing%s.**\n", s->missing,
			    s->missing ? ""
				       : ", but runs are limited: they saw part of the corpus "
					 "only or failed at too much of it");
	strbuf_add(out, "\n");
	verdict(s, out);
	strbuf_add(out, "\nMean ± standard deviation over seeds (ddof 1); the interval resamples "
			"dialogues.\n\n");
	make_table(s, &t);
	table_markdown(&t, out);
	table_free(&t);
}

void sweep_summary_csv(const struct sweep_summary *s, struct strbuf *out)
{
	struct table t = { 0 };

	make_table(s, &t);
	table_csv(&t, out);
	table_free(&t);
}

static void put_spread(struct json_writer *w, const char *key, const struct spread *s)
{
	json_open_object(w, key);
	json_put_int(w, "n", s->n);
	json_put_num(w, "mean", s->mean);
	json_put_num(w, "std", s->std);
	json_put_int(w, "ddof", 1);
	json_put_num(w, "min", s->min);
	json_put_num(w, "max", s->max);
	json_close_object(w);
}

static void put_row(struct json_writer *w, const struct sweep_summary *s, const struct sweep_row *r)
{
	json_open_object(w, NULL);
	json_put_int(w, "point", r->first->point + 1);
	json_put_str(w, "system", r->first->system);
	json_open_object(w, "values");
	for (int a = 0; a < s->file.n_axes; a++)
		json_put_str(w, s->file.axis[a].name, r->first->value[a]);
	json_close_object(w);
	json_put_int(w, "planned", r->planned);
	json_put_str(w, "left_out", r->left_out);
	json_put_str(w, "selection", r->selection);
	put_spread(w, "dev_weighted_f1", &r->dev);
	put_spread(w, "weighted_f1", &r->f1);
	put_spread(w, "accuracy", &r->accuracy);
	json_open_object(w, "interval");
	json_put_str(w, "metric", "weighted_f1");
	json_put_num(w, "lo", r->interval.lo);
	json_put_num(w, "hi", r->interval.hi);
	json_put_num(w, "se", r->interval.se);
	json_put_num(w, "level", 0.95);
	json_put_int(w, "B", r->interval.replicates);
	json_put_int(w, "groups", r->interval.groups);
	json_close_object(w);
	json_open_array(w, "runs");
	for (const struct sweep_entry *run = r->first;
	     run < s->file.run + s->file.n_runs && run->point == r->first->point; run++)
		json_put_str(w, NULL, run->id);
	json_close_array(w);
	json_close_object(w);
}

/* The row that a rule picks, with the rule's name; null: it picks none. */
static void put_pick(struct json_writer *w, const struct sweep_summary *s, const char *key, int i,
		     const char *selection)
{
	if (i < 0) {
		json_put_null(w, key);
		return;
	}
	json_open_object(w, key);
	json_put_str(w, "selection", selection);
	json_put_int(w, "point", s->row[i].first->point + 1);
	json_put_num(w, "dev_weighted_f1", s->row[i].dev.mean);
	json_put_num(w, "weighted_f1", s->row[i].f1.mean);
	json_close_object(w);
}

void sweep_summary_json(const struct sweep_summary *s, struct strbuf *out)
{
	const struct sweep_file *f = &s->file;
	struct json_writer w;

	json_begin(&w, out, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_str(&w, "name", f->name);
	json_put_str(&w, "title", f->title);
	json_put_str(&w, "hash", f->hash);
	json_put_str(&w, "base", f->base);
	json_put_str(&w, "corpus", f->corpus);
	json_put_str(&w, "kind", f->kind);
	json_put_str(&w, "result_class", s->limited ? "limited" : "full");
	json_open_object(&w, "tried");
	json_put_int(&w, "points", s->n_rows);
	json_put_int(&w, "runs", s->finished);
	json_put_int(&w, "missing", s->missing);
	json_put_int(&w, "left_out", s->left_out);
	json_close_object(&w);
	put_pick(&w, s, "chosen", s->chosen, "dev-f1");
	put_pick(&w, s, "best_on_test", s->best, "best-on-test");
	json_open_array(&w, "points");
	for (int i = 0; i < s->n_rows; i++)
		put_row(&w, s, &s->row[i]);
	json_close_array(&w);
	json_close_object(&w);
	strbuf_addc(out, '\n');
}

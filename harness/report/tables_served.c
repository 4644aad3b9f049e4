/* SPDX-License-Identifier: Apache-2.0
 * What came of asking served models.
 */
#include <math.h>
#include <string.h>

#include "harness/report/tables.h"

const char *tables_mode(const struct row *r)
{
	return json_str(json_get(json_get(r->first->manifest, "asked"), "mode"), "");
}

bool tables_any_asks(const struct summary *s, int board)
{
	for (const struct row *r = s->row; r < s->row + s->n_rows; r++)
		if (r->first->asks && (board < 0 || r->board == board))
			return true;
	return false;
}

/* A number of "asked" over all runs of a row; NaN: one does not have it. */
static double sum_of(const struct row *r, const char *key)
{
	double sum = 0;

	for (int i = 0; i < r->n_runs; i++)
		sum += json_num(json_get(json_get(r->run[i]->manifest, "asked"), key), NAN);
	return sum;
}

/* "two_labels 3, timeout 1": answers without a label, over all runs. */
static void causes_cell(const struct row *r, struct table *t)
{
	const char *seen[32];
	int count[ARRAY_LEN(seen)] = { 0 }, n = 0;
	struct strbuf b = { 0 };

	for (int i = 0; i < r->n_runs; i++)
		for (int j = 0; j < r->run[i]->n; j++) {
			const struct prediction *p = &r->run[i]->pred[j];
			const char *cause = p->cause ? p->cause : answer_status_name[p->status];
			int k = 0;

			if (p->status == ANSWER_OK)
				continue;
			while (k < n && strcmp(seen[k], cause))
				k++;
			if (k == n && n < (int)ARRAY_LEN(seen))
				seen[n++] = cause;
			if (k < n)
				count[k]++;
		}
	for (int k = 0; k < n; k++)
		strbuf_addf(&b, "%s%s %d", k ? ", " : "", seen[k], count[k]);
	table_text(t, strbuf_str(&b));
	t->oom |= b.oom;
	strbuf_free(&b);
}

static double strict_mean(const struct row *r)
{
	double sum = 0;

	for (int i = 0; i < r->n_runs; i++)
		sum += r->run[i]->strict.weighted_f1;
	return sum / r->n_runs;
}

static double attempts_of(const struct row *r)
{
	double sum = 0;

	for (int i = 0; i < r->n_runs; i++)
		for (int j = 0; j < r->run[i]->n; j++)
			sum += r->run[i]->pred[j].attempts;
	return sum;
}

double tables_asks_per_s(const struct row *r)
{
	double wall = 0, n = 0;

	for (int i = 0; i < r->n_runs; i++) {
		n += r->run[i]->n;
		wall += json_num(json_get(r->run[i]->manifest, "wall_s"), NAN);
	}
	return sum_of(r, "kept") + sum_of(r, "shared") > 0 ? NAN : n / wall;
}

/* By strict rule nothing is said of the modes in which nothing is read out of a text. */
static void score_cells(const struct row *r, struct table *t)
{
	const char *mode = tables_mode(r);

	table_text(t, mode);
	table_number(t, r->f1.mean, 100, 2);
	table_number(t,
		     !strcmp(mode, "likelihood") || !strcmp(mode, "letters") ? NAN : strict_mean(r),
		     100, 2);
	table_number(t, r->answered_f1.mean, 100, 2);
	table_number(t, (double)r->pooled.answered / (double)r->pooled.n, 100, 1);
}

void tables_served(const struct summary *s, int board, struct table *t)
{
	table_column(t, COLUMN_KEY, "corpus", NULL);
	table_column(t, COLUMN_KEY, "kind", NULL);
	table_column(t, COLUMN_TEXT, "system", NULL);
	table_column(t, COLUMN_TEXT, "without", NULL);
	table_column(t, COLUMN_TEXT, "mode", NULL);
	table_column(t, COLUMN_NUMBER, "weighted F1, %", "weighted_f1");
	table_column(t, COLUMN_NUMBER, "strict", "strict_weighted_f1");
	table_column(t, COLUMN_NUMBER, "answered only", "answered_weighted_f1");
	table_column(t, COLUMN_NUMBER, "answered", "coverage");
	table_column(t, COLUMN_TEXT, "without a label", "causes");
	table_column(t, COLUMN_NUMBER, "runs", NULL);
	table_column(t, COLUMN_NUMBER, "asks", NULL);
	table_column(t, COLUMN_NUMBER, "attempts", NULL);
	table_column(t, COLUMN_NUMBER, "in flight", "in_flight");
	table_column(t, COLUMN_NUMBER, "prompt tokens", "prompt_tokens");
	table_column(t, COLUMN_NUMBER, "reply tokens", "completion_tokens");
	table_column(t, COLUMN_NUMBER, "cost", NULL);
	for (const struct row *r = s->row; r < s->row + s->n_rows; r++) {
		const struct result *sample = s->board[r->board].sample;

		if (!r->first->asks || (board >= 0 && r->board != board))
			continue;
		table_text(t, sample->corpus);
		table_text(t, sample->kind);
		table_text(t, r->system);
		table_text(t, r->without);
		score_cells(r, t);
		causes_cell(r, t);
		table_number(t, r->n_runs, 1, 0);
		table_number(t, sum_of(r, "asks"), 1, 0);
		table_number(t, attempts_of(r), 1, 0);
		table_number(t, sum_of(r, "concurrency") / r->n_runs, 1, 0);
		table_number(t, sum_of(r, "prompt_tokens"), 1, 0);
		table_number(t, sum_of(r, "completion_tokens"), 1, 0);
		table_number(t, sum_of(r, "cost"), 1, 4);
	}
}

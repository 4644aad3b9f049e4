/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/tables.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* In the words of recipes; what is part of one that was named is not named again. */
static const struct {
	unsigned see;
	const char *word;
} see_word[] = {
	{ SEE_TEXT, "text" },		{ SEE_SPEECH, "speech" },     { SEE_AUDIO, "audio" },
	{ SEE_BEHAVIOUR, "behaviour" }, { SEE_FACE, "face" },	      { SEE_BODY, "body" },
	{ SEE_POSTURE, "posture" },	{ SEE_VIDEO, "video" },	      { SEE_HISTORY, "history" },
	{ SEE_SOUND, "sound" },		{ SEE_PICTURES, "pictures" },
};

void tables_see_words(unsigned see, char *dst, size_t size)
{
	size_t at = 0;

	if (!str_copy(dst, size, see ? "" : "nothing"))
		return;
	for (size_t i = 0; i < ARRAY_LEN(see_word) && at < size; i++)
		if ((see & see_word[i].see) == see_word[i].see) {
			at += (size_t)snprintf(dst + at, size - at, "%s%s", at ? ", " : "",
					       see_word[i].word);
			see &= ~see_word[i].see;
		}
}

static void key_columns(struct table *t)
{
	table_column(t, COLUMN_KEY, "corpus", NULL);
	table_column(t, COLUMN_KEY, "kind", NULL);
	table_column(t, COLUMN_TEXT, "system", NULL);
	table_column(t, COLUMN_TEXT, "without", NULL);
}

static void key_cells(const struct summary *s, const struct row *r, struct table *t)
{
	const struct result *sample = s->board[r->board].sample;

	table_text(t, sample->corpus);
	table_text(t, sample->kind);
	table_text(t, r->system);
	table_text(t, r->without);
}

static void interval_cell(struct table *t, const struct interval *i)
{
	if (isfinite(i->lo))
		table_cell(t, i->lo, "%.2f to %.2f", i->lo * 100, i->hi * 100);
	else
		table_text(t, "");
}

static void spread_cell(struct table *t, const struct spread *s)
{
	if (isfinite(s->std))
		table_cell(t, s->mean, "%.2f ± %.2f", s->mean * 100, s->std * 100);
	else
		table_number(t, s->mean, 100, 2);
}

/* Recorded replies do not tell what was behind them, but how they were read. */
static void sight_cell(const struct result *r, struct table *t)
{
	char see[128];

	if (!strcmp(r->model, "recorded")) {
		table_cell(t, NAN, "recorded replies, decoder %s",
			   json_str(json_get(r->manifest, "decoder"), "not named"));
		return;
	}
	tables_see_words(r->see, see, sizeof(see));
	table_text(t, see);
}

void tables_results(const struct summary *s, int board, struct table *t)
{
	const bool asks = tables_any_asks(s, board);

	key_columns(t);
	if (asks)
		table_column(t, COLUMN_TEXT, "mode", NULL);
	table_column(t, COLUMN_SHOWN, "weighted F1, %", "weighted_f1");
	table_column(t, COLUMN_CSV, "weighted_f1_mean", NULL);
	table_column(t, COLUMN_CSV, "weighted_f1_std", NULL);
	table_column(t, COLUMN_NUMBER, "seeds", NULL);
	table_column(t, COLUMN_SHOWN, "95 % interval", NULL);
	table_column(t, COLUMN_CSV, "lo", NULL);
	table_column(t, COLUMN_CSV, "hi", NULL);
	table_column(t, COLUMN_NUMBER, "accuracy", NULL);
	table_column(t, COLUMN_NUMBER, "ceiling", NULL);
	table_column(t, COLUMN_NUMBER, "of ceiling", "of_ceiling");
	table_column(t, COLUMN_CSV, "test_ceiling", NULL);
	table_column(t, COLUMN_NUMBER, "answered", "coverage");
	table_column(t, COLUMN_NUMBER, "F1 of these", "answered_weighted_f1");
	table_column(t, COLUMN_NUMBER, "n", NULL);
	table_column(t, COLUMN_TEXT, "selection", NULL);
	table_column(t, COLUMN_TEXT, "sees", NULL);
	for (const struct row *r = s->row; r < s->row + s->n_rows; r++) {
		if (board >= 0 && r->board != board)
			continue;
		key_cells(s, r, t);
		if (asks)
			table_text(t, tables_mode(r));
		spread_cell(t, &r->f1);
		table_number(t, r->f1.mean, 100, 2);
		table_number(t, r->f1.std, 100, 2);
		table_number(t, r->n_runs, 1, 0);
		interval_cell(t, &r->interval);
		table_number(t, r->interval.lo, 100, 2);
		table_number(t, r->interval.hi, 100, 2);
		table_number(t, r->accuracy.mean, 100, 2);
		table_number(t, r->ceiling, 100, 2);
		table_number(t, r->f1.mean / r->ceiling, 100, 1);
		table_number(t, r->test_ceiling, 100, 2);
		table_number(t, (double)r->pooled.answered / (double)r->pooled.n, 100, 1);
		table_number(t, r->answered_f1.mean, 100, 2);
		table_number(t, r->first->n, 1, 0);
		table_text(t, r->first->selection);
		sight_cell(r->first, t);
	}
}

void tables_per_class(const struct summary *s, int board, struct table *t)
{
	const struct result *sample = s->board[board].sample;

	table_column(t, COLUMN_TEXT, "system", NULL);
	table_column(t, COLUMN_TEXT, "without", NULL);
	for (int i = 0; i < sample->k; i++)
		table_column(t, COLUMN_NUMBER, sample->label[i], NULL);
	table_column(t, COLUMN_NUMBER, "macro F1", "macro_f1");
	table_column(t, COLUMN_TEXT, "selection", NULL);
	for (const struct row *r = s->row; r < s->row + s->n_rows; r++) {
		if (r->board != board)
			continue;
		table_text(t, r->system);
		table_text(t, r->without);
		for (int i = 0; i < sample->k; i++)
			table_number(t, r->pooled.cls[i].f1, 100, 1);
		table_number(t, r->pooled.macro_f1, 100, 1);
		table_text(t, r->first->selection);
	}
}

void tables_per_class_long(const struct summary *s, int board, struct table *t)
{
	key_columns(t);
	table_column(t, COLUMN_TEXT, "label", NULL);
	table_column(t, COLUMN_NUMBER, "precision", NULL);
	table_column(t, COLUMN_NUMBER, "recall", NULL);
	table_column(t, COLUMN_NUMBER, "f1", NULL);
	table_column(t, COLUMN_NUMBER, "support", NULL);
	table_column(t, COLUMN_TEXT, "selection", NULL);
	for (const struct row *r = s->row; r < s->row + s->n_rows; r++)
		for (int i = 0; i < r->pooled.k && (board < 0 || r->board == board); i++) {
			key_cells(s, r, t);
			table_text(t, r->first->label[i]);
			table_number(t, r->pooled.cls[i].precision, 100, 2);
			table_number(t, r->pooled.cls[i].recall, 100, 2);
			table_number(t, r->pooled.cls[i].f1, 100, 2);
			table_number(t, (double)r->pooled.cls[i].support, 1, 0);
			table_text(t, r->first->selection);
		}
}

void tables_calibration(const struct summary *s, int board, struct table *t)
{
	key_columns(t);
	table_column(t, COLUMN_NUMBER, "ECE", "ece");
	table_column(t, COLUMN_NUMBER, "Brier", "brier");
	table_column(t, COLUMN_NUMBER, "NLL", "nll");
	table_column(t, COLUMN_NUMBER, "confidence", NULL);
	table_column(t, COLUMN_NUMBER, "accuracy", NULL);
	table_column(t, COLUMN_NUMBER, "answers", NULL);
	table_column(t, COLUMN_NUMBER, "ties", NULL);
	table_column(t, COLUMN_TEXT, "selection", NULL);
	for (const struct row *r = s->row; r < s->row + s->n_rows; r++) {
		double confidence = 0, right = 0;

		if ((board >= 0 && r->board != board) || !r->beliefs.n)
			continue;
		for (int m = 0; m < CALIBRATION_BINS; m++) {
			confidence += r->beliefs.bin[m].confidence;
			right += (double)r->beliefs.bin[m].right;
		}
		key_cells(s, r, t);
		table_number(t, calibration_ece(&r->beliefs), 1, 4);
		table_number(t, calibration_brier(&r->beliefs), 1, 4);
		table_number(t, calibration_nll(&r->beliefs), 1, 4);
		table_number(t, confidence / (double)r->beliefs.n, 1, 4);
		table_number(t, right / (double)r->beliefs.n, 1, 4);
		table_number(t, (double)r->beliefs.n, 1, 0);
		table_number(t, (double)r->beliefs.ties, 1, 0);
		table_text(t, r->first->selection);
	}
}

/* What the interval of a drop says. */
static const char *reading_of(const struct row *r)
{
	if (r->drop.lo > 0)
		return "lower";
	return r->drop.hi < 0 ? "higher" : "not decided";
}

void tables_ablation(const struct summary *s, int board, struct table *t)
{
	key_columns(t);
	table_column(t, COLUMN_TEXT, "against", NULL);
	table_column(t, COLUMN_NUMBER, "drop, points", "measured_drop");
	table_column(t, COLUMN_SHOWN, "95 % interval", NULL);
	table_column(t, COLUMN_CSV, "lo", NULL);
	table_column(t, COLUMN_CSV, "hi", NULL);
	table_column(t, COLUMN_NUMBER, "true drop", "true_drop");
	table_column(t, COLUMN_TEXT, "reading", NULL);
	table_column(t, COLUMN_NUMBER, "p", NULL);
	table_column(t, COLUMN_TEXT, "seeds", NULL);
	table_column(t, COLUMN_TEXT, "selection", NULL);
	for (const struct row *r = s->row; r < s->row + s->n_rows; r++) {
		const struct row *full = r->versus < 0 ? NULL : &s->row[r->versus];

		if (!full || (board >= 0 && r->board != board))
			continue;
		key_cells(s, r, t);
		table_text(t, full->system);
		table_number(t, r->drop.value, 100, 2);
		interval_cell(t, &r->drop);
		table_number(t, r->drop.lo, 100, 2);
		table_number(t, r->drop.hi, 100, 2);
		table_number(t, r->true_drop, 100, 2);
		table_text(t, reading_of(r));
		table_number(t, r->drop.p, 1, 4);
		if (r->paired_seeds)
			table_cell(t, r->paired_seeds, "%d paired", r->paired_seeds);
		else
			table_cell(t, NAN, "%d against %d", full->n_runs, r->n_runs);
		table_text(t, r->first->selection);
	}
}

/* One stage of all runs of a row: times add up, percentiles are the slowest run's. */
static bool merge_stage(const struct row *r, const char *name, struct stage_times *out)
{
	*out = (struct stage_times){ .name = name };
	for (int i = 0; i < r->n_runs; i++)
		for (int j = 0; j < r->run[i]->n_stage; j++) {
			const struct stage_times *x = &r->run[i]->stage[j];

			if (strcmp(x->name, name) || !x->n)
				continue;
			out->n += x->n;
			out->total_s += x->total_s;
			out->p50_ms = fmax(out->p50_ms, x->p50_ms);
			out->p90_ms = fmax(out->p90_ms, x->p90_ms);
			out->p99_ms = fmax(out->p99_ms, x->p99_ms);
		}
	return out->n > 0;
}

void tables_stages(const struct summary *s, int board, struct table *t)
{
	key_columns(t);
	table_column(t, COLUMN_TEXT, "stage", NULL);
	table_column(t, COLUMN_NUMBER, "utterances", NULL);
	table_column(t, COLUMN_NUMBER, "p50 ms", "p50_ms");
	table_column(t, COLUMN_NUMBER, "p90 ms", "p90_ms");
	table_column(t, COLUMN_NUMBER, "p99 ms", "p99_ms");
	table_column(t, COLUMN_NUMBER, "utterances/s", "utterances_per_s");
	table_column(t, COLUMN_TEXT, "selection", NULL);
	for (const struct row *r = s->row; r < s->row + s->n_rows; r++) {
		if (board >= 0 && (r->board != board || r->without[0]))
			continue;
		for (int j = 0; j < STAGE_MAX; j++) {
			struct stage_times x;
			const struct result *longest = r->first;

			for (int i = 1; i < r->n_runs; i++)
				if (r->run[i]->n_stage > longest->n_stage)
					longest = r->run[i];
			if (j >= longest->n_stage || !merge_stage(r, longest->stage[j].name, &x))
				continue;
			key_cells(s, r, t);
			table_text(t, x.name);
			table_number(t, (double)x.n, 1, 0);
			table_number(t, x.p50_ms, 1, 3);
			table_number(t, x.p90_ms, 1, 3);
			table_number(t, x.p99_ms, 1, 3);
			table_number(t,
				     r->first->asks && !strcmp(x.name, "model")
					     ? tables_asks_per_s(r)
					     : (double)x.n / x.total_s,
				     1, 1);
			table_text(t, r->first->selection);
		}
	}
}

void tables_runs(const struct summary *s, int board, struct table *t)
{
	(void)board;
	table_column(t, COLUMN_TEXT, "run", NULL);
	table_column(t, COLUMN_TEXT, "status", NULL);
	table_column(t, COLUMN_NUMBER, "seed", NULL);
	table_column(t, COLUMN_NUMBER, "weighted F1, %", "weighted_f1");
	table_column(t, COLUMN_TEXT, "selection", NULL);
	table_column(t, COLUMN_NUMBER, "best epoch", "best_epoch");
	table_column(t, COLUMN_NUMBER, "epochs", NULL);
	table_column(t, COLUMN_NUMBER, "parameters", NULL);
	table_column(t, COLUMN_NUMBER, "training s", "train_s");
	table_column(t, COLUMN_NUMBER, "wall s", "wall_s");
	table_column(t, COLUMN_NUMBER, "peak MB", "peak_rss_mb");
	table_column(t, COLUMN_TEXT, "commit", NULL);
	table_column(t, COLUMN_TEXT, "started", NULL);
	for (int i = 0; i < s->runs.n; i++) {
		const struct result *r = &s->runs.run[i];
		const struct json *m = r->manifest, *epochs = json_get(m, "epochs");

		table_text(t, r->id);
		table_text(t, r->limited ? "limited: not a result" : r->status);
		table_number(t, (double)r->seed, 1, 0);
		table_number(t, r->complete ? r->scores.weighted_f1 : NAN, 100, 2);
		table_text(t, r->selection);
		table_number(t, json_num(json_get(epochs, "best"), NAN), 1, 0);
		table_number(t, json_num(json_get(epochs, "total"), NAN), 1, 0);
		table_number(t, json_num(json_get(m, "parameters"), NAN), 1, 0);
		table_number(t, json_num(json_get(m, "train_s"), NAN), 1, 1);
		table_number(t, json_num(json_get(m, "wall_s"), NAN), 1, 1);
		table_number(t, json_num(json_get(m, "peak_rss_mb"), NAN), 1, 0);
		table_text(t, json_str(json_get(json_get(m, "environment"), "commit"), ""));
		table_text(t, r->started);
	}
}

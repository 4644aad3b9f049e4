/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/str.h"

/* The order people read the tables in; what is not listed follows, by name. */
static const char *const system_order[] = { "bemerc", "llmerc", "speechcue", "bow", "majority" };
static const char *const without_order[] = { "",	"behaviour", "face",	 "body",
					     "posture", "audio",     "speech",	 "text",
					     "video",	"history",   "alignment" };

static size_t place_in(const char *const *list, size_t n, const char *word)
{
	size_t i = 0;

	while (i < n && strcmp(list[i], word))
		i++;
	return i;
}

static int compare_ranked(const char *const *list, size_t n, const char *a, const char *b)
{
	size_t x = place_in(list, n, a), y = place_in(list, n, b);

	return x != y ? (x > y) - (x < y) : strcmp(a, b);
}

static void join_words(const char *const *word, int n, char *dst, size_t size)
{
	size_t at = 0;

	dst[0] = '\0';
	for (int i = 0; i < n && at < size; i++) {
		int used = snprintf(dst + at, size - at, "%s%s", i ? ", " : "", word[i]);

		at += used > 0 ? (size_t)used : 0;
	}
}

static bool same_board(const struct result *a, const struct result *b)
{
	return !strcmp(a->corpus, b->corpus) && !strcmp(a->kind, b->kind) &&
	       !strcmp(a->labels_name, b->labels_name) && !strcmp(a->policy, b->policy) &&
	       !strcmp(a->corpus_hash, b->corpus_hash) && !strcmp(a->root, b->root) &&
	       a->limited == b->limited &&
	       (!a->limited || !results_same_samples(a, b, &(struct err){ 0 }));
}

static int name_board(struct summary *s, struct board *b, const struct result *r, struct err *err)
{
	int same = 1;
	char upper[24] = "", again[12] = "";

	for (size_t i = 0; r->corpus[i] && i + 1 < sizeof(upper); i++)
		upper[i] = r->corpus[i] >= 'a' && r->corpus[i] <= 'z' ? (char)(r->corpus[i] - 32)
								      : r->corpus[i];
	for (const struct board *o = s->board; o < b; o++)
		same += !strcmp(o->sample->corpus, r->corpus) &&
			!strcmp(o->sample->kind, r->kind) && o->limited == b->limited;
	if ((same > 1 && !str_format(again, sizeof(again), "-%d", same)) ||
	    !str_format(b->slug, sizeof(b->slug), "%s-%s%s%s", r->corpus, r->kind,
			r->limited ? "-limited" : "", again) ||
	    !str_format(b->title, sizeof(b->title), "%s%s%s", upper, again,
			r->limited ? ", limited: not a result" : "") ||
	    !str_format(b->name, sizeof(b->name), "%s (%s)", b->title, r->kind))
		return err_set(err, ERR_LIMIT, "corpus name '%s' is too long", r->corpus);
	return 0;
}

/* Runs of an earlier version name their corpus only; newer ones hold the ceiling themselves. */
static int read_calibration(struct board *b, struct result_list *runs, const struct log *log,
			    struct err *err)
{
	if (ceiling_read(b->sample->root, &b->calibration, err) || b->calibration)
		return err->code;
	return results_problem(
		runs, log, err,
		"%s/" CEILING_FILE " is not there, and %s does not hold its ceiling: ceilings and "
		"true drops of %s are unknown. Make the report in the folder that the runs were "
		"made in, or run them again",
		b->sample->root, b->sample->id, b->name);
}

/* Results first, of them calibrated corpora, then by name. */
static int by_kind(const void *a, const void *b)
{
	const struct board *x = a, *y = b;

	if (x->limited != y->limited)
		return (int)x->limited - (int)y->limited;
	return x->calibrated != y->calibrated ? (int)y->calibrated - (int)x->calibrated
					      : strcmp(x->slug, y->slug);
}

static int make_boards(struct summary *s, const struct log *log, struct err *err)
{
	if (!NEW_ARRAY(s->board, (size_t)s->runs.n))
		return err_set(err, ERR_NOMEM, "no memory");
	for (int i = 0; i < s->runs.n; i++) {
		const struct result *r = &s->runs.run[i];
		struct board *b = s->board;

		if (!r->complete)
			continue;
		while (b < s->board + s->n_boards && !same_board(b->sample, r))
			b++;
		if (b < s->board + s->n_boards) {
			/* the run that shows what is missing */
			b->sample = r->has_ceiling ? b->sample : r;
			continue;
		}
		*b = (struct board){ .sample = r,
				     .calibrated = !strcmp(r->kind, "calibrated"),
				     .limited = r->limited };
		if (name_board(s, b, r, err))
			return err->code;
		s->n_boards++;
	}
	for (struct board *b = s->board; b < s->board + s->n_boards; b++)
		if (b->calibrated && !b->sample->has_ceiling &&
		    read_calibration(b, &s->runs, log, err))
			return err->code;
	qsort(s->board, (size_t)s->n_boards, sizeof(*s->board), by_kind);
	return 0;
}

static int by_seed(const void *a, const void *b)
{
	const struct result *x = *(const struct result *const *)a;
	const struct result *y = *(const struct result *const *)b;

	if (x->seed != y->seed)
		return x->seed < y->seed ? -1 : 1;
	return strcmp(y->started, x->started); /* newest first */
}

/* Of two runs with the same seed and recipe (what they see changed in between) the newer counts. */
static int keep_newest(struct row *w, struct result_list *runs, const struct log *log,
		       struct err *err)
{
	int n = 0;

	qsort(w->run, (size_t)w->n_runs, sizeof(const struct result *), by_seed);
	for (int i = 0; i < w->n_runs; i++) {
		if (n && w->run[n - 1]->seed == w->run[i]->seed)
			results_problem(runs, log, err, "%s: older than %s and left out",
					w->run[i]->id, w->run[n - 1]->id);
		else
			w->run[n++] = w->run[i];
	}
	w->n_runs = n;
	return err->code;
}

static int add_run(struct summary *s, const struct result *r, struct err *err)
{
	struct row *w = s->row;

	while (w < s->row + s->n_rows &&
	       !(same_board(w->first, r) && results_same_recipe(w->first, r)))
		w++;
	if (w == s->row + s->n_rows) {
		*w = (struct row){ .system = r->system, .model = r->model, .first = r };
		if (!NEW_ARRAY(w->run, (size_t)s->runs.n))
			return err_set(err, ERR_NOMEM, "no memory");
		s->n_rows++;
		join_words(r->without, r->n_without, w->without, sizeof(w->without));
		while (!same_board(s->board[w->board].sample, r))
			w->board++;
	}
	w->run[w->n_runs++] = r;
	return 0;
}

/* Of rows that differ in options: most runs, then the oldest. */
static int by_standing(const struct row *x, const struct row *y)
{
	int d = y->n_runs - x->n_runs;

	if (!d)
		d = strcmp(x->first->started, y->first->started);
	return d ? d : strcmp(x->first->id, y->first->id);
}

static int by_reading(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int d = x->board - y->board;

	if (!d)
		d = compare_ranked(system_order, ARRAY_LEN(system_order), x->first->system,
				   y->first->system);
	if (!d)
		d = (x->first->n_without > 1) - (y->first->n_without > 1);
	if (!d)
		d = compare_ranked(without_order, ARRAY_LEN(without_order), x->without, y->without);
	return d ? d : by_standing(x, y);
}

/* Every run of a row sees the same: one that holds the ceiling speaks for all. */
static void find_ceiling(const struct json *calibration, struct row *w)
{
	struct ceiling best = ceiling_find(calibration, w->first->see);

	for (int i = 0; i < w->n_runs; i++)
		if (w->run[i]->has_ceiling)
			best = w->run[i]->ceiling;
	w->ceiling = best.process;
	w->test_ceiling = best.test;
}

struct tallies {
	struct tally *t;
	int n;
};

static void free_tallies(struct tallies *s)
{
	for (int i = 0; i < s->n; i++)
		tally_free(&s->t[i]);
	free(s->t);
}

/* Tallies of the runs of w; with common, only of seeds that other has too. */
static int make_tallies(struct tallies *s, const struct row *w, const struct row *other,
			struct err *err)
{
	*s = (struct tallies){ 0 };
	if (!NEW_ARRAY(s->t, (size_t)w->n_runs))
		return err_set(err, ERR_NOMEM, "no memory");
	for (int i = 0; i < w->n_runs; i++) {
		bool wanted = !other;

		for (int j = 0; other && j < other->n_runs; j++)
			wanted |= other->run[j]->seed == w->run[i]->seed;
		if (wanted && result_tally(w->run[i], &s->t[s->n++], err))
			return err->code;
	}
	return 0;
}

static struct bootstrap_options bootstrap_of(const struct summary_options *o)
{
	return (struct bootstrap_options){ .metric = METRIC_WEIGHTED_F1,
					   .replicates = o->replicates,
					   .alpha = .05,
					   .seed = o->seed,
					   .threads = o->threads };
}

/* Interval of a - b in weighted F1 over the seeds both have (all seeds of both
 * when they share none); *paired: how many they share. */
static int difference(const struct row *a, const struct row *b, const struct summary_options *o,
		      struct interval *out, int *paired, struct err *err)
{
	struct bootstrap_options bo = bootstrap_of(o);
	struct tallies x = { 0 }, y = { 0 };

	*paired = 0;
	for (int i = 0; i < a->n_runs; i++)
		for (int j = 0; j < b->n_runs; j++)
			*paired += a->run[i]->seed == b->run[j]->seed;
	if (!results_same_samples(a->first, b->first, err) &&
	    !make_tallies(&x, a, *paired ? b : NULL, err) &&
	    !make_tallies(&y, b, *paired ? a : NULL, err)) {
		struct tally_set s = { x.t, x.n }, t = { y.t, y.n };

		bootstrap_paired(&s, &t, &bo, out, err);
	}
	free_tallies(&x);
	free_tallies(&y);
	return err->code;
}

/* Weighted F1 over the samples that have a label; NaN: there is none. */
static double answered_f1(const struct result *r)
{
	struct confusion c = r->confusion;

	for (int i = 0; i < c.k; i++)
		c.count[i][c.k] = 0;
	return scores_weighted_f1(&c);
}

static int score_row(struct row *w, const struct summary_options *o, struct err *err)
{
	struct bootstrap_options bo = bootstrap_of(o);
	struct bootstrap_options ao = bo;
	struct tallies t = { 0 };
	double *f1 = NULL, *accuracy = NULL, *answered = NULL;
	int n = w->n_runs;

	w->confusion.k = w->beliefs.k = w->first->k;
	if (!NEW_ARRAY(f1, (size_t)w->n_runs) || !NEW_ARRAY(accuracy, (size_t)w->n_runs) ||
	    !NEW_ARRAY(answered, (size_t)w->n_runs))
		err_set(err, ERR_NOMEM, "no memory");
	for (int i = 0; i < w->n_runs && !err->code; i++) {
		f1[i] = w->run[i]->scores.weighted_f1;
		accuracy[i] = w->run[i]->scores.accuracy;
		answered[i] = answered_f1(w->run[i]);
		n = isnan(answered[i]) ? 0 : n;
		confusion_sum(&w->confusion, &w->run[i]->confusion);
		calibration_sum(&w->beliefs, &w->run[i]->beliefs);
		results_same_samples(w->first, w->run[i], err);
	}
	if (!err->code && !make_tallies(&t, w, NULL, err)) {
		struct tally_set s = { t.t, t.n };

		spread_compute(f1, w->n_runs, &w->f1);
		spread_compute(accuracy, w->n_runs, &w->accuracy);
		spread_compute(answered, n, &w->answered_f1);
		scores_compute(&w->confusion, &w->pooled);
		ao.metric = METRIC_ACCURACY;
		if (!bootstrap_system(&s, &bo, &w->interval, err))
			bootstrap_system(&s, &ao, &w->accuracy_interval, err);
	}
	free_tallies(&t);
	free(f1);
	free(accuracy);
	free(answered);
	return err->code;
}

/* The first in reading order that has like's options (like NULL: any), else the first. */
static int find_row(const struct summary *s, int board, const char *system, const char *without,
		    const struct row *like)
{
	int found = -1;

	for (int i = 0; i < s->n_rows; i++) {
		const struct row *w = &s->row[i];

		if (w->board != board || strcmp(w->first->system, system) ||
		    strcmp(w->without, without))
			continue;
		if (!like || results_same_options(w->first, like->first))
			return i;
		found = found < 0 ? i : found;
	}
	return found;
}

const struct row *summary_find(const struct summary *s, int board, const char *system,
			       const char *without)
{
	int i = find_row(s, board, system, without, NULL);

	return i < 0 ? NULL : &s->row[i];
}

/* An ablation against the full system, any other system against the main one; limited runs against
 * nothing. */
static int compare_row(struct summary *s, struct row *w, const struct summary_options *o,
		       struct err *err)
{
	const char *system = w->without[0] ? w->first->system : MAIN_SYSTEM;

	w->drop = (struct interval){ .value = NAN, .lo = NAN, .hi = NAN, .se = NAN, .p = NAN };
	w->true_drop = NAN;
	w->versus = -1;
	if (s->board[w->board].limited)
		return 0;
	w->versus = find_row(s, w->board, system, "", w->without[0] ? w : NULL);
	if (w->versus < 0 && w->without[0])
		w->versus = find_row(s, w->board, w->model, "", w);
	if (w->versus < 0 || &s->row[w->versus] == w) {
		w->versus = -1;
		return 0;
	}
	w->true_drop = s->row[w->versus].ceiling - w->ceiling;
	return difference(&s->row[w->versus], w, o, &w->drop, &w->paired_seeds, err);
}

static int make_rows(struct summary *s, const struct summary_options *o, const struct log *log,
		     struct err *err)
{
	if (!NEW_ARRAY(s->row, (size_t)s->runs.n))
		return err_set(err, ERR_NOMEM, "no memory");
	for (int i = 0; i < s->runs.n; i++)
		if (s->runs.run[i].complete && add_run(s, &s->runs.run[i], err))
			return err->code;
	for (int i = 0; i < s->n_rows; i++) {
		if (keep_newest(&s->row[i], &s->runs, log, err))
			return err->code;
		s->row[i].first = s->row[i].run[0];
	}
	qsort(s->row, (size_t)s->n_rows, sizeof(*s->row), by_reading);
	if (summary_name_rows(s, err))
		return err->code;
	for (int i = 0; i < s->n_rows; i++) {
		struct row *w = &s->row[i];

		find_ceiling(s->board[w->board].calibration, w);
		if (score_row(w, o, err))
			return err->code;
	}
	for (int i = 0; i < s->n_rows; i++)
		if (compare_row(s, &s->row[i], o, err))
			return err->code;
	return 0;
}

int summary_make(struct summary *s, const char *runs_dir, const struct summary_options *o,
		 const struct log *log, struct err *err)
{
	*s = (struct summary){ 0 };
	if (results_load(&s->runs, runs_dir, log, err) || make_boards(s, log, err))
		return err->code;
	return make_rows(s, o, log, err);
}

void summary_free(struct summary *s)
{
	for (int i = 0; i < s->n_boards; i++)
		json_free(s->board[i].calibration);
	for (int i = 0; i < s->n_rows; i++)
		free(s->row[i].run);
	free(s->board);
	free(s->row);
	arena_free(&s->mem);
	results_free(&s->runs);
	*s = (struct summary){ 0 };
}

static void put_interval(struct json_writer *w, const char *key, const struct interval *i)
{
	if (!isfinite(i->lo)) {
		json_put_null(w, key);
		return;
	}
	json_open_array(w, key);
	json_put_num(w, NULL, i->lo);
	json_put_num(w, NULL, i->hi);
	json_close_array(w);
}

static void put_row(struct json_writer *w, const struct summary *s, const struct row *r)
{
	const struct board *b = &s->board[r->board];

	json_open_object(w, NULL);
	json_put_str(w, "corpus", b->sample->corpus);
	json_put_str(w, "kind", b->sample->kind);
	json_put_str(w, "labels", b->sample->labels_name);
	json_put_str(w, "result_class", r->first->limited ? "limited" : "full");
	json_put_str(w, "system", r->system);
	json_put_str(w, "model", r->model);
	json_open_array(w, "without");
	for (int i = 0; i < r->first->n_without; i++)
		json_put_str(w, NULL, r->first->without[i]);
	json_close_array(w);
	json_put_num(w, "weighted_f1_mean", r->f1.mean);
	json_put_num(w, "weighted_f1_std", r->f1.std);
	json_put_int(w, "n_seeds", r->n_runs);
	json_put_int(w, "ddof", 1);
	put_interval(w, "interval", &r->interval);
	json_put_int(w, "dialogues", r->interval.groups);
	json_put_int(w, "replicates", r->interval.replicates);
	json_put_num(w, "ceiling", r->ceiling);
	json_put_num(w, "of_ceiling", r->f1.mean / r->ceiling);
	json_put_num(w, "test_ceiling", r->test_ceiling);
	json_put_str(w, "versus", r->versus < 0 ? NULL : s->row[r->versus].system);
	json_put_num(w, "measured_drop", r->drop.value);
	put_interval(w, "drop_interval", &r->drop);
	if (r->versus < 0)
		json_put_null(w, "paired_seeds");
	else
		json_put_int(w, "paired_seeds", r->paired_seeds);
	json_put_num(w, "true_drop", r->true_drop);
	json_put_str(w, "selection", r->first->selection);
	json_put_int(w, "n", r->first->n);
	json_put_num(w, "coverage", (double)r->pooled.answered / (double)r->pooled.n);
	json_put_num(w, "answered_weighted_f1_mean", r->answered_f1.mean);
	json_put_num(w, "accuracy_mean", r->accuracy.mean);
	json_put_num(w, "accuracy_std", r->accuracy.std);
	json_put_num(w, "ece", calibration_ece(&r->beliefs));
	json_put_num(w, "brier", calibration_brier(&r->beliefs));
	json_put_num(w, "nll", calibration_nll(&r->beliefs));
	json_close_object(w);
}

void summary_write_json(const struct summary *s, struct strbuf *out)
{
	struct json_writer w;

	json_begin(&w, out, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_open_array(&w, "rows");
	for (int i = 0; i < s->n_rows; i++)
		put_row(&w, s, &s->row[i]);
	json_close_array(&w);
	json_open_array(&w, "unusable");
	for (int i = 0; i < s->runs.n_problem; i++)
		json_put_str(&w, NULL, s->runs.problem[i]);
	json_close_array(&w);
	json_close_object(&w);
	strbuf_addc(out, '\n');
}

/* SPDX-License-Identifier: Apache-2.0
 * Holding results to a baseline.
 */
#include "harness/verdict/gate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/verdict/lineup.h"

/* A difference that is the tolerance itself must not fail for its rounding. */
#define ROUNDING 1e-12

/* One run under judgement. */
struct hearing {
	const struct gate_run *held, *seen;
	struct gate_report *out;
};

static int mismatch(const struct hearing *h, const char *what, const char *seen, const char *held,
		    struct err *err)
{
	return gate_add(h->out, h->held->name, what, GATE_MISMATCH, err,
			"%s, the baseline has %s; --update, if that is meant", seen, held);
}

static void label_list(const struct gate_run *r, char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (int i = 0; i < r->confusion.k && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%s", i ? " " : "", r->label[i]);
}

/* The same test set with the same labels; *same says so. */
static int check_task(const struct hearing *h, bool *same, struct err *err)
{
	const struct gate_run *held = h->held, *seen = h->seen;
	char ours[256], theirs[256];

	*same = false;
	if (strcmp(held->corpus, seen->corpus))
		return mismatch(h, "corpus", seen->corpus, held->corpus, err);
	if (strcmp(held->kind, seen->kind))
		return mismatch(h, "kind", seen->kind, held->kind, err);
	if (strcmp(held->labels_name, seen->labels_name))
		return mismatch(h, "labels", seen->labels_name, held->labels_name, err);
	label_list(held, ours, sizeof(ours));
	label_list(seen, theirs, sizeof(theirs));
	if (strcmp(ours, theirs))
		return mismatch(h, "labels", theirs, ours, err);
	snprintf(ours, sizeof(ours), "%lld samples", (long long)held->n);
	snprintf(theirs, sizeof(theirs), "%lld samples", (long long)seen->n);
	if (held->n != seen->n)
		return mismatch(h, "n", theirs, ours, err);
	if (strcmp(held->version, seen->version))
		return mismatch(h, "version of the test set", seen->version, held->version, err);
	*same = true;
	return gate_add(h->out, held->name, "task", GATE_PASS, err, "%s", "");
}

static int check_counts(const struct hearing *h, struct err *err)
{
	const struct confusion *was = &h->held->confusion, *is = &h->seen->confusion;
	int other = 0, i = -1, j = -1;

	for (int a = 0; a < was->k; a++)
		for (int b = 0; b <= was->k; b++)
			if (was->count[a][b] != is->count[a][b] && !other++) {
				i = a;
				j = b;
			}
	if (!other)
		return gate_add(h->out, h->held->name, "counts", GATE_PASS, err, "%s", "");
	return gate_add(h->out, h->held->name, "counts", GATE_FAIL, err,
			"%s answered as %s %lld times, the baseline has %lld (%d counts differ)",
			h->held->label[i], j < was->k ? h->held->label[j] : "nothing",
			(long long)is->count[i][j], (long long)was->count[i][j], other);
}

static int check_hash(const struct hearing *h, const char *what, const char *held, const char *seen,
		      struct err *err)
{
	if (!strcmp(held, seen))
		return gate_add(h->out, h->held->name, what, GATE_PASS, err, "%s", "");
	return gate_add(h->out, h->held->name, what, GATE_FAIL, err, "hash %s, the baseline has %s",
			*seen ? seen : "missing", held);
}

/* Counts, answers and, of a run that has them, prompts as they were. */
static int check_replay(const struct hearing *h, struct err *err)
{
	const struct gate_run *held = h->held, *seen = h->seen;

	if (check_counts(h, err) ||
	    check_hash(h, "predictions", held->predictions, seen->predictions, err))
		return err->code;
	return held->prompts[0] ? check_hash(h, "prompts", held->prompts, seen->prompts, err) : 0;
}

/* Puts the finding under quarantine where the baseline says so. */
static int fail(const struct hearing *h, const struct gate_metric *m, const char *text,
		struct err *err)
{
	if (m->why)
		return gate_add(h->out, h->held->name, m->name, GATE_QUARANTINED, err,
				"quarantined (%s): %s", m->why, text);
	return gate_add(h->out, h->held->name, m->name, GATE_FAIL, err, "%s", text);
}

/* Within the tolerance, or outside on the good or the bad side. */
static int check_line(const struct hearing *h, const struct gate_metric *m, double value,
		      struct err *err)
{
	const bool exact = m->line.kind == TOLERANCE_EXACT ||
			   (h->held->exact && !gate_metric_is_time(m->name));
	const double change = value - m->value;
	double most = GATE_SAME;
	char text[256];

	if (!exact)
		most = m->line.most * (m->line.kind == TOLERANCE_REL ? fabs(m->value) : 1) +
		       ROUNDING;
	if (fabs(change) <= most)
		return gate_add(h->out, h->held->name, m->name, GATE_PASS, err, "%s", "");
	snprintf(text, sizeof(text), "%.10g, the baseline has %.10g: %+.3g is more than %s%.3g",
		 value, m->value, change, exact ? "the exact " : "", most);
	if (!exact && m->lower == (change < 0))
		return gate_add(h->out, h->held->name, m->name, GATE_BETTER, err,
				"better: %s; --update, if it is to stay", text);
	return fail(h, m, text, err);
}

static int check_metric(const struct hearing *h, const struct gate_metric *m, struct err *err)
{
	const struct gate_metric *seen = gate_metric_find(h->seen, m->name);
	char text[256];

	if (gate_metric_is_time(m->name) && (!h->held->cpu || strcmp(h->held->cpu, h->seen->cpu) ||
					     h->held->threads != h->seen->threads))
		return gate_add(h->out, h->held->name, m->name, GATE_SKIPPED, err,
				"a time of another machine: %s with %lld threads, here %s with "
				"%lld",
				h->held->cpu ? h->held->cpu : "unknown",
				(long long)h->held->threads, h->seen->cpu,
				(long long)h->seen->threads);
	if (!seen || isnan(seen->value))
		return fail(h, m, "missing or null in the result", err);
	if (isnan(m->value))
		return fail(h, m, "null in the baseline; --update writes a value", err);
	if (seen->value < m->floor - ROUNDING || seen->value > m->ceiling + ROUNDING) {
		const bool low = seen->value < m->floor - ROUNDING;

		snprintf(text, sizeof(text), "%.10g is %s %.10g", seen->value,
			 low ? "below the floor" : "above the ceiling",
			 low ? m->floor : m->ceiling);
		return fail(h, m, text, err);
	}
	return check_line(h, m, seen->value, err);
}

int gate_judge(const struct gate_run *held, const struct gate_run *seen, struct gate_report *out,
	       struct err *err)
{
	const struct hearing h = { held, seen, out };
	bool same;

	if (check_task(&h, &same, err) || !same)
		return err->code;
	if (held->exact && check_replay(&h, err))
		return err->code;
	for (int i = 0; i < held->n_metric; i++)
		if (check_metric(&h, &held->metric[i], err))
			return err->code;
	return 0;
}

/* A result that is whole enough to have a name is asked for by it. */
static int judge_result(const struct baseline *b, const struct result *r, const char *dir,
			const struct err *why, bool *given, struct gate_report *out,
			struct err *err)
{
	const bool named = r->corpus && r->system;
	const char *name = named ? gate_run_name(r, &out->mem) : path_base(dir);
	struct gate_run seen = { 0 };
	const struct gate_run *held;
	struct err bad = *why;

	if (!name)
		return err_set(err, ERR_NOMEM, "gate: no memory");
	held = named ? baseline_find(b, name) : NULL;
	if (!bad.code && !r->limited)
		gate_see(r, &out->mem, &seen, &bad);
	if (bad.code == ERR_NOMEM)
		err_set(err, ERR_NOMEM, "%s", bad.msg);
	else if (bad.code)
		gate_add(out, name, "result",
			 bad.code == ERR_INCOMPLETE ? GATE_INCOMPLETE : GATE_MISMATCH, err, "%s",
			 bad.msg);
	else if (r->limited)
		gate_add(out, name, "result", GATE_MISMATCH, err,
			 "%s: a limited run is not a result", dir);
	else if (!held)
		gate_add(out, name, "baseline", GATE_MISMATCH, err,
			 "it has no such run; --update takes it in");
	else if (given[held - b->run])
		gate_add(out, name, "result", GATE_MISMATCH, err, "%s: given twice", dir);
	else
		gate_judge(held, &seen, out, err);
	if (held)
		given[held - b->run] = true;
	free(seen.metric);
	return err->code;
}

int gate_results(const struct baseline *b, char *const *dir, int n, bool all,
		 struct gate_report *out, struct err *err)
{
	bool *given;

	if (!NEW_ARRAY(given, (size_t)b->n))
		return err_set(err, ERR_NOMEM, "gate: no memory");
	for (int i = 0; i < n && !err->code; i++) {
		struct result r;
		struct err why = { 0 };

		result_load_finished(&r, dir[i], &why);
		judge_result(b, &r, dir[i], &why, given, out, err);
		result_free(&r);
	}
	for (int i = 0; all && i < b->n && !err->code; i++)
		if (!given[i])
			gate_add(out, b->run[i].name, "result", GATE_INCOMPLETE, err,
				 "the baseline holds this run, but no result of it was given");
	free(given);
	return err->code;
}

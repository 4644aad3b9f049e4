/* SPDX-License-Identifier: Apache-2.0
 * Gates: result folders held to a baseline that was reviewed, and one program's time held to
 * another's.  A baseline is JSON with one entry a run:
 *
 *   {"schema_version": 1, "runs": {"meld-bow-s1": {
 *     "task": {"corpus": "meld", "kind": "calibrated", "labels": "meld7", "version": HASH},
 *     "labels": ["neutral", …], "n": 83, "exact": true, "predictions": HASH,
 *     "prompts": HASH or null,
 *     "counts": {"neutral": [12, 0, …, no answer], …},
 *     "metrics": {"weighted_f1": {"value": 0.61, "direction": "higher",
 *                 "tolerance": "abs:0.02", "floor": 0.5}, …}}}}
 *
 * The version of a task is a hash of its test set: ids, dialogues, turns, true labels.
 */
#ifndef HARNESS_VERDICT_GATE_H
#define HARNESS_VERDICT_GATE_H

#include <stdbool.h>

#include "harness/base/err.h"
#include "harness/base/hash.h"
#include "harness/base/mem.h"
#include "harness/base/str.h"
#include "harness/report/results.h"

#define GATE_SAME 1e-9 /* how near a replayed metric must be */

/* What a check ended in.  The last three are breaches. */
enum gate_state {
	GATE_PASS,
	GATE_BETTER,	  /* beyond its tolerance on the good side: reported, not failed */
	GATE_QUARANTINED, /* failed, but the baseline says why that is not held against it */
	GATE_SKIPPED,	  /* not judged: times of another machine */
	GATE_FAIL,	  /* exit status 1 */
	GATE_INCOMPLETE,  /* 3: a run that is not finished or not given */
	GATE_MISMATCH,	  /* 4: nothing to judge by, or nothing that can be judged */
	GATE_STATES,
};

struct gate_check {
	const char *run, *what, *text; /* text: what was found; "" for GATE_PASS */
	enum gate_state state;
};

/* Every check that was made, in order.  The zeroed struct is empty. */
struct gate_report {
	struct arena mem;
	struct gate_check *check;
	int n;
	size_t cap;
};

int gate_add(struct gate_report *r, const char *run, const char *what, enum gate_state state,
	     struct err *err, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
void gate_report_free(struct gate_report *r);
bool gate_breach(enum gate_state state);
/* The gravest of all checks as an exit status: 4, else 3, else 1, else 0. */
int gate_exit_status(const struct gate_report *r);
int gate_count(const struct gate_report *r, enum gate_state state);
/* One line a breach. */
void gate_write_breaches(const struct gate_report *r, struct strbuf *out);
/* Every check: TAP version 14, JUnit XML. */
void gate_write_tap(const struct gate_report *r, struct strbuf *out);
void gate_write_junit(const struct gate_report *r, struct strbuf *out);

enum tolerance_kind { TOLERANCE_EXACT, TOLERANCE_ABS, TOLERANCE_REL };
struct tolerance {
	enum tolerance_kind kind;
	double most;
};

/* One metric: "weighted_f1", "f1.joy", "ms.model.p50". */
struct gate_metric {
	const char *name;
	double value;	       /* NaN: null */
	bool lower;	       /* lower is better */
	struct tolerance line; /* EXACT: within GATE_SAME on both sides */
	double floor, ceiling; /* NaN: none */
	const char *why;       /* quarantined; NULL: not */
};

/* What a baseline holds of one run, and what is seen of a run that is held to it. */
struct gate_run {
	const char *name; /* corpus, system, what was taken away, seed */
	const char *corpus, *kind, *labels_name;
	char version[HASH_HEX], predictions[HASH_HEX];
	char prompts[HASH_HEX]; /* "": not known */
	const char *label[LABEL_MAX];
	int64_t n;
	bool exact; /* counts, predictions and every metric but times as they are */
	struct confusion confusion;
	struct gate_metric *metric;
	int n_metric;
	size_t cap_metric;
	const char *cpu; /* NULL: no times are held */
	int64_t threads;
};

struct baseline {
	struct arena mem;
	struct gate_run *run; /* (n) ordered by name */
	int n;
	size_t cap;
};

/* Name of the run a result is of; valid as long as mem.  NULL: no memory. */
const char *gate_run_name(const struct result *r, struct arena *mem);
/* What a complete result holds.  Texts are copied into mem; free out->metric.  ERR_DATA: its
 * metrics.json tells numbers that do not follow from its predictions.  A metric that
 * metrics.json lacks is NaN. */
int gate_see(const struct result *r, struct arena *mem, struct gate_run *out, struct err *err);
const struct gate_metric *gate_metric_find(const struct gate_run *r, const char *name);
bool gate_metric_is_time(const char *name);

/* Reads a baseline.  ERR_MISSING, ERR_FORMAT, ERR_LIMIT name the file and the member.  Free with
 * baseline_free(), also after failure; it accepts the zeroed struct. */
int baseline_read(struct baseline *b, const char *path, struct err *err);
/* Replaces the file atomically; keys in a fixed order, a metric a line. */
int baseline_write(const struct baseline *b, const char *path, struct err *err);
void baseline_free(struct baseline *b);
struct gate_run *baseline_find(const struct baseline *b, const char *name);
/* "exact", "abs:x", "rel:x" with x >= 0; ERR_ARG. */
int tolerance_parse(const char *text, struct tolerance *out, struct err *err);

/* Holds what was seen of one run to what is held of it; where the test sets differ that is all
 * that is judged.  ERR_NOMEM. */
int gate_judge(const struct gate_run *held, const struct gate_run *seen, struct gate_report *out,
	       struct err *err);

/* Holds the folders dir (n) to the baseline; with `all` every run of the baseline must be among
 * them.  What cannot be judged is a check of the report too; err is for want of memory alone. */
int gate_results(const struct baseline *b, char *const *dir, int n, bool all,
		 struct gate_report *out, struct err *err);

/* What --update is asked for; texts are "" where nothing is asked.  The lists are comma lists of
 * NAME=VALUE, where NAME is a metric or a group ("f1" for every "f1.LABEL"). */
struct gate_rules {
	const char *metrics; /* comma list of names or groups to record; "" all */
	const char *tolerance, *floor, *ceiling, *quarantine; /* tolerance: VALUE alone for all */
	bool exact, times;
};
/* Takes what the folders hold into the baseline; the rules that it has for a run stay unless
 * others are given.  *changes: one line for each value that is new or another.  ERR_ARG,
 * ERR_INCOMPLETE, ERR_DATA (a limited run, two folders of one run). */
int baseline_update(struct baseline *b, char *const *dir, int n, const struct gate_rules *rules,
		    struct strbuf *changes, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Result folders as read back from disk.  Nothing in a folder is believed
 * unchecked: labels must be in the label set, and the scores that were written
 * must be those of the predictions beside them.
 */
#ifndef HARNESS_REPORT_RESULTS_H
#define HARNESS_REPORT_RESULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/base/json.h"
#include "harness/base/log.h"
#include "harness/base/mem.h"
#include "harness/core/model.h"
#include "harness/metrics/bootstrap.h"
#include "harness/metrics/calibration.h"
#include "harness/metrics/ceiling.h"
#include "harness/metrics/scores.h"

#define WITHOUT_MAX 16
#define STAGE_MAX   8

/* One scored utterance; texts belong to the result. */
struct prediction {
	const char *id, *dialogue;
	const char *speaker, *text; /* NULL: the file does not say */
	int64_t turn;
	int gold, label; /* label -1: no answer */
	enum answer_status status;
	int group; /* number of its dialogue, in the order of the sorted predictions */
	double ms; /* prompt and model; NaN: not recorded */
	/* Of systems that ask: */
	int strict;	   /* label by the strict rule, -1: none */
	int attempts;	   /* requests that were sent for it */
	const char *cause; /* why there is no label; NULL: there is, or the file does not say */
};

/* One line of log.jsonl.  dev: NaN when no dev score was asked for. */
struct epoch_line {
	const char *stage;
	int epoch, of;
	double loss, dev, seconds;
	bool best;
};

struct stage_times {
	const char *name; /* decode cues prompt model … */
	int64_t n;	  /* utterances */
	double total_s, mean_ms, p50_ms, p90_ms, p99_ms;
};

/* Something that a run's recipe or back-end says: "lr" "0.002". */
struct trait {
	const char *key, *value;
	bool option; /* of the model */
};

struct result {
	struct arena mem;
	struct json *manifest, *metrics; /* as on disk */
	const char *id, *status, *system, *model, *title, *selection, *started;
	const char *corpus, *kind, *root, *policy, *labels_name, *corpus_hash;
	bool complete; /* status complete: predictions, metrics and log are loaded */
	bool limited;  /* saw part of the corpus, or failed at too much of it: never a result */
	const char *why_limited; /* "" where the manifest does not say */
	bool asks;		 /* a served model: the manifest has "asked" */
	struct trait *trait;	 /* (n_trait) in the manifest's order */
	int n_trait;
	size_t cap_trait;
	int k;
	const char *label[LABEL_MAX];
	const char *without[WITHOUT_MAX]; /* sorted */
	int n_without;
	unsigned see; /* enum see, less what `without` names */
	uint64_t seed;
	struct prediction *pred; /* (n) sorted by dialogue, turn, id */
	int n, groups;
	size_t cap;
	struct confusion confusion;
	struct scores scores;
	struct scores strict;	    /* of systems that ask: by the strict rule */
	struct calibration beliefs; /* of the answered; n 0: the scores are no probabilities */
	bool has_ceiling;	    /* the manifest has it */
	struct ceiling ceiling;
	struct epoch_line *epoch;
	int n_epoch;
	size_t cap_epoch;
	struct stage_times stage[STAGE_MAX];
	int n_stage;
};

/* Reads one folder into *r.  ERR_MISSING, ERR_FORMAT, ERR_DATA name the file (and
 * line).  Free with result_free(), also after failure; it accepts the zeroed struct. */
int result_load(struct result *r, const char *dir, struct err *err);
void result_free(struct result *r);

struct result_list {
	struct result *run; /* (n) in the order of their folders' names */
	int n;
	size_t cap;
	char **problem; /* (n_problem) one sentence for each folder that could not be used */
	int n_problem;
	size_t cap_problem;
};

/* Reads every folder of runs_dir; hidden ones (unfinished writes) are passed over.
 * A folder that cannot be read is a problem, not a failure: it is logged and
 * kept in the list.  Free with results_free(), also after failure. */
int results_load(struct result_list *l, const char *runs_dir, const struct log *log,
		 struct err *err);
void results_free(struct result_list *l);
/* Adds a sentence about something that had to be left out, and logs it. */
int results_problem(struct result_list *l, const struct log *log, struct err *err, const char *fmt,
		    ...) __attribute__((format(printf, 4, 5)));

/* Are they runs of one system that differ in the seed alone? */
bool results_same_recipe(const struct result *a, const struct result *b);
/* Do their models have the same options? */
bool results_same_options(const struct result *a, const struct result *b);
/* Reads the traits out of r->manifest; part of result_load(). */
int result_read_traits(struct result *r, const char *path, struct err *err);

/* Counts by dialogue for resampling; caller frees t. */
int result_tally(const struct result *r, struct tally *t, struct err *err);
/* ERR_DATA unless both have the same samples with the same true labels. */
int results_same_samples(const struct result *a, const struct result *b, struct err *err);

#endif

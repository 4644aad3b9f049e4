/* SPDX-License-Identifier: Apache-2.0
 * Result folders side by side: runs that differ in the seed alone are one system, and all systems
 * answered the same samples.  What every comparison starts from.
 */
#ifndef HARNESS_VERDICT_LINEUP_H
#define HARNESS_VERDICT_LINEUP_H

#include <stdbool.h>

#include "harness/base/err.h"
#include "harness/core/corpus.h"
#include "harness/report/results.h"

/* One utterance that all systems answered; texts belong to the results or to the lineup. */
struct sample {
	const char *id, *dialogue;
	const char *speaker, *text; /* NULL: not known */
	int64_t turn;
	int gold;
	int sentiment; /* index into labels_meld3 of the corpus's own column, -1: not known */
	int group;     /* number of its dialogue */
};

/* One system: its runs, ordered by seed. */
struct contender {
	char name[160];		   /* unique in the lineup */
	const struct result **run; /* (n_runs) */
	int n_runs;
	int first; /* its runs' answers are rows first .. first + n_runs - 1 */
};

struct lineup {
	struct result *result; /* (n_results) as loaded */
	int n_results;
	struct contender *system; /* (n_systems) in the order they were named */
	int n_systems;
	const struct label_set *labels; /* NULL: a set of its own, known by its words alone */
	const char *labels_name;
	int k;
	const char *label[LABEL_MAX];
	struct sample *sample; /* (n) ordered by dialogue and turn */
	int *answer;	       /* (n_results, n) labels, -1: none */
	int n, groups;
	int left_out; /* samples whose true label has no place among the labels asked for */
	bool limited; /* of partial runs: not a result */
	struct arena mem;
};

/* result_load() of a finished run, ERR_INCOMPLETE otherwise; slashes at the end of the path, which
 * completion likes to add, do not matter.  Free with result_free(), also after failure. */
int result_load_finished(struct result *r, const char *given, struct err *err);

/* Loads the folders (dir[n], n > 0).  fold: name of a coarser label set to score in, or NULL.
 * ERR_DATA: they are not over the same samples with the same labels; ERR_INCOMPLETE: a run that
 * is not finished.  Free with lineup_free(), also after failure; it accepts the zeroed struct. */
int lineup_load(struct lineup *l, char *const *dir, int n, const char *fold, struct err *err);
void lineup_free(struct lineup *l);

/* Answers of one run of a system (n). */
const int *lineup_answers(const struct lineup *l, const struct contender *c, int run);
/* Counts by dialogue of one run, of samples with keep[i] (NULL: all).  Caller frees t. */
int lineup_tally(const struct lineup *l, const int *answer, const unsigned char *keep,
		 struct tally *t, struct err *err);
/* Counts of the same, in one matrix. */
void lineup_confusion(const struct lineup *l, const int *answer, const unsigned char *keep,
		      struct confusion *c);

/* Some text or speaker is missing. */
bool lineup_lacks_texts(const struct lineup *l);
/* Fills in missing texts and speakers by id from a split test of a loaded corpus, and, with
 * sentiment, every sample's sentiment from its labels (sentiment->label belongs to c->utt).
 * *found: samples whose id the corpus has. */
int lineup_add_corpus(struct lineup *l, const struct corpus *c, const struct gold *sentiment,
		      int *found, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * One run: train a recipe on a bank with a seed, answer the test split, write the
 * result folder.  And many: a plan carried out by several processes, resumable.
 */
#ifndef HARNESS_RUN_EXPERIMENT_H
#define HARNESS_RUN_EXPERIMENT_H

#include "harness/run/bank.h"
#include "harness/run/recipe.h"
#include "harness/run/record.h"

/* Prefix of a result folder that is being written. */
#define RUN_TEMP ".tmp-"

struct run_options {
	const char *results; /* folder; runs go to <results>/runs/<id> */
	bool again;	     /* replace a result that is there */
	bool save_model;
	int limit;   /* > 0: the first dialogues of each split only */
	int threads; /* for the model */
	const struct log *log;
	const volatile sig_atomic_t *stop;
};

struct run_outcome {
	char id[RUN_ID_MAX];
	bool skipped;	    /* was there already */
	double weighted_f1; /* NaN when skipped */
};

/* The id that experiment_run() gives this run, without running it. */
int experiment_id(const struct bank *bank, const struct recipe *recipe, uint64_t seed, bool limited,
		  char id[RUN_ID_MAX], struct err *err);
/* Is the run's result in <results>/runs, whole? */
bool experiment_done(const char *results, const char *id);

/* Runs one recipe, or finds that its result is there.  Interrupted or failed:
 * nothing stays behind. */
int experiment_run(const struct bank *bank, const struct recipe *recipe, uint64_t seed,
		   const struct run_options *o, struct run_outcome *out, struct err *err);

/* Answers the test split of another bank with the model saved in a result folder;
 * its see and window are those of the run.  Free *p. */
int experiment_predict(const char *run_dir, const struct bank *bank, bool only_media, int limit,
		       const struct run_options *o, struct predictions *p, struct err *err);

/* Carries out the runs of a plan with keep[i] (plan->n) set, with `jobs` processes at a
 * time.  without, set: as in recipe_read, for every run.  Goes on after a failed run
 * and reports the first failure at the end (ERR_INCOMPLETE); *done and *skipped are
 * counted.  Temporary folders of killed processes are removed before and after. */
int suite_run(const struct bank *bank, const struct plan *plan, const bool *keep,
	      const char *without, const char *set, int jobs, const struct run_options *o,
	      int *done, int *skipped, struct err *err);

#endif

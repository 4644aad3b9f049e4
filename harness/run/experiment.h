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
	int limit;	 /* > 0: the first dialogues of each split only */
	bool only_clips; /* answer only utterances whose clip is there: not a result */
	int threads;	 /* for the model */
	/* The way to a served model, for systems that ask; NULL: none. */
	const struct carrier *carrier;
	double max_failures; /* asks without a reply that are borne: a number or, below 1, a share
			      */
	bool keep_prompts;   /* write what was asked beside the replies */
	int clip_threads;    /* that read clips for asks */
	struct clip_store *clips; /* parts of clips made before; NULL: none are kept */
	const struct log *log;
	const volatile sig_atomic_t *stop;
};

struct run_outcome {
	char id[RUN_ID_MAX];
	bool skipped;	    /* was there already */
	double weighted_f1; /* NaN when skipped */
	double cost;	    /* of all asks of the run, those of earlier commands too */
	bool away; /* the served model is not to be had: others would not reach it either */
};

/* The id that experiment_run() gives this run, without running it. */
int experiment_id(const struct bank *bank, const struct recipe *recipe, uint64_t seed,
		  const struct run_options *o, char id[RUN_ID_MAX], struct err *err);
/* The folder of its replies, which need not be there; NULL with err set.  The caller frees it. */
char *experiment_asks(const struct bank *bank, const struct recipe *recipe, uint64_t seed,
		      const struct run_options *o, struct err *err);
/* Is the run's result in <results>/runs, whole? */
bool experiment_done(const char *results, const char *id);

/* Runs one recipe, or finds that its result is there.  Interrupted or failed: nothing stays
 * behind but, of a system that asks, the replies (<results>/asks/<id>), so that the same run goes
 * on from them.  ERR_INCOMPLETE: the result is there, but more asks ended without a reply than are
 * borne. */
int experiment_run(const struct bank *bank, const struct recipe *recipe, uint64_t seed,
		   const struct run_options *o, struct run_outcome *out, struct err *err);

/* Calls show with every ask of the run as it would be sent (why: its clip cannot be read), in
 * order; nothing is sent.  A system that does not ask has none. */
int experiment_show(const struct bank *bank, const struct recipe *recipe, uint64_t seed,
		    const struct run_options *o,
		    int (*show)(void *ctx, const struct ask *ask, const char *why, struct err *err),
		    void *ctx, struct err *err);

/* Answers the test split of another bank with the model saved in a result folder;
 * its see and window are those of the run.  Free *p. */
int experiment_predict(const char *run_dir, const struct bank *bank, bool only_media, int limit,
		       const struct run_options *o, struct predictions *p, struct err *err);

/* Carries out the runs of a plan with keep[i] (plan->n) set, with `jobs` processes at a
 * time.  without, set: as in recipe_read, for every run.  Goes on after a failed run
 * and reports the first failure at the end (ERR_INCOMPLETE; ERR_BACKEND if a served model was
 * not to be had); *done and *skipped are counted.  Each run knows what those before it have spent.
 * Once a served model is not to be had, no further run that asks is begun.
 * Temporary folders of killed processes are removed before and after. */
int suite_run(const struct bank *bank, const struct plan *plan, const bool *keep,
	      const char *without, const char *set, int jobs, const struct run_options *o,
	      int *done, int *skipped, struct err *err);

#endif

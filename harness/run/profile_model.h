/* SPDX-License-Identifier: Apache-2.0
 * The trained model of a result folder as a back-end of the profiling engine.  A sample is an
 * utterance of the test split; a query does all that the program does for it: reads its
 * clip, measures it, puts that into words, builds the prompt, runs the model and picks the
 * label.  Earlier turns of the dialogue were measured before, as they are in a conversation
 * that is under way.  A system that asks a served model is timed from the finished question
 * (profile_asks.h).  Neither answers nor measurements are taken from a cache unless asked.
 */
#ifndef HARNESS_RUN_PROFILE_MODEL_H
#define HARNESS_RUN_PROFILE_MODEL_H

#include "harness/run/bank.h"
#include "harness/run/profile.h"
#include "harness/run/reload.h"

struct carrier;

/* Where a sample's own measurements come from while it is timed. */
enum profile_cues {
	PROFILE_CUES_MEASURED, /* its clip */
	PROFILE_CUES_CACHED,   /* what was measured before, because it was asked for */
	PROFILE_CUES_RECORDED, /* files with recorded measurements */
	PROFILE_CUES_PREPARED, /* the question to a served model, finished before */
	PROFILE_CUES_NONE,     /* the model sees nothing of the clips, or there are none */
};
extern const char *const profile_cues_name[]; /* measured cached recorded prepared none */

struct profile_model_options {
	const char *run_dir;
	const struct bank *bank;	      /* its test split measured */
	const struct bank_options *measuring; /* how; words are the model's */
	bool cached_cues;
	int most_workers; /* of any profile_model_use() */
	int limit;	  /* > 0: the first dialogues only */
	int samples;	  /* > 0: so many, drawn by seed_samples */
	uint64_t seed_samples;
	const struct carrier *carrier; /* for a system that asks, else NULL */
	int threads;		       /* that read clips for it */
	const struct log *log;
	const volatile sig_atomic_t *stop;
};

struct profile_model;

/* Everything but the model itself.  o and what it names must outlive it.  NULL with err set. */
struct profile_model *profile_model_open(const struct profile_model_options *o, struct err *err);
void profile_model_close(struct profile_model *m); /* accepts NULL */

/* Loads the model for so many workers, each with so many threads; replaces what was loaded.
 * *back is valid until the next call. */
int profile_model_use(struct profile_model *m, int workers, int threads,
		      struct profile_backend *back, struct err *err);

/* What is asked; seconds is NULL where the clips do not tell how long they are. */
const struct profile_set *profile_model_set(const struct profile_model *m);
const struct reloaded *profile_model_run(const struct profile_model *m);
enum profile_cues profile_model_cues(const struct profile_model *m);
const char *profile_model_id(const struct profile_model *m, int sample);
/* Samples whose clip could not be read when the corpus was measured: answered without; of a
 * system that asks, left out. */
int profile_model_unreadable(const struct profile_model *m);
bool profile_model_limited(const struct profile_model *m);  /* by its limit */
double profile_model_load_s(const struct profile_model *m); /* of the last profile_model_use() */
const struct carrier *profile_model_carrier(const struct profile_model *m); /* NULL: none */
const char *profile_model_served(const struct profile_model *m); /* identity, once it is used */

#endif

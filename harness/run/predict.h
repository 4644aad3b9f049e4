/* SPDX-License-Identifier: Apache-2.0
 * Runs a model over views and keeps what it answered, with gold beside it.
 */
#ifndef HARNESS_RUN_PREDICT_H
#define HARNESS_RUN_PREDICT_H

#include "harness/base/hash.h"
#include "harness/core/model.h"
#include "harness/metrics/scores.h"
#include "harness/run/bank.h"

struct reply; /* harness/core/ask.h */

struct predictions {
	int n;			    /* targets of all views, in order */
	int n_groups;		    /* views (dialogues) */
	struct answer *answer;	    /* (n); raw is owned by mem */
	int *utt, *gold, *group;    /* (n) utterance of the corpus, its label, its view */
	struct confusion confusion; /* of targets with a label */
	bool probs;		    /* softmax of the scores is a probability */
	struct reply *reply; /* (n) of systems that ask, without text and options; else NULL */
	struct arena mem;
};

/* Room for the answers to all targets of the views, which p names already; answers are still zero.
 * Free with predictions_free(). */
int predictions_new(struct predictions *p, const struct views *views, int labels, struct err *err);
/* ERR_INTERNAL when answer i is not one of `labels` labels with finite scores, as its status says.
 */
int predictions_check(const struct predictions *p, int i, int labels, const char *model,
		      const char *id, struct err *err);

/* stop (may be NULL) ends the loop with ERR_INTERRUPTED. */
int predict_views(struct predictions *p, const struct model_ops *model, void *state,
		  const struct views *views, int labels, const volatile sig_atomic_t *stop,
		  struct err *err);
/* Hash of the finished prompts of all targets, in order; "" where the model writes none. */
int predict_prompts(const struct model_ops *model, void *state, const struct views *views,
		    char out[HASH_HEX], struct err *err);
void predictions_free(struct predictions *p); /* accepts the zeroed struct */

#endif

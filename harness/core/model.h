/* SPDX-License-Identifier: Apache-2.0
 * The contract of a model, and how to add one:
 *   1. models/NAME.c fills one const struct model_ops;
 *   2. list it in models/registry.c;
 *   3. add a recipe under scripts/experiments/;
 *   4. tests/test_models.c walks the registry and judges it: finite scores, one
 *      answer a target, save -> load -> same scores, same seed -> same result,
 *      a masked modality -> same answers whatever that modality contains.
 */
#ifndef HARNESS_CORE_MODEL_H
#define HARNESS_CORE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/base/log.h"
#include "harness/base/mem.h"
#include "harness/base/opt.h"
#include "harness/base/str.h"
#include "harness/core/answer.h"
#include "harness/core/labels.h"
#include "harness/core/view.h"

struct ask;
struct json_writer;
struct reply;

enum model_flags {
	MODEL_TRAINS = 1 << 0, /* has fit, save and load */
	MODEL_PROBS = 1 << 1,  /* softmax(score) is a probability; of a system that asks: where the
				  mode of its asks gives scores */
};

/* Dialogues with their labels: label[i][t] belongs to view[i].turn[t], -1: none. */
struct samples {
	const struct view *view;
	const int *const *label;
	int n;
};

/* What fit tells the framework after each epoch, and what it is told back. */
struct epoch {
	const char *stage; /* "alignment", "merc", "fit" */
	int number, total; /* from 1 */
	double loss;	   /* mean training loss of this epoch */
	double seconds;
	bool score_dev; /* ask for a dev score (false in stages without labels) */
};
enum epoch_verdict {
	EPOCH_GO_ON,
	EPOCH_BEST, /* best dev score so far: keep a copy of the parameters */
	EPOCH_STOP, /* interrupted: return ERR_INTERRUPTED */
};

/* Everything a model gets from outside; there is no other channel. */
struct model_env {
	const struct label_set *labels;
	const struct opt_values *opts; /* values of the model's own options */
	unsigned see;		       /* what the run lets it see (enum see) */
	uint64_t seed;
	int threads;
	const struct log *log;
	/* Called at the end of every epoch; scores dev through ops->predict on this
	 * very state when asked.  The selection protocol (dev or last epoch) lives in
	 * the caller: with "last" the last epoch is answered EPOCH_BEST.  NULL: every epoch is
	 * best. */
	enum epoch_verdict (*epoch_end)(void *ctx, const struct epoch *e);
	void *epoch_ctx;
};

struct model_ops {
	const char *name, *title;
	unsigned needs; /* enum see: cannot work without (validate refuses) */
	unsigned uses;	/* enum see: takes in when present; all else is masked for it */
	unsigned flags;
	const struct opt_spec *opts; /* ends with OPT_END; may be NULL */
	size_t state_size;

	/* state is zeroed memory of state_size; env outlives it. */
	int (*init)(void *state, const struct model_env *env, struct err *err);
	/* Trains; at the end the state holds the parameters of the last EPOCH_BEST. */
	int (*fit)(void *state, const struct samples *train, struct err *err);
	/* Answers every target of the view in order: out[k] for the k-th turn with
	 * target[t] != 0.  Does not change what later calls answer.  NULL: the system asks. */
	int (*predict)(void *state, const struct view *view, struct answer *out, struct err *err);
	/* A system that asks a served model (harness/core/ask.h) has these two instead.  ask writes
	 * the question about turn t, a target, its memory from mem; a part of the recording
	 * (env->see has SEE_SOUND or SEE_PICTURES) names its turn and has no data.  read makes an
	 * answer of a reply whose status is ANSWER_OK.  ERR_DATA of ask: there is nothing to ask
	 * about (the turn ends as decode_fail).  Both may be called by several threads at
	 * once and change nothing. */
	int (*ask)(const void *state, const struct view *view, int t, struct ask *out,
		   struct arena *mem, struct err *err);
	int (*read)(const void *state, const struct view *view, int t, const struct reply *reply,
		    struct answer *out, struct err *err);
	int (*save)(const void *state, const char *path, struct err *err);
	/* After init with the same env (options, labels). */
	int (*load)(void *state, const char *path, struct err *err);
	/* Writes the finished prompt of turn t, as text, for people and golden files; may be NULL.
	 */
	int (*prompt)(void *state, const struct view *view, int t, struct strbuf *out,
		      struct err *err);
	/* Trained numbers, for the manifest; may be NULL. */
	int64_t (*parameters)(const void *state);
	/* What of env->see the system takes in of the turn that is answered, as its options have
	 * it; NULL: all of it. */
	unsigned (*sees)(const void *state);
	/* Members for the manifest, into the open object: what fit chose (examples); may be NULL.
	 */
	void (*note)(const void *state, struct json_writer *w);
	/* Always called, accepts the zeroed state. */
	void (*destroy)(void *state);
};

extern const struct model_ops *const model_registry[]; /* NULL at the end */
const struct model_ops *model_find(const char *name);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * What the systems on the nano decoder share.  A turn of the trunk is written
 *   <speaker> text [soft tokens] [speech sentence] [behaviour sentences] <end>
 * and every turn to be answered carries a branch " emotion:" whose next token is
 * the label word.  Only what is present in the view is written.  The systems
 * differ in what they read and in their stages (struct nano_recipe), no more.
 */
#ifndef MODELS_NANO_H
#define MODELS_NANO_H

#include "harness/base/mem.h"
#include "harness/core/model.h"
#include "harness/text/bpe.h"
#include "models/backbone/decoder.h"

/* Channels of soft tokens. */
enum nano_soft { NANO_AUDIO, NANO_VIDEO, NANO_SOFTS = NANO_VIDEO + PART_COUNT };

/* Tokens behind those of the byte-pair table. */
enum nano_special {
	NANO_SPEAKER,		     /* 8 of them: speakers by order of appearance, modulo 8 */
	NANO_END = NANO_SPEAKER + 8, /* end of a turn, end of a written behaviour */
	NANO_SPECIALS = NANO_END + 1,
};

struct nano_recipe {
	const char *name;
	bool speech, audio, behaviour, video; /* beside text */
	bool aligns;			      /* has the behaviour alignment stage */
};

/* Standardisation of one channel's feature columns, from the train split. */
struct nano_norm {
	int cols;	     /* 0: the channel was absent in training and is ignored */
	int kind;	     /* its number among the decoder's soft tokens */
	float *mean, *scale; /* (cols) */
};

struct nano {
	const struct model_env *env;
	const struct nano_recipe *recipe;
	struct bpe bpe;
	struct nano_norm norm[NANO_SOFTS];
	struct decoder *decoder;
	struct bpe_ids ask_label, ask_behaviour; /* the questions of the branches */
	struct bpe_ids word[LABEL_MAX];
	bool single; /* every label word is one token */
	struct strbuf raw;
};

/* One turn as tokens. */
struct nano_turn {
	int speaker;
	const int *id; /* text, speech, behaviour, one behind the other */
	int n_text, n_speech, n_behaviour;
	int n_soft;
	const int *soft_kind;	  /* (n_soft) */
	const float *const *soft; /* (n_soft) standardised rows */
};

/* Functions that fill a struct model_ops take the state as it comes: a struct nano. */

/* --- tokens (nano.c) --- */

int nano_init(struct nano *n, const struct nano_recipe *recipe, const struct model_env *env,
	      struct err *err);
void nano_destroy(void *nano);
/* Learns the byte-pair table and the standardisation, makes a fresh decoder. */
int nano_prepare(struct nano *n, const struct samples *train, struct err *err);
/* Writes the turns of a view as tokens; memory from the arena. */
struct nano_turn *nano_encode(const struct nano *n, const struct view *v, struct arena *mem,
			      struct err *err);
int nano_save(const void *nano, const char *path, struct err *err);
int nano_load(void *nano, const char *path, struct err *err);
int64_t nano_parameters(const void *nano);

/* --- packing (nano_pack.c) --- */

/* A struct packed with its memory; zeroed: empty. */
struct nano_pack {
	struct packed p;
	size_t cap, cap_at;
	int *token, *soft_kind, *turn, *branch, *pos; /* (cap) */
	const float **soft;
	int *at, *target; /* (cap_at) */
	float *weight;
	struct {
		int turn, branch, pos;
	} now;	       /* of the next token */
	int from;      /* turn of the view that is turn 0 of the pack */
	int *turn_pos; /* (cap_turn) position behind each turn of the trunk */
	size_t cap_turn;
	bool oom;
};

/* What goes where. */
struct nano_plan {
	bool behaviour;	     /* behaviour sentences are written */
	bool cues_in_branch; /* cues stand in front of the question, not in the trunk */
	double lm;	     /* weight of predicting the trunk's next token; 0: not asked */
};

/* Empties the pack and writes turns [from, to) as the trunk. */
void pack_trunk(struct nano_pack *k, const struct nano *n, const struct nano_turn *turn, int from,
		int to, const struct nano_plan *plan);
/* Opens a branch behind turn t: cues where the plan says so, then the question. */
void pack_branch(struct nano_pack *k, const struct nano_turn *turn, int t,
		 const struct bpe_ids *question, const struct nano_plan *plan);
/* Adds tokens to the open branch. */
void pack_tokens(struct nano_pack *k, const int *id, size_t n);
/* The last token written predicts `target`. */
void pack_ask(struct nano_pack *k, int target, double weight);
/* Makes k->p current; ERR_NOMEM when something did not fit. */
int pack_finish(struct nano_pack *k, int window, struct err *err);
void pack_free(struct nano_pack *k);

/* --- the stages and the answers --- */

/* Cuts a view into packs: the targets in [first, last) with their history from
 * `from` on, read with this window a layer.  Several layers must not reach further
 * back than the view's window allows, so a layer gets its share of it; where that
 * would be less than one turn, every target gets a pack of its own. */
struct nano_cut {
	int from, first, last;
	int window;
};
/* The cut that starts at turn `first` and takes at most `most` targets; false: none left. */
bool nano_next_cut(const struct nano *n, const struct view *v, int first, int most,
		   struct nano_cut *cut);
/* Layers that read each turn by itself, before the others put it into context. */
int nano_local_layers(const struct opt_values *o);
struct nano_plan nano_plan(const struct nano *n, bool behaviour);
/* Does it read behaviour sentences that it wrote itself? */
bool nano_is_student(const struct nano *n);
int nano_fit(void *nano, const struct samples *train, struct err *err);
int nano_predict(void *nano, const struct view *v, struct answer *out, struct err *err);
int nano_prompt(void *nano, const struct view *v, int t, struct strbuf *out, struct err *err);

#endif

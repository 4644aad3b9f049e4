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
#include "harness/text/chat.h"
#include "harness/text/tokenizer.h"
#include "models/backbone/decoder.h"
#include "models/backbone/llama.h"
#include "models/store.h"

/* Channels of soft tokens. */
enum nano_soft { NANO_AUDIO, NANO_VIDEO, NANO_SOFTS = NANO_VIDEO + PART_COUNT };

/* What a branch asks for. */
enum nano_task { NANO_LABEL, NANO_BEHAVIOUR, NANO_TASKS };

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

/* Where tokens come from: a byte-pair table learned from the train split, or the tokenizer
 * of published weights. */
struct nano_text {
	struct bpe bpe;			/* empty with a tokenizer */
	struct tokenizer *tokenizer;	/* NULL: the table */
	const struct chat_format *chat; /* of the published weights */
	struct bpe_ids after;		/* what the chat format writes behind each question */
	int vocab;			/* tokens in all */
	int end;			/* the token behind a written behaviour */
	int turn_end;			/* the token behind a turn of the trunk, -1: none */
	/* by task: in front of the first turn; where a branch begins; the question */
	struct bpe_ids head[NANO_TASKS], open[NANO_TASKS], ask[NANO_TASKS];
	struct bpe_ids word[LABEL_MAX]; /* the answers */
	bool single;			/* every answer is one token */
};

struct nano {
	const struct model_env *env;
	const struct nano_recipe *recipe;
	struct llama *base; /* published weights, or NULL: a decoder of its own */
	struct nano_text text;
	struct nano_norm norm[NANO_SOFTS];
	struct decoder *decoder;
	struct strbuf raw;
};

/* One turn as tokens. */
struct nano_turn {
	const int *id; /* what was said and by whom, speech, behaviour, one behind the other */
	int n_text, n_speech, n_behaviour;
	const int *ask[NANO_TASKS]; /* the questions about it */
	int n_ask[NANO_TASKS];
	int n_soft;
	const int *soft_kind, *soft_rows; /* (n_soft) as in struct packed */
	const float *const *soft;	  /* (n_soft) standardised rows */
};

/* Functions that fill a struct model_ops take the state as it comes: a struct nano. */

/* --- the model (nano.c) --- */

int nano_init(struct nano *n, const struct nano_recipe *recipe, const struct model_env *env,
	      struct err *err);
void nano_destroy(void *nano);
/* Makes everything that training needs, with a fresh decoder. */
int nano_prepare(struct nano *n, const struct samples *train, struct err *err);
/* Writes the turns of a view as tokens; memory from the arena. */
struct nano_turn *nano_encode(const struct nano *n, const struct view *v, struct arena *mem,
			      struct err *err);
int nano_save(const void *nano, const char *path, struct err *err);
int nano_load(void *nano, const char *path, struct err *err);
int64_t nano_parameters(const void *nano);

/* --- tokens (nano_text.c) --- */

/* Learns the byte-pair table. */
int nano_text_learn(struct nano *n, const struct samples *train, struct err *err);
/* Questions and answers, when the table is there. */
int nano_text_words(struct nano *n, struct err *err);
/* The words of a turn, its cues and its questions; ids and line are scratch. */
int nano_text_turn(const struct nano *n, const struct turn *u, struct bpe_ids *ids,
		   struct strbuf *line, struct arena *mem, struct nano_turn *out, struct err *err);
/* Appends tokens as text, special ones by name. */
int nano_text_write(const struct nano *n, const int *id, size_t count, struct strbuf *out,
		    struct err *err);
/* Does this token end a written behaviour? */
bool nano_text_ends(const struct nano *n, int id);
void nano_text_free(struct nano_text *x);

/* --- the same with published weights (nano_published.c) --- */

/* Opens weights and tokenizer; encodes what is the same for all turns: chat format, prompt
 * template, answers. */
int nano_published_open(struct nano *n, struct err *err);
/* As nano_text_turn(). */
int nano_published_turn(const struct nano *n, const struct turn *u, struct bpe_ids *ids,
			struct strbuf *line, struct arena *mem, struct nano_turn *out,
			struct err *err);

/* --- soft tokens (nano_soft.c) --- */

extern const char *const nano_soft_name[NANO_SOFTS]; /* audio face body posture */

/* Mean and scale of each column of each channel. */
int nano_soft_measure(struct nano *n, const struct samples *train, struct err *err);
/* The kinds of soft tokens for the decoder. */
void nano_soft_kinds(struct nano *n, struct decoder_config *cfg);
/* A turn's soft tokens; memory from the arena. */
int nano_soft_turn(const struct nano *n, const struct turn *u, struct arena *mem,
		   struct nano_turn *out, struct err *err);
int nano_soft_read(struct nano *n, struct store *s);
void nano_soft_write(const struct nano *n, struct store *s);
void nano_soft_free(struct nano *n);

/* --- packing (nano_pack.c) --- */

/* Where the next token goes. */
struct pack_place {
	int turn, branch, pos;
};

/* A struct packed with its memory; zeroed: empty. */
struct nano_pack {
	struct packed p;
	size_t cap, cap_at;
	int *token, *soft_kind, *soft_rows, *turn, *branch, *pos; /* (cap) */
	const float **soft;
	int *at, *target; /* (cap_at) */
	float *weight;
	struct pack_place now;
	int from;      /* turn of the view that is turn 0 of the pack */
	int *turn_pos; /* (cap_turn) position behind each turn of the trunk */
	size_t cap_turn;
	bool oom;
};

/* What goes where. */
struct nano_plan {
	enum nano_task task;
	bool behaviour;	     /* behaviour sentences are written */
	bool cues_in_branch; /* cues stand in front of the question, not in the trunk */
	double lm;	     /* weight of predicting the trunk's next token; 0: not asked */
};

/* Empties the pack and writes turns [from, to) as the trunk. */
void pack_trunk(struct nano_pack *k, const struct nano *n, const struct nano_turn *turn, int from,
		int to, const struct nano_plan *plan);
/* The same piece by piece: what stands in front of the first turn, then a turn. */
void pack_start(struct nano_pack *k, const struct nano *n, int from, int to,
		const struct nano_plan *plan);
void pack_turn(struct nano_pack *k, const struct nano *n, const struct nano_turn *turn, int t,
	       const struct nano_plan *plan);
/* Opens a branch behind turn t: cues where the plan says so, then the question. */
void pack_branch(struct nano_pack *k, const struct nano *n, const struct nano_turn *turn, int t,
		 const struct nano_plan *plan);
/* Writes the same at the current place. */
void pack_question(struct nano_pack *k, const struct nano *n, const struct nano_turn *turn, int t,
		   const struct nano_plan *plan);
/* Forgets the tokens, not the place: what follows goes on from what a session has read. */
void pack_next(struct nano_pack *k);
/* Adds tokens to the open branch. */
void pack_tokens(struct nano_pack *k, const int *id, size_t n);
/* The last token written predicts `target`. */
void pack_ask(struct nano_pack *k, int target, double weight);
/* Makes k->p current; ERR_NOMEM when something did not fit. */
int pack_finish(struct nano_pack *k, int window, struct err *err);
void pack_free(struct nano_pack *k);

/* --- the stages and the answers --- */

/* Which turns share a trunk, and from where on it is read (option window_mode). */
enum nano_window {
	NANO_SHARED,   /* every layer gets its share of the window, one trunk for all */
	NANO_ANCHORED, /* the window begins at the last anchor that is not too far back */
	NANO_EXACT,    /* every turn from its own first turn on */
};
enum nano_window nano_window(const struct nano *n);

/* Cuts a view into packs: the targets in [first, last) with their history from
 * `from` on, read with this window a layer.
 * Where the window reaches the start of the dialogue all ways are the same.  Else:
 * shared: several layers must not reach further back than the view's window allows, so a
 * layer gets its share of it; where that would be less than one turn, every target gets a
 * pack of its own.  anchored: anchors stand every (window + 1) / 2 turns (option anchor), a
 * target is read from the first anchor inside its window, so that all with the same anchor
 * share a pack and none sees more than its window.  exact: from its window's first turn. */
struct nano_cut {
	int from, first, last;
	int window;
};
/* The cut that starts at turn `first` and takes at most `most` targets; false: none left. */
bool nano_next_cut(const struct nano *n, const struct view *v, int first, int most,
		   struct nano_cut *cut);
/* Layers that read each turn by itself, before the others put it into context. */
int nano_local_layers(const struct opt_values *o);
struct nano_plan nano_plan(const struct nano *n, enum nano_task task);
/* Does it read behaviour sentences that it wrote itself? */
bool nano_is_student(const struct nano *n);
int nano_fit(void *nano, const struct samples *train, struct err *err);
int nano_predict(void *nano, const struct view *v, struct answer *out, struct err *err);
int nano_prompt(void *nano, const struct view *v, int t, struct strbuf *out, struct err *err);

#endif

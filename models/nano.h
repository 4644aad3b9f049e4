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
struct nano_plan nano_plan(const struct nano *n, bool behaviour);
int nano_fit(void *nano, const struct samples *train, struct err *err);
int nano_predict(void *nano, const struct view *v, struct answer *out, struct err *err);
int nano_prompt(void *nano, const struct view *v, int t, struct strbuf *out, struct err *err);

/* Options of every system on this decoder. */
#define NANO_OPTS                                                                                  \
	{ .name = "dim",                                                                           \
	  .type = OPT_INT,                                                                         \
	  .fallback = "48",                                                                        \
	  .min = 4,                                                                                \
	  .max = 4096,                                                                             \
	  .help = "width of the decoder" },                                                        \
		{ .name = "layers",                                                                \
		  .type = OPT_INT,                                                                 \
		  .fallback = "2",                                                                 \
		  .min = 1,                                                                        \
		  .max = 64,                                                                       \
		  .help = "layers" },                                                              \
		{ .name = "heads",                                                                 \
		  .type = OPT_INT,                                                                 \
		  .fallback = "4",                                                                 \
		  .min = 1,                                                                        \
		  .max = 64,                                                                       \
		  .help = "attention heads; dim / heads must be even" },                           \
		{ .name = "ff",                                                                    \
		  .type = OPT_INT,                                                                 \
		  .fallback = "96",                                                                \
		  .min = 4,                                                                        \
		  .max = 16384,                                                                    \
		  .help = "hidden width of the feed-forward part" },                               \
		{ .name = "vocab",                                                                 \
		  .type = OPT_INT,                                                                 \
		  .fallback = "2000",                                                              \
		  .min = 256,                                                                      \
		  .max = 100000,                                                                   \
		  .help = "tokens of the byte-pair table at most" },                               \
		{ .name = "lower",                                                                 \
		  .type = OPT_BOOL,                                                                \
		  .fallback = "true",                                                              \
		  .help = "utterances in lower case" },                                            \
		{ .name = "epochs",                                                                \
		  .type = OPT_INT,                                                                 \
		  .fallback = "10",                                                                \
		  .min = 1,                                                                        \
		  .max = 10000,                                                                    \
		  .help = "epochs of the merc stage" },                                            \
		{ .name = "lr",                                                                    \
		  .type = OPT_NUM,                                                                 \
		  .fallback = "2e-3",                                                              \
		  .min = 1e-7,                                                                     \
		  .max = 1,                                                                        \
		  .help = "highest learning rate" },                                               \
		{ .name = "warmup",                                                                \
		  .type = OPT_NUM,                                                                 \
		  .fallback = "0.1",                                                               \
		  .min = 0,                                                                        \
		  .max = 1,                                                                        \
		  .help = "share of a stage in which the learning rate rises" },                   \
		{ .name = "schedule",                                                              \
		  .type = OPT_CHOICE,                                                              \
		  .fallback = "cosine",                                                            \
		  .choices = "cosine|linear|constant",                                             \
		  .help = "how the learning rate falls" },                                         \
		{ .name = "weight_decay",                                                          \
		  .type = OPT_NUM,                                                                 \
		  .fallback = "0.1",                                                               \
		  .min = 0,                                                                        \
		  .max = 100,                                                                      \
		  .help = "of AdamW" },                                                            \
		{ .name = "clip",                                                                  \
		  .type = OPT_NUM,                                                                 \
		  .fallback = "1",                                                                 \
		  .min = 0,                                                                        \
		  .max = 1000,                                                                     \
		  .help = "largest gradient norm; 0: none" },                                      \
		{ .name = "batch",                                                                 \
		  .type = OPT_INT,                                                                 \
		  .fallback = "32",                                                                \
		  .min = 1,                                                                        \
		  .max = 100000,                                                                   \
		  .help = "answered turns of one optimizer step, at least" },                      \
		{ .name = "turns",                                                                 \
		  .type = OPT_INT,                                                                 \
		  .fallback = "24",                                                                \
		  .min = 1,                                                                        \
		  .max = 100000,                                                                   \
		  .help = "answered turns of one pack; longer dialogues are cut at random" },      \
		{ .name = "dropout",                                                               \
		  .type = OPT_NUM,                                                                 \
		  .fallback = "0.1",                                                               \
		  .min = 0,                                                                        \
		  .max = 0.95,                                                                     \
		  .help = "dropout of activations" },                                              \
		{ .name = "token_dropout",                                                         \
		  .type = OPT_NUM,                                                                 \
		  .fallback = "0.1",                                                               \
		  .min = 0,                                                                        \
		  .max = 0.95,                                                                     \
		  .help = "tokens made blank in training" },                                       \
		{ .name = "smooth",                                                                \
		  .type = OPT_NUM,                                                                 \
		  .fallback = "0.1",                                                               \
		  .min = 0,                                                                        \
		  .max = 0.95,                                                                     \
		  .help = "label smoothing" },                                                     \
		{ .name = "balance",                                                               \
		  .type = OPT_NUM,                                                                 \
		  .fallback = "0.5",                                                               \
		  .min = 0,                                                                        \
		  .max = 1,                                                                        \
		  .help = "class weights (n / labels / n_class)^balance; 0: none" },               \
		{ .name = "lm",                                                                    \
		  .type = OPT_NUM,                                                                 \
		  .fallback = "0",                                                                 \
		  .min = 0,                                                                        \
		  .max = 100,                                                                      \
		  .help = "weight of also predicting the next token of the trunk" },               \
		{ .name = "answer",                                                                \
		  .type = OPT_CHOICE,                                                              \
		  .fallback = "words",                                                             \
		  .choices = "words|vocabulary",                                                   \
		  .help = "training softmax over the label words or the whole vocabulary" },       \
		{ .name = "history_cues",                                                          \
		  .type = OPT_CHOICE,                                                              \
		  .fallback = "all",                                                               \
		  .choices = "all|text",                                                           \
		  .help = "earlier turns keep their cues, or only their text" },                   \
		{ .name = "soft",                                                                  \
		  .type = OPT_INT,                                                                 \
		  .fallback = "1",                                                                 \
		  .min = 1,                                                                        \
		  .max = 64,                                                                       \
		  .help = "soft tokens of one channel and turn" },                                 \
		{ .name = "projector",                                                             \
		  .type = OPT_INT,                                                                 \
		  .fallback = "0",                                                                 \
		  .min = 0,                                                                        \
		  .max = 65536,                                                                    \
		  .help = "hidden width of the soft-token projectors; 0: linear" },                \
		{ .name = "lora_rank",                                                             \
		  .type = OPT_INT,                                                                 \
		  .fallback = "0",                                                                 \
		  .min = 0,                                                                        \
		  .max = 1024,                                                                     \
		  .help = "0: all parameters learn; else LoRA on q and v of this rank" },          \
	{                                                                                          \
		.name = "lora_alpha", .type = OPT_NUM, .fallback = "16", .min = 0, .max = 4096,    \
		.help = "scale of LoRA"                                                            \
	}

#endif

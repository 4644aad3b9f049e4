/* SPDX-License-Identifier: Apache-2.0
 * The decoder: the LLaMA architecture (RMSNorm, rotary positions, causal attention with
 * shared key heads, SwiGLU) with LoRA-capable linears and projectors that turn feature
 * frames into soft tokens.  Its weights are fresh and fp32, or published ones that stay
 * frozen in their own type.
 *
 * It reads a whole dialogue packed as one trunk with branches.  The trunk is what
 * was said (and heard, and seen) turn by turn; a branch hangs behind one turn and
 * holds a question and its answer.  A branch sees the trunk up to and including its
 * turn, and itself; the trunk never sees a branch.  With a window that reaches the
 * start of the dialogue this gives the same loss and scores as one prompt an utterance.
 */
#ifndef MODELS_BACKBONE_DECODER_H
#define MODELS_BACKBONE_DECODER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/base/err.h"
#include "harness/base/hash.h"
#include "harness/base/rng.h"
#include "harness/num/tape.h"
#include "models/backbone/llama.h"

#define SOFT_MAX 8

/* How feature rows become soft tokens: see models/backbone/projector.h. */
struct soft_spec {
	const char *name; /* "audio", "face", … */
	int cols;	  /* width of its feature rows */
	int hidden;	  /* 0: linear projector; > 0: two-layer MLP of this width */
	int queries;	  /* > 0: a Q-Former with so many tokens a group of rows; hidden is then its
			   * width (0: dim) */
	int blocks, heads; /* of the Q-Former */
};

/* Linears that carry an adapter; bit i is enum llama_linear i. */
enum lora_on {
	LORA_Q = 1 << LLAMA_Q,
	LORA_K = 1 << LLAMA_K,
	LORA_V = 1 << LLAMA_V,
	LORA_O = 1 << LLAMA_O,
	LORA_GATE = 1 << LLAMA_GATE,
	LORA_UP = 1 << LLAMA_UP,
	LORA_DOWN = 1 << LLAMA_DOWN,
	LORA_FF = LORA_GATE | LORA_UP | LORA_DOWN,
	LORA_ALL = (1 << LLAMA_LINEARS) - 1,
};

struct decoder_config {
	/* Published weights, which the caller keeps open as long as the decoder; NULL: fresh
	 * ones.  Everything up to `rope` is then theirs (what is set here must agree). */
	const struct llama *base;
	bool thaw; /* the published weights only give the initial values of fp32 parameters that
		    * are trained (or carry adapters) like fresh ones */
	int vocab, dim, layers, heads, ff;
	int kv_heads;	   /* 0: heads; a divisor of heads */
	int head_dim;	   /* 0: dim / heads */
	double norm_eps;   /* 0: 1e-5 */
	double rope_theta; /* 10000 */
	bool rope_pairs;   /* as in struct llama_config */
	bool qkv_bias;	   /* q, k, v have biases */
	bool untied;	   /* the output is not the embedding */
	struct rope_scaling rope;
	int local_layers;     /* the first so many layers see no turn but their own, whatever the
				 window: a turn is read before it is put into context */
	double dropout;	      /* on embeddings and both residual branches, training only */
	double token_dropout; /* text tokens replaced by a zero embedding, training only */
	int lora_rank;	      /* 0: full training, or with a frozen base only of the projectors;
			       * > 0: LoRA on lora_on, all else but the projectors frozen */
	double lora_alpha;
	double lora_dropout; /* on what the adapters read, training only */
	bool lora_rslora;    /* adapters count alpha / sqrt(rank), not alpha / rank (Kalajdzievski
			      * 2023) */
	unsigned lora_on;    /* enum lora_on */
	int n_soft;
	struct soft_spec soft[SOFT_MAX];
	int threads;		    /* 0: 1 */
	const struct kernels *kern; /* NULL: the widest that this processor runs */
	enum frozen_path path;	    /* of products with frozen weights when nothing is trained */
	bool pack;		    /* frozen weights get a packed copy: faster, for its memory */
	enum tape_mixed mixed;	    /* of trained weights: operands in bf16, the rest in fp32 */
	bool recompute; /* training keeps only what enters each layer and computes the rest again */
};

struct decoder; /* parameters, gradients, optimizer state, work memory */

/* One packed dialogue.  Trunk tokens come first ([0, trunk)), turn by turn, then
 * the branches, each contiguous.  All arrays belong to the caller. */
struct packed {
	int n, trunk;
	const int *token;     /* (n) token id; -1: soft token */
	const int *soft_kind; /* (n) index into config.soft for soft tokens (else ignored) */
	const float *const
		*soft; /* (n) its feature row, of config.soft[kind].cols; NULL for text */
	/* (n) or NULL: rows behind each soft token, 1 without a Q-Former.  Q-Formers: `queries`
	 * soft tokens in a row make one group; the first carries (rows, cols) features, the others
	 * 0 rows */
	const int *soft_rows;
	const int *turn;   /* (n) turn the token belongs to, not decreasing within the trunk */
	const int *branch; /* (n) 0 in the trunk, else the branch's number from 1, ascending */
	const int *pos;	   /* (n) rotary position, below 65536 */
	int window;	   /* a token sees the trunk of its own and the `window` turns before it */
	int n_at;	   /* positions that predict their next token */
	const int *at;	   /* (n_at) indices */
	const int *target; /* (n_at) token to predict, or index into word[] when word is set */
	const float *weight; /* (n_at) loss weights, or NULL: all 1 */
	const int *word;     /* the softmax runs over these tokens only; NULL: whole vocabulary */
	int n_word;
	double smooth; /* label smoothing over the softmax's support */
};

struct adamw {
	double lr, beta1, beta2, eps, weight_decay, clip; /* clip: global gradient norm, 0: none */
};

/* Fresh parameters from the seed.  NULL with err set. */
struct decoder *decoder_new(const struct decoder_config *cfg, uint64_t seed, struct err *err);
void decoder_free(struct decoder *d); /* accepts NULL */
/* The config with everything filled in; lives as long as d. */
const struct decoder_config *decoder_config_of(const struct decoder *d);
/* All of them (those of a frozen base included), or what is trained. */
int64_t decoder_parameters(const struct decoder *d, bool trainable_only);
/* A hash of every number its results follow from: shape, all bytes of the weights, adapters.
 * Reads all weights. */
int decoder_hash(const struct decoder *d, char out[HASH_HEX], struct err *err);
/* Bytes of work memory held now: activations, gradients of activations, scratch. */
size_t decoder_work_bytes(const struct decoder *d);

/* Forward and backward; adds to the gradients, so that several calls before
 * decoder_step() accumulate.  *loss = weighted sum over at[] of -log p(target).
 * rng drives dropout. */
int decoder_train(struct decoder *d, const struct packed *p, struct rng *rng, double *loss,
		  struct err *err);
/* One optimizer step on the summed gradients times scale; clears them. */
int decoder_step(struct decoder *d, const struct adamw *o, double scale, struct err *err);
/* Forward only: out (n_at, n_word or vocab) log-probabilities, overwritten. */
int decoder_score(struct decoder *d, const struct packed *p, float *out, struct err *err);

/* Keeps a copy of the parameters / goes back to it. */
int decoder_keep(struct decoder *d, struct err *err);
int decoder_restore(struct decoder *d, struct err *err);
/* Forgets optimizer state (a new stage begins). */
void decoder_reset_optimizer(struct decoder *d);

/* Parameters with a checked header (config, names, shapes) at the file's position.
 * A decoder with adapters also reads a file without them: its base is replaced and
 * the adapters stay as they are.  A frozen base is not written: the header keeps its
 * fingerprint, and reading refuses another base.  On failure the parameters are as before. */
int decoder_write(const struct decoder *d, FILE *f, const char *path, struct err *err);
int decoder_read(struct decoder *d, FILE *f, const char *path, struct err *err);

#endif

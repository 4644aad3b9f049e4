/* SPDX-License-Identifier: Apache-2.0
 * What the decoder's files share: the parameters by role, and the net.
 */
#ifndef MODELS_BACKBONE_DECODER_PARTS_H
#define MODELS_BACKBONE_DECODER_PARTS_H

#include "harness/num/params.h"
#include "harness/num/tape.h"
#include "models/backbone/decoder.h"
#include "models/backbone/projector.h"

enum part_linear { LIN_Q, LIN_K, LIN_V, LIN_O, LIN_GATE, LIN_UP, LIN_DOWN, LIN_COUNT };

struct part_weights {
	struct tensor *w;
	struct tensor *a, *b; /* the adapter, or NULL */
};

struct layer {
	struct tensor *norm1, *norm2; /* gains (1, dim) before attention and before SwiGLU */
	struct part_weights lin[LIN_COUNT];
};

struct decoder {
	struct decoder_config cfg; /* soft[].name owned */
	char *config, *base;	   /* for checkpoints: with and without the adapters */
	struct params ps;
	struct tensor *embed, *norm; /* (vocab, dim), (1, dim) */
	struct layer *layer;
	struct projector soft[SOFT_MAX];
	struct tape tape;
	float *turns; /* (turns_n, dim / heads) cosines and sines of each position */
	int turns_n;
};

/* Checks cfg, copies it into the zeroed d, makes the parameters and the config texts. */
int decoder_parts_make(struct decoder *d, const struct decoder_config *cfg, uint64_t seed,
		       struct err *err);

/* Runs the net up to the logits (n_at, support) on d->tape, which was begun.  rng
 * NULL: no dropout.  NULL with err set on failure. */
struct tensor *decoder_logits(struct decoder *d, const struct packed *p, struct rng *rng,
			      struct err *err);

#endif

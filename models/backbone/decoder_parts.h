/* SPDX-License-Identifier: Apache-2.0
 * What the decoder's files share: the parameters by role, and the net.
 */
#ifndef MODELS_BACKBONE_DECODER_PARTS_H
#define MODELS_BACKBONE_DECODER_PARTS_H

#include "harness/num/params.h"
#include "harness/num/tape.h"
#include "models/backbone/decoder.h"
#include "models/backbone/projector.h"

#define POS_MAX 65536 /* rotary positions lie below */

struct part_weights {
	struct tensor *w;      /* (out, in) a parameter; NULL: frozen */
	struct frozen *frozen; /* or NULL */
	struct tensor *bias;   /* (1, out) or NULL */
	struct tensor *a, *b;  /* the adapter, or NULL */
};

struct layer {
	struct tensor *norm1, *norm2; /* gains (1, dim) before attention and before SwiGLU */
	struct part_weights lin[LLAMA_LINEARS];
};

struct decoder {
	struct decoder_config cfg; /* everything filled in; soft[].name owned */
	char *config, *plain;	   /* for checkpoints: with and without the adapters */
	struct params ps;
	struct part_weights embed, head; /* (vocab, dim); the same when tied */
	struct tensor *norm;		 /* (1, dim) */
	struct layer *layer;
	struct projector soft[SOFT_MAX];
	float lora_scale;
	/* views of a frozen base */
	struct frozen *frozen; /* (layers LLAMA_LINEARS + 2) */
	struct tensor *fixed;  /* gains and biases */
	struct pool *pool;     /* NULL: one thread */
	struct tape tape;
	double *freq; /* (head_dim / 2) angle of one position */
	float *turns; /* (turns_n, head_dim) cosines and sines of each position */
	int turns_n;
};

/* --- decoder_config.c --- */

/* What a linear's matrix looks like: rows (out) and columns (in). */
struct linear_row {
	const char *name; /* of its parameter: "q" */
	bool to_residual;
};
extern const struct linear_row linear_row[LLAMA_LINEARS];
int linear_rows(const struct decoder_config *c, enum llama_linear lin);
int linear_cols(const struct decoder_config *c, enum llama_linear lin);
/* Whether this linear of every layer has a bias. */
bool decoder_has_bias(const struct decoder_config *c, enum llama_linear lin);

/* Fills in what follows (from the base, and defaults) and checks the whole. */
int decoder_config_fill(struct decoder_config *c, struct err *err);
/* As JSON for checkpoints; NULL: no memory. */
char *decoder_config_text(const struct decoder_config *c, bool with_lora);
/* The angles by which the pairs of a head turn at each position, (head_dim / 2). */
void decoder_frequencies(const struct decoder_config *c, double *freq);

/* --- decoder_parts.c, decoder_base.c --- */

/* Checks cfg, copies it into the zeroed d, makes the parameters and the config texts. */
int decoder_parts_make(struct decoder *d, const struct decoder_config *cfg, uint64_t seed,
		       struct err *err);
/* Links the roles of d to the weights of its base, which stay in their own type. */
int decoder_base_link(struct decoder *d, struct err *err);
/* Root mean square of its embeddings (a sample of rows): how large a soft token should be. */
double decoder_base_size(const struct llama *base, struct err *err);
/* Copies the base's weights into the parameters of the same role. */
void decoder_base_copy(struct decoder *d);

/* --- decoder_plan.c --- */

/* Who sees whom: where each token's keys lie, and what else is there. */
struct sight {
	int n;		  /* tokens */
	const int *slot;  /* (n) number of the token's own key */
	const int *start; /* (n) first key of its branch; unused in the trunk */
	const int *turn;  /* (trunk) turns of the keys [0, trunk) */
	int trunk, n_key;
};

/* ERR_ARG names what is wrong with the arrays. */
int packed_check(const struct decoder_config *c, const struct packed *p, struct err *err);
/* The sight of a packed dialogue by itself; memory from ws. */
int sight_of(const struct packed *p, struct sight *s, struct workspace *ws, struct err *err);
/* What each token sees with this window, (p->n). */
void sight_spans(const struct sight *s, const struct packed *p, int window, struct key_spans *out);

/* --- decoder_net.c --- */

/* Keys and values that outlive a pass: a session's. */
struct cache {
	float *k, *v; /* (layers, capacity, kv_heads head_dim) */
	int capacity;
};

/* What one pass reads and where it stands. */
struct reading {
	const struct packed *p;	   /* checked */
	const struct sight *sight; /* NULL: the packed dialogue by itself */
	const struct cache *cache; /* NULL: the pass has its own keys and values */
	struct rng *rng;	   /* NULL: no dropout */
};

/* Runs the net on d->tape, which was begun, up to the normalised outputs (n_at, dim).
 * NULL without err set when nothing was asked; NULL with err set on failure. */
struct tensor *decoder_run(struct decoder *d, const struct reading *r, struct err *err);
/* Logits (n_at, support) of those outputs. */
struct tensor *decoder_logits(struct decoder *d, const struct packed *p, struct tensor *x,
			      struct err *err);
/* Logits row (n), which is overwritten, to log-probabilities; ERR_DATA when not finite. */
int decoder_log_softmax(const struct decoder *d, float *row, int n, float *to, struct err *err);

#endif

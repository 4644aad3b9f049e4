/* SPDX-License-Identifier: Apache-2.0
 * Projectors: from feature frames to soft tokens.  Linear and two-layer MLP make one
 * token of one row; the Q-Former makes `queries` tokens of all rows of an utterance.
 *
 * Q-Former (after BLIP-2, Li et al. 2023): learned queries q (queries, w) and the frames
 * x (T, cols) as keys and values,
 *   f = norm(x in' + b + time[64 t / T])
 *   each block:  q += self(norm(q));  q += cross(norm(q), f);  q += ff(norm(q))
 *   tokens = norm(q) out' + b
 * Unlike BLIP-2 it normalises before each part (RMSNorm), looks at the frames in every
 * block, and adds learned marks of time to the frames, whose order would be lost otherwise.
 */
#ifndef MODELS_BACKBONE_PROJECTOR_H
#define MODELS_BACKBONE_PROJECTOR_H

#include "harness/base/json.h"
#include "harness/num/params.h"
#include "harness/num/tape.h"
#include "models/backbone/decoder.h"

#define QFORMER_TIMES  64 /* marks of time: position t of T frames gets mark 64 t / T */
#define QFORMER_BLOCKS 6  /* at most */

enum qformer_part {
	QF_SELF_NORM,
	QF_SELF_Q,
	QF_SELF_K,
	QF_SELF_V,
	QF_SELF_O,
	QF_CROSS_NORM,
	QF_CROSS_Q,
	QF_CROSS_K,
	QF_CROSS_V,
	QF_CROSS_O,
	QF_FF_NORM,
	QF_UP,
	QF_UP_BIAS,
	QF_DOWN,
	QF_DOWN_BIAS,
	QF_PARTS
};

/* The parameters of one kind by role; views, the set owns them. */
struct projector {
	/* linear: w1 x + b1; MLP: w2 GELU(w1 x + b1) + b2; Q-Former: w1, b1 is `in`, w2, b2 `out`
	 */
	struct tensor *w1, *b1, *w2, *b2;
	struct tensor *query, *time, *in_norm, *out_norm; /* Q-Former only */
	struct tensor *block[QFORMER_BLOCKS][QF_PARTS];
};

/* ERR_ARG names the kind and what is wrong with it. */
int projector_check(const struct soft_spec *s, int dim, struct err *err);
/* Its members of the checkpoint's config, into the open object. */
void projector_config(const struct soft_spec *s, struct json_writer *w);
/* Adds the rows "soft.NAME.…"; std: wanted size of a soft token's components at the start. */
int projector_add(const struct soft_spec *s, int dim, double std, struct params *ps,
		  struct err *err);
/* Finds the rows after params_alloc(). */
void projector_link(struct projector *p, const struct soft_spec *s, const struct params *ps);

/* Are the soft tokens of a packed dialogue as decoder.h wants them?  ERR_ARG. */
int projector_check_tokens(const struct soft_spec *s, int n_soft, const struct packed *p,
			   struct err *err);
/* x (n, dim) with the soft tokens of this kind put in; x itself when there are none.
 * NULL on failure (t->err). */
struct tensor *projector_put(struct tape *t, const struct projector *s,
			     const struct soft_spec *spec, const struct packed *p, int kind,
			     struct tensor *x);

#endif

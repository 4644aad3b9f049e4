/* SPDX-License-Identifier: Apache-2.0
 * The table of operations: one row each with its shape check, memory, forward,
 * backward and a naive twin in double precision that states what it computes.
 *
 * Forward overwrites out.  Backward adds to the gradients of the inputs that have
 * one (overwriting those that are not live yet).  Operations marked in-place write
 * over their first input: out is in[0], data and gradient.
 *
 * To add one: a row here, its functions, a case in tests/test_num.c, which judges
 * twin, gradient and poisoned outputs for every row.
 */
#ifndef HARNESS_NUM_OPS_H
#define HARNESS_NUM_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/base/pool.h"
#include "harness/num/attn.h"
#include "harness/num/kernel.h"
#include "harness/num/tensor.h"
#include "harness/num/weight.h"

#define OP_INPUTS 5

enum op_kind {
	/* in table (v, d), or none with frozen; index (n), -1: a row of zeros -> out (n, d) */
	OP_EMBED,
	/* in x (n, d), w (m, d) or none with frozen, bias (1, m) or none, a (r, d) and b (m, r) or
	 * none; mask (n d) or NULL, mask_scale: dropout in front of a
	 * -> x w' + bias + scale (x * mask * mask_scale a') b'  (LoRA: Hu et al. 2021) */
	OP_LINEAR,
	/* in x, branch (n, d); mask (n d) or NULL; scale -> x + branch * mask * scale */
	OP_RESIDUAL,
	/* in-place; mask, scale -> x * mask * scale */
	OP_DROPOUT,
	/* in x (n, d), gain (1, d); eps -> x * gain / sqrt(mean(x^2) + eps) (Zhang, Sennrich 2019)
	 */
	OP_RMSNORM,
	/* in-place; x (n, heads h); index (n) positions; table rows position, (cos, sin) of the h/2
	 * angles: each pair (x[i], x[i + h/2]) of a head, or with `pairs` (x[2i], x[2i + 1]), is
	 * turned by its angle (Su et al. 2021) */
	OP_ROPE,
	/* in q (nq, heads h), k, v (nk, kv_heads h); heads, kv_heads (0: heads), plan
	 * -> softmax(q k' / sqrt(h)) v over the keys that the plan shows to each query; query head
	 * i reads key head i / (heads / kv_heads) (Ainslie et al. 2023) */
	OP_ATTENTION,
	/* in gate, up (n, d) -> silu(gate) * up (Shazeer 2020) */
	OP_SWIGLU,
	/* in x -> GELU in its tanh form */
	OP_GELU,
	/* in x (n, d); index (m), repeats allowed -> rows of x (m, d) */
	OP_GATHER,
	/* in-place; x (n, d), rows y (m, d); index (m), no repeats -> x with those rows replaced by
	 * y.  Also how keys and values join a cache: x is then a view of the caller's memory. */
	OP_PUT_ROWS,
	/* in logits (n, v); index (n) targets; weight (n) or NULL; scale: label smoothing s ->
	 * out (n, 1) = weight * -((1 - s) log p(target) + s mean log p) */
	OP_XENT,
	/* in x (n, d), w (v, d) or none with frozen, bias (1, v) or none; the rest as OP_XENT: that
	 * of the logits x w' + bias, which never exist whole unless w is trained and they are few
	 */
	OP_LINEAR_XENT,
	OP_COUNT
};

struct op {
	enum op_kind kind;
	struct tensor *in[OP_INPUTS];
	struct tensor *out;
	const int *index;
	int n_index;
	int heads, kv_heads;
	bool pairs;
	float scale, eps, mask_scale;
	const uint8_t *mask;
	const float *table;
	const float *weight;
	const struct attn_plan *plan;
	const struct frozen *frozen; /* the weight or table, in place of its input */
	enum frozen_path path; /* of products with it; mixed makes FROZEN_FLOAT FROZEN_MIXED */
	/* filled in by the tape */
	const struct kernels *kern;
	struct pool *pool;
	bool mixed;  /* products of the weight with operands in bf16 */
	bool record; /* there will be a walk back */
	float *save; /* kept from forward to backward: n_save floats */
	size_t n_save;
};

struct op_spec {
	const char *name;
	int n_in;      /* inputs that must be there */
	bool in_place; /* out is in[0] */
	bool hands_on; /* backward may make out's gradient memory that of in[0], which has none */
	/* ERR_INTERNAL when shapes or arguments do not fit; also gives out's shape */
	int (*shape)(const struct op *op, int *rows, int *cols, struct err *err);
	size_t (*save)(const struct op *op); /* floats; NULL: none */
	size_t (*work)(
		const struct op *op); /* floats of scratch for either direction; NULL: none */
	void (*forward)(struct op *op, float *work);
	void (*backward)(struct op *op, float *work);
	/* in: inputs in double (NULL where absent), out (rows, cols) overwritten */
	void (*naive)(const struct op *op, const double *const in[OP_INPUTS], double *out);
};

extern const struct op_spec *const op_table[OP_COUNT];

/* The gradient of an input is about to be written: whether to add (true) or to overwrite. */
bool op_grad_add(struct tensor *t);

/* Rows of the table, by file */
extern const struct op_spec op_embed, op_gather, op_put_rows; /* op_rows.c */
extern const struct op_spec op_linear;			      /* op_linear.c */
extern const struct op_spec op_residual, op_dropout, op_rmsnorm, op_rope, op_swiglu,
	op_gelu;				     /* op_point.c */
extern const struct op_spec op_attention;	     /* op_attention.c */
extern const struct op_spec op_xent, op_linear_xent; /* op_loss.c, op_linear_xent.c */

#endif

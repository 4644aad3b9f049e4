/* SPDX-License-Identifier: Apache-2.0
 * Parameter sets.  One row a parameter: it drives size, initial values, the
 * optimizer, the checkpoint and the gradient check.  Values, gradients and moments
 * lie in one block each.
 */
#ifndef HARNESS_NUM_PARAMS_H
#define HARNESS_NUM_PARAMS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/base/err.h"
#include "harness/base/pool.h"
#include "harness/num/kernel.h"
#include "harness/num/tensor.h"

#define PARAM_NAME 64

enum param_init { PARAM_ZERO, PARAM_ONE, PARAM_NORMAL };

struct param {
	char name[PARAM_NAME]; /* key in the checkpoint */
	int rows, cols;
	enum param_init init;
	double std;    /* of PARAM_NORMAL */
	bool train;    /* has a gradient */
	bool decay;    /* weight decay applies */
	bool optional; /* a checkpoint may lack it: it then keeps its value */
	/* filled in by params_alloc() */
	struct tensor t;
	float *m, *v; /* AdamW's moments; NULL when frozen */
};

/* The zeroed struct is an empty set. */
struct params {
	struct param *p;
	size_t n, cap;
	size_t size, train_size; /* floats, rows padded to whole cache lines */
	float *data, *grad, *m, *v, *kept;
	double *part;	   /* sums of the gradient norm */
	int64_t step;	   /* optimizer steps taken */
	struct pool *pool; /* of the optimizer, may be NULL; the owner's */
};

/* Adds a row (p.t, p.m, p.v are ignored).  No rows may be added after params_alloc(). */
int params_add(struct params *ps, const struct param *row, struct err *err);
/* Memory for all rows and initial values: row i draws from stream i of the seed. */
int params_alloc(struct params *ps, uint64_t seed, struct err *err);
/* Accepts the zeroed struct and leaves it zeroed. */
void params_free(struct params *ps);
/* NULL when there is none of this name. */
struct param *params_find(const struct params *ps, const char *name);
int64_t params_count(const struct params *ps, bool train_only);

struct adamw_options {
	double lr, beta1, beta2, eps, weight_decay;
	double clip; /* largest global norm of the scaled gradients, 0: no limit */
};
/* AdamW (Loshchilov, Hutter 2019) on gradients times scale; those that are not live count as
 * zero, and none is live afterwards.  ERR_DATA when the gradient norm is not finite: nothing
 * is changed then but the gradients, which are dropped. */
int params_adamw(struct params *ps, const struct kernels *kern, const struct adamw_options *o,
		 double scale, struct err *err);
/* Clears moments and step count; gradients are dropped. */
void params_reset_optimizer(struct params *ps);
/* Keeps a copy of all values / goes back to it (ERR_INTERNAL without one). */
int params_keep(struct params *ps, struct err *err);
int params_restore(struct params *ps, struct err *err);

/* Checkpoint at the file's position: magic, length and hash of a JSON header
 * (config, names, shapes), the values as little-endian float32, their hash.
 * config: one JSON object as text, kept verbatim. */
int params_write(const struct params *ps, const char *config, FILE *f, const char *path,
		 struct err *err);
/* Reads into an allocated set.  The file's config must equal config, or `other`
 * (may be NULL), and its rows those of the set; rows marked optional may be missing.  On failure
 * the values are as before. */
int params_read(struct params *ps, const char *config, const char *other, FILE *f, const char *path,
		struct err *err);

#endif

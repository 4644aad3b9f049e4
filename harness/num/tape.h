/* SPDX-License-Identifier: Apache-2.0
 * The tape: runs operations as they are called, records them, and walks them
 * backwards.  All its memory comes from one workspace.  Failures stick: after the
 * first one every call returns NULL, so a net is written without checks and
 * tape->err is looked at once at the end.
 */
#ifndef HARNESS_NUM_TAPE_H
#define HARNESS_NUM_TAPE_H

#include "harness/base/rng.h"
#include "harness/num/ops.h"
#include "harness/num/workspace.h"

/* Zeroed, with kern set, it is an empty tape.  Not for two threads at once. */
struct tape {
	const struct kernels *kern;
	struct pool *pool;   /* of the operations, may be NULL; the owner's */
	struct workspace ws; /* tensors, saves, plans; the caller may take from it too */
	float *work;	     /* scratch of one operation, grows */
	size_t work_size;
	struct op *op; /* recorded, in order */
	size_t n, cap;
	bool train; /* record, and give tensors gradients */
	struct err err;
};

/* Forgets what was recorded and keeps the memory. */
void tape_begin(struct tape *t, bool train);
void tape_free(struct tape *t);

/* A tensor of the tape, valid until tape_begin(); data undefined. */
struct tensor *tape_tensor(struct tape *t, int rows, int cols, bool grad);
/* Runs one operation: checks, forward, record.  Returns its output. */
struct tensor *tape_run(struct tape *t, struct op op);
/* Backward from out, whose gradient is set to ones. */
void tape_backward(struct tape *t, struct tensor *out);
/* n bytes of 0 or 1, 0 with probability p in steps of 1/65536; NULL on failure. */
uint8_t *tape_mask(struct tape *t, size_t n, double p, struct rng *rng);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * The tape: runs operations as they are called, records them, and walks them
 * backwards.  All its memory comes from one workspace.  Failures stick: after the
 * first one every call returns NULL, so a net is written without checks and
 * tape->err is looked at once at the end.
 *
 * Memory: gradients are taken during the walk back, when the first contribution comes,
 * and given back, with values and saves, as soon as the operation that made the tensor
 * has run.  A segment (a layer, say) can moreover drop its inner tensors after forward
 * and run once more during the walk back.
 */
#ifndef HARNESS_NUM_TAPE_H
#define HARNESS_NUM_TAPE_H

#include "harness/base/rng.h"
#include "harness/num/ops.h"
#include "harness/num/workspace.h"

/* Whether the products of linears, forward and back, take their operands in bf16 (weights
 * stay fp32 beside them, sums too).  An adapter's own products do not. */
enum tape_mixed {
	MIXED_OFF,
	MIXED_AUTO,  /* where the processor multiplies bf16 faster than fp32 */
	MIXED_FORCE, /* everywhere */
};

/* Zeroed, with kern set, it is an empty tape.  Not for two threads at once. */
struct tape {
	const struct kernels *kern;
	struct pool *pool; /* of the operations, may be NULL; the owner's */
	enum tape_mixed mixed;
	bool recompute;	     /* segments run again in the walk back */
	struct workspace ws; /* tensors, saves, plans; the caller may take from it too */
	float *work;	     /* scratch of one operation, grows */
	size_t work_size;
	struct op *op; /* recorded, in order */
	size_t n, cap;
	bool train; /* record, and give tensors gradients */
	struct err err;
	/* the tape's own */
	struct tape_piece *piece; /* segments to run again, in order */
	size_t n_piece, piece_cap;
	struct tape_block *made; /* memory of tensors and masks, in order */
	size_t n_made, made_cap;
	int depth;	 /* inside so many segments */
	bool dry;	 /* inside a segment that will run again: nothing is recorded */
	bool dry_learns; /* and something in it wants a gradient */
};

/* Forgets what was recorded and keeps the memory. */
void tape_begin(struct tape *t, bool train);
void tape_free(struct tape *t);

/* A tensor of the tape, valid until tape_begin() or the end of its segment; data undefined.
 * grad: it wants a gradient, which has memory once the walk back has reached it. */
struct tensor *tape_tensor(struct tape *t, int rows, int cols, bool grad);
/* Runs one operation: checks, forward, record.  Returns its output. */
struct tensor *tape_run(struct tape *t, struct op op);
/* Backward from out, whose gradient is set to ones.  Of the tensors that operations made
 * only out still holds values afterwards. */
void tape_backward(struct tape *t, struct tensor *out);
/* n bytes of 0 or 1, 0 with probability p in steps of 1/65536; NULL on failure. */
uint8_t *tape_mask(struct tape *t, size_t n, double p, struct rng *rng);

/* A part of the net whose inner tensors nobody else looks at. */
struct segment {
	/* The part: from x to what is returned, without operations in place on x.  With
	 * tape->recompute it runs twice and must do the same both times. */
	struct tensor *(*run)(struct tape *t, void *ctx, struct tensor *x);
	void *ctx;	 /* valid until the walk back has ended */
	struct rng *rng; /* what the part draws from, or NULL; put back for the second run */
};
/* Runs it.  Without training its inner memory is given back at once; with training and
 * tape->recompute too, and gradients are those of the plain way to the bit. */
struct tensor *tape_segment(struct tape *t, const struct segment *s, struct tensor *x);

#endif

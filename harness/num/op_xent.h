/* SPDX-License-Identifier: Apache-2.0
 * Cross-entropy of one row of logits: what OP_XENT and OP_LINEAR_XENT share.
 */
#ifndef HARNESS_NUM_OP_XENT_H
#define HARNESS_NUM_OP_XENT_H

#include "harness/num/ops.h"

static inline float xent_weight(const struct op *op, int i)
{
	return op->weight ? op->weight[i] : 1.0f;
}

/* ERR_INTERNAL unless there is one target for each row, inside [0, v). */
int xent_targets_check(const struct op *op, const char *name, int rows, int v, struct err *err);
/* Loss of row i with logits x (v), which are overwritten: by their gradient for an output
 * gradient of one, else (grad false) by exponentials.  *lse: the log of the sum of exponentials. */
float xent_row(const struct op *op, int i, float *x, int v, bool grad, float *lse);
/* x (v): logits of row i with that *lse to their gradient. */
void xent_row_back(const struct op *op, int i, float *x, int v, float lse);

#endif

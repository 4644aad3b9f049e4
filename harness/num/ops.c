/* SPDX-License-Identifier: Apache-2.0
 * The table itself.
 */
#include "harness/num/ops.h"

const struct op_spec *const op_table[OP_COUNT] = {
	[OP_EMBED] = &op_embed,
	[OP_LINEAR] = &op_linear,
	[OP_RESIDUAL] = &op_residual,
	[OP_DROPOUT] = &op_dropout,
	[OP_RMSNORM] = &op_rmsnorm,
	[OP_ROPE] = &op_rope,
	[OP_ATTENTION] = &op_attention,
	[OP_SWIGLU] = &op_swiglu,
	[OP_GELU] = &op_gelu,
	[OP_GATHER] = &op_gather,
	[OP_PUT_ROWS] = &op_put_rows,
	[OP_XENT] = &op_xent,
	[OP_LINEAR_XENT] = &op_linear_xent,
};

bool op_grad_add(struct tensor *t)
{
	bool add = t->live;

	t->live = true;
	return add;
}

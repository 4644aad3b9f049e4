/* SPDX-License-Identifier: Apache-2.0
 * BeMERC (arXiv 2503.23990) on the nano decoder: text, voice and camera as words
 * and as soft tokens.  Behaviour alignment first (the decoder learns to write the
 * teacher's sentences from what it sees and hears), then the label word with the
 * behaviour in the prompt.
 */
#include "models/models.h"
#include "models/nano.h"
#include "models/nano_opts.h"

static const struct nano_recipe recipe = {
	.name = "bemerc",
	.speech = true,
	.audio = true,
	.behaviour = true,
	.video = true,
	.aligns = true,
};

static const struct opt_spec bemerc_opts[] = {
	NANO_OPTS,
	{ .name = "align_epochs",
	  .type = OPT_INT,
	  .fallback = "5",
	  .min = 0,
	  .max = 10000,
	  .help = "epochs of the alignment stage; 0: without it" },
	{ .name = "behaviour",
	  .type = OPT_CHOICE,
	  .fallback = "teacher",
	  .choices = "teacher|student",
	  .help = "whose behaviour sentences are read when answering" },
	OPT_END,
};

static int bemerc_init(void *state, const struct model_env *env, struct err *err)
{
	return nano_init(state, &recipe, env, err);
}

const struct model_ops model_bemerc = {
	.name = "bemerc",
	.title = "BeMERC: decoder over text, voice and behaviour, with behaviour alignment",
	.uses = SEE_ALL,
	.flags = MODEL_TRAINS | MODEL_PROBS,
	.opts = bemerc_opts,
	.state_size = sizeof(struct nano),
	.init = bemerc_init,
	.fit = nano_fit,
	.predict = nano_predict,
	.save = nano_save,
	.load = nano_load,
	.prompt = nano_prompt,
	.parameters = nano_parameters,
	.destroy = nano_destroy,
};

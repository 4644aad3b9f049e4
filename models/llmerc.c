/* SPDX-License-Identifier: Apache-2.0
 * LLMERC: BeMERC without the behaviour steps and without the camera, on the same
 * decoder: text, speech description, soft tokens of the sound; one stage.
 */
#include "models/models.h"
#include "models/nano.h"
#include "models/nano_opts.h"

static const struct nano_recipe recipe = {
	.name = "llmerc",
	.speech = true,
	.audio = true,
};

static const struct opt_spec llmerc_opts[] = {
	NANO_OPTS,
	OPT_END,
};

static int llmerc_init(void *state, const struct model_env *env, struct err *err)
{
	return nano_init(state, &recipe, env, err);
}

const struct model_ops model_llmerc = {
	.name = "llmerc",
	.title = "LLMERC: decoder over text, speech description and audio",
	.uses = SEE_TEXT | SEE_SPEECH | SEE_AUDIO | SEE_HISTORY,
	.flags = MODEL_TRAINS | MODEL_PROBS,
	.opts = llmerc_opts,
	.state_size = sizeof(struct nano),
	.init = llmerc_init,
	.fit = nano_fit,
	.predict = nano_predict,
	.save = nano_save,
	.load = nano_load,
	.prompt = nano_prompt,
	.parameters = nano_parameters,
	.destroy = nano_destroy,
};

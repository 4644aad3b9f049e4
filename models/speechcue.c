/* SPDX-License-Identifier: Apache-2.0
 * SpeechCueLLM (arXiv 2407.21315) on the nano decoder: text only, the voice comes
 * in as words.
 */
#include "models/models.h"
#include "models/nano.h"
#include "models/nano_opts.h"

static const struct nano_recipe recipe = {
	.name = "speechcue",
	.speech = true,
};

static const struct opt_spec speechcue_opts[] = {
	NANO_OPTS,
	OPT_END,
};

static int speechcue_init(void *state, const struct model_env *env, struct err *err)
{
	return nano_init(state, &recipe, env, err);
}

const struct model_ops model_speechcue = {
	.name = "speechcue",
	.title = "SpeechCueLLM: decoder over text and the speech description in words",
	.uses = SEE_TEXT | SEE_SPEECH | SEE_HISTORY,
	.flags = MODEL_TRAINS | MODEL_PROBS,
	.opts = speechcue_opts,
	.state_size = sizeof(struct nano),
	.init = speechcue_init,
	.fit = nano_fit,
	.predict = nano_predict,
	.save = nano_save,
	.load = nano_load,
	.prompt = nano_prompt,
	.parameters = nano_parameters,
	.destroy = nano_destroy,
};

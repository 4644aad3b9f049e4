/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/core/ask.h"

#include <string.h>

#include "harness/base/json.h"

const char *const ask_part_name[ASK_PART_TYPES] = { "text", "image", "sound", "video" };
const char *const ask_mode_name[ASK_MODES] = { "generate", "choice", "likelihood", "letters" };

const struct ask_sampling ask_sampling_default = {
	.top_p = 1,
	.seed = 1234,
	.max_tokens = 16,
};

const char *const reply_cause_name[CAUSE_COUNT] = {
	[CAUSE_NONE] = "none",
	[CAUSE_EMPTY] = "empty",
	[CAUSE_LENGTH] = "length",
	[CAUSE_FILTERED] = "filtered",
	[CAUSE_CONSTRAINT] = "constraint",
	[CAUSE_CONNECTION] = "connection",
	[CAUSE_TIMEOUT] = "timeout",
	[CAUSE_RATE] = "rate",
	[CAUSE_RETRY_AFTER] = "retry-after",
	[CAUSE_SERVER] = "server",
	[CAUSE_REFUSED] = "refused",
	[CAUSE_REDIRECT] = "redirect",
	[CAUSE_TOO_LARGE] = "too-large",
	[CAUSE_MALFORMED] = "malformed",
	[CAUSE_FINISH] = "finish",
	[CAUSE_BORDER] = "border",
	[CAUSE_CRASH] = "crash",
	[CAUSE_REPORTED] = "reported",
	[CAUSE_NOT_RECORDED] = "not-recorded",
	[CAUSE_MEDIA] = "media",
};

bool reply_copy(struct reply *to, const struct reply *from, struct arena *mem)
{
	struct option_score *option = NULL;

	*to = *from;
	if (from->n_options) {
		option = arena_array(mem, (size_t)from->n_options, sizeof(*option));
		if (!option)
			return false;
		memcpy(option, from->option, (size_t)from->n_options * sizeof(*option));
	}
	to->option = option;
	return (to->text = arena_strdup(mem, from->text)) &&
	       (to->finish_reason = arena_strdup(mem, from->finish_reason)) &&
	       (to->first_error = arena_strdup(mem, from->first_error)) &&
	       (to->model = arena_strdup(mem, from->model)) &&
	       (to->fingerprint = arena_strdup(mem, from->fingerprint)) &&
	       (to->request_id = arena_strdup(mem, from->request_id));
}

unsigned ask_needs(const struct ask *ask)
{
	unsigned needs = ASK_NEEDS_MODE(ask->mode);

	for (int i = 0; i < ask->n_messages; i++)
		for (int k = 0; k < ask->message[i].n_parts; k++)
			needs |= ASK_NEEDS_PART(ask->message[i].part[k].type);
	return needs;
}

void ask_put_sampling(struct json_writer *w, const char *key, const struct ask_sampling *s)
{
	json_open_object(w, key);
	json_put_num(w, "temperature", s->temperature);
	json_put_num(w, "top_p", s->top_p);
	json_put_num(w, "presence_penalty", s->presence_penalty);
	json_put_num(w, "frequency_penalty", s->frequency_penalty);
	json_put_int(w, "seed", s->seed);
	json_put_int(w, "max_tokens", s->max_tokens);
	json_close_object(w);
}

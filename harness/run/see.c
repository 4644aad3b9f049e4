/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/see.h"

#include <string.h>

#include "harness/base/mem.h"

static const struct {
	const char *name;
	unsigned see, without;
} names[] = {
	{ "text", SEE_TEXT, SEE_TEXT },
	{ "speech", SEE_SPEECH, SEE_SPEECH },
	{ "audio", SEE_AUDIO, SEE_AUDIO | SEE_SPEECH | SEE_SOUND },
	{ "face", SEE_FACE, SEE_FACE },
	{ "body", SEE_BODY, SEE_BODY },
	{ "posture", SEE_POSTURE, SEE_POSTURE },
	{ "video", SEE_VIDEO, SEE_VIDEO | SEE_PICTURES },
	{ "history", SEE_HISTORY, SEE_HISTORY },
	{ "behaviour", SEE_BEHAVIOUR, SEE_BEHAVIOUR | SEE_VIDEO | SEE_PICTURES },
	{ "sound", SEE_SOUND, SEE_SOUND },
	{ "pictures", SEE_PICTURES, SEE_PICTURES },
};

unsigned see_parse(const char *name, bool without, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(names[i].name, name))
			return without ? names[i].without : names[i].see;
	err_set(err, ERR_ARG,
		"'%s' is not something a model sees (text, speech, audio, face, body, posture, "
		"behaviour, video, history, sound, pictures)",
		name);
	return 0;
}

int see_parse_list(const struct json *array, bool without, unsigned *out, struct err *err)
{
	*out = 0;
	for (const struct json *v = json_at(array, 0); v; v = json_next(v)) {
		unsigned bit = see_parse(json_str(v, ""), without, err);

		if (!bit)
			return err->code;
		*out |= bit;
	}
	return 0;
}

void see_write(struct json_writer *w, const char *key, unsigned see)
{
	json_open_array(w, key);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if ((names[i].see & see) && strcmp(names[i].name, "behaviour") != 0)
			json_put_str(w, NULL, names[i].name);
	json_close_array(w);
}

void see_mask_turn(struct turn *out, const struct turn *in, unsigned see)
{
	*out = (struct turn){ .id = in->id,
			      .speaker = in->speaker,
			      .prompt_speaker = in->prompt_speaker };
	if (see & SEE_TEXT)
		out->text = in->text;
	if (see & SEE_SPEECH) {
		out->speech = in->speech;
		out->impression = in->impression;
		out->pitch = in->pitch;
	}
	if (see & SEE_AUDIO)
		out->audio = in->audio;
	for (int p = 0; p < PART_COUNT; p++) {
		if (!(see & part_see[p]))
			continue;
		out->behaviour[p] = in->behaviour[p];
		if (see & SEE_VIDEO)
			out->video[p] = in->video[p];
	}
}

/* SPDX-License-Identifier: Apache-2.0
 * Thresholds of words, as --save-words writes them: read for the pool and for a speaker, and
 * every sentence made with them.
 */
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cue/behaviour_words.h"
#include "harness/run/closeup.h"

static void say(const struct closeup_words *w, double v)
{
	struct cue_set set = { 0 };
	struct strbuf said = { 0 };

	for (int i = 0; i < CUE_MAX; i++) {
		set.ok[i] = true;
		set.v[i] = v;
	}
	speech_describe(&w->speech, &set, w->group, &said);
	speech_impression(&w->speech, &set, w->group, &said);
	for (int part = 0; part < BEHAVIOUR_PARTS; part++)
		behaviour_describe(&w->behaviour, &set, w->group, (enum behaviour_part)part, &said);
	FUZZ_CHECK(said.len > 0 && !said.oom);
	strbuf_free(&said);
}

int fuzz_cue_words(const uint8_t *data, size_t size)
{
	static const char *const group[] = { "", "A" };
	static const double value[] = { -1e300, 0, 1, INFINITY };
	char *text = malloc(size + 1);

	FUZZ_CHECK(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	for (int g = 0; g < 2; g++) {
		struct closeup_words w;
		struct err err = { 0 };

		fuzz_outcome(!closeup_words_parse(&w, text, "words.json", group[g], &err), &err);
		for (int i = 0; i < 4 && !err.code; i++)
			say(&w, value[i]);
		closeup_words_free(&w);
	}
	free(text);
	return 0;
}

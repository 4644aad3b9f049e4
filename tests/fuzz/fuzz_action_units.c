/* SPDX-License-Identifier: Apache-2.0
 * Action units of a clip: an OpenFace table, or behind a line "%%%%" the JSON of published
 * behaviour files.
 */
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdlib.h>

#include "harness/cue/action_units.h"

static void look(const struct fuzz_folder *f, const char *name, const char *id)
{
	char *path = path_join(f->path, name), phrase[ACTION_UNITS][ACTION_PHRASE_SIZE];
	struct action_units a = { 0 };
	struct strbuf said = { 0 };
	struct err err = { 0 };

	if (path)
		fuzz_outcome(!action_units_read(&a, path, id, &err), &err);
	for (int i = 0; i < ACTION_UNITS; i++)
		FUZZ_CHECK(a.v[i] >= 0 && a.v[i] <= ACTION_UNIT_MAX_INTENSITY);
	FUZZ_CHECK(a.used >= 0 && a.used <= a.pictures);
	FUZZ_CHECK(action_units_phrases(&a, phrase) <= ACTION_UNITS);
	action_units_describe(&a, &said);
	FUZZ_CHECK(said.len > 0);
	strbuf_free(&said);
	free(path);
}

int fuzz_action_units(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "clip.csv", "clips.json", NULL };
	struct fuzz_folder f;

	fuzz_folder_open(&f, names, data, size);
	look(&f, "clip.csv", "dia0_utt1");
	if (f.n > 1)
		look(&f, "clips.json", "dia0_utt1");
	fuzz_folder_close(&f);
	return 0;
}

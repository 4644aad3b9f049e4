/* SPDX-License-Identifier: Apache-2.0
 * A folder of cue files: a table, our own lines, an array of descriptions, a table of one clip's
 * action units; joined to a corpus of four utterances, one id in two splits.
 */
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/run/cue_files.h"

static void look(const struct cue_files *f, int utterances)
{
	for (int i = 0; i < utterances; i++) {
		const struct cue_set *set[] = { cue_files_speech(f, i), cue_files_behaviour(f, i) };

		for (int t = 0; t < 2; t++)
			for (int c = 0; set[t] && c < CUE_MAX; c++)
				FUZZ_CHECK(!set[t]->ok[c] || isfinite(set[t]->v[c]));
		for (int part = 0; part < PART_COUNT; part++) {
			const char *said = cue_files_sentence(f, i, part);

			if (said)
				fuzz_touch(said, strlen(said));
		}
	}
}

int fuzz_cue_files(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "test_rows.csv", "rows.jsonl", "test_seen.json",
					     "dia0_utt1.csv", NULL };
	struct dialogue dia[] = { { "train_dia0", SPLIT_TRAIN, 0, 2 },
				  { "test_dia0", SPLIT_TEST, 2, 2 } };
	struct speaker speaker[] = { { "A", NULL, "A" } };
	struct utterance utt[] = {
		{ .id = "dia0_utt0", .text = "one", .dialogue = 0 },
		{ .id = "dia0_utt1", .text = "two", .dialogue = 0 },
		{ .id = "dia0_utt0", .text = "three", .dialogue = 1 },
		{ .id = "dia0_F003", .text = "four", .dialogue = 1 },
	};
	struct corpus c = { .name = "meld",
			    .labels = &labels_meld7,
			    .dia = dia,
			    .utt = utt,
			    .speaker = speaker,
			    .n_dia = 2,
			    .n_utt = 4,
			    .n_speaker = 1 };
	struct cue_files f = { 0 };
	struct fuzz_folder folder;
	struct err err = { 0 };

	fuzz_folder_open(&folder, names, data, size);
	fuzz_outcome(!cue_files_load(&f, &c, folder.path, &err), &err);
	if (!err.code)
		look(&f, c.n_utt);
	cue_files_free(&f);
	free(c.issue);
	arena_free(&c.mem);
	fuzz_folder_close(&folder);
	return 0;
}

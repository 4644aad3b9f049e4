/* SPDX-License-Identifier: Apache-2.0
 * Measurements and behaviour sentences that come from files instead of clips.
 * A folder may hold, for any of the corpora:
 *   *.csv    one row a clip (filename, avg_pitch …; the split is in the file's name),
 *            one row a turn (video_id, gender, segment_id, text …), or our own (id[, split] …)
 *            or OpenFace's table of the clip in the file's name ([split_]id.csv)
 *   *.jsonl  our own: {"id": …, "split": …, "avg_pitch": …, "face": "sentence", …}, and the
 *            teacher's of merc describe (a status other than "ok": no sentences)
 *   *.json   an array of {"video_id": …, "visual_expression_description": [phrase, …]}
 */
#ifndef HARNESS_RUN_CUE_FILES_H
#define HARNESS_RUN_CUE_FILES_H

#include <stdbool.h>

#include "harness/base/err.h"
#include "harness/base/map.h"
#include "harness/base/mem.h"
#include "harness/core/corpus.h"
#include "harness/core/view.h"
#include "harness/cue/cues.h"

/* What the files say of one utterance. */
struct cue_record {
	bool has_speech, has_behaviour;
	struct cue_set speech;		  /* of speech_cue_spec; an empty value is not ok */
	struct cue_set behaviour;	  /* of behaviour_cue_spec, likewise */
	const char *sentence[PART_COUNT]; /* what face, body, posture do; NULL: nothing */
};

/* The first 16 digits of the SHA-256 of a text's words, one blank between them, and a NUL: of a
 * line that says which text it was written about.  false: no memory. */
#define CUE_TEXT_HASH 17
bool cue_text_hash(const char *text, char out[CUE_TEXT_HASH]) __attribute__((warn_unused_result));

/* The zeroed struct holds nothing. */
struct cue_files {
	struct cue_record *record; /* (n_utt) */
	int n_utt;
	int n_speech, n_behaviour, n_sentence[PART_COUNT]; /* utterances that have them */
	int n_rows, n_unmatched;			   /* rows read; rows of no utterance */
	struct str_map by_id; /* private: "dev/dia0_utt1" and "dia0_utt1" */
	struct arena mem;
};

/* Reads the file, or every file of the folder (several: separated by ':') that
 * belongs to this corpus.  Rows without an utterance, rows whose text is another
 * than the utterance's (they are not used; ERR_DATA if most of a teacher's are), second rows for
 * one utterance (the first counts), files that are not used, a teacher's failures and the coverage
 * become issues of c. Broken files are errors with file and line.  On failure *out is freed. */
int cue_files_load(struct cue_files *out, struct corpus *c, const char *dir, struct err *err);
void cue_files_free(struct cue_files *f); /* accepts the zeroed struct */

/* Measurements of utterance i, or NULL. */
const struct cue_set *cue_files_speech(const struct cue_files *f, int i);
const struct cue_set *cue_files_behaviour(const struct cue_files *f, int i);
/* What part p (enum part) of utterance i's speaker does, in words, or NULL. */
const char *cue_files_sentence(const struct cue_files *f, int i, int part);

#endif

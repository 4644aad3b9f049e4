/* SPDX-License-Identifier: Apache-2.0
 * Private to cue files: one file being read into the records.
 */
#ifndef HARNESS_RUN_CUE_READER_H
#define HARNESS_RUN_CUE_READER_H

#include "harness/core/answer.h"
#include "harness/run/cue_files.h"

enum cue_table { TABLE_SPEECH, TABLE_BEHAVIOUR, CUE_TABLES };

struct cue_reader {
	struct cue_files *out;
	struct corpus *c;
	struct err *err;
	const char *path;
	int split; /* from the file's name, -1: not in it */
	int n_rows, n_unmatched, n_repeated, n_text, n_used;
	int failed[ANSWER_STATUS_COUNT]; /* lines of a teacher that say why there is no sentence */
	const char *ignored;		 /* first key or column that is not known, NULL: none */
};

/* Utterance of an id, -1: none (counted, the first few are listed).  split -1: any,
 * which must then be unique.  ERR_FORMAT where it is not. */
int cue_find(struct cue_reader *r, int split, const char *id, long line, int *utt);
/* "train" … as enum split, -1: none of them. */
int cue_split(const char *name);
/* Measurements of one row, on their way to an utterance. */
struct cue_values {
	struct cue_set set[CUE_TABLES];
	bool any[CUE_TABLES]; /* at least one value is there */
};

/* Keeps the measurements, or a sentence, of an utterance unless it already has some. */
int cue_keep_values(struct cue_reader *r, int utt, const struct cue_values *v, long line);
int cue_keep_sentence(struct cue_reader *r, int utt, int part, const char *text, long line);
/* Table and number of a cue by name; false: none. */
bool cue_index(const char *name, enum cue_table *table, int *cue);
/* Number of a part by name; -1: none. */
int cue_part_index(const char *name);

/* Reads one CSV table of any of the three forms. */
int cue_read_csv(struct cue_reader *r);
/* Reads our own JSON Lines. */
int cue_read_lines(struct cue_reader *r);
/* Reads an array of behaviour descriptions. */
int cue_read_descriptions(struct cue_reader *r);

#endif

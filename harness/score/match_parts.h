/* SPDX-License-Identifier: Apache-2.0
 * What matching by id and by text share.
 */
#ifndef HARNESS_SCORE_MATCH_PARTS_H
#define HARNESS_SCORE_MATCH_PARTS_H

#include "harness/base/map.h"
#include "harness/score/match.h"

/* Ways to read a text: as it is but for blanks and the characters that published code cleans;
 * or its letters and digits alone, in lower case. */
enum key_kind { KEY_EXACT, KEY_LOOSE, KEY_KINDS };

/* Utterances of one split by text. */
struct text_index {
	const struct corpus *corpus;
	const struct gold *gold;
	const char **key[KEY_KINDS]; /* (n_utt) NULL outside the split */
	struct str_map first[KEY_KINDS];
	int *next[KEY_KINDS]; /* (n_utt) next utterance of the same key, -1: none */
	int *before;	      /* (n_utt) the labelled utterance before it in the dialogue, or -1 */
	int *place;	      /* (n_utt) how many of those there are */
	struct arena mem;
};

/* A text's key, in mem; NULL: no memory. */
const char *text_key(enum key_kind kind, const char *text, struct arena *mem);

int text_index_init(struct text_index *x, const struct match_request *rq, struct err *err);
void text_index_free(struct text_index *x);

/* Finds rows that have no utterance yet by text and history. */
int match_by_text(struct match *m, const struct recorded *r, const struct text_index *x,
		  enum split split, struct notes *notes, struct err *err);
/* Is the row of this split, as far as it says? */
bool match_in_split(const struct recorded_row *row, enum split split);
/* Gives row i the utterance. */
void match_take(struct match *m, size_t i, int utt);

#endif

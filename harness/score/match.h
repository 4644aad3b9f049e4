/* SPDX-License-Identifier: Apache-2.0
 * Which utterance a recorded row answers: by id, else by its text and what was said before it.
 */
#ifndef HARNESS_SCORE_MATCH_H
#define HARNESS_SCORE_MATCH_H

#include "harness/core/corpus.h"
#include "harness/score/recorded.h"

enum match_way {
	MATCH_AUTO,  /* by id where rows have ids, else by text */
	MATCH_ID,    /* by id alone */
	MATCH_TEXT,  /* by text and history alone */
	MATCH_ORDER, /* row i is the i-th scored utterance of the split: only if asked for */
	MATCH_WAYS,
};
extern const char *const match_way_name[MATCH_WAYS]; /* auto id text order */

struct match_request {
	const struct corpus *corpus;
	const struct gold *gold;
	enum split split;
	enum match_way way;
};

struct match {
	int *utt;		      /* (rows) utterance of the corpus, -1: none */
	int *row;		      /* (n_utt of the corpus) row, -1: none */
	int by_id, by_text, by_order; /* rows; by_text: with the history, one utterance fits */
	int chosen; /* rows that fitted several utterances, or by text none, and were given one by
		     * true label, neighbours and what other rows leave over; each is a note */
};

/* Finds the utterance of every row.  Rows without one, with several, with another text or true
 * label than the corpus, and second rows of an utterance are notes.  Ids that belong to other
 * texts in most rows are another split or corpus: ERR_DATA.  Two differing answers for one
 * utterance: ERR_DATA.  Free with match_free(), also after failure. */
int match_rows(struct match *m, const struct recorded *r, const struct match_request *rq,
	       struct notes *notes, struct err *err);
void match_free(struct match *m);

#endif

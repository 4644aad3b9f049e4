/* SPDX-License-Identifier: Apache-2.0
 * What the readers of recorded predictions share.
 */
#ifndef HARNESS_SCORE_RECORDED_PARTS_H
#define HARNESS_SCORE_RECORDED_PARTS_H

#include "harness/score/recorded.h"

/* A file that is being read. */
struct reading {
	struct recorded *r;
	struct notes *notes;
	const char *column[FIELD_COUNT]; /* names that the user gave, or NULL */
	struct err *err;
};

/* What names[n] mean together: field[i] of name i, or FIELD_COUNT for one that does not matter.
 * Two names for one meaning, or no name for the answer, are a fault: *why says which (an err of
 * the caller's, so that one row need not end the file). */
int fields_resolve(const struct reading *in, const char *const *name, int n,
		   enum recorded_field *field, struct err *why);
/* Appends a row and finds utterance and history in its prompt. */
int recorded_add(struct reading *in, struct recorded_row *row);

/* Line ends in s[n]. */
long text_lines(const char *s, size_t n);
/* text[len]: a whole file, or what follows the report; line: of its first character. */
int read_lines(struct reading *in, const char *text, size_t len);
int read_array(struct reading *in, const char *text, size_t len, long line);
int read_results(struct reading *in, const char *text, size_t len);
int read_table(struct reading *in, char delim);

/* Utterances of a published prompt: the turns between its last two "###", each as
 * <tab> Speaker_k:"text".  *turn: (return value) texts in mem; 0: none; -1: no memory. */
int prompt_turns(const char *prompt, struct arena *mem, const char *const **turn);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * From what a model wrote to a label.  The two published rules reproduce recorded
 * scores (they always answer something); our own two may say that there is no label.
 */
#ifndef HARNESS_TEXT_LABEL_EXTRACT_H
#define HARNESS_TEXT_LABEL_EXTRACT_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/err.h"

enum extract_rule {
	/* InstructERC's: left to right, at each place the longest span of at most 11 characters
	 * that is a label (case counts, inside words too); else the smallest edit distance, ties
	 * to the earlier label. */
	EXTRACT_A,
	/* SpeechCueLLM's for JSON replies, closed thinking blocks left out: the field
	 * detected_emotion_label (else emotion_label, emotion) of an innermost object; then the
	 * same fields as patterns; a value counts for the first label it holds or is part of.
	 * Then the label that comes first in the lower-cased text, then the edit distance of that
	 * text. */
	EXTRACT_B,
	/* The whole reply is a label, less blanks, quotes around and one full stop; any case. */
	EXTRACT_STRICT,
	/* The first of these that decides: strict, after closed thinking; the value of the agreed
	 * field of one JSON object; what follows the last answer marker; the one label that
	 * stands in the text as a word and is not negated.  Aliases count. */
	EXTRACT_FLEXIBLE,
	EXTRACT_RULES,
};
extern const char *const extract_rule_name[EXTRACT_RULES]; /* A B strict flexible */

/* How a label was found or why there is none. */
enum extract_how {
	EXTRACTED_WHOLE,    /* the reply is the label */
	EXTRACTED_SPAN,	    /* A: a span of the reply */
	EXTRACTED_FIELD,    /* in a JSON field */
	EXTRACTED_PATTERN,  /* B: by a pattern */
	EXTRACTED_MARKER,   /* flexible: behind an answer marker */
	EXTRACTED_WORD,	    /* the first (B) or the only (flexible) label in the text */
	EXTRACTED_DISTANCE, /* guessed by edit distance */
	EXTRACTED_GIVEN,    /* no reply is kept, the label stands in the record */
	NOT_EMPTY,	    /* failures from here on: nothing was said */
	NOT_UTF8,
	NOT_SHORT,    /* longer than EXTRACT_TEXT_MAX */
	NOT_THINKING, /* a thinking block that does not end */
	NOT_ONE,      /* several labels */
	NOT_NEGATED,  /* only negated ones */
	NOT_FOUND,    /* none */
	EXTRACT_HOW_COUNT,
};
extern const char *const extract_how_name[EXTRACT_HOW_COUNT];

#define EXTRACT_TEXT_MAX (1 << 16) /* bytes of a reply that our own rules look at */

/* The labels as the model was asked for them. */
struct label_words {
	const char *const *word;  /* (n) lower-case ASCII */
	const char *const *other; /* (n) the same labels in the corpus's own words; may be NULL */
	const char *const *alias; /* (n) a further word or NULL; may be NULL */
	int n;			  /* at most 26 */
	bool letters; /* options A, B, … were asked for: a letter alone is an answer too */
};

struct extracted {
	int label; /* index, -1: none */
	enum extract_how how;
};

/* Moves *text, of *n bytes, behind the end of its last thinking block ("</think>"); false: one is
 * open there. */
bool extract_after_thinking(const char **text, size_t *n);

/* text: any bytes up to the NUL.  Fails with ERR_NOMEM only. */
int label_extract(enum extract_rule rule, const char *text, const struct label_words *words,
		  struct extracted *out, struct err *err);

#endif

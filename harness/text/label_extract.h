/* SPDX-License-Identifier: Apache-2.0
 * From what a model wrote to a label.  The first two rules reproduce recorded
 * scores of published systems (they always answer something); the other two may
 * say that there is no label.
 */
#ifndef HARNESS_TEXT_LABEL_EXTRACT_H
#define HARNESS_TEXT_LABEL_EXTRACT_H

enum extract_rule {
	EXTRACT_SCAN,	  /* decoder A: left to right, at each place the longest span of at most 11
			     characters that is a label (case counts, inside words too); else the
			     smallest edit distance, ties to the earlier label */
	EXTRACT_FIELD,	  /* decoder B: the JSON field detected_emotion_label, then patterns
			     ("emotion…: x", "label…: x", "emotion is x"), then the first label in
			     the lower-cased text, then edit distance */
	EXTRACT_STRICT,	  /* the whole text is a label, but for blanks, quotes, a full stop, case */
	EXTRACT_FLEXIBLE, /* the first label that stands as a word, in any case */
	EXTRACT_RULES,
};
extern const char *const extract_rule_name[EXTRACT_RULES]; /* scan field strict flexible */

enum extract_how {
	EXTRACTED_NONE,	    /* no label: label is -1 */
	EXTRACTED_FOUND,    /* by the rule's first way */
	EXTRACTED_PATTERN,  /* decoder B: by a pattern */
	EXTRACTED_ANYWHERE, /* decoder B: somewhere in the text */
	EXTRACTED_DISTANCE, /* guessed by edit distance: count these apart */
};

struct extracted {
	int label; /* index into label[], -1: none */
	enum extract_how how;
};

/* text: UTF-8 or any bytes; label[n]: lower-case ASCII words. */
struct extracted label_extract(enum extract_rule rule, const char *text, const char *const *label,
			       int n);

#endif

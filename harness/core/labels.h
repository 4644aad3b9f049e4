/* SPDX-License-Identifier: Apache-2.0
 * A label set: the fixed, ordered list of classes of one task version.  It is
 * never inferred from data.
 */
#ifndef HARNESS_CORE_LABELS_H
#define HARNESS_CORE_LABELS_H

#define LABEL_MAX 16 /* most classes of a task */

struct label_set {
	const char *name; /* "meld7", "iemocap6", "iemocap4", "meld3" */
	const char *title;
	int n;
	const char *word[LABEL_MAX];   /* the word a model answers with: "joy" */
	const char *prompt[LABEL_MAX]; /* the word in published prompts: "joyful" */
	const char *code[LABEL_MAX];   /* the release's short name: "hap"; NULL: it has none */
	const char *alias[LABEL_MAX];  /* what else counts as this label in free text: "happiness";
					  NULL: nothing */
};

extern const struct label_set labels_meld7;    /* neutral surprise fear sadness joy disgust anger */
extern const struct label_set labels_meld3;    /* neutral positive negative */
extern const struct label_set labels_iemocap6; /* happy sad neutral angry excited frustrated */
extern const struct label_set labels_iemocap4; /* angry happy neutral sad (happy holds excited) */

/* All label sets, NULL at the end. */
extern const struct label_set *const label_sets[];

/* Index of a word (as in .word), or -1. */
int label_find(const struct label_set *set, const char *word);
/* Index of the label that a table names by its word, its word in prompts or its code, in any
 * case, or -1. */
int label_find_any(const struct label_set *set, const char *name);
const struct label_set *label_set_find(const char *name);

/* How labels read as those of a coarser set: map[i] is the label of `to` for label i of `from`,
 * -1 where it has no place there.  Seven emotions as sentiments: surprise is of either kind and has
 * none; six emotions as four: excited is happy, frustrated has none.  A set reads as itself.
 * 0: one set does not read as the other. */
int label_fold(const struct label_set *from, const struct label_set *to, int map[LABEL_MAX]);

#endif

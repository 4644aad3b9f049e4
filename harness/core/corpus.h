/* SPDX-License-Identifier: Apache-2.0
 * A corpus as loaded: dialogues of utterances with media references, immutable
 * after load, one arena.  Labels are not in it: they travel beside, in struct gold.
 */
#ifndef HARNESS_CORE_CORPUS_H
#define HARNESS_CORE_CORPUS_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/base/mem.h"
#include "harness/core/labels.h"

enum split { SPLIT_TRAIN, SPLIT_DEV, SPLIT_TEST, SPLIT_COUNT };
extern const char *const split_name[SPLIT_COUNT]; /* train dev test */

enum media_crop { CROP_NONE, CROP_LEFT, CROP_RIGHT }; /* half of the picture */

/* A span of a media file.  path NULL: this utterance has none. */
struct media_ref {
	const char *path;
	int64_t start_ms;
	int64_t end_ms; /* -1: to the end of the file */
	enum media_crop crop;
};

/* Whether both are there and are one stretch of one file, whatever their crops. */
bool media_same_span(const struct media_ref *a, const struct media_ref *b);

struct speaker {
	const char *name;   /* "Rachel"; IEMOCAP: "Ses01_F" */
	const char *gender; /* "F", "M" or NULL where the corpus does not say */
	const char *group;  /* whose quantiles its cues are compared with (systems: gender,
			     * or main speaker); NULL: those of everybody */
};

struct utterance {
	const char *id;	    /* unique in the corpus: dia12_utt3 within its split, see dialogue.id;
			     * Ses05F_impro01_F004 */
	int dialogue;	    /* index into corpus->dia */
	int speaker;	    /* index into corpus->speaker */
	int prompt_speaker; /* the number k of "Speaker_k" in published prompts */
	const char *text;   /* UTF-8 */
	struct media_ref audio, video;
	const char *file; /* where its text came from … */
	long line;	  /* … and the line */
};

struct dialogue {
	const char *id;
	enum split split;
	int first, count; /* utterances [first, first + count), in order of speech */
};

/* An oddity of the data, with the file and line: nothing is dropped silently. */
enum issue_level {
	ISSUE_NOTE,  /* known property, harmless */
	ISSUE_WARN,  /* something is not as it should be; data is kept and usable */
	ISSUE_ERROR, /* data unusable */
};

struct issue {
	enum issue_level level;
	const char *kind; /* stable slug: "repeated-number", "clip-missing", … */
	const char *file; /* or NULL */
	long line;	  /* 0: the file as a whole */
	const char *text;
};

struct corpus {
	const char *name; /* data set's name in the registry */
	const char *title;
	const char *root;
	const char *policy; /* how labels were chosen, for the manifest: "published-6way" … */
	const struct label_set *labels;
	struct speaker *speaker;
	struct utterance *utt;
	struct dialogue *dia;
	struct issue *issue;
	int n_speaker, n_utt, n_dia, n_issue;
	size_t cap_issue; /* private to corpus.c */
	struct arena mem; /* owns all of the above but issue[] */
};

/* Labels of a corpus: label[i] belongs to utt[i]; -1: not in the label set (history only). */
struct gold {
	int *label;
};

/* Appends an oddity (texts are copied).  file may be NULL. */
int corpus_issue(struct corpus *c, enum issue_level level, const char *kind, const char *file,
		 long line, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 7, 8)));
/* Checks the invariants every loader promises (spans, indices, unique ids per
 * split, UTF-8, labels in range); ERR_INTERNAL names the first breach. */
int corpus_check(const struct corpus *c, const struct gold *g, struct err *err);
/* Index of an utterance id, -1 if unknown.  Ids of MELD repeat across splits: split < 0 is any. */
int corpus_find(const struct corpus *c, const char *id, int split);
/* Frees everything; accept the zeroed structs and leave them zeroed. */
void corpus_free(struct corpus *c);
void gold_free(struct gold *g);

#endif

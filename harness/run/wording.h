/* SPDX-License-Identifier: Apache-2.0
 * Measurements of a corpus into words: quantiles by speaker group, fitted on the train split
 * or taken from a trained model, and the sentences they give.
 */
#ifndef HARNESS_RUN_WORDING_H
#define HARNESS_RUN_WORDING_H

#include "harness/cue/words.h"
#include "harness/run/bank.h"
#include "harness/run/cue_files.h"

/* Quantiles and the speaker groups they belong to.  The zeroed struct is empty. */
struct wording {
	char **group; /* sorted names */
	int n_group;
	int *of_utt; /* (n_utt) group index, -1: unknown */
	struct quantizer speech, behaviour;
};

/* Fits on the train split of b, or reads words (JSON as wording_json() writes it) if not NULL.
 * *w is overwritten; on failure it is empty. */
int wording_make(struct wording *w, const struct bank *b, const char *words, struct err *err);
void wording_free(struct wording *w); /* accepts the zeroed struct */
/* The same as JSON, from mem. */
char *wording_json(const struct wording *w, struct arena *mem, struct err *err);

/* Fills what *t shows of utterance i from what was measured of it: feature rows (borrowed from m),
 * sentences (from mem); sentences of files (may be NULL) come first.  tmp is scratch. */
int wording_turn(const struct wording *w, int i, const struct measured *m,
		 const struct cue_files *files, struct arena *mem, struct strbuf *tmp,
		 struct turn *t, struct err *err);

/* Is any of the first n cues valid? */
bool cue_set_any(const struct cue_set *s, int n);

#endif

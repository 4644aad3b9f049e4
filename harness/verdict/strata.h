/* SPDX-License-Identifier: Apache-2.0
 * The samples of a lineup in parts: by true class, speaker, place in the dialogue, length,
 * emotion shift, sentiment; and each system's score on each part.
 */
#ifndef HARNESS_VERDICT_STRATA_H
#define HARNESS_VERDICT_STRATA_H

#include "harness/verdict/duel.h"

enum aspect {
	BY_CLASS,     /* true label */
	BY_SPEAKER,   /* by name, most utterances first */
	BY_POSITION,  /* turn in the dialogue from 1: 1, 2, 3-4, 5-8, 9-16, 17 and later */
	BY_LENGTH,    /* words between blanks: 1, 2-4, 5-8, 9-16, 17 and more */
	BY_SHIFT,     /* true label against that of the same speaker's previous sample in the
		       * dialogue: same, another, there is none */
	BY_SENTIMENT, /* the corpus's own; without it by the emotion, surprise on its own */
	BY_COUNT,
};
extern const char *const aspect_name[BY_COUNT]; /* class speaker position length shift sentiment */

/* One system on one part. */
struct stratum_score {
	double accuracy;	    /* mean over its runs */
	struct interval value;	    /* of the metric on the part; by class: F1 of the class */
	struct interval difference; /* value minus that of the first system; of the first: NaN */
	double p, p_holm; /* randomization; corrected over all parts and systems of the view */
};

struct stratum {
	const char *name;	     /* belongs to the strata */
	int label;		     /* by class: which */
	int n, groups;		     /* samples, dialogues with some */
	struct stratum_score *score; /* (n_systems) */
};

struct strata {
	enum aspect by;
	struct stratum *stratum; /* (n) in the order of the view */
	int n;
	int *of;     /* (samples) part of each; -1: in none */
	int unknown; /* samples in none, for what the view goes by is not known */
	int merged;  /* names that stand together as "others" */
	struct arena mem;
};

/* Cuts and scores.  Speakers with fewer than `least` samples stand together.  ERR_ARG: the view
 * does not fit these labels; ERR_MISSING: no sample tells what the view goes by.  Free with
 * strata_free(), also after failure. */
int strata_make(struct strata *s, const struct lineup *l, enum aspect by, int least,
		const struct bootstrap_options *o, struct err *err);
void strata_free(struct strata *s);

#endif

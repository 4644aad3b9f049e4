/* SPDX-License-Identifier: Apache-2.0
 * Two systems compared over the same samples: how large the difference is, how sure, in which
 * classes, in which utterances.
 *
 * Differences are b - a, where a was named first.  Systems of several runs are means over the
 * runs; runs of the same seed are paired, and where the systems share seeds, runs of other seeds
 * stay out.
 */
#ifndef HARNESS_VERDICT_DUEL_H
#define HARNESS_VERDICT_DUEL_H

#include "harness/metrics/compare.h"
#include "harness/verdict/lineup.h"

/* F1 of one class. */
struct class_duel {
	double f1_a, f1_b;
	struct interval difference; /* paired bootstrap */
	double p, p_holm;	    /* approximate randomization; corrected over the classes */
	int64_t only_a, only_b;	    /* utterances of this class, as below */
	int winner;		    /* -1: a, 1: b, 0: no difference shown */
};

struct duel {
	int a, b;	    /* systems of the lineup */
	int runs_a, runs_b; /* runs that were compared */
	int shared;	    /* seeds that both have; 0: none, all runs of both were taken */
	double value_a, value_b;
	struct interval difference; /* paired bootstrap over dialogues; its p too */
	double p;		    /* approximate randomization by dialogue: the headline test */
	double p_holm;		    /* corrected over all duels */
	int randomized;		    /* runs a side that were swapped: the smaller number of both */
	int winner; /* by p_holm and the sign: -1: a, 1: b, 0: no difference shown */

	/* Utterances that more of a's runs than of b's got right, and the other way round; with one
	 * run each, those only a or only b got right. */
	int64_t only_a, only_b;
	double p_mcnemar; /* exact; takes utterances for independent: never judge by it */
	double g;	  /* Cohen's g: share of b among them - 1/2; NaN where there are none */
	double odds;	  /* only_b / only_a; NaN where both are 0 */
	int dialogues_a, dialogues_b; /* in which a, b has more right */
	double dz; /* mean over dialogues of the difference in accuracy, in its standard deviations
		    * (ddof 1); NaN where it does not vary */
	struct class_duel cls[LABEL_MAX];
	double *right_a, *right_b; /* (n samples) share of the runs that got it right */
};

/* Compares systems a[i] and b[i] of the lineup for i < n and corrects over all n.  o->metric is
 * what is compared, o->alpha what counts as shown.  Free each with duel_free(), also after
 * failure; it accepts the zeroed struct. */
int duels_compute(const struct lineup *l, const int *a, const int *b, int n,
		  const struct bootstrap_options *o, struct duel *duel, struct err *err);
void duel_free(struct duel *d);

/* Tallies of the runs of one system, over samples with keep[i] (NULL: all); with other, of seeds
 * that both have, unless they share none.  Free with tallies_free(), also after failure. */
struct tallies {
	struct tally *t;
	int n;
	int *run; /* (n) which run of the system */
};
int tallies_make(struct tallies *s, const struct lineup *l, const struct contender *c,
		 const struct contender *other, const unsigned char *keep, struct err *err);
void tallies_free(struct tallies *s);

/* b - a: paired bootstrap, and *p of approximate randomization over as many runs as both have. */
int duel_test(const struct tallies *a, const struct tallies *b, const struct bootstrap_options *o,
	      struct interval *difference, double *p, struct err *err);

/* Samples of which the share of right runs differs, farthest first, then in order of the
 * dialogues; caller frees *sample (n). */
int duel_flips(const struct lineup *l, const struct duel *d, int **sample, int *n, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * The best reachable scores under a known process, for every subset of the
 * channels, with and without the earlier utterances of the dialogue.
 *
 * Accuracy: the rule that answers the most probable emotion.  Weighted F1, as a
 * population quantity, is sum over k of pi_k 2 TP_k / (pi_k + q_k), with TP_k the mass
 * answered k rightly and q_k the mass answered k; its maximiser answers argmax over k of
 * gain_k (post_k - bar_k), gain_k = 2 pi_k / (pi_k + q_k), bar_k = F1_k / 2, found by
 * iterating that fixed point.  Without history both are exact sums over
 * all symbol tuples.  With history the posterior is exact (forward filter) and the mean
 * over what may be seen is a Monte-Carlo mean with its standard error, by dialogue.
 */
#ifndef DATASETS_SYNTH_CEILING_H
#define DATASETS_SYNTH_CEILING_H

#include "datasets/synth_process.h"
#include "harness/base/err.h"
#include "harness/base/json.h"

#define SYNTH_SUBSETS  (1 << CH_COUNT)
#define SYNTH_CEILINGS (2 * SYNTH_SUBSETS) /* index: see + SYNTH_SUBSETS * history */

struct synth_rule {
	double gain[SYNTH_K], bar[SYNTH_K];
};

struct synth_ceiling {
	unsigned see; /* bits 1 << channel */
	bool history;
	double accuracy, weighted_f1;
	double accuracy_se, weighted_f1_se; /* 0: exact */
	struct synth_rule rule;		    /* of the best weighted F1 */
	/* what the two rules reach on one written split; NaN until synth_ceiling_test() */
	double test_accuracy, test_weighted_f1;
};

/* Fills out (SYNTH_CEILINGS).  mean: utterances a dialogue; sample: simulated
 * dialogues.  ERR_NOMEM. */
int synth_ceilings(const struct synth_process *p, int mean, int sample, uint64_t seed, int threads,
		   struct synth_ceiling *out, struct err *err);
/* Scores the rules on these dialogues (hidden labels are not scored). */
void synth_ceiling_test(const struct synth_process *p, const struct synth_dialogue *const *d, int n,
			struct synth_ceiling *c);
/* The answer of a rule. */
int synth_rule_answer(const struct synth_rule *r, const double *post, int k);
/* Writes calibration.json's content but the members the layouts add: process, channels, ceilings
 * into the open object. */
void synth_ceiling_write(const struct synth_process *p, const struct synth_ceiling *c,
			 struct json_writer *w);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Invented test sets whose utterances cluster by dialogue, with the true scores of the process
 * that draws them: what intervals are judged by.
 */
#ifndef TESTS_CLUSTERED_H
#define TESTS_CLUSTERED_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/rng.h"
#include "harness/metrics/bootstrap.h"

/* Dialogues of 1 to 2 * size - 1 utterances.  A dialogue has an ease e, normal with this spread,
 * and a prevailing label that 60 in 100 of its utterances bear; a system of skill s is right with
 * probability 1 / (1 + exp(-(logit(s) + e))), for label 0 with 1.5 more in the exponent, and errs
 * evenly. */
struct clustered {
	int groups;
	double size;
	int k;
	double skill_a, skill_b, spread;
};

static inline double clustered_right(double skill, double ease, int gold)
{
	return 1 / (1 + exp(-(log(skill / (1 - skill)) + ease + (gold ? 0 : 1.5))));
}

/* Draws both systems' tallies; the caller frees them. */
static inline void clustered_pair(const struct clustered *c, uint64_t seed, struct tally t[2])
{
	struct err err = { 0 };
	struct rng r;

	rng_seed(&r, seed, 77);
	if (tally_init(&t[0], c->k, c->groups, &err) || tally_init(&t[1], c->k, c->groups, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		exit(99);
	}
	for (int g = 0; g < c->groups; g++) {
		int n = 1 + (int)rng_below(&r, (uint64_t)(2 * c->size - 1));
		double ease = c->spread * rng_normal(&r);
		int prevailing = (int)rng_below(&r, (uint64_t)c->k);

		for (int i = 0; i < n; i++) {
			int gold = prevailing;

			if (rng_uniform(&r) >= .6)
				gold = (int)rng_below(&r, (uint64_t)c->k);
			for (int s = 0; s < 2; s++) {
				double skill = s ? c->skill_b : c->skill_a;
				bool right = rng_uniform(&r) < clustered_right(skill, ease, gold);
				int wrong =
					(gold + 1 + (int)rng_below(&r, (uint64_t)c->k - 1)) % c->k;

				tally_add(&t[s], g, gold, right ? gold : wrong);
			}
		}
	}
}

/* The metric of the process itself: of the expected counts, by integration over the ease. */
static inline double clustered_truth(const struct clustered *c, double skill, enum metric m)
{
	const int64_t scale = (int64_t)1 << 40;
	int64_t right[LABEL_MAX], answered[LABEL_MAX], support[LABEL_MAX];
	double p[2] = { 0 }, weight = 0, wrong = 0;

	for (int i = -4000; i <= 4000; i++) {
		double z = i / 500.0, w = exp(-z * z / 2);

		for (int j = 0; j < 2; j++)
			p[j] += w * clustered_right(skill, c->spread * z, j);
		weight += w;
	}
	for (int i = 0; i < c->k; i++)
		wrong += 1 - p[i > 0] / weight;
	for (int i = 0; i < c->k; i++) {
		double q = p[i > 0] / weight;

		support[i] = scale;
		right[i] = llround(q * (double)scale);
		answered[i] = llround((q + (wrong - (1 - q)) / (c->k - 1)) * (double)scale);
	}
	return metric_value(m, c->k, right, answered, support);
}

/* Of so many trials: how often the interval of a system and of a difference held the truth, how
 * often one that takes utterances for independent did (accuracy only), and how often randomization
 * found a difference at 5 % between two systems of the same skill. */
struct kept {
	int interval, difference, naive, rejected;
};

/* 95 % of a binomial around its share, as if utterances were independent. */
static inline bool clustered_naive(const struct tally *t, double truth)
{
	double n = 0, hits = 0, share, half;

	for (int g = 0; g < t->groups; g++)
		for (int i = 0; i < t->k; i++) {
			hits += t->count[(g * 3) * t->k + i];
			n += t->count[(g * 3 + 2) * t->k + i];
		}
	share = hits / n;
	half = 1.959964 * sqrt(share * (1 - share) / n);
	return share - half <= truth && truth <= share + half;
}

static inline struct kept clustered_trials(const struct clustered *c, enum metric m, int trials,
					   int replicates, uint64_t seed)
{
	const double truth = clustered_truth(c, c->skill_a, m);
	const double apart = truth - clustered_truth(c, c->skill_b, m);
	struct bootstrap_options o = {
		.metric = m, .replicates = replicates, .alpha = .05, .seed = 1, .threads = 1
	};
	struct clustered same = *c;
	struct kept k = { 0 };

	same.skill_b = same.skill_a;
	for (int i = 0; i < trials; i++) {
		struct tally t[2], null[2];
		struct tally_set a = { t, 1 }, b = { t + 1, 1 };
		struct tally_set x = { null, 1 }, y = { null + 1, 1 };
		struct interval one, two;
		struct err err = { 0 };
		double p = 0;

		clustered_pair(c, seed * 1000003 + (uint64_t)i, t);
		clustered_pair(&same, seed * 2000003 + (uint64_t)i, null);
		o.seed = (uint64_t)i;
		if (bootstrap_system(&a, &o, &one, &err) ||
		    bootstrap_paired(&a, &b, &o, &two, &err) ||
		    randomization_test(&x, &y, &o, &p, &err)) {
			fprintf(stderr, "%s\n", err.msg);
			exit(99);
		}
		k.interval += one.lo <= truth && truth <= one.hi;
		k.difference += two.lo <= apart && apart <= two.hi;
		k.naive += m == METRIC_ACCURACY && clustered_naive(t, truth);
		k.rejected += p <= .05;
		tally_free(&t[0]);
		tally_free(&t[1]);
		tally_free(&null[0]);
		tally_free(&null[1]);
	}
	return k;
}

#endif

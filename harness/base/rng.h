/* SPDX-License-Identifier: Apache-2.0
 * Random numbers, always from an explicit state: xoshiro256** (Blackman and
 * Vigna 2018) seeded by SplitMix64.  Same seed and stream, same numbers on every machine.
 */
#ifndef HARNESS_BASE_RNG_H
#define HARNESS_BASE_RNG_H

#include <stdint.h>

struct rng {
	uint64_t s[4];
};

/* Independent streams of one seed: give each purpose (init, shuffle, dropout …) its own. */
void rng_seed(struct rng *r, uint64_t seed, uint64_t stream);
uint64_t rng_u64(struct rng *r);
/* Uniform in [0, 1), 53 bits. */
double rng_uniform(struct rng *r);
/* Uniform in 0..n-1 by rejection (no modulo bias); n > 0. */
uint64_t rng_below(struct rng *r, uint64_t n);
/* Standard normal (Box-Muller, no cached second value). */
double rng_normal(struct rng *r);
/* Index drawn from n unnormalised weights >= 0 with a positive sum. */
int rng_choice(struct rng *r, const double *weight, int n);
/* Fisher-Yates shuffle. */
void rng_shuffle(struct rng *r, int *a, int n);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Made-up packed dialogues for the tests of the decoder.
 */
#ifndef TESTS_DIALOGUE_H
#define TESTS_DIALOGUE_H

#include "harness/base/rng.h"
#include "models/backbone/decoder.h"

#define MADE_TOKENS 4096
#define MADE_COLS   16 /* widest feature row */

/* A packed dialogue with its own memory. */
struct made {
	struct packed p;
	int token[MADE_TOKENS], kind[MADE_TOKENS], turn[MADE_TOKENS], branch[MADE_TOKENS];
	int pos[MADE_TOKENS], at[MADE_TOKENS], target[MADE_TOKENS], word[8];
	const float *soft[MADE_TOKENS];
	float frame[MADE_TOKENS][MADE_COLS], weight[MADE_TOKENS];
};

static inline void made_put(struct made *m, int token, int turn, int branch, int pos)
{
	int i = m->p.n++;

	m->token[i] = token;
	m->turn[i] = turn;
	m->branch[i] = branch;
	m->pos[i] = pos;
}

static inline void made_finish(struct made *m)
{
	m->p.token = m->token;
	m->p.soft_kind = m->kind;
	m->p.soft = m->soft;
	m->p.turn = m->turn;
	m->p.branch = m->branch;
	m->p.pos = m->pos;
	m->p.at = m->at;
	m->p.target = m->target;
}

/* turns of 2..most trunk tokens (some soft where cfg has kinds), and behind all but every
 * fifth turn a branch of 2..5 tokens that predict their next. */
static inline void made_dialogue(struct made *m, const struct decoder_config *cfg, int turns,
				 int most, int window, struct rng *r)
{
	int end[256];

	m->p = (struct packed){ .window = window };
	for (int t = 0; t < turns; t++) {
		int len = 2 + (int)rng_below(r, (uint64_t)most - 1);

		for (int j = 0; j < len; j++) {
			int i = m->p.n;

			made_put(m, (int)rng_below(r, (uint64_t)cfg->vocab), t, 0, i);
			m->soft[i] = NULL;
			if (!cfg->n_soft || rng_below(r, 3))
				continue;
			m->token[i] = -1;
			m->kind[i] = (int)rng_below(r, (uint64_t)cfg->n_soft);
			m->soft[i] = m->frame[i];
			for (int c = 0; c < MADE_COLS; c++)
				m->frame[i][c] = (float)rng_normal(r);
		}
		end[t] = m->p.n;
	}
	m->p.trunk = m->p.n;
	for (int t = 0; t < turns; t++) {
		int len = 2 + (int)rng_below(r, 4);

		for (int j = 0; j < len && t % 5 != 4; j++) {
			int i = m->p.n;

			made_put(m, (int)rng_below(r, (uint64_t)cfg->vocab), t, t + 1, end[t] + j);
			m->soft[i] = NULL;
			m->weight[m->p.n_at] = (float)(0.5 + rng_uniform(r));
			m->at[m->p.n_at] = i;
			m->target[m->p.n_at++] = (int)rng_below(r, (uint64_t)cfg->vocab);
		}
	}
	made_finish(m);
}

/* Branch b of m as a prompt of its own: the trunk up to its turn, then the branch. */
static inline void made_prompt(struct made *one, const struct made *m, int b)
{
	int k = 0;

	one->p = m->p;
	one->p.n = one->p.n_at = 0;
	for (int i = 0; i < m->p.n; i++) {
		int to = one->p.n;

		if (m->branch[i] ? m->branch[i] != b : m->turn[i] > b - 1)
			goto next;
		made_put(one, m->token[i], m->turn[i], 0, m->pos[i]);
		one->kind[to] = m->kind[i];
		one->soft[to] = m->soft[i];
		if (m->branch[i]) {
			one->weight[one->p.n_at] = m->weight[k];
			one->target[one->p.n_at] = m->target[k];
			one->at[one->p.n_at++] = to;
		}
	next:
		k += k < m->p.n_at && m->at[k] == i;
	}
	one->p.trunk = one->p.n;
	made_finish(one);
	if (m->p.weight)
		one->p.weight = one->weight;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/synth_process.h"

#include <string.h>

#include "datasets/synth_tables.h"

const char *const synth_channel_name[CH_COUNT] = { "text", "audio", "face", "body", "posture" };

static void fill(struct synth_process *p, const struct synth_design *d)
{
	int k = d->labels->n;

	*p = (struct synth_process){
		.labels = d->labels,
		.inertia = d->inertia,
		.contagion = d->contagion,
		.hold = d->hold,
		.third = d->third,
		.hidden = d->hidden,
	};
	for (int e = 0; e < k; e++)
		p->marginal[e] = d->marginal[e];
	for (int c = 0; c < CH_COUNT; c++) {
		const struct synth_blur *b = &d->channel[c];

		for (int e = 0; e < k; e++) {
			for (int s = 0; s < k; s++)
				p->show[c][e][s] = b->noise / k;
			p->show[c][e][e] += (1 - b->noise) * b->clear;
			p->show[c][e][b->twin[e]] += (1 - b->noise) * (1 - b->clear);
		}
	}
}

void synth_process_meld(struct synth_process *p)
{
	fill(p, &synth_design_meld);
}

void synth_process_iemocap(struct synth_process *p)
{
	fill(p, &synth_design_iemocap);
}

double synth_reliability(const struct synth_process *p, enum synth_channel c)
{
	double r = 0;

	for (int e = 0; e < p->labels->n; e++)
		r += p->marginal[e] * p->show[c][e][e];
	return r;
}

int synth_other(const struct synth_floor *f, int speaker, int speakers)
{
	if (f->last >= 0 && f->last != speaker)
		return f->last;
	if (f->before >= 0)
		return f->before;
	return (speaker + 1) % speakers;
}

void synth_floor_take(struct synth_floor *f, int speaker)
{
	if (f->last != speaker)
		f->before = f->last;
	f->last = speaker;
}

static int next_speaker(const struct synth_process *p, const struct synth_floor *f, int speakers,
			struct rng *rng)
{
	int s;

	if (f->last < 0)
		return (int)rng_below(rng, (uint64_t)speakers);
	if (rng_uniform(rng) < p->hold)
		return f->last;
	s = (int)rng_below(rng, (uint64_t)speakers - 1);
	return s < f->last ? s : s + 1;
}

void synth_draw(const struct synth_process *p, int mean, struct rng *rng, struct synth_dialogue *d)
{
	struct synth_floor floor = { -1, -1 };
	int mood[SYNTH_SPEAKERS], k = p->labels->n, spread = mean / 4;

	d->speakers = rng_uniform(rng) < p->third ? 3 : 2;
	d->n = mean - spread + (int)rng_below(rng, 2 * (uint64_t)spread + 1);
	for (int i = 0; i < d->speakers; i++)
		mood[i] = rng_choice(rng, p->marginal, k);
	for (int t = 0; t < d->n; t++) {
		struct synth_turn *u = &d->turn[t];
		int s = next_speaker(p, &floor, d->speakers, rng);
		double x = rng_uniform(rng);

		u->speaker = s;
		if (x < p->inertia)
			u->emotion = mood[s];
		else if (x < p->inertia + p->contagion)
			u->emotion = mood[synth_other(&floor, s, d->speakers)];
		else
			u->emotion = rng_choice(rng, p->marginal, k);
		for (int c = 0; c < CH_COUNT; c++)
			u->symbol[c] = rng_choice(rng, p->show[c][u->emotion], k);
		u->hidden = rng_uniform(rng) < p->hidden;
		mood[s] = u->emotion;
		synth_floor_take(&floor, s);
	}
}

void synth_likelihood(const struct synth_process *p, unsigned see, const int *symbol, double *like)
{
	for (int e = 0; e < p->labels->n; e++) {
		like[e] = 1;
		for (int c = 0; c < CH_COUNT; c++)
			if (see >> c & 1)
				like[e] *= p->show[c][e][symbol[c]];
	}
}

void synth_belief_start(struct synth_belief *b, const struct synth_process *p, int speakers)
{
	int k = p->labels->n, n = 1;

	b->process = p;
	b->floor = (struct synth_floor){ -1, -1 };
	b->speakers = speakers;
	b->joint[0] = 1;
	for (int i = 0; i < speakers; i++, n *= k)
		for (int e = k - 1; e >= 0; e--)
			for (int j = 0; j < n; j++)
				b->joint[e * n + j] = b->joint[j] * p->marginal[e];
}

void synth_belief_step(struct synth_belief *b, int speaker, const double *like, double *post)
{
	const struct synth_process *p = b->process;
	int k = p->labels->n, size = 1, own = 1, oth = 1;
	int other = synth_other(&b->floor, speaker, b->speakers);
	double fresh = 1 - p->inertia - p->contagion, sum = 0;

	for (int i = 0; i < b->speakers; i++) {
		own = i == speaker ? size : own;
		oth = i == other ? size : oth;
		size *= k;
	}
	memset(post, 0, (size_t)k * sizeof(*post));
	for (int base = 0; base < size; base++) { /* base: a state with the speaker's digit 0 */
		double rest = 0;
		int spread = base / oth % k;

		if (base / own % k)
			continue;
		for (int e = 0; e < k; e++)
			rest += b->joint[base + e * own];
		for (int e = 0; e < k; e++) {
			double *at = &b->joint[base + e * own];
			double prior = p->inertia * *at + fresh * p->marginal[e] * rest +
				       (e == spread ? p->contagion * rest : 0);

			*at = prior * like[e];
			post[e] += *at;
		}
	}
	for (int e = 0; e < k; e++)
		sum += post[e];
	for (int e = 0; e < k; e++)
		post[e] /= sum;
	for (int i = 0; i < size; i++)
		b->joint[i] /= sum;
	synth_floor_take(&b->floor, speaker);
}

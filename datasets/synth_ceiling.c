/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/synth_ceiling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/base/thread.h"

#define ROUNDS 60   /* of the fixed point; it settles in about ten */
#define LEAP   1e-4 /* of weighted F1: what another search would have to find */

/* Posteriors with their probability: what a subset of the channels leads to. */
struct cloud {
	int n, k;
	double *post;	/* (n, k) */
	double *weight; /* (n), sums to 1 */
	int *group;	/* (n) dialogue, not decreasing; NULL: exact */
};

/* Mass answered k and mass answered k rightly. */
struct tally {
	double right[SYNTH_K], said[SYNTH_K];
};

static void cloud_free(struct cloud *c)
{
	free(c->post);
	free(c->weight);
	free(c->group);
	*c = (struct cloud){ 0 };
}

static int cloud_alloc(struct cloud *c, size_t n, int k, bool groups, struct err *err)
{
	*c = (struct cloud){ .k = k };
	if (!NEW_ARRAY(c->post, n * (size_t)k) || !NEW_ARRAY(c->weight, n) ||
	    (groups && !NEW_ARRAY(c->group, n))) {
		cloud_free(c);
		return err_set(err, ERR_NOMEM, "ceilings: no memory for %zu posteriors", n);
	}
	return 0;
}

int synth_rule_answer(const struct synth_rule *r, const double *post, int k)
{
	int best = 0;
	double top = -INFINITY;

	for (int e = 0; e < k; e++) {
		double v = r->gain[e] * (post[e] - r->bar[e]);

		if (v > top) {
			top = v;
			best = e;
		}
	}
	return best;
}

static const struct synth_rule most_probable = { .gain = { 1, 1, 1, 1, 1, 1, 1 } };

static struct tally apply(const struct cloud *c, const struct synth_rule *r)
{
	struct tally t = { 0 };

	for (int i = 0; i < c->n; i++) {
		int e = synth_rule_answer(r, &c->post[i * c->k], c->k);

		t.said[e] += c->weight[i];
		t.right[e] += c->weight[i] * c->post[i * c->k + e];
	}
	return t;
}

static double weighted_f1(const struct tally *t, const double *pi, int k)
{
	double sum = 0;

	for (int e = 0; e < k; e++)
		sum += pi[e] * 2 * t->right[e] / (pi[e] + t->said[e]);
	return sum;
}

/* The gradient of weighted F1 at this tally, as a rule. */
static struct synth_rule linearise(const struct tally *t, const double *pi, int k)
{
	struct synth_rule r = { 0 };

	for (int e = 0; e < k; e++) {
		r.gain[e] = 2 * pi[e] / (pi[e] + t->said[e]);
		r.bar[e] = t->right[e] / (pi[e] + t->said[e]);
	}
	return r;
}

/* Standard error of a mean of per-utterance values by dialogue (ratio estimator). */
struct cluster {
	double sum, count, ss, sc, cc; /* over dialogues: total value and size, their products */
	int groups;
};

static void cluster_add(struct cluster *s, double value, double size)
{
	s->sum += value;
	s->count += size;
	s->ss += value * value;
	s->sc += value * size;
	s->cc += size * size;
	s->groups++;
}

static double cluster_se(const struct cluster *s)
{
	double m = s->sum / s->count, v = s->ss - 2 * m * s->sc + m * m * s->cc;

	return sqrt(fmax(v, 0) * s->groups / (s->groups - 1.0)) / s->count;
}

static double rule_se(const struct cloud *c, const struct synth_rule *answer,
		      const struct synth_rule *value)
{
	struct cluster s = { 0 };
	double sum = 0, size = 0;

	for (int i = 0; i < c->n; i++) {
		const double *post = &c->post[i * c->k];
		int e = synth_rule_answer(answer, post, c->k);

		sum += value->gain[e] * (post[e] - value->bar[e]);
		size++;
		if (i + 1 == c->n || c->group[i + 1] != c->group[i]) {
			cluster_add(&s, sum, size);
			sum = size = 0;
		}
	}
	return cluster_se(&s);
}

/* Follows the fixed point from this rule and keeps in out what beats it. */
static void climb(const struct cloud *c, const double *pi, struct synth_rule rule,
		  struct synth_ceiling *out)
{
	double last = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct tally t = apply(c, &rule);
		double f = weighted_f1(&t, pi, c->k);

		if (f > out->weighted_f1) {
			out->weighted_f1 = f;
			out->rule = rule;
		}
		if (i > 1 && f <= last)
			return;
		last = f;
		rule = linearise(&t, pi, c->k);
	}
}

static void find_best(const struct cloud *c, const double *pi, struct synth_ceiling *out)
{
	static const double factor[] = { 0.7, 0.9, 1.1, 1.4 };
	struct tally t = apply(c, &most_probable);
	double before;

	out->accuracy = out->weighted_f1 = 0;
	for (int e = 0; e < c->k; e++)
		out->accuracy += t.right[e];
	climb(c, pi, most_probable, out);
	/* the fixed point may be a local one: step off it, one label at a time */
	do {
		before = out->weighted_f1;
		for (int e = 0; e < c->k; e++)
			for (size_t i = 0; i < ARRAY_LEN(factor); i++) {
				struct synth_rule r = out->rule;

				r.gain[e] *= factor[i];
				climb(c, pi, r, out);
			}
	} while (out->weighted_f1 > before + LEAP);
	if (c->group) {
		struct synth_rule slope;

		t = apply(c, &out->rule);
		slope = linearise(&t, pi, c->k);
		out->accuracy_se = rule_se(c, &most_probable, &most_probable);
		out->weighted_f1_se = rule_se(c, &out->rule, &slope);
	}
}

/* Every tuple of symbols of the channels seen, with its probability. */
static int cloud_exact(const struct synth_process *p, unsigned see, struct cloud *c,
		       struct err *err)
{
	int k = p->labels->n;
	size_t n = 1;

	for (int i = 0; i < CH_COUNT; i++)
		n *= see >> i & 1 ? (size_t)k : 1;
	if (cloud_alloc(c, n, k, false, err))
		return err->code;
	for (size_t i = 0; i < n; i++) {
		double *post = &c->post[c->n * k], total = 0;
		int symbol[CH_COUNT] = { 0 };
		size_t rest = i;

		for (int ch = 0; ch < CH_COUNT; ch++)
			if (see >> ch & 1) {
				symbol[ch] = (int)(rest % (size_t)k);
				rest /= (size_t)k;
			}
		synth_likelihood(p, see, symbol, post);
		for (int e = 0; e < k; e++)
			total += post[e] *= p->marginal[e];
		if (total <= 0)
			continue;
		for (int e = 0; e < k; e++)
			post[e] /= total;
		c->weight[c->n++] = total;
	}
	return 0;
}

/* Simulated dialogues through the forward filter.  All subsets see the same dialogues. */
static int cloud_simulate(const struct synth_process *p, int mean, int sample, uint64_t seed,
			  unsigned see, struct cloud *c, struct err *err)
{
	int k = p->labels->n;
	struct synth_dialogue d;
	struct synth_belief b;
	double like[SYNTH_K];

	if (cloud_alloc(c, (size_t)sample * SYNTH_TURNS, k, true, err))
		return err->code;
	for (int i = 0; i < sample; i++) {
		struct rng rng;

		rng_seed(&rng, seed, (uint64_t)i);
		synth_draw(p, mean, &rng, &d);
		synth_belief_start(&b, p, d.speakers);
		for (int t = 0; t < d.n; t++) {
			synth_likelihood(p, see, d.turn[t].symbol, like);
			synth_belief_step(&b, d.turn[t].speaker, like, &c->post[c->n * k]);
			c->group[c->n++] = i;
		}
	}
	for (int i = 0; i < c->n; i++)
		c->weight[i] = 1.0 / c->n;
	return 0;
}

struct job {
	const struct synth_process *p;
	int mean, sample;
	uint64_t seed;
	struct synth_ceiling *out;
	struct err *err; /* (SYNTH_CEILINGS) */
};

static void one_ceiling(void *ctx, int i, int worker)
{
	struct job *j = ctx;
	/* the big ones first, so that threads end together */
	int at = SYNTH_CEILINGS - 1 - i;
	struct synth_ceiling *out = &j->out[at];
	struct cloud c;
	int code;

	(void)worker;
	*out = (struct synth_ceiling){
		.see = (unsigned)at % SYNTH_SUBSETS,
		.history = at >= SYNTH_SUBSETS,
		.test_accuracy = NAN,
		.test_weighted_f1 = NAN,
	};
	/* the earlier utterances say nothing when no channel is seen */
	if (out->history && out->see)
		code = cloud_simulate(j->p, j->mean, j->sample, j->seed, out->see, &c, &j->err[at]);
	else
		code = cloud_exact(j->p, out->see, &c, &j->err[at]);
	if (code)
		return;
	find_best(&c, j->p->marginal, out);
	cloud_free(&c);
}

int synth_ceilings(const struct synth_process *p, int mean, int sample, uint64_t seed, int threads,
		   struct synth_ceiling *out, struct err *err)
{
	struct job j = { .p = p, .mean = mean, .sample = sample, .seed = seed, .out = out };

	if (!NEW_ARRAY(j.err, SYNTH_CEILINGS))
		return err_set(err, ERR_NOMEM, "ceilings: no memory");
	parallel_for(SYNTH_CEILINGS, threads, one_ceiling, &j);
	for (int i = 0; i < SYNTH_CEILINGS; i++)
		if (j.err[i].code)
			err_set(err, j.err[i].code, "%s", j.err[i].msg);
	free(j.err);
	return err->code;
}

static double realised_f1(const double *right, const double *said, const double *gold, int k)
{
	double sum = 0, n = 0;

	for (int e = 0; e < k; e++) {
		n += gold[e];
		if (gold[e] > 0)
			sum += gold[e] * 2 * right[e] / (gold[e] + said[e]);
	}
	return n > 0 ? sum / n : NAN;
}

void synth_ceiling_test(const struct synth_process *p, const struct synth_dialogue *const *d, int n,
			struct synth_ceiling *c)
{
	double right[SYNTH_K] = { 0 }, said[SYNTH_K] = { 0 }, gold[SYNTH_K] = { 0 };
	double like[SYNTH_K], post[SYNTH_K], hits = 0, scored = 0;
	int k = p->labels->n;
	struct synth_belief b;

	for (int i = 0; i < n; i++) {
		synth_belief_start(&b, p, d[i]->speakers);
		for (int t = 0; t < d[i]->n; t++) {
			const struct synth_turn *u = &d[i]->turn[t];
			int answer;

			if (!c->history)
				synth_belief_start(&b, p, d[i]->speakers);
			synth_likelihood(p, c->see, u->symbol, like);
			synth_belief_step(&b, u->speaker, like, post);
			if (u->hidden)
				continue;
			scored++;
			hits += synth_rule_answer(&most_probable, post, k) == u->emotion;
			answer = synth_rule_answer(&c->rule, post, k);
			said[answer]++;
			gold[u->emotion]++;
			right[u->emotion] += answer == u->emotion;
		}
	}
	c->test_accuracy = scored > 0 ? hits / scored : NAN;
	c->test_weighted_f1 = realised_f1(right, said, gold, k);
}

static void write_ceiling(const struct synth_ceiling *c, struct json_writer *w)
{
	json_open_object(w, NULL);
	json_open_array(w, "see");
	for (int i = 0; i < CH_COUNT; i++)
		if (c->see >> i & 1)
			json_put_str(w, NULL, synth_channel_name[i]);
	json_close_array(w);
	json_put_bool(w, "history", c->history);
	json_put_num(w, "accuracy", c->accuracy);
	json_put_num(w, "weighted_f1", c->weighted_f1);
	json_put_num(w, "accuracy_se", c->accuracy_se);
	json_put_num(w, "weighted_f1_se", c->weighted_f1_se);
	json_put_num(w, "test_accuracy", c->test_accuracy);
	json_put_num(w, "test_weighted_f1", c->test_weighted_f1);
	json_close_object(w);
}

static void write_channel(const struct synth_process *p, enum synth_channel c,
			  struct json_writer *w)
{
	json_open_object(w, synth_channel_name[c]);
	json_put_num(w, "reliability", synth_reliability(p, c));
	json_open_array(w, "show");
	for (int e = 0; e < p->labels->n; e++) {
		json_open_array(w, NULL);
		for (int s = 0; s < p->labels->n; s++)
			json_put_num(w, NULL, p->show[c][e][s]);
		json_close_array(w);
	}
	json_close_array(w);
	json_close_object(w);
}

void synth_ceiling_write(const struct synth_process *p, const struct synth_ceiling *c,
			 struct json_writer *w)
{
	json_open_array(w, "labels");
	for (int e = 0; e < p->labels->n; e++)
		json_put_str(w, NULL, p->labels->word[e]);
	json_close_array(w);
	json_open_array(w, "marginal");
	for (int e = 0; e < p->labels->n; e++)
		json_put_num(w, NULL, p->marginal[e]);
	json_close_array(w);
	json_open_object(w, "process");
	json_put_num(w, "inertia", p->inertia);
	json_put_num(w, "contagion", p->contagion);
	json_put_num(w, "speaker_goes_on", p->hold);
	json_put_num(w, "third_speaker", p->third);
	json_put_num(w, "label_withheld", p->hidden);
	json_close_object(w);
	json_open_object(w, "channels");
	for (int i = 0; i < CH_COUNT; i++)
		write_channel(p, (enum synth_channel)i, w);
	json_close_object(w);
	json_open_array(w, "ceilings");
	for (int i = 0; i < SYNTH_CEILINGS; i++)
		write_ceiling(&c[i], w);
	json_close_array(w);
}

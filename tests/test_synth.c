/* SPDX-License-Identifier: Apache-2.0
 * Calibrated corpora: the filter against brute force, the ceilings against plain
 * simulation, words and voice against what can be read from them.
 */
#include "tests/test.h"

#include "datasets/synth_ceiling.h"
#include "datasets/synth_figure.h"
#include "datasets/synth_text.h"
#include "harness/base/hash.h"
#include "harness/base/mem.h"
#include "harness/cue/speech.h"
#include "harness/metrics/scores.h"

enum { ALL = SYNTH_SUBSETS - 1, HISTORY = SYNTH_SUBSETS };

static void both(void (*fn)(const struct synth_process *p, int mean))
{
	struct synth_process p;

	synth_process_meld(&p);
	fn(&p, 10);
	synth_process_iemocap(&p);
	fn(&p, 24);
}

static void check_process(const struct synth_process *p, int mean)
{
	double sum = 0;

	(void)mean;
	CHECK(p->inertia + p->contagion < 1);
	for (int e = 0; e < p->labels->n; e++) {
		sum += p->marginal[e];
		for (int c = 0; c < CH_COUNT; c++) {
			double row = 0;

			for (int s = 0; s < p->labels->n; s++) {
				CHECK(p->show[c][e][s] > 0);
				row += p->show[c][e][s];
			}
			CHECK_NEAR(row, 1, 1e-12);
		}
	}
	CHECK_NEAR(sum, 1, 1e-12);
}

static void test_process(void **state)
{
	(void)state;
	both(check_process);
}

/* Probability of each emotion of the last turn and all that is seen, by summing over
 * every start of the speakers and every path: no filter. */
struct brute {
	const struct synth_process *p;
	const int *speaker;
	int n, speakers;
	double like[6][SYNTH_K], total[SYNTH_K];
};

static int last_of_other(const struct brute *b, int t)
{
	for (int i = t - 1; i >= 0; i--)
		if (b->speaker[i] != b->speaker[t])
			return b->speaker[i];
	return (b->speaker[t] + 1) % b->speakers;
}

static void walk(struct brute *b, int t, const int *mood, double weight)
{
	int s = b->speaker[t], other = last_of_other(b, t);

	for (int e = 0; e < b->p->labels->n; e++) {
		double step = (1 - b->p->inertia - b->p->contagion) * b->p->marginal[e] +
			      b->p->inertia * (mood[s] == e) + b->p->contagion * (mood[other] == e);
		int next[SYNTH_SPEAKERS];

		step *= weight * b->like[t][e];
		memcpy(next, mood, sizeof(next));
		next[s] = e;
		if (t + 1 == b->n)
			b->total[e] += step;
		else
			walk(b, t + 1, next, step);
	}
}

static void start(struct brute *b, int i, int *mood, double weight)
{
	if (i == b->speakers) {
		walk(b, 0, mood, weight);
		return;
	}
	for (int e = 0; e < b->p->labels->n; e++) {
		mood[i] = e;
		start(b, i + 1, mood, weight * b->p->marginal[e]);
	}
}

static void compare_filter(const struct synth_process *p, const int *speaker, int n, int speakers)
{
	struct brute b = { .p = p, .speaker = speaker, .n = n, .speakers = speakers };
	struct synth_belief belief;
	double post[SYNTH_K] = { 0 }, sum = 0;
	int mood[SYNTH_SPEAKERS] = { 0 };
	struct rng rng;

	rng_seed(&rng, 5, (uint64_t)n);
	synth_belief_start(&belief, p, speakers);
	for (int t = 0; t < n; t++) {
		int symbol[CH_COUNT];

		for (int c = 0; c < CH_COUNT; c++)
			symbol[c] = (int)rng_below(&rng, (uint64_t)p->labels->n);
		synth_likelihood(p, t == 1 ? 0 : ALL, symbol, b.like[t]);
		synth_belief_step(&belief, speaker[t], b.like[t], post);
	}
	start(&b, 0, mood, 1);
	for (int e = 0; e < p->labels->n; e++)
		sum += b.total[e];
	for (int e = 0; e < p->labels->n; e++)
		CHECK_NEAR(post[e], b.total[e] / sum, 1e-12);
}

static void test_filter(void **state)
{
	static const int two[] = { 0, 1, 1, 0, 1 }, three[] = { 2, 0, 0, 1 }, alone[] = { 1, 1, 1 };
	struct synth_process p;

	(void)state;
	synth_process_meld(&p);
	compare_filter(&p, two, 5, 2);
	compare_filter(&p, three, 4, 3);
	compare_filter(&p, alone, 3, 2);
	synth_process_iemocap(&p);
	compare_filter(&p, two, 5, 2);
}

static void simulate_now(const struct synth_process *p, const struct synth_ceiling *c)
{
	struct confusion plain = { .k = p->labels->n }, best = { .k = p->labels->n };
	const int draws = 200000;
	struct scores s;
	struct rng rng;

	rng_seed(&rng, 77, c->see);
	for (int i = 0; i < draws; i++) {
		int e = rng_choice(&rng, p->marginal, p->labels->n), top = 0;
		double post[SYNTH_K], sum = 0;

		for (int k = 0; k < p->labels->n; k++)
			post[k] = p->marginal[k];
		for (int ch = 0; ch < CH_COUNT; ch++) {
			int shown = rng_choice(&rng, p->show[ch][e], p->labels->n);

			for (int k = 0; k < p->labels->n && (c->see >> ch & 1); k++)
				post[k] *= p->show[ch][k][shown];
		}
		for (int k = 0; k < p->labels->n; k++) {
			sum += post[k];
			top = post[k] > post[top] ? k : top;
		}
		for (int k = 0; k < p->labels->n; k++)
			post[k] /= sum;
		confusion_add(&plain, e, top);
		confusion_add(&best, e, synth_rule_answer(&c->rule, post, p->labels->n));
	}
	scores_compute(&plain, &s);
	CHECK_NEAR(s.accuracy, c->accuracy, 4 * sqrt(0.25 / draws));
	CHECK(s.weighted_f1 <= c->weighted_f1 + 0.005);
	scores_compute(&best, &s);
	CHECK_NEAR(s.weighted_f1, c->weighted_f1, 0.005);
}

/* Whole dialogues, answers counted one by one. */
static void simulate_history(const struct synth_process *p, int mean, struct synth_ceiling c)
{
	enum { N = 2000 };
	const struct synth_dialogue **list;
	struct synth_dialogue *d;
	struct rng rng;

	CHECK(NEW_ARRAY(d, N) && NEW_ARRAY(list, N));
	for (int i = 0; i < N; i++) {
		rng_seed(&rng, 4321, (uint64_t)i);
		synth_draw(p, mean, &rng, &d[i]);
		list[i] = &d[i];
	}
	synth_ceiling_test(p, list, N, &c);
	/* about 20000 answers in dialogues that vary among themselves */
	CHECK_NEAR(c.test_accuracy, c.accuracy, 0.012);
	CHECK_NEAR(c.test_weighted_f1, c.weighted_f1, 0.012);
	free(d);
	free(list);
}

/* The design: what the ablations can show. */
static void check_design(const struct synth_ceiling *c)
{
	double full = c[HISTORY + ALL].weighted_f1;

	CHECK(full > 0.845 && full < 0.90);
	CHECK(full - c[ALL].weighted_f1 > 0.09);
	CHECK(full - c[HISTORY + (ALL & ~(1 << CH_TEXT))].weighted_f1 > 0.07);
	CHECK(full - c[HISTORY + (ALL & ~(1 << CH_AUDIO))].weighted_f1 > 0.07);
	CHECK(full - c[HISTORY + (ALL & ~(1 << CH_FACE))].weighted_f1 > 0.06);
	CHECK(full - c[HISTORY + (ALL & ~(1 << CH_BODY))].weighted_f1 < 0.03);
	CHECK(full - c[HISTORY + (ALL & ~(1 << CH_POSTURE))].weighted_f1 < 0.03);
	CHECK(full - c[HISTORY + (1 << CH_TEXT | 1 << CH_AUDIO)].weighted_f1 > 0.12);
}

static void check_ceilings(const struct synth_process *p, int mean)
{
	struct synth_ceiling c[SYNTH_CEILINGS];
	struct err err = { 0 };

	synth_ceilings(p, mean, mean > 10 ? 800 : 2000, 9, 2, c, &err);
	CHECK_OK(&err);
	for (int i = 0; i < SYNTH_CEILINGS; i++) {
		CHECK(c[i].history == (i >= HISTORY) && c[i].see == (unsigned)i % SYNTH_SUBSETS);
		CHECK(c[i].accuracy_se <= 0.004 && c[i].weighted_f1_se <= 0.004);
		CHECK(c[i].weighted_f1 > 0 && c[i].weighted_f1 < 1);
		/* one channel more never harms; with history both sides are estimates */
		for (int ch = 0; ch < CH_COUNT; ch++) {
			double slack = i >= HISTORY ? 0.004 : 1e-12;

			if (c[i].see >> ch & 1)
				CHECK(c[i].accuracy >= c[i ^ 1 << ch].accuracy - slack);
		}
		if (i >= HISTORY)
			CHECK(c[i].accuracy >= c[i - HISTORY].accuracy - 0.004);
	}
	check_design(c);
	CHECK_NEAR(c[0].accuracy, p->marginal[p->labels->n == 7 ? 0 : 2], 1e-12);
	simulate_now(p, &c[ALL]);
	simulate_now(p, &c[1 << CH_TEXT]);
	simulate_now(p, &c[1 << CH_AUDIO | 1 << CH_FACE]);
	simulate_history(p, mean, c[HISTORY + ALL]);
	simulate_history(p, mean, c[HISTORY + (1 << CH_TEXT | 1 << CH_AUDIO)]);
}

static void test_ceilings(void **state)
{
	(void)state;
	both(check_ceilings);
}

/* No re-weighting of the posterior does better than the rule that was found. */
static void check_best_rule(const struct synth_process *p, int mean)
{
	const unsigned see = 1 << CH_TEXT | 1 << CH_FACE;
	struct synth_ceiling c[SYNTH_CEILINGS];
	struct err err = { 0 };
	struct rng rng;
	int k = p->labels->n;

	synth_ceilings(p, mean, 10, 1, 1, c, &err);
	CHECK_OK(&err);
	rng_seed(&rng, 3, 3);
	for (int trial = 0; trial < 3000; trial++) {
		struct synth_rule r = c[see].rule;
		double right[SYNTH_K] = { 0 }, said[SYNTH_K] = { 0 }, f1 = 0;

		for (int e = 0; e < k; e++) {
			r.gain[e] *= exp(0.3 * rng_normal(&rng));
			r.bar[e] += 0.05 * rng_normal(&rng);
		}
		for (int i = 0; i < k * k; i++) {
			int symbol[CH_COUNT] = { [CH_TEXT] = i % k, [CH_FACE] = i / k }, answer;
			double post[SYNTH_K], sum = 0;

			synth_likelihood(p, see, symbol, post);
			for (int e = 0; e < k; e++)
				sum += post[e] *= p->marginal[e];
			for (int e = 0; e < k; e++)
				post[e] /= sum;
			answer = synth_rule_answer(&r, post, k);
			said[answer] += sum;
			right[answer] += sum * post[answer];
		}
		for (int e = 0; e < k; e++)
			f1 += p->marginal[e] * 2 * right[e] / (p->marginal[e] + said[e]);
		CHECK(f1 <= c[see].weighted_f1 + 1e-9);
	}
}

static void test_best_rule(void **state)
{
	(void)state;
	both(check_best_rule);
}

static unsigned word_slot(const char *s, size_t n)
{
	return (unsigned)(hash_u64(s, n) % 8191);
}

/* Adds or reads the votes of a sentence's words; returns the label with most. */
static int vote(double (*table)[SYNTH_K], const char *text, int label)
{
	double sum[SYNTH_K] = { 0 };
	int best = 0;

	for (const char *s = text; *s;) {
		size_t n = strcspn(s, " ,.?");
		double *row = table[word_slot(s, n)], all = 0;

		if (n && label >= 0)
			row[label]++;
		for (int e = 0; e < SYNTH_K; e++)
			all += row[e];
		for (int e = 0; e < SYNTH_K && n && all > 0; e++)
			sum[e] += log((row[e] + 0.1) / (all + 0.7));
		s += n;
		s += strspn(s, " ,.?");
	}
	for (int e = 0; e < SYNTH_K; e++)
		best = sum[e] > sum[best] ? e : best;
	return best;
}

static void check_words(const struct synth_process *p, int mean)
{
	static double table[8191][SYNTH_K];
	char text[SYNTH_TEXT];
	int hits = 0, words, k = p->labels->n;
	struct rng rng;

	(void)mean;
	memset(table, 0, sizeof(table));
	for (int e = k; e < SYNTH_K; e++)
		for (int i = 0; i < 8191; i++)
			table[i][e] = 0;
	rng_seed(&rng, 1, 1);
	for (int i = 0; i < 4000; i++) {
		int e = (int)rng_below(&rng, (uint64_t)k);

		synth_text(p->labels, e, &rng, text);
		words = 1;
		for (const char *s = text; *s; s++)
			words += *s == ' ';
		CHECK(words >= 4 && words <= 9);
		if (i < 2500)
			vote(table, text, e);
		else
			hits += vote(table, text, -1) == e;
	}
	CHECK(hits >= 1500 * 97 / 100);
}

static void test_words(void **state)
{
	(void)state;
	both(check_words);
}

/* Nearest centroid on standardised values: the first half teaches, the second is asked. */
static double recovered(double (*x)[CUE_MAX], const int *label, int n, int dims, int k)
{
	double mean[CUE_MAX] = { 0 }, sd[CUE_MAX] = { 0 }, centre[SYNTH_K][CUE_MAX] = { { 0 } };
	int count[SYNTH_K] = { 0 }, half = n / 2, hits = 0;

	for (int i = 0; i < half; i++)
		for (int d = 0; d < dims; d++)
			mean[d] += x[i][d] / half;
	for (int i = 0; i < half; i++)
		for (int d = 0; d < dims; d++)
			sd[d] += (x[i][d] - mean[d]) * (x[i][d] - mean[d]) / half;
	for (int i = 0; i < half; i++) {
		count[label[i]]++;
		for (int d = 0; d < dims; d++)
			centre[label[i]][d] += (x[i][d] - mean[d]) / (sqrt(sd[d]) + 1e-9);
	}
	for (int i = half; i < n; i++) {
		double best = INFINITY;
		int answer = -1;

		for (int e = 0; e < k; e++) {
			double dist = 0;

			for (int d = 0; d < dims; d++) {
				double z = (x[i][d] - mean[d]) / (sqrt(sd[d]) + 1e-9);

				dist += pow(z - centre[e][d] / count[e], 2);
			}
			if (dist < best) {
				best = dist;
				answer = e;
			}
		}
		hits += answer == label[i];
	}
	return (double)hits / (n - half);
}

static void check_voice(const struct synth_process *p, int mean)
{
	struct speech_meter ear = { 0 };
	enum { N = 140 };
	static const enum speech_cue cue[] = { CUE_INTENSITY, CUE_INTENSITY_STD, CUE_PITCH,
					       CUE_PITCH_STD, CUE_RATE };
	static float pcm[4 * SYNTH_RATE], work[4 * SYNTH_RATE];
	static double x[N][CUE_MAX];
	int label[N];

	(void)mean;
	for (int i = 0; i < N; i++) {
		const struct synth_person who = { .pitch_hz = 200, .tract = 1.1 };
		struct synth_voice v;
		struct cue_set cues;
		struct err err = { 0 };
		struct rng rng;
		int n;

		rng_seed(&rng, 11, (uint64_t)i);
		label[i] = i % p->labels->n;
		synth_voice_plan(p->labels, label[i], &who, 1.8 + 0.8 * rng_uniform(&rng), &rng,
				 &v);
		n = (int)(v.seconds * SYNTH_RATE);
		memset(pcm, 0, sizeof(pcm));
		synth_voice_render(&v, &rng, pcm, work, n);
		for (int t = 0; t < n; t++)
			CHECK(fabsf(pcm[t]) < 1);
		/* the mouth is shut while there is no voice */
		CHECK(synth_voice_open(&v, 0) == 0 && synth_voice_open(&v, FIGURE_CALM_S) == 0);
		speech_measure(&ear, pcm, n, SYNTH_RATE, &cues, &err);
		CHECK_OK(&err);
		for (size_t d = 0; d < ARRAY_LEN(cue); d++) {
			CHECK(cues.ok[cue[d]]);
			x[i][d] = cues.v[cue[d]];
		}
		CHECK_NEAR(cues.v[CUE_PITCH], v.pitch_hz, 0.08 * v.pitch_hz);
	}
	speech_meter_free(&ear);
	CHECK(recovered(x, label, N, (int)ARRAY_LEN(cue), p->labels->n) >= 0.97);
}

static void test_voice(void **state)
{
	(void)state;
	both(check_voice);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_process),	 cmocka_unit_test(test_filter),
		cmocka_unit_test(test_ceilings), cmocka_unit_test(test_best_rule),
		cmocka_unit_test(test_words),	 cmocka_unit_test(test_voice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}

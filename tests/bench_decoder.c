/* SPDX-License-Identifier: Apache-2.0
 * Speed of the decoder: tokens and arithmetic a second of one core while training
 * on packed dialogues, beside the rate of a large sgemm.  Not a test.
 *   bench_decoder [seconds for each row, default 1]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "harness/num/gemm.h"
#include "models/backbone/decoder_parts.h"
#include "tests/dialogue.h"

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Products of one forward and backward pass, without what is recomputed. */
static double flops(const struct decoder_config *c, const struct packed *p)
{
	double dim = c->dim, ff = c->ff, sum = 0;

	for (int l = 0; l < c->layers; l++) {
		double rows = l == c->layers - 1 ? p->n_at : p->n, pairs = 0;

		for (int r = 0; r < (int)rows; r++) {
			int i = l == c->layers - 1 ? p->at[r] : r;

			for (int j = 0; j <= i; j++)
				pairs += p->branch[j] ? p->branch[j] == p->branch[i]
						      : p->turn[j] >= p->turn[i] - p->window &&
								p->turn[j] <= p->turn[i];
		}
		sum += 2 * p->n * 2 * dim * dim + 2 * rows * (2 * dim * dim + 3 * dim * ff) +
		       4 * pairs * dim;
	}
	return 3 * (sum + 2 * p->n_at * dim * (p->word ? p->n_word : c->vocab));
}

static void sgemm_rate(const struct kernels *kern, int side, double seconds)
{
	size_t n = (size_t)side * (size_t)side;
	struct gemm_ctx g = { .kern = kern };
	float *a = calloc(3 * n + gemm_work(&g, side, side, side), sizeof(*a));
	double t = cpu_s(), done = 0;

	g.work = a + 3 * n;
	while (a && cpu_s() - t < seconds) {
		gemm_nt(&g, side, side, side, a, a + n, false, a + 2 * n);
		done++;
	}
	printf("sgemm %d: %.1f GFLOP/s\n", side, 2e-9 * done * (double)n * side / (cpu_s() - t));
	free(a);
}

static int bench(int dim, int layers, int window, bool words, double seconds)
{
	const struct decoder_config c = { .vocab = 1000,
					  .dim = dim,
					  .layers = layers,
					  .heads = 4,
					  .ff = dim * 5 / 2,
					  .rope_theta = 10000,
					  .dropout = 0.1,
					  .token_dropout = 0.1 };
	const struct adamw o = { 1e-3, 0.9, 0.99, 1e-8, 0.01, 1 };
	struct err err = { 0 };
	struct decoder *d = decoder_new(&c, 1, &err);
	struct made *m = calloc(1, sizeof(*m));
	double loss, t, train = 0, score = 0;
	float *out = calloc(MADE_TOKENS, sizeof(*out) * 1000);
	struct rng r;
	int steps = 0;

	rng_seed(&r, 1, 0);
	if (d && m && out) {
		made_dialogue(m, &c, 30, 60, window, &r);
		for (int i = 0; i < 7; i++)
			m->word[i] = 10 + i;
		m->p.word = words ? m->word : NULL;
		m->p.n_word = 7;
		for (int k = 0; words && k < m->p.n_at; k++)
			m->target[k] %= 7;
		if (words) { /* one answer a branch */
			int n = 0;

			for (int k = 0; k < m->p.n_at; k++)
				if (k + 1 == m->p.n_at ||
				    m->branch[m->at[k]] != m->branch[m->at[k + 1]])
					m->at[n++] = m->at[k];
			m->p.n_at = n;
		}
		decoder_train(d, &m->p, &r, &loss, &err);
		for (t = cpu_s(); cpu_s() - t < seconds && !err.code; steps++) {
			decoder_train(d, &m->p, &r, &loss, &err);
			decoder_step(d, &o, 1.0 / m->p.n_at, &err);
		}
		train = (cpu_s() - t) / steps;
		for (t = cpu_s(), steps = 0; cpu_s() - t < seconds / 4 && !err.code; steps++)
			decoder_score(d, &m->p, out, &err);
		score = (cpu_s() - t) / steps;
		printf("dim %3d layers %d window %3d %-5s n %d answers %3d: train %6.2f ms %7.0f "
		       "tokens/s %5.1f GFLOP/s, score %6.2f ms, %3zu MB\n",
		       dim, layers, window, words ? "words" : "vocab", m->p.n, m->p.n_at,
		       1e3 * train, m->p.n / train, 1e-9 * flops(&c, &m->p) / train, 1e3 * score,
		       workspace_bytes(&d->tape.ws) >> 20);
	}
	if (err.code)
		fprintf(stderr, "%s\n", err.msg);
	decoder_free(d);
	free(m);
	free(out);
	return err.code;
}

int main(int argc, char **argv)
{
	static const int dims[] = { 64, 96, 128 };
	double seconds = argc > 1 ? atof(argv[1]) : 1;
	const struct kernels *kern = kernels_best();
	char text[256];

	num_blas_one_thread();
	puts(num_blas_describe(kern, text, sizeof(text)));
	sgemm_rate(kern, 1024, seconds);
	sgemm_rate(kern, 256, seconds);
	for (int i = 0; i < 3; i++)
		for (int layers = 2; layers <= 3; layers++)
			for (int k = 0; k < 3; k++)
				if (bench(dims[i], layers, k == 2 ? 5 : 100, k != 1, seconds))
					return 1;
	return 0;
}

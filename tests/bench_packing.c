/* SPDX-License-Identifier: Apache-2.0
 * An epoch of training on dialogues packed once, beside one prompt an utterance, with full
 * history and equal loss.  Token counts are those of LLaMA-2's tokenizer on MELD and on
 * IEMOCAP's mean utterance.  Processor time, medians of alternating runs.  Not a test.
 *   bench_packing [runs, default 3] [dim, default 128]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/base/mem.h"
#include "models/backbone/decoder.h"

#define RUNS_MAX 15
#define BATCH	 1024 /* tokens of one pass over prompts of their own, where they are that short */

/* Tokens in front of the first turn, around each turn's words, and of a question, which may
 * also repeat the words it is about. */
static const struct form {
	const char *name;
	int head, around, question;
	bool repeats;
} form[] = {
	{ "a fresh decoder's, two tokens", 0, 2, 2, false },
	{ "template brief", 64, 6, 9, false },
	{ "brief, speech description", 64, 6, 30, false },
	{ "SpeechCueLLM's, whole", 29, 6, 72, true },
};

/* Dialogue lengths with the corpus's mean (9.6 and 48) and spread. */
static const struct corpus {
	const char *name;
	int words, n, length[15]; /* words: tokens of an utterance on average */
} corpus[] = {
	{ "MELD-like", 13, 15, { 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 17, 22 } },
	{ "IEMOCAP-like", 19, 2, { 34, 62 } },
};

struct text {
	struct packed p;
	size_t cap;
	int *token, *turn, *branch, *pos;
	int at[128], target[128];
};

static void put(struct text *x, int token, int turn, int branch, int pos)
{
	size_t cap[4] = { x->cap, x->cap, x->cap, x->cap };
	const int i = x->p.n++;

	if (!GROW_ARRAY(x->token, cap[0], (size_t)i + 1) ||
	    !GROW_ARRAY(x->turn, cap[1], (size_t)i + 1) ||
	    !GROW_ARRAY(x->branch, cap[2], (size_t)i + 1) ||
	    !GROW_ARRAY(x->pos, cap[3], (size_t)i + 1))
		abort();
	x->cap = cap[0];
	x->token[i] = token;
	x->turn[i] = turn;
	x->branch[i] = branch;
	x->pos[i] = pos;
}

/* Words of turn t: between half and one and a half times the mean. */
static int words_of(const struct corpus *c, int d, int t)
{
	return c->words / 2 + (d * 31 + t * 17) % (c->words + 1);
}

static int token_of(int d, int t, int i)
{
	return (d * 7919 + t * 104729 + i * 1299709) % 1000;
}

/* Turn t (with the head in front of the first) from position pos on; returns the next. */
static int put_turn(struct text *x, const struct form *f, const struct corpus *c, int d, int t,
		    int branch, int pos)
{
	const int n = words_of(c, d, t) + f->around + (t ? 0 : f->head);

	for (int i = 0; i < n; i++)
		put(x, token_of(d, t, i), branch ? 0 : t, branch, pos++);
	return pos;
}

static void put_question(struct text *x, const struct form *f, const struct corpus *c, int d, int t,
			 int turn, int branch, int pos)
{
	const int n = f->question + (f->repeats ? words_of(c, d, t) : 0);

	for (int i = 0; i < n; i++)
		put(x, token_of(d, 1000 + t, i), turn, branch, pos++);
	x->at[x->p.n_at] = x->p.n - 1;
	x->target[x->p.n_at++] = (d + t) % 7;
}

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double train(struct decoder *d, struct text *x)
{
	static const int word[7] = { 11, 22, 33, 44, 55, 66, 77 };
	struct err err = { 0 };
	double loss;

	x->p.token = x->token;
	x->p.turn = x->turn;
	x->p.branch = x->branch;
	x->p.pos = x->pos;
	x->p.at = x->at;
	x->p.target = x->target;
	x->p.word = word;
	x->p.n_word = 7;
	x->p.window = 1000;
	if (decoder_train(d, &x->p, NULL, &loss, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		exit(1);
	}
	x->p = (struct packed){ .n = 0 };
	return loss;
}

struct epoch {
	double seconds, loss;
	long tokens;
};

static struct epoch packed_epoch(struct decoder *net, struct text *x, const struct form *f,
				 const struct corpus *c)
{
	struct epoch e = { .seconds = cpu_s() };

	for (int d = 0; d < c->n; d++) {
		int end[128], pos = 0;

		for (int t = 0; t < c->length[d]; t++)
			end[t] = pos = put_turn(x, f, c, d, t, 0, pos);
		x->p.trunk = x->p.n;
		for (int t = 0; t < c->length[d]; t++)
			put_question(x, f, c, d, t, t, t + 1, end[t]);
		e.tokens += x->p.n;
		e.loss += train(net, x);
	}
	e.seconds = cpu_s() - e.seconds;
	return e;
}

/* One prompt an utterance, short ones side by side in one pass. */
static struct epoch alone_epoch(struct decoder *net, struct text *x, const struct form *f,
				const struct corpus *c)
{
	struct epoch e = { .seconds = cpu_s() };
	int branch = 0;

	for (int d = 0; d < c->n; d++)
		for (int t = 0; t < c->length[d]; t++) {
			const int before = x->p.n;
			int pos = 0;

			branch++;
			for (int u = 0; u <= t; u++)
				pos = put_turn(x, f, c, d, u, branch, pos);
			put_question(x, f, c, d, t, 0, branch, pos);
			e.tokens += x->p.n - before;
			if (x->p.n + x->p.n - before < BATCH && x->p.n_at < 128)
				continue;
			e.loss += train(net, x);
			branch = 0;
		}
	if (x->p.n)
		e.loss += train(net, x);
	e.seconds = cpu_s() - e.seconds;
	return e;
}

static int by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *x, int n)
{
	qsort(x, (size_t)n, sizeof(*x), by_size);
	return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static int bench(struct decoder *net, const struct form *f, const struct corpus *c, int runs)
{
	double packed[RUNS_MAX], alone[RUNS_MAX], gain[RUNS_MAX], off;
	struct text x = { .cap = 0 };
	struct epoch a = { 0 }, b = { 0 };

	for (int i = 0; i < runs; i++) {
		a = packed_epoch(net, &x, f, c);
		b = alone_epoch(net, &x, f, c);
		packed[i] = a.seconds;
		alone[i] = b.seconds;
		gain[i] = b.seconds / a.seconds;
	}
	off = fabs(a.loss / b.loss - 1);
	printf("| %s | %s | %ld | %ld | %.2f | %.2f | %.1f | %.1e |\n", c->name, f->name, a.tokens,
	       b.tokens, median(packed, runs), median(alone, runs), median(gain, runs), off);
	fflush(stdout);
	free(x.token);
	free(x.turn);
	free(x.branch);
	free(x.pos);
	return off <= 1e-5 ? 0 : 1;
}

int main(int argc, char **argv)
{
	int runs = argc > 1 ? atoi(argv[1]) : 3, dim = argc > 2 ? atoi(argv[2]) : 128, bad = 0;
	struct decoder_config cfg = { .vocab = 1000,
				      .dim = dim,
				      .layers = 4,
				      .heads = dim / 64,
				      .ff = dim * 8 / 3 / 16 * 16,
				      .rope_theta = 10000 };
	struct err err = { 0 };
	struct decoder *net = decoder_new(&cfg, 1, &err);

	if (!net || runs < 1 || runs > RUNS_MAX) {
		fprintf(stderr, "bench_packing: %s\n", err.code ? err.msg : "1 to 15 runs");
		return 1;
	}
	printf("decoder of width %d, 4 layers, full training; seconds of an epoch\n", dim);
	puts("| corpus | question | tokens packed | alone | packed s | alone s | times faster | "
	     "loss differs |\n|---|---|---|---|---|---|---|---|");
	for (size_t c = 0; c < ARRAY_LEN(corpus); c++)
		for (size_t f = 0; f < ARRAY_LEN(form); f++)
			bad |= bench(net, &form[f], &corpus[c], runs);
	decoder_free(net);
	return bad;
}

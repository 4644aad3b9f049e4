/* SPDX-License-Identifier: Apache-2.0
 * Time, rate and memory of training steps of a decoder of the LLaMA kind, one JSON object a
 * line.  Arithmetic is counted as the usual PyTorch script counts it: products of the
 * linears and the whole T x T of the attention, three times forward (two times with a
 * frozen base), nothing else.  Not a test.
 * LoRA in bf16 has a published model in that type as its base, here of random weights; full
 * training in bf16 is mixed where the processor has such products, else it is fp32.
 *   bench_train [mode=train|lora] [type=f32|bf16] [threads=1] [steps=10] [warmup=3] [d=512]
 * [layers=8] [heads=8] [ff=1376] [vocab=4096] [seq=256] [batch=4] [rank=16] [recompute=0]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/rng.h"
#include "harness/num/gemm.h"
#include "models/backbone/decoder.h"
#include "tests/weights_fixture.h"

/* clang-format off */
enum { MODE, TYPE, THREADS, STEPS, WARMUP, D, LAYERS, HEADS, FF, VOCAB, SEQ, BATCH, RANK,
       RECOMPUTE, OPTIONS };

static const char *const option_name[OPTIONS] = {
	"mode", "type", "threads", "steps", "warmup", "d", "layers", "heads", "ff", "vocab",
	"seq", "batch", "rank", "recompute"
};
/* clang-format on */

struct batch {
	struct packed p;
	int *token, *turn, *branch, *pos, *at, *target;
};

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Sequences that see nothing of each other: branches without a trunk. */
static int batch_new(struct batch *b, int n, int len)
{
	int *all = calloc((size_t)(6 * n * len), sizeof(*all));

	if (!all)
		return -1;
	b->token = all;
	b->turn = all + n * len;
	b->branch = all + 2 * n * len;
	b->pos = all + 3 * n * len;
	b->at = all + 4 * n * len;
	b->target = all + 5 * n * len;
	for (int i = 0; i < n * len; i++) {
		b->branch[i] = 1 + i / len;
		b->pos[i] = i % len;
		b->at[i] = i;
	}
	b->p = (struct packed){ .n = n * len,
				.token = b->token,
				.turn = b->turn,
				.branch = b->branch,
				.pos = b->pos,
				.n_at = n * len,
				.at = b->at,
				.target = b->target };
	return 0;
}

static void batch_draw(struct batch *b, int len, int vocab, struct rng *rng)
{
	for (int i = 0; i < b->p.n; i++) {
		b->token[i] = (int)rng_below(rng, (uint64_t)vocab);
		b->target[i] = (int)rng_below(rng, (uint64_t)vocab);
		if (i % len)
			b->target[i - 1] = b->token[i];
	}
}

static double flops(const int *o)
{
	double d = o[D], tokens = (double)o[SEQ] * o[BATCH];
	double linears = o[LAYERS] * (4 * d * d + 3 * d * o[FF]) + d * o[VOCAB];
	double forward = tokens * (2 * linears + o[LAYERS] * 4.0 * o[SEQ] * d);

	return o[MODE] ? 2 * forward + tokens * o[LAYERS] * 2 * 3 * 2 * 2 * o[RANK] * d
		       : 3 * forward;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(const int *o, double *wall, double *cpu, double loss)
{
	struct rusage use;
	double ms, tokens = (double)o[SEQ] * o[BATCH];
	int n = o[STEPS];

	qsort(wall, (size_t)n, sizeof(*wall), by_size);
	qsort(cpu, (size_t)n, sizeof(*cpu), by_size);
	ms = 1e3 * (n % 2 ? wall[n / 2] : (wall[n / 2 - 1] + wall[n / 2]) / 2);
	getrusage(RUSAGE_SELF, &use);
	printf("{\"mode\": \"%s\", \"type\": \"%s\", \"threads\": %d, \"n\": %d, \"ms_median\": "
	       "%.2f, \"ms_min\": %.2f, \"cpu_ms_median\": %.2f, \"tok_s\": %.1f, \"gflops\": "
	       "%.1f, "
	       "\"rss_mb\": %.1f, \"loss\": %.4f, \"kernels\": \"%s\"}\n",
	       o[MODE] ? "lora" : "train", o[TYPE] ? "bf16" : "f32", o[THREADS], n, ms,
	       1e3 * wall[0], 1e3 * cpu[n / 2], 1e3 * tokens / ms, 1e-6 * flops(o) / ms,
	       (double)use.ru_maxrss / 1024, loss, kernels_best()->name);
}

/* A model of random bf16 weights in a folder that is gone again when this returns: the
 * mapping stays.  Another process writes it, so that its memory does not count here. */
static struct llama *base_new(const int *o, struct err *err)
{
	const struct llama_config c = { .arch = "llama",
					.vocab = o[VOCAB],
					.dim = o[D],
					.layers = o[LAYERS],
					.heads = o[HEADS],
					.kv_heads = o[HEADS],
					.head_dim = o[D] / o[HEADS],
					.ff = o[FF],
					.context = o[SEQ],
					.norm_eps = 1e-5,
					.rope_theta = 10000,
					.bos = -1,
					.eos = -1 };
	char *dir = scratch_make();
	pid_t writer = fork();
	struct fixture f;
	struct llama *l;

	if (!writer) {
		fixture_make(&f, &c, WEIGHT_BF16, WEIGHT_F32, 1);
		fixture_write_hf(&f, dir, 1);
		_exit(0);
	}
	if (writer > 0)
		waitpid(writer, NULL, 0);
	l = llama_open(dir, err);
	scratch_remove(dir);
	return l;
}

static struct decoder *net_new(const int *o, struct llama **base, struct err *err)
{
	struct decoder_config c = { .rope_theta = 10000,
				    .lora_rank = o[MODE] ? o[RANK] : 0,
				    .lora_alpha = 32,
				    .lora_on = LORA_Q | LORA_V,
				    .threads = o[THREADS],
				    .recompute = o[RECOMPUTE],
				    .mixed = o[TYPE] ? MIXED_AUTO : MIXED_OFF };

	if (o[TYPE] && o[MODE]) {
		*base = base_new(o, err);
		c.base = *base;
		c.rope_theta = 0;
	} else {
		c.vocab = o[VOCAB];
		c.dim = o[D];
		c.layers = o[LAYERS];
		c.heads = o[HEADS];
		c.ff = o[FF];
		c.untied = true;
	}
	return err->code ? NULL : decoder_new(&c, 1, err);
}

static int bench(const int *o, struct err *err)
{
	const struct adamw opt = { 3e-4, 0.9, 0.999, 1e-8, 0.01, 0 };
	struct llama *base = NULL;
	struct decoder *d = net_new(o, &base, err);
	double *wall = calloc((size_t)o[STEPS], sizeof(*wall)), loss = 0;
	double *cpu = calloc((size_t)o[STEPS], sizeof(*cpu));
	struct batch b = { 0 };
	struct rng rng;

	rng_seed(&rng, 1, 0);
	if (!err->code && (!wall || !cpu || batch_new(&b, o[BATCH], o[SEQ])))
		err_set(err, ERR_NOMEM, "bench_train");
	for (int i = -o[WARMUP]; i < o[STEPS] && !err->code; i++) {
		double w, t;

		batch_draw(&b, o[SEQ], o[VOCAB], &rng);
		w = now(CLOCK_MONOTONIC);
		t = now(CLOCK_PROCESS_CPUTIME_ID);
		decoder_train(d, &b.p, NULL, &loss, err);
		decoder_step(d, &opt, 1.0 / b.p.n, err);
		if (i < 0)
			continue;
		wall[i] = now(CLOCK_MONOTONIC) - w;
		cpu[i] = now(CLOCK_PROCESS_CPUTIME_ID) - t;
	}
	if (!err->code)
		report(o, wall, cpu, loss / b.p.n);
	decoder_free(d);
	llama_close(base);
	free(wall);
	free(cpu);
	free(b.token);
	return err->code;
}

/* NAME=VALUE; the values of mode and type are words. */
static int option(int *o, const char *arg)
{
	const char *value = strchr(arg, '=');

	for (int i = 0; value && i < OPTIONS; i++) {
		if (strlen(option_name[i]) != (size_t)(value - arg) ||
		    strncmp(option_name[i], arg, (size_t)(value - arg)))
			continue;
		o[i] = i == MODE   ? !strcmp(value, "=lora")
		       : i == TYPE ? !strcmp(value, "=bf16")
				   : (int)strtol(value + 1, NULL, 10);
		return 0;
	}
	fprintf(stderr, "bench_train: no option '%s'\n", arg);
	return 2;
}

int main(int argc, char **argv)
{
	int o[OPTIONS] = { 0, 0, 1, 10, 3, 512, 8, 8, 1376, 4096, 256, 4, 16, 0 };
	struct err err = { 0 };

	for (int i = 1; i < argc; i++)
		if (option(o, argv[i]))
			return 2;
	if (o[STEPS] < 1 || o[SEQ] < 1 || o[BATCH] < 1 || o[HEADS] < 1) {
		fputs("bench_train: steps, seq, batch and heads from 1\n", stderr);
		return 2;
	}
	if (bench(o, &err))
		fprintf(stderr, "bench_train: %s\n", err.msg);
	return err.code != 0;
}

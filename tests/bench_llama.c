/* SPDX-License-Identifier: Apache-2.0
 * Prompt processing, generation and LoRA steps on frozen weights of the LLaMA kind, as rates
 * and as shares of what the machine can do.  Not a test.
 *   bench_llama [million=27|158|951] [type=bf16|q8_0|...] [threads=1] [prompt=512] [write=64]
 *     [repeat=3] [path=auto|float|int8] [pack=0] [lora=0] [recompute=0] [weights=FILE|DIR]
 *     [cpu=0]                    1: processor time of one thread, for machines that are busy
 * Invented weights (tied): 27 M is d 512, 8 layers, 8 heads, ff 1376; 158 M d 1024, 12 layers,
 * 16 heads, ff 2816; 951 M d 2048, 18 layers, 16 heads, ff 5792; 4096 tokens each.
 * lora=1: steps of rank 16 on q and v over a prompt's length.  Without million and weights:
 * 27 and 158, bf16, q8_0 and q4_0.
 * Shares: of a product that stays in the first-level cache, counting two operations for each
 * weight of the layers a token (LoRA: four; what is computed again is not counted); of
 * the rate at which the threads read memory, the bytes of all matrices and of the kept keys
 * and values a token.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "harness/base/mem.h"
#include "harness/base/str.h"
#include "harness/num/gemm.h"
#include "models/backbone/session.h"

#define VOCAB 4096

struct options {
	int million, threads, prompt, write, repeat, pack, lora, recompute, cpu;
	char type[16], path[16], weights[512];
};

static const struct shape {
	int million, dim, layers, heads, ff;
} shapes[] = {
	{ 27, 512, 8, 8, 1376 },
	{ 158, 1024, 12, 16, 2816 },
	{ 951, 2048, 18, 16, 5792 },
};

/* Seconds: of the clock on the wall, or of the processor for one thread on a busy machine. */
static double now(bool cpu)
{
	struct timespec t;

	clock_gettime(cpu ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double median(double *v, int n)
{
	for (int i = 1; i < n; i++)
		for (int k = i; k > 0 && v[k] < v[k - 1]; k--) {
			const double t = v[k];

			v[k] = v[k - 1];
			v[k - 1] = t;
		}
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* --- what the machine can do --- */

#define ROUNDS	   5
#define READ_BYTES ((size_t)512 << 20) /* of all threads: many times the caches */
#define HOT_M	   96
#define HOT_K	   256
#define HOT_TIMES  2000

struct probe {
	struct pool *pool;
	bool cpu;
	const struct kernels *kern;
	float *a, *b, *c;     /* of the product; c: one block a thread */
	uint64_t *data, *sum; /* to read; one sum a thread */
	size_t n;	      /* words of one thread */
	double gflops, gbs;   /* the larger median of the runs */
	double top[2];	      /* the best of both */
};

static int probe_make(struct probe *p, struct pool *pool, bool cpu)
{
	const size_t threads = (size_t)pool_threads(pool);

	*p = (struct probe){ .pool = pool, .cpu = cpu, .kern = kernels_best() };
	p->n = READ_BYTES / sizeof(*p->data) / threads / 8 * 8;
	if (!NEW_ARRAY(p->a, HOT_M * HOT_K) || !NEW_ARRAY(p->b, HOT_K * 64) ||
	    !NEW_ARRAY(p->c, threads * HOT_M * 64) || !NEW_ARRAY(p->sum, threads) ||
	    !NEW_ARRAY(p->data, p->n * threads))
		return -1;
	memset(p->data, 1, p->n * threads * sizeof(*p->data));
	return 0;
}

static void probe_free(struct probe *p)
{
	free(p->a);
	free(p->b);
	free(p->c);
	free(p->sum);
	free(p->data);
}

static void hot_item(void *ctx, int i, int worker)
{
	const struct probe *p = ctx;

	(void)worker;
	for (int r = 0; r < HOT_TIMES; r++)
		p->kern->gemm(HOT_M, p->kern->strip, HOT_K, p->a, HOT_K, 1, p->b, 0, false,
			      p->c + (size_t)i * HOT_M * 64, p->kern->strip);
}

static void read_item(void *ctx, int i, int worker)
{
	const struct probe *p = ctx;
	const uint64_t *data = p->data + (size_t)i * p->n;
	uint64_t sum[8] = { 0 };

	(void)worker;
	for (size_t k = 0; k < p->n; k += 8)
		for (int j = 0; j < 8; j++)
			sum[j] += data[k + (size_t)j];
	for (int j = 0; j < 8; j++)
		p->sum[i] += sum[j];
}

/* GFLOP/s of a product in the cache, and GB/s read, with this pool; the first round warms up.
 * Before and after a measurement, since what others do on the machine changes. */
static void probe_run(struct probe *p)
{
	const int threads = pool_threads(p->pool);
	const double work = 2e-9 * HOT_TIMES * HOT_M * HOT_K * p->kern->strip * threads;
	const double bytes = 1e-9 * (double)(p->n * sizeof(*p->data)) * threads;
	double gflops[ROUNDS], gbs[ROUNDS], mid;

	for (int r = -1; r < ROUNDS; r++) {
		double start = now(p->cpu);

		pool_run(p->pool, threads, hot_item, p);
		gflops[r < 0 ? 0 : r] = work / (now(p->cpu) - start);
		start = now(p->cpu);
		pool_run(p->pool, threads, read_item, p);
		gbs[r < 0 ? 0 : r] = bytes / (now(p->cpu) - start);
	}
	mid = median(gflops, ROUNDS);
	p->gflops = mid > p->gflops ? mid : p->gflops;
	mid = median(gbs, ROUNDS);
	p->gbs = mid > p->gbs ? mid : p->gbs;
	/* sorted now */
	p->top[0] = gflops[ROUNDS - 1] > p->top[0] ? gflops[ROUNDS - 1] : p->top[0];
	p->top[1] = gbs[ROUNDS - 1] > p->top[1] ? gbs[ROUNDS - 1] : p->top[1];
}

static void probe_print(const struct probe *p)
{
	printf("limits at threads=%d: fp32 %.1f GFLOP/s (best %.1f), reading %.1f GB/s (best "
	       "%.1f)\n",
	       pool_threads(p->pool), p->gflops, p->top[0], p->gbs, p->top[1]);
}

/* --- invented weights, in memory --- */

static void *matrix(struct weight *w, enum weight_type type, int rows, int cols)
{
	const size_t row = weight_row_bytes(type, cols);
	unsigned char *data = mem_calloc((size_t)rows, row);
	float *x = mem_calloc((size_t)cols * 16, sizeof(*x));
	struct rng rng;

	if (!data || !x)
		return NULL;
	rng_seed(&rng, 1, (uint64_t)rows);
	for (int j = 0; j < cols * 16; j++)
		x[j] = (float)(0.02 * rng_normal(&rng));
	/* sixteen different rows: values do not matter here */
	for (int i = 0; i < rows && i < 16; i++)
		if (!weight_encode(type, x + (size_t)i * (size_t)cols, data + (size_t)i * row,
				   (size_t)cols))
			return NULL;
	for (int i = 16; i < rows; i++)
		memcpy(data + (size_t)i * row, data + (size_t)(i % 16) * row, row);
	free(x);
	*w = (struct weight){ type, rows, cols, data };
	return data;
}

static struct llama *invent(const struct shape *s, enum weight_type type)
{
	const int size[LLAMA_LINEARS][2] = {
		{ s->dim, s->dim }, { s->dim, s->dim }, { s->dim, s->dim }, { s->dim, s->dim },
		{ s->ff, s->dim },  { s->ff, s->dim },	{ s->dim, s->ff },
	};
	struct llama *l = mem_calloc(1, sizeof(*l));
	float *ones = mem_calloc((size_t)s->dim, sizeof(*ones));

	if (!l || !ones || !NEW_ARRAY(l->layer, (size_t)s->layers) ||
	    !matrix(&l->embed, type, VOCAB, s->dim))
		return NULL;
	for (int j = 0; j < s->dim; j++)
		ones[j] = 1;
	l->head = l->embed;
	l->norm = ones;
	l->types = weight_type_name(type);
	l->format = "invented";
	l->parameters = (int64_t)VOCAB * s->dim;
	l->bytes = VOCAB * (int64_t)weight_row_bytes(type, s->dim);
	for (int k = 0; k < s->layers; k++) {
		l->layer[k].norm1 = l->layer[k].norm2 = ones;
		for (int i = 0; i < LLAMA_LINEARS; i++) {
			if (!matrix(&l->layer[k].lin[i], type, size[i][0], size[i][1]))
				return NULL;
			l->parameters += (int64_t)size[i][0] * size[i][1];
			l->bytes += size[i][0] * (int64_t)weight_row_bytes(type, size[i][1]);
		}
	}
	l->cfg = (struct llama_config){ .arch = "llama",
					.vocab = VOCAB,
					.dim = s->dim,
					.layers = s->layers,
					.heads = s->heads,
					.kv_heads = s->heads,
					.head_dim = s->dim / s->heads,
					.ff = s->ff,
					.context = 4096,
					.norm_eps = 1e-5,
					.rope_theta = 10000,
					.tied = true };
	return l;
}

static void forget(struct llama *l)
{
	for (int k = 0; k < l->cfg.layers; k++)
		for (int i = 0; i < LLAMA_LINEARS; i++)
			free((void *)(uintptr_t)l->layer[k].lin[i].data);
	free((void *)(uintptr_t)l->embed.data);
	free((void *)(uintptr_t)l->norm);
	free(l->layer);
	free(l);
}

/* --- measurements --- */

static int *words(int n, int vocab)
{
	int *id = mem_calloc((size_t)n, sizeof(*id));
	struct rng rng;

	rng_seed(&rng, 2, 0);
	for (int i = 0; id && i < n; i++)
		id[i] = (int)rng_below(&rng, (uint64_t)vocab);
	return id;
}

static double peak_gb(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return (double)use.ru_maxrss / 1048576;
}

/* Weights that every token is multiplied with. */
static double layer_weights(const struct llama *l)
{
	double n = 0;

	for (int k = 0; k < l->cfg.layers; k++)
		for (int i = 0; i < LLAMA_LINEARS; i++)
			n += (double)l->layer[k].lin[i].rows * l->layer[k].lin[i].cols;
	return n;
}

static int measure_reading(struct decoder *d, const struct llama *l, const struct options *o,
			   struct probe *limit, struct err *err)
{
	const int n = o->prompt, vocab = l->cfg.vocab;
	struct session *s = session_new(d, n + o->write, err);
	int *id = words(n + o->write, vocab);
	float *logp = mem_calloc((size_t)vocab, sizeof(*logp));
	/* keys and values in fp32 of a history that grows */
	const double bytes = (double)l->bytes + 8.0 * l->cfg.layers * l->cfg.kv_heads *
							l->cfg.head_dim * (n + 0.5 * o->write);
	double t[64], prompt, token, start;

	if (!s || !id || !logp)
		goto done;
	for (int r = o->repeat > 1 ? -1 : 0; r < o->repeat; r++) {
		session_rewind(s, 0, err);
		start = now(o->cpu);
		session_feed(s, id, n, logp, err);
		t[r < 0 ? 0 : r] = now(o->cpu) - start;
	}
	prompt = median(t, o->repeat);
	for (int i = 0; i < o->write; i++) {
		start = now(o->cpu);
		session_feed(s, id + n + i, 1, logp, err);
		t[i] = now(o->cpu) - start;
	}
	if (err->code)
		goto done;
	token = median(t, o->write);
	probe_run(limit);
	probe_print(limit);
	printf("%6.0f M  %-5s %2d  prompt %8.1f tok/s %6.1f GFLOP/s %5.1f %%   one token %8.1f "
	       "tok/s %6.2f GB/s %5.1f %%\n",
	       (double)l->parameters / 1e6, l->types, o->threads, n / prompt,
	       2e-9 * layer_weights(l) * n / prompt,
	       2e-7 * layer_weights(l) * n / prompt / limit->gflops, 1 / token,
	       1e-9 * bytes / token, 1e-7 * bytes / token / limit->gbs);
done:
	session_free(s);
	free(id);
	free(logp);
	return err->code;
}

static int measure_lora(struct decoder *d, const struct llama *l, const struct options *o,
			struct probe *limit, struct err *err)
{
	const int n = o->prompt;
	const struct adamw adam = { 1e-4, 0.9, 0.999, 1e-8, 0, 1 };
	int *id = words(n, l->cfg.vocab), *zero = mem_calloc((size_t)n * 2, sizeof(*zero));
	int *pos = zero + n, at[8], target[8];
	struct packed p = { .n = n, .trunk = n, .token = id, .turn = zero, .branch = zero };
	double t[64], loss = 0, step;

	p.pos = pos;
	p.at = at;
	p.target = target;
	p.n_at = 8;
	for (int i = 0; i < n; i++)
		pos[i] = i;
	for (int i = 0; i < 8; i++) {
		at[i] = n - 9 + i;
		target[i] = id[n - 8 + i];
	}
	/* once to warm up, but where a single step is asked for: it may take minutes */
	for (int r = o->repeat > 1 ? -1 : 0; r < o->repeat && !err->code; r++) {
		const double start = now(o->cpu);

		decoder_train(d, &p, NULL, &loss, err);
		decoder_step(d, &adam, 1.0 / 8, err);
		t[r < 0 ? 0 : r] = now(o->cpu) - start;
	}
	if (!err->code) {
		step = median(t, o->repeat);
		probe_run(limit);
		probe_print(limit);
		printf("%6.0f M  %-5s %2d  LoRA step of %d tokens %8.2f s %8.1f tok/s %6.1f "
		       "GFLOP/s %5.1f %%   work memory %.2f GB, resident at most %.2f GB, loss "
		       "%.3f\n",
		       (double)l->parameters / 1e6, l->types, o->threads, n, step, n / step,
		       4e-9 * layer_weights(l) * n / step,
		       4e-7 * layer_weights(l) * n / step / limit->gflops,
		       (double)decoder_work_bytes(d) / 1e9, peak_gb(), loss / 8);
	}
	free(id);
	free(zero);
	return err->code;
}

static int measure(const struct llama *l, const struct options *o, struct err *err)
{
	struct decoder_config c = { .base = l,
				    .threads = o->threads,
				    .pack = o->pack != 0,
				    .recompute = o->recompute != 0,
				    .path = !strcmp(o->path, "float")  ? FROZEN_FLOAT
					    : !strcmp(o->path, "int8") ? FROZEN_INT8
								       : FROZEN_AUTO };
	struct pool *pool = pool_new(o->threads, err);
	struct decoder *d = NULL;
	struct probe limit = { 0 };

	if (!pool || probe_make(&limit, pool, o->cpu))
		goto done;
	probe_run(&limit);
	if (o->lora) {
		c.lora_rank = 16;
		c.lora_alpha = 16;
		c.lora_on = LORA_Q | LORA_V;
	}
	d = decoder_new(&c, 1, err);
	if (d && o->lora)
		measure_lora(d, l, o, &limit, err);
	else if (d)
		measure_reading(d, l, o, &limit, err);
	fflush(stdout);
done:
	decoder_free(d);
	probe_free(&limit);
	pool_free(pool);
	return err->code;
}

static int measure_file(const struct options *o, struct err *err)
{
	const double start = now(false);
	struct llama *l = llama_open(o->weights, err);

	if (!l)
		return err->code;
	printf("opened in %.3f s: %s, %s, %.2f GB\n", now(false) - start, l->format, l->types,
	       (double)l->bytes / 1e9);
	measure(l, o, err);
	llama_close(l);
	return err->code;
}

static int measure_invented(const struct options *o, struct err *err)
{
	static const enum weight_type types[] = { WEIGHT_F32, WEIGHT_F16, WEIGHT_BF16, WEIGHT_Q8_0,
						  WEIGHT_Q4_0 };

	for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
		for (size_t k = 0; k < ARRAY_LEN(types) && !err->code; k++) {
			const bool usual = k >= 2 && shapes[i].million < 900;
			struct llama *l;

			if (o->million ? o->million != shapes[i].million : !usual)
				continue;
			if (*o->type ? strcmp(o->type, weight_type_name(types[k])) != 0 : k < 2)
				continue;
			l = invent(&shapes[i], types[k]);
			if (!l)
				return err_set(err, ERR_NOMEM, "invented weights");
			measure(l, o, err);
			forget(l);
		}
	return err->code;
}

int main(int argc, char **argv)
{
	struct options o = { .threads = 1, .prompt = 512, .write = 32, .repeat = 3 };
	const struct {
		const char *name;
		int *value;
	} number[] = {
		{ "million=", &o.million },	{ "threads=", &o.threads },
		{ "prompt=", &o.prompt },	{ "write=", &o.write },
		{ "repeat=", &o.repeat },	{ "pack=", &o.pack },
		{ "lora=", &o.lora },		{ "cpu=", &o.cpu },
		{ "recompute=", &o.recompute },
	};
	struct err err = { 0 };

	for (int i = 1; i < argc; i++) {
		for (size_t k = 0; k < ARRAY_LEN(number); k++)
			if (str_starts(argv[i], number[k].name))
				*number[k].value = (int)strtol(strchr(argv[i], '=') + 1, NULL, 10);
		if (str_starts(argv[i], "type="))
			snprintf(o.type, sizeof(o.type), "%s", argv[i] + 5);
		if (str_starts(argv[i], "path="))
			snprintf(o.path, sizeof(o.path), "%s", argv[i] + 5);
		if (str_starts(argv[i], "weights="))
			snprintf(o.weights, sizeof(o.weights), "%s", argv[i] + 8);
	}
	if (o.repeat < 1 || o.repeat > 64 || o.write < 1 || o.write > 64 || o.prompt < 16) {
		fprintf(stderr, "bench_llama: repeat and write 1 to 64, prompt at least 16\n");
		return 2;
	}
	if (*o.weights)
		measure_file(&o, &err);
	else
		measure_invented(&o, &err);
	if (err.code)
		fprintf(stderr, "bench_llama: %s\n", err.msg);
	return err.code != 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * Opening a model: time, and memory that becomes resident.  It can write the model it opens,
 * random bf16 weights in Hugging Face form.  One JSON object a line.  Not a test.
 *   bench_load [path=FILE|DIR] [repeat=9] [read=0]
 *   bench_load make=DIR [dim=4096] [layers=32] [heads=32] [kv=32] [ff=11008] [vocab=32000]
 *     [shards=3]                 (the defaults are LLaMA-2-7B: 13.5 GB; check the disk first)
 * read=1 also touches every page once.  Without arguments a small model in /tmp is opened.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/weights_fixture.h"

/* clang-format off */
enum { REPEAT, READ, DIM, LAYERS, HEADS, KV, FF, VOCAB, SHARDS, OPTIONS };

static const struct {
	const char *name;
	int value;
} option[OPTIONS] = {
	[REPEAT] = { "repeat=", 9 },   [READ] = { "read=", 0 },	     [DIM] = { "dim=", 4096 },
	[LAYERS] = { "layers=", 32 },  [HEADS] = { "heads=", 32 },   [KV] = { "kv=", 32 },
	[FF] = { "ff=", 11008 },       [VOCAB] = { "vocab=", 32000 }, [SHARDS] = { "shards=", 3 },
};
/* clang-format on */

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Bytes resident now. */
static double resident(void)
{
	long pages = 0, shared = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%*s %ld %ld", &pages, &shared) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return 4096.0 * (double)pages;
}

static struct llama_config config_of(const int *opt)
{
	struct llama_config c = fixture_config();

	c.dim = opt[DIM];
	c.layers = opt[LAYERS];
	c.heads = opt[HEADS];
	c.kv_heads = opt[KV];
	c.head_dim = opt[DIM] / opt[HEADS];
	c.ff = opt[FF];
	c.vocab = opt[VOCAB];
	c.context = 4096;
	return c;
}

/* The tensors of a fixture with this configuration, all in the same random bytes: their
 * number decides what a file costs, and nobody has 13 GB to spare for a fixture. */
static int make(const char *dir, const int *opt, struct err *err)
{
	struct llama_config c = config_of(opt), one = c;
	size_t n = (size_t)c.dim * (size_t)(c.vocab > c.ff ? c.vocab : c.ff);
	uint16_t *random = malloc(2 * n), *ones = malloc(2 * (size_t)c.dim);
	struct fixture f = { .cfg = c };
	struct rng rng;

	one.vocab = one.dim = one.ff = one.head_dim = 2;
	one.heads = one.kv_heads = 1;
	if (!random || !ones)
		return err_set(err, ERR_NOMEM, "no memory");
	rng_seed(&rng, 1, 0);
	for (size_t i = 0; i < n; i++) { /* uniform, standard deviation 0.02 */
		float v = 0.034641f * (float)(2 * rng_uniform(&rng) - 1);

		weight_encode(WEIGHT_BF16, &v, &random[i], 1);
	}
	for (int i = 0; i < c.dim; i++)
		ones[i] = 0x3f80;
	/* names and order come from a tiny fixture, shapes from the configuration */
	fixture_make(&f, &one, WEIGHT_BF16, WEIGHT_BF16, 1);
	f.cfg = c;
	for (int i = 0; i < f.n; i++) {
		struct fixture_tensor *t = &f.t[i];
		const bool kv = strstr(t->hf, "k_proj") || strstr(t->hf, "v_proj");
		const bool up = strstr(t->hf, "gate_proj") || strstr(t->hf, "up_proj");
		const bool ends = strstr(t->hf, "embed") || strstr(t->hf, "lm_head");

		free(t->bytes);
		t->rows = up ? c.ff : ends ? c.vocab : kv ? c.kv_heads * c.head_dim : c.dim;
		if (t->cols)
			t->cols = strstr(t->hf, "down_proj") ? c.ff : c.dim;
		t->bytes = (unsigned char *)(t->cols ? random : ones);
		t->n_bytes = 2 * (size_t)t->rows * (size_t)(t->cols ? t->cols : 1);
	}
	io_mkdirs(dir, err);
	if (!err->code)
		fixture_write_hf(&f, dir, opt[SHARDS]);
	for (int i = 0; i < f.n; i++)
		f.t[i].bytes = NULL;
	fixture_free(&f);
	free(random);
	free(ones);
	return err->code;
}

/* One byte of every page of a matrix. */
static unsigned touch(const struct weight *w)
{
	size_t n = weight_row_bytes(w->type, w->cols) * (size_t)w->rows;
	const volatile unsigned char *p = w->data;
	unsigned sum = 0;

	for (size_t i = 0; i < n; i += 4096)
		sum += p[i];
	return sum;
}

static unsigned touch_all(const struct llama *l)
{
	unsigned sum = touch(&l->embed) + touch(&l->head);

	for (int i = 0; i < l->cfg.layers; i++)
		for (int k = 0; k < LLAMA_LINEARS; k++)
			sum += touch(&l->layer[i].lin[k]);
	return sum;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int open_often(const char *path, const int *opt, struct err *err)
{
	double wall[100] = { 0 }, cpu[100] = { 0 }, read = 0, before = resident(), after = 0;
	int n = opt[REPEAT] < 1 ? 1 : opt[REPEAT] > 100 ? 100 : opt[REPEAT];
	struct llama *l = NULL;

	for (int i = 0; i < n; i++) {
		llama_close(l);
		wall[i] = now(CLOCK_MONOTONIC);
		cpu[i] = now(CLOCK_PROCESS_CPUTIME_ID);
		l = llama_open(path, err);
		if (!l)
			return err->code;
		wall[i] = now(CLOCK_MONOTONIC) - wall[i];
		cpu[i] = now(CLOCK_PROCESS_CPUTIME_ID) - cpu[i];
	}
	after = resident();
	qsort(wall, (size_t)n, sizeof(*wall), by_value);
	qsort(cpu, (size_t)n, sizeof(*cpu), by_value);
	if (opt[READ]) {
		read = now(CLOCK_MONOTONIC);
		touch_all(l);
		read = now(CLOCK_MONOTONIC) - read;
	}
	printf("{\"bench\": \"load\", \"format\": \"%s\", \"types\": \"%s\", \"parameters\": %lld, "
	       "\"bytes\": %lld, \"open_s\": %.6f, \"open_cpu_s\": %.6f, \"open_worst_s\": %.6f, "
	       "\"resident_bytes\": %.0f, \"read_s\": %.3f}\n",
	       l->format, l->types, (long long)l->parameters, (long long)l->bytes, wall[n / 2],
	       cpu[n / 2], wall[n - 1], after - before, read);
	llama_close(l);
	return 0;
}

static int small_model(int *opt, struct err *err)
{
	char *dir = scratch_make();

	opt[DIM] = 512;
	opt[HEADS] = opt[KV] = opt[LAYERS] = 8;
	opt[FF] = 1376;
	opt[VOCAB] = 4096;
	if (!make(dir, opt, err))
		open_often(dir, opt, err);
	scratch_remove(dir);
	return err->code;
}

int main(int argc, char **argv)
{
	const char *path = NULL, *target = NULL;
	struct err err = { 0 };
	int opt[OPTIONS];

	for (int i = 0; i < OPTIONS; i++)
		opt[i] = option[i].value;
	for (int k = 1; k < argc; k++) {
		bool known = false;

		for (int i = 0; i < OPTIONS; i++) {
			size_t len = strlen(option[i].name);
			int64_t v;

			if (strncmp(argv[k], option[i].name, len) != 0)
				continue;
			known = !parse_i64(argv[k] + len, 0, 1 << 24, argv[k], &v, &err);
			if (known)
				opt[i] = (int)v;
		}
		if (!strncmp(argv[k], "path=", 5))
			path = argv[k] + 5;
		else if (!strncmp(argv[k], "make=", 5))
			target = argv[k] + 5;
		else if (!known)
			err_set(&err, ERR_ARG, "%s: unknown option", argv[k]);
	}
	if (!err.code && target)
		make(target, opt, &err);
	else if (!err.code && path)
		open_often(path, opt, &err);
	else if (!err.code)
		small_model(opt, &err);
	if (err.code)
		fprintf(stderr, "bench_load: %s\n", err.msg);
	return err.code != 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * llama2.c's .bin, first version: seven 32-bit numbers, then fp32 arrays in a fixed order,
 * each of them for all layers.  Nothing in the file says what it is, so the size must be
 * exactly what the seven numbers ask for.
 */
#include <string.h>

#include "harness/base/str.h"
#include "models/backbone/llama_parts.h"

enum { HEADER = 7 };

/* The arrays by their place in the file. */
struct part {
	const char *name;
	int layers; /* 0: once for the model */
	int rows, cols;
};

static const struct llama_names names = {
	.embed = "embed",
	.head = "head",
	.norm = "norm",
	.layer = "",
	.norm1 = "norm1",
	.norm2 = "norm2",
	.lin = { "wq", "wk", "wv", "wo", "w1", "w3", "w2" },
	.ignored = (const char *const[]){ NULL },
};

static int read_config(struct llama *l, const char *path, struct err *err)
{
	struct llama_config *c = &l->cfg;
	int32_t h[HEADER];

	if (l->files->bin.size < sizeof(h))
		return err_set(err, ERR_FORMAT, "%s: too short for a llama2.c file", path);
	memcpy(h, l->files->bin.data, sizeof(h));
	if (h[0] == 0x616b3432)
		return err_set(err, ERR_FORMAT,
			       "%s: llama2.c version %d; the first version (export.py --version 0) "
			       "and safetensors are read",
			       path, h[1]);
	if (h[5] == INT32_MIN || h[3] < 1 || h[0] < 1 || h[0] % h[3])
		return err_set(err, ERR_FORMAT,
			       "%s: not a llama2.c file (width %d, %d heads, vocabulary %d)", path,
			       h[0], h[3], h[5]);
	*c = (struct llama_config){ .arch = "llama",
				    .dim = h[0],
				    .ff = h[1],
				    .layers = h[2],
				    .heads = h[3],
				    .kv_heads = h[4],
				    .vocab = h[5] < 0 ? -h[5] : h[5],
				    .context = h[6],
				    .head_dim = h[0] / h[3],
				    .norm_eps = 1e-5,
				    .rope_theta = 10000,
				    .rope_pairs = true,
				    .tied = h[5] > 0,
				    .bos = 1,
				    .eos = 2 };
	if (c->vocab <= 2)
		c->bos = c->eos = -1;
	return llama_check_config(c, path, err);
}

/* Adds one array of *at on; a vector has cols 0. */
static int add(struct llama *l, const char *path, const char *name, const struct part *p,
	       size_t *at, struct err *err)
{
	size_t bytes = sizeof(float) * (size_t)p->rows, n = p->cols ? (size_t)p->cols : 1;
	struct llama_tensor t = { .path = path,
				  .name = name,
				  .type = WEIGHT_F32,
				  .n_dim = p->cols ? 2 : 1,
				  .dim = { p->rows, (int64_t)n, 1, 1 } };

	if (!name)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	if (!size_mul(bytes, n, &bytes) || bytes > l->files->bin.size - *at)
		return err_set(
			err, ERR_FORMAT,
			"%s: %s goes beyond the end of the file (%zu bytes); it is cut short "
			"or no llama2.c file",
			path, name, l->files->bin.size);
	t.data = l->files->bin.data + *at;
	t.bytes = bytes;
	*at += bytes;
	return llama_add(l, &t, err);
}

static int add_part(struct llama *l, const char *path, const struct part *p, size_t *at,
		    struct err *err)
{
	char name[64];

	if (!str_format(name, sizeof(name), "%s.weight", p->name))
		return err_set(err, ERR_INTERNAL, "%s: name too long", path);
	if (!p->layers)
		return add(l, path, arena_strdup(&l->files->mem, name), p, at, err);
	for (int i = 0; i < p->layers && !err->code; i++) {
		if (!str_format(name, sizeof(name), "%d.%s.weight", i, p->name))
			return err_set(err, ERR_INTERNAL, "%s: name too long", path);
		add(l, path, arena_strdup(&l->files->mem, name), p, at, err);
	}
	return err->code;
}

/* The rotary tables behind the last norm are skipped: they follow from the numbers. */
static int skip_tables(const struct llama *l, const char *path, size_t *at, struct err *err)
{
	size_t n;

	if (!size_mul((size_t)l->cfg.context, (size_t)l->cfg.head_dim, &n) ||
	    !size_mul(n, sizeof(float), &n) || n > l->files->bin.size - *at)
		return err_set(err, ERR_FORMAT,
			       "%s: the rotary tables go beyond the end of the file (%zu bytes)",
			       path, l->files->bin.size);
	*at += n;
	return 0;
}

static int add_all(struct llama *l, const char *path, struct err *err)
{
	const struct llama_config *c = &l->cfg;
	const int n = c->layers, q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
	const struct part head = { "head", 0, c->vocab, c->dim };
	const struct part part[] = {
		{ "embed", 0, c->vocab, c->dim }, { "norm1", n, c->dim, 0 },
		{ "wq", n, q, c->dim },		  { "wk", n, kv, c->dim },
		{ "wv", n, kv, c->dim },	  { "wo", n, c->dim, q },
		{ "norm2", n, c->dim, 0 },	  { "w1", n, c->ff, c->dim },
		{ "w2", n, c->dim, c->ff },	  { "w3", n, c->ff, c->dim },
		{ "norm", 0, c->dim, 0 },
	};
	size_t at = HEADER * sizeof(int32_t);

	if (llama_table(l, path, 9 * n + 3, err))
		return err->code;
	for (size_t i = 0; i < ARRAY_LEN(part); i++)
		if (add_part(l, path, &part[i], &at, err))
			return err->code;
	if (skip_tables(l, path, &at, err) || (!c->tied && add_part(l, path, &head, &at, err)))
		return err->code;
	if (at != l->files->bin.size)
		return err_set(err, ERR_FORMAT,
			       "%s: %zu bytes; a llama2.c file of these numbers has %zu", path,
			       l->files->bin.size, at);
	return 0;
}

int llama_open_bin(struct llama *l, const char *path, struct err *err)
{
	static const bool no_bias[LLAMA_LINEARS];

	l->format = "llama2.c";
	if (mapped_open(&l->files->bin, path, err) || read_config(l, path, err) ||
	    add_all(l, path, err))
		return err->code;
	return llama_fill(l, path, &names, no_bias, err);
}

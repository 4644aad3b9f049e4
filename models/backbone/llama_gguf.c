/* SPDX-License-Identifier: Apache-2.0
 * GGUF of the architectures llama (Mistral too) and qwen2, as llama.cpp's converters write
 * them: keys begin with the architecture's name.
 */
#include <string.h>

#include "harness/base/str.h"
#include "models/backbone/llama_parts.h"

static const struct llama_names names = {
	.embed = "token_embd",
	.head = "output",
	.norm = "output_norm",
	.layer = "blk.",
	.norm1 = "attn_norm",
	.norm2 = "ffn_norm",
	.lin = { "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down" },
	.rope_divisor = "rope_freqs.weight",
	/* old converters kept the rotary frequencies of every layer */
	.ignored = (const char *const[]){ ".attn_rot_embd", ".attn_rot_embd.weight", NULL },
};

struct keys {
	const struct gguf *g;
	const char *path;
	struct llama_config *out;
	struct err *err;
};

/* "<arch>.<key>" */
static const char *full_key(struct keys *k, const char *key, char *out, size_t size)
{
	if (!str_format(out, size, "%s.%s", k->out->arch, key))
		err_set(k->err, ERR_INTERNAL, "%s: key too long", k->path);
	return out;
}

/* A whole number; absent: fallback, or an error when that is below min. */
static int get_int(struct keys *k, const char *key, int min, int fallback)
{
	char name[100];
	int64_t v = fallback;
	bool have = gguf_int(k->g, full_key(k, key, name, sizeof(name)), &v);

	if ((have || fallback < min) && (v < min || v > INT32_MAX || !have))
		err_set(k->err, ERR_FORMAT, "%s: key '%s' is missing or not from %d to %d", k->path,
			name, min, INT32_MAX);
	return v >= INT32_MIN && v <= INT32_MAX ? (int)v : 0;
}

static double get_num(struct keys *k, const char *key, double fallback)
{
	char name[100];
	double v = fallback;

	return gguf_num(k->g, full_key(k, key, name, sizeof(name)), &v) ? v : fallback;
}

static int get_token(struct keys *k, const char *key)
{
	int64_t v = -1;

	if (gguf_int(k->g, key, &v) && (v < 0 || v > INT32_MAX))
		err_set(k->err, ERR_FORMAT, "%s: key '%s' is no token", k->path, key);
	return v >= 0 && v <= INT32_MAX ? (int)v : -1;
}

static int read_arch(struct keys *k)
{
	const char *s = "";
	size_t n = 0;
	int64_t parts;

	if (!gguf_str(k->g, "general.architecture", &s, &n))
		return err_set(k->err, ERR_FORMAT, "%s: general.architecture is missing", k->path);
	if (!(n == 5 && !memcmp(s, "llama", n)) && !(n == 5 && !memcmp(s, "qwen2", n)))
		return err_set(k->err, ERR_FORMAT,
			       "%s: architecture '%.*s' is not read (llama and qwen2 are)", k->path,
			       n < 40 ? (int)n : 40, s);
	memcpy(k->out->arch, s, n);
	k->out->arch[n] = '\0';
	if (gguf_int(k->g, "split.count", &parts) && parts > 1)
		return err_set(k->err, ERR_FORMAT,
			       "%s: one of %lld parts of a split file; join them first "
			       "(gguf-split --merge)",
			       k->path, (long long)parts);
	return 0;
}

/* LLaMA-3's stretching comes as the tensor rope_freqs; other kinds are refused. */
static int read_rope(struct keys *k)
{
	const char *s = "none";
	double factor = get_num(k, "rope.scaling.factor", 0);
	char name[100];
	size_t n = 4;
	bool typed;

	k->out->rope_theta = get_num(k, "rope.freq_base", 10000);
	typed = gguf_str(k->g, full_key(k, "rope.scaling.type", name, sizeof(name)), &s, &n);
	if (!(n == 4 && !memcmp(s, "none", n)))
		return err_set(k->err, ERR_FORMAT, "%s: rope scaling of type '%.*s' is not read",
			       k->path, n < 40 ? (int)n : 40, s);
	/* a factor without a type is linear too; 0 stands for none */
	if (get_num(k, "rope.scale_linear", 1) != 1 || (!typed && factor != 0 && factor != 1))
		return err_set(k->err, ERR_FORMAT, "%s: linear rope scaling is not read", k->path);
	if (get_int(k, "rope.dimension_count", 1, k->out->head_dim) != k->out->head_dim)
		return err_set(k->err, ERR_FORMAT,
			       "%s: rotation of a part of each head is not read", k->path);
	return k->err->code;
}

static int read_config(struct keys *k)
{
	const struct gguf_tensor *embed = gguf_tensor_named(k->g, "token_embd.weight");
	struct llama_config *o = k->out;
	int window;

	if (read_arch(k))
		return k->err->code;
	if (!embed || embed->dim[1] > INT32_MAX)
		return err_set(k->err, ERR_FORMAT, "%s: tensor 'token_embd.weight' is missing",
			       k->path);
	o->dim = get_int(k, "embedding_length", 1, 0);
	o->layers = get_int(k, "block_count", 1, 0);
	o->ff = get_int(k, "feed_forward_length", 1, 0);
	o->heads = get_int(k, "attention.head_count", 1, 0);
	if (k->err->code)
		return k->err->code;
	if (get_int(k, "expert_count", 0, 0) > 0)
		return err_set(k->err, ERR_FORMAT, "%s: mixtures of experts are not read", k->path);
	o->kv_heads = get_int(k, "attention.head_count_kv", 1, o->heads);
	o->head_dim = get_int(k, "attention.key_length", 1, o->dim / o->heads);
	if (get_int(k, "attention.value_length", 1, o->head_dim) != o->head_dim)
		return err_set(k->err, ERR_FORMAT, "%s: keys and values differ in length", k->path);
	o->context = get_int(k, "context_length", 1, 2048);
	window = get_int(k, "attention.sliding_window", 0, 0);
	if (window > 0 && window < o->context)
		o->context = window;
	o->vocab = get_int(k, "vocab_size", 1, (int)embed->dim[1]);
	o->norm_eps = get_num(k, "attention.layer_norm_rms_epsilon", 0);
	o->rope_pairs = !strcmp(o->arch, "llama");
	o->tied = !gguf_tensor_named(k->g, "output.weight");
	o->bos = get_token(k, "tokenizer.ggml.bos_token_id");
	o->eos = get_token(k, "tokenizer.ggml.eos_token_id");
	return read_rope(k);
}

static enum weight_type weight_type_of(enum gguf_type type)
{
	switch (type) {
	case GGUF_F32:
		return WEIGHT_F32;
	case GGUF_F16:
		return WEIGHT_F16;
	case GGUF_BF16:
		return WEIGHT_BF16;
	case GGUF_Q8_0:
		return WEIGHT_Q8_0;
	case GGUF_Q4_0:
		return WEIGHT_Q4_0;
	case GGUF_Q4_K:
		return WEIGHT_Q4_K;
	case GGUF_Q6_K:
		return WEIGHT_Q6_K;
	}
	return WEIGHT_TYPES;
}

static int list_tensors(struct llama *l, const char *path, struct err *err)
{
	const struct gguf *g = l->files->gguf;

	if (llama_table(l, path, gguf_tensors(g), err))
		return err->code;
	for (int i = 0; i < gguf_tensors(g); i++) {
		const struct gguf_tensor *s = gguf_tensor(g, i);
		struct llama_tensor t = { .path = path,
					  .name = s->name,
					  .type = weight_type_of(s->type),
					  .n_dim = s->n_dim,
					  .dim = { 1, 1, 1, 1 },
					  .data = s->data,
					  .bytes = s->bytes };

		for (int d = 0; d < s->n_dim; d++)
			t.dim[d] = s->dim[s->n_dim - 1 - d];
		if (llama_add(l, &t, err))
			return err->code;
	}
	return 0;
}

/* Linears of the first layer that come with a bias: those of the others must too. */
static void find_biases(struct llama *l, bool *bias)
{
	char name[100];

	for (int i = 0; i < LLAMA_LINEARS; i++)
		bias[i] = str_format(name, sizeof(name), "blk.0.%s.bias", names.lin[i]) &&
			  llama_find(l, name);
	l->cfg.qkv_bias = bias[LLAMA_Q] || bias[LLAMA_K] || bias[LLAMA_V];
}

int llama_open_gguf(struct llama *l, const char *path, struct err *err)
{
	struct keys k = { .path = path, .out = &l->cfg, .err = err };
	bool bias[LLAMA_LINEARS];

	l->format = "gguf";
	k.g = l->files->gguf = gguf_open(path, err);
	if (!k.g)
		return err->code;
	if (!gguf_tensors(k.g))
		return err_set(err, ERR_FORMAT,
			       "%s: holds no tensors, only a vocabulary: a tokenizer, no weights",
			       path);
	if (read_config(&k) || list_tensors(l, path, err))
		return err->code;
	find_biases(l, bias);
	return llama_fill(l, path, &names, bias, err);
}

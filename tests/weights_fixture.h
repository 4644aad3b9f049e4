/* SPDX-License-Identifier: Apache-2.0
 * Tiny models with random weights, written in every form weights are distributed in: a
 * Hugging Face folder (one file or shards), GGUF of every type, llama2.c's .bin.  What a
 * reader must find is in value[]: exactly what the written bytes mean.
 */
#ifndef TESTS_WEIGHTS_FIXTURE_H
#define TESTS_WEIGHTS_FIXTURE_H

#include "tests/test.h"

#include "harness/base/gguf.h"
#include "harness/base/json.h"
#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "models/backbone/llama.h"
#include "models/backbone/safetensors.h"

struct fixture_tensor {
	char hf[80], gguf[64];
	int rows, cols; /* cols 0: a vector of rows */
	enum weight_type type;
	bool rotated; /* rows of queries and keys: their order depends on the format */
	float *value;
	unsigned char *bytes;
	size_t n_bytes;
};

/* Rows in Hugging Face order: a head's angles turn halves. */
struct fixture {
	struct llama_config cfg;
	struct fixture_tensor *t; /* embedding, layers, norm, head (untied) */
	int n;
	struct err err;
};

/* A small model with shared key-value heads; every size a multiple of 32. */
static inline struct llama_config fixture_config(void)
{
	return (struct llama_config){ .arch = "llama",
				      .vocab = 96,
				      .dim = 64,
				      .layers = 2,
				      .heads = 4,
				      .kv_heads = 2,
				      .head_dim = 16,
				      .ff = 96,
				      .context = 64,
				      .norm_eps = 1e-5,
				      .rope_theta = 10000,
				      .bos = 1,
				      .eos = 2 };
}

/* The same with rows of whole blocks of 256. */
static inline struct llama_config fixture_config_256(void)
{
	struct llama_config c = fixture_config();

	c.dim = 256;
	c.head_dim = 64;
	c.ff = 512;
	return c;
}

/* Blocks of the K types with any bits but small scales: nobody need encode them. */
static inline void fixture_k_blocks(struct rng *rng, enum weight_type type, unsigned char *p,
				    size_t n)
{
	const size_t block = type == WEIGHT_Q4_K ? 144 : 210;
	const uint16_t half = type == WEIGHT_Q4_K ? 0x0c00 : 0x0400; /* 2^-12, 2^-14 */

	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)rng_below(rng, 256);
	for (size_t i = 0; i < n; i += block) {
		if (type == WEIGHT_Q4_K) {
			memcpy(p + i, &half, 2);
			memcpy(p + i + 2, &half, 2);
		} else {
			memcpy(p + i + 208, &half, 2);
		}
	}
}

static inline void fixture_add(struct fixture *f, struct rng *rng, enum weight_type type, int rows,
			       int cols, double mean, double spread, const char *hf,
			       const char *gguf)
{
	struct fixture_tensor *t = &f->t[f->n++];
	size_t n = (size_t)rows * (size_t)(cols ? cols : 1);

	*t = (struct fixture_tensor){ .rows = rows, .cols = cols, .type = type };
	CHECK(str_copy(t->hf, sizeof(t->hf), hf) && str_copy(t->gguf, sizeof(t->gguf), gguf));
	t->rotated = strstr(gguf, "attn_q.") || strstr(gguf, "attn_k.");
	t->n_bytes = weight_row_bytes(type, cols ? cols : rows) * (size_t)(cols ? rows : 1);
	CHECK(t->n_bytes && NEW_ARRAY(t->value, n) && NEW_ARRAY(t->bytes, t->n_bytes));
	for (size_t i = 0; i < n; i++)
		t->value[i] = (float)(mean + spread * rng_normal(rng));
	if (!weight_encode(type, t->value, t->bytes, n))
		fixture_k_blocks(rng, type, t->bytes, t->n_bytes);
	weight_decode(type, t->bytes, t->value, n);
}

static inline void fixture_add_layer(struct fixture *f, struct rng *rng, int layer,
				     enum weight_type matrices, enum weight_type vectors)
{
	const struct llama_config *c = &f->cfg;
	const int q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
	const struct {
		const char *hf, *gguf;
		int rows, cols;
		int bias; /* 1: has one */
	} lin[] = {
		{ "self_attn.q_proj", "attn_q", q, c->dim, c->qkv_bias },
		{ "self_attn.k_proj", "attn_k", kv, c->dim, c->qkv_bias },
		{ "self_attn.v_proj", "attn_v", kv, c->dim, c->qkv_bias },
		/* LLaMA's attention_bias means all four */
		{ "self_attn.o_proj", "attn_output", c->dim, q,
		  c->qkv_bias && !strcmp(c->arch, "llama") },
		{ "mlp.gate_proj", "ffn_gate", c->ff, c->dim, 0 },
		{ "mlp.up_proj", "ffn_up", c->ff, c->dim, 0 },
		{ "mlp.down_proj", "ffn_down", c->dim, c->ff, 0 },
		{ "input_layernorm", "attn_norm", c->dim, 0, 0 },
		{ "post_attention_layernorm", "ffn_norm", c->dim, 0, 0 },
	};
	char hf[80], gguf[64];

	for (size_t i = 0; i < ARRAY_LEN(lin); i++) {
		int cols = lin[i].cols;

		for (int bias = 0; bias <= lin[i].bias; bias++) {
			const char *end = bias ? "bias" : "weight";

			CHECK(str_format(hf, sizeof(hf), "model.layers.%d.%s.%s", layer, lin[i].hf,
					 end));
			CHECK(str_format(gguf, sizeof(gguf), "blk.%d.%s.%s", layer, lin[i].gguf,
					 end));
			fixture_add(f, rng, bias || !cols ? vectors : matrices, lin[i].rows,
				    bias ? 0 : cols, cols ? 0 : 1, cols ? 0.1 : 0.2, hf, gguf);
		}
	}
}

static inline void fixture_make(struct fixture *f, const struct llama_config *cfg,
				enum weight_type matrices, enum weight_type vectors, uint64_t seed)
{
	struct rng rng;

	*f = (struct fixture){ .cfg = *cfg };
	rng_seed(&rng, seed, 0);
	CHECK(NEW_ARRAY(f->t, 3 + (size_t)cfg->layers * 13));
	fixture_add(f, &rng, matrices, cfg->vocab, cfg->dim, 0, 0.5, "model.embed_tokens.weight",
		    "token_embd.weight");
	for (int i = 0; i < cfg->layers; i++)
		fixture_add_layer(f, &rng, i, matrices, vectors);
	fixture_add(f, &rng, vectors, cfg->dim, 0, 1, 0.2, "model.norm.weight",
		    "output_norm.weight");
	if (!cfg->tied)
		fixture_add(f, &rng, matrices, cfg->vocab, cfg->dim, 0, 0.1, "lm_head.weight",
			    "output.weight");
}

static inline void fixture_free(struct fixture *f)
{
	for (int i = 0; i < f->n; i++) {
		free(f->t[i].value);
		free(f->t[i].bytes);
	}
	free(f->t);
	*f = (struct fixture){ 0 };
}

/* By its Hugging Face name; NULL when there is none. */
static inline struct fixture_tensor *fixture_find(struct fixture *f, const char *hf)
{
	for (int i = 0; i < f->n; i++)
		if (!strcmp(f->t[i].hf, hf))
			return &f->t[i];
	return NULL;
}

/* Row of a tensor in a format whose rotation turns neighbours -> row in Hugging Face order. */
static inline int fixture_row(const struct fixture *f, const struct fixture_tensor *t, bool pairs,
			      int row)
{
	int h = f->cfg.head_dim, in = row % h;

	return pairs && t->rotated ? row - in + in / 2 + in % 2 * (h / 2) : row;
}

/* --- Hugging Face ---------------------------------------------------------------------------- */

/* config.json as transformers writes it. */
static inline void fixture_write_config(struct fixture *f, const char *dir)
{
	const struct llama_config *c = &f->cfg;
	char *path = path_join(dir, "config.json");
	bool qwen = !strcmp(c->arch, "qwen2");
	struct strbuf out = { 0 };
	struct json_writer w;

	json_begin(&w, &out, 2);
	json_open_object(&w, NULL);
	json_open_array(&w, "architectures");
	json_put_str(&w, NULL, qwen ? "Qwen2ForCausalLM" : "LlamaForCausalLM");
	json_close_array(&w);
	if (!qwen)
		json_put_bool(&w, "attention_bias", c->qkv_bias);
	json_put_int(&w, "bos_token_id", c->bos);
	json_put_int(&w, "eos_token_id", c->eos);
	json_put_int(&w, "head_dim", c->head_dim);
	json_put_str(&w, "hidden_act", "silu");
	json_put_int(&w, "hidden_size", c->dim);
	json_put_int(&w, "intermediate_size", c->ff);
	json_put_int(&w, "max_position_embeddings", c->context);
	json_put_str(&w, "model_type", c->arch);
	json_put_int(&w, "num_attention_heads", c->heads);
	json_put_int(&w, "num_hidden_layers", c->layers);
	json_put_int(&w, "num_key_value_heads", c->kv_heads);
	json_put_num(&w, "rms_norm_eps", c->norm_eps);
	if (c->rope.factor > 0) {
		json_open_object(&w, "rope_scaling");
		json_put_str(&w, "rope_type", "llama3");
		json_put_num(&w, "factor", c->rope.factor);
		json_put_num(&w, "low_freq_factor", c->rope.low_freq_factor);
		json_put_num(&w, "high_freq_factor", c->rope.high_freq_factor);
		json_put_int(&w, "original_max_position_embeddings", c->rope.original_context);
		json_close_object(&w);
	}
	json_put_num(&w, "rope_theta", c->rope_theta);
	json_put_bool(&w, "tie_word_embeddings", c->tied);
	json_put_int(&w, "vocab_size", c->vocab);
	json_close_object(&w);
	CHECK(path && !out.oom);
	io_write_atomic(path, out.s, out.len, &f->err);
	CHECK_OK(&f->err);
	strbuf_free(&out);
	free(path);
}

static inline void fixture_write_shard(struct fixture *f, const char *dir, const char *name,
				       int first, int n)
{
	char *path = path_join(dir, name);
	struct safetensor *s;

	CHECK(path && NEW_ARRAY(s, (size_t)n));
	for (int i = 0; i < n; i++) {
		const struct fixture_tensor *t = &f->t[first + i];

		s[i] = (struct safetensor){ .name = t->hf,
					    .type = t->type,
					    .n_dim = t->cols ? 2 : 1,
					    .dim = { t->rows, t->cols ? t->cols : 1, 1, 1 },
					    .data = t->bytes,
					    .bytes = t->n_bytes };
	}
	safetensors_write(path, s, n, &f->err);
	CHECK_OK(&f->err);
	free(s);
	free(path);
}

/* config.json with model.safetensors, or with this many shards and their index. */
static inline void fixture_write_hf(struct fixture *f, const char *dir, int shards)
{
	char *path = path_join(dir, "model.safetensors.index.json"), name[64];
	struct strbuf out = { 0 };
	struct json_writer w;

	fixture_write_config(f, dir);
	if (shards < 2)
		fixture_write_shard(f, dir, "model.safetensors", 0, f->n);
	json_begin(&w, &out, 2);
	json_open_object(&w, NULL);
	json_open_object(&w, "weight_map");
	for (int k = 0; k < shards && shards > 1; k++) {
		int first = f->n * k / shards, end = f->n * (k + 1) / shards;

		CHECK(str_format(name, sizeof(name), "model-%05d-of-%05d.safetensors", k + 1,
				 shards));
		fixture_write_shard(f, dir, name, first, end - first);
		for (int i = first; i < end; i++)
			json_put_str(&w, f->t[i].hf, name);
	}
	json_close_object(&w);
	json_close_object(&w);
	CHECK(path && !out.oom);
	if (shards > 1)
		io_write_atomic(path, out.s, out.len, &f->err);
	CHECK_OK(&f->err);
	strbuf_free(&out);
	free(path);
}

/* --- GGUF ------------------------------------------------------------------------------------ */

static inline void gguf_put_u32(struct strbuf *b, uint32_t v)
{
	strbuf_addn(b, (const char *)&v, sizeof(v));
}

static inline void gguf_put_u64(struct strbuf *b, uint64_t v)
{
	strbuf_addn(b, (const char *)&v, sizeof(v));
}

static inline void gguf_put_text(struct strbuf *b, const char *s)
{
	gguf_put_u64(b, strlen(s));
	strbuf_add(b, s);
}

static inline void gguf_put_key_u32(struct strbuf *b, const char *key, uint32_t v)
{
	gguf_put_text(b, key);
	gguf_put_u32(b, 4);
	gguf_put_u32(b, v);
}

static inline void gguf_put_key_f32(struct strbuf *b, const char *key, float v)
{
	gguf_put_text(b, key);
	gguf_put_u32(b, 6);
	strbuf_addn(b, (const char *)&v, sizeof(v));
}

static inline void gguf_put_key_text(struct strbuf *b, const char *key, const char *v)
{
	gguf_put_text(b, key);
	gguf_put_u32(b, 8);
	gguf_put_text(b, v);
}

static inline void gguf_put_padding(struct strbuf *b, size_t align)
{
	while (b->len % align && !b->oom)
		strbuf_addc(b, 0);
}

static inline uint32_t fixture_gguf_type(enum weight_type type)
{
	static const uint32_t number[WEIGHT_TYPES] = {
		[WEIGHT_F32] = GGUF_F32,   [WEIGHT_F16] = GGUF_F16,   [WEIGHT_BF16] = GGUF_BF16,
		[WEIGHT_Q8_0] = GGUF_Q8_0, [WEIGHT_Q4_0] = GGUF_Q4_0, [WEIGHT_Q4_K] = GGUF_Q4_K,
		[WEIGHT_Q6_K] = GGUF_Q6_K,
	};

	return number[type];
}

static inline void fixture_put_keys(struct strbuf *b, const struct llama_config *c)
{
	const struct {
		const char *key;
		int v;
	} whole[] = {
		{ "context_length", c->context },
		{ "embedding_length", c->dim },
		{ "block_count", c->layers },
		{ "feed_forward_length", c->ff },
		{ "rope.dimension_count", c->head_dim },
		{ "attention.head_count", c->heads },
		{ "attention.head_count_kv", c->kv_heads },
		{ "attention.key_length", c->head_dim },
	};
	char key[64];

	gguf_put_key_text(b, "general.architecture", c->arch);
	for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
		CHECK(str_format(key, sizeof(key), "%s.%s", c->arch, whole[i].key));
		gguf_put_key_u32(b, key, (uint32_t)whole[i].v);
	}
	CHECK(str_format(key, sizeof(key), "%s.attention.layer_norm_rms_epsilon", c->arch));
	gguf_put_key_f32(b, key, (float)c->norm_eps);
	CHECK(str_format(key, sizeof(key), "%s.rope.freq_base", c->arch));
	gguf_put_key_f32(b, key, (float)c->rope_theta);
	gguf_put_key_u32(b, "tokenizer.ggml.bos_token_id", (uint32_t)c->bos);
	gguf_put_key_u32(b, "tokenizer.ggml.eos_token_id", (uint32_t)c->eos);
}
enum { FIXTURE_GGUF_KEYS = 13 };

/* As llama.cpp's converter: architecture llama has its query and key rows turned in pairs. */
static inline void fixture_gguf_bytes(struct fixture *f, struct strbuf *b)
{
	bool pairs = !strcmp(f->cfg.arch, "llama");
	uint64_t at = 0;

	strbuf_add(b, "GGUF");
	gguf_put_u32(b, 3);
	gguf_put_u64(b, (uint64_t)f->n);
	gguf_put_u64(b, FIXTURE_GGUF_KEYS);
	fixture_put_keys(b, &f->cfg);
	for (int i = 0; i < f->n; i++) {
		const struct fixture_tensor *t = &f->t[i];

		gguf_put_text(b, t->gguf);
		gguf_put_u32(b, t->cols ? 2 : 1);
		if (t->cols)
			gguf_put_u64(b, (uint64_t)t->cols);
		gguf_put_u64(b, (uint64_t)t->rows);
		gguf_put_u32(b, fixture_gguf_type(t->type));
		gguf_put_u64(b, at);
		at += (t->n_bytes + 31) / 32 * 32;
	}
	gguf_put_padding(b, 32);
	for (int i = 0; i < f->n; i++) {
		const struct fixture_tensor *t = &f->t[i];
		size_t row = t->n_bytes / (size_t)t->rows;

		for (int r = 0; r < t->rows; r++)
			strbuf_addn(b,
				    (const char *)t->bytes +
					    (size_t)fixture_row(f, t, pairs, r) * row,
				    row);
		gguf_put_padding(b, 32);
	}
	CHECK(!b->oom);
}

static inline void fixture_write_gguf(struct fixture *f, const char *path)
{
	struct strbuf b = { 0 };

	fixture_gguf_bytes(f, &b);
	io_write_atomic(path, b.s, b.len, &f->err);
	CHECK_OK(&f->err);
	strbuf_free(&b);
}

/* --- llama2.c -------------------------------------------------------------------------------- */

/* All tensors whose name ends so, in the order of the layers. */
static inline void fixture_put_bin(struct fixture *f, struct strbuf *b, const char *end)
{
	for (int i = 0; i < f->n; i++) {
		const struct fixture_tensor *t = &f->t[i];
		size_t row = t->n_bytes / (size_t)t->rows;

		CHECK(t->type == WEIGHT_F32);
		for (int r = 0; r < t->rows && str_ends(t->hf, end); r++)
			strbuf_addn(b,
				    (const char *)t->bytes +
					    (size_t)fixture_row(f, t, true, r) * row,
				    row);
	}
}

/* Needs fp32 tensors, no biases and heads * head_dim == dim. */
static inline void fixture_bin_bytes(struct fixture *f, struct strbuf *b)
{
	static const char *const order[] = {
		"embed_tokens.weight",
		"input_layernorm.weight",
		"q_proj.weight",
		"k_proj.weight",
		"v_proj.weight",
		"o_proj.weight",
		"post_attention_layernorm.weight",
		"gate_proj.weight",
		"down_proj.weight",
		"up_proj.weight",
		"model.norm.weight",
	};
	const struct llama_config *c = &f->cfg;
	const int32_t head[] = { c->dim,    c->ff,	 c->layers,
				 c->heads,  c->kv_heads, c->tied ? c->vocab : -c->vocab,
				 c->context };

	strbuf_addn(b, (const char *)head, sizeof(head));
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		fixture_put_bin(f, b, order[i]);
	for (int i = 0; i < c->context * c->head_dim; i++)
		gguf_put_u32(b, 0);
	fixture_put_bin(f, b, "lm_head.weight");
	CHECK(!b->oom);
}

static inline void fixture_write_bin(struct fixture *f, const char *path)
{
	struct strbuf b = { 0 };

	fixture_bin_bytes(f, &b);
	io_write_atomic(path, b.s, b.len, &f->err);
	CHECK_OK(&f->err);
	strbuf_free(&b);
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Models that must not open: configurations that ask for what is not computed, files that
 * do not hold what their configuration says, files cut short or written over.
 */
#include "tests/weights_fixture.h"

#include <unistd.h>

/* Replaces the one place where `from` stands in the file. */
static void edit(const char *path, const char *from, const char *to)
{
	struct err err = { 0 };
	struct strbuf b = { 0 };
	char *s = NULL;
	const char *at;
	size_t n;

	io_read_file(path, 1 << 24, &s, &n, &err);
	CHECK_OK(&err);
	at = strstr(s, from);
	if (!at)
		fail_msg("no %s in %s", from, s);
	strbuf_addn(&b, s, (size_t)(at - s));
	strbuf_add(&b, to);
	strbuf_add(&b, at + strlen(from));
	io_write_atomic(path, b.s, b.len, &err);
	CHECK_OK(&err);
	strbuf_free(&b);
	free(s);
}

static void refuse(const char *path, int code, const char *text)
{
	struct err err = { 0 };
	struct llama *l = llama_open(path, &err);

	if (l)
		fail_msg("opened, but: %s", text);
	CHECK_ERR(&err, code, text);
}

static void test_config_refused(void **state)
{
	static const struct {
		const char *from, *to, *text;
	} t[] = {
		{ "LlamaForCausalLM", "GemmaForCausalLM", "'GemmaForCausalLM' is not read" },
		{ "\"silu\"", "\"gelu\"", "hidden_act 'gelu'" },
		{ "\"hidden_size\": 64", "\"hidden_size\": 0", "hidden_size" },
		{ "\"hidden_size\": 64", "\"hidden_size\": -64", "hidden_size" },
		{ "\"hidden_size\": 64", "\"hidden_size\": 64.5", "hidden_size" },
		{ "\"hidden_size\": 64", "\"hidden_size\": \"64\"", "hidden_size" },
		{ "\"hidden_size\": 64", "\"hidden_size\": 1e9", "the width is" },
		{ "\"hidden_size\": 64", "\"hidden_size\": 1e12", "hidden_size" },
		{ "\"hidden_size\": 64", "\"hidden_size\": 32", "is (96, 64); the configuration" },
		{ "\"vocab_size\": 96", "\"vocab_size\": 97", "asks for (97, 64)" },
		{ "\"vocab_size\": 96", "\"vocab\": 96", "vocab_size" },
		{ "\"intermediate_size\": 96", "\"intermediate_size\": 95",
		  "gate_proj.weight' is" },
		{ "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", "cannot share" },
		{ "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 4", "k_proj.weight' is" },
		{ "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3",
		  "'model.layers.2.self_attn.q_proj.weight' is missing" },
		{ "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1", "has no place" },
		{ "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1000000", "layers" },
		{ "\"attention_bias\": false", "\"attention_bias\": true", "bias' is missing" },
		{ "\"attention_bias\": false", "\"attention_bias\": 0", "neither true nor false" },
		{ "\"attention_bias\": false", "\"mlp_bias\": true", "gate_proj.bias' is missing" },
		{ "\"head_dim\": 16", "\"head_dim\": 15", "heads of width 15" },
		{ "\"head_dim\": 16", "\"head_dim\": 32", "q_proj.weight' is" },
		{ "\"rope_theta\": 10000", "\"rope_theta\": 0", "rope_theta" },
		{ "\"rope_theta\": 10000",
		  "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}",
		  "rope_scaling of type 'linear'" },
		{ "\"rope_theta\": 10000", "\"rope_scaling\": {\"rope_type\": \"llama3\"}",
		  "rope_scaling llama3" },
		{ "\"rope_theta\": 10000", "\"rope_scaling\": {\"factor\": 2}", "type ''" },
		{ "\"rope_theta\": 10000", "\"partial_rotary_factor\": 0.5",
		  "partial_rotary_factor" },
		{ "\"rope_theta\": 10000", "\"quantization_config\": {\"quant_method\": \"gptq\"}",
		  "quantised by gptq" },
		{ "\"bos_token_id\": 1", "\"bos_token_id\": 96", "not in the vocabulary" },
		{ "\"eos_token_id\": 2", "\"eos_token_id\": [-7]", "eos_token_id" },
		{ "\"eos_token_id\": 2", "\"eos_token_id\": [2, 96]", "end token 96" },
		{ "\"eos_token_id\": 2", "\"eos_token_id\": [1, 2, 3, 4, 5, 6, 7, 8, 9]",
		  "more than 8" },
		{ "\"tie_word_embeddings\": false", "\"tie_word_embeddings\": 1", "tie_word" },
		{ "\"rms_norm_eps\"", "\"rms_norm_eps\": 0, \"x\"", "epsilon" },
		{ "{", "[", "not valid JSON" },
		{ "\"vocab_size\": 96", "\"vocab_size\": 96, \"vocab_size\": 96", "twice" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char *dir = scratch_make(), *path = path_join(dir, "config.json");
		struct llama_config c = fixture_config();
		struct fixture f;

		fixture_make(&f, &c, WEIGHT_BF16, WEIGHT_BF16, 1);
		fixture_write_hf(&f, dir, 1);
		edit(path, t[i].from, t[i].to);
		refuse(dir, ERR_FORMAT, t[i].text);
		fixture_free(&f);
		free(path);
		scratch_remove(dir);
	}
}

/* What is written in other ways and means the same, or what is computed exactly all the same. */
static void test_config_read(void **state)
{
	static const struct {
		const char *from, *to;
		int eos, context;
		double theta, factor;
	} t[] = {
		{ "\"eos_token_id\": 2", "\"eos_token_id\": [5, 6]", 5, 64, 1e4, 0 },
		{ "\"eos_token_id\": 2", "\"eos_token_id\": null", -1, 64, 1e4, 0 },
		{ "\"architectures\"", "\"names\"", 2, 64, 1e4, 0 },
		{ "\"head_dim\": 16", "\"head_dim\": null", 2, 64, 1e4, 0 },
		{ "\"rope_theta\": 10000", "\"rope_scaling\": null", 2, 64, 1e4, 0 },
		{ "\"rope_theta\": 10000",
		  "\"rope_parameters\": {\"rope_theta\": 5e5, \"rope_type\": \"default\"}", 2, 64,
		  5e5, 0 },
		{ "\"rope_theta\": 10000",
		  "\"rope_scaling\": {\"type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1, "
		  "\"high_freq_factor\": 4, \"original_max_position_embeddings\": 32}",
		  2, 64, 1e4, 8 },
		{ "LlamaForCausalLM\"\n  ],", "MistralForCausalLM\"\n  ], \"sliding_window\": 48,",
		  2, 48, 1e4, 0 },
		{ "LlamaForCausalLM\"\n  ],",
		  "MistralForCausalLM\"\n  ], \"sliding_window\": null,", 2, 64, 1e4, 0 },
	};
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char *dir = scratch_make(), *path = path_join(dir, "config.json");
		char *file = path_join(dir, "model.safetensors");
		struct llama_config c = fixture_config();
		struct fixture f;
		struct llama *l;

		fixture_make(&f, &c, WEIGHT_BF16, WEIGHT_BF16, 1);
		fixture_write_hf(&f, dir, 1);
		edit(path, t[i].from, t[i].to);
		l = llama_open(i % 2 ? dir : file, &err);
		CHECK_OK(&err);
		CHECK(l->cfg.eos == t[i].eos && l->cfg.context == t[i].context);
		CHECK(l->cfg.n_more_eos == (t[i].eos == 5) &&
		      l->cfg.more_eos[0] == (t[i].eos == 5 ? 6 : 0));
		CHECK(l->cfg.rope_theta == t[i].theta && l->cfg.rope.factor == t[i].factor);
		CHECK(!strcmp(l->types, "bf16 (21)"));
		llama_close(l);
		fixture_free(&f);
		free(path);
		free(file);
		scratch_remove(dir);
	}
}

/* LLaMA-3's definition in its three cases, written out. */
static void test_frequencies(void **state)
{
	struct llama l = { .cfg = { .head_dim = 128, .rope_theta = 500000 } };
	const double old = 8192, factor = 8, low = 1, high = 4;
	float divisor[64];
	double f[64];

	(void)state;
	llama_frequencies(&l, f);
	for (int i = 0; i < 64; i++)
		CHECK_NEAR(f[i], pow(500000, -i / 64.0), 1e-12);
	l.cfg.rope = (struct rope_scaling){ factor, low, high, 8192 };
	llama_frequencies(&l, f);
	for (int i = 0; i < 64; i++) {
		double plain = pow(500000, -i / 64.0), wave = 2 * acos(-1) / plain, want = plain;
		double smooth = (old / wave - low) / (high - low);

		if (wave > old / low)
			want = plain / factor;
		else if (wave >= old / high)
			want = (1 - smooth) * plain / factor + smooth * plain;
		CHECK_NEAR(f[i] / want, 1, 1e-12);
		divisor[i] = (float)(plain / want);
	}
	CHECK(f[0] == 1 && divisor[63] == 8);
	l.cfg.rope = (struct rope_scaling){ 0 };
	l.rope_divisor = divisor;
	llama_frequencies(&l, f);
	CHECK_NEAR(f[63], pow(500000, -63 / 64.0) / 8, 1e-18);
}

/* --- tensors --------------------------------------------------------------------------------- */

/* As fixture_find(), at a name of the first layer or outside. */
static struct fixture_tensor *part(struct fixture *f, const char *hf)
{
	struct fixture_tensor *t = fixture_find(f, hf);

	CHECK(t);
	return t;
}

static void put_empty(const char *dir, const char *name)
{
	char *path = path_join(dir, name);
	struct err err = { 0 };

	io_write_atomic(path, "", 0, &err);
	CHECK_OK(&err);
	free(path);
}

static void test_hf_tensors(void **state)
{
	char *dir = scratch_make();
	struct llama_config c = fixture_config();
	const uint16_t nan_bits = 0x7fc0, inf_bits = 0xff80;
	struct fixture_tensor *t;
	struct fixture f;

	(void)state;
	refuse(dir, ERR_MISSING, "holds no config.json; a folder must be");
	put_empty(dir, "x.gguf");
	refuse(dir, ERR_MISSING, "to open x.gguf, name the file");
	put_empty(dir, "adapter_config.json");
	refuse(dir, ERR_MISSING, "holds an adapter, no model");
	fixture_make(&f, &c, WEIGHT_BF16, WEIGHT_BF16, 1);
	fixture_write_config(&f, dir);
	refuse(dir, ERR_MISSING, "neither model.safetensors nor");

	t = part(&f, "model.layers.1.input_layernorm.weight");
	memcpy(t->bytes + 6, &nan_bits, 2);
	fixture_write_hf(&f, dir, 1);
	refuse(dir, ERR_DATA, "'model.layers.1.input_layernorm.weight': value 3 is not finite");
	memcpy(t->bytes + 6, &inf_bits, 2);
	fixture_write_hf(&f, dir, 1);
	refuse(dir, ERR_DATA, "value 3 is not finite");
	memcpy(t->bytes + 6, t->bytes, 2);

	t = part(&f, "model.layers.0.input_layernorm.weight");
	CHECK(str_copy(t->hf, sizeof(t->hf), "model.layers.0.self_attn.q_norm.weight"));
	fixture_write_hf(&f, dir, 1);
	refuse(dir, ERR_FORMAT, "'model.layers.0.input_layernorm.weight' is missing");
	fixture_free(&f);
	scratch_remove(dir);
}

/* Rotary frequencies and a tied model's second head say nothing; all else must have a place. */
static void test_hf_left_over(void **state)
{
	static const struct {
		const char *name;
		bool ok;
	} t[] = {
		{ "model.layers.0.self_attn.rotary_emb.inv_freq", true },
		{ "lm_head.weight", true },
		{ "model.layers.0.self_attn.q_proj.bias", false },
		{ "score.weight", false },
	};
	struct llama_config c = fixture_config();

	(void)state;
	c.tied = true;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char *dir = scratch_make();
		struct err err = { 0 };
		struct fixture f;
		struct llama *l;
		struct rng rng;

		rng_seed(&rng, 1, 0);
		fixture_make(&f, &c, WEIGHT_F16, WEIGHT_F16, 1);
		fixture_add(&f, &rng, WEIGHT_F16, 8, 0, 0, 1, t[i].name, "x");
		fixture_write_hf(&f, dir, 1);
		l = llama_open(dir, &err);
		CHECK(!l == !t[i].ok);
		if (l)
			CHECK(!strcmp(l->types, "f16 (20)"));
		else
			CHECK_ERR(&err, ERR_FORMAT, "has no place");
		llama_close(l);
		fixture_free(&f);
		scratch_remove(dir);
	}
}

static void test_shards(void **state)
{
	static const struct {
		const char *from, *to, *text;
		int code;
	} t[] = {
		{ "model-00001-of-00002", "../x/model-00001", "no safetensors file of this folder",
		  -3 },
		{ "model-00001-of-00002.safetensors", "model.bin", "no safetensors file", -3 },
		{ "model-00001-of-00002", "model-00003-of-00003", "No such file", -5 },
		{ "model-00001-of-00002", "model-00002-of-00002", "embed_tokens.weight' is not in",
		  -3 },
		{ "\"lm_head.weight\": \"model-00002-of-00002.safetensors\"", "\"x\": 1",
		  "is said to be in ''", -3 },
		{ ",\n    \"lm_head.weight\": \"model-00002-of-00002.safetensors\"", "",
		  "lists 20 tensors, its files hold 21", -3 },
		{ "weight_map", "weights", "weight_map is missing", -3 },
	};
	struct llama_config c = fixture_config();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		char *dir = scratch_make();
		char *index = path_join(dir, "model.safetensors.index.json");
		struct fixture f;

		fixture_make(&f, &c, WEIGHT_F16, WEIGHT_F16, 1);
		fixture_write_hf(&f, dir, 2);
		edit(index, t[i].from, t[i].to);
		refuse(dir, t[i].code, t[i].text);
		fixture_free(&f);
		free(index);
		scratch_remove(dir);
	}
}

/* The bytes of a file with n of them at `at` written over. */
static void refuse_bytes(const struct strbuf *whole, size_t at, const void *v, size_t n,
			 const char *name, int code, const char *text)
{
	char *dir = scratch_make(), *path = path_join(dir, name);
	struct err err = { 0 };
	struct strbuf b = { 0 };

	strbuf_addn(&b, whole->s, whole->len);
	CHECK(!b.oom && at + n <= b.len);
	memcpy(b.s + at, v, n);
	io_write_atomic(path, b.s, b.len, &err);
	CHECK_OK(&err);
	refuse(path, code, text);
	strbuf_free(&b);
	free(path);
	scratch_remove(dir);
}

/* Where the value of a key of four bytes lies in a GGUF file. */
static size_t value_at(const struct strbuf *b, const char *key)
{
	for (size_t i = 0; i + strlen(key) < b->len; i++)
		if (!memcmp(b->s + i, key, strlen(key)))
			return i + strlen(key) + 4;
	fail_msg("no key %s", key);
	return 0;
}

static void test_gguf_models(void **state)
{
	static const struct {
		const char *key;
		uint32_t v;
		const char *text;
	} t[] = {
		{ "llama.embedding_length", 0, "missing or not" },
		{ "llama.embedding_length", 128, "the configuration asks for" },
		{ "llama.block_count", 1, "has no place" },
		{ "llama.block_count", 3, "'blk.2.attn_q.weight' is missing" },
		{ "llama.block_count", UINT32_MAX, "missing or not" },
		{ "llama.feed_forward_length", 64, "asks for (64, 64)" },
		{ "llama.attention.head_count", 3, "cannot share" },
		{ "llama.attention.head_count_kv", 4, "attn_k.weight' is (32, 64)" },
		{ "llama.rope.dimension_count", 8, "a part of each head" },
		{ "llama.attention.layer_norm_rms_epsilon", 0, "epsilon" },
		{ "llama.rope.freq_base", 0x7fc00000, "rope_theta" },
		{ "tokenizer.ggml.bos_token_id", 96, "not in the vocabulary" },
	};
	struct llama_config c = fixture_config();
	struct strbuf b = { 0 };
	struct fixture f;

	(void)state;
	fixture_make(&f, &c, WEIGHT_Q8_0, WEIGHT_F32, 1);
	fixture_gguf_bytes(&f, &b);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		refuse_bytes(&b, value_at(&b, t[i].key), &t[i].v, 4, "m.gguf", ERR_FORMAT,
			     t[i].text);
	refuse_bytes(&b, value_at(&b, "general.architecture") + 8, "gemma", 5, "m.gguf", ERR_FORMAT,
		     "architecture 'gemma' is not read");
	refuse_bytes(&b, value_at(&b, "llama.context_length") - 4, "x", 1, "m.gguf", ERR_FORMAT,
		     "unknown kind");
	strbuf_free(&b);
	fixture_free(&f);
}

/* Stretched rotations in the ways that are not computed here: one more key in front. */
static void test_gguf_scaling(void **state)
{
	static const struct {
		const char *key, *word; /* word NULL: the number 2 */
		const char *text;
	} t[] = {
		{ "llama.rope.scaling.type", "yarn", "type 'yarn' is not read" },
		{ "llama.rope.scaling.factor", NULL, "linear rope scaling" },
		{ "llama.rope.scale_linear", NULL, "linear rope scaling" },
	};
	const size_t header = 24; /* up to the first key; the number of keys ends it */
	struct llama_config c = fixture_config();
	struct strbuf whole = { 0 };
	struct fixture f;

	(void)state;
	fixture_make(&f, &c, WEIGHT_Q8_0, WEIGHT_F32, 1);
	fixture_gguf_bytes(&f, &whole);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct strbuf b = { 0 };

		strbuf_addn(&b, whole.s, header - 8);
		gguf_put_u64(&b, FIXTURE_GGUF_KEYS + 1);
		if (t[i].word)
			gguf_put_key_text(&b, t[i].key, t[i].word);
		else
			gguf_put_key_f32(&b, t[i].key, 2);
		strbuf_addn(&b, whole.s + header, whole.len - header);
		for (int k = 0; k < 64; k++) /* the data begins behind other padding now */
			strbuf_addc(&b, '\0');
		refuse_bytes(&b, 0, b.s, 1, "m.gguf", ERR_FORMAT, t[i].text);
		strbuf_free(&b);
	}
	strbuf_free(&whole);
	fixture_free(&f);
}

/* LLaMA-3.1 as converters write it: a tensor of divisors, which must be positive. */
static void test_gguf_divisors(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "m.gguf");
	struct llama_config c = fixture_config();
	struct err err = { 0 };
	double f[8], plain[8];
	struct fixture x;
	struct llama *l;
	struct rng rng;

	(void)state;
	rng_seed(&rng, 1, 0);
	fixture_make(&x, &c, WEIGHT_F16, WEIGHT_F32, 1);
	fixture_add(&x, &rng, WEIGHT_F32, 8, 0, 4, 0.5, "x", "rope_freqs.weight");
	fixture_write_gguf(&x, path);
	l = llama_open(path, &err);
	CHECK_OK(&err);
	llama_frequencies(l, f);
	l->rope_divisor = NULL;
	llama_frequencies(l, plain);
	for (int i = 0; i < 8; i++)
		CHECK_NEAR(plain[i] / f[i], x.t[x.n - 1].value[i], 1e-6);
	llama_close(l);
	memset(x.t[x.n - 1].bytes + 12, 0, 4);
	fixture_write_gguf(&x, path);
	refuse(path, ERR_DATA, "value 3 is not positive");
	fixture_free(&x);
	free(path);
	scratch_remove(dir);
}

/* Cut at any length a file does not open, whatever its form, and nothing is read behind its end. */
static void refuse_prefixes(const struct strbuf *b, const char *name, size_t step)
{
	char *dir = scratch_make(), *path = path_join(dir, name);
	struct err err = { 0 };

	for (size_t n = 0; n < b->len; n += n < 3000 ? step : 997) {
		FILE *f = fopen(path, "wb");

		CHECK(f && (!n || fwrite(b->s, n, 1, f) == 1) && !fclose(f));
		CHECK(!llama_open(path, &err) && err.code);
		CHECK(strstr(err.msg, path));
		err = (struct err){ 0 };
	}
	free(path);
	scratch_remove(dir);
}

static void test_cut_short(void **state)
{
	struct llama_config c = fixture_config();
	struct strbuf b = { 0 };
	struct fixture f;

	(void)state;
	fixture_make(&f, &c, WEIGHT_F32, WEIGHT_F32, 1);
	fixture_bin_bytes(&f, &b);
	refuse_prefixes(&b, "m.bin", 41);
	strbuf_reset(&b);
	fixture_gguf_bytes(&f, &b);
	refuse_prefixes(&b, "m.gguf", 7);
	strbuf_free(&b);
	fixture_free(&f);
}

static void test_bin_refused(void **state)
{
	static const struct {
		int at;
		int32_t v;
		const char *text;
	} t[] = {
		{ 0, 0, "not a llama2.c file" },
		{ 0, -64, "not a llama2.c file" },
		{ 0, 0x616b3432, "llama2.c version" },
		{ 0, 128, "beyond the end" },
		{ 1, 95, "a llama2.c file of these numbers has" },
		{ 1, 0, "feed-forward" },
		{ 2, 1, "a llama2.c file of these numbers has" },
		{ 2, INT32_MAX, "layers" },
		{ 3, 0, "not a llama2.c file" },
		{ 3, 5, "not a llama2.c file" },
		{ 3, 64, "width of a head" },
		{ 4, 3, "cannot share" },
		{ 5, INT32_MIN, "not a llama2.c file" },
		{ 5, 0, "vocabulary" },
		{ 5, 96, "a llama2.c file of these numbers has" },
		{ 6, 65, "beyond the end" },
		{ 6, -1, "context" },
	};
	struct llama_config c = fixture_config();
	const float bad = NAN;
	struct strbuf b = { 0 };
	struct fixture f;

	(void)state;
	fixture_make(&f, &c, WEIGHT_F32, WEIGHT_F32, 1);
	fixture_bin_bytes(&f, &b);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		refuse_bytes(&b, 4 * (size_t)t[i].at, &t[i].v, 4, "m.bin", ERR_FORMAT, t[i].text);
	refuse_bytes(&b, 28 + 4 * 96 * 64 + 4, &bad, 4, "m.bin", ERR_DATA, "value 1 is not finite");
	strbuf_addc(&b, 0);
	refuse_bytes(&b, 0, b.s, 1, "m.bin", ERR_FORMAT, "a llama2.c file of these numbers has");
	strbuf_free(&b);
	fixture_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_refused), cmocka_unit_test(test_config_read),
		cmocka_unit_test(test_frequencies),    cmocka_unit_test(test_hf_tensors),
		cmocka_unit_test(test_hf_left_over),   cmocka_unit_test(test_shards),
		cmocka_unit_test(test_gguf_models),    cmocka_unit_test(test_gguf_scaling),
		cmocka_unit_test(test_gguf_divisors),  cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_bin_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

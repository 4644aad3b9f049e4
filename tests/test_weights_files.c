/* SPDX-License-Identifier: Apache-2.0
 * Weight files: what is written is read back bit for bit in every form and type, and what
 * is wrong with a file is named.
 */
#include "tests/weights_fixture.h"

#include <unistd.h>

#include "harness/base/mapped.h"

/* --- GGUF ------------------------------------------------------------------------------------ */

static void put_file(const char *path, const struct strbuf *b)
{
	struct err err = { 0 };

	CHECK(!b->oom);
	io_write_atomic(path, strbuf_str(b), b->len, &err);
	CHECK_OK(&err);
}

static void put_head(struct strbuf *b, uint64_t tensors, uint64_t keys)
{
	strbuf_reset(b);
	strbuf_add(b, "GGUF");
	gguf_put_u32(b, 3);
	gguf_put_u64(b, tensors);
	gguf_put_u64(b, keys);
}

/* A key of kind `kind` with n bytes of value. */
static void put_key(struct strbuf *b, const char *key, uint32_t kind, const void *v, size_t n)
{
	gguf_put_text(b, key);
	gguf_put_u32(b, kind);
	strbuf_addn(b, v, n);
}

static void put_values(struct strbuf *b)
{
	const int8_t i8 = -5;
	const uint16_t u16 = 65535;
	const int16_t i16 = -2;
	const int32_t i32 = -70000;
	const uint64_t big = UINT64_MAX, u64 = 1ull << 40;
	const int64_t i64 = INT64_MIN;
	const double f64 = 0.1;
	const char yes = 1;

	put_head(b, 0, 13);
	put_key(b, "u8", 0, "\xff", 1);
	put_key(b, "i8", 1, &i8, 1);
	put_key(b, "u16", 2, &u16, 2);
	put_key(b, "i16", 3, &i16, 2);
	put_key(b, "i32", 5, &i32, 4);
	put_key(b, "yes", 7, &yes, 1);
	put_key(b, "big", 10, &big, 8);
	put_key(b, "u64", 10, &u64, 8);
	put_key(b, "i64", 11, &i64, 8);
	put_key(b, "f64", 12, &f64, 8);
	gguf_put_key_text(b, "text", "caf\xc3\xa9");
	put_key(b, "words", 9, "\x08\0\0\0", 4);
	gguf_put_u64(b, 3);
	gguf_put_text(b, "one");
	gguf_put_text(b, "");
	gguf_put_text(b, "three");
	put_key(b, "halves", 9, "\x06\0\0\0", 4);
	gguf_put_u64(b, 2);
	gguf_put_u32(b, 0x3f000000);
	gguf_put_u32(b, 0xbf000000);
}

static void check_whole(const struct gguf *g)
{
	const struct {
		const char *key;
		int64_t want;
	} t[] = { { "u8", 255 },     { "i8", -5 },	   { "u16", 65535 },	{ "i16", -2 },
		  { "i32", -70000 }, { "u64", 1ll << 40 }, { "i64", INT64_MIN } };
	int64_t i;
	double d;

	for (size_t k = 0; k < ARRAY_LEN(t); k++) {
		CHECK(gguf_int(g, t[k].key, &i) && i == t[k].want);
		CHECK(gguf_num(g, t[k].key, &d) && d == (double)t[k].want);
	}
	CHECK(!gguf_int(g, "big", &i) && !gguf_int(g, "none", &i) && !gguf_int(g, "f64", &i));
	CHECK(!gguf_int(g, "text", &i) && !gguf_int(g, "words", &i) && !gguf_int(g, "yes", &i));
}

static void test_gguf_values(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "t.gguf");
	struct strbuf b = { 0 };
	struct err err = { 0 };
	struct gguf *g;
	const char *s;
	bool yes = false;
	double d;
	size_t n;

	(void)state;
	put_values(&b);
	put_file(path, &b);
	g = gguf_open(path, &err);
	CHECK_OK(&err);
	check_whole(g);
	CHECK(gguf_num(g, "f64", &d) && d == 0.1 && !gguf_num(g, "text", &d));
	CHECK(gguf_bool(g, "yes", &yes) && yes && !gguf_bool(g, "u8", &yes));
	CHECK(gguf_str(g, "text", &s, &n) && n == 5 && !memcmp(s, "caf\xc3\xa9", n));
	CHECK(!gguf_str(g, "words", &s, &n) && gguf_array(g, "words") == 3);
	CHECK(gguf_array_str(g, "words", 1, &s, &n) && n == 0);
	CHECK(gguf_array_str(g, "words", 2, &s, &n) && n == 5 && !memcmp(s, "three", n));
	CHECK(!gguf_array_str(g, "words", 3, &s, &n) && !gguf_array_str(g, "words", -1, &s, &n));
	CHECK(gguf_array_num(g, "halves", 1, &d) && d == -0.5);
	CHECK(gguf_array(g, "text") == -1 && gguf_array(g, "none") == -1);
	CHECK(gguf_tensors(g) == 0 && !gguf_tensor(g, 0) && !gguf_tensor_named(g, "x"));
	CHECK(!strcmp(gguf_path(g), path));
	gguf_close(g);
	gguf_close(NULL);
	strbuf_free(&b);
	free(path);
	scratch_remove(dir);
}

/* One tensor "w" of this shape and type at this offset, with n bytes behind the table. */
static void put_tensor(struct strbuf *b, int n_dim, const uint64_t *dim, uint32_t type,
		       uint64_t offset, size_t n)
{
	gguf_put_text(b, "w");
	gguf_put_u32(b, (uint32_t)n_dim);
	for (int i = 0; i < n_dim; i++)
		gguf_put_u64(b, dim[i]);
	gguf_put_u32(b, type);
	gguf_put_u64(b, offset);
	gguf_put_padding(b, 32);
	for (size_t i = 0; i < n; i++)
		strbuf_addc(b, 0);
}

static void refuse_gguf(const struct strbuf *b, const char *text)
{
	char *dir = scratch_make(), *path = path_join(dir, "t.gguf");
	struct err err = { 0 };

	put_file(path, b);
	CHECK(!gguf_open(path, &err));
	CHECK_ERR(&err, ERR_FORMAT, text);
	free(path);
	scratch_remove(dir);
}

static void test_gguf_tensors_refused(void **state)
{
	static const struct {
		int n_dim;
		uint64_t dim[5];
		uint32_t type;
		uint64_t offset;
		size_t n;
		const char *text;
	} t[] = {
		{ 0, { 0 }, 0, 0, 64, "0 dimensions" },
		{ 5, { 1, 1, 1, 1, 1 }, 0, 0, 64, "5 dimensions" },
		{ 2, { 4, 0 }, 0, 0, 64, "dimension 1 is 0" },
		{ 1, { UINT64_MAX }, 0, 0, 64, "dimension 0" },
		{ 2, { 1ull << 40, 1ull << 40 }, 0, 0, 64, "impossibly large" },
		{ 4, { 1 << 16, 1 << 16, 1 << 16, 1 << 16 }, 0, 0, 64, "impossibly large" },
		{ 1, { 33 }, GGUF_Q8_0, 0, 64, "no whole blocks of q8_0" },
		{ 1, { 32 }, 13, 0, 64, "has type q5_K, which is not read" },
		{ 1, { 32 }, 77, 0, 64, "unknown type 77" },
		{ 1, { 17 }, 0, 0, 64, "beyond the end" },
		{ 1, { 16 }, 0, 32, 64, "beyond the end" },
		{ 1, { 16 }, 0, UINT64_MAX - 31, 64, "beyond the end" },
		{ 1, { 4 }, 0, 8, 64, "alignment 32" },
	};
	struct strbuf b = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		put_head(&b, 1, 0);
		put_tensor(&b, t[i].n_dim, t[i].dim, t[i].type, t[i].offset, t[i].n);
		refuse_gguf(&b, t[i].text);
	}
	put_head(&b, 2, 0);
	for (uint64_t i = 0; i < 2; i++) {
		gguf_put_text(&b, i ? "v" : "w");
		gguf_put_u32(&b, 1);
		gguf_put_u64(&b, 16);
		gguf_put_u32(&b, GGUF_F32);
		gguf_put_u64(&b, 32 * i);
	}
	for (int i = 0; i < 192; i++)
		strbuf_addc(&b, 0);
	refuse_gguf(&b, "'w' and 'v' share bytes");
	strbuf_free(&b);
}

static void test_gguf_refused(void **state)
{
	struct strbuf b = { 0 };

	(void)state;
	refuse_gguf(&b, "not a GGUF file");
	strbuf_add(&b, "GGML");
	refuse_gguf(&b, "not a GGUF file");
	strbuf_reset(&b);
	strbuf_addn(&b, "GGUF\0\0\0\3", 8);
	refuse_gguf(&b, "big-endian");
	strbuf_reset(&b);
	strbuf_addn(&b, "GGUF\1\0\0\0", 8);
	refuse_gguf(&b, "version 1");
	put_head(&b, UINT64_MAX, 0);
	refuse_gguf(&b, "do not fit");
	put_head(&b, 0, 1ull << 60);
	refuse_gguf(&b, "do not fit");
	put_head(&b, 0, 2);
	gguf_put_key_u32(&b, "a", 1);
	gguf_put_key_u32(&b, "a", 2);
	refuse_gguf(&b, "key 'a' appears twice");
	put_head(&b, 0, 1);
	put_key(&b, "a", 7, "\2", 1);
	refuse_gguf(&b, "neither true nor false");
	put_head(&b, 0, 1);
	put_key(&b, "a", 99, "\2\0\0\0", 4);
	refuse_gguf(&b, "unknown kind of value 99");
	put_head(&b, 0, 1);
	put_key(&b, "a", 9, "\x09\0\0\0\1\0\0\0\0\0\0\0", 12);
	refuse_gguf(&b, "arrays of arrays");
	put_head(&b, 0, 1);
	put_key(&b, "a", 9, "\x0c\0\0\0\xff\xff\xff\xff\xff\xff\xff\x1f", 12);
	refuse_gguf(&b, "do not fit");
	put_head(&b, 0, 1);
	put_key(&b, "a", 9, "\x08\0\0\0\xff\xff\xff\xff\xff\xff\xff\x1f", 12);
	refuse_gguf(&b, "do not fit");
	put_head(&b, 0, 1);
	gguf_put_u64(&b, 0);
	strbuf_addn(&b, "\0\0\0\0\0\0\0\0", 8);
	refuse_gguf(&b, "a key has 0 bytes");
	put_head(&b, 0, 1);
	gguf_put_key_u32(&b, "general.alignment", 24);
	refuse_gguf(&b, "general.alignment");
	strbuf_free(&b);
}

static void test_gguf_real(void **state)
{
	char *path = real_data("tokenizers/ggml-vocab-llama-spm.gguf");
	struct err err = { 0 };
	struct gguf *g;
	const char *s;
	size_t n;

	(void)state;
	if (!path)
		return;
	g = gguf_open(path, &err);
	CHECK_OK(&err);
	CHECK(gguf_array(g, "tokenizer.ggml.tokens") == 32000);
	CHECK(gguf_array_str(g, "tokenizer.ggml.tokens", 2, &s, &n) && n == 4 &&
	      !memcmp(s, "</s>", 4));
	gguf_close(g);
	CHECK(!llama_open(path, &err));
	CHECK_ERR(&err, ERR_FORMAT, "holds no tensors");
	free(path);
}

/* --- safetensors ----------------------------------------------------------------------------- */

static void test_safetensors_round(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "t.safetensors");
	static const float a[6] = { 1, -2, 3.5f, 0, 5, 6 };
	static const uint16_t c[3] = { 0x3f80, 0xbf80, 7 };
	const struct safetensor t[] = {
		{ "b.weight", WEIGHT_F32, 2, { 2, 3, 1, 1 }, (const void *)a, sizeof(a) },
		{ "a \"quoted\"", WEIGHT_BF16, 1, { 3, 1, 1, 1 }, (const void *)c, sizeof(c) },
		{ "scalar", WEIGHT_F32, 0, { 1, 1, 1, 1 }, (const void *)a, 4 },
	};
	struct err err = { 0 };
	struct safetensors *s;

	(void)state;
	safetensors_write(path, t, 3, &err);
	CHECK_OK(&err);
	s = safetensors_open(path, &err);
	CHECK_OK(&err);
	CHECK(safetensors_count(s) == 3 && !strcmp(safetensors_path(s), path));
	/* the scalar lies 30 bytes into the data: it is copied so that it can be used */
	CHECK(safetensors_copied(s) == 4);
	for (int i = 0; i < 3; i++) {
		const struct safetensor *r = safetensors_find(s, t[i].name);

		CHECK(r && r == safetensors_at(s, i) && r->type == t[i].type);
		CHECK(r->n_dim == t[i].n_dim && !memcmp(r->dim, t[i].dim, sizeof(r->dim)));
		CHECK(r->bytes == t[i].bytes && !memcmp(r->data, t[i].data, r->bytes));
		CHECK((uintptr_t)r->data % 4 == 0 || r->type != WEIGHT_F32);
	}
	CHECK(!safetensors_find(s, "none") && !safetensors_at(s, 3) && !safetensors_at(s, -1));
	safetensors_close(s);
	safetensors_close(NULL);

	safetensors_write(path, t, 0, &err);
	CHECK_OK(&err);
	s = safetensors_open(path, &err);
	CHECK(s && safetensors_count(s) == 0);
	safetensors_close(s);
	free(path);
	scratch_remove(dir);
}

static void test_safetensors_write_refused(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "t.safetensors");
	static const float a[2] = { 1, 2 };
	const struct safetensor good = { "w",	   WEIGHT_F32, 1, { 2, 1, 1, 1 }, (const void *)a,
					 sizeof(a) };
	struct safetensor t[2] = { good, good };
	struct io_list list = { 0 };
	struct err err = { 0 };

	(void)state;
	safetensors_write(path, t, 2, &err);
	CHECK_ERR(&err, ERR_ARG, "'w' is there twice");
	t[0].bytes = 4;
	safetensors_write(path, t, 1, &err);
	CHECK_ERR(&err, ERR_ARG, "not those of its shape");
	t[0] = good;
	t[0].type = WEIGHT_Q8_0;
	safetensors_write(path, t, 1, &err);
	CHECK_ERR(&err, ERR_ARG, "no type that is written");
	t[0] = good;
	t[0].name = "\xff";
	safetensors_write(path, t, 1, &err);
	CHECK_ERR(&err, ERR_ARG, "no name");
	CHECK(!io_list_dir(dir, &list, &err) && list.n == 0); /* nothing is left behind */
	io_list_free(&list);
	free(path);
	scratch_remove(dir);
}

/* The table as given, n zero bytes behind it. */
static void put_table(const char *path, const char *table, size_t n)
{
	uint64_t len = strlen(table);
	struct strbuf b = { 0 };

	strbuf_addn(&b, (const char *)&len, sizeof(len));
	strbuf_add(&b, table);
	for (size_t i = 0; i < n; i++)
		strbuf_addc(&b, 0);
	put_file(path, &b);
	strbuf_free(&b);
}

#define ENTRY(dtype, shape, from, to)                                                              \
	"{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"

static void test_safetensors_refused(void **state)
{
	static const struct {
		const char *table, *text;
		int code;
	} t[] = {
		{ "{\"w\":" ENTRY("F32", "[2]", "0", "4") "}", "its shape and type ask for 8", -3 },
		{ "{\"w\":" ENTRY("F32", "[3]", "0", "12") "}", "which has 8", -3 },
		{ "{\"w\":" ENTRY("F32", "[2]", "8", "0") "}", "in order", -3 },
		{ "{\"w\":" ENTRY("F32", "[2]", "-8", "0") "}", "in order", -3 },
		{ "{\"w\":" ENTRY("F32", "[2]", "0.5", "8.5") "}", "in order", -3 },
		{ "{\"w\":" ENTRY("F32", "[1]", "4", "8") "}", "gap", -3 },
		{ "{\"w\":" ENTRY("F32", "[1]", "0", "4") "}", "4 bytes at the end", -3 },
		{ "{\"w\":" ENTRY("F32", "[0]", "0", "0") "}", "impossible shape", -3 },
		{ "{\"w\":" ENTRY("F32", "[4294967296,4294967296]", "0", "0") "}",
		  "impossible shape", -3 },
		{ "{\"w\":" ENTRY("F32", "[1,1,1,1,2]", "0", "8") "}", "more than 4", -3 },
		{ "{\"w\":" ENTRY("I64", "[1]", "0", "8") "}", "type I64, which is not read", -3 },
		{ "{\"w\":{\"dtype\":\"F32\",\"shape\":[2]}}", "data_offsets is missing", -3 },
		{ "{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", "shape is missing", -3 },
		{ "{\"w\":{\"shape\":[2],\"data_offsets\":[0,8]}}", "dtype is missing", -3 },
		{ "{\"w\":3}", "not a JSON object", -3 },
		{ "{\"v\":" ENTRY("F32", "[1]", "0", "4") ",\"v\":" ENTRY("F32", "[1]", "4",
									  "8") "}",
		  "appears twice", -3 },
		{ "{\"v\":" ENTRY("F32", "[2]", "0", "8") ",\"w\":" ENTRY("F32", "[1]", "4",
									  "8") "}",
		  "shares bytes", -3 },
		{ "{\"w\":" ENTRY("F32", "[2]", "0", "8"), "not valid JSON", -3 },
		{ "[]", "not a safetensors file", -3 },
		{ "{\"w\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "beyond reason",
		  -11 },
	};
	char *dir = scratch_make(), *path = path_join(dir, "t.safetensors");
	struct err err = { 0 };
	struct strbuf b = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		put_table(path, t[i].table, 8);
		CHECK(!safetensors_open(path, &err));
		CHECK_ERR(&err, t[i].code, t[i].text);
	}
	put_file(path, &b);
	CHECK(!safetensors_open(path, &err));
	CHECK_ERR(&err, ERR_FORMAT, "not a safetensors file");
	strbuf_addn(&b, "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
	put_file(path, &b);
	CHECK(!safetensors_open(path, &err));
	CHECK_ERR(&err, ERR_FORMAT, "cut short");
	CHECK(!safetensors_open(dir, &err));
	CHECK_ERR(&err, ERR_FORMAT, "not a regular file");
	strbuf_free(&b);
	free(path);
	scratch_remove(dir);
}

/* --- models ---------------------------------------------------------------------------------- */

/* Row by row the same values as were written. */
static void check_matrix(struct fixture *f, const struct weight *w, bool pairs, const char *hf)
{
	const struct fixture_tensor *t = fixture_find(f, hf);
	size_t row = weight_row_bytes(w->type, w->cols);
	float *v = malloc(sizeof(*v) * (size_t)w->cols);

	CHECK(t && v && w->rows == t->rows && w->cols == t->cols && w->type == t->type);
	for (int r = 0; r < w->rows; r++) {
		weight_decode(w->type, (const unsigned char *)w->data + (size_t)r * row, v,
			      (size_t)w->cols);
		if (memcmp(v, t->value + (size_t)fixture_row(f, t, pairs, r) * (size_t)t->cols,
			   sizeof(*v) * (size_t)w->cols) != 0)
			fail_msg("%s: row %d differs", hf, r);
	}
	free(v);
}

static void check_vector(struct fixture *f, const float *v, bool pairs, const char *hf)
{
	const struct fixture_tensor *t = fixture_find(f, hf);

	CHECK(!v == !t);
	for (int r = 0; t && r < t->rows; r++)
		CHECK(v[r] == t->value[fixture_row(f, t, pairs, r)]);
}

static void check_config(const struct llama_config *a, const struct llama_config *b)
{
	CHECK(!strcmp(a->arch, b->arch) && a->vocab == b->vocab && a->dim == b->dim);
	CHECK(a->layers == b->layers && a->heads == b->heads && a->kv_heads == b->kv_heads);
	CHECK(a->head_dim == b->head_dim && a->ff == b->ff && a->context == b->context);
	CHECK(a->qkv_bias == b->qkv_bias && a->tied == b->tied);
	CHECK(a->bos == b->bos && a->eos == b->eos);
	CHECK_NEAR(a->norm_eps, b->norm_eps, 1e-12);
	CHECK_NEAR(a->rope_theta, b->rope_theta, 1e-3);
}

static void check_model(struct fixture *f, const char *path, const char *format, bool pairs)
{
	static const char *const part[LLAMA_LINEARS] = { "self_attn.q_proj", "self_attn.k_proj",
							 "self_attn.v_proj", "self_attn.o_proj",
							 "mlp.gate_proj",    "mlp.up_proj",
							 "mlp.down_proj" };
	struct err err = { 0 };
	struct llama *l = llama_open(path, &err);
	char name[100];

	CHECK_OK(&err);
	CHECK(!strcmp(l->format, format) && l->cfg.rope_pairs == pairs);
	check_config(&l->cfg, &f->cfg);
	check_matrix(f, &l->embed, pairs, "model.embed_tokens.weight");
	check_matrix(f, &l->head, pairs,
		     f->cfg.tied ? "model.embed_tokens.weight" : "lm_head.weight");
	CHECK(f->cfg.tied == (l->head.data == l->embed.data));
	check_vector(f, l->norm, pairs, "model.norm.weight");
	for (int i = 0; i < l->cfg.layers; i++) {
		for (int k = 0; k < LLAMA_LINEARS; k++) {
			CHECK(str_ends(part[k], llama_linear_name[k]));
			CHECK(str_format(name, sizeof(name), "model.layers.%d.%s.weight", i,
					 part[k]));
			check_matrix(f, &l->layer[i].lin[k], pairs, name);
			CHECK(str_format(name, sizeof(name), "model.layers.%d.%s.bias", i,
					 part[k]));
			check_vector(f, l->layer[i].bias[k], pairs, name);
		}
		CHECK(str_format(name, sizeof(name), "model.layers.%d.input_layernorm.weight", i));
		check_vector(f, l->layer[i].norm1, pairs, name);
		CHECK(str_format(name, sizeof(name),
				 "model.layers.%d.post_attention_layernorm.weight", i));
		check_vector(f, l->layer[i].norm2, pairs, name);
	}
	llama_close(l);
}

static void test_hf(void **state)
{
	static const enum weight_type type[] = { WEIGHT_F32, WEIGHT_F16, WEIGHT_BF16 };

	(void)state;
	for (int i = 0; i < 12; i++) {
		char *dir = scratch_make();
		struct llama_config c = fixture_config();
		struct fixture f;

		c.tied = i / 3 % 2;
		c.qkv_bias = i / 6;
		if (i >= 9)
			CHECK(str_copy(c.arch, sizeof(c.arch), "qwen2"));
		fixture_make(&f, &c, type[i % 3], type[i % 3], 7);
		fixture_write_hf(&f, dir, i % 4 + 1);
		check_model(&f, dir, "safetensors", false);
		fixture_free(&f);
		scratch_remove(dir);
	}
}

static void test_gguf(void **state)
{
	(void)state;
	for (int i = 0; i < 2 * WEIGHT_TYPES; i++) {
		char *dir = scratch_make(), *path = path_join(dir, "model.gguf");
		enum weight_type type = (enum weight_type)(i / 2);
		struct llama_config c =
			weight_block(type) == 256 ? fixture_config_256() : fixture_config();
		struct fixture f;

		c.tied = i % 2;
		c.qkv_bias = i % 3 == 1;
		if (i % 4 == 3)
			CHECK(str_copy(c.arch, sizeof(c.arch), "qwen2"));
		fixture_make(&f, &c, type, WEIGHT_F32, 7);
		fixture_write_gguf(&f, path);
		check_model(&f, path, "gguf", strcmp(c.arch, "qwen2") != 0);
		fixture_free(&f);
		free(path);
		scratch_remove(dir);
	}
}

static void test_bin(void **state)
{
	(void)state;
	for (int tied = 0; tied < 2; tied++) {
		char *dir = scratch_make(), *path = path_join(dir, "model.bin");
		struct llama_config c = fixture_config();
		struct fixture f;

		c.tied = tied;
		fixture_make(&f, &c, WEIGHT_F32, WEIGHT_F32, 3);
		fixture_write_bin(&f, path);
		check_model(&f, path, "llama2.c", true);
		fixture_free(&f);
		free(path);
		scratch_remove(dir);
	}
}

static void test_bin_real(void **state)
{
	char *path = real_data("weights/stories260K.bin");
	struct err err = { 0 };
	struct llama *l;

	(void)state;
	if (!path)
		return;
	l = llama_open(path, &err);
	CHECK_OK(&err);
	CHECK(l->cfg.dim == 64 && l->cfg.layers == 5 && l->cfg.heads == 8 && l->cfg.kv_heads == 4);
	CHECK(l->cfg.vocab == 512 && l->cfg.context == 512 && l->cfg.tied);
	CHECK(l->parameters == 260032 && l->bytes == 4 * 260032);
	CHECK(!strcmp(l->types, "f32 (47)"));
	llama_close(l);
	llama_close(NULL);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gguf_values),
		cmocka_unit_test(test_gguf_tensors_refused),
		cmocka_unit_test(test_gguf_refused),
		cmocka_unit_test(test_gguf_real),
		cmocka_unit_test(test_safetensors_round),
		cmocka_unit_test(test_safetensors_write_refused),
		cmocka_unit_test(test_safetensors_refused),
		cmocka_unit_test(test_hf),
		cmocka_unit_test(test_gguf),
		cmocka_unit_test(test_bin),
		cmocka_unit_test(test_bin_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * Adapters in PEFT's form: what is written, what is read, what is refused, and that an
 * adapter means W + scale B A whatever the order of the base's rows.
 */
#include "tests/test.h"

#include "tests/decoder_compare.h"
#include "tests/weights_fixture.h"

#include "models/backbone/peft.h"

#define GOLDEN "tests/golden/peft/adapter_config.json"

/* A folder with the same invented weights as a Hugging Face folder and as GGUF. */
struct scene {
	char *dir, *adapter;
	struct fixture f;
	struct llama *hf, *gguf;
	struct made *m;
};

static struct llama *open_in(const char *dir, const char *name)
{
	char *path = path_join(dir, name);
	struct err err = { 0 };
	struct llama *l = llama_open(path, &err);

	CHECK_OK(&err);
	free(path);
	return l;
}

static void write_hf(struct scene *s, const char *name)
{
	char *path = path_join(s->dir, name);
	struct err err = { 0 };

	io_mkdirs(path, &err);
	CHECK_OK(&err);
	fixture_write_hf(&s->f, path, 1);
	CHECK_OK(&s->f.err);
	free(path);
}

static struct scene scene_make(void)
{
	struct scene s = { .dir = scratch_make(), .m = room(1, sizeof(*s.m)) };
	struct llama_config c = fixture_config();
	struct decoder_config d = { .vocab = c.vocab };
	char *path = path_join(s.dir, "w.gguf");
	struct rng r;

	s.adapter = path_join(s.dir, "adapter");
	fixture_make(&s.f, &c, WEIGHT_F32, WEIGHT_F32, 5);
	write_hf(&s, "hf");
	fixture_write_gguf(&s.f, path);
	CHECK_OK(&s.f.err);
	free(path);
	s.hf = open_in(s.dir, "hf");
	s.gguf = open_in(s.dir, "w.gguf");
	CHECK(!s.hf->cfg.rope_pairs && s.gguf->cfg.rope_pairs);
	rng_seed(&r, 31, 0);
	made_dialogue(s.m, &d, 6, 8, 3, &r);
	return s;
}

static void scene_free(struct scene *s)
{
	llama_close(s->hf);
	llama_close(s->gguf);
	fixture_free(&s->f);
	scratch_remove(s->dir);
	free(s->adapter);
	free(s->m);
}

static struct decoder *adapted(const struct llama *base, uint64_t seed)
{
	const struct decoder_config c = { .base = base,
					  .lora_rank = 3,
					  .lora_alpha = 6,
					  .lora_rslora = true,
					  .lora_dropout = 0.05,
					  .lora_on = LORA_Q | LORA_K | LORA_V | LORA_DOWN };
	struct decoder *d = fresh(&c, seed);
	struct rng r;

	rng_seed(&r, seed, 3);
	shake(d, &r);
	return d;
}

static float *scores(struct decoder *d, const struct made *m)
{
	float *out = room((size_t)(m->p.n_at * d->cfg.vocab), sizeof(*out));
	struct err err = { 0 };

	decoder_score(d, &m->p, out, &err);
	CHECK_OK(&err);
	return out;
}

static void write_adapter(const struct scene *s, const struct decoder *d)
{
	struct err err = { 0 };

	peft_write(d, s->adapter, "invented/base", &err);
	CHECK_OK(&err);
}

static char *read_in(const char *dir, const char *name, size_t *n)
{
	char *path = path_join(dir, name), *text;
	struct err err = { 0 };

	io_read_file(path, 1 << 24, &text, n, &err);
	CHECK_OK(&err);
	free(path);
	return text;
}

static void test_round_trip(void **state)
{
	struct scene s = scene_make();
	struct decoder *a = adapted(s.hf, 1), *b = adapted(s.hf, 2);
	struct err err = { 0 };
	struct peft_config p;
	char *first, *second;
	size_t n, n2;

	(void)state;
	write_adapter(&s, a);
	first = read_in(s.adapter, "adapter_model.safetensors", &n);
	peft_read(b, s.adapter, &err);
	CHECK_OK(&err);
	CHECK(!memcmp(a->ps.data, b->ps.data, a->ps.size * sizeof(float)));
	write_adapter(&s, b);
	second = read_in(s.adapter, "adapter_model.safetensors", &n2);
	CHECK(n == n2 && !memcmp(first, second, n));
	peft_config_read(s.adapter, &p, &err);
	CHECK_OK(&err);
	CHECK(p.rank == 3 && p.rslora && p.on == a->cfg.lora_on &&
	      !strcmp(p.base, "invented/base"));
	CHECK_NEAR(p.alpha, 6, 0);
	CHECK_NEAR(p.dropout, 0.05, 0);
	free(first);
	free(second);
	decoder_free(a);
	decoder_free(b);
	scene_free(&s);
}

static void test_config_golden(void **state)
{
	struct scene s = scene_make();
	struct decoder *d = adapted(s.hf, 1);
	struct err err = { 0 };
	char *have, *want;
	size_t n, m;

	(void)state;
	write_adapter(&s, d);
	have = read_in(s.adapter, "adapter_config.json", &n);
	if (getenv("UPDATE_GOLDEN"))
		io_write_atomic(GOLDEN, have, n, &err);
	io_read_file(GOLDEN, 1 << 20, &want, &m, &err);
	CHECK_OK(&err);
	if (n != m || memcmp(have, want, n) != 0)
		fail_msg("adapter_config.json is now:\n%s", have);
	free(have);
	free(want);
	decoder_free(d);
	scene_free(&s);
}

/* W += scale B A on the fixture's matrix of one linear, from the written file alone. */
static void merge(struct scene *s, const struct safetensors *file, int l, const char *module,
		  double scale)
{
	char name[160];
	const struct safetensor *a, *b;
	struct fixture_tensor *t;
	float low[3 * 512], up[3 * 512];

	snprintf(name, sizeof(name), "base_model.model.model.layers.%d.%s.lora_A.weight", l,
		 module);
	a = safetensors_find(file, name);
	snprintf(name, sizeof(name), "base_model.model.model.layers.%d.%s.lora_B.weight", l,
		 module);
	b = safetensors_find(file, name);
	snprintf(name, sizeof(name), "model.layers.%d.%s.weight", l, module);
	t = fixture_find(&s->f, name);
	CHECK(a && b && t && a->dim[0] == 3 && b->dim[1] == 3 && a->dim[1] == t->cols &&
	      b->dim[0] == t->rows);
	CHECK(a->bytes <= sizeof(low) && b->bytes <= sizeof(up));
	memcpy(low, a->data, a->bytes);
	memcpy(up, b->data, b->bytes);
	for (int i = 0; i < t->rows; i++)
		for (int j = 0; j < t->cols; j++) {
			double sum = 0;

			for (int r = 0; r < 3; r++)
				sum += (double)up[i * 3 + r] * (double)low[r * t->cols + j];
			t->value[i * t->cols + j] += (float)(scale * sum);
		}
	memcpy(t->bytes, t->value, t->n_bytes);
}

/* The adapter on either base, and the merged base without it, give the same scores. */
static void test_meaning(void **state)
{
	struct scene s = scene_make();
	struct decoder *a = adapted(s.hf, 1), *b = adapted(s.gguf, 2), *plain;
	const char *const module[] = { "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
				       "mlp.down_proj" };
	float *want = scores(a, s.m), *got;
	const int n = s.m->p.n_at * a->cfg.vocab;
	struct safetensors *file;
	struct err err = { 0 };
	struct llama *merged;
	char *path;

	(void)state;
	write_adapter(&s, a);
	peft_read(b, s.adapter, &err);
	CHECK_OK(&err);
	got = scores(b, s.m);
	for (int i = 0; i < n; i++)
		CHECK_NEAR((double)got[i], (double)want[i], 1e-5);
	free(got);
	/* into the base from the written file alone */
	path = path_join(s.adapter, "adapter_model.safetensors");
	file = safetensors_open(path, &err);
	CHECK_OK(&err);
	for (int l = 0; l < 2; l++)
		for (int k = 0; k < 4; k++)
			merge(&s, file, l, module[k], 6 / sqrt(3));
	CHECK(safetensors_count(file) == 2 * 4 * 2);
	safetensors_close(file);
	write_hf(&s, "merged");
	merged = open_in(s.dir, "merged");
	plain = fresh(&(struct decoder_config){ .base = merged }, 1);
	got = scores(plain, s.m);
	for (int i = 0; i < n; i++)
		CHECK_NEAR((double)got[i], (double)want[i], 1e-5);
	free(got);
	free(want);
	free(path);
	decoder_free(a);
	decoder_free(b);
	decoder_free(plain);
	llama_close(merged);
	scene_free(&s);
}

static void test_turned_file(void **state)
{
	struct scene s = scene_make();
	struct decoder *a = adapted(s.hf, 1), *b = adapted(s.gguf, 2);
	struct err err = { 0 };
	char *first, *second;
	size_t n, n2;

	(void)state;
	write_adapter(&s, a);
	first = read_in(s.adapter, "adapter_model.safetensors", &n);
	peft_read(b, s.adapter, &err);
	CHECK_OK(&err);
	CHECK(memcmp(a->ps.data, b->ps.data, a->ps.size * sizeof(float)) != 0);
	write_adapter(&s, b);
	second = read_in(s.adapter, "adapter_model.safetensors", &n2);
	CHECK(n == n2 && !memcmp(first, second, n));
	free(first);
	free(second);
	decoder_free(a);
	decoder_free(b);
	scene_free(&s);
}

static void put_config(const struct scene *s, const char *text)
{
	char *path = path_join(s->adapter, "adapter_config.json");
	struct err err = { 0 };

	io_mkdirs(s->adapter, &err);
	io_write_atomic(path, text, strlen(text), &err);
	CHECK_OK(&err);
	free(path);
}

#define PLAIN                                                                                      \
	"\"peft_type\":\"LORA\",\"r\":3,\"lora_alpha\":6,\"target_modules\":[\"q_proj\",\"mlp."    \
	"up_proj\"]"

static void test_configs(void **state)
{
	static const struct {
		const char *text, *wrong;
	} c[] = {
		{ "{" PLAIN "}", NULL },
		{ "{" PLAIN ",\"use_dora\":false,\"modules_to_save\":null,\"rank_pattern\":{},"
		  "\"megatron_core\":\"megatron.core\",\"loftq_config\":{},\"lora_bias\":false,"
		  "\"qalora_group_size\":16,\"peft_version\":\"0.17.1\",\"bias\":\"none\","
		  "\"init_lora_weights\":true,\"runtime_config\":{\"ephemeral_gpu_offload\":false}"
		  "}",
		  NULL },
		{ "{" PLAIN ",\"use_dora\":true}", "use_dora is set" },
		{ "{" PLAIN ",\"modules_to_save\":[\"lm_head\"]}", "modules_to_save is set" },
		{ "{" PLAIN ",\"rank_pattern\":{\"q_proj\":4}}", "rank_pattern is set" },
		{ "{" PLAIN ",\"layers_to_transform\":[0]}", "layers_to_transform is set" },
		{ "{" PLAIN ",\"fan_in_fan_out\":true}", "fan_in_fan_out is set" },
		{ "{" PLAIN ",\"something_new\":3}", "something_new is set" },
		{ "{" PLAIN ",\"bias\":\"all\"}", "bias is 'all'" },
		{ "{" PLAIN ",\"init_lora_weights\":\"pissa\"}", "changes the base" },
		{ "{\"peft_type\":\"IA3\"}", "peft_type is 'IA3'" },
		{ "{\"r\":0,\"lora_alpha\":6,\"target_modules\":[\"q_proj\"]}", "r" },
		{ "{\"r\":4,\"lora_alpha\":\"6\",\"target_modules\":[\"q_proj\"]}", "lora_alpha" },
		{ "{\"r\":4,\"lora_alpha\":6,\"lora_dropout\":1,\"target_modules\":[\"q_proj\"]}",
		  "lora_dropout" },
		{ "{\"r\":4,\"lora_alpha\":6}", "target_modules is no list" },
		{ "{\"r\":4,\"lora_alpha\":6,\"target_modules\":[]}", "target_modules is empty" },
		{ "{\"r\":4,\"lora_alpha\":6,\"target_modules\":[\"lm_head\"]}", "'lm_head'" },
		{ "{\"r\":4,\"lora_alpha\":6,\"target_modules\":[\"mlp.q_proj\"]}",
		  "'mlp.q_proj'" },
		{ "{\"r\":4,\"lora_alpha\":6,\"target_modules\":\".*attn.*\"}", "'.*attn.*'" },
		{ "[]", "not a JSON object" },
		{ "{", "adapter_config.json" },
	};
	struct scene s = scene_make();
	struct err err = { 0 };
	struct peft_config p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(c); i++) {
		put_config(&s, c[i].text);
		peft_config_read(s.adapter, &p, &err);
		if (c[i].wrong) {
			CHECK_ERR(&err, ERR_FORMAT, c[i].wrong);
			continue;
		}
		CHECK_OK(&err);
		CHECK(p.rank == 3 && p.on == (LORA_Q | LORA_UP) && !p.rslora && !*p.base);
	}
	put_config(&s, "{\"r\":4,\"lora_alpha\":6,\"target_modules\":\"all-linear\"}");
	peft_config_read(s.adapter, &p, &err);
	CHECK(!err.code && p.on == LORA_ALL);
	scene_free(&s);
}

/* A file with one thing wrong: the decoder stays as it is. */
static void test_tensors(void **state)
{
	struct scene s = scene_make();
	struct decoder *a = adapted(s.hf, 1), *b = adapted(s.hf, 2);
	const size_t bytes = b->ps.size * sizeof(float);
	char *path = path_join(s.adapter, "adapter_model.safetensors");
	const char *const wrong[] = { "is missing", "is not", "not part of", "not finite" };
	struct safetensor list[64];
	struct safetensors *file;
	struct err err = { 0 };
	float *was = room(b->ps.size, sizeof(float)), *bad;

	(void)state;
	memcpy(was, b->ps.data, bytes);
	for (int k = 0; k < 4; k++) {
		int n;

		write_adapter(&s, a);
		file = safetensors_open(path, &err);
		CHECK_OK(&err);
		n = safetensors_count(file);
		for (int i = 0; i < n; i++)
			list[i] = *safetensors_at(file, i);
		bad = room(list[5].bytes, 1);
		memcpy(bad, list[5].data, list[5].bytes);
		if (k == 0)
			list[5] = list[--n];
		if (k == 1) {
			list[5].dim[0] *= list[5].dim[1];
			list[5].dim[1] = 1;
		}
		if (k == 2) {
			list[n] = list[5];
			list[n++].name = "base_model.model.lm_head.lora_A.weight";
		}
		if (k == 3) {
			bad[1] = NAN;
			list[5].data = (const unsigned char *)bad;
		}
		safetensors_write(path, list, n, &err);
		CHECK_OK(&err);
		safetensors_close(file);
		peft_read(b, s.adapter, &err);
		CHECK_ERR(&err, ERR_FORMAT, wrong[k]);
		CHECK(!memcmp(was, b->ps.data, bytes));
		free(bad);
	}
	remove(path);
	peft_read(b, s.adapter, &err);
	CHECK_ERR(&err, ERR_MISSING, "safetensors only");
	put_config(&s, "{" PLAIN "}");
	peft_read(b, s.adapter, &err);
	CHECK_ERR(&err, ERR_ARG, "this decoder has rank 3");
	free(was);
	free(path);
	decoder_free(a);
	decoder_free(b);
	scene_free(&s);
}

static void test_linears(void **state)
{
	struct err err = { 0 };
	unsigned on;

	(void)state;
	peft_linears("q_proj,v_proj", &on, &err);
	CHECK(!err.code && on == (LORA_Q | LORA_V));
	peft_linears("o_proj+down_proj,q_proj", &on, &err);
	CHECK(!err.code && on == (LORA_O | LORA_DOWN | LORA_Q));
	peft_linears("all", &on, &err);
	CHECK(!err.code && on == LORA_ALL);
	peft_linears("", &on, &err);
	CHECK(!err.code && on == 0);
	peft_linears("q_proj,head", &on, &err);
	CHECK_ERR(&err, ERR_ARG, "'head' is no linear");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_config_golden),
		cmocka_unit_test(test_meaning),	   cmocka_unit_test(test_turned_file),
		cmocka_unit_test(test_configs),	   cmocka_unit_test(test_tensors),
		cmocka_unit_test(test_linears),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

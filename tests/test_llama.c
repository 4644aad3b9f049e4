/* SPDX-License-Identifier: Apache-2.0
 * Decoders on published weights: the documented text of stories260K, every format and type
 * against the twin, adapters on frozen bases, their checkpoints.
 */
#include "tests/test.h"

#include "tests/decoder_compare.h"
#include "tests/weights_fixture.h"

#include "harness/text/tokenizer.h"
#include "models/backbone/session.h"

/* --- stories260K --- */

struct stories {
	struct llama *base;
	struct tokenizer *t;
	struct decoder *d;
	char *expected; /* the text its page gives for greedy sampling */
};

static char *page_text(const char *path)
{
	struct err err = { 0 };
	char *page, *from, *to;
	size_t n;

	io_read_file(path, 1 << 20, &page, &n, &err);
	CHECK_OK(&err);
	from = strstr(page, "-t 0.0\n");
	CHECK(from);
	from += strlen("-t 0.0\n");
	to = strstr(from, "\n```");
	CHECK(to);
	*to = '\0';
	memmove(page, from, (size_t)(to - from) + 1);
	return page;
}

static bool stories_open(struct stories *s, const struct decoder_config *cfg)
{
	char *weights = real_data("weights/stories260K.bin");
	char *table = real_data("weights/tok512.bin"), *page = real_data("weights/stories260K.md");
	struct decoder_config c = *cfg;
	struct err err = { 0 };

	*s = (struct stories){ 0 };
	if (weights && table && page) {
		s->expected = page_text(page);
		s->base = llama_open(weights, &err);
		CHECK_OK(&err);
		s->t = tokenizer_open(table, &err);
		CHECK_OK(&err);
		c.base = s->base;
		s->d = decoder_new(&c, 1, &err);
		CHECK_OK(&err);
	}
	free(weights);
	free(table);
	free(page);
	return s->d != NULL;
}

static void stories_close(struct stories *s)
{
	decoder_free(s->d);
	llama_close(s->base);
	tokenizer_free(s->t);
	free(s->expected);
}

/* 256 tokens behind the begin token, as the original program writes them; id (257). */
static void tell(const struct stories *s, int *id, struct strbuf *out)
{
	const int vocab = decoder_config_of(s->d)->vocab;
	struct session *session;
	struct sampler greedy = { 0 };
	struct err err = { 0 };
	float *logp = room((size_t)vocab, sizeof(*logp));

	session = session_new(s->d, 256, &err);
	CHECK_OK(&err);
	id[0] = tokenizer_role(s->t, TOKEN_BOS);
	for (int i = 0; i < 256; i++) {
		session_feed(session, &id[i], 1, logp, &err);
		id[i + 1] = sampler_pick(&greedy, logp, vocab, &err);
		CHECK_OK(&err);
		CHECK(id[i + 1] != id[0]);
		tokenizer_piece(s->t, id[i], id[i + 1], out, &err);
	}
	session_free(session);
	free(logp);
}

static void test_stories_text(void **state)
{
	const struct decoder_config c[] = { { .threads = 1 },
					    { .threads = 2, .pack = true },
					    { .thaw = true } };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(c); k++) {
		struct strbuf out = { 0 };
		struct stories s;
		int id[257];

		if (!stories_open(&s, &c[k]))
			return;
		tell(&s, id, &out);
		if (strcmp(strbuf_str(&out), s.expected) != 0)
			fail_msg("wrote: %s", strbuf_str(&out));
		strbuf_free(&out);
		stories_close(&s);
	}
}

/* Log-probabilities at every position of that text. */
static void test_stories_scores(void **state)
{
	struct made *m = room(1, sizeof(*m));
	struct strbuf out = { 0 };
	struct err err = { 0 };
	struct stories s;
	double *want, worst = 0;
	int id[257], v;
	float *got;

	(void)state;
	if (!stories_open(&s, &(struct decoder_config){ .threads = 2 }))
		goto done;
	v = decoder_config_of(s.d)->vocab;
	tell(&s, id, &out);
	for (int i = 0; i < 256; i++) {
		m->at[i] = i;
		made_put(m, id[i], 0, 0, i);
	}
	m->p.trunk = m->p.n_at = m->p.n;
	made_finish(m);
	want = room((size_t)(256 * v), sizeof(*want));
	got = room((size_t)(256 * v), sizeof(*got));
	decoder_score(s.d, &m->p, got, &err);
	CHECK_OK(&err);
	twin_loss(&(struct twin){ .d = s.d, .p = &m->p }, want);
	for (int i = 0; i < 256 * v; i++)
		worst = fmax(worst, fabs((double)got[i] - want[i]));
	print_message("largest difference of a log-probability: %.2g\n", worst);
	CHECK_NEAR(worst, 0, 1e-4);
	free(want);
	free(got);
	stories_close(&s);
done:
	strbuf_free(&out);
	free(m);
}

/* --- invented weights in every form --- */

enum form { FORM_HF, FORM_GGUF, FORM_BIN };

/* The same weights (by the seed) as this form and type. */
static struct llama *invent(const char *dir, const struct llama_config *c, enum form form,
			    enum weight_type type)
{
	char *path = path_join(dir, form == FORM_HF	? "hf"
				    : form == FORM_GGUF ? "w.gguf"
							: "w.bin");
	struct err err = { 0 };
	struct fixture f;
	struct llama *l;

	fixture_make(&f, c, type, WEIGHT_F32, 5);
	if (form == FORM_HF) {
		io_mkdirs(path, &err);
		fixture_write_hf(&f, path, 2);
	} else if (form == FORM_GGUF) {
		fixture_write_gguf(&f, path);
	} else {
		fixture_write_bin(&f, path);
	}
	CHECK_OK(&f.err);
	l = llama_open(path, &err);
	CHECK_OK(&err);
	fixture_free(&f);
	free(path);
	return l;
}

static struct llama_config variant(int k)
{
	struct llama_config c = fixture_config();

	if (k == 1) {
		strcpy(c.arch, "qwen2");
		c.qkv_bias = true;
		c.tied = true;
	}
	if (k == 2)
		c.rope = (struct rope_scaling){ 8, 1, 4, 32 };
	return c;
}

static void dialogue(struct made *m, int vocab)
{
	const struct decoder_config c = { .vocab = vocab };
	struct rng r;

	rng_seed(&r, 31, 0);
	made_dialogue(m, &c, 6, 8, 3, &r);
}

static float *scores_of(const struct llama *l, const struct made *m, enum frozen_path path,
			bool pack)
{
	const struct decoder_config c = { .base = l, .path = path, .pack = pack };
	float *out = room((size_t)(m->p.n_at * l->cfg.vocab), sizeof(*out));
	struct decoder *d = fresh(&c, 1);
	struct err err = { 0 };

	decoder_score(d, &m->p, out, &err);
	CHECK_OK(&err);
	decoder_free(d);
	return out;
}

static double difference(const float *a, const float *b, int n)
{
	double most = 0;

	for (int i = 0; i < n; i++)
		most = fmax(most, fabs((double)a[i] - (double)b[i]));
	return most;
}

/* Forms hold the same numbers; types round them. */
static void test_forms(void **state)
{
	const struct {
		enum form form;
		enum weight_type type;
		double tol, tol8; /* against fp32 with float and int8 products */
	} c[] = {
		{ FORM_GGUF, WEIGHT_F32, 2e-5, 2e-5 }, { FORM_BIN, WEIGHT_F32, 2e-5, 2e-5 },
		{ FORM_HF, WEIGHT_F16, 2e-3, 2e-3 },   { FORM_GGUF, WEIGHT_F16, 2e-3, 2e-3 },
		{ FORM_HF, WEIGHT_BF16, 2e-2, 2e-2 },  { FORM_GGUF, WEIGHT_BF16, 2e-2, 2e-2 },
		{ FORM_GGUF, WEIGHT_Q8_0, 6e-2, 0.1 }, { FORM_GGUF, WEIGHT_Q4_0, 0.6, 0.6 },
	};
	struct made *m = room(1, sizeof(*m));
	const struct llama_config base = fixture_config();
	const int n_all = base.vocab;
	char *dir = scratch_make();
	struct llama *l = invent(dir, &base, FORM_HF, WEIGHT_F32), *other;
	float *want, *got;

	(void)state;
	dialogue(m, n_all);
	want = scores_of(l, m, FROZEN_AUTO, false);
	for (size_t k = 0; k < ARRAY_LEN(c); k++) {
		other = invent(dir, &base, c[k].form, c[k].type);
		for (int way = 0; way < 4; way++) {
			got = scores_of(other, m, way < 2 ? FROZEN_FLOAT : FROZEN_INT8, way % 2);
			CHECK_NEAR(difference(got, want, m->p.n_at * n_all), 0,
				   way < 2 ? c[k].tol : c[k].tol8);
			free(got);
		}
		llama_close(other);
	}
	llama_close(l);
	free(want);
	scratch_remove(dir);
	free(m);
}

/* Scores, loss and the gradients of adapters through frozen weights, for every type. */
static void test_frozen_twin(void **state)
{
	struct made *m = room(1, sizeof(*m));
	char *dir = scratch_make();

	(void)state;
	for (int type = 0; type < WEIGHT_TYPES; type++)
		for (int k = 0; k < 3; k++) {
			const bool wide = weight_block((enum weight_type)type) == 256;
			struct llama_config lc = wide ? fixture_config_256() : variant(k);
			const bool hf = type <= WEIGHT_BF16 && k != 1;
			struct decoder_config c = { .lora_rank = 3,
						    .lora_alpha = 5,
						    .lora_on = LORA_ALL,
						    .recompute = k == 1,
						    .threads = k,
						    .path = FROZEN_FLOAT };
			struct llama *l;

			if ((wide && k) || (k == 2 && !hf))
				continue;
			l = invent(dir, &lc, hf ? FORM_HF : FORM_GGUF, (enum weight_type)type);
			dialogue(m, lc.vocab);
			c.base = l;
			compare(&c, m, 40 + (uint64_t)type);
			llama_close(l);
		}
	scratch_remove(dir);
	free(m);
}

/* Published weights as the start of full training. */
static void test_thaw(void **state)
{
	const struct llama_config lc = variant(1);
	struct made *m = room(1, sizeof(*m));
	char *dir = scratch_make();
	struct llama *l = invent(dir, &lc, FORM_GGUF, WEIGHT_BF16);
	struct decoder_config c = { .base = l, .thaw = true };
	struct decoder *d = fresh(&c, 3);
	struct err err = { 0 };
	float *want, *got;

	(void)state;
	dialogue(m, lc.vocab);
	got = room((size_t)(m->p.n_at * lc.vocab), sizeof(*got));
	want = scores_of(l, m, FROZEN_FLOAT, false);
	decoder_score(d, &m->p, got, &err);
	CHECK_OK(&err);
	CHECK_NEAR(difference(got, want, m->p.n_at * lc.vocab), 0, 1e-5);
	CHECK(decoder_parameters(d, true) == l->parameters);
	CHECK(decoder_parameters(d, false) == l->parameters);
	decoder_free(d);
	compare(&c, m, 51);
	llama_close(l);
	free(got);
	free(want);
	scratch_remove(dir);
	free(m);
}

/* A checkpoint holds the adapters alone and knows its base. */
static void test_files(void **state)
{
	const struct llama_config lc = fixture_config();
	char *dir = scratch_make(), *path = path_join(dir, "m.ckpt");
	struct llama *l = invent(dir, &lc, FORM_GGUF, WEIGHT_Q8_0), *other;
	struct decoder_config c = {
		.base = l, .lora_rank = 2, .lora_alpha = 4, .lora_on = LORA_Q | LORA_V
	};
	struct decoder *a = fresh(&c, 1), *b = fresh(&c, 2);
	struct err err = { 0 };
	struct rng r;

	(void)state;
	rng_seed(&r, 1, 0);
	shake(a, &r);
	write_to(a, path);
	read_from(b, path, &err);
	CHECK_OK(&err);
	CHECK(!memcmp(a->ps.data, b->ps.data, a->ps.size * sizeof(float)));
	CHECK(decoder_parameters(a, false) == l->parameters + decoder_parameters(a, true));
	decoder_free(b);
	other = invent(dir, &lc, FORM_HF, WEIGHT_BF16);
	c.base = other;
	b = fresh(&c, 2);
	read_from(b, path, &err);
	CHECK_ERR(&err, ERR_FORMAT, "written with");
	c.dim = 65;
	CHECK(!decoder_new(&c, 1, &err));
	CHECK_ERR(&err, ERR_ARG, "dim is 65, the published weights have 64");
	decoder_free(a);
	decoder_free(b);
	llama_close(l);
	llama_close(other);
	free(path);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories_text), cmocka_unit_test(test_stories_scores),
		cmocka_unit_test(test_forms),	     cmocka_unit_test(test_frozen_twin),
		cmocka_unit_test(test_thaw),	     cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * A reply depends on its ask alone: not on what was asked before, not on the number of threads,
 * on every set of kernels.  And what tells models apart.
 */
#include "tests/teller.h"

#define ASKS 16

/* Asks of every mode; most begin like others, as the turns of a dialogue do. */
static const struct ask *nth(struct question *q, int i, char text[1000])
{
	static const char *const option[] = { "joy", "sadness", "sad", "anger" };
	const enum ask_mode mode = (enum ask_mode)(i / 4 % ASK_MODES);
	const int n = mode == ASK_GENERATE ? 0 : 4;

	text[0] = '\0';
	for (int k = 0; k < 2 + i % 4 * 9 + i / 4; k++)
		snprintf(text + strlen(text), 1000 - strlen(text), "%c: it's %d\n", 'A' + k % 3,
			 i > 13 ? k * i : k);
	text[strlen(text) - 1] = '\0';
	question(q, mode, text, n ? option : NULL, n);
	q->ask.sampling.temperature = i % 3 ? 0 : 0.7;
	return &q->ask;
}

static void keep_bits(const struct reply *r, struct strbuf *out)
{
	strbuf_addf(out, "%s|%s|%d|%d", r->text, r->finish_reason, (int)r->prompt_tokens,
		    (int)r->completion_tokens);
	for (int j = 0; j < r->n_options; j++)
		strbuf_addf(out, " %a", r->option[j].logprob);
	strbuf_addc(out, '\n');
}

/* All replies: order 0 as they come, 1 backwards and each twice, 2 each after nothing. */
static void all_replies(struct teller *x, int order, struct strbuf *out)
{
	struct strbuf each[ASKS] = { { 0 } };
	char text[1000];

	for (int k = 0; k < ASKS; k++) {
		const int i = order == 1 ? ASKS - 1 - k : k;
		struct question q;
		struct reply r;

		if (order == 2)
			responder_forget(x->r);
		r = answer(x, nth(&q, i, text));
		if (order == 1)
			r = answer(x, &q.ask);
		CHECK(r.status == ANSWER_OK);
		keep_bits(&r, &each[i]);
	}
	for (int i = 0; i < ASKS; i++) {
		strbuf_add(out, strbuf_str(&each[i]));
		strbuf_free(&each[i]);
	}
}

/* In three orders, the first with two threads. */
static void check_history(const char *dir, const struct kernels *kern)
{
	struct strbuf said[3] = { { 0 } };

	for (int order = 0; order < 3; order++) {
		struct teller x;

		invented(&x, dir, "qwen2", order ? 1 : 2, kern);
		all_replies(&x, order, &said[order]);
		CHECK(!said[order].oom);
		assert_string_equal(said[order].s, said[0].s);
		teller_end(&x);
	}
	for (int order = 0; order < 3; order++)
		strbuf_free(&said[order]);
}

static void test_history(void **state)
{
	static const enum weight_type type[] = { WEIGHT_F32, WEIGHT_BF16, WEIGHT_Q8_0,
						 WEIGHT_Q4_0 };
	static const char *const set[] = { "base", "avx2", "avx512", "avx512bf16" };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(type); k++) {
		char *dir = invent(type[k], false);

		for (size_t i = 0; i < ARRAY_LEN(set); i++)
			if (kernels_named(set[i]))
				check_history(dir, kernels_named(set[i]));
		scratch_remove(dir);
	}
}

/* --- what tells models apart --- */

static void hashes(const char *dir, char weights[HASH_HEX], char table[HASH_HEX])
{
	struct err err = { 0 };
	struct teller x;

	invented(&x, dir, "qwen2", 1, NULL);
	decoder_hash(x.d, weights, &err);
	tokenizer_hash(x.t, table, &err);
	CHECK_OK(&err);
	teller_end(&x);
}

static void check_adapters(const char *dir)
{
	char *weights = path_join(dir, "w.gguf"), bare[HASH_HEX], none[HASH_HEX], some[HASH_HEX];
	struct decoder_config c = { .lora_rank = 4, .lora_alpha = 8, .lora_on = LORA_ALL };
	struct decoder_config plain = { .threads = 1 };
	struct err err = { 0 };
	struct llama *base = llama_open(weights, &err);
	struct decoder *d, *p;

	CHECK_OK(&err);
	c.base = plain.base = base;
	d = fresh(&c, 1);
	p = fresh(&plain, 1);
	decoder_hash(p, bare, &err);
	decoder_hash(d, none, &err);
	d->ps.data[d->ps.size / 2] += 1;
	decoder_hash(d, some, &err);
	CHECK_OK(&err);
	assert_string_not_equal(bare, none);
	assert_string_not_equal(none, some);
	decoder_free(d);
	decoder_free(p);
	llama_close(base);
	free(weights);
}

static void test_hashes(void **state)
{
	char *one = invent(WEIGHT_F32, false), *two = invent(WEIGHT_F32, false),
	     *path = path_join(two, "w.gguf");
	char a[2][HASH_HEX], b[2][HASH_HEX];
	FILE *f;

	(void)state;
	hashes(one, a[0], a[1]);
	hashes(two, b[0], b[1]);
	assert_string_equal(a[0], b[0]);
	assert_string_equal(a[1], b[1]);
	/* one byte of one weight */
	f = fopen(path, "r+b");
	CHECK(f && !fseek(f, -70, SEEK_END) && fputc(0x11, f) != EOF && !fclose(f));
	hashes(two, b[0], b[1]);
	assert_string_not_equal(a[0], b[0]);
	assert_string_equal(a[1], b[1]);
	free(path);
	/* an adapter, and another one of the same shape */
	check_adapters(one);
	scratch_remove(one);
	scratch_remove(two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_hashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

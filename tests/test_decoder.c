/* SPDX-License-Identifier: Apache-2.0
 * The decoder against an independent one in double precision: scores, loss,
 * gradients; packing, windows, branches; adapters; files.
 */
#include "tests/test.h"

#include "tests/decoder_compare.h"

static const struct decoder_config small = {
	.vocab = 23, .dim = 24, .layers = 2, .heads = 3, .ff = 20, .rope_theta = 10000
};

static struct decoder_config with_soft(struct decoder_config c)
{
	c.n_soft = 2;
	c.soft[0] = (struct soft_spec){ .name = "audio", .cols = 7 };
	c.soft[1] = (struct soft_spec){ .name = "face", .cols = 16, .hidden = 12 };
	return c;
}

static struct decoder_config with_lora(struct decoder_config c, unsigned on)
{
	c.lora_rank = 3;
	c.lora_alpha = 5;
	c.lora_on = on;
	return c;
}

static void test_twin(void **state)
{
	struct made *m = room(1, sizeof(*m));
	struct decoder_config c = with_soft(small);
	struct rng r;

	(void)state;
	rng_seed(&r, 1, 0);
	made_dialogue(m, &small, 7, 6, 100, &r);
	compare(&small, m, 1);
	made_dialogue(m, &c, 9, 9, 2, &r);
	compare(&c, m, 2);
	made_dialogue(m, &c, 6, 40, 0, &r);
	m->p.weight = m->weight;
	m->p.smooth = 0.1;
	compare(&c, m, 3);
	c = with_lora(c, LORA_Q | LORA_V);
	compare(&c, m, 4);
	c = with_lora(c, LORA_Q | LORA_K | LORA_V | LORA_O | LORA_FF);
	compare(&c, m, 5);
	free(m);
}

/* Everything of the LLaMA family that the nano decoder leaves out. */
static void test_architecture(void **state)
{
	struct made *m = room(1, sizeof(*m));
	struct decoder_config c = small;
	struct rng r;

	(void)state;
	rng_seed(&r, 11, 0);
	made_dialogue(m, &small, 7, 9, 2, &r);
	c.heads = 6;
	c.kv_heads = 2;
	c.head_dim = 6;
	compare(&c, m, 11);
	c.qkv_bias = true;
	c.norm_eps = 1e-2;
	compare(&c, m, 12);
	c.untied = true;
	c.rope_pairs = true;
	c.kv_heads = 1;
	compare(&c, m, 13);
	c.rope_theta = 50;
	c.rope = (struct rope_scaling){ 8, 1, 4, 32 };
	c = with_lora(c, LORA_Q | LORA_UP);
	c.lora_rslora = true;
	c.threads = 2;
	compare(&c, m, 14);
	c.rope_pairs = false;
	c.recompute = true;
	c.lora_on = LORA_K | LORA_O | LORA_DOWN | LORA_GATE;
	compare(&c, m, 15);
	free(m);
}

/* LLaMA-3.1's own numbers, and frequencies computed from its description by hand. */
static void test_scaling(void **state)
{
	struct decoder_config c = { .head_dim = 128, .rope_theta = 500000 };
	const double mid = pow(500000, -32.0 / 64), low = pow(500000, -63.0 / 64);
	/* 8192 positions hold 1.8437 turns of pair 32: a mixture */
	const double part = (8192 * mid / 6.283185307179586 - 1) / 3;
	double freq[64];

	(void)state;
	decoder_frequencies(&c, freq);
	CHECK_NEAR(freq[0], 1, 0);
	CHECK_NEAR(freq[32], mid, 1e-15);
	CHECK_NEAR(freq[63], low, 1e-18);
	c.rope = (struct rope_scaling){ 8, 1, 4, 8192 };
	decoder_frequencies(&c, freq);
	CHECK_NEAR(freq[0], 1, 0);
	CHECK_NEAR(freq[63], low / 8, 1e-18);
	CHECK(part > 0.2 && part < 0.4);
	CHECK_NEAR(freq[32], mid * (part + (1 - part) / 8), 1e-15);
}

/* Restricted support, repeated answers out of order, every token an answer. */
static void test_answers(void **state)
{
	struct made *m = room(1, sizeof(*m));
	struct decoder_config c = small;
	struct rng r;

	(void)state;
	c.layers = 3;
	c.local_layers = 2;
	rng_seed(&r, 2, 0);
	made_dialogue(m, &c, 8, 7, 3, &r);
	for (int i = 0; i < 5; i++)
		m->word[i] = 4 * i + 1;
	m->p.word = m->word;
	m->p.n_word = 5;
	m->p.n_at = 9;
	for (int k = 0; k < 9; k++) {
		m->at[k] = k == 4 ? m->p.n - 1 : (k * 7 + 30) % m->p.n;
		m->target[k] = k % 5;
	}
	m->at[8] = m->at[0];
	compare(&c, m, 6);
	c.local_layers = 3;
	m->p.word = NULL;
	m->p.n_at = m->p.n;
	for (int k = 0; k < m->p.n; k++) {
		m->at[k] = k;
		m->target[k] = k % c.vocab;
	}
	compare(&c, m, 7);
	free(m);
}

/* The window reaches the start: packed scores are those of one prompt an utterance. */
static void test_packing(void **state)
{
	struct made *m = room(1, sizeof(*m)), *one = room(1, sizeof(*one));
	struct decoder_config c = with_soft(small);
	struct decoder *d = fresh(&c, 3);
	float *out, *alone;
	double loss, sum = 0, part;
	struct err err = { 0 };
	struct rng r;
	int k = 0;

	(void)state;
	rng_seed(&r, 3, 0);
	shake(d, &r);
	made_dialogue(m, &c, 12, 30, 12, &r);
	out = room((size_t)(m->p.n_at * c.vocab), sizeof(*out));
	alone = room((size_t)(m->p.n_at * c.vocab), sizeof(*alone));
	decoder_score(d, &m->p, out, &err);
	decoder_train(d, &m->p, NULL, &loss, &err);
	CHECK_OK(&err);
	for (int b = 1; b <= 12; b++) {
		made_prompt(one, m, b);
		decoder_train(d, &one->p, NULL, &part, &err);
		decoder_score(d, &one->p, alone, &err);
		CHECK_OK(&err);
		sum += part;
		for (int i = 0; i < one->p.n_at * c.vocab; i++)
			CHECK_NEAR((double)alone[i], (double)out[k * c.vocab + i], 1e-5);
		k += one->p.n_at;
	}
	CHECK(k == m->p.n_at);
	CHECK_NEAR(loss, sum, 1e-5 * sum);
	free(out);
	free(alone);
	decoder_free(d);
	free(m);
	free(one);
}

/* Scores of every answer into a fresh block. */
static float *scores(struct decoder *d, const struct packed *p)
{
	float *out = room((size_t)p->n_at * (size_t)d->cfg.vocab, sizeof(*out));
	struct err err = { 0 };

	decoder_score(d, p, out, &err);
	CHECK_OK(&err);
	return out;
}

/* Whether the scores of answers in [from, to) are the same to the last bit. */
static bool same(const struct made *m, const float *a, const float *b, int vocab, int from, int to)
{
	for (int k = 0; k < m->p.n_at; k++)
		if (m->at[k] >= from && m->at[k] < to &&
		    memcmp(a + k * vocab, b + k * vocab, (size_t)vocab * sizeof(*a)))
			return false;
	return true;
}

/* Changing a token changes exactly those who may see it: one layer, so that
 * nothing is handed on. */
static void test_visibility(void **state)
{
	struct made *m = room(1, sizeof(*m));
	struct decoder_config c = small;
	struct decoder *d;
	float *was;
	struct rng r;

	(void)state;
	c.layers = 1;
	d = fresh(&c, 4);
	rng_seed(&r, 4, 0);
	made_dialogue(m, &c, 9, 9, 2, &r);
	m->p.n_at = m->p.n;
	for (int i = 0; i < m->p.n; i++)
		m->at[i] = i;
	was = scores(d, &m->p);
	for (int j = 0; j < m->p.n; j += 3) {
		int token = m->token[j];
		float *now;

		m->token[j] = (token + 5) % c.vocab;
		now = scores(d, &m->p);
		m->token[j] = token;
		for (int i = 0; i < m->p.n; i++)
			CHECK(same(m, was, now, c.vocab, i, i + 1) ==
			      !twin_sees(&m->p, m->p.window, i, j));
		free(now);
	}
	free(was);
	decoder_free(d);
	free(m);
}

/* In any depth the trunk and the other branches stay the same, and so does all
 * that came before. */
static void test_branches(void **state)
{
	struct made *m = room(1, sizeof(*m));
	struct decoder_config c = small;
	struct decoder *d;
	float *was, *now;
	struct rng r;
	int j;

	(void)state;
	c.layers = 3;
	d = fresh(&c, 5);
	rng_seed(&r, 5, 0);
	made_dialogue(m, &c, 9, 9, 100, &r);
	m->p.n_at = m->p.n;
	for (int i = 0; i < m->p.n; i++)
		m->at[i] = i;
	was = scores(d, &m->p);
	for (j = m->p.trunk; m->branch[j] != 3; j++)
		;
	m->token[j] = (m->token[j] + 1) % c.vocab;
	now = scores(d, &m->p);
	for (int i = 0; i < m->p.n; i++)
		CHECK(same(m, was, now, c.vocab, i, i + 1) == (m->branch[i] != 3));
	free(was);
	free(now);
	decoder_free(d);
	free(m);
}

static void test_files(void **state)
{
	struct made *m = room(1, sizeof(*m));
	struct decoder_config c = with_soft(small), l = with_lora(c, LORA_Q | LORA_V), other = c;
	struct decoder *a = fresh(&c, 6), *b = fresh(&c, 7), *lora = fresh(&l, 8), *wrong;
	char *dir = scratch_make(), *path = path_join(dir, "m.ckpt");
	struct err err = { 0 };
	float *was, *now;
	struct rng r;

	(void)state;
	rng_seed(&r, 6, 0);
	shake(a, &r);
	made_dialogue(m, &c, 9, 9, 4, &r);
	was = scores(a, &m->p);
	write_to(a, path);
	read_from(b, path, &err);
	CHECK_OK(&err);
	now = scores(b, &m->p);
	CHECK(same(m, was, now, c.vocab, 0, m->p.n));
	free(now);
	/* a base goes under fresh adapters, which do nothing yet; not the other way */
	read_from(lora, path, &err);
	CHECK_OK(&err);
	now = scores(lora, &m->p);
	CHECK(same(m, was, now, c.vocab, 0, m->p.n));
	free(now);
	write_to(lora, path);
	read_from(b, path, &err);
	CHECK_ERR(&err, ERR_FORMAT, "lora_rank");
	other.soft[1].hidden = 13;
	wrong = fresh(&other, 9);
	read_from(wrong, path, &err);
	CHECK_ERR(&err, ERR_FORMAT, "m.ckpt: written with");
	decoder_free(wrong);
	free(was);
	decoder_free(a);
	decoder_free(b);
	decoder_free(lora);
	free(path);
	scratch_remove(dir);
	free(m);
}

/* Each turn starts with one of four marks; its branch must say which, two turns back. */
static void recall_task(struct made *m, struct rng *r)
{
	int mark[8], end[8];

	m->p = (struct packed){ .window = 8 };
	for (int t = 0; t < 8; t++) {
		mark[t] = (int)rng_below(r, 4);
		made_put(m, mark[t], t, 0, m->p.n);
		made_put(m, 5 + (int)rng_below(r, 3), t, 0, m->p.n);
		end[t] = m->p.n;
	}
	m->p.trunk = m->p.n;
	for (int t = 2; t < 8; t++) {
		m->at[m->p.n_at] = m->p.n;
		m->target[m->p.n_at++] = mark[t - 2];
		made_put(m, 4, t, t, end[t]);
	}
	for (int i = 0; i < 4; i++)
		m->word[i] = i;
	m->p.word = m->word;
	m->p.n_word = 4;
	made_finish(m);
}

static double train(struct decoder *d, uint64_t seed, int steps, double lr)
{
	struct adamw o = { lr, 0.9, 0.98, 1e-8, 0.01, 1.0 };
	struct made *m = room(1, sizeof(*m));
	struct err err = { 0 };
	double last = 0;
	struct rng r;

	rng_seed(&r, seed, 0);
	for (int s = 0; s < steps; s++) {
		int answers = 0;
		double sum = 0, loss;

		for (int k = 0; k < 4; k++) {
			recall_task(m, &r);
			decoder_train(d, &m->p, &r, &loss, &err);
			sum += loss;
			answers += m->p.n_at;
		}
		o.lr = lr * (1 - 0.9 * s / steps);
		decoder_step(d, &o, 1.0 / answers, &err);
		CHECK_OK(&err);
		last = sum / answers;
	}
	free(m);
	return last;
}

static void test_learning(void **state)
{
	struct decoder_config c = { .vocab = 8,
				    .dim = 32,
				    .layers = 2,
				    .heads = 4,
				    .ff = 48,
				    .rope_theta = 10000,
				    .dropout = 0.05 };
	struct decoder *a = fresh(&c, 1), *b = fresh(&c, 1), *other = fresh(&c, 2);
	double first = train(a, 5, 1, 3e-3), loss = train(a, 6, 250, 3e-3);

	(void)state;
	print_message("loss %.4f -> %.4f\n", first, loss);
	CHECK_NEAR(first, log(4), 0.7);
	CHECK_NEAR(loss, 0, 0.05);
	/* same seeds, same parameters to the last bit */
	train(b, 5, 1, 3e-3);
	train(b, 6, 250, 3e-3);
	CHECK(!memcmp(a->ps.data, b->ps.data, a->ps.size * sizeof(*a->ps.data)));
	CHECK(memcmp(a->ps.data, other->ps.data, a->ps.size * sizeof(*a->ps.data)));
	decoder_free(a);
	decoder_free(b);
	decoder_free(other);
}

/* Recomputation and threads change nothing, to the last bit; dropout included. */
static void test_same_bits(void **state)
{
	struct decoder_config c = with_lora(with_soft(small), LORA_Q | LORA_DOWN);
	const struct adamw o = { 1e-2, 0.9, 0.98, 1e-8, 0.01, 1.0 };
	struct made *m = room(1, sizeof(*m));
	struct decoder *first = NULL;
	struct err err = { 0 };
	double loss, base = 0;

	(void)state;
	c.dropout = 0.1;
	c.token_dropout = 0.1;
	c.lora_dropout = 0.2;
	c.layers = 3;
	for (int k = 0; k < 4; k++) {
		struct decoder *d;
		struct rng r;

		c.recompute = k % 2;
		c.threads = 1 + k;
		d = fresh(&c, 8);
		rng_seed(&r, 8, 0);
		for (int step = 0; step < 4; step++) {
			made_dialogue(m, &c, 9, 30, 3, &r);
			decoder_train(d, &m->p, &r, &loss, &err);
			decoder_train(d, &m->p, &r, &loss, &err);
			decoder_step(d, &o, 0.01, &err);
			CHECK_OK(&err);
		}
		base = k ? base : loss;
		CHECK_NEAR(loss, base, 0);
		if (first)
			CHECK(!memcmp(first->ps.data, d->ps.data, d->ps.size * sizeof(float)));
		else
			first = d;
		if (d != first)
			decoder_free(d);
	}
	decoder_free(first);
	free(m);
}

/* Adapters and projectors move, the base does not; fresh adapters change nothing. */
static void test_lora(void **state)
{
	struct decoder_config c = {
		.vocab = 8, .dim = 32, .layers = 2, .heads = 4, .ff = 48, .rope_theta = 10000
	};
	struct decoder_config l = with_lora(c, LORA_Q | LORA_V | LORA_FF);
	struct decoder *base = fresh(&c, 3), *d;
	struct made *m = room(1, sizeof(*m));
	struct err err = { 0 };
	float *a, *b;
	double start, end;
	struct rng r;

	(void)state;
	rng_seed(&r, 3, 0);
	recall_task(m, &r);
	d = fresh(&l, 3);
	a = scores(base, &m->p);
	b = scores(d, &m->p);
	CHECK(!memcmp(a, b, (size_t)(m->p.n_at * 4) * sizeof(*a)));
	CHECK(decoder_parameters(d, true) ==
	      2 * (2 * 3 * (32 + 32) + 2 * 3 * (32 + 48) + 3 * (48 + 32)));
	CHECK(decoder_parameters(d, false) ==
	      decoder_parameters(base, false) + decoder_parameters(d, true));
	decoder_keep(d, &err);
	start = train(d, 9, 1, 1e-2);
	end = train(d, 9, 40, 1e-2);
	CHECK(end < start);
	for (size_t i = 0; i < d->ps.n; i++) {
		const struct param *p = &d->ps.p[i];
		ptrdiff_t at = p->t.data - d->ps.data;
		bool moved =
			memcmp(p->t.data, d->ps.kept + at, tensor_size(&p->t) * sizeof(float)) != 0;

		CHECK(moved == (strstr(p->name, "lora_") != NULL));
	}
	decoder_restore(d, &err);
	CHECK_OK(&err);
	free(b);
	b = scores(d, &m->p);
	CHECK(!memcmp(a, b, (size_t)(m->p.n_at * 4) * sizeof(*a)));
	free(a);
	free(b);
	free(m);
	decoder_free(base);
	decoder_free(d);
}

static void refuse(struct decoder *d, const struct packed *p, const char *text)
{
	struct err err = { 0 };
	double loss;

	decoder_train(d, p, NULL, &loss, &err);
	CHECK_ERR(&err, ERR_ARG, text);
}

/* What a caller may get wrong is named, not computed with. */
static void test_refusals(void **state)
{
	struct decoder_config c = with_soft(small);
	struct decoder *d = fresh(&c, 1);
	struct made *m = room(1, sizeof(*m)), *bad = room(1, sizeof(*bad));
	struct err err = { 0 };
	struct rng r;
	double loss;

	(void)state;
	rng_seed(&r, 1, 0);
	made_dialogue(m, &small, 6, 6, 3, &r);
#define BREAK(change, text)                                                                        \
	do {                                                                                       \
		memcpy(bad, m, sizeof(*m));                                                        \
		made_finish(bad);                                                                  \
		change;                                                                            \
		refuse(d, &bad->p, text);                                                          \
	} while (0)
	BREAK(bad->token[2] = 23, "token 2 is 23");
	BREAK(bad->token[2] = -2, "token 2 is -2");
	BREAK(bad->token[2] = -1, "soft token without");
	BREAK(bad->pos[4] = -1, "position 4");
	BREAK(bad->pos[4] = 1 << 20, "position 4");
	BREAK(bad->turn[3] = 99, "turn of token");
	BREAK(bad->branch[1] = 1, "branch of token 1");
	BREAK(bad->branch[bad->p.n - 1] = 1, "branches are not in order");
	BREAK(bad->turn[bad->p.n - 1] = 0, "turn of token");
	BREAK(bad->at[1] = bad->p.n, "answer position 1");
	BREAK(bad->target[0] = -1, "target 0");
	BREAK(bad->p.target = NULL, "needs targets");
	BREAK(bad->p.smooth = 1, "smoothing");
	BREAK(bad->p.window = -1, "window -1");
	BREAK((bad->weight[2] = NAN, bad->p.weight = bad->weight), "weight 2");
	BREAK((bad->word[0] = 23, bad->p.word = bad->word, bad->p.n_word = 1), "word 0 is 23");
#undef BREAK
	decoder_free(d);
	c.dropout = 0.1;
	d = fresh(&c, 1);
	refuse(d, &m->p, "random numbers");
	m->p.n_at = 0;
	decoder_train(d, &m->p, &r, &loss, &err);
	CHECK_OK(&err);
	CHECK_NEAR(loss, 0, 0);
	decoder_free(d);
	c.kv_heads = 2;
	CHECK(!decoder_new(&c, 1, &err));
	CHECK_ERR(&err, ERR_ARG, "cannot share 2 key heads");
	c.kv_heads = 0;
	c.rope = (struct rope_scaling){ 8, 4, 4, 8192 };
	CHECK(!decoder_new(&c, 1, &err));
	CHECK_ERR(&err, ERR_ARG, "rope scaling");
	c.rope.factor = 0;
	c.thaw = true;
	CHECK(!decoder_new(&c, 1, &err));
	CHECK_ERR(&err, ERR_ARG, "thaw");
	c.thaw = false;
	c.head_dim = 7;
	CHECK(!decoder_new(&c, 1, &err));
	CHECK_ERR(&err, ERR_ARG, "must be even");
	c.head_dim = 0;
	c.heads = 7;
	CHECK(!decoder_new(&c, 1, &err));
	CHECK_ERR(&err, ERR_ARG, "multiple of twice the 7 heads");
	c = small;
	c.vocab = 1 << 30;
	CHECK(!decoder_new(&c, 1, &err));
	CHECK_ERR(&err, ERR_ARG, "vocab");
	decoder_free(NULL);
	free(m);
	free(bad);
}

/* Broken features are an error that leaves the parameters whole. */
static void test_not_finite(void **state)
{
	struct decoder_config c = with_soft(small);
	struct decoder *d = fresh(&c, 1);
	struct made *m = room(1, sizeof(*m));
	struct err err = { 0 };
	struct rng r;
	double loss;

	(void)state;
	rng_seed(&r, 1, 0);
	made_dialogue(m, &c, 6, 6, 3, &r);
	for (int i = 0; i < m->p.n; i++)
		m->frame[i][0] = NAN;
	decoder_train(d, &m->p, NULL, &loss, &err);
	CHECK_ERR(&err, ERR_DATA, "not finite");
	decoder_free(d);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_twin),	     cmocka_unit_test(test_answers),
		cmocka_unit_test(test_architecture), cmocka_unit_test(test_scaling),
		cmocka_unit_test(test_packing),	     cmocka_unit_test(test_visibility),
		cmocka_unit_test(test_branches),     cmocka_unit_test(test_files),
		cmocka_unit_test(test_learning),     cmocka_unit_test(test_lora),
		cmocka_unit_test(test_same_bits),    cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_not_finite),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

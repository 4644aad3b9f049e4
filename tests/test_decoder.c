/* SPDX-License-Identifier: Apache-2.0
 * The decoder against an independent one in double precision: scores, loss,
 * gradients; packing, windows, branches; adapters; files.
 */
#include "tests/test.h"

#include "tests/decoder_twin.h"
#include "tests/dialogue.h"

#include "harness/base/mem.h"

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

/* Zeroed, or the test fails. */
static void *room(size_t n, size_t size)
{
	void *p = mem_calloc(n, size);

	if (!p)
		fail_msg("no memory");
	return p;
}

static struct decoder *fresh(const struct decoder_config *c, uint64_t seed)
{
	struct err err = { 0 };
	struct decoder *d = decoder_new(c, seed, &err);

	CHECK_OK(&err);
	return d;
}

/* Every parameter moves away from its special initial value (ones, zeros). */
static void shake(struct decoder *d, struct rng *r)
{
	for (size_t i = 0; i < d->ps.n; i++)
		for (size_t j = 0; j < tensor_size(&d->ps.p[i].t); j++)
			d->ps.p[i].t.data[j] += (float)(0.15 * rng_normal(r));
}

/* Loss, scores and a gradient along two random directions, against the twin. */
static void compare(const struct decoder_config *c, struct made *m, uint64_t seed)
{
	int n = m->p.word ? m->p.n_word : c->vocab;
	struct decoder *d = fresh(c, seed);
	struct err err = { 0 };
	struct rng r;
	double loss, *logp;
	float *out, *dir;

	rng_seed(&r, seed, 77);
	shake(d, &r);
	logp = room((size_t)(m->p.n_at * n), sizeof(*logp));
	out = room((size_t)(m->p.n_at * n), sizeof(*out));
	dir = room(d->ps.size, sizeof(*dir));
	decoder_score(d, &m->p, out, &err);
	decoder_train(d, &m->p, NULL, &loss, &err);
	CHECK_OK(&err);
	CHECK_NEAR(loss, twin_loss(&(struct twin){ .d = d, .p = &m->p }, logp),
		   2e-6 * fabs(loss) * c->layers);
	for (int i = 0; i < m->p.n_at * n; i++)
		CHECK_NEAR((double)out[i], logp[i], 2e-5);
	for (int turn = 0; turn < 2; turn++) {
		struct twin up = { .d = d, .p = &m->p, .dir = dir, .eps = 1e-4 }, down = up;
		double dot = 0, size = 0, diff;

		down.eps = -up.eps;
		memset(dir, 0, d->ps.size * sizeof(*dir));
		for (size_t i = 0; i < d->ps.n; i++)
			for (size_t j = 0; j < tensor_size(&d->ps.p[i].t); j++) {
				struct param *p = &d->ps.p[i];
				double x = rng_normal(&r);

				if (!p->train)
					continue;
				dir[p->t.data - d->ps.data + (ptrdiff_t)j] = (float)x;
				dot += (double)(float)x * (double)p->t.grad[j];
				size += fabs((double)p->t.grad[j]);
			}
		diff = (twin_loss(&up, NULL) - twin_loss(&down, NULL)) / (2 * up.eps);
		CHECK_NEAR(dot, diff, 1e-5 * size + 1e-6 * fabs(diff));
	}
	free(logp);
	free(out);
	free(dir);
	decoder_free(d);
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

/* Restricted support, repeated answers out of order, every token an answer. */
static void test_answers(void **state)
{
	struct made *m = room(1, sizeof(*m));
	struct decoder_config c = small;
	struct rng r;

	(void)state;
	c.layers = 3;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_twin),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_packing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * Sessions give the scores of the same tokens read at once; sampling.
 */
#include "tests/test.h"

#include "tests/dialogue.h"

#include "harness/base/mem.h"
#include "models/backbone/session.h"

#define TOL 2e-5

static const struct decoder_config small = { .vocab = 23,
					     .dim = 24,
					     .layers = 3,
					     .heads = 6,
					     .kv_heads = 2,
					     .head_dim = 6,
					     .ff = 20,
					     .rope_theta = 10000,
					     .qkv_bias = true,
					     .untied = true };

/* A decoder, a session and a dialogue for them. */
struct scene {
	struct decoder *d;
	struct session *s;
	struct made *m;
	float *want, *out;
	struct err err;
};

static void *room(size_t n, size_t size)
{
	void *p = mem_calloc(n, size);

	if (!p)
		fail_msg("no memory");
	return p;
}

static struct decoder_config with_soft(struct decoder_config c)
{
	c.n_soft = 2;
	c.soft[0] = (struct soft_spec){ .name = "audio", .cols = 7 };
	c.soft[1] = (struct soft_spec){ .name = "face", .cols = 16, .hidden = 12 };
	return c;
}

/* Every token answers; want: what one pass over all gives. */
static struct scene scene_make(struct decoder_config c, int turns, int most, int window,
			       int capacity)
{
	struct scene x = { .m = room(1, sizeof(*x.m)) };
	struct rng r;

	rng_seed(&r, 21, 0);
	x.d = decoder_new(&c, 4, &x.err);
	CHECK_OK(&x.err);
	made_dialogue(x.m, &c, turns, most, window, &r);
	x.m->p.n_at = x.m->p.n;
	for (int i = 0; i < x.m->p.n; i++)
		x.m->at[i] = i;
	x.want = room((size_t)(x.m->p.n * c.vocab), sizeof(float));
	x.out = room((size_t)(x.m->p.n * c.vocab), sizeof(float));
	decoder_score(x.d, &x.m->p, x.want, &x.err);
	CHECK_OK(&x.err);
	x.s = session_new(x.d, capacity ? capacity : x.m->p.n, &x.err);
	CHECK_OK(&x.err);
	return x;
}

static void scene_free(struct scene *x)
{
	session_free(x->s);
	decoder_free(x->d);
	free(x->want);
	free(x->out);
	free(x->m);
}

/* Tokens [from, to) of the dialogue as a packed dialogue of their own; every one answers. */
static struct packed part(const struct made *m, int from, int to)
{
	struct packed p = m->p;

	p.n = p.n_at = to - from;
	p.trunk = m->p.trunk <= from ? 0 : m->p.trunk >= to ? p.n : m->p.trunk - from;
	p.token += from;
	p.soft_kind += from;
	p.soft += from;
	p.turn += from;
	p.branch += from;
	p.pos += from;
	return p;
}

static void check_rows(const struct scene *x, const float *got, int from, int to)
{
	const int v = decoder_config_of(x->d)->vocab;

	for (int i = from * v; i < to * v; i++)
		CHECK_NEAR((double)got[i - from * v], (double)x->want[i], TOL);
}

static void read_part(struct scene *x, int from, int to)
{
	const struct packed p = part(x->m, from, to);

	for (int i = 0; i < p.n * small.vocab; i++)
		x->out[i] = NAN;
	session_read(x->s, &p, x->out, &x->err);
	CHECK_OK(&x->err);
	check_rows(x, x->out, from, to);
}

/* All at once, in pieces of any size, token by token; with windows and local layers. */
static void test_pieces(void **state)
{
	const int step[] = { 4096, 1, 7, 50 };

	(void)state;
	for (int k = 0; k < 4; k++) {
		struct decoder_config c = k % 2 ? with_soft(small) : small;
		struct scene x;

		c.local_layers = k == 3;
		c.rope_pairs = k == 2;
		x = scene_make(c, 9, 9, k == 1 ? 100 : 2, 0);
		for (int from = 0; from < x.m->p.trunk; from += step[k])
			read_part(&x, from,
				  x.m->p.trunk - from < step[k] ? x.m->p.trunk : from + step[k]);
		CHECK(session_length(x.s) == x.m->p.trunk);
		/* branches that are not kept: each reads the same trunk */
		for (int from = x.m->p.trunk, to; from < x.m->p.n; from = to) {
			for (to = from; to < x.m->p.n && x.m->branch[to] == x.m->branch[from];)
				to++;
			read_part(&x, from, to);
		}
		CHECK(session_length(x.s) == x.m->p.trunk);
		/* all of them at once */
		read_part(&x, x.m->p.trunk, x.m->p.n);
		/* back to the third turn, and on from there */
		session_rewind(x.s, 5, &x.err);
		read_part(&x, 5, x.m->p.n);
		scene_free(&x);
	}
}

/* Longer than a pass. */
static void test_long(void **state)
{
	struct scene x = scene_make(small, 60, 30, 3, 0);

	(void)state;
	CHECK(x.m->p.trunk > 700);
	read_part(&x, 0, x.m->p.n);
	session_rewind(x.s, 0, &x.err);
	read_part(&x, 0, 100);
	read_part(&x, 100, x.m->p.n);
	scene_free(&x);
}

/* Several continuations at once, a token each a step. */
static void test_kept_branches(void **state)
{
	struct scene x = scene_make(small, 9, 9, 3, 512);
	struct packed p = part(x.m, 0, x.m->p.trunk);
	struct made *step = room(1, sizeof(*step));
	int left = x.m->p.n - x.m->p.trunk, want[64];

	(void)state;
	p.n_at = 0;
	session_read(x.s, &p, NULL, &x.err);
	session_open_branches(x.s, 6, &x.err);
	CHECK_OK(&x.err);
	for (int k = 0; left; k++) {
		step->p = (struct packed){ .window = 3 };
		for (int i = x.m->p.trunk, nth = 0; i < x.m->p.n; i++) {
			nth = x.m->branch[i] == x.m->branch[i - 1] ? nth + 1 : 0;
			if (nth != k)
				continue;
			want[step->p.n] = i;
			made_put(step, x.m->token[i], x.m->turn[i], x.m->branch[i], x.m->pos[i]);
		}
		step->p.n_at = step->p.n;
		for (int i = 0; i < step->p.n; i++)
			step->at[i] = i;
		made_finish(step);
		session_read(x.s, &step->p, x.out, &x.err);
		CHECK_OK(&x.err);
		for (int i = 0; i < step->p.n; i++)
			check_rows(&x, x.out + i * small.vocab, want[i], want[i] + 1);
		left -= step->p.n;
	}
	/* the trunk is closed until the branches are forgotten */
	p = part(x.m, x.m->p.trunk - 1, x.m->p.trunk);
	session_read(x.s, &p, x.out, &x.err);
	CHECK_ERR(&x.err, ERR_ARG, "cannot grow");
	session_rewind(x.s, x.m->p.trunk - 1, &x.err);
	read_part(&x, x.m->p.trunk - 1, x.m->p.trunk);
	free(step);
	scene_free(&x);
}

/* Plain text; restricted answers; what does not fit leaves everything as it was. */
static void test_feed(void **state)
{
	struct scene x = scene_make(small, 1, 40, 0, 41);
	const int n = x.m->p.trunk, v = small.vocab, word[3] = { 5, 0, 7 };
	struct packed p = part(x.m, n - 1, n);
	float three[3];

	(void)state;
	session_feed(x.s, x.m->token, n - 1, NULL, &x.err);
	session_feed(x.s, x.m->token + n - 1, 1, x.out, &x.err);
	CHECK_OK(&x.err);
	check_rows(&x, x.out, n - 1, n);
	session_feed(x.s, x.m->token, 42 - n, x.out, &x.err);
	CHECK_ERR(&x.err, ERR_LIMIT, "capacity of 41");
	CHECK(session_length(x.s) == n);
	session_rewind(x.s, n - 1, &x.err);
	p.target = NULL;
	p.word = word;
	p.n_word = 3;
	session_read(x.s, &p, three, &x.err);
	CHECK_OK(&x.err);
	for (int i = 0; i < 2; i++)
		CHECK_NEAR((double)three[i] - (double)three[i + 1],
			   (double)x.want[(n - 1) * v + word[i]] -
				   (double)x.want[(n - 1) * v + word[i + 1]],
			   TOL);
	session_rewind(x.s, n + 1, &x.err);
	CHECK_ERR(&x.err, ERR_ARG, "cannot rewind");
	p = part(x.m, n - 1, n);
	x.m->turn[n - 1] = -1;
	session_read(x.s, &p, x.out, &x.err);
	CHECK_ERR(&x.err, ERR_ARG, "turn -1 behind turn 0");
	CHECK(!session_new(x.d, 0, &x.err));
	CHECK_ERR(&x.err, ERR_ARG, "capacity of 0");
	session_free(NULL);
	scene_free(&x);
}

static void test_branch_limits(void **state)
{
	struct scene x = scene_make(small, 3, 5, 9, 64);
	struct packed p = part(x.m, 0, x.m->p.trunk), b = part(x.m, x.m->p.trunk, x.m->p.n);

	(void)state;
	session_read(x.s, &p, x.out, &x.err);
	CHECK_OK(&x.err);
	session_open_branches(x.s, 1, &x.err);
	session_read(x.s, &b, x.out, &x.err);
	CHECK_ERR(&x.err, ERR_LIMIT, "branch 1 has room for 1");
	session_open_branches(x.s, 8, &x.err);
	CHECK_ERR(&x.err, ERR_ARG, "open already");
	session_rewind(x.s, x.m->p.trunk, &x.err);
	session_open_branches(x.s, 22, &x.err);
	session_read(x.s, &b, x.out, &x.err);
	CHECK(x.err.code == ERR_LIMIT);
	scene_free(&x);
}

static void test_sampler(void **state)
{
	const float logp[4] = { logf(0.2f), logf(0.5f), logf(0.05f), logf(0.25f) };
	const float tie[3] = { -1, 0, 0 }, none[2] = { NAN, NAN };
	const struct {
		double t, top_p, want[4];
	} c[] = {
		{ 1, 1, { 0.2, 0.5, 0.05, 0.25 } },
		{ 1, 0.7, { 0, 2 / 3.0, 0, 1 / 3.0 } },
		{ 1, 0.3, { 0, 1, 0, 0 } },
		{ 1e30, 0.1, { 0, 1, 0, 0 } }, /* all as probable: still the first alone */
		{ 0.5, 1, { 0.04 / 0.355, 0.25 / 0.355, 0.0025 / 0.355, 0.0625 / 0.355 } },
	};
	struct sampler s = { 0 };
	struct err err = { 0 };

	(void)state;
	CHECK(sampler_pick(&s, logp, 4, &err) == 1);
	CHECK(sampler_pick(&s, tie, 3, &err) == 1);
	for (size_t k = 0; k < ARRAY_LEN(c); k++) {
		int count[4] = { 0 };

		s.temperature = c[k].t;
		s.top_p = c[k].top_p;
		rng_seed(&s.rng, 3, k);
		for (int i = 0; i < 20000; i++)
			count[sampler_pick(&s, logp, 4, &err)]++;
		for (int j = 0; j < 4; j++)
			CHECK_NEAR(count[j] / 20000.0, c[k].want[j], 0.015);
	}
	CHECK_OK(&err);
	CHECK(sampler_pick(&s, none, 2, &err) == -1);
	CHECK_ERR(&err, ERR_DATA, "no numbers");
	sampler_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),	      cmocka_unit_test(test_long),
		cmocka_unit_test(test_kept_branches), cmocka_unit_test(test_feed),
		cmocka_unit_test(test_branch_limits), cmocka_unit_test(test_sampler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * The systems on the decoder from inside: how dialogues are cut into packs, that packing
 * changes no score, answers of several tokens, soft tokens of a Q-Former.
 */
#include "tests/test.h"

#include "tests/nano_world.h"

/* --- cutting --- */

/* What the declaration of struct nano_cut says, for one view. */
static void check_cuts(const struct nano *n, const struct view *v, int most, int step)
{
	const enum nano_window mode = nano_window(n);
	struct nano_cut cut = { .last = 0 };
	int next = 0;

	while (nano_next_cut(n, v, cut.last, most, &cut)) {
		int targets = 0;

		CHECK(cut.from >= 0 && cut.from <= cut.first && cut.first < cut.last &&
		      cut.last <= v->n && v->target[cut.first] && v->target[cut.last - 1]);
		for (; next < cut.first; next++)
			CHECK(!v->target[next]);
		for (int t = cut.first; t < cut.last; t++) {
			const int reach = t - cut.from < cut.window ? t - cut.from : cut.window;

			if (!v->target[t])
				continue;
			targets++;
			if (t <= v->window && mode != NANO_SHARED)
				CHECK(cut.from == 0 && reach == t);
			if (mode == NANO_EXACT)
				CHECK(reach == (t < v->window ? t : v->window));
			if (mode == NANO_ANCHORED)
				CHECK(reach <= v->window && cut.from % step == 0 &&
				      (cut.from == 0 || t - cut.from > v->window - step));
		}
		CHECK(targets > 0 && targets <= most);
		next = cut.last;
	}
	for (; next < v->n; next++)
		CHECK(!v->target[next]);
}

static void test_cuts(void **state)
{
	static const char *const mode[] = { "shared", "anchored", "exact" };
	unsigned char target[64];
	struct rng rng;
	struct run r;

	(void)state;
	rng_seed(&rng, 8, 0);
	for (int i = 0; i < 600; i++) {
		struct view v = { .target = target,
				  .n = 1 + (int)rng_below(&rng, 60),
				  .window = (int)rng_below(&rng, 20) };
		const int anchor = (int)rng_below(&rng, 9), half = (v.window + 1) / 2;
		int step = anchor ? anchor : half ? half : 1;
		char set[80];

		step = step > v.window + 1 ? v.window + 1 : step;
		for (int t = 0; t < v.n; t++)
			target[t] = rng_below(&rng, 3) > 0;
		snprintf(set, sizeof(set), "window_mode=%s,anchor=%d", mode[i % 3], anchor);
		run_new(&r, &model_llmerc, set);
		check_cuts(r.state, &v, 1 + (int)rng_below(&rng, 12), step);
		run_free(&r);
	}
}

/* --- packing changes nothing --- */

static void test_windows(void **state)
{
	static const struct {
		const char *set;
		int window, first[TURNS];
	} kase[] = {
		{ "window_mode=exact", 4, { 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 } },
		{ "window_mode=anchored", 4, { 0, 0, 0, 0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10 } },
		{ "window_mode=anchored,anchor=5",
		  4,
		  { 0, 0, 0, 0, 0, 5, 5, 5, 5, 5, 10, 10, 10, 10 } },
		{ "window_mode=anchored,anchor=3",
		  7,
		  { 0, 0, 0, 0, 0, 0, 0, 0, 3, 3, 3, 6, 6, 6 } },
		{ "window_mode=exact", 0, { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 } },
		{ "window_mode=shared", 1, { 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 } },
		{ "window_mode=shared", TURNS, { 0 } },
		{ "window_mode=anchored", TURNS - 1, { 0 } },
		{ "window_mode=exact", TURNS - 1, { 0 } },
	};
	static const char *const cues[] = { "all", "text" };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(kase); i++) {
		struct world *w = world_new(kase[i / 2].window);
		struct answer a[TURNS], b[TURNS];
		char set[120];
		struct run r;

		snprintf(set, sizeof(set), "turns=5,history_cues=%s,%s", cues[i % 2],
			 kase[i / 2].set);
		run_new(&r, &model_llmerc, set);
		run_fit(&r, w);
		for (int d = 0; d < 4; d++) {
			int n = predict(&r, &w->view[d], a);

			predict_alone(&r, w, d, kase[i / 2].first, b);
			check_same(a, b, n, 2e-5);
		}
		run_free(&r);
		free(w);
	}
}

/* --- answers of several tokens --- */

static void test_long_answers(void **state)
{
	struct world *w = world_new(TURNS);
	struct answer a[TURNS];
	struct nano_turn *turn;
	struct arena mem = { 0 };
	struct err err = { 0 };
	struct run r;
	int i = 0;

	(void)state;
	/* no merges: every letter is a token */
	run_new(&r, &model_llmerc, "vocab=256,dropout=0,token_dropout=0");
	run_fit(&r, w);
	CHECK(!r.state->text.single && r.state->text.word[0].n == strlen(" neutral"));
	predict(&r, &w->view[1], a);
	turn = nano_encode(r.state, &w->view[1], &mem, &err);
	CHECK_OK(&err);
	for (int t = 0; t < TURNS; t++) {
		double z[3], sum = 0;

		if (!w->target[t])
			continue;
		for (int j = 0; j < 3; j++)
			sum += exp(z[j] = answer_logp(&r, turn, t, j));
		for (int j = 0; j < 3; j++)
			CHECK_NEAR((double)a[i].score[j], z[j] - log(sum), 1e-4);
		i++;
	}
	arena_free(&mem);
	run_free(&r);
	free(w);
}

/* --- soft tokens --- */

static void test_qformer(void **state)
{
	struct world *w = world_new(TURNS);
	struct answer a[TURNS], b[TURNS];
	char *dir = scratch_make(), *path = path_join(dir, "model.ckpt");
	struct err err = { 0 };
	struct run r, again;
	int n;

	(void)state;
	run_new(&r, &model_llmerc,
		"projector_kind=qformer,queries=3,qformer_heads=2,projector=8,epochs=2");
	run_fit(&r, w);
	n = predict(&r, &w->view[0], a);
	r.m->save(r.state, path, &err);
	run_new(&again, &model_llmerc,
		"projector_kind=qformer,queries=3,qformer_heads=2,projector=8,epochs=2");
	again.m->load(again.state, path, &err);
	CHECK_OK(&err);
	CHECK(predict(&again, &w->view[0], b) == n);
	check_same(a, b, n, 0);
	for (int i = 0; i < ROWS * COLS; i++) /* the sound is heard */
		w->audio[0][3][i] += 3;
	predict(&again, &w->view[0], b);
	CHECK(memcmp(a[3].score, b[3].score, sizeof(a[3].score)) != 0);
	run_free(&again);
	run_new(&again, &model_llmerc, "projector_kind=mlp,projector=8");
	CHECK(again.m->load(again.state, path, &err));
	CHECK(err.code == ERR_FORMAT);
	run_free(&again);
	run_free(&r);
	free(path);
	scratch_remove(dir);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_long_answers),
		cmocka_unit_test(test_qformer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

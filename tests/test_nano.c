/* SPDX-License-Identifier: Apache-2.0
 * The systems on the decoder from inside: how dialogues are cut into packs, that packing
 * changes no score, answers of several tokens, soft tokens of a Q-Former.
 */
#include "tests/test.h"

#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "models/models.h"
#include "models/nano.h"

#define TURNS 14
#define ROWS  6
#define COLS  3

/* A few long dialogues in which words and sound say something about the label. */
struct world {
	struct view view[4];
	struct turn turn[4][TURNS];
	unsigned char target[TURNS];
	int label[4][TURNS];
	const int *labels[4];
	float audio[4][TURNS][ROWS * COLS];
};

static struct world *world_new(int window)
{
	static const char *const text[3] = { "It is a table.", "This is great!", "I hate it." };
	struct world *w = mem_calloc(1, sizeof(*w));
	struct rng r;

	if (!w)
		fail_msg("no memory");
	rng_seed(&r, 3, 0);
	for (int t = 0; t < TURNS; t++)
		w->target[t] = t % 6 != 4;
	for (int d = 0; d < 4; d++) {
		w->view[d] = (struct view){ "d", w->turn[d], TURNS, w->target, window };
		w->labels[d] = w->label[d];
		for (int t = 0; t < TURNS; t++) {
			struct turn *u = &w->turn[d][t];
			float *x = w->audio[d][t];
			int k = (int)rng_below(&r, 3);

			w->label[d][t] = k;
			for (int i = 0; i < ROWS * COLS; i++)
				x[i] = (float)(rng_normal(&r) + (i % COLS == k));
			*u = (struct turn){ .id = "u",
					    .speaker = (int)rng_below(&r, 2),
					    .text = text[k],
					    .speech = k ? "high pitch." : "low pitch.",
					    .behaviour = { "The brows rise." },
					    .audio = { x, 1 + (int)rng_below(&r, ROWS), COLS } };
		}
	}
	return w;
}

struct run {
	const struct model_ops *m;
	struct opt_values opts;
	struct model_env env;
	struct nano *state;
};

/* set: "a=1,b=2" over small and quick defaults. */
static void run_new(struct run *r, const struct model_ops *m, const char *set)
{
	struct strbuf all = { 0 };
	struct err err = { 0 };
	char *save = NULL;

	*r = (struct run){ .m = m, .state = mem_calloc(1, m->state_size) };
	CHECK(r->state);
	opt_init(&r->opts, m->opts, &err);
	strbuf_addf(&all, "epochs=1,dim=16,layers=2,context_layers=2,heads=2,ff=16,vocab=300,%s",
		    set);
	for (char *s = strtok_r(all.s, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
		char *eq = strchr(s, '=');

		*eq = '\0';
		opt_set(&r->opts, s, eq + 1, &err);
	}
	CHECK_OK(&err);
	strbuf_free(&all);
	r->env = (struct model_env){
		.labels = &labels_meld3, .opts = &r->opts, .see = SEE_ALL, .seed = 1, .threads = 1
	};
	m->init(r->state, &r->env, &err);
	CHECK_OK(&err);
}

static void run_free(struct run *r)
{
	r->m->destroy(r->state);
	free(r->state);
	opt_free(&r->opts);
}

static void run_fit(struct run *r, const struct world *w)
{
	struct samples s = { w->view, w->labels, 4 };
	struct err err = { 0 };

	r->m->fit(r->state, &s, &err);
	CHECK_OK(&err);
}

static int predict(struct run *r, const struct view *v, struct answer *a)
{
	struct err err = { 0 };
	int n = 0;

	r->m->predict(r->state, v, a, &err);
	CHECK_OK(&err);
	for (int t = 0; t < v->n; t++)
		n += v->target[t];
	return n;
}

static void check_same(const struct answer *a, const struct answer *b, int n, double tol)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j < 3; j++)
			CHECK_NEAR((double)a[i].score[j], (double)b[i].score[j], tol);
}

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

/* The answers of d's targets one prompt at a time, target t read from first[t] on. */
static void predict_alone(struct run *r, const struct world *w, int d, const int *first,
			  struct answer *out)
{
	for (int t = 0; t < TURNS; t++) {
		unsigned char last[TURNS] = { 0 };
		const int n = t + 1 - first[t];
		struct view v = { "d", w->turn[d] + first[t], n, last, TURNS };

		last[n - 1] = 1;
		if (w->target[t])
			CHECK(predict(r, &v, out++) == 1);
	}
}

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

/* The log-probability of an answer behind turn t's question, as a training loss. */
static double answer_logp(struct run *r, const struct nano_turn *turn, int t, int label)
{
	struct nano *n = r->state;
	const struct nano_plan plan = nano_plan(n, NANO_LABEL);
	const struct bpe_ids *word = &n->text.word[label];
	struct nano_pack k = { 0 };
	struct err err = { 0 };
	struct rng rng;
	double loss;

	pack_trunk(&k, n, turn, 0, t + 1, &plan);
	pack_branch(&k, n, turn, t, &plan);
	for (size_t i = 0; i < word->n; i++) {
		if (i)
			pack_tokens(&k, &word->id[i - 1], 1);
		pack_ask(&k, word->id[i], 1);
	}
	pack_finish(&k, TURNS, &err);
	rng_seed(&rng, 1, 1);
	decoder_train(n->decoder, &k.p, &rng, &loss, &err);
	CHECK_OK(&err);
	pack_free(&k);
	return -loss;
}

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

/* SPDX-License-Identifier: Apache-2.0
 * A few long dialogues in which words, sound and camera say something about the label,
 * and a system on the decoder that runs on them.
 */
#ifndef TESTS_NANO_WORLD_H
#define TESTS_NANO_WORLD_H

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
	float audio[4][TURNS][ROWS * COLS], face[4][TURNS][ROWS * COLS];
};

static inline struct world *world_new(int window)
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
			float *x = w->audio[d][t], *y = w->face[d][t];
			int k = (int)rng_below(&r, 3);

			w->label[d][t] = k;
			for (int i = 0; i < ROWS * COLS; i++) {
				x[i] = (float)(rng_normal(&r) + (i % COLS == k));
				y[i] = (float)(rng_normal(&r) - (i % COLS == k));
			}
			*u = (struct turn){ .id = "u",
					    .speaker = (int)rng_below(&r, 2),
					    .text = text[k],
					    .speech = k ? "high pitch." : "low pitch.",
					    .behaviour = { k ? "The brows rise." : "Stillness.",
							   NULL, "Upright." },
					    .audio = { x, 1 + (int)rng_below(&r, ROWS), COLS },
					    .video = { { y, ROWS, COLS } } };
		}
	}
	return w;
}

/* Text and history stay; words and frames only as far as they are seen. */
static inline void world_mask(struct world *w, unsigned see)
{
	for (int d = 0; d < 4; d++)
		for (int t = 0; t < TURNS; t++) {
			struct turn *u = &w->turn[d][t];

			if (!(see & SEE_SPEECH))
				u->speech = NULL;
			if (!(see & SEE_BEHAVIOUR))
				memset(u->behaviour, 0, sizeof(u->behaviour));
			if (!(see & SEE_AUDIO))
				u->audio = (struct feat){ 0 };
			if (!(see & SEE_VIDEO))
				u->video[0] = (struct feat){ 0 };
		}
}

struct run {
	const struct model_ops *m;
	struct opt_values opts;
	struct model_env env;
	struct nano *state;
};

/* set: "a=1,b=2" over small and quick defaults.  Returns what init returned. */
static inline int run_try(struct run *r, const struct model_ops *m, unsigned see, const char *set,
			  struct err *err)
{
	struct strbuf all = { 0 };
	char *save = NULL;

	*r = (struct run){ .m = m, .state = mem_calloc(1, m->state_size) };
	CHECK(r->state);
	opt_init(&r->opts, m->opts, err);
	strbuf_addf(&all, "epochs=1,dim=16,layers=2,context_layers=2,heads=2,ff=16,vocab=300,%s",
		    set);
	for (char *s = strtok_r(all.s, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
		char *eq = strchr(s, '=');

		*eq = '\0';
		opt_set(&r->opts, s, eq + 1, err);
	}
	CHECK_OK(err);
	strbuf_free(&all);
	r->env = (struct model_env){
		.labels = &labels_meld3, .opts = &r->opts, .see = see, .seed = 1, .threads = 1
	};
	return m->init(r->state, &r->env, err);
}

static inline void run_new(struct run *r, const struct model_ops *m, const char *set)
{
	struct err err = { 0 };

	run_try(r, m, SEE_ALL, set, &err);
	CHECK_OK(&err);
}

static inline void run_free(struct run *r)
{
	r->m->destroy(r->state);
	free(r->state);
	opt_free(&r->opts);
}

static inline void run_fit(struct run *r, const struct world *w)
{
	struct samples s = { w->view, w->labels, 4 };
	struct err err = { 0 };

	r->m->fit(r->state, &s, &err);
	CHECK_OK(&err);
}

static inline int predict(struct run *r, const struct view *v, struct answer *a)
{
	struct err err = { 0 };
	int n = 0;

	r->m->predict(r->state, v, a, &err);
	CHECK_OK(&err);
	for (int t = 0; t < v->n; t++)
		n += v->target[t];
	return n;
}

static inline void check_same(const struct answer *a, const struct answer *b, int n, double tol)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j < 3; j++)
			CHECK_NEAR((double)a[i].score[j], (double)b[i].score[j], tol);
}

/* The answers of d's targets one prompt at a time, target t read from first[t] on. */
static inline void predict_alone(struct run *r, const struct world *w, int d, const int *first,
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

/* The log-probability of an answer behind turn t's question, as a training loss. */
static inline double answer_logp(struct run *r, const struct nano_turn *turn, int t, int label)
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

#endif

/* SPDX-License-Identifier: Apache-2.0
 * One prompted system with a dialogue of four turns, and a train split to take examples from.
 */
#ifndef TESTS_PROMPTED_BENCH_H
#define TESTS_PROMPTED_BENCH_H

#include "tests/test.h"

#include "harness/base/mem.h"
#include "harness/core/ask.h"
#include "harness/core/model.h"

#define TURNS 4

/* what is seen */
#define TEXT	   (SEE_TEXT | SEE_HISTORY)
#define SOUND	   (SEE_SOUND | SEE_HISTORY)
#define BOTH	   (TEXT | SEE_SOUND)
#define ALL	   (TEXT | SEE_SPEECH | SEE_BEHAVIOUR | SEE_MEDIA)
#define TEXT_VOICE (TEXT | SEE_SPEECH)

static const struct turn talk[TURNS] = {
	{ .id = "dia0_utt0", .text = "Did you get the job?", .prompt_speaker = 3 },
	{ .id = "dia0_utt1",
	  .speaker = 1,
	  .text = "They\xc2\x92ve called\xc2\x85 this morning.",
	  .prompt_speaker = 1,
	  .pitch = "low pitch with low variation" },
	{ .id = "dia0_utt2", .text = "And? \"Yes\" or \"no\"?", .prompt_speaker = 3 },
	{ .id = "dia0_utt3",
	  .speaker = 1,
	  .text = "I start on Monday!",
	  .prompt_speaker = 1,
	  .speech = "Target speech characteristics: high volume with high variation.",
	  .impression = "The speaker sounds lively.",
	  .pitch = "high pitch with high variation",
	  .behaviour = { "The mouth corners rise.", "The arms wave.", "Leaning forward." } },
};

/* One system with its view. */
struct bench {
	const struct model_ops *m;
	struct opt_values opts;
	struct model_env env;
	void *state;
	struct turn turn[TURNS];
	unsigned char target[TURNS];
	struct view view;
	struct arena mem;
};

/* Options as "a=1;b=2". */
static inline void set_options(struct opt_values *o, const char *set)
{
	char *copy = str_dup(set), *save = NULL;
	struct err err = { 0 };

	CHECK(copy);
	for (char *s = strtok_r(copy, ";", &save); s; s = strtok_r(NULL, ";", &save)) {
		char *eq = strchr(s, '=');

		CHECK(eq);
		*eq = '\0';
		opt_set(o, s, eq + 1, &err);
		CHECK_OK(&err);
	}
	free(copy);
}

/* What harness/run/see.c does. */
static inline void mask(struct turn *u, unsigned see)
{
	if (!(see & SEE_TEXT))
		u->text = NULL;
	if (!(see & SEE_SPEECH))
		u->speech = u->impression = u->pitch = NULL;
	for (int p = 0; p < PART_COUNT; p++)
		if (!(see & part_see[p]))
			u->behaviour[p] = NULL;
}

static inline int bench_open(struct bench *b, const char *set, unsigned see, int window,
			     struct err *err)
{
	*b = (struct bench){ .m = model_find("prompted") };
	CHECK(b->m && !opt_init(&b->opts, b->m->opts, err));
	set_options(&b->opts, set);
	b->env = (struct model_env){
		.labels = &labels_meld7, .opts = &b->opts, .see = see, .seed = 1, .threads = 1
	};
	for (int t = 0; t < TURNS; t++) {
		b->turn[t] = talk[t];
		mask(&b->turn[t], see);
		b->target[t] = 1;
	}
	b->view = (struct view){ "dia0", b->turn, TURNS, b->target, window };
	b->state = calloc(1, b->m->state_size);
	CHECK(b->state);
	return b->m->init(b->state, &b->env, err);
}

static inline void bench_close(struct bench *b)
{
	b->m->destroy(b->state);
	free(b->state);
	opt_free(&b->opts);
	arena_free(&b->mem);
}

static inline void bench_new(struct bench *b, const char *set, unsigned see, int window)
{
	struct err err = { 0 };

	bench_open(b, set, see, window, &err);
	CHECK_OK(&err);
}

static inline struct ask ask_of(struct bench *b, int t)
{
	struct err err = { 0 };
	struct ask ask;

	b->m->ask(b->state, &b->view, t, &ask, &b->mem, &err);
	CHECK_OK(&err);
	return ask;
}

/* All that is written of it. */
static const char *text_of(struct bench *b, int t)
{
	const struct ask ask = ask_of(b, t);
	struct strbuf s = { 0 };
	const char *copy;

	for (int i = 0; i < ask.n_messages; i++)
		for (int k = 0; k < ask.message[i].n_parts; k++)
			if (ask.message[i].part[k].type == ASK_TEXT)
				strbuf_addf(&s, "%s\n", ask.message[i].part[k].data);
	copy = arena_strdup(&b->mem, strbuf_str(&s));
	CHECK(copy && !s.oom);
	strbuf_free(&s);
	return copy;
}

/* --- examples --- */

#define LESSONS 6

/* A train split of six dialogues of four turns; the label of turn t of dialogue d is (d + t) % 7.
 */
struct lessons {
	struct view view[LESSONS];
	struct turn turn[LESSONS][TURNS];
	int label[LESSONS][TURNS];
	const int *labels[LESSONS];
	unsigned char target[TURNS];
	char id[LESSONS][TURNS][16], text[LESSONS][TURNS][32];
	struct samples samples;
};

static inline struct lessons *lessons_new(unsigned see, int window)
{
	struct lessons *l = calloc(1, sizeof(*l));

	CHECK(l);
	for (int d = 0; d < LESSONS; d++) {
		l->labels[d] = l->label[d];
		l->view[d] = (struct view){ "d", l->turn[d], TURNS, l->target, window };
		for (int t = 0; t < TURNS; t++) {
			CHECK(str_format(l->id[d][t], 16, "train%d_utt%d", d, t));
			CHECK(str_format(l->text[d][t], 32, "Line %d of talk %d.", t, d));
			l->target[t] = 1;
			l->label[d][t] = (d + t) % 7;
			l->turn[d][t] = (struct turn){ .id = l->id[d][t],
						       .speaker = t % 2,
						       .text = l->text[d][t],
						       .speech = "low volume." };
			mask(&l->turn[d][t], see);
		}
	}
	l->samples = (struct samples){ l->view, l->labels, LESSONS };
	return l;
}

static inline void fit(struct bench *b)
{
	struct lessons *l = lessons_new(b->env.see, b->view.window);
	struct err err = { 0 };

	b->m->fit(b->state, &l->samples, &err);
	CHECK_OK(&err);
	free(l); /* nothing of it is kept but copies */
}

#endif

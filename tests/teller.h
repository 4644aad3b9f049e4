/* SPDX-License-Identifier: Apache-2.0
 * Weights that answer asks, for tests: the 260 thousand of llama2.c's page, or invented ones.
 */
#ifndef TESTS_TELLER_H
#define TESTS_TELLER_H

#include "tests/test.h"

#include "tests/decoder_compare.h"
#include "tests/tokenizer_fixture.h"
#include "tests/weights_fixture.h"

#include "models/backbone/respond.h"
#include "models/backbone/session.h"

/* A model that answers: weights, tokenizer, responder. */
struct teller {
	struct llama *base;
	struct tokenizer *t;
	struct decoder *d;
	struct responder *r;
	struct arena mem;
	volatile sig_atomic_t stop;
};

static inline void teller_start(struct teller *x, const char *weights, const char *table,
				const char *chat, int threads, const struct kernels *kern)
{
	struct err err = { 0 };
	struct decoder_config c = { .threads = threads, .kern = kern };
	struct responder_config cfg = { .name = "teller",
					.chat = chat_format_named(chat),
					.stop = &x->stop };

	*x = (struct teller){ .base = llama_open(weights, &err) };
	CHECK_OK(&err);
	x->t = tokenizer_open(table, &err);
	CHECK_OK(&err);
	c.base = x->base;
	x->d = decoder_new(&c, 1, &err);
	CHECK_OK(&err);
	cfg.decoder = x->d;
	cfg.base = x->base;
	cfg.tokenizer = x->t;
	x->r = responder_new(&cfg, &err);
	CHECK_OK(&err);
}

static inline void teller_end(struct teller *x)
{
	responder_free(x->r);
	decoder_free(x->d);
	llama_close(x->base);
	tokenizer_free(x->t);
	arena_free(&x->mem);
}

/* The 260 thousand weights of llama2.c's page. */
static inline bool stories(struct teller *x, int threads)
{
	char *weights = real_data("weights/stories260K.bin");
	char *table = real_data("weights/tok512.bin");
	const bool there = weights && table;

	if (there)
		teller_start(x, weights, table, "plain", threads, NULL);
	free(weights);
	free(table);
	return there;
}

static const char *const merges[] = { "j o", "jo y", "s a", "sa d", "A n", "a n", "an g", NULL };
static const struct fixture_added added[] = { { .text = "<|im_start|>", .special = true },
					      { .text = "<|im_end|>", .special = true },
					      { .text = "<|endoftext|>", .special = true },
					      { .text = NULL } };
/* Pieces that cross blanks: a y and the blank behind it are one token. */
static const struct fixture_piece across[] = {
	{ VISIBLE, -9, 1 },	{ "y", -8, 1 },	 { "j", -7, 1 }, { "o", -6, 1 },
	{ "y" VISIBLE, -1, 1 }, { "jo", -2, 1 }, { NULL, 0, 0 },
};

/* Invented weights of one type in DIR/w.gguf, and a tokenizer. */
static inline char *invent(enum weight_type type, bool crossing)
{
	const struct fixture_bytes bytes = { .pre = PRE_GPT2, .merge = merges, .added = added };
	struct llama_config c = fixture_config_256();
	char *dir = scratch_make(), *path = path_join(dir, "w.gguf");
	struct strbuf table = { 0 };
	struct err err = { 0 };
	struct fixture f;

	c.vocab = 288;
	c.layers = 1;
	c.context = 1200;
	c.bos = 1;
	c.eos = 2;
	fixture_make(&f, &c, type, WEIGHT_F32, 5);
	fixture_write_gguf(&f, path);
	fixture_free(&f);
	free(path);
	if (crossing)
		fixture_model(across, true, true, &table);
	else
		fixture_json(&bytes, &table);
	path = path_join(dir, crossing ? "tokenizer.model" : "tokenizer.json");
	io_write_atomic(path, table.s, table.len, &err);
	CHECK_OK(&err);
	strbuf_free(&table);
	free(path);
	return dir;
}

/* kern NULL: the widest of this processor */
static inline void invented(struct teller *x, const char *dir, const char *chat, int threads,
			    const struct kernels *kern)
{
	char *weights = path_join(dir, "w.gguf");

	teller_start(x, weights, dir, chat, threads, kern);
	free(weights);
}

/* An ask about one text with its own memory. */
struct question {
	struct ask_part part;
	struct ask_message message;
	struct ask ask;
};

static inline const struct ask *question(struct question *q, enum ask_mode mode, const char *text,
					 const char *const *option, int n)
{
	q->part = (struct ask_part){ .type = ASK_TEXT, .data = text, .size = strlen(text) };
	q->message = (struct ask_message){ "user", &q->part, 1 };
	q->ask = (struct ask){ .id = "q",
			       .task = "",
			       .settings = "",
			       .message = &q->message,
			       .n_messages = 1,
			       .mode = mode,
			       .option = option,
			       .n_options = n,
			       .sampling = ask_sampling_default };
	return &q->ask;
}

static inline struct reply answer(struct teller *x, const struct ask *ask)
{
	struct err err = { 0 };
	struct reply r;

	responder_answer(x->r, ask, &x->mem, &r, &err);
	CHECK_OK(&err);
	return r;
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Numbered asks through a carrier, and the replies to them.
 */
#ifndef TESTS_TALK_H
#define TESTS_TALK_H

#include "harness/remote/carrier.h"
#include "tests/test.h"

#define ASKS 40

/* Numbered asks, in order, and the replies to them. */
struct talk {
	int given, got, n;
	struct ask ask[ASKS];
	struct ask_part part[ASKS];
	struct ask_message message[ASKS];
	char id[ASKS][8], text[ASKS][40];
	char reply[ASKS][16];
};

static inline const struct ask *talk_make(struct talk *t)
{
	const int i = t->given++;

	CHECK(str_format(t->id[i], sizeof(t->id[i]), "s%02d", i));
	CHECK(str_format(t->text[i], sizeof(t->text[i]), "ask:s%02d how does she feel?", i));
	t->part[i] = (struct ask_part){ .type = ASK_TEXT,
					.data = t->text[i],
					.size = strlen(t->text[i]) };
	t->message[i] = (struct ask_message){ "user", &t->part[i], 1 };
	t->ask[i] = (struct ask){ .id = t->id[i],
				  .task = "",
				  .settings = "",
				  .message = &t->message[i],
				  .n_messages = 1,
				  .sampling = ask_sampling_default };
	return &t->ask[i];
}

static inline enum ask_next talk_next(void *ctx, const struct ask **out, struct err *err)
{
	struct talk *t = ctx;

	(void)err;
	if (t->given == t->n)
		return ASK_END;
	*out = talk_make(t);
	return ASK_READY;
}

static inline int talk_put(void *ctx, const struct ask *ask, const struct reply *r, struct err *err)
{
	struct talk *t = ctx;

	CHECK(ask == &t->ask[t->got]);
	CHECK(str_format(t->reply[t->got++], sizeof(t->reply[0]), "%s", r->text));
	return err->code;
}

static inline struct talk *carry(const struct carrier *c, const char *dir,
				 struct ask_counts *counts, struct strbuf *served, struct err *err)
{
	struct talk *t = calloc(1, sizeof(*t));
	const struct ask_source source = { .next = talk_next, .ctx = t };
	const struct ask_sink sink = { talk_put, NULL, t };

	CHECK(t != NULL);
	t->n = ASKS;
	c->carry(c->ctx, dir, ASK_NEEDS_MODE(ASK_GENERATE), ASKS, &source, &sink, counts, served,
		 err);
	return t;
}

static inline void write_text(const char *path, const char *text)
{
	struct err err = { 0 };

	io_write_atomic(path, text, strlen(text), &err);
	CHECK_OK(&err);
}

static inline void write_profile(const char *path, int port, const char *name, const char *more)
{
	struct strbuf b = { 0 };

	strbuf_addf(&b,
		    "{\"schema_version\":1,\"name\":\"%s\",\"dialect\":\"vllm\",\"model\":"
		    "\"mock-1\",\"base_url\":\"http://127.0.0.1:%d/v1\"%s}",
		    name, port, more);
	write_text(path, strbuf_str(&b));
	strbuf_free(&b);
}

#endif

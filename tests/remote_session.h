/* SPDX-License-Identifier: Apache-2.0
 * A back-end on the mock server, and one ask after the other through it.
 */
#ifndef TESTS_REMOTE_SESSION_H
#define TESTS_REMOTE_SESSION_H

#include "tests/test.h"

#include "harness/core/ask.h"
#include "harness/remote/backend.h"
#include "tests/mock.h"

#define KEY "sk-planted+key/0123456789"

/* Of a dialect, at a port, with further members. */
static const char profile_text[] =
	"{\"schema_version\":1,\"name\":\"p\",\"dialect\":\"%s\",\"base_url\":\"http://127.0.0.1:"
	"%d/v1/\",\"model\":\"mock-1\",\"can\":[\"choice\",\"likelihood\",\"letters\",\"images\","
	"\"audio\",\"video\"],\"retry\":{\"max\":2,\"base_s\":0.001},\"timeouts\":{\"request_s\":1}"
	","
	"\"max_reply_bytes\":100000%s}";

#define TEXT(s)                                                                                    \
	{                                                                                          \
		.type = ASK_TEXT, .data = s, .size = sizeof(s) - 1                                 \
	}
static const char *const option[] = { "anger", "joy" };

static inline struct ask make_ask(const struct ask_message *m, int n, enum ask_mode mode)
{
	return (struct ask){ .id = "s1",
			     .task = "",
			     .settings = "",
			     .message = m,
			     .n_messages = n,
			     .mode = mode,
			     .option = mode ? option : NULL,
			     .n_options = mode ? 2 : 0,
			     .sampling = ask_sampling_default };
}

struct session {
	struct mock *mock;
	char *dir;
	const struct backend_ops *ops;
	void *state;
};

/* more: further members of the profile, "" for none */
static inline void session_open(struct session *s, const char *dialect,
				const struct mock_options *o, const char *more, unsigned needs,
				struct err *err)
{
	const struct backend_env env = { 0 };
	struct strbuf b = { 0 };
	const char *rest;
	char *path;

	*s = (struct session){ .mock = mock_start(o), .dir = scratch_make() };
	CHECK(s->mock != NULL);
	path = path_join(s->dir, "profile.json");
	strbuf_addf(&b, profile_text, dialect, mock_port(s->mock),
		    o->key ? ",\"key_env\":\"MERC_TEST_KEY\"" : "");
	b.len -= !b.oom; /* its closing brace */
	strbuf_addf(&b, "%s}", more);
	io_write_atomic(path, strbuf_str(&b), b.len, err);
	setenv("MERC_TEST_KEY", KEY, 1);
	setenv("no_proxy", "127.0.0.1", 1);
	s->ops = backend_find(path, &rest);
	s->state = calloc(1, s->ops->state_size);
	CHECK(s->state != NULL);
	if (!s->ops->open(s->state, path, &env, err))
		s->ops->start(s->state, needs, err);
	strbuf_free(&b);
	free(path);
}

static inline void session_begin(struct session *s, const char *dialect, const char *key,
				 double delay_s, unsigned needs, struct err *err)
{
	const struct mock_options o = { .key = key, .delay_s = delay_s, .dialect = dialect };

	session_open(s, dialect, &o, "", needs, err);
}

static inline void session_end(struct session *s)
{
	s->ops->close(s->state);
	free(s->state);
	CHECK(!s->mock || (mock_bad(s->mock) == 0 && mock_breaches(s->mock) == 0));
	mock_stop(s->mock);
	scratch_remove(s->dir);
}

struct single {
	const struct ask *ask;
	int given;
	int got;
	struct reply r;
	struct arena mem;
};

static inline enum ask_next single_next(void *ctx, const struct ask **out, struct err *err)
{
	struct single *s = ctx;

	(void)err;
	*out = s->ask;
	return s->given++ ? ASK_END : ASK_READY;
}

static inline int single_put(void *ctx, const struct ask *ask, const struct reply *r,
			     struct err *err)
{
	struct single *s = ctx;

	CHECK(ask == s->ask);
	s->got++;
	CHECK(reply_copy(&s->r, r, &s->mem));
	return err->code;
}

static inline void ask_text(struct session *s, const char *text, enum ask_mode mode,
			    struct single *one, struct err *err)
{
	const struct ask_part part = { .type = ASK_TEXT, .data = text, .size = strlen(text) };
	const struct ask_message m = { "user", &part, 1 };
	struct ask ask = make_ask(&m, 1, mode);
	const struct ask_source source = { .next = single_next, .ctx = one };
	const struct ask_sink sink = { single_put, NULL, one };

	*one = (struct single){ .ask = &ask };
	s->ops->run(s->state, &source, &sink, err);
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 * A server and what becomes of every reply it can give: causes, retries, pauses, what ends a run,
 * what is tried before it, and that nothing of the key is left.
 */
#include "tests/remote_session.h"

#include "harness/remote/redact.h"

static void test_every_case(void **state)
{
	static const struct {
		const char *name;
		enum answer_status status;
		enum reply_cause cause;
		int attempts;
		const char *error; /* in the first error */
	} row[] = {
		{ "none", ANSWER_OK, CAUSE_NONE, 1, "" },
		{ "flaky", ANSWER_OK, CAUSE_NONE, 2, "HTTP status 500: {\"error\":\"oops\"}" },
		{ "rate-plain", ANSWER_OK, CAUSE_NONE, 2, "HTTP status 429" },
		{ "rate", ANSWER_OK, CAUSE_NONE, 2, "HTTP status 429" },
		{ "rate-forever", ANSWER_BACKEND_FAIL, CAUSE_RATE, 3, "HTTP status 429" },
		{ "rate-long", ANSWER_BACKEND_FAIL, CAUSE_RETRY_AFTER, 1, "HTTP status 429" },
		{ "broken", ANSWER_BACKEND_FAIL, CAUSE_SERVER, 3, "HTTP status 503" },
		{ "drop", ANSWER_BACKEND_FAIL, CAUSE_CONNECTION, 3, "" },
		{ "drop-once", ANSWER_OK, CAUSE_NONE, 2, "" },
		{ "slow", ANSWER_BACKEND_FAIL, CAUSE_TIMEOUT, 3, "Timeout" },
		{ "huge", ANSWER_BACKEND_FAIL, CAUSE_TOO_LARGE, 1, "max_reply_bytes" },
		{ "deep", ANSWER_BACKEND_FAIL, CAUSE_MALFORMED, 1, "nested deeper" },
		{ "html", ANSWER_BACKEND_FAIL, CAUSE_MALFORMED, 1, "502 Bad Gateway" },
		{ "not-json", ANSWER_BACKEND_FAIL, CAUSE_MALFORMED, 1, "not valid JSON" },
		{ "no-choices", ANSWER_BACKEND_FAIL, CAUSE_MALFORMED, 1, "no choices" },
		{ "empty-choices", ANSWER_BACKEND_FAIL, CAUSE_MALFORMED, 1, "no choices" },
		{ "number", ANSWER_BACKEND_FAIL, CAUSE_MALFORMED, 1, "no text" },
		{ "finish", ANSWER_BACKEND_FAIL, CAUSE_FINISH, 1, "banana" },
		{ "finish-number", ANSWER_BACKEND_FAIL, CAUSE_MALFORMED, 1, "not a text" },
		{ "empty", ANSWER_PARSE_FAIL, CAUSE_EMPTY, 1, "" },
		{ "length", ANSWER_PARSE_FAIL, CAUSE_LENGTH, 1, "" },
		{ "filter", ANSWER_PARSE_FAIL, CAUSE_FILTERED, 1, "" },
		{ "redirect", ANSWER_BACKEND_FAIL, CAUSE_REDIRECT, 1, "HTTP status 302" },
		{ "bad", ANSWER_BACKEND_FAIL, CAUSE_REFUSED, 1, "unknown part type" },
		{ "too-long", ANSWER_BACKEND_FAIL, CAUSE_REFUSED, 1, "HTTP status 413" },
		{ "echo-key", ANSWER_OK, CAUSE_NONE, 1, "" },
		{ "echo-base64", ANSWER_OK, CAUSE_NONE, 1, "" },
		{ "echo-percent", ANSWER_OK, CAUSE_NONE, 1, "" },
		{ "echo-hex", ANSWER_OK, CAUSE_NONE, 1, "" },
		{ "echo-headers", ANSWER_BACKEND_FAIL, CAUSE_REFUSED, 1, "you sent" },
		{ "echo-id", ANSWER_BACKEND_FAIL, CAUSE_REFUSED, 1, "" },
	};
	struct session s;
	struct err err = { 0 };

	(void)state;
	session_begin(&s, "vllm", KEY, 0, 0, &err);
	CHECK_OK(&err);
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		char text[60];
		struct single one;

		CHECK(str_format(text, sizeof(text), "What? case=%s", row[i].name));
		ask_text(&s, text, ASK_GENERATE, &one, &err);
		CHECK_OK(&err);
		CHECK(one.got == 1);
		if (one.r.status != row[i].status || one.r.cause != row[i].cause ||
		    one.r.attempts != row[i].attempts || !strstr(one.r.first_error, row[i].error))
			fail_msg("%s: %s, %s, %d attempts: %s", row[i].name,
				 answer_status_name[one.r.status], reply_cause_name[one.r.cause],
				 one.r.attempts, one.r.first_error);
		if (str_starts(row[i].name, "echo-") && row[i].status == ANSWER_OK)
			CHECK(strstr(one.r.text, REDACTED) && strlen(one.r.text) < 24);
		CHECK(!strstr(one.r.text, KEY) && !strstr(one.r.first_error, KEY) &&
		      !strstr(one.r.request_id, KEY));
		arena_free(&one.mem);
	}
	session_end(&s);
}

static void test_ends_the_run(void **state)
{
	static const char *const name[] = { "forbidden", "missing" };
	struct session s;
	struct err err = { 0 };

	(void)state;
	session_begin(&s, "openai", NULL, 0, 0, &err);
	CHECK_OK(&err);
	for (int i = 0; i < 2; i++) {
		char text[60];
		struct single one;

		CHECK(str_format(text, sizeof(text), "case=%s", name[i]));
		ask_text(&s, text, ASK_GENERATE, &one, &err);
		CHECK_ERR(&err, ERR_BACKEND, i ? "base_url" : "key_env");
		CHECK(one.got == 0);
		arena_free(&one.mem);
	}
	session_end(&s);
}

static void test_modes(void **state)
{
	static const char *const dialect[] = { "openai", "vllm", "llama-server" };
	struct err err = { 0 };

	(void)state;
	for (int d = 0; d < 2; d++) {
		struct session s;
		struct single one;

		session_begin(&s, dialect[d], NULL, 0,
			      1u << ASK_CHOICE | 1u << ASK_LIKELIHOOD | 1u << ASK_LETTERS, &err);
		CHECK_OK(&err);
		ask_text(&s, "Choose.", ASK_CHOICE, &one, &err);
		CHECK(one.r.status == ANSWER_OK &&
		      (!strcmp(one.r.text, "anger") || !strcmp(one.r.text, "joy")));
		arena_free(&one.mem);
		ask_text(&s, "Choose. case=ignore", ASK_CHOICE, &one, &err);
		CHECK(one.r.status == ANSWER_PARSE_FAIL && one.r.cause == CAUSE_CONSTRAINT);
		arena_free(&one.mem);
		/* the mock: minus a tenth of a token's length; A and " A" add up */
		ask_text(&s, "She felt", ASK_LIKELIHOOD, &one, &err);
		CHECK(one.r.status == ANSWER_OK && one.r.n_options == 2 && one.r.attempts == 1);
		CHECK_NEAR(one.r.option[0].logprob, -.6, 1e-12);
		CHECK_NEAR(one.r.option[1].logprob, -.4, 1e-12);
		CHECK(one.r.option[0].tokens == 1 && one.r.option[0].bytes == 5);
		CHECK(one.r.prompt_tokens == 10);
		arena_free(&one.mem);
		ask_text(&s, "She felt case=straddle", ASK_LIKELIHOOD, &one, &err);
		CHECK(one.r.status == ANSWER_BACKEND_FAIL && one.r.cause == CAUSE_BORDER);
		CHECK(one.r.attempts == 1);
		arena_free(&one.mem);
		/* the request of each option fails once */
		ask_text(&s, "She felt case=flaky", ASK_LIKELIHOOD, &one, &err);
		CHECK(one.r.status == ANSWER_OK && one.r.attempts == 3);
		arena_free(&one.mem);
		ask_text(&s, "A or B?", ASK_LETTERS, &one, &err);
		CHECK(one.r.status == ANSWER_OK && one.r.n_options == 2);
		CHECK_NEAR(one.r.option[0].logprob, log(exp(-1) + exp(-2)), 1e-12);
		CHECK_NEAR(one.r.option[1].logprob, -1.5, 1e-12);
		arena_free(&one.mem);
		ask_text(&s, "A or B? case=no-logprobs", ASK_LETTERS, &one, &err);
		CHECK(one.r.status == ANSWER_BACKEND_FAIL && one.r.cause == CAUSE_MALFORMED);
		arena_free(&one.mem);
		CHECK_OK(&err);
		session_end(&s);
	}
}

/* A server that is not told the temperature may say something else the next time. */
static void test_varies(void **state)
{
	static const char *const more[] = { "", ",\"omit\":[\"temperature\"]" };
	const struct mock_options o = { .dialect = "openai", .rejects = "temperature" },
				  plain = { 0 };
	struct err err = { 0 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct session s;
		struct single one;

		session_open(&s, "openai", i ? &o : &plain, more[i], 0, &err);
		ask_text(&s, "What?", ASK_GENERATE, &one, &err);
		CHECK_OK(&err);
		CHECK(one.r.status == ANSWER_OK && one.r.varies == (i == 1));
		arena_free(&one.mem);
		session_end(&s);
	}
}

/* How long llama-server says it took. */
static void test_timings(void **state)
{
	static const char *const dialect[] = { "vllm", "llama-server" };
	struct err err = { 0 };

	(void)state;
	for (int d = 0; d < 2; d++) {
		struct session s;
		struct single one;

		session_begin(&s, dialect[d], NULL, 0, 0, &err);
		ask_text(&s, "What?", ASK_GENERATE, &one, &err);
		CHECK_OK(&err);
		CHECK(one.r.reading_ms == (d ? 1.5 : 0) && one.r.writing_ms == (d ? 2.25 : 0));
		arena_free(&one.mem);
		session_end(&s);
	}
}

/* The first ask is told to wait for a second; the others would take half of that. */
struct held_back {
	struct ask_part part[2];
	struct ask_message message[2];
	struct ask ask[200];
	int given, got, failed;
};

static enum ask_next held_next(void *ctx, const struct ask **out, struct err *err)
{
	struct held_back *h = ctx;

	(void)err;
	if (h->given == (int)ARRAY_LEN(h->ask))
		return ASK_END;
	h->ask[h->given] = make_ask(&h->message[h->given > 0], 1, ASK_GENERATE);
	*out = &h->ask[h->given++];
	return ASK_READY;
}

static int held_put(void *ctx, const struct ask *ask, const struct reply *r, struct err *err)
{
	struct held_back *h = ctx;

	(void)ask;
	h->got++;
	h->failed += r->status != ANSWER_OK;
	return err->code;
}

/* A 429 holds back every request, and no more fly than may. */
static void test_rate(void **state)
{
	struct held_back h = { .part = { TEXT("case=rate"), TEXT("other") } };
	const struct ask_source source = { .next = held_next, .ctx = &h };
	const struct ask_sink sink = { held_put, NULL, &h };
	struct session s;
	struct err err = { 0 };
	double start;

	(void)state;
	for (int i = 0; i < 2; i++)
		h.message[i] = (struct ask_message){ "user", &h.part[i], 1 };
	session_begin(&s, "vllm", NULL, .02, 0, &err);
	start = clock_s();
	s.ops->run(s.state, &source, &sink, &err);
	CHECK_OK(&err);
	CHECK(h.got == 200 && h.failed == 0 && mock_asked(s.mock) == 201);
	CHECK(clock_s() - start >= .95);
	CHECK(mock_early(s.mock) == 0);
	CHECK(mock_most(s.mock) > 1 && mock_most(s.mock) <= 8);
	session_end(&s);
}

/* A server that goes away does not turn a whole corpus into failures. */
static void test_gone(void **state)
{
	struct held_back h = { .part = { TEXT("one"), TEXT("other") } };
	const struct ask_source source = { .next = held_next, .ctx = &h };
	const struct ask_sink sink = { held_put, NULL, &h };
	struct session s;
	struct err err = { 0 };

	(void)state;
	for (int i = 0; i < 2; i++)
		h.message[i] = (struct ask_message){ "user", &h.part[i], 1 };
	session_begin(&s, "vllm", NULL, 0, 0, &err);
	CHECK_OK(&err);
	mock_stop(s.mock);
	s.mock = NULL;
	s.ops->run(s.state, &source, &sink, &err);
	CHECK_ERR(&err, ERR_BACKEND, "no connection for 25 asks in a row");
	CHECK(h.got == 25 && h.failed == 25);
	session_end(&s);
}

#define SEES  (ASK_NEEDS_MODE(ASK_GENERATE) | ASK_NEEDS_PART(ASK_JPEG))
#define HEARS (ASK_NEEDS_MODE(ASK_GENERATE) | ASK_NEEDS_PART(ASK_WAV))
#define FILMS (ASK_NEEDS_MODE(ASK_GENERATE) | ASK_NEEDS_PART(ASK_VIDEO))
#define SAYS  (ASK_NEEDS_MODE(ASK_GENERATE) | ASK_NEEDS_PART(ASK_TEXT))

/* What a server cannot, or does not take, ends a run before the first ask. */
static void test_probe(void **state)
{
	static const struct {
		const char *dialect, *more;
		bool blind;
		const char *rejects;
		unsigned needs;
		int code;
		const char *says; /* the message, or part of the identity */
	} row[] = {
		{ "openai", "", false, NULL, SEES | HEARS, 0, "\"unprobed\":[]" },
		{ "vllm", "", false, NULL, SEES | HEARS | FILMS, 0, "\"id\":\"mock-1\"" },
		{ "llama-server", "", false, NULL, SEES | HEARS | FILMS, 0, "\"n_ctx\":4096" },
		/* sha256 of <|user|>How does she feel? */
		{ "llama-server", "", false, NULL, SAYS, 0,
		  "\"rendered\":"
		  "\"b9afccc3640bbf3f50e6211f995a29521dc7e3ecaa5e0e474fb19a15ac4c59f5\"" },
		{ "openai", "", false, NULL, FILMS, ERR_ARG, "no video part in dialect openai" },
		{ "llama-server", "", true, NULL, SEES, ERR_BACKEND, "the projector for pictures" },
		{ "llama-server", "", true, NULL, HEARS, ERR_BACKEND, "the projector for sound" },
		{ "llama-server", "", true, NULL, SAYS, 0, "\"build_info\":\"b1\"" },
		{ "vllm", "", true, NULL, SEES, ERR_BACKEND,
		  "given a green picture and asked \"What colour is this picture? Reply with the "
		  "name "
		  "of the colour only.\", the server says: 'I cannot see anything.'; take images "
		  "out" },
		{ "vllm", "", true, NULL, HEARS, ERR_BACKEND,
		  "'I cannot hear anything.'; take audio" },
		{ "vllm", "", true, NULL, FILMS, ERR_BACKEND, "take video out of \"can\"" },
		{ "vllm", ",\"probe\":false", true, NULL, SEES | HEARS, 0,
		  "\"unprobed\":[\"images\",\"audio\",\"video\",\"choice\",\"likelihood\","
		  "\"letters\",\"text\"]" },
		{ "vllm", ",\"probe\":[\"text\",\"audio\"]", true, NULL, SEES, 0,
		  "\"unprobed\":[\"images\",\"video\",\"choice\"" },
		{ "vllm", ",\"probe\":[\"text\",\"audio\"]", true, NULL, HEARS, ERR_BACKEND,
		  "hear" },
		{ "openai", "", false, "presence_penalty", SAYS, ERR_BACKEND,
		  "refuses the field \"presence_penalty\" or its value (HTTP status 400: " },
		{ "vllm", "", false, "seed", SEES, ERR_BACKEND,
		  "leave it out with \"omit\": [\"seed\"]" },
		{ "vllm", ",\"omit\":[\"seed\"]", false, "seed", SEES, 0,
		  "\"omitted\":[\"seed\"]" },
		{ "openai", "", false, "max_tokens", SAYS, ERR_BACKEND, "under \"tokens_field\"" },
		{ "openai", ",\"tokens_field\":\"max_completion_tokens\"", false, "max_tokens",
		  SAYS, 0, "\"tokens_field\":\"max_completion_tokens\"" },
		{ "vllm", ",\"extra\":{\"top_k\":3}", false, "top_k", SAYS, ERR_BACKEND,
		  "refuses the field \"top_k\"" },
	};
	struct session s;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		const struct mock_options o = { .dialect = row[i].dialect,
						.blind = row[i].blind,
						.rejects = row[i].rejects };

		session_open(&s, row[i].dialect, &o, row[i].more, row[i].needs, &err);
		if (row[i].code)
			CHECK_ERR(&err, row[i].code, row[i].says);
		CHECK_OK(&err);
		if (!row[i].code && !strstr(s.ops->identity(s.state), row[i].says))
			fail_msg("no %s in %s", row[i].says, s.ops->identity(s.state));
		session_end(&s);
	}
	session_begin(&s, "vllm", "another-key", 0, 0, &err);
	CHECK_ERR(&err, ERR_BACKEND, "refuses the key");
	session_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_case), cmocka_unit_test(test_ends_the_run),
		cmocka_unit_test(test_modes),	   cmocka_unit_test(test_rate),
		cmocka_unit_test(test_gone),	   cmocka_unit_test(test_timings),
		cmocka_unit_test(test_varies),	   cmocka_unit_test(test_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

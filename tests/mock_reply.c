/* SPDX-License-Identifier: Apache-2.0
 * What the mock says when it behaves: it follows from the request alone.
 */
#define _GNU_SOURCE /* memmem */

#include "tests/mock_parts.h"

#include <string.h>

#include "harness/base/base64.h"

static const char *const label[] = { "anger",	"disgust", "fear",    "joy",
				     "neutral", "sadness", "surprise" };

/* The text the option list of a constrained request begins with, or NULL. */
static const char *constrained(const struct json *v, struct strbuf *hold, uint64_t h)
{
	const struct json *list = json_get(json_get(v, "structured_outputs"), "choice");
	const struct json *schema = json_get(
		json_get(json_get(json_get(v, "response_format"), "json_schema"), "schema"),
		"properties");
	const char *g = json_str(json_get(v, "grammar"), NULL);

	if (!list)
		list = json_get(json_get(v, "structured_outputs"), "choices");
	if (!list)
		list = json_get(v, "guided_choice");
	if (schema)
		list = json_get(json_get(schema, "label"), "enum");
	if (list) {
		const char *s = json_str(json_at(list, (int)(h % (uint64_t)json_size(list))), "");

		strbuf_addf(hold, schema ? "{\"label\": \"%s\"}" : "%s", s);
	} else if (g && strchr(g, '"')) {
		g = strchr(g, '"') + 1;
		strbuf_addn(hold, g, strcspn(g, "\""));
	}
	return list || g ? strbuf_str(hold) : NULL;
}

static void put_letters(struct json_writer *w)
{
	static const char *const token[] = { "A", " A", "B", "x" };
	static const double logprob[] = { -1, -2, -1.5, -3 };

	json_open_object(w, "logprobs");
	json_open_array(w, "content");
	json_open_object(w, NULL);
	json_open_array(w, "top_logprobs");
	for (int i = 0; i < 4; i++) {
		json_open_object(w, NULL);
		json_put_str(w, "token", token[i]);
		json_put_num(w, "logprob", logprob[i]);
		json_close_object(w);
	}
	json_close_array(w);
	json_close_object(w);
	json_close_array(w);
	json_close_object(w);
}

static void add_chat(struct strbuf *b, const struct json *v, const char *text, bool timings)
{
	struct json_writer w;

	json_begin(&w, b, 0);
	json_open_object(&w, NULL);
	json_put_str(&w, "id", "chatcmpl-1");
	json_put_str(&w, "model", "mock-1");
	json_open_array(&w, "choices");
	json_open_object(&w, NULL);
	json_put_int(&w, "index", 0);
	json_put_str(&w, "finish_reason", "stop");
	json_open_object(&w, "message");
	json_put_str(&w, "role", "assistant");
	json_put_str(&w, "content", text);
	json_close_object(&w);
	if (json_bool(json_get(v, "logprobs"), false))
		put_letters(&w);
	json_close_object(&w);
	json_close_array(&w);
	json_open_object(&w, "usage");
	json_put_int(&w, "prompt_tokens", 10);
	json_put_int(&w, "completion_tokens", 2);
	json_close_object(&w);
	if (timings) {
		json_open_object(&w, "timings");
		json_put_num(&w, "prompt_ms", 1.5);
		json_put_num(&w, "predicted_ms", 2.25);
		json_close_object(&w);
	}
	json_close_object(&w);
}

static size_t code_points(const char *s, size_t n)
{
	size_t points = 0;

	for (size_t i = 0; i < n; i++)
		points += ((unsigned char)s[i] & 0xc0) != 0x80;
	return points;
}

/* Echo with log-probabilities: a token is a word with the blank before it, its log-probability
 * is minus its length over ten; one more token is generated.  Offsets are in characters. */
static void add_echo(struct strbuf *b, const char *prompt, bool straddle)
{
	struct strbuf tokens = { 0 }, logprobs = { 0 }, offsets = { 0 };
	struct json_writer w;
	size_t at = 0, n = strlen(prompt), last = 0;

	for (size_t i = 0; i < n; i++)
		if (prompt[i] == ' ')
			last = i;
	while (at < n) {
		size_t len = 1 + strcspn(prompt + at + 1, " ");
		char word[200];

		if (straddle && at + len == last)
			len = n - at;
		json_begin(&w, &tokens, 0);
		strbuf_add(&tokens, at ? "," : "");
		if (!str_format(word, sizeof(word), "%.*s", (int)len, prompt + at))
			word[0] = '\0';
		json_put_str(&w, NULL, word);
		if (at)
			strbuf_addf(&logprobs, ",%.17g", -(double)len / 10);
		else
			strbuf_add(&logprobs, "null");
		strbuf_addf(&offsets, "%s%zu", at ? "," : "", code_points(prompt, at));
		at += len;
	}
	strbuf_addf(
		b,
		"{\"model\":\"mock-1\",\"choices\":[{\"finish_reason\":\"length\",\"text\":\"…\","
		"\"logprobs\":{\"tokens\":[%s,\" x\"],\"token_logprobs\":[%s,-9],"
		"\"text_offset\":[%s,%zu]}}],\"usage\":{\"prompt_tokens\":5,"
		"\"completion_tokens\":1}}",
		strbuf_str(&tokens), strbuf_str(&logprobs), strbuf_str(&offsets),
		code_points(prompt, n));
	strbuf_free(&tokens);
	strbuf_free(&logprobs);
	strbuf_free(&offsets);
}

/* --- what is said ---------------------------------------------------------------------------- */

static bool holds(const struct mock_request *q, const char *text)
{
	return memmem(q->body, q->n, text, strlen(text)) != NULL;
}

bool mock_probing(const struct mock_request *q)
{
	return holds(q, "What colour is this") || holds(q, "What is heard in this recording") ||
	       holds(q, "What colour is grass") || holds(q, "The colour of fresh grass");
}

/* How someone looks, as the object that was asked for; now and then something else. */
static void describe(const struct mock_request *q, struct strbuf *out)
{
	static const char *const other[] = {
		"She smiles.",
		"{\"face\": \"The mouth is open.\"}",
		"{\"face\": [\"open\"], \"body\": null, \"posture\": null}",
		"{\"face\": \"The mouth is",
	};
	const unsigned h = (unsigned)(q->hash >> 20 & 0xffff);
	struct json_writer w;

	if (!strcmp(q->misdeed, "mute") || (h % 5 == 0 && !holds(q, "\"role\":\"assistant\""))) {
		strbuf_add(out, other[h / 5 % 4]);
		return;
	}
	json_begin(&w, out, 0);
	json_open_object(&w, NULL);
	json_put_str(&w, "face", h & 1 ? "The brows are raised." : "The lips are pressed.");
	json_put_str(&w, "body", h % 7 ? "The hands move quickly." : NULL);
	json_put_str(&w, "posture", h & 2 ? "Leaning forward." : "Standing upright.");
	json_close_object(&w);
}

static void say(const struct mock_request *q, bool blind, struct strbuf *out)
{
	const char *name = label[q->hash % 7];

	if (holds(q, "What colour is this picture") || holds(q, "What colour is this video"))
		strbuf_add(out, blind ? "I cannot see anything." : "Green.");
	else if (holds(q, "What is heard in this recording"))
		strbuf_add(out, blind ? "I cannot hear anything." : "A steady beep.");
	else if (holds(q, "face") && holds(q, "body") && holds(q, "posture") && holds(q, "JSON"))
		describe(q, out);
	else if (holds(q, "step by step"))
		strbuf_addf(out, "The voice is loud. The words fit.\nEmotion: %s", name);
	else
		strbuf_add(out, name);
}

/* The key as other programs write it. */
static void echo_key(const struct mock_request *q, const char *key, struct strbuf *out)
{
	struct strbuf b = { 0 };

	if (!strcmp(q->misdeed, "echo-base64")) {
		strbuf_addf(&b, "merc:%s", key);
		base64_add(out, b.s, b.len);
	} else if (!strcmp(q->misdeed, "echo-percent")) {
		for (const char *s = key; *s; s++)
			strbuf_addf(out, *s == '+' || *s == '/' ? "%%%02x" : "%c", *s);
	} else if (!strcmp(q->misdeed, "echo-hex")) {
		for (const char *s = key; *s; s++)
			strbuf_addf(out, "%02X", *s);
	} else {
		strbuf_add(out, key);
	}
	strbuf_free(&b);
}

void mock_reply(enum mock_dialect dialect, const struct mock_request *q, const char *key,
		bool blind, struct strbuf *out)
{
	struct strbuf text = { 0 };

	if (q->completions) {
		add_echo(out, json_str(json_get(q->v, "prompt"), ""),
			 !strcmp(q->misdeed, "straddle"));
		return;
	}
	if (str_starts(q->misdeed, "echo-"))
		echo_key(q, key ? key : "none", &text);
	else if (!constrained(q->v, &text, q->hash))
		say(q, blind, &text);
	add_chat(out, q->v, strbuf_str(&text), dialect == MOCK_LLAMA);
	strbuf_free(&text);
}

/* SPDX-License-Identifier: Apache-2.0
 * What a server says of itself, /props and what it rendered cut at a line "%%%%": it ends as
 * members of a JSON object, or as an error, and the key is in neither.
 */
#define _GNU_SOURCE /* memmem */

#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "harness/remote/redact.h"
#include "harness/remote/served.h"

#define KEY "abcdefgh"
#define CUT "\n%%%%\n"

static void finish(struct json_writer *w, struct err *err)
{
	const struct strbuf *b = w->out;
	struct err why = { 0 };
	struct json *v;

	FUZZ_CHECK(!strstr(err->msg, KEY));
	if (err->code)
		return;
	json_close_object(w);
	v = json_parse(strbuf_str(b), b->len, "identity", &why);
	fuzz_outcome(v != NULL, &why);
	FUZZ_CHECK(!strstr(strbuf_str(b), KEY));
	json_free(v);
}

static void read_as(enum dialect dialect, const char *text, size_t n, const char *rendered)
{
	char key[] = KEY, name[] = "p", model[] = "m";
	const struct endpoint p = { .name = name, .model = model, .key = key, .dialect = dialect };
	const unsigned needs = ASK_NEEDS_PART(ASK_JPEG) | ASK_NEEDS_PART(ASK_WAV);

	for (int i = 0; i < 3; i++) {
		struct strbuf b = { 0 };
		struct err err = { 0 };
		struct json_writer w;

		json_begin(&w, &b, 0);
		json_open_object(&w, NULL);
		if (i == 0)
			served_models(&p, text, n, &w, &err);
		else
			served_props(&p, text, n, rendered, i == 1 ? needs : 0, &w, &err);
		FUZZ_CHECK(!err.code || err.code == ERR_BACKEND);
		finish(&w, &err);
		strbuf_free(&b);
	}
}

int fuzz_served(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *cut;
	struct strbuf b = { 0 };

	FUZZ_CHECK(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	cut = strstr(text, CUT);
	read_as(DIALECT_VLLM, text, cut ? (size_t)(cut - text) : size,
		cut ? cut + sizeof(CUT) - 1 : NULL);
	read_as(DIALECT_LLAMA, text, cut ? (size_t)(cut - text) : size, NULL);
	/* nothing of the text is lost but the key */
	redact_secret(&b, text, size, KEY);
	FUZZ_CHECK(!b.oom && (!b.len || !memmem(b.s, b.len, KEY, sizeof(KEY) - 1)));
	strbuf_free(&b);
	free(text);
	return 0;
}

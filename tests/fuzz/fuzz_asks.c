/* SPDX-License-Identifier: Apache-2.0
 * A file of asks and the media it may name, cut at lines "%%%%": what opens is walked, checked
 * against a server that can do all, and written as it would be sent and shown; and the same bytes
 * as recorded replies.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "harness/remote/ask_file.h"
#include "harness/remote/dialect.h"
#include "harness/remote/key.h"
#include "harness/remote/replay.h"

static const char all[] =
	"{\"schema_version\":1,\"name\":\"p\",\"dialect\":\"vllm\",\"base_url\":\"http://h\","
	"\"model\":\"m\",\"can\":[\"choice\",\"likelihood\",\"letters\",\"images\",\"audio\","
	"\"video\"]}";

static void send(const struct endpoint *p, const struct ask *ask)
{
	struct strbuf b = { 0 };
	struct err err = { 0 };
	char hash[ASK_SHA_HEX], key[ASK_SHA_HEX];

	FUZZ_CHECK(!ask_prompt_hash(ask, hash, NULL, &err) && !ask_key(ask, "{}", hash, key, &err));
	if (dialect_check(p, ask, &err))
		return;
	for (int i = 0; i < dialect_steps(ask); i++) {
		struct json *v;

		FUZZ_CHECK(!dialect_request(p, ask, i, &b, &err));
		v = json_parse(b.s, b.len, "request", &err);
		fuzz_outcome(v != NULL, &err);
		/* nothing in a prompt gets out of its text */
		FUZZ_CHECK(!strcmp(json_str(json_get(v, "model"), ""), "m"));
		json_free(v);
		FUZZ_CHECK(!dialect_show(p, ask, i, &b, &err));
		v = json_parse(b.s, b.len, "shown", &err);
		fuzz_outcome(v != NULL, &err);
		json_free(v);
	}
	strbuf_free(&b);
}

static void replay(const char *path)
{
	const struct backend_env env = { 0 };
	void *state = calloc(1, backend_replay.state_size);
	struct err err = { 0 };

	FUZZ_CHECK(state != NULL);
	fuzz_outcome(!backend_replay.open(state, path, &env, &err), &err);
	backend_replay.close(state);
	free(state);
}

int fuzz_asks(const uint8_t *data, size_t size)
{
	static const char *const name[] = { "asks.jsonl", "f.jpg", "a.wav", "v.mp4", NULL };
	struct err err = { 0 };
	struct fuzz_folder f;
	struct ask_file asks;
	char path[60];
	struct endpoint p;

	FUZZ_CHECK(!endpoint_parse(&p, all, sizeof(all) - 1, "all", false, &err));
	fuzz_folder_open(&f, name, data, size);
	FUZZ_CHECK(str_format(path, sizeof(path), "%s/%s", f.path, name[0]));
	fuzz_outcome(!ask_file_open(&asks, path, &err), &err);
	for (const struct ask *ask; !err.code && ask_file_next(&asks, &ask, &err) == ASK_READY;) {
		send(&p, ask);
		ask_file_release(ask);
	}
	ask_file_free(&asks);
	replay(path);
	fuzz_folder_close(&f);
	endpoint_free(&p);
	return 0;
}

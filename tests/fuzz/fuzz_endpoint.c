/* SPDX-License-Identifier: Apache-2.0
 * A profile of a server: what is accepted has everything that requests are made of.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "harness/remote/dialect.h"

static void request(const struct endpoint *p)
{
	static const char *const option[] = { "a", "b" };
	const struct ask_part part = { .type = ASK_TEXT, .data = "hi", .size = 2 };
	const struct ask_message m = { "user", &part, 1 };
	struct strbuf b = { 0 };

	for (int mode = 0; mode < ASK_MODES; mode++) {
		struct ask ask = { .id = "s",
				   .task = "",
				   .settings = "",
				   .message = &m,
				   .n_messages = 1,
				   .mode = (enum ask_mode)mode,
				   .option = option,
				   .n_options = mode ? 2 : 0 };
		struct err err = { 0 };
		struct json *v;

		if (dialect_check(p, &ask, &err))
			continue;
		FUZZ_CHECK(!dialect_request(p, &ask, 0, &b, &err));
		v = json_parse(b.s, b.len, "request", &err);
		fuzz_outcome(v != NULL, &err);
		json_free(v);
	}
	strbuf_free(&b);
}

int fuzz_endpoint(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	struct endpoint p;

	fuzz_outcome(!endpoint_parse(&p, (const char *)data, size, "p.json", false, &err), &err);
	if (!err.code) {
		FUZZ_CHECK(*p.name && *p.model && strstr(p.base_url, "://") && p.concurrency > 0 &&
			   p.reply_bytes > 0 && !*p.key);
		request(&p);
	}
	endpoint_free(&p);
	return 0;
}

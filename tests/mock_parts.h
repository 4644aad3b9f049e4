/* SPDX-License-Identifier: Apache-2.0
 * Between the files of the mock server.
 */
#ifndef TESTS_MOCK_PARTS_H
#define TESTS_MOCK_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/json.h"

enum mock_dialect { MOCK_ANY, MOCK_OPENAI, MOCK_VLLM, MOCK_LLAMA };

/* A request to /chat/completions or /completions. */
struct mock_request {
	const struct json *v; /* NULL where it is not looked into */
	const char *body;
	size_t n;
	uint64_t hash;	     /* of the body */
	bool completions;    /* else chat */
	const char *misdeed; /* behind "case=", "" for none */
};

/* Whether it is a question of the harness's probe rather than of a run. */
bool mock_probing(const struct mock_request *q);

/* What a server that behaves says: appends the body of its reply. */
void mock_reply(enum mock_dialect dialect, const struct mock_request *q, const char *key,
		bool blind, struct strbuf *out);

/* Holds a request to the documented shape: appends what is wrong with it, a sentence each, and
 * its facts as mock.h has them (either may be NULL).  rejects: this field is not missed. */
void mock_shape(enum mock_dialect dialect, const struct mock_request *q, const char *rejects,
		struct strbuf *wrong, struct strbuf *facts);

#endif

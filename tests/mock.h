/* SPDX-License-Identifier: Apache-2.0
 * A server of models for tests: OpenAI's interface with the replies of the three dialects, and
 * misbehaviour on order.  A prompt that holds "case=NAME" gets what case_list of mock.c says; any
 * other gets a label that follows from the request alone.
 */
#ifndef TESTS_MOCK_H
#define TESTS_MOCK_H

#include <stdbool.h>
#include <stdint.h>

struct mock;
struct mock_options {
	int port;	 /* 0: any that is free */
	double delay_s;	 /* before each reply */
	const char *key; /* wanted of every request, NULL: none */
	const char *log; /* file that gets the word behind "ask:" of every prompt, or NULL */
	bool quick;	 /* do not check that requests are JSON */
};

/* Serves on 127.0.0.1 in a thread of its own.  NULL: no socket. */
struct mock *mock_start(const struct mock_options *o);
int mock_port(const struct mock *m);
/* Requests to /chat/completions and /completions so far. */
long mock_asked(const struct mock *m);
/* Requests that were no HTTP or no JSON, and the most that were waited for at once. */
long mock_bad(const struct mock *m);
long mock_most(const struct mock *m);
/* Requests that came 0.3 to 0.9 s after one was told to wait for a second. */
long mock_early(const struct mock *m);
void mock_stop(struct mock *m);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * A server of models for tests: OpenAI's interface with the replies of the three dialects, and
 * misbehaviour on order.  A prompt that holds "case=NAME" gets what case_list of mock.c says; any
 * other gets a reply that follows from the request alone (mock_reply.c):
 *   a prompt with the words face, body, posture and JSON: an object with these three members; one
 *     in five such prompts gets something else, unless an assistant has spoken in it already
 *     ("case=mute" in it: always something else);
 *   "step by step": a sentence or two, then "Emotion: LABEL";
 *   the questions of the probe: green, a beep, or with `blind` that it cannot tell;
 *     (these count in none of the numbers and files below, but for breaches);
 *   an imposed choice: one of the options; everything else: one of seven labels.
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
	/* openai, vllm, llama-server: every request is held to the shape that the dialect documents
	 * (mock_shape.c), its pictures are decoded, its sound is 16-bit mono WAV at 16 kHz; what is
	 * not gets status 400 with the reason.  NULL: not held to anything. */
	const char *dialect;
	const char *dump; /* file that gets the body of every such request, one a line, or NULL */
	/* file that gets a line for each of them, or NULL: "text BYTES", then for each part of
	 * media "image WIDTHxHEIGHT", "sound SECONDS", "video BYTES", in their order */
	const char *facts;
	/* folder, or NULL: "case=raw-NAME" gets its file NAME byte for byte as the whole reply, and
	 * so does GET of a path that ends in the name of one (models, props) */
	const char *raw;
	bool blind;	     /* neither sees nor hears */
	bool busy;	     /* the first request for the list of models gets status 429 */
	const char *rejects; /* a field that is refused with status 400, NULL: none */
};

/* Serves on 127.0.0.1 in a thread of its own.  NULL: no socket, or no such dialect. */
struct mock *mock_start(const struct mock_options *o);
int mock_port(const struct mock *m);
/* Requests to /chat/completions and /completions so far. */
long mock_asked(const struct mock *m);
/* Requests that were no HTTP or no JSON, and the most that were waited for at once. */
long mock_bad(const struct mock *m);
long mock_most(const struct mock *m);
/* Requests that were not of the dialect's shape; why the first of them was not is printed on
 * standard error as "mock: …". */
long mock_breaches(const struct mock *m);
/* Requests that came 0.3 to 0.9 s after one was told to wait for a second. */
long mock_early(const struct mock *m);
void mock_stop(struct mock *m);

#endif

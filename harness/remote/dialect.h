/* SPDX-License-Identifier: Apache-2.0
 * Requests and replies of servers with OpenAI's interface, in the dialects of OpenAI, vLLM and
 * llama-server: chat, choice, first-token letters, and the likelihood of a text by completions
 * with echo.  Builds and reads text; sends nothing.
 */
#ifndef HARNESS_REMOTE_DIALECT_H
#define HARNESS_REMOTE_DIALECT_H

#include "harness/remote/endpoint.h"

/* Whether the profile can carry the ask, and whether the ask is well formed: roles, parts,
 * options (ERR_ARG with the reason). */
int dialect_check(const struct endpoint *p, const struct ask *ask, struct err *err);

/* Whether the profile can carry asks that need this (ask_needs).  ERR_ARG. */
int dialect_can(const struct endpoint *p, unsigned needs, struct err *err);

/* Requests that one ask takes: one, or one for each option (likelihood). */
int dialect_steps(const struct ask *ask);
/* Path behind the base URL. */
const char *dialect_path(const struct ask *ask);
/* Replaces out by the body of request `step` of an ask that dialect_check accepted.  ERR_NOMEM. */
int dialect_request(const struct endpoint *p, const struct ask *ask, int step, struct strbuf *out,
		    struct err *err);
/* The same for people: hash and size in place of the bytes of media. */
int dialect_show(const struct endpoint *p, const struct ask *ask, int step, struct strbuf *out,
		 struct err *err);

/* Reads the body of a status 200.  What is wrong with it becomes status, cause and first_error of
 * r (secrets taken out); strings live in mem.  score: (n_options), entries of this step are
 * filled in; letters fill all.  Counts of tokens are added to those of r.  Fails with
 * ERR_NOMEM only. */
int dialect_reply(const struct endpoint *p, const struct ask *ask, int step, const char *body,
		  size_t len, struct arena *mem, struct option_score *score, struct reply *r,
		  struct err *err);

#endif

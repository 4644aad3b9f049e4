/* SPDX-License-Identifier: Apache-2.0
 * Reading bit by bit: the keys and values of what a decoder has read are kept, so that
 * nothing is read twice.  A session holds a trunk that grows, and branches behind it
 * (several continuations of one history at once, or questions that are read and forgotten).
 * It runs the same net as training and scoring do.
 */
#ifndef MODELS_BACKBONE_SESSION_H
#define MODELS_BACKBONE_SESSION_H

#include "models/backbone/decoder.h"

#define SESSION_PASS                                                                               \
	512 /* tokens of one pass, which bounds its memory; large enough for full speed */

struct session;

/* capacity: tokens kept at most, the branches' rooms included.  d must outlive the session and
 * not be trained between its reads. */
struct session *session_new(struct decoder *d, int capacity, struct err *err);
void session_free(struct session *s); /* accepts NULL */

/* Tokens of the trunk that are kept. */
int session_length(const struct session *s);
/* Forgets all branches, and of the trunk what lies behind its first `length` tokens. */
int session_rewind(struct session *s, int length, struct err *err);
/* From now on branches are kept until session_rewind(), each in a room of so many tokens, and
 * the trunk cannot grow.  Without it a branch lives for one read. */
int session_open_branches(struct session *s, int room, struct err *err);

/* Reads p behind what is kept, with the visibility of a packed dialogue: p's trunk goes on
 * from the kept trunk (turns not decreasing), a branch number that is known goes on from that
 * branch, positions are p's own.  out (n_at, n_word or vocab) log-probabilities, overwritten;
 * NULL where n_at is 0.  ERR_LIMIT when the capacity is too small; after a failure
 * what was kept is as before. */
int session_read(struct session *s, const struct packed *p, float *out, struct err *err);

/* Reads n tokens as plain text behind the trunk; out (vocab): log-probabilities of what
 * follows the last, or NULL. */
int session_feed(struct session *s, const int *token, int n, float *out, struct err *err);

/* --- choosing the next token --- */

struct sampler {
	double temperature; /* 0: the most probable token, the first among equals */
	double top_p; /* (0, 1]: only the most probable tokens that together reach it (Holtzman et
		       * al. 2020) */
	struct rng rng;
	struct sampler_choice *choice; /* scratch, grows */
	size_t cap;
};

/* One of n by their log-probabilities. -1 with err set: no memory, or all of them NaN. */
int sampler_pick(struct sampler *s, const float *logp, int n, struct err *err);
/* Accepts the zeroed struct and leaves it zeroed. */
void sampler_free(struct sampler *s);

#endif

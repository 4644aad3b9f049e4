/* SPDX-License-Identifier: Apache-2.0
 * Between the files of the back-end http.
 */
#ifndef HARNESS_REMOTE_HTTP_PARTS_H
#define HARNESS_REMOTE_HTTP_PARTS_H

#include <curl/curl.h>

#include "harness/base/rng.h"
#include "harness/remote/dialect.h"

enum flight_state { FLIGHT_FREE, FLIGHT_WAITS, FLIGHT_FLIES };

/* One place for a request. */
struct flight {
	CURL *easy;
	enum flight_state state;
	const struct ask *ask;
	int step;    /* request of the ask */
	int tries;   /* of this step that failed */
	double due;  /* FLIGHT_WAITS: when it is sent */
	double sent; /* FLIGHT_FLIES: when it was */
	struct strbuf request, body, request_id;
	size_t body_max, header_bytes;
	bool too_large;
	struct arena mem; /* of the reply */
	struct reply r;
	struct option_score score[ASK_OPTIONS_MAX];
};

struct http {
	struct endpoint profile;
	struct backend_env env;
	struct curl_slist *headers;
	char *chat_url, *completions_url;
	struct strbuf identity;
	CURLM *multi;
	int epoll;
	double timer; /* when libcurl wants to be called, negative: not */
	struct flight *flight;
	int n;	    /* places */
	int busy;   /* places with an ask, */
	int flying; /* and those whose request is out */
	struct adaptive adaptive;
	bool away;     /* not to be had: no other ask would reach it */
	int lost;      /* asks in a row that ended without a connection */
	double paused; /* until when nothing is sent */
	struct rng rng;
};

/* Whether a URL leads to this machine by its name. */
bool http_loopback(const char *url);
/* Before each request: nothing of its reply is there yet. */
void http_forget(struct flight *f);
/* Sets what all requests have in common; the body's bytes go into f->body. */
int http_prepare(const struct http *h, struct flight *f, struct err *err);
/* Judges a transfer that ended: fills in f->r.  true: the ask is answered.  false with
 * f->state FLIGHT_WAITS: send (the next step or again) at f->due. */
bool http_judge(struct http *h, struct flight *f, CURLcode rc, struct err *err);
/* Writes the identity: of the profile, and of what is served (which asks the server, and whether
 * it sees and hears what is needed). */
int http_identify(struct http *h, bool served, unsigned needs, struct err *err);
/* Asks the server who it is, and tries what is needed. */
int http_probe(struct http *h, unsigned needs, struct err *err);
/* Tries modes and parts on asks whose replies are known, but for what the profile leaves out. */
int http_try(struct http *h, unsigned needs, struct err *err);
/* How many requests may be out at once. */
int http_limit(const struct http *h);
/* The loop. */
int http_run(struct http *h, const struct ask_source *source, const struct ask_sink *sink,
	     struct err *err);

#endif

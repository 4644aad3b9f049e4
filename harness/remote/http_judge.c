/* SPDX-License-Identifier: Apache-2.0
 * One request: what is set for it, and what its end means.
 */
#include "harness/remote/http_parts.h"

#include <string.h>
#include <strings.h>

#include "harness/remote/redact.h"
#include "harness/remote/reply_json.h"

#define SHOWN	   300
#define ID_MAX	   127		       /* bytes of a request id that is kept */
#define HEADER_MAX ((size_t)256 << 10) /* bytes of all header lines of a reply */

static size_t on_body(char *data, size_t one, size_t n, void *ctx)
{
	struct flight *f = ctx;

	(void)one; /* 1 by definition */
	if (n > f->body_max - f->body.len) {
		f->too_large = true;
		return 0;
	}
	strbuf_addn(&f->body, data, n);
	return f->body.oom ? 0 : n;
}

static size_t on_header(char *data, size_t one, size_t n, void *ctx)
{
	static const char name[] = "x-request-id:";
	struct flight *f = ctx;
	size_t from = sizeof(name) - 1, end;

	(void)one;
	f->header_bytes += n;
	if (f->header_bytes > HEADER_MAX) {
		f->too_large = true;
		return 0;
	}
	if (n < from || strncasecmp(data, name, from) != 0)
		return n;
	while (from < n && data[from] == ' ')
		from++;
	for (end = from; end < n && data[end] > ' ' && data[end] < 0x7f;)
		end++;
	strbuf_reset(&f->request_id);
	strbuf_addn(&f->request_id, data + from, end - from);
	return f->request_id.oom ? 0 : n;
}

void http_forget(struct flight *f)
{
	strbuf_reset(&f->body);
	strbuf_reset(&f->request_id);
	f->too_large = false;
	f->header_bytes = 0;
}

int http_prepare(const struct http *h, struct flight *f, struct err *err)
{
	const struct endpoint *p = &h->profile;
	CURL *e = f->easy = curl_easy_init();
	int bad;

	f->body_max = p->reply_bytes;
	if (!e)
		return err_set(err, ERR_NOMEM, "http: no memory");
	bad = curl_easy_setopt(e, CURLOPT_HTTPHEADER, h->headers) |
	      curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") |
	      curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) |
	      curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L) |
	      curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L) |
	      curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) |
	      curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) |
	      curl_easy_setopt(e, CURLOPT_USERAGENT, "merc") |
	      curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(p->connect_s * 1000)) |
	      curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(p->request_s * 1000)) |
	      curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L) |
	      curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)p->idle_s) |
	      curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) |
	      curl_easy_setopt(e, CURLOPT_WRITEDATA, f) |
	      curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) |
	      curl_easy_setopt(e, CURLOPT_HEADERDATA, f) | curl_easy_setopt(e, CURLOPT_PRIVATE, f);
	if (*p->ca_file)
		bad |= curl_easy_setopt(e, CURLOPT_CAINFO, p->ca_file);
	/* what stays on this machine is no proxy's business */
	if (http_loopback(p->base_url))
		bad |= curl_easy_setopt(e, CURLOPT_PROXY, "");
	return bad ? err_set(err, ERR_INTERNAL, "http: this libcurl lacks an option that is needed")
		   : 0;
}

/* Keeps what the first failure was. */
static void note(const struct http *h, struct flight *f, const char *what)
{
	struct strbuf b = { 0 };
	const char *s;

	if (*f->r.first_error)
		return;
	strbuf_add(&b, what);
	if (f->body.len) {
		strbuf_add(&b, ": ");
		redact_message(&b, f->body.s, f->body.len, h->profile.key, SHOWN);
	}
	s = arena_strdup(&f->mem, strbuf_str(&b));
	f->r.first_error = s ? s : "";
	strbuf_free(&b);
}

static bool give_up(struct flight *f, enum reply_cause cause)
{
	f->r.status = ANSWER_BACKEND_FAIL;
	f->r.cause = cause;
	return true;
}

/* Waits and sends again, or gives up.  after < 0: the server named no time. */
static bool again(struct http *h, struct flight *f, enum reply_cause cause, double after)
{
	const struct endpoint *p = &h->profile;
	double most = p->retry_base_s, wait;

	if (f->tries >= p->retries)
		return give_up(f, cause);
	if (after > p->retry_after_cap_s)
		return give_up(f, CAUSE_RETRY_AFTER);
	for (int k = 0; k < f->tries && most < p->retry_cap_s; k++)
		most *= 2;
	wait = rng_uniform(&h->rng) * (most < p->retry_cap_s ? most : p->retry_cap_s);
	if (after >= 0)
		wait = after;
	f->tries++;
	f->r.attempts++;
	f->state = FLIGHT_WAITS;
	f->due = clock_s() + wait;
	if (cause == CAUSE_RATE && f->due > h->paused)
		h->paused = f->due;
	return false;
}

static bool judge_status(struct http *h, struct flight *f, long status, struct err *err)
{
	curl_off_t after = 0;
	char what[40];
	double wait;

	if (!str_format(what, sizeof(what), "HTTP status %ld", status))
		what[0] = '\0';
	note(h, f, what);
	curl_easy_getinfo(f->easy, CURLINFO_RETRY_AFTER, &after);
	wait = after > 0 ? (double)after : -1;
	if (status == 429 || status == 408 || status >= 500)
		adaptive_note(&h->adaptive, status == 429 ? ADAPTIVE_RATE : ADAPTIVE_FAILURE,
			      f->sent, 0, clock_s());
	switch (status) {
	case 401:
	case 403:
	case 404:
		/* likelihood has a path of its own, which some servers lack */
		h->away = status != 404 || f->ask->mode != ASK_LIKELIHOOD;
		err_set(err, ERR_BACKEND, "profile %s: %s: the server refuses %s; check %s",
			h->profile.name, f->r.first_error,
			status == 404 ? "the model or the path" : "the key",
			status == 404 ? "base_url and model" : "key_env or key_file");
		return false;
	case 429:
		return again(h, f, CAUSE_RATE, wait);
	case 408:
	case 500:
	case 502:
	case 503:
	case 504:
		return again(h, f, CAUSE_SERVER, wait);
	default:
		return give_up(f, status >= 400	  ? CAUSE_REFUSED
				  : status >= 300 ? CAUSE_REDIRECT
						  : CAUSE_MALFORMED);
	}
}

static bool judge_failure(struct http *h, struct flight *f, CURLcode rc, struct err *err)
{
	/* libcurl says that it is out of memory for lines beyond its own limits too */
	if (f->body.oom || f->request_id.oom) {
		err_set(err, ERR_NOMEM, "http: no memory for a reply");
		return false;
	}
	adaptive_note(&h->adaptive, ADAPTIVE_FAILURE, f->sent, 0, clock_s());
	/* what came of a body that did not end is no part of the message */
	strbuf_reset(&f->body);
	note(h, f,
	     !f->too_large		    ? curl_easy_strerror(rc)
	     : f->header_bytes > HEADER_MAX ? "the reply's header is too long"
					    : "the reply is longer than max_reply_bytes");
	if (f->too_large)
		return give_up(f, CAUSE_TOO_LARGE);
	if (rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CACERT_BADFILE) {
		err_set(err, ERR_BACKEND,
			"profile %s: the server's certificate does not hold (%s); for one of your "
			"own name \"ca_file\"",
			h->profile.name, curl_easy_strerror(rc));
		return false;
	}
	return again(h, f, rc == CURLE_OPERATION_TIMEDOUT ? CAUSE_TIMEOUT : CAUSE_CONNECTION, -1);
}

static bool judge_reply(struct http *h, struct flight *f, struct err *err)
{
	const struct endpoint *p = &h->profile;
	curl_off_t us = 0;

	curl_easy_getinfo(f->easy, CURLINFO_TOTAL_TIME_T, &us);
	f->r.latency_ms += (double)us / 1000;
	adaptive_note(&h->adaptive, ADAPTIVE_WELL, f->sent, (double)us / 1e6, clock_s());
	if (dialect_reply(p, f->ask, f->step, strbuf_str(&f->body), f->body.len, &f->mem, f->score,
			  &f->r, err))
		return false;
	f->r.varies = p->omit & 1u << FIELD_TEMPERATURE;
	f->r.cost = endpoint_cost(p, f->r.prompt_tokens, f->r.completion_tokens);
	if (f->r.status != ANSWER_OK || ++f->step == dialect_steps(f->ask)) {
		if (f->r.status == ANSWER_OK && f->ask->mode >= ASK_LIKELIHOOD) {
			f->r.option = f->score;
			f->r.n_options = f->ask->n_options;
		}
		return true;
	}
	f->tries = 0;
	f->state = FLIGHT_WAITS;
	f->due = 0;
	return false;
}

/* The request id, secrets taken out before it is cut. */
static int keep_id(const struct http *h, struct flight *f, struct err *err)
{
	struct strbuf id = { 0 };

	redact_secret(&id, strbuf_str(&f->request_id), f->request_id.len, h->profile.key);
	if (id.len > ID_MAX)
		id.s[ID_MAX] = '\0';
	f->r.request_id = id.oom ? NULL : arena_strdup(&f->mem, strbuf_str(&id));
	strbuf_free(&id);
	if (f->r.request_id)
		return 0;
	f->r.request_id = "";
	return err_set(err, ERR_NOMEM, "http: no memory for a reply");
}

bool http_judge(struct http *h, struct flight *f, CURLcode rc, struct err *err)
{
	long status = 0;

	if (rc)
		return judge_failure(h, f, rc, err);
	curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
	if (keep_id(h, f, err))
		return false;
	return status == 200 ? judge_reply(h, f, err) : judge_status(h, f, status, err);
}

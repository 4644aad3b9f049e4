/* SPDX-License-Identifier: Apache-2.0
 * Before the first sample: who serves, and does it do what the profile says.
 */
#include "harness/remote/http_parts.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "harness/remote/key.h"
#include "harness/remote/redact.h"
#include "harness/remote/served.h"

#define NOTE_SHOWN 200
#define LOOK_S	   0.05 /* how long a signal to stop may go unseen */

/* libcurl asks about once a second whether to go on. */
static int on_progress(void *ctx, curl_off_t to_come, curl_off_t came, curl_off_t to_go,
		       curl_off_t gone)
{
	const struct http *h = ctx;

	(void)to_come, (void)came, (void)to_go, (void)gone;
	return h->env.stop && *h->env.stop;
}

/* GET of a whole URL into f->body, or POST of a body; *status 0: no reply. */
static CURLcode fetch(struct http *h, struct flight *f, const char *url, const char *body,
		      long *status)
{
	CURLcode rc;

	http_forget(f);
	*status = 0;
	curl_easy_setopt(f->easy, CURLOPT_URL, url);
	curl_easy_setopt(f->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(f->easy, CURLOPT_XFERINFODATA, h);
	curl_easy_setopt(f->easy, CURLOPT_NOPROGRESS, 0L);
	if (body) {
		curl_easy_setopt(f->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
		curl_easy_setopt(f->easy, CURLOPT_POSTFIELDS, body);
	} else {
		curl_easy_setopt(f->easy, CURLOPT_HTTPGET, 1L);
	}
	rc = curl_easy_perform(f->easy);
	curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, status);
	curl_easy_setopt(f->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(f->easy, CURLOPT_NOPROGRESS, 1L);
	return rc;
}

/* Sleeps for a while unless asked to stop. */
static void nap(const struct http *h, double seconds)
{
	const struct timespec look = { .tv_nsec = (long)(LOOK_S * 1e9) };
	double end = clock_s() + seconds;

	while (clock_s() < end && !(h->env.stop && *h->env.stop))
		nanosleep(&look, NULL);
}

/* Somebody takes the connection, but not in TLS. */
static bool no_tls(const struct http *h, const struct flight *f, CURLcode rc)
{
	curl_off_t agreed = 0;
	long port = 0; /* ours, once there is a connection */

	curl_easy_getinfo(f->easy, CURLINFO_LOCAL_PORT, &port);
	curl_easy_getinfo(f->easy, CURLINFO_APPCONNECT_TIME_T, &agreed);
	return rc == CURLE_SSL_CONNECT_ERROR ||
	       (rc == CURLE_OPERATION_TIMEDOUT && port > 0 && !agreed &&
		!strncasecmp(h->profile.base_url, "https:", 6));
}

/* What a server that is not there may mean. */
static const char *remedy(const struct http *h, const struct flight *f, CURLcode rc)
{
	static const struct {
		CURLcode rc;
		const char *text;
	} row[] = {
		{ CURLE_OK, "; is the model still being loaded?" },
		{ CURLE_COULDNT_RESOLVE_HOST, "; is the host in base_url right?" },
		{ CURLE_COULDNT_CONNECT, "; is it started, and is the port in base_url right?" },
		{ CURLE_PEER_FAILED_VERIFICATION,
		  "; for a certificate of your own name \"ca_file\"" },
	};

	if (no_tls(h, f, rc))
		return "; base_url says https: does the server?";
	if (f->too_large)
		return ", longer than max_reply_bytes";
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		if (row[i].rc == rc)
			return row[i].text;
	return "";
}

static void add_failure(const struct flight *f, CURLcode rc, long status, struct strbuf *out)
{
	if (f->too_large)
		strbuf_add(out, "the reply is too long");
	else if (rc)
		strbuf_add(out, curl_easy_strerror(rc));
	else
		strbuf_addf(out, "HTTP status %ld", status);
}

static int give_up(struct http *h, const struct flight *f, const char *url, CURLcode rc,
		   long status, struct err *err)
{
	const char *note = json_str(json_get(h->profile.json, "note"), "");
	struct strbuf b = { 0 };

	add_failure(f, rc, status, &b);
	strbuf_add(&b, remedy(h, f, rc));
	if (*note) {
		strbuf_add(&b, " (note: ");
		redact_message(&b, note, strlen(note), h->profile.key, NOTE_SHOWN);
		strbuf_add(&b, ")");
	}
	h->away = true;
	err_set(err, ERR_BACKEND, "profile %s: %s does not answer: %s", h->profile.name, url,
		strbuf_str(&b));
	strbuf_free(&b);
	return err->code;
}

/* Seconds to wait before the request is sent again, negative: it is of no use. */
static double patience(struct http *h, const struct flight *f, int tries, double most, CURLcode rc)
{
	curl_off_t after = 0;

	if (tries >= h->profile.retries || f->too_large || no_tls(h, f, rc) ||
	    rc == CURLE_PEER_FAILED_VERIFICATION)
		return -1;
	curl_easy_getinfo(f->easy, CURLINFO_RETRY_AFTER, &after);
	if ((double)after > h->profile.retry_after_cap_s)
		return -1;
	return after > 0 ? (double)after : rng_uniform(&h->rng) * most;
}

/* The first failure is told while the next ones are waited for. */
static void tell_failure(const struct http *h, const struct flight *f, CURLcode rc, long status)
{
	struct strbuf b = { 0 };

	add_failure(f, rc, status, &b);
	log_info(h->env.log, "profile %s: no answer yet (%s); trying %d more times",
		 h->profile.name, strbuf_str(&b), h->profile.retries);
	strbuf_free(&b);
}

/* GET that waits for a server that is not up yet, or has no time now, as long as the profile's
 * retries last. */
static long get_patiently(struct http *h, struct flight *f, const char *url, struct err *err)
{
	double most = h->profile.retry_base_s, wait;
	long status = 0;

	for (int k = 0; !err->code; k++) {
		CURLcode rc = fetch(h, f, url, NULL, &status);

		if (h->env.stop && *h->env.stop)
			err_set(err, ERR_INTERRUPTED, "interrupted");
		if (err->code || (!rc && status < 500 && status != 408 && status != 429))
			break;
		wait = patience(h, f, k, most, rc);
		if (wait < 0) {
			give_up(h, f, url, rc, status, err);
		} else {
			if (!k)
				tell_failure(h, f, rc, status);
			nap(h, wait);
		}
		most = most * 2 < h->profile.retry_cap_s ? most * 2 : h->profile.retry_cap_s;
	}
	return status;
}

static int ask_models(struct http *h, struct json_writer *w, struct err *err)
{
	struct flight *f = &h->flight[0];
	struct strbuf url = { 0 };
	long status;

	endpoint_url(&h->profile, "/models", &url);
	status = get_patiently(h, f, strbuf_str(&url), err);
	strbuf_free(&url);
	if (err->code)
		return err->code;
	h->away = status == 401 || status == 403;
	if (h->away)
		return err_set(err, ERR_BACKEND,
			       "profile %s: HTTP status %ld: the server refuses the key; check "
			       "key_env or key_file",
			       h->profile.name, status);
	if (status != 200)
		log_info(h->env.log, "profile %s: no list of models (HTTP status %ld)",
			 h->profile.name, status);
	h->away = served_models(&h->profile, status == 200 ? strbuf_str(&f->body) : NULL,
				f->body.len, w, err) != 0;
	return err->code;
}

/* llama-server's own paths lie beside /v1. */
static void own_url(const struct http *h, const char *path, struct strbuf *out)
{
	const size_t n = strlen(h->profile.base_url);

	strbuf_addn(out, h->profile.base_url, n - (str_ends(h->profile.base_url, "/v1") ? 3 : 0));
	strbuf_add(out, path);
}

static int ask_props(struct http *h, struct json_writer *w, unsigned needs, struct err *err)
{
	static const char sample[] =
		"{\"messages\":[{\"role\":\"user\",\"content\":\"How does she feel?\"}]}";
	struct flight *f = &h->flight[0];
	struct strbuf url = { 0 }, props = { 0 };
	long status;

	own_url(h, "/props", &url);
	status = get_patiently(h, f, strbuf_str(&url), err);
	strbuf_addn(&props, strbuf_str(&f->body), f->body.len);
	if (!err->code && status == 200) {
		strbuf_reset(&url);
		own_url(h, "/apply-template", &url);
		if (fetch(h, f, strbuf_str(&url), sample, &status) || status != 200)
			strbuf_reset(&f->body);
		served_props(&h->profile, strbuf_str(&props), props.len,
			     f->body.len ? f->body.s : NULL, needs, w, err);
	}
	strbuf_free(&url);
	strbuf_free(&props);
	return err->code;
}

/* --- as one object ---------------------------------------------------------------------------- */

/* Names of a table whose bits are set. */
static void put_names(struct json_writer *w, const char *key, const char *const *name, int n,
		      unsigned bits)
{
	json_open_array(w, key);
	for (int i = 0; i < n; i++)
		if (bits & 1u << i)
			json_put_str(w, NULL, name[i]);
	json_close_array(w);
}

int http_identify(struct http *h, bool served, unsigned needs, struct err *err)
{
	const struct endpoint *p = &h->profile;
	struct json_writer w;

	strbuf_reset(&h->identity);
	json_begin(&w, &h->identity, 0);
	json_open_object(&w, NULL);
	json_put_str(&w, "choice", choice_way_name[p->choice]);
	json_put_str(&w, "dialect", dialect_name[p->dialect]);
	json_put_str(&w, "extra", p->extra);
	json_put_str(&w, "image_detail", p->detail);
	json_put_str(&w, "model", p->model);
	json_put_str(&w, "name", p->name);
	put_names(&w, "omitted", endpoint_field_name, FIELDS, p->omit);
	if (served && p->dialect == DIALECT_LLAMA && ask_props(h, &w, needs, err))
		return err->code;
	json_put_str(&w, "revision", p->revision);
	put_names(&w, "sent", endpoint_field_name, FIELDS, ~p->omit);
	if (served && ask_models(h, &w, err))
		return err->code;
	json_put_str(&w, "tokens_field",
		     p->completion_tokens ? "max_completion_tokens" : "max_tokens");
	put_names(&w, "unprobed", endpoint_can_name, ENDPOINT_CANS, ~p->probe);
	json_close_object(&w);
	return h->identity.oom ? err_set(err, ERR_NOMEM, "http: no memory") : 0;
}

int http_probe(struct http *h, unsigned needs, struct err *err)
{
	if (dialect_can(&h->profile, needs, err) || http_identify(h, true, needs, err))
		return err->code;
	return http_try(h, needs, err);
}

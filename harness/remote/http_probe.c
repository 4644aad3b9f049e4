/* SPDX-License-Identifier: Apache-2.0
 * Before the first sample: who serves, and does it do what the profile says.
 */
#include "harness/remote/http_parts.h"

#include <string.h>
#include <time.h>

#include "harness/remote/key.h"
#include "harness/remote/served.h"

#define LOOK_S 0.05 /* how long a signal to stop may go unseen */

/* GET of a whole URL into f->body, or POST of a body; *status 0: no reply. */
static CURLcode fetch(struct flight *f, const char *url, const char *body, long *status)
{
	CURLcode rc;

	strbuf_reset(&f->body);
	f->too_large = false;
	*status = 0;
	curl_easy_setopt(f->easy, CURLOPT_URL, url);
	if (body) {
		curl_easy_setopt(f->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
		curl_easy_setopt(f->easy, CURLOPT_POSTFIELDS, body);
	} else {
		curl_easy_setopt(f->easy, CURLOPT_HTTPGET, 1L);
	}
	rc = curl_easy_perform(f->easy);
	curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, status);
	curl_easy_setopt(f->easy, CURLOPT_POST, 1L);
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

/* GET that waits for a server that is not up yet, as long as the profile's retries last. */
static long get_patiently(struct http *h, struct flight *f, const char *url, struct err *err)
{
	double most = h->profile.retry_base_s;
	long status = 0;

	for (int k = 0; !err->code; k++) {
		CURLcode rc = fetch(f, url, NULL, &status);

		if (h->env.stop && *h->env.stop)
			err_set(err, ERR_INTERRUPTED, "interrupted");
		if (err->code || (!rc && status < 500))
			break;
		if (k == h->profile.retries || f->too_large || rc == CURLE_PEER_FAILED_VERIFICATION)
			err_set(err, ERR_BACKEND, "profile %s: %s does not answer: %s %ld",
				h->profile.name, url, rc ? curl_easy_strerror(rc) : "HTTP status",
				rc ? (long)rc : status);
		else
			nap(h, rng_uniform(&h->rng) * most);
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
	if (status == 401 || status == 403)
		return err_set(err, ERR_BACKEND,
			       "profile %s: HTTP status %ld: the server refuses the key; check "
			       "key_env or key_file",
			       h->profile.name, status);
	if (status != 200)
		log_info(h->env.log, "profile %s: no list of models (HTTP status %ld)",
			 h->profile.name, status);
	return served_models(&h->profile, status == 200 ? strbuf_str(&f->body) : NULL, f->body.len,
			     w, err);
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
		if (fetch(f, strbuf_str(&url), sample, &status) || status != 200)
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

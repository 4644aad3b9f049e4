/* SPDX-License-Identifier: Apache-2.0
 * Before the first sample: who serves, and does it do what the profile says.
 */
#include "harness/remote/http_parts.h"

#include <string.h>
#include <time.h>

#include "harness/base/sha256.h"
#include "harness/remote/key.h"
#include "harness/remote/redact.h"

#define LOOK_S	0.05 /* how long a signal to stop may go unseen */
#define ANSWERS 300  /* bytes of a server's text in a message */

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

/* The entry of the model in the list of /models. */
static const struct json *find_model(const struct json *list, const char *model)
{
	for (const struct json *m = json_at(json_get(list, "data"), 0); m; m = json_next(m))
		if (!strcmp(json_str(json_get(m, "id"), ""), model))
			return m;
	return NULL;
}

/* What of the entry tells one model from another (not the time, which some servers make up). */
static void put_served(struct json_writer *w, const struct json *model)
{
	static const char *const field[] = { "id", "max_model_len", "owned_by", "parent", "root" };

	json_open_object(w, "served");
	for (size_t i = 0; i < ARRAY_LEN(field); i++)
		if (json_get(model, field[i]))
			json_put_sorted(w, field[i], json_get(model, field[i]));
	json_close_object(w);
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

/* What a server lists when it does not list ours. */
static int refuse_model(const struct http *h, const struct json *list, struct err *err)
{
	struct strbuf names = { 0 }, clean = { 0 };
	int n = 0;

	for (const struct json *m = json_at(json_get(list, "data"), 0); m && n < 10;
	     m = json_next(m), n++)
		strbuf_addf(&names, " %s", json_str(json_get(m, "id"), "?"));
	redact_message(&clean, strbuf_str(&names), names.len, h->profile.key, ANSWERS);
	err_set(err, ERR_BACKEND, "profile %s: the server has no model %s; it has:%s",
		h->profile.name, h->profile.model, strbuf_str(&clean));
	strbuf_free(&names);
	strbuf_free(&clean);
	return err->code;
}

static int ask_models(struct http *h, struct json_writer *w, struct err *err)
{
	struct flight *f = &h->flight[0];
	struct strbuf url = { 0 };
	const struct json *model;
	struct json *list;
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
	if (status != 200) {
		log_info(h->env.log, "profile %s: no list of models (HTTP status %ld)",
			 h->profile.name, status);
		put_served(w, NULL);
		return 0;
	}
	list = json_parse(strbuf_str(&f->body), f->body.len, "/models", err);
	if (err->code)
		err->code = ERR_BACKEND;
	model = find_model(list, h->profile.model);
	/* llama-server has one model, whatever it is called */
	if (!model && h->profile.dialect == DIALECT_LLAMA)
		model = json_at(json_get(list, "data"), 0);
	if (!model && !err->code)
		refuse_model(h, list, err);
	put_served(w, model);
	json_free(list);
	return err->code;
}

/* llama-server's own paths lie beside /v1. */
static void own_url(const struct http *h, const char *path, struct strbuf *out)
{
	const size_t n = strlen(h->profile.base_url);

	strbuf_addn(out, h->profile.base_url, n - (str_ends(h->profile.base_url, "/v1") ? 3 : 0));
	strbuf_add(out, path);
}

/* The hash of a message as the server's template renders it, where the server tells. */
static void put_rendered(struct http *h, struct json_writer *w)
{
	static const char sample[] =
		"{\"messages\":[{\"role\":\"user\",\"content\":\"How does she feel?\"}]}";
	struct flight *f = &h->flight[0];
	struct strbuf url = { 0 };
	struct err ignored = { 0 };
	char hash[SHA256_HEX];
	struct json *v = NULL;
	const char *prompt;
	long status;

	own_url(h, "/apply-template", &url);
	if (!fetch(f, strbuf_str(&url), sample, &status) && status == 200)
		v = json_parse(strbuf_str(&f->body), f->body.len, "/apply-template", &ignored);
	prompt = json_str(json_get(v, "prompt"), NULL);
	if (prompt) {
		sha256_hex(prompt, strlen(prompt), hash);
		json_put_str(w, "rendered", hash);
	}
	json_free(v);
	strbuf_free(&url);
}

/* Whether llama-server was started with what it takes to see and hear. */
static int check_senses(const struct http *h, const struct json *props, unsigned needs,
			struct err *err)
{
	const struct json *has = json_get(props, "modalities");
	const unsigned see = ASK_NEEDS_PART(ASK_JPEG) | ASK_NEEDS_PART(ASK_VIDEO);
	const bool blind = needs & see && !json_bool(json_get(has, "vision"), false);
	const bool deaf =
		needs & ASK_NEEDS_PART(ASK_WAV) && !json_bool(json_get(has, "audio"), false);

	if (has && (blind || deaf))
		return err_set(err, ERR_BACKEND,
			       "profile %s: the server was started without the projector for %s; "
			       "start it with --mmproj FILE",
			       h->profile.name, blind ? "pictures" : "sound");
	return 0;
}

/* llama-server: build, template, context, and whether it takes pictures and sound. */
static int ask_props(struct http *h, struct json_writer *w, unsigned needs, struct err *err)
{
	struct flight *f = &h->flight[0];
	struct strbuf url = { 0 };
	char hash[SHA256_HEX];
	const char *template;
	struct json *v;
	long status;

	own_url(h, "/props", &url);
	status = get_patiently(h, f, strbuf_str(&url), err);
	strbuf_free(&url);
	if (err->code || status != 200)
		return err->code;
	v = json_parse(strbuf_str(&f->body), f->body.len, "/props", err);
	if (!v)
		return err->code = ERR_BACKEND;
	template = json_str(json_get(v, "chat_template"), "");
	sha256_hex(template, strlen(template), hash);
	json_open_object(w, "props");
	json_put_str(w, "build_info", json_str(json_get(v, "build_info"), ""));
	json_put_str(w, "chat_template", hash);
	json_put_num(w, "n_ctx",
		     json_num(json_get(json_get(v, "default_generation_settings"), "n_ctx"), 0));
	put_rendered(h, w);
	json_close_object(w);
	check_senses(h, v, needs, err);
	json_free(v);
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

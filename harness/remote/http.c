/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "harness/remote/http_parts.h"

bool http_loopback(const char *url)
{
	static const char *const name[] = { "localhost", "[::1]" };
	const char *host = strstr(url, "://") + 3;
	const size_t n = strcspn(host, ":/"), n6 = *host == '[' ? strcspn(host, "]") + 1 : n;

	for (size_t i = 0; i < ARRAY_LEN(name); i++)
		if (n6 == strlen(name[i]) && !strncasecmp(host, name[i], n6))
			return true;
	return str_starts(host, "127.") && strspn(host, "0123456789.") == n;
}

static int make_headers(struct http *h, struct err *err)
{
	struct strbuf key = { 0 };
	const char *line[] = { "Content-Type: application/json", "Expect:", NULL };

	strbuf_addf(&key, "Authorization: Bearer %s", h->profile.key);
	line[2] = *h->profile.key ? strbuf_str(&key) : "Accept: application/json";
	for (size_t i = 0; i < ARRAY_LEN(line) && !err->code; i++) {
		struct curl_slist *more = curl_slist_append(h->headers, line[i]);

		if (!more || key.oom)
			err_set(err, ERR_NOMEM, "http: no memory");
		else
			h->headers = more;
	}
	if (key.s)
		memset(key.s, 0, key.len);
	strbuf_free(&key);
	return err->code;
}

static char *make_url(const struct http *h, const char *path)
{
	struct strbuf b = { 0 };

	endpoint_url(&h->profile, path, &b);
	if (b.oom)
		strbuf_free(&b);
	return b.s;
}

static int http_open(void *state, const char *spec, const struct backend_env *env, struct err *err)
{
	struct http *h = state;

	h->env = *env;
	h->epoll = -1;
	h->timer = -1;
	if (endpoint_read(&h->profile, spec, err))
		return err->code;
	if (env->limit_s > 0)
		h->profile.request_s = env->limit_s;
	rng_seed(&h->rng, (uint64_t)(clock_s() * 1e9), (uint64_t)getpid());
	h->chat_url = make_url(h, "/chat/completions");
	h->completions_url = make_url(h, "/completions");
	if (!h->chat_url || !h->completions_url)
		return err_set(err, ERR_NOMEM, "http: no memory");
	return make_headers(h, err) ? err->code : http_identify(h, false, 0, err);
}

static int on_socket(CURL *easy, curl_socket_t s, int what, void *ctx, void *known)
{
	struct http *h = ctx;
	struct epoll_event e = { .data.fd = s };

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		epoll_ctl(h->epoll, EPOLL_CTL_DEL, s, NULL);
		curl_multi_assign(h->multi, s, NULL);
		return 0;
	}
	e.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
	if (epoll_ctl(h->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, s, &e))
		return -1;
	curl_multi_assign(h->multi, s, h);
	return 0;
}

static int on_timer(CURLM *multi, long ms, void *ctx)
{
	struct http *h = ctx;

	(void)multi;
	h->timer = ms < 0 ? -1 : clock_s() + (double)ms / 1000;
	return 0;
}

/* Requests in flight, or what the search for their number begins with. */
static int first(const struct http *h)
{
	return h->env.concurrency ? h->env.concurrency : h->profile.concurrency;
}

static bool adapts(const struct http *h)
{
	return (h->profile.adaptive.on || h->env.adaptive) && !h->env.once;
}

static int http_start(void *state, unsigned needs, struct err *err)
{
	struct http *h = state;

	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return err_set(err, ERR_INTERNAL, "http: libcurl does not start");
	if (*h->profile.key && !strncasecmp(h->profile.base_url, "http:", 5) &&
	    !http_loopback(h->profile.base_url))
		log_error(h->env.log, "profile %s: the key travels unencrypted (base_url is http)",
			  h->profile.name);
	h->n = adapts(h) ? h->profile.adaptive.max : first(h);
	h->multi = curl_multi_init();
	h->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!h->multi || h->epoll < 0 || !NEW_ARRAY(h->flight, (size_t)h->n))
		return err_set(err, ERR_NOMEM, "http: no memory for %d requests in flight", h->n);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)h->n);
	for (int i = 0; i < h->n; i++)
		if (http_prepare(h, &h->flight[i], err))
			return err->code;
	return http_probe(h, needs, err);
}

static int http_request(const void *state, const struct ask *ask, struct strbuf *out,
			struct err *err)
{
	const struct http *h = state;
	struct strbuf body = { 0 };

	if (dialect_check(&h->profile, ask, err))
		return err->code;
	for (int i = 0; i < dialect_steps(ask) && !err->code; i++) {
		dialect_show(&h->profile, ask, i, &body, err);
		strbuf_addf(out, "%sPOST %s%s\n%s", i ? "\n" : "", h->profile.base_url,
			    dialect_path(ask), strbuf_str(&body));
	}
	strbuf_free(&body);
	return err->code;
}

static void http_estimate(const void *state, const struct ask *ask, struct ask_estimate *sum)
{
	const struct endpoint *p = &((const struct http *)state)->profile;
	struct ask_estimate one = { 0 };

	estimate_ask(&p->estimate, ask, &one);
	sum->requests += one.requests;
	sum->prompt_tokens += one.prompt_tokens;
	sum->completion_tokens += one.completion_tokens;
	sum->cost += endpoint_cost(p, one.prompt_tokens, one.completion_tokens);
}

static const char *http_identity(const void *state)
{
	return strbuf_str(&((const struct http *)state)->identity);
}

static int http_go(void *state, const struct ask_source *source, const struct ask_sink *sink,
		   struct err *err)
{
	struct http *h = state;
	struct err late = { 0 };

	if (h->env.once)
		h->profile.retries = 0; /* the probe is over, which may be patient */
	if (adapts(h))
		adaptive_open(&h->adaptive, &h->profile.adaptive, first(h), h->env.dir, clock_s(),
			      err);
	if (!err->code)
		http_run(h, source, sink, err);
	if (adaptive_close(&h->adaptive, clock_s(), &late))
		err_set(err, late.code, "%s", late.msg);
	return err->code;
}

static void http_account(const void *state, struct ask_counts *counts)
{
	const struct http *h = state;
	const struct adaptive *a = &h->adaptive;

	counts->flying_least = a->most ? a->least : h->n;
	counts->flying_most = a->most ? a->most : h->n;
	counts->flying_halved = a->halved;
	counts->away = h->away;
}

static void http_close(void *state)
{
	struct http *h = state;

	for (int i = 0; h->flight && i < h->n; i++) {
		struct flight *f = &h->flight[i];

		if (f->easy && f->state == FLIGHT_FLIES)
			curl_multi_remove_handle(h->multi, f->easy);
		curl_easy_cleanup(f->easy);
		strbuf_free(&f->request);
		strbuf_free(&f->body);
		strbuf_free(&f->request_id);
		arena_free(&f->mem);
	}
	curl_multi_cleanup(h->multi);
	if (h->flight || h->multi)
		close(h->epoll);
	for (struct curl_slist *l = h->headers; l; l = l->next)
		memset(l->data, 0, strlen(l->data));
	curl_slist_free_all(h->headers);
	free(h->flight);
	free(h->chat_url);
	free(h->completions_url);
	strbuf_free(&h->identity);
	endpoint_free(&h->profile);
	*h = (struct http){ .epoll = -1 };
}

const struct backend_ops backend_http = {
	.name = "http",
	.state_size = sizeof(struct http),
	.open = http_open,
	.request = http_request,
	.estimate = http_estimate,
	.start = http_start,
	.identity = http_identity,
	.run = http_go,
	.account = http_account,
	.close = http_close,
};

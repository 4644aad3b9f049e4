/* SPDX-License-Identifier: Apache-2.0
 * The loop that keeps requests in flight.
 */
#include "harness/remote/http_parts.h"

#include <string.h>
#include <sys/epoll.h>

#include "harness/remote/reply_json.h"

#define LOOK_S 0.2 /* how long a signal to stop may go unseen */

/* One call of http_run. */
struct round {
	struct http *h;
	const struct ask_source *source;
	const struct ask_sink *sink;
	bool ended;	/* the source has nothing more */
	bool later;	/* nor now, until replies are settled or its descriptor can be read */
	bool unsettled; /* replies were put since the last settle */
};

int http_limit(const struct http *h)
{
	return h->adaptive.limit ? h->adaptive.limit : h->n;
}

static int launch(struct http *h, struct flight *f, struct err *err)
{
	const char *url = f->ask->mode == ASK_LIKELIHOOD ? h->completions_url : h->chat_url;

	if (dialect_request(&h->profile, f->ask, f->step, &f->request, err))
		return err->code;
	http_forget(f);
	curl_easy_setopt(f->easy, CURLOPT_URL, url);
	curl_easy_setopt(f->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)f->request.len);
	curl_easy_setopt(f->easy, CURLOPT_POSTFIELDS, strbuf_str(&f->request));
	f->sent = clock_s();
	if (curl_multi_add_handle(h->multi, f->easy))
		return err_set(err, ERR_INTERNAL, "http: libcurl takes no request");
	f->state = FLIGHT_FLIES;
	h->flying++;
	return 0;
}

static void begin(struct http *h, struct flight *f, const struct ask *ask)
{
	f->ask = ask;
	f->step = f->tries = 0;
	f->due = 0;
	f->r = reply_none;
	f->state = FLIGHT_WAITS;
	h->busy++;
}

/* Hands the reply over and frees the place. */
static int finish(struct round *u, struct flight *f, struct err *err)
{
	struct http *h = u->h;

	h->lost = f->r.cause == CAUSE_CONNECTION ? h->lost + 1 : 0;
	u->unsettled = true;
	u->sink->put(u->sink->ctx, f->ask, &f->r, err);
	arena_free(&f->mem);
	f->state = FLIGHT_FREE;
	f->ask = NULL;
	h->busy--;
	if (h->lost <= 2 * h->n + 8)
		return err->code;
	h->away = true;
	return err_set(err, ERR_BACKEND,
		       "profile %s: no connection for %d asks in a row; once the server is back, "
		       "run the same command with --retry-failed",
		       h->profile.name, h->lost);
}

/* Has the source's descriptor watched until it can be read once; op ADD, MOD or DEL. */
static int watch(const struct round *u, int op, uint32_t events, struct err *err)
{
	struct epoll_event e = { .events = events | EPOLLONESHOT, .data.fd = u->source->ready };

	if (u->source->ready && epoll_ctl(u->h->epoll, op, u->source->ready, &e))
		err_set(err, ERR_INTERNAL, "http: the source of asks cannot be waited for");
	return err->code;
}

/* Fills free places from the source and sends what is due. */
static int fill(struct round *u, struct err *err)
{
	struct http *h = u->h;
	const double now = clock_s();
	const int limit = http_limit(h);

	for (int i = 0; i < h->n && !err->code; i++) {
		struct flight *f = &h->flight[i];
		const struct ask *ask = NULL;

		if (f->state == FLIGHT_FREE && !u->ended && !u->later && now >= h->paused &&
		    h->busy < limit) {
			enum ask_next next = u->source->next(u->source->ctx, &ask, err);

			if (err->code)
				break;
			u->ended = next == ASK_END;
			if (next == ASK_READY && !dialect_check(&h->profile, ask, err))
				begin(h, f, ask);
			u->later = next == ASK_LATER;
			if (u->later)
				watch(u, EPOLL_CTL_MOD, EPOLLIN, err);
		}
		if (f->state == FLIGHT_WAITS && h->flying < limit && f->due <= clock_s() &&
		    h->paused <= clock_s())
			launch(h, f, err);
	}
	return err->code;
}

/* Takes what libcurl says has ended. */
static int collect(struct round *u, struct err *err)
{
	CURLMsg *m;
	int left;

	while (!err->code && (m = curl_multi_info_read(u->h->multi, &left))) {
		CURLcode rc = m->data.result;
		char *place = NULL;
		struct flight *f;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &place);
		f = (struct flight *)(void *)place;
		curl_multi_remove_handle(u->h->multi, f->easy);
		f->state = FLIGHT_WAITS;
		u->h->flying--;
		if (http_judge(u->h, f, rc, err))
			finish(u, f, err);
	}
	return err->code;
}

/* *more: what was settled may let the source go on. */
static int settle(struct round *u, bool *more, struct err *err)
{
	*more = u->unsettled && u->later;
	if (!u->unsettled)
		return 0;
	u->unsettled = u->later = false;
	return u->sink->settle ? u->sink->settle(u->sink->ctx, err) : 0;
}

static int wait_ms(const struct http *h)
{
	double now = clock_s(), until = now + LOOK_S;

	if (h->timer >= 0 && h->timer < until)
		until = h->timer;
	for (int i = 0; i < h->n; i++) {
		const struct flight *f = &h->flight[i];
		double due = f->due > h->paused ? f->due : h->paused;

		if (f->state == FLIGHT_WAITS && h->flying < http_limit(h) && due < until)
			until = due;
	}
	return until <= now ? 0 : (int)((until - now) * 1000) + 1;
}

static void turn(struct round *u)
{
	struct http *h = u->h;
	struct epoll_event e[64];
	int n = epoll_wait(h->epoll, e, (int)ARRAY_LEN(e), wait_ms(h)), running;

	for (int i = 0; i < n; i++) {
		int mask = (e[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
			   (e[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
			   (e[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

		if (u->source->ready && e[i].data.fd == u->source->ready)
			u->later = false;
		else
			curl_multi_socket_action(h->multi, e[i].data.fd, mask, &running);
	}
	if (h->timer >= 0 && clock_s() >= h->timer) {
		h->timer = -1;
		curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
}

/* What flies is called back: those asks have no reply. */
static void ground(struct http *h)
{
	for (int i = 0; i < h->n; i++) {
		struct flight *f = &h->flight[i];

		if (f->state == FLIGHT_FLIES)
			curl_multi_remove_handle(h->multi, f->easy);
		arena_free(&f->mem);
		f->state = FLIGHT_FREE;
		f->ask = NULL;
	}
	h->busy = h->flying = 0;
}

/* Until the source ends. */
static int go_round(struct round *u, struct err *err)
{
	struct http *h = u->h;

	while (!err->code) {
		bool more;

		if (h->env.stop && *h->env.stop)
			return err_set(err, ERR_INTERRUPTED, "interrupted");
		if (fill(u, err) || (u->ended && !h->busy) || settle(u, &more, err))
			break;
		if (more)
			continue;
		if (u->later && !h->busy && !u->source->ready)
			return err_set(err, ERR_INTERNAL, "http: asks wait for replies to nothing");
		turn(u);
		collect(u, err);
	}
	return err->code;
}

int http_run(struct http *h, const struct ask_source *source, const struct ask_sink *sink,
	     struct err *err)
{
	struct round u = { .h = h, .source = source, .sink = sink };
	struct err late = { 0 };
	bool more;

	h->lost = 0;
	if (watch(&u, EPOLL_CTL_ADD, 0, err))
		return err->code;
	go_round(&u, err);
	watch(&u, EPOLL_CTL_DEL, 0, &late);
	ground(h);
	/* what was put stays, also when the run ends badly */
	settle(&u, &more, &late);
	if (late.code)
		err_set(err, late.code, "%s", late.msg);
	return err->code;
}

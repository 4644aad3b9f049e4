/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memmem, accept4 */

#include "tests/mock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/hash.h"
#include "harness/base/io.h"
#include "harness/base/json.h"
#include "harness/base/log.h"
#include "harness/base/str.h"
#include "tests/mock_parts.h"

#define CONNECTIONS 2048
#define SEEN	    4096
#define NEVER	    1e18
#define DRIP_S	    .05 /* between two bytes */

struct link {
	int fd; /* -1: free */
	struct strbuf in, out;
	size_t sent;
	double due; /* of what is in out; 0: nothing waits */
	bool hang_up, drips;
};

struct mock {
	struct mock_options o;
	int listener, epoll, port;
	pthread_t thread;
	atomic_bool stop;
	atomic_long asked, bad, most, early, breaches;
	enum mock_dialect dialect;
	double told; /* when one was told to wait */
	struct link link[CONNECTIONS];
	long waiting, listed; /* listed: requests for the list of models */
	uint64_t seen[SEEN];  /* requests of the cases that differ the second time */
	int n_seen;
	FILE *log, *dump, *facts;
};

/* What a case does: a status with further header lines, or a body in place of the usual. */
static const struct {
	const char *name;
	int status;
	bool once; /* the second time it is well */
	const char *header, *body;
} case_list[] = {
	{ "rate", 429, true, "Retry-After: 1\r\n", "{\"error\":\"slow down\"}" },
	{ "rate-plain", 429, true, "", "{\"error\":\"slow down\"}" },
	{ "rate-forever", 429, false, "", "{\"error\":\"slow down\"}" },
	{ "rate-long", 429, false, "Retry-After: 9999\r\n", "{}" },
	{ "flaky", 500, true, "", "{\"error\":\"oops\"}" },
	{ "broken", 503, false, "", "{\"error\":\"oops\"}" },
	{ "html", 200, false, "", "<html><body><h1>502 Bad Gateway</h1></body></html>" },
	{ "not-json", 200, false, "", "{\"choices\":[{\"message\":" },
	{ "no-choices", 200, false, "", "{\"object\":\"chat.completion\"}" },
	{ "empty-choices", 200, false, "", "{\"choices\":[]}" },
	{ "number", 200, false, "", "{\"choices\":[{\"message\":{\"content\":7}}]}" },
	{ "finish", 200, false, "",
	  "{\"choices\":[{\"finish_reason\":\"banana\",\"message\":{\"content\":\"joy\"}}]}" },
	{ "finish-number", 200, false, "",
	  "{\"choices\":[{\"finish_reason\":3,\"message\":{\"content\":\"joy\"}}]}" },
	{ "empty", 200, false, "",
	  "{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":\" \"}}]}" },
	{ "length", 200, false, "",
	  "{\"choices\":[{\"finish_reason\":\"length\",\"message\":{\"content\":\"\"}}]}" },
	{ "filter", 200, false, "",
	  "{\"choices\":[{\"finish_reason\":\"content_filter\",\"message\":{\"content\":\"\"}}]}" },
	{ "redirect", 302, false, "Location: http://other.invalid/v1/chat/completions\r\n", "" },
	{ "bad", 400, false, "", "{\"error\":{\"message\":\"unknown part type\"}}" },
	{ "too-long", 413, false, "", "{}" },
	{ "forbidden", 401, false, "", "{\"error\":\"no such key\"}" },
	{ "missing", 404, false, "", "{\"error\":\"no such model\"}" },
	{ "ignore", 200, false, "",
	  "{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":\"green\"}}]}" },
	{ "no-logprobs", 200, false, "",
	  "{\"choices\":[{\"finish_reason\":\"stop\",\"text\":\"x\",\"message\":{\"content\":\"A\"}"
	  "}]}" },
};

static bool seen_before(struct mock *m, uint64_t h)
{
	for (int i = 0; i < m->n_seen; i++)
		if (m->seen[i] == h)
			return true;
	if (m->n_seen < SEEN)
		m->seen[m->n_seen++] = h;
	return false;
}

static void respond(struct link *l, int status, const char *header, const char *body, size_t n)
{
	strbuf_addf(&l->out,
		    "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
		    "X-Request-Id: req-1\r\n%s\r\n",
		    status, n, header);
	strbuf_addn(&l->out, body, n);
}

/* --- misbehaviour ---------------------------------------------------------------------------- */

/* A file of the raw folder, byte for byte, head and all.  false: there is none. */
static bool send_file(const struct mock *m, struct link *l, const char *name)
{
	char *path = m->o.raw ? path_join(m->o.raw, name) : NULL, *text = NULL;
	struct err ignored = { 0 };
	size_t n = 0;

	if (path && !io_read_file(path, (size_t)64 << 20, &text, &n, &ignored))
		strbuf_addn(&l->out, text, n);
	free(path);
	free(text);
	l->hang_up |= n > 0;
	return n > 0;
}

/* Those that no table can say.  true: done. */
static bool special(struct mock *m, struct link *l, const char *name, const char *head, uint64_t h)
{
	struct strbuf b = { 0 };

	if (str_starts(name, "raw-")) {
		return send_file(m, l, name + 4);
	} else if (!strcmp(name, "slow")) {
		l->due = NEVER;
	} else if (!strcmp(name, "drip")) {
		l->drips = true;
		strbuf_addf(&b, "%1000s", "");
		respond(l, 200, "", b.s, b.len);
	} else if (!strcmp(name, "drop") || (!strcmp(name, "drop-once") && !seen_before(m, h))) {
		strbuf_add(&l->out,
			   "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"choices\":[");
		l->hang_up = true;
	} else if (!strcmp(name, "huge")) {
		for (int i = 0; i < 1 << 17; i++)
			strbuf_add(&b, "                                ");
		respond(l, 200, "", b.s, b.len);
	} else if (!strcmp(name, "deep")) {
		for (int i = 0; i < 100000; i++)
			strbuf_addc(&b, '[');
		respond(l, 200, "", b.s, b.len);
	} else if (!strcmp(name, "echo-headers")) {
		strbuf_addf(&b, "{\"error\":\"you sent %s\"}", head);
		respond(l, 400, "", b.s, b.len);
	} else if (!strcmp(name, "echo-id")) {
		strbuf_addf(&b, "X-Request-Id: %s\r\n", m->o.key ? m->o.key : "none");
		respond(l, 400, strbuf_str(&b), "{}", 2);
	} else {
		return false;
	}
	strbuf_free(&b);
	return true;
}

/* A field that this server does not take, as OpenAI and vLLM say it. */
static void reject(struct mock *m, struct link *l)
{
	struct strbuf b = { 0 };

	if (m->dialect == MOCK_VLLM)
		strbuf_addf(&b,
			    "{\"object\":\"error\",\"message\":\"[{'type': 'extra_forbidden', "
			    "'loc': ('body', '%s'), 'msg': 'Extra inputs are not permitted'}]\","
			    "\"type\":\"BadRequestError\",\"param\":null,\"code\":400}",
			    m->o.rejects);
	else
		strbuf_addf(
			&b,
			"{\"error\":{\"message\":\"Unsupported parameter: '%s' is not supported "
			"with this model.\",\"type\":\"invalid_request_error\",\"param\":\"%s\","
			"\"code\":\"unsupported_parameter\"}}",
			m->o.rejects, m->o.rejects);
	respond(l, 400, "", strbuf_str(&b), b.len);
	strbuf_free(&b);
}

/* Looks into the request; true: it was refused. */
static bool held_to_shape(struct mock *m, struct link *l, const struct mock_request *q)
{
	struct strbuf wrong = { 0 }, facts = { 0 }, b = { 0 };
	struct json_writer w;
	bool refused;

	if (m->dialect || m->facts)
		mock_shape(m->dialect, q, m->o.rejects, &wrong, m->facts ? &facts : NULL);
	if (m->facts && !mock_probing(q))
		fprintf(m->facts, "%s\n", strbuf_str(&facts));
	refused = wrong.len > 0;
	if (refused && !atomic_fetch_add(&m->breaches, 1))
		fprintf(stderr, "mock: %s\n", wrong.s);
	if (refused) {
		json_begin(&w, &b, 0);
		json_open_object(&w, NULL);
		json_put_str(&w, "error", wrong.s);
		json_close_object(&w);
		respond(l, 400, "", strbuf_str(&b), b.len);
	} else if (m->o.rejects && json_get(q->v, m->o.rejects)) {
		reject(m, l);
		refused = true;
	}
	strbuf_free(&wrong);
	strbuf_free(&facts);
	strbuf_free(&b);
	return refused;
}

static void answer(struct mock *m, struct link *l, struct mock_request *q)
{
	struct err ignored = { 0 };
	struct json *v = m->o.quick ? NULL : json_parse(q->body, q->n, "request", &ignored);
	struct strbuf b = { 0 };

	q->v = v;
	q->hash = hash_u64(q->body, q->n);
	if (!v && !m->o.quick)
		atomic_fetch_add(&m->bad, 1);
	if (!held_to_shape(m, l, q)) {
		mock_reply(m->dialect, q, m->o.key, m->o.blind, &b);
		respond(l, 200, "", strbuf_str(&b), b.len);
	}
	json_free(v);
	strbuf_free(&b);
}

static void behave(struct mock *m, struct link *l, const char *head, struct mock_request *q)
{
	const char *mark = memmem(q->body, q->n, "case=", 5);
	char name[40] = "";
	uint64_t h = mark ? hash_u64(q->body, q->n) : 0;

	if (mark && !str_format(name, sizeof(name), "%.*s",
				(int)strspn(mark + 5, "abcdefghijklmnopqrstuvwxyz-"), mark + 5))
		name[0] = '\0';
	if (*name && special(m, l, name, head, h))
		return;
	for (size_t i = 0; *name && i < sizeof(case_list) / sizeof(*case_list); i++) {
		if (strcmp(name, case_list[i].name) != 0)
			continue;
		if (case_list[i].once && seen_before(m, h))
			break;
		if (!strcmp(name, "rate"))
			m->told = clock_s();
		respond(l, case_list[i].status, case_list[i].header, case_list[i].body,
			strlen(case_list[i].body));
		return;
	}
	q->misdeed = name;
	answer(m, l, q);
}

/* Notes a request in the files that were asked for. */
static void note(const struct mock *m, const char *body, size_t n)
{
	const char *mark = m->log ? memmem(body, n, "ask:", 4) : NULL;

	if (mark) {
		fprintf(m->log, "%.*s\n", (int)strcspn(mark + 4, " \"\\"), mark + 4);
		fflush(m->log);
	}
	if (m->dump) {
		fwrite(body, 1, n, m->dump);
		fputc('\n', m->dump);
		fflush(m->dump);
	}
}

static void serve_get(struct mock *m, struct link *l, const char *path)
{
	static const char models[] = "{\"object\":\"list\",\"data\":[{\"id\":\"mock-1\","
				     "\"owned_by\":\"tests\",\"created\":1}]}";
	static const char props[] = "{\"build_info\":\"b1\",\"chat_template\":\"t\","
				    "\"default_generation_settings\":{\"n_ctx\":4096},"
				    "\"modalities\":{\"vision\":%s,\"audio\":%s}}";
	const char *can = m->o.blind ? "false" : "true";
	struct strbuf b = { 0 };

	if (send_file(m, l, path_base(path)))
		return;
	strbuf_addf(&b, props, can, can);
	if (!strcmp(path, "/v1/models") && m->o.busy && !m->listed++)
		respond(l, 429, "", "{}", 2);
	else if (!strcmp(path, "/v1/models"))
		respond(l, 200, "", models, sizeof(models) - 1);
	else if (!strcmp(path, "/props"))
		respond(l, 200, "", strbuf_str(&b), b.len);
	else
		respond(l, 404, "", "{}", 2);
	strbuf_free(&b);
}

/* The messages as llama-server's template would render them, for /apply-template. */
static void serve_template(struct link *l, const char *body, size_t n)
{
	struct err ignored = { 0 };
	struct json *v = json_parse(body, n, "request", &ignored);
	struct strbuf text = { 0 }, b = { 0 };
	struct json_writer w;

	for (const struct json *m = json_at(json_get(v, "messages"), 0); m; m = json_next(m))
		strbuf_addf(&text, "<|%s|>%s", json_str(json_get(m, "role"), ""),
			    json_str(json_get(m, "content"), ""));
	json_begin(&w, &b, 0);
	json_open_object(&w, NULL);
	json_put_str(&w, "prompt", strbuf_str(&text));
	json_close_object(&w);
	respond(l, 200, "", strbuf_str(&b), b.len);
	json_free(v);
	strbuf_free(&text);
	strbuf_free(&b);
}

/* One whole request at the start of l->in: head (NUL in place of the empty line), path, body. */
static void serve(struct mock *m, struct link *l, char *head, const char *body, size_t n)
{
	char *path = strchr(head, ' '), *end = path ? strchr(path + 1, ' ') : NULL;
	const char *auth = strcasestr(head, "\r\nAuthorization: Bearer ");
	size_t key = m->o.key ? strlen(m->o.key) : 0;

	l->due = clock_s() + m->o.delay_s;
	if (!end) {
		atomic_fetch_add(&m->bad, 1);
		respond(l, 400, "", "{}", 2);
		return;
	}
	*end = '\0';
	path++;
	if (m->o.key && (!auth || strncmp(auth + 24, m->o.key, key) != 0)) {
		respond(l, 401, "", "{\"error\":\"key\"}", 15);
	} else if (!strncmp(head, "GET ", 4)) {
		serve_get(m, l, path);
	} else if (!strcmp(path, "/apply-template")) {
		serve_template(l, body, n);
	} else {
		const double since = clock_s() - m->told;
		struct mock_request q = { .body = body,
					  .n = n,
					  .completions = !strcmp(path, "/v1/completions"),
					  .misdeed = "" };

		if (m->o.quick || !mock_probing(&q)) {
			atomic_fetch_add(&m->asked, 1);
			atomic_fetch_add(&m->early, since > .3 && since < .9);
			note(m, body, n);
		}
		*end = ' '; /* the whole head for what echoes it */
		behave(m, l, head, &q);
	}
	if (l->due > 0 && ++m->waiting > atomic_load(&m->most))
		atomic_store(&m->most, m->waiting);
}

/* --- sockets --------------------------------------------------------------------------------- */

static void hang_up(struct mock *m, struct link *l)
{
	m->waiting -= l->due > 0;
	close(l->fd);
	l->fd = -1;
	l->due = 0;
	l->sent = 0;
	l->hang_up = l->drips = false;
	strbuf_reset(&l->in);
	strbuf_reset(&l->out);
}

static void send_due(struct mock *m, struct link *l)
{
	const size_t left = l->out.len - l->sent;
	ssize_t n =
		send(l->fd, l->out.s + l->sent, l->drips ? 1 : left, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	l->sent += n > 0 ? (size_t)n : 0;
	if (l->drips)
		l->due = clock_s() + DRIP_S;
	if (n < 0 || (l->sent == l->out.len && l->hang_up)) {
		hang_up(m, l);
	} else if (l->sent == l->out.len) {
		m->waiting--;
		l->due = 0;
		l->sent = 0;
		strbuf_reset(&l->out);
	}
}

static void look(struct mock *m, struct link *l)
{
	char *end = l->in.len ? memmem(l->in.s, l->in.len, "\r\n\r\n", 4) : NULL;
	const char *length;
	size_t head, n;

	if (!end || l->due > 0)
		return;
	*end = '\0';
	length = strcasestr(l->in.s, "\r\nContent-Length:");
	n = length ? strtoul(length + 17, NULL, 10) : 0;
	head = (size_t)(end - l->in.s) + 4;
	if (l->in.len < head + n) {
		*end = '\r';
		return;
	}
	serve(m, l, l->in.s, l->in.s + head, n);
	memmove(l->in.s, l->in.s + head + n, l->in.len - head - n);
	l->in.len -= head + n;
}

static void receive(struct mock *m, struct link *l)
{
	char block[65536];
	ssize_t n = recv(l->fd, block, sizeof(block), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		hang_up(m, l);
		return;
	}
	strbuf_addn(&l->in, block, (size_t)n);
	look(m, l);
}

static void welcome(struct mock *m)
{
	int fd = accept4(m->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), one = 1;

	for (int i = 0; fd >= 0 && i < CONNECTIONS; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.u32 = (uint32_t)i };

		if (m->link[i].fd >= 0)
			continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		m->link[i].fd = fd;
		epoll_ctl(m->epoll, EPOLL_CTL_ADD, fd, &e);
		return;
	}
	if (fd >= 0)
		close(fd);
}

static int wait_ms(const struct mock *m)
{
	double now = clock_s(), until = now + .05;

	for (int i = 0; i < CONNECTIONS; i++)
		if (m->link[i].fd >= 0 && m->link[i].due > 0 && m->link[i].due < until)
			until = m->link[i].due;
	return until <= now ? 0 : (int)((until - now) * 1000) + 1;
}

static void *loop(void *ctx)
{
	struct mock *m = ctx;

	while (!atomic_load(&m->stop)) {
		struct epoll_event e[128];
		int n = epoll_wait(m->epoll, e, 128, wait_ms(m));
		double now;

		for (int i = 0; i < n; i++) {
			if (e[i].data.u32 == CONNECTIONS)
				welcome(m);
			else if (m->link[e[i].data.u32].fd >= 0)
				receive(m, &m->link[e[i].data.u32]);
		}
		now = clock_s();
		for (int i = 0; i < CONNECTIONS; i++) {
			struct link *l = &m->link[i];

			if (l->fd >= 0 && l->due > 0 && l->due <= now)
				send_due(m, l);
		}
	}
	return NULL;
}

struct mock *mock_start(const struct mock_options *o)
{
	static const char *const dialect[] = { NULL, "openai", "vllm", "llama-server" };
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)o->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = CONNECTIONS };
	struct mock *m = calloc(1, sizeof(*m));
	socklen_t len = sizeof(a);

	if (!m)
		return NULL;
	m->o = *o;
	for (int i = 0; i < CONNECTIONS; i++)
		m->link[i].fd = -1;
	while (o->dialect && m->dialect <= MOCK_LLAMA &&
	       (!dialect[m->dialect] || strcmp(dialect[m->dialect], o->dialect) != 0))
		m->dialect++;
	if (m->dialect > MOCK_LLAMA) {
		free(m);
		return NULL;
	}
	m->log = o->log ? fopen(o->log, "a") : NULL;
	m->dump = o->dump ? fopen(o->dump, "a") : NULL;
	m->facts = o->facts ? fopen(o->facts, "a") : NULL;
	if (m->facts)
		setlinebuf(m->facts);
	m->epoll = epoll_create1(EPOLL_CLOEXEC);
	m->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(m->listener, (struct sockaddr *)&a, sizeof(a)) || listen(m->listener, 512) ||
	    getsockname(m->listener, (struct sockaddr *)&a, &len) ||
	    epoll_ctl(m->epoll, EPOLL_CTL_ADD, m->listener, &e) ||
	    pthread_create(&m->thread, NULL, loop, m)) {
		free(m);
		return NULL;
	}
	m->port = ntohs(a.sin_port);
	return m;
}

int mock_port(const struct mock *m)
{
	return m->port;
}

long mock_asked(const struct mock *m)
{
	return atomic_load(&m->asked);
}

long mock_bad(const struct mock *m)
{
	return atomic_load(&m->bad);
}

long mock_breaches(const struct mock *m)
{
	return atomic_load(&m->breaches);
}

long mock_early(const struct mock *m)
{
	return atomic_load(&m->early);
}

long mock_most(const struct mock *m)
{
	return atomic_load(&m->most);
}

void mock_stop(struct mock *m)
{
	if (!m)
		return;
	atomic_store(&m->stop, true);
	pthread_join(m->thread, NULL);
	for (int i = 0; i < CONNECTIONS; i++) {
		if (m->link[i].fd >= 0)
			hang_up(m, &m->link[i]);
		strbuf_free(&m->link[i].in);
		strbuf_free(&m->link[i].out);
	}
	close(m->listener);
	close(m->epoll);
	for (int i = 0; i < 3; i++) {
		FILE *f = i == 0 ? m->log : i == 1 ? m->dump : m->facts;

		if (f)
			fclose(f);
	}
	free(m);
}

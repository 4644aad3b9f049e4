/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/base/log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/str.h"

#define TERMINAL_EVERY_S 0.2
#define PLAIN_EVERY_S	 10.0
#define MESSAGE_MAX	 8192
#define DETAIL_MAX	 200

double clock_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct log log_stderr(int level)
{
	const char *term = getenv("TERM");

	return (struct log){
		.out = stderr,
		.level = level,
		.terminal = level > 0 && isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0,
	};
}

__attribute__((format(printf, 2, 0))) static void say(const struct log *l, const char *fmt,
						      va_list ap)
{
	char text[MESSAGE_MAX];
	const int n = vsnprintf(text, sizeof(text), fmt, ap);

	/* it may quote what stands in somebody's file or came from a server */
	utf8_tame(text);
	if (l->who)
		fprintf(l->out, "%s: ", l->who);
	fprintf(l->out, "%s%s\n", text, n >= MESSAGE_MAX ? "…" : "");
	fflush(l->out);
}

#define DEFINE_LOG(name, least)                                                                    \
	void name(const struct log *l, const char *fmt, ...)                                       \
	{                                                                                          \
		va_list ap;                                                                        \
                                                                                                   \
		if (!l || l->level < (least))                                                      \
			return;                                                                    \
		va_start(ap, fmt);                                                                 \
		say(l, fmt, ap);                                                                   \
		va_end(ap);                                                                        \
	}
DEFINE_LOG(log_error, 0)
DEFINE_LOG(log_info, 1)
DEFINE_LOG(log_debug, 2)

void progress_start(struct progress *p, const struct log *log, const char *what, int64_t total)
{
	*p = (struct progress){ .log = log, .total = total, .start_s = clock_s() };
	snprintf(p->what, sizeof(p->what), "%s", what);
	utf8_tame(p->what);
	p->last_s = p->start_s;
}

static void show(struct progress *p, const char *detail, double now, bool end)
{
	const struct log *l = p->log;
	double used = now - p->start_s;
	int64_t worked = p->done - p->cached;
	double left = worked > 0 ? used / (double)worked * (double)(p->total - p->done) : 0;
	int pct = p->total > 0 ? (int)(100 * p->done / p->total) : 100;
	char more[DETAIL_MAX];

	snprintf(more, sizeof(more), "%s%s", detail ? " " : "", detail ? detail : "");
	utf8_tame(more);
	fprintf(l->out, "%s%s: %lld/%lld %d%% %.0fs", l->terminal ? "\r\033[K" : "", p->what,
		(long long)p->done, (long long)p->total, pct, used);
	if (!end && worked > 0)
		fprintf(l->out, " ETA %.0fs", left);
	if (p->cached)
		fprintf(l->out, " (%lld cached)", (long long)p->cached);
	fprintf(l->out, "%s%s", more, l->terminal && !end ? "" : "\n");
	fflush(l->out);
	p->last_s = now;
}

void progress_update(struct progress *p, int64_t done, int64_t cached, const char *detail)
{
	double now = clock_s();

	p->done = done;
	p->cached = cached;
	if (!p->log || p->log->level < 1)
		return;
	if (now - p->last_s >= (p->log->terminal ? TERMINAL_EVERY_S : PLAIN_EVERY_S))
		show(p, detail, now, false);
}

void progress_end(struct progress *p, const char *detail)
{
	if (p->log && p->log->level >= 1)
		show(p, detail, clock_s(), true);
}

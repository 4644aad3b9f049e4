/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/adaptive.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/io.h"
#include "harness/base/json.h"

const struct adaptive_rule adaptive_usual = { false, 1, 64, 10 };

/* A line of the history; a full disk shows when it is closed. */
static void tell(struct adaptive *a, const char *why, double p95, double now)
{
	struct strbuf b = { 0 };
	struct json_writer w;

	if (!a->history)
		return;
	json_begin(&w, &b, 0);
	json_open_object(&w, NULL);
	json_put_num(&w, "t_s", now - a->start);
	json_put_str(&w, "why", why);
	json_put_int(&w, "in_flight", a->limit);
	json_put_int(&w, "requests", a->requests);
	if (p95 >= 0)
		json_put_num(&w, "p95_s", p95);
	json_close_object(&w);
	fprintf(a->history, "%s\n", strbuf_str(&b));
	strbuf_free(&b);
}

static int open_history(struct adaptive *a, const char *dir, struct err *err)
{
	int fd;

	a->path = path_join(dir, "adaptive.jsonl");
	if (!a->path)
		return err_set(err, ERR_NOMEM, "%s: no memory", dir);
	fd = open(a->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	a->history = fd < 0 ? NULL : fdopen(fd, "a");
	if (a->history) {
		setvbuf(a->history, NULL, _IOLBF, BUFSIZ);
		return 0;
	}
	err_set(err, ERR_IO, "%s: %s", a->path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return err->code;
}

static int within(const struct adaptive_rule *rule, int n)
{
	return n < rule->min ? rule->min : n > rule->max ? rule->max : n;
}

int adaptive_open(struct adaptive *a, const struct adaptive_rule *rule, int first, const char *dir,
		  double now, struct err *err)
{
	*a = (struct adaptive){ .rule = *rule, .start = now, .since = now };
	if (dir && open_history(a, dir, err))
		return err->code;
	a->limit = a->least = a->most = within(rule, first);
	tell(a, "start", -1, now);
	return 0;
}

int adaptive_close(struct adaptive *a, double now, struct err *err)
{
	if (a->limit)
		tell(a, "end", -1, now);
	if (a->history)
		io_close(a->history, a->path, err);
	free(a->path);
	a->history = NULL;
	a->path = NULL;
	return err->code;
}

/* The next round begins. */
static void change(struct adaptive *a, int limit, const char *why, double p95, double now)
{
	const int before = a->limit;

	a->limit = within(&a->rule, limit);
	a->n = 0;
	if (a->limit < a->least)
		a->least = a->limit;
	if (a->limit > a->most)
		a->most = a->limit;
	if (limit < before)
		a->since = now;
	a->halved += a->limit < before;
	if (a->limit != before)
		tell(a, why, p95, now);
}

static int by_size(const void *x, const void *y)
{
	const double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

void adaptive_note(struct adaptive *a, enum adaptive_end end, double sent, double latency_s,
		   double now)
{
	double p95;

	if (!a->limit)
		return;
	a->requests++;
	if (sent < a->since)
		return;
	if (end != ADAPTIVE_WELL) {
		change(a, a->limit / 2, end == ADAPTIVE_RATE ? "rate" : "failure", -1, now);
		return;
	}
	a->latency[a->n++] = latency_s;
	if (a->n < a->limit || a->n < ADAPTIVE_ROUND)
		return;
	qsort(a->latency, (size_t)a->n, sizeof(*a->latency), by_size);
	p95 = a->latency[(int)ceil(.95 * a->n) - 1];
	if (p95 > a->rule.target_p95_s)
		change(a, a->limit / 2, "latency", p95, now);
	else
		change(a, a->limit + 1, "well", p95, now);
}

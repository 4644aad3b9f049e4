/* SPDX-License-Identifier: Apache-2.0
 * How queries reach the workers: whoever is free takes the next one, waits for its scheduled
 * time and answers it.  That is a queue, first come first served, whatever the scenario.
 */
#include "harness/run/profile_parts.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"

/* A stretch of events on its way through the workers. */
struct wave {
	struct engine *e;
	struct profile_result *r;
	pthread_mutex_t lock; /* over what follows */
	size_t next, end;
	int batch;
	int64_t late;
	bool ended;
	struct err fatal;
};

double engine_now(const struct engine *e)
{
	const struct profile_backend *b = e->back;
	double now = b->now(b->ctx, 0);

	for (int w = 1; w < b->workers && b->simulated; w++)
		now = fmax(now, b->now(b->ctx, w));
	return now - e->zero;
}

void engine_restart(struct engine *e)
{
	e->zero = 0;
	e->zero = engine_now(e);
}

bool engine_stopped(const struct engine *e, struct err *err)
{
	if (e->o->stop && *e->o->stop)
		err_set(err, ERR_INTERRUPTED, "interrupted");
	return err->code != 0;
}

/* May event i go into one call with the one before it? */
static bool goes_with(const struct wave *w, size_t i)
{
	const struct profile_event *a = &w->r->event[i - 1], *b = &w->r->event[i];
	const int *group = w->e->set->group;

	return a->query == b->query && b->sample == a->sample + 1 &&
	       (!group || group[a->sample] == group[b->sample]);
}

/* The next events that go into one call. */
static bool take(struct wave *w, int worker, size_t *from, size_t *to)
{
	const struct profile_backend *b = w->e->back;
	const struct profile_options *o = w->e->o;
	size_t i;

	pthread_mutex_lock(&w->lock);
	if (engine_stopped(w->e, &w->fatal))
		w->ended = true;
	if (o->scenario == SCENARIO_OFFLINE && o->max_s > 0 &&
	    b->now(b->ctx, worker) - w->e->zero >= o->max_s)
		w->ended = true;
	if (w->ended || w->next >= w->end) {
		pthread_mutex_unlock(&w->lock);
		return false;
	}
	i = *from = w->next;
	do
		i++;
	while (i < w->end && i - *from < (size_t)w->batch && goes_with(w, i));
	*to = w->next = i;
	pthread_mutex_unlock(&w->lock);
	return true;
}

/* Failures, and latencies over the bound. */
static void count(struct wave *w, size_t from, size_t to, const struct err *err)
{
	int64_t failed = 0, late = 0;

	for (size_t i = from; i < to; i++) {
		const struct profile_event *v = &w->r->event[i];

		failed += v->reply.failed;
		late += v->done - v->scheduled > w->e->late_s;
	}
	if (!failed && !late)
		return;
	pthread_mutex_lock(&w->lock);
	if (failed && !w->r->first_failure[0]) {
		size_t n = strcspn(err->msg, "\n");

		n = n < sizeof(w->r->first_failure) - 1 ? n : sizeof(w->r->first_failure) - 1;
		memcpy(w->r->first_failure, err->msg, n);
		w->r->first_failure[n] = '\0';
	}
	w->r->failed += failed;
	w->late += late;
	if (w->late > w->e->late_most || err->code == ERR_INTERRUPTED)
		w->ended = true;
	if (err->code == ERR_INTERRUPTED)
		w->fatal = *err;
	pthread_mutex_unlock(&w->lock);
}

/* Takes and answers one call's worth; false: nothing left. */
static bool step(struct wave *w, int worker)
{
	const struct profile_backend *b = w->e->back;
	struct profile_reply reply[PROFILE_BATCH_MAX];
	int sample[PROFILE_BATCH_MAX];
	struct profile_event *event;
	struct err err = { 0 };
	double started, done;
	size_t from, to;

	if (!take(w, worker, &from, &to))
		return false;
	event = &w->r->event[from];
	for (size_t i = 0; i < to - from; i++)
		sample[i] = event[i].sample;
	memset(reply, 0, (to - from) * sizeof(*reply));
	b->wait(b->ctx, worker, w->e->zero + event->scheduled);
	started = b->now(b->ctx, worker);
	b->answer(b->ctx, worker, sample, (int)(to - from), reply, &err);
	done = b->now(b->ctx, worker);
	for (size_t i = 0; i < to - from; i++) {
		event[i].started = started - w->e->zero;
		event[i].done = done - w->e->zero;
		event[i].reply = reply[i];
		event[i].reply.failed |= err.code != 0;
	}
	count(w, from, to, &err);
	return true;
}

static void work(void *ctx, int i, int worker)
{
	(void)i;
	while (step(ctx, worker))
		;
}

/* Discrete events: the worker whose clock is furthest back takes the next. */
static void simulate(struct wave *w)
{
	const struct profile_backend *b = w->e->back;
	int first;

	do {
		first = 0;
		for (int k = 1; k < b->workers; k++)
			if (b->now(b->ctx, k) < b->now(b->ctx, first))
				first = k;
	} while (step(w, first));
}

int engine_serve(struct engine *e, struct profile_result *r, size_t first, int batch,
		 struct err *err)
{
	struct wave w = { .e = e, .r = r, .next = first, .end = r->n, .batch = batch };

	pthread_mutex_init(&w.lock, NULL);
	if (e->back->simulated)
		simulate(&w);
	else
		pool_run(e->pool, e->back->workers, work, &w);
	pthread_mutex_destroy(&w.lock);
	r->cut = w.next < w.end;
	r->n = w.next;
	if (w.fatal.code)
		*err = w.fatal;
	return err->code;
}

/* --- what came out --- */

static int collect(struct profile_result *r, struct err *err)
{
	const bool by_sample = r->o.scenario == SCENARIO_OFFLINE;

	free(r->latency_ms);
	r->n_latency = 0;
	if (!NEW_ARRAY(r->latency_ms, r->n))
		return err_set(err, ERR_NOMEM, "latencies: no memory");
	for (size_t i = 0; i < r->n; i++) {
		const struct profile_event *v = &r->event[i];
		double ms = 1e3 * (v->done - v->scheduled);

		if (by_sample || !i || v->query != r->event[i - 1].query)
			r->latency_ms[r->n_latency++] = ms;
		else if (ms > r->latency_ms[r->n_latency - 1])
			r->latency_ms[r->n_latency - 1] = ms;
	}
	return 0;
}

/* Sorted latencies over the target. */
static int64_t late(const struct profile_result *r)
{
	size_t n = r->n_latency;

	while (n > 0 && r->latency_ms[n - 1] > r->o.target_ms)
		n--;
	return (int64_t)(r->n_latency - n);
}

int engine_describe(struct profile_result *r, struct err *err)
{
	const int percentile = scenario_percentile[r->o.scenario];

	if (collect(r, err))
		return err->code;
	latency_describe(r->latency_ms, r->n_latency, &r->latency);
	if (percentile) {
		r->index = latency_estimate_index((int64_t)r->n_latency, percentile);
		r->needed = latency_needed(1, percentile);
	}
	if (r->index >= 0)
		r->estimate_ms = r->latency_ms[r->index];
	if (r->o.scenario == SCENARIO_SERVER) {
		r->over = late(r);
		r->needed = latency_needed(r->over, percentile);
	} else if (r->o.scenario == SCENARIO_OFFLINE) {
		r->duration_s = r->n ? r->latency.max / 1e3 : 0;
		r->metric = r->n ? (double)r->n / r->duration_s : NAN;
	} else {
		r->over = r->index >= 0 ? (int64_t)r->n_latency - r->index : 0;
		r->metric = r->estimate_ms;
	}
	return 0;
}

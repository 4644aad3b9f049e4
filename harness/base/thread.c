/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "harness/base/thread.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define MAX_THREADS 256

struct loop {
	void (*fn)(void *ctx, int i, int worker);
	void *ctx;
	int n;
	atomic_int next;
};

struct worker {
	struct loop *loop;
	int id;
	pthread_t thread;
};

static void *run(void *arg)
{
	struct worker *w = arg;
	int i;

	while ((i = atomic_fetch_add(&w->loop->next, 1)) < w->loop->n)
		w->loop->fn(w->loop->ctx, i, w->id);
	return NULL;
}

void parallel_for(int n, int threads, void (*fn)(void *ctx, int i, int worker), void *ctx)
{
	struct loop loop = { .fn = fn, .ctx = ctx, .n = n };
	struct worker w[MAX_THREADS];
	int started = 1;

	if (threads > n)
		threads = n;
	if (threads > MAX_THREADS)
		threads = MAX_THREADS;
	w[0] = (struct worker){ .loop = &loop };
	/* a thread that cannot be started is work for the others */
	for (int t = 1; t < threads; t++) {
		w[started] = (struct worker){ .loop = &loop, .id = started };
		if (!pthread_create(&w[started].thread, NULL, run, &w[started]))
			started++;
	}
	run(&w[0]);
	for (int t = 1; t < started; t++)
		pthread_join(w[t].thread, NULL);
}

int cpu_count(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
}

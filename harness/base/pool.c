/* SPDX-License-Identifier: Apache-2.0
 * The pool.  One word holds the number of the loop, whether it is open, and how
 * many workers are inside; a worker joins by counting itself in while the loop is
 * open, so the caller never waits for one that slept through it.  Who waits spins
 * for some microseconds and then sleeps.
 */
#include "harness/base/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "harness/base/mem.h"
#include "harness/base/thread.h"

#define MAX_THREADS 256
#define SPINS	    2000
#define OPEN	    0x80000000u
#define INSIDE	    0x7fffffffu /* workers inside; the upper half is the number of the loop */

struct member {
	struct pool *pool;
	int id;
	pthread_t thread;
};

struct pool {
	int threads, spins;
	struct member *member; /* (threads), [0] is the caller */
	pthread_mutex_t lock;
	pthread_cond_t opened, left;
	atomic_int sleeping; /* workers that wait for `opened` */
	atomic_bool waiting; /* the caller waits for `left` */
	atomic_bool stop;
	_Alignas(64) _Atomic uint64_t word;
	_Alignas(64) _Atomic int64_t next; /* item */
	/* of the loop, stable while it is open or somebody is inside */
	int n;
	void (*fn)(void *ctx, int i, int worker);
	void *ctx;
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

static bool is_news(uint64_t word, uint32_t seen)
{
	return (word & OPEN) && (uint32_t)(word >> 32) != seen;
}

/* Waits for an open loop other than `seen` and joins it; false: the pool ends. */
static bool join_loop(struct pool *p, uint32_t *seen)
{
	for (int spin = 0;; spin++) {
		uint64_t word = atomic_load(&p->word);

		if (atomic_load(&p->stop))
			return false;
		if (is_news(word, *seen)) {
			if (!atomic_compare_exchange_strong(&p->word, &word, word + 1))
				continue;
			*seen = (uint32_t)(word >> 32);
			return true;
		}
		if (spin < p->spins) {
			relax();
			continue;
		}
		pthread_mutex_lock(&p->lock);
		atomic_fetch_add(&p->sleeping, 1);
		while (!atomic_load(&p->stop) && !is_news(atomic_load(&p->word), *seen))
			pthread_cond_wait(&p->opened, &p->lock);
		atomic_fetch_sub(&p->sleeping, 1);
		pthread_mutex_unlock(&p->lock);
		spin = 0;
	}
}

static void work(struct pool *p, int worker)
{
	int64_t i;

	while ((i = atomic_fetch_add(&p->next, 1)) < p->n)
		p->fn(p->ctx, (int)i, worker);
}

static void *member_run(void *arg)
{
	struct member *m = arg;
	struct pool *p = m->pool;
	uint32_t seen = 0;

	while (join_loop(p, &seen)) {
		uint64_t word;

		work(p, m->id);
		word = atomic_fetch_sub(&p->word, 1) - 1;
		if (!(word & (OPEN | INSIDE)) && atomic_load(&p->waiting)) {
			pthread_mutex_lock(&p->lock);
			pthread_cond_signal(&p->left);
			pthread_mutex_unlock(&p->lock);
		}
	}
	return NULL;
}

struct pool *pool_new(int threads, struct err *err)
{
	struct pool *p = aligned_alloc(64, (sizeof(*p) + 63) / 64 * 64);

	if (threads < 1)
		threads = 1;
	if (threads > MAX_THREADS)
		threads = MAX_THREADS;
	if (!p)
		goto fail;
	*p = (struct pool){ .threads = 1, .spins = threads > cpu_count() ? 0 : SPINS };
	if (!NEW_ARRAY(p->member, (size_t)threads))
		goto fail;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->opened, NULL);
	pthread_cond_init(&p->left, NULL);
	for (int t = 1; t < threads; t++) {
		struct member *m = &p->member[p->threads];

		*m = (struct member){ .pool = p, .id = p->threads };
		if (!pthread_create(&m->thread, NULL, member_run, m))
			p->threads++;
	}
	return p;
fail:
	free(p);
	err_set(err, ERR_NOMEM, "no memory for a pool of %d threads", threads);
	return NULL;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	atomic_store(&p->stop, true);
	pthread_cond_broadcast(&p->opened);
	pthread_mutex_unlock(&p->lock);
	for (int t = 1; t < p->threads; t++)
		pthread_join(p->member[t].thread, NULL);
	pthread_cond_destroy(&p->left);
	pthread_cond_destroy(&p->opened);
	pthread_mutex_destroy(&p->lock);
	free(p->member);
	free(p);
}

int pool_threads(const struct pool *p)
{
	return p ? p->threads : 1;
}

/* Waits until nobody is inside the closed loop. */
static void wait_empty(struct pool *p)
{
	for (int spin = 0; spin < p->spins; spin++) {
		if (!(atomic_load(&p->word) & INSIDE))
			return;
		relax();
	}
	pthread_mutex_lock(&p->lock);
	atomic_store(&p->waiting, true);
	while (atomic_load(&p->word) & INSIDE)
		pthread_cond_wait(&p->left, &p->lock);
	atomic_store(&p->waiting, false);
	pthread_mutex_unlock(&p->lock);
}

void pool_run(struct pool *p, int n, void (*fn)(void *ctx, int i, int worker), void *ctx)
{
	uint64_t loop;

	if (!p || p->threads < 2 || n < 2) {
		for (int i = 0; i < n; i++)
			fn(ctx, i, 0);
		return;
	}
	p->n = n;
	p->fn = fn;
	p->ctx = ctx;
	atomic_store(&p->next, 0);
	loop = (uint32_t)((atomic_load(&p->word) >> 32) + 1);
	atomic_store(&p->word, loop << 32 | OPEN);
	if (atomic_load(&p->sleeping)) {
		pthread_mutex_lock(&p->lock);
		pthread_cond_broadcast(&p->opened);
		pthread_mutex_unlock(&p->lock);
	}
	work(p, 0);
	atomic_fetch_and(&p->word, ~(uint64_t)OPEN);
	wait_empty(p);
}

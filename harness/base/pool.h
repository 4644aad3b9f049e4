/* SPDX-License-Identifier: Apache-2.0
 * A pool of threads that stays: for many short loops one after the other, as the
 * operations of a network are.  The one pool of a computation; nothing under it
 * starts threads of its own.
 */
#ifndef HARNESS_BASE_POOL_H
#define HARNESS_BASE_POOL_H

#include "harness/base/err.h"

struct pool;

/* A pool of `threads` in all, the caller's included.  threads < 1 counts as 1.  A thread
 * that cannot be started is work for the others.  NULL with err set: no memory. */
struct pool *pool_new(int threads, struct err *err);
void pool_free(struct pool *p); /* accepts NULL; no loop may be running */
/* Threads in all; 1 for NULL. */
int pool_threads(const struct pool *p);
/* Calls fn(ctx, i, worker) for i in 0..n-1, worker in 0..threads-1, and returns when all
 * have ended.  p NULL, one thread or n < 2: in the caller.  Item i must do the same work
 * whatever the worker.  Not from inside a loop; one caller at a time. */
void pool_run(struct pool *p, int n, void (*fn)(void *ctx, int i, int worker), void *ctx);

#endif

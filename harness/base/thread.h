/* SPDX-License-Identifier: Apache-2.0
 * Parallel loops.  Item i always does the same work whatever the number of
 * threads, so results never depend on scheduling.
 */
#ifndef HARNESS_BASE_THREAD_H
#define HARNESS_BASE_THREAD_H

/* Calls fn(ctx, i, worker) for i in 0..n-1 on up to `threads` threads (worker in
 * 0..threads-1; items are handed out in order).  threads <= 1 runs in the caller.
 * Returns when all calls have ended. */
void parallel_for(int n, int threads, void (*fn)(void *ctx, int i, int worker), void *ctx);

/* Processors this process may run on. */
int cpu_count(void);

#endif

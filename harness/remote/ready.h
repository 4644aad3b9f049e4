/* SPDX-License-Identifier: Apache-2.0
 * Waiting for a source that has no ask yet.
 */
#ifndef HARNESS_REMOTE_READY_H
#define HARNESS_REMOTE_READY_H

#include "harness/core/ask.h"

/* After ASK_LATER with nothing in flight and every reply settled: waits until the source may have
 * more.  ERR_INTERNAL: it never will, for it has no descriptor; ERR_INTERRUPTED: stop was set. */
int ready_wait(const struct ask_source *source, const volatile sig_atomic_t *stop, struct err *err);

/* A descriptor that can be read when that of the source can, but for the time it is held back:
 * who stands between a source and a back-end and has no room for a further ask says ASK_LATER
 * without having asked the source. */
struct ready_gate {
	int fd; /* for the back-end; 0: the source has none */
	int source;
	bool held;
};
int ready_gate_open(struct ready_gate *g, int source, struct err *err);
int ready_gate_hold(struct ready_gate *g, bool held, struct err *err);
void ready_gate_close(struct ready_gate *g);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Questions about the targets of views, through a carrier: threads of its own build them and read
 * their clips ahead of need, within bounds of number and memory.
 */
#ifndef HARNESS_RUN_INQUIRY_H
#define HARNESS_RUN_INQUIRY_H

#include <signal.h>

#include "harness/base/log.h"
#include "harness/core/ask.h"
#include "harness/run/bank.h"

struct clip_store;

/* What is asked, and who takes the replies. */
struct inquiry {
	const struct views *views;
	const struct corpus *corpus; /* of the views */
	unsigned see;		     /* what may be sent of a clip */
	int threads;		     /* that read clips; 0: one */
	struct clip_store *clips;    /* parts of clips made before; NULL: none are kept */
	const struct log *log;
	const volatile sig_atomic_t *stop;
	/* Writes question number index about turn t of view v, memory from mem; id and index are
	 * set by the caller ("test/dia0_utt0").  before: the reply to the one before it, NULL for
	 * the first.  ERR_DATA: there is nothing to ask about, which counts as a clip that cannot
	 * be read.  Called by several threads at once. */
	int (*ask)(void *ctx, int v, int t, int index, const struct reply *before, struct ask *out,
		   struct arena *mem, struct err *err);
	/* Takes the reply, of any status; where the clip could not be read it is decode_fail with
	 * CAUSE_MEDIA and first_error says why.  *again: there is another question about this
	 * turn.  Called by one thread, once for each question, in any order of the turns. */
	int (*take)(void *ctx, int v, int t, int index, const struct reply *r, bool *again,
		    struct err *err);
	void *ctx;
};

/* Asks everything.  dir: of the journal.  *counts and *served as carrier.carry has them; questions
 * whose clip could not be read count in status[ANSWER_DECODE_FAIL] and asks too. */
int inquiry_carry(const struct inquiry *q, const struct carrier *c, const char *dir,
		  struct ask_counts *counts, struct strbuf *served, struct err *err);

/* Builds the first question about each target, in order, with its clips, and calls show; one whose
 * clip cannot be read is shown with why set.  Sends nothing. */
int inquiry_show(const struct inquiry *q,
		 int (*show)(void *ctx, const struct ask *ask, const char *why, struct err *err),
		 void *ctx, struct err *err);

/* Whether a failure to make a question is of this turn alone: nothing to ask about, or a clip that
 * cannot be read. */
bool inquiry_is_of_turn(const struct err *e);

#endif

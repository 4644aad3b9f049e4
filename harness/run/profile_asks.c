/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/profile_asks.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "harness/base/thread.h"
#include "harness/core/ask.h"
#include "harness/run/attach.h"
#include "harness/run/inquiry.h"

/* A finished question. */
struct finished {
	struct ask ask;
	int view, turn;
	bool no_clip;
	struct err err;
	struct arena mem;
};

/* Of a worker. */
struct caller {
	void *line;
	struct arena mem; /* of one reply */
};

struct profile_asks {
	struct profile_asks_request rq;
	struct finished *item; /* (n) */
	int n;
	atomic_size_t held; /* bytes */
	struct caller *caller;
	int callers;
	struct strbuf served;
};

/* --- before the clock starts ----------------------------------------------------------------- */

static void write_ask(const struct profile_asks_request *rq, struct finished *f)
{
	const int *index = rq->views->index[f->view];
	const char *id = rq->corpus->utt[index[f->turn]].id;

	if (rq->model->ask(rq->state, &rq->views->view[f->view], f->turn, &f->ask, &f->mem,
			   &f->err) ||
	    attach_clips(&f->ask, rq->corpus, index, rq->see, NULL, &f->mem, &f->err)) {
		f->no_clip = inquiry_is_of_turn(&f->err);
		err_wrap(&f->err, "%s", id);
	}
	f->ask.id = id;
}

static void finish(void *ctx, int i, int worker)
{
	struct profile_asks *a = ctx;
	struct finished *f = &a->item[i];

	(void)worker;
	if (a->rq.stop && *a->rq.stop) {
		err_set(&f->err, ERR_INTERRUPTED, "interrupted");
		return;
	}
	if (atomic_load(&a->held) > PROFILE_ASKS_BYTES)
		return;
	write_ask(&a->rq, f);
	atomic_fetch_add(&a->held, f->mem.total);
}

/* Takes those without a clip out of the asks and out of the sample set. */
static int drop(struct profile_asks *a, struct profile_samples *s, struct err *err)
{
	bool *gone;
	int n = 0;

	if (!NEW_ARRAY(gone, (size_t)a->n))
		return err_set(err, ERR_NOMEM, "sample set: no memory");
	for (int i = 0; i < a->n; i++) {
		gone[i] = a->item[i].no_clip;
		if (!gone[i]) {
			a->item[n++] = a->item[i];
			continue;
		}
		log_info(a->rq.log, "left out: %s", a->item[i].err.msg);
		arena_free(&a->item[i].mem);
	}
	a->n = n;
	profile_samples_drop(s, gone);
	free(gone);
	return n ? 0
		 : err_set(err, ERR_DATA,
			   "no utterance of the sample set can be asked about: its clip cannot be "
			   "sent");
}

static void tell_cost(const struct profile_asks *a)
{
	const struct carrier *c = a->rq.carrier;
	struct ask_estimate sum = { 0 };

	for (int i = 0; i < a->n; i++)
		c->estimate(c->ctx, &a->item[i].ask, &sum);
	log_info(a->rq.log,
		 "each pass over the %d samples takes %lld requests, about %lld tokens in prompts, "
		 "at most %lld in replies; cost: at most about %g",
		 a->n, (long long)sum.requests, (long long)sum.prompt_tokens,
		 (long long)sum.completion_tokens, sum.cost);
}

static int finish_all(struct profile_asks *a, struct profile_samples *s, int *dropped,
		      struct err *err)
{
	const int all = s->set.n;

	if (!NEW_ARRAY(a->item, (size_t)all))
		return err_set(err, ERR_NOMEM, "sample set: no memory");
	a->n = all;
	for (int i = 0; i < all; i++) {
		a->item[i].view = s->view[i];
		a->item[i].turn = s->turn[i];
	}
	parallel_for(all, a->rq.threads, finish, a);
	if (atomic_load(&a->held) > PROFILE_ASKS_BYTES)
		return err_set(err, ERR_LIMIT,
			       "the questions with their clips take more than %zu MB; take fewer "
			       "with --samples",
			       PROFILE_ASKS_BYTES >> 20);
	for (int i = 0; i < all; i++)
		if (a->item[i].err.code && !a->item[i].no_clip)
			return *err = a->item[i].err, err->code;
	if (drop(a, s, err))
		return err->code;
	*dropped = all - a->n;
	tell_cost(a);
	return 0;
}

struct profile_asks *profile_asks_make(const struct profile_asks_request *rq,
				       struct profile_samples *samples, int *dropped,
				       struct err *err)
{
	struct profile_asks *a = mem_calloc(1, sizeof(*a));

	if (!a) {
		err_set(err, ERR_NOMEM, "sample set: no memory");
		return NULL;
	}
	a->rq = *rq;
	if (!finish_all(a, samples, dropped, err))
		return a;
	profile_asks_free(a);
	return NULL;
}

void profile_asks_free(struct profile_asks *a)
{
	if (!a)
		return;
	for (int i = 0; i < a->callers; i++) {
		a->rq.carrier->hang_up(a->caller[i].line);
		arena_free(&a->caller[i].mem);
	}
	for (int i = 0; i < a->n; i++)
		arena_free(&a->item[i].mem);
	free(a->caller);
	free(a->item);
	strbuf_free(&a->served);
	free(a);
}

/* --- while it runs --------------------------------------------------------------------------- */

int profile_asks_use(struct profile_asks *a, int workers, struct err *err)
{
	const struct carrier *c = a->rq.carrier;
	struct caller *more;
	unsigned needs = 0;

	if (workers <= a->callers)
		return 0;
	more = mem_realloc(a->caller, (size_t)workers, sizeof(*more));
	if (!more)
		return err_set(err, ERR_NOMEM, "%s: no memory", c->name);
	a->caller = more;
	/* the first line tries what all need */
	for (int i = 0; i < a->n && !a->callers; i++)
		needs |= ask_needs(&a->item[i].ask);
	while (a->callers < workers && !err->code) {
		struct strbuf served = { 0 };
		void *line = c->line(c->ctx, a->callers ? 0 : needs, &served, err);

		if (line)
			a->caller[a->callers++] = (struct caller){ .line = line };
		if (line && !a->served.len)
			a->served = served;
		else
			strbuf_free(&served);
	}
	return err->code;
}

int profile_asks_answer(struct profile_asks *a, int worker, int sample, struct profile_reply *out,
			struct err *err)
{
	const struct finished *f = &a->item[sample];
	const struct carrier *c = a->rq.carrier;
	struct caller *k = &a->caller[worker];
	struct answer answer = { .label = -1 };
	struct reply r;

	out->label = -1;
	for (int s = 0; s < PROFILE_STAGES; s++)
		out->stage_ms[s] = NAN;
	arena_free(&k->mem);
	if (c->say(k->line, &f->ask, &k->mem, &r, err))
		return err_wrap(err, "%s", f->ask.id);
	if (r.status != ANSWER_OK)
		return r.status == ANSWER_PARSE_FAIL
			       ? 0
			       : err_set(err, ERR_BACKEND, "%s: %s: %s", f->ask.id,
					 reply_cause_name[r.cause], r.first_error);
	if (a->rq.model->read(a->rq.state, &a->rq.views->view[f->view], f->turn, &r, &answer, err))
		return err_wrap(err, "%s", f->ask.id);
	out->label = answer.label;
	return 0;
}

const char *profile_asks_served(const struct profile_asks *a)
{
	return strbuf_str(&a->served);
}

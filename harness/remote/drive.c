/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/drive.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/sha256.h"
#include "harness/remote/journal.h"
#include "harness/remote/key.h"
#include "harness/remote/ready.h"
#include "harness/remote/shelf.h"

/* PLACE_HELD: the last in the window, and not affordable before what flies has come. */
enum place_state { PLACE_ASKED, PLACE_PUT, PLACE_DONE, PLACE_HELD };

/* An ask between source and sink. */
struct place {
	const struct ask *ask;
	enum place_state state;
	bool kept, shared;
	double reserve; /* what it may cost, while it is asked */
	char key[ASK_SHA_HEX], prompt_hash[ASK_SHA_HEX], media_hash[ASK_SHA_HEX];
	struct reply r;
	struct arena mem;
};

struct driving {
	const struct backend_ops *ops;
	const void *state;
	const struct ask_source *source;
	const struct ask_sink *sink;
	const struct drive_options *o;
	struct ask_counts *counts;
	const char *identity;
	struct journal *journal;
	struct shelf *shelf;
	bool taken;		/* replies were put that are another folder's */
	struct ready_gate gate; /* held while there is no room for a further ask */
	struct place *place;	/* (DRIVE_WINDOW) a ring */
	size_t first, n;
	size_t held;	 /* bytes of replies in places */
	double flying;	 /* cost of replies that are not committed yet */
	double reserved; /* of the asks without a reply, */
	int asked;	 /* of which there are so many */
	struct progress progress;
};

static struct place *at(struct driving *d, size_t i)
{
	return &d->place[(d->first + i) % DRIVE_WINDOW];
}

static void count(struct driving *d, const struct place *p)
{
	struct ask_counts *c = d->counts;

	c->asks++;
	c->kept += p->kept;
	c->shared += p->shared;
	c->status[p->r.status]++;
	c->cause[p->r.cause]++;
	c->repeated += p->r.attempts > 1;
	c->prompt_tokens += p->r.prompt_tokens > 0 ? p->r.prompt_tokens : 0;
	c->completion_tokens += p->r.completion_tokens > 0 ? p->r.completion_tokens : 0;
}

/* Hands over what is done at the front of the window. */
static int deliver(struct driving *d, struct err *err)
{
	bool any = false;

	while (d->n && at(d, 0)->state == PLACE_DONE && !err->code) {
		struct place *p = at(d, 0);

		count(d, p);
		d->sink->put(d->sink->ctx, p->ask, &p->r, err);
		d->held -= p->mem.total;
		arena_free(&p->mem);
		d->first = (d->first + 1) % DRIVE_WINDOW;
		d->n--;
		any = true;
	}
	if (any && !err->code && d->sink->settle)
		d->sink->settle(d->sink->ctx, err);
	/* replies may have brought further asks than were expected */
	if (d->progress.total < d->counts->asks)
		d->progress.total = d->counts->asks;
	if (any && d->o->total)
		progress_update(&d->progress, d->counts->asks, d->counts->kept, NULL);
	return err->code;
}

/* Takes the reply from another folder into this one, where it costs nothing. */
static int look_elsewhere(struct driving *d, struct place *p, struct err *err)
{
	bool found = false;

	if (!d->shelf || shelf_find(d->shelf, p->key, &p->mem, &p->r, &found, err) || !found)
		return err->code;
	p->r.cost = 0;
	p->shared = d->taken = true;
	p->state = PLACE_PUT;
	d->held += p->mem.total;
	return journal_add(d->journal, p->ask, p->key, &p->r, err);
}

/* Looks the ask up; done if its reply is kept. */
static int look_up(struct driving *d, struct place *p, struct err *err)
{
	bool found = false;

	if (ask_prompt_hash(p->ask, p->prompt_hash, p->media_hash, err) ||
	    ask_key(p->ask, d->identity, p->prompt_hash, p->key, err) ||
	    journal_find(d->journal, p->key, &p->mem, &p->r, &found, err))
		return err->code;
	if (!found || (d->o->retry_failed && p->r.status == ANSWER_BACKEND_FAIL))
		return look_elsewhere(d, p, err);
	p->kept = true;
	p->state = PLACE_DONE;
	d->held += p->mem.total;
	return 0;
}

/* Gives the ask that is next in the window to the back-end if the budget bears it beside all that
 * flies. */
static enum ask_next send(struct driving *d, struct place *p, const struct ask **out,
			  struct err *err)
{
	const double spent = d->o->elsewhere + journal_cost(d->journal) + d->flying + d->reserved;
	struct ask_estimate e = { 0 };

	if (d->o->budget > 0 && d->ops->estimate)
		d->ops->estimate(d->state, p->ask, &e);
	if (d->o->budget > 0 && (spent >= d->o->budget || spent + e.cost > d->o->budget)) {
		if (d->asked) {
			p->state = PLACE_HELD;
			ready_gate_hold(&d->gate, true, err);
			return ASK_LATER;
		}
		d->counts->budget_hit = true;
		arena_free(&p->mem);
		d->n--;
		return ASK_END;
	}
	p->state = PLACE_ASKED;
	p->reserve = e.cost;
	d->reserved += e.cost;
	d->asked++;
	*out = p->ask;
	return ASK_READY;
}

/* The reply to an ask has come: what it costs is known. */
static void pay(struct driving *d, const struct place *p)
{
	d->flying += p->r.cost;
	d->asked--;
	d->reserved = d->asked ? d->reserved - p->reserve : 0;
}

static int put(void *ctx, const struct ask *ask, const struct reply *r, struct err *err)
{
	struct driving *d = ctx;
	size_t i = 0;
	struct place *p;

	while (i < d->n && at(d, i)->ask != ask)
		i++;
	if (i == d->n || at(d, i)->state != PLACE_ASKED)
		return err_set(err, ERR_INTERNAL, "%s: a reply to nothing", ask->id);
	p = at(d, i);
	arena_free(&p->mem);
	if (!reply_copy(&p->r, r, &p->mem))
		return err_set(err, ERR_NOMEM, "%s: no memory for the reply", ask->id);
	memcpy(p->r.prompt_hash, p->prompt_hash, ASK_SHA_HEX);
	memcpy(p->r.media_hash, p->media_hash, ASK_SHA_HEX);
	sha256_hex(p->r.text, strlen(p->r.text), p->r.reply_hash);
	p->state = PLACE_PUT;
	d->held += p->mem.total;
	pay(d, p);
	return journal_add(d->journal, ask, p->key, &p->r, err);
}

static int settle(void *ctx, struct err *err)
{
	struct driving *d = ctx;

	if (journal_commit(d->journal, err))
		return err->code;
	d->flying = 0;
	d->taken = false;
	for (size_t i = 0; i < d->n; i++)
		if (at(d, i)->state == PLACE_PUT)
			at(d, i)->state = PLACE_DONE;
	return deliver(d, err);
}

/* The next ask that has to be sent. */
static enum ask_next find_next(struct driving *d, const struct ask **out, struct err *err)
{
	while (!err->code) {
		const bool full = d->n == DRIVE_WINDOW || d->held > DRIVE_HELD;
		const struct ask *ask = NULL;
		enum ask_next what;
		struct place *p;

		if (d->n && at(d, d->n - 1)->state == PLACE_HELD)
			return send(d, at(d, d->n - 1), out, err);
		if (ready_gate_hold(&d->gate, full, err))
			break;
		if (full)
			return ASK_LATER;
		what = d->source->next(d->source->ctx, &ask, err);
		if (what != ASK_READY || err->code)
			return what;
		p = at(d, d->n++);
		*p = (struct place){ .ask = ask };
		if (look_up(d, p, err))
			break;
		if (p->state == PLACE_ASKED)
			return send(d, p, out, err);
		deliver(d, err);
	}
	return ASK_END;
}

static enum ask_next next(void *ctx, const struct ask **out, struct err *err)
{
	struct driving *d = ctx;

	for (;;) {
		enum ask_next what = find_next(d, out, err);

		/* nobody else settles what nobody was asked for */
		if (err->code || what == ASK_READY || !d->taken || settle(d, err))
			return what;
		if (what == ASK_END)
			return what;
	}
}

int drive(const struct backend_ops *ops, void *state, const struct ask_source *source,
	  const struct ask_sink *sink, const struct drive_options *o, struct ask_counts *counts,
	  struct err *err)
{
	struct driving d = {
		.ops = ops, .state = state, .source = source, .sink = sink, .o = o, .counts = counts
	};
	struct ask_source in = { next, &d, 0 };
	const struct ask_sink out = { put, settle, &d };

	*counts = (struct ask_counts){ 0 };
	d.identity = ops->identity(state);
	if (!NEW_ARRAY(d.place, DRIVE_WINDOW))
		return err_set(err, ERR_NOMEM, "drive: no memory");
	d.journal = journal_open(o->dir, o->log, err);
	if (d.journal && o->replies && *o->replies)
		d.shelf = shelf_open(o->replies, err);
	if (!err->code && !ready_gate_open(&d.gate, source->ready, err)) {
		in.ready = d.gate.fd;
		if (o->total)
			progress_start(&d.progress, o->log, "asks", o->total);
		ops->run(state, &in, &out, err);
		counts->cost = journal_cost(d.journal);
		counts->flying_least = counts->flying_most = 1;
		if (ops->account)
			ops->account(state, counts);
		if (o->total)
			progress_end(&d.progress, NULL);
	}
	if (!err->code && counts->budget_hit)
		err_set(err, ERR_INCOMPLETE,
			"the budget of %g bears no further ask (%g is spent); with a larger "
			"--budget the same command goes on",
			o->budget, o->elsewhere + counts->cost);
	for (size_t i = 0; i < d.n; i++)
		arena_free(&at(&d, i)->mem);
	ready_gate_close(&d.gate);
	shelf_close(d.shelf);
	journal_close(d.journal);
	free(d.place);
	return err->code;
}

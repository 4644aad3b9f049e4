/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/inquiry.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "harness/run/attach.h"

/* Questions that wait for the carrier, and bytes of those that wait or are on their way. */
#define AHEAD	   256
#define AHEAD_HELD ((size_t)64 << 20)
#define HELD	   ((size_t)256 << 20)
#define THREADS	   64

enum item_state { ITEM_BUILDING, ITEM_BUILT, ITEM_NO_CLIP };

/* A question; ask comes first, so that who has the ask has the item. */
struct item {
	struct ask ask;
	int v, t, index;
	enum item_state state;
	bool follows;	     /* before holds a reply */
	struct reply before; /* in mem */
	struct err clip;     /* ITEM_NO_CLIP: why */
	struct arena mem;
	struct item *next, *prev; /* prev: among those that are gone */
};

struct line {
	struct item *first, *last;
};

struct inquiring {
	const struct inquiry *q;
	struct ask_counts *counts;
	pthread_mutex_t lock;
	pthread_cond_t room;
	int ready;		   /* eventfd: an item was built */
	struct line follow, queue; /* to be built first; being built and built, in order */
	struct item *gone;	   /* with the carrier */
	int v, t;		   /* the next target */
	int n_queue;
	size_t queue_held, gone_held; /* bytes */
	int64_t no_clip;
	bool end;
	struct err failed; /* what ended it, from a thread */
};

static void push(struct line *l, struct item *i)
{
	i->next = NULL;
	if (l->last)
		l->last->next = i;
	else
		l->first = i;
	l->last = i;
}

static struct item *pop(struct line *l)
{
	struct item *i = l->first;

	if (i && !(l->first = i->next))
		l->last = NULL;
	return i;
}

static void item_free(struct item *i)
{
	if (i)
		arena_free(&i->mem);
	free(i);
}

static void line_free(struct line *l)
{
	struct item *i;

	while ((i = pop(l)))
		item_free(i);
}

/* --- building -------------------------------------------------------------------------------- */

/* Is the position a target?  Moves on to the next one. */
static bool find_target(const struct views *vs, int *v, int *t)
{
	for (; *v < vs->n; (*v)++, *t = 0)
		for (; *t < vs->view[*v].n; (*t)++)
			if (vs->view[*v].target[*t])
				return true;
	return false;
}

bool inquiry_is_of_turn(const struct err *e)
{
	return e->code == ERR_MISSING || e->code == ERR_FORMAT || e->code == ERR_DATA ||
	       e->code == ERR_LIMIT || e->code == ERR_IO;
}

/* The question without its clips. */
static int write_ask(const struct inquiry *q, struct item *i, struct err *err)
{
	const struct utterance *u = &q->corpus->utt[q->views->index[i->v][i->t]];
	struct strbuf id = { 0 };
	char *kept;

	if (q->ask(q->ctx, i->v, i->t, i->index, i->follows ? &i->before : NULL, &i->ask, &i->mem,
		   err))
		return err_wrap(err, "%s", u->id);
	strbuf_addf(&id, "%s/%s", split_name[q->corpus->dia[u->dialogue].split], u->id);
	kept = arena_strdup(&i->mem, strbuf_str(&id));
	if (!kept || id.oom)
		err_set(err, ERR_NOMEM, "%s: no memory", u->id);
	strbuf_free(&id);
	i->ask.id = kept;
	i->ask.index = i->index;
	return err->code;
}

/* The question with its clips; *state is how it ended. */
static int build(const struct inquiry *q, struct item *i, enum item_state *state, struct err *err)
{
	struct err e = { 0 };

	*state = ITEM_BUILT;
	if (write_ask(q, i, &e) || attach_clips(&i->ask, q->corpus, q->views->index[i->v], q->see,
						q->clips, &i->mem, &e)) {
		*state = ITEM_NO_CLIP;
		i->clip = e;
		if (!inquiry_is_of_turn(&e))
			*err = e;
	}
	return err->code;
}

/* The next question to be built, already in its place in the queue; NULL: none, or no room. */
static struct item *take_work(struct inquiring *g)
{
	struct item *i = NULL;

	if (g->n_queue >= AHEAD || g->queue_held > AHEAD_HELD || g->failed.code)
		return NULL;
	if (g->follow.first) {
		i = pop(&g->follow);
	} else if (find_target(g->q->views, &g->v, &g->t)) {
		i = mem_calloc(1, sizeof(*i));
		if (!i) {
			err_set(&g->failed, ERR_NOMEM, "asks: no memory");
			return NULL;
		}
		i->v = g->v;
		i->t = g->t++;
	}
	if (i) {
		push(&g->queue, i);
		g->n_queue++;
	}
	return i;
}

static void tell(struct inquiring *g)
{
	/* fails only when the counter is full, and then it can be read anyway */
	if (eventfd_write(g->ready, 1) && !g->failed.code)
		err_set(&g->failed, ERR_IO, "eventfd: %s", strerror(errno));
}

static void *work(void *ctx)
{
	struct inquiring *g = ctx;

	pthread_mutex_lock(&g->lock);
	while (!g->end) {
		struct item *i = take_work(g);
		struct err err = { 0 };
		enum item_state state;

		if (!i) {
			if (g->failed.code)
				tell(g);
			pthread_cond_wait(&g->room, &g->lock);
			continue;
		}
		pthread_mutex_unlock(&g->lock);
		build(g->q, i, &state, &err);
		pthread_mutex_lock(&g->lock);
		i->state = state;
		g->queue_held += i->mem.total;
		if (err.code && !g->failed.code)
			g->failed = err;
		tell(g);
	}
	pthread_mutex_unlock(&g->lock);
	return NULL;
}

/* --- between carrier and asker --------------------------------------------------------------- */

/* Hands a reply over and, if the asker goes on, puts the next question in line. */
static int take(struct inquiring *g, struct item *i, const struct reply *r, struct err *err)
{
	struct item *more = NULL;
	bool again = false;

	if (g->q->take(g->q->ctx, i->v, i->t, i->index, r, &again, err) || !again)
		return err->code;
	more = mem_calloc(1, sizeof(*more));
	if (!more || !reply_copy(&more->before, r, &more->mem)) {
		item_free(more);
		return err_set(err, ERR_NOMEM, "asks: no memory");
	}
	more->v = i->v;
	more->t = i->t;
	more->index = i->index + 1;
	more->follows = true;
	pthread_mutex_lock(&g->lock);
	push(&g->follow, more);
	pthread_cond_signal(&g->room);
	pthread_mutex_unlock(&g->lock);
	return 0;
}

/* The reply to a question whose clip cannot be read. */
static int take_no_clip(struct inquiring *g, struct item *i, struct err *err)
{
	const struct reply r = {
		.status = ANSWER_DECODE_FAIL,
		.cause = CAUSE_MEDIA,
		.text = "",
		.finish_reason = "",
		.prompt_tokens = -1,
		.completion_tokens = -1,
		.first_error = i->clip.msg,
		.model = "",
		.fingerprint = "",
		.request_id = "",
	};

	g->no_clip++;
	return take(g, i, &r, err);
}

/* The carrier has it: should the carrier end early, somebody must still free it. */
static void go(struct inquiring *g, struct item *i)
{
	i->prev = NULL;
	i->next = g->gone;
	if (i->next)
		i->next->prev = i;
	g->gone = i;
	g->gone_held += i->mem.total;
}

static void come_back(struct inquiring *g, struct item *i)
{
	if (i->prev)
		i->prev->next = i->next;
	else
		g->gone = i->next;
	if (i->next)
		i->next->prev = i->prev;
	g->gone_held -= i->mem.total;
}

/* The head of the queue if it may go; ASK_LATER, ASK_END otherwise. */
static enum ask_next head(struct inquiring *g, struct item **out, struct err *err)
{
	struct item *i = g->queue.first;
	eventfd_t drained;

	/* nothing to read is fine: it says that something is new, not what */
	if (eventfd_read(g->ready, &drained) && errno != EAGAIN)
		err_set(err, ERR_IO, "eventfd: %s", strerror(errno));
	if (g->failed.code)
		err_set(err, g->failed.code, "%s", g->failed.msg);
	if (err->code)
		return ASK_END;
	if (!i && !g->follow.first && !g->gone && !find_target(g->q->views, &g->v, &g->t))
		return ASK_END;
	if (!i || i->state == ITEM_BUILDING || (g->gone && g->gone_held > HELD))
		return ASK_LATER;
	*out = pop(&g->queue);
	g->n_queue--;
	g->queue_held -= i->mem.total;
	if (i->state == ITEM_BUILT) {
		go(g, i);
	}
	pthread_cond_signal(&g->room);
	return ASK_READY;
}

static enum ask_next next(void *ctx, const struct ask **out, struct err *err)
{
	struct inquiring *g = ctx;
	struct item *i = NULL;

	for (;;) {
		enum ask_next what;

		pthread_mutex_lock(&g->lock);
		what = head(g, &i, err);
		pthread_mutex_unlock(&g->lock);
		if (what != ASK_READY)
			return what;
		if (i->state == ITEM_BUILT)
			break;
		take_no_clip(g, i, err);
		item_free(i);
		if (err->code)
			return ASK_END;
	}
	*out = &i->ask;
	return ASK_READY;
}

static int put(void *ctx, const struct ask *ask, const struct reply *r, struct err *err)
{
	struct inquiring *g = ctx;
	struct item *i = (struct item *)(uintptr_t)ask; /* its first member */

	take(g, i, r, err);
	pthread_mutex_lock(&g->lock);
	come_back(g, i);
	pthread_mutex_unlock(&g->lock);
	item_free(i);
	return err->code;
}

/* --- the whole ------------------------------------------------------------------------------- */

/* Calls fn with a new item for each target. */
static int each_first(const struct inquiry *q,
		      int (*fn)(void *ctx, struct item *i, struct err *err), void *ctx,
		      struct err *err)
{
	for (int v = 0, t = 0; !err->code && find_target(q->views, &v, &t); t++) {
		struct item i = { .v = v, .t = t };

		fn(ctx, &i, err);
		arena_free(&i.mem);
	}
	return err->code;
}

struct gathering {
	const struct inquiry *q;
	unsigned needs;
};

static int add_needs(void *ctx, struct item *i, struct err *err)
{
	struct gathering *g = ctx;
	struct err e = { 0 };

	if (!write_ask(g->q, i, &e))
		g->needs |= ask_needs(&i->ask);
	else if (!inquiry_is_of_turn(&e))
		*err = e;
	return err->code;
}

static int carry(struct inquiring *g, const struct carrier *c, const char *dir,
		 struct strbuf *served, struct err *err)
{
	const struct ask_source source = { .next = next, .ctx = g, .ready = g->ready };
	const struct ask_sink sink = { .put = put, .ctx = g };
	struct gathering first = { g->q, 0 };

	if (each_first(g->q, add_needs, &first, err))
		return err->code;
	c->carry(c->ctx, dir, first.needs, g->q->views->n_target, &source, &sink, g->counts, served,
		 err);
	g->counts->asks += g->no_clip;
	g->counts->status[ANSWER_DECODE_FAIL] += g->no_clip;
	g->counts->cause[CAUSE_MEDIA] += g->no_clip;
	return err->code;
}

/* Ends the threads; what was not asked is dropped. */
static void stop(struct inquiring *g, pthread_t *thread, int n)
{
	pthread_mutex_lock(&g->lock);
	g->end = true;
	pthread_cond_broadcast(&g->room);
	pthread_mutex_unlock(&g->lock);
	for (int i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
}

int inquiry_carry(const struct inquiry *q, const struct carrier *c, const char *dir,
		  struct ask_counts *counts, struct strbuf *served, struct err *err)
{
	struct inquiring g = { .q = q, .counts = counts };
	pthread_t thread[THREADS];
	int n = 0, want = q->threads < 1 ? 1 : q->threads > THREADS ? THREADS : q->threads;

	*counts = (struct ask_counts){ 0 };
	g.ready = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (g.ready < 0)
		return err_set(err, ERR_IO, "eventfd: %s", strerror(errno));
	pthread_mutex_init(&g.lock, NULL);
	pthread_cond_init(&g.room, NULL);
	while (n < want && !pthread_create(&thread[n], NULL, work, &g))
		n++;
	if (!n)
		err_set(err, ERR_NOMEM, "asks: no thread can be started");
	else
		carry(&g, c, dir, served, err);
	stop(&g, thread, n);
	line_free(&g.follow);
	line_free(&g.queue);
	line_free(&(struct line){ g.gone, NULL });
	pthread_cond_destroy(&g.room);
	pthread_mutex_destroy(&g.lock);
	close(g.ready);
	return err->code;
}

struct showing {
	const struct inquiry *q;
	int (*show)(void *ctx, const struct ask *ask, const char *why, struct err *err);
	void *ctx;
};

static int show_one(void *ctx, struct item *i, struct err *err)
{
	const struct showing *s = ctx;
	enum item_state state;

	if (s->q->stop && *s->q->stop)
		return err_set(err, ERR_INTERRUPTED, "interrupted");
	if (build(s->q, i, &state, err))
		return err->code;
	return s->show(s->ctx, &i->ask, state == ITEM_NO_CLIP ? i->clip.msg : NULL, err);
}

int inquiry_show(const struct inquiry *q,
		 int (*show)(void *ctx, const struct ask *ask, const char *why, struct err *err),
		 void *ctx, struct err *err)
{
	struct showing s = { q, show, ctx };

	return each_first(q, show_one, &s, err);
}

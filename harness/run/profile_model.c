/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/profile_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/base/mem.h"
#include "harness/run/measure.h"
#include "harness/run/profile_asks.h"
#include "harness/run/profile_samples.h"
#include "harness/run/see.h"
#include "harness/run/wording.h"

/* The last part of a wait is spun away: a sleeping thread wakes up late. */
#define SPIN_S	1e-4
#define SLEEP_S .05 /* a wait looks at the stop flag so often */

#define SEE_WATCHED (SEE_BEHAVIOUR | SEE_VIDEO)
#define SEE_HEARD   (SEE_SPEECH | SEE_AUDIO | SEE_WATCHED) /* the voice tells whose mouth it is */

const char *const profile_cues_name[] = { "measured", "cached", "recorded", "prepared", "none" };

/* One model and its memory. */
struct worker {
	struct model_env env;
	void *state;
	struct turn *turn;     /* (longest view) */
	unsigned char *target; /* (longest view) */
	struct answer *out;    /* (PROFILE_BATCH_MAX) */
	struct arena mem;      /* of one call */
	struct strbuf tmp;
};

struct profile_model {
	const struct profile_model_options *o;
	struct reloaded run;
	struct views views;
	struct profile_samples samples;
	struct wording wording;
	struct profile_asks *asks; /* NULL: the model is here */
	struct model_env env;	   /* of state, which writes the asks */
	void *state;
	struct measurer *measurer; /* NULL: nothing is measured while timed */
	enum profile_cues cues;
	size_t longest; /* turns of a view */
	int unreadable;
	double load_s;
	struct worker *worker;
	int workers;
};

static const struct utterance *utterance(const struct profile_model *m, int sample)
{
	const int k = m->samples.view[sample];

	return &m->o->bank->corpus->utt[m->views.index[k][m->samples.turn[sample]]];
}

/* --- one sample --- */

/* Measures what the model sees of utterance i anew and writes its turn. */
static int measure_turn(const struct profile_model *m, struct worker *w, int i, struct turn *out,
			struct profile_reply *reply, struct err *err)
{
	const unsigned see = m->run.recipe.see;
	struct utterance u = m->o->bank->corpus->utt[i];
	struct turn turn = m->o->bank->turn[i];
	struct measured got;
	double start;

	if (!(see & SEE_WATCHED))
		u.video.path = NULL;
	if (!(see & SEE_HEARD))
		u.audio.path = NULL;
	if (!u.audio.path && !u.video.path)
		return 0;
	if (measurer_take(m->measurer, (int)(w - m->worker), &u, &got, &w->mem, err)) {
		/* a clip that never could be read leaves its turn as it is in every run */
		if (m->o->bank->m[i].error)
			*err = (struct err){ 0 };
		return err->code;
	}
	reply->stage_ms[PROFILE_DECODE] = got.ms[STAGE_DECODE];
	reply->stage_ms[PROFILE_CUES] = got.ms[STAGE_CUES];
	start = clock_s();
	if (!wording_turn(&m->wording, i, &got, NULL, &w->mem, &w->tmp, &turn, err))
		see_mask_turn(out, &turn, see);
	reply->stage_ms[PROFILE_PROMPT] = (float)(1e3 * (clock_s() - start));
	return err->code;
}

/* Everything of the call beside the forward pass counts as building the prompt. */
static void split_times(const struct answer *a, int n, double ms, struct profile_reply *reply)
{
	double model = 0;

	for (int i = 0; i < n; i++)
		model += a[i].model_ms;
	for (int i = 0; i < n; i++) {
		float *stage = reply[i].stage_ms;

		stage[PROFILE_PROMPT] += (float)(fmax(0, ms - model) / n);
		stage[PROFILE_PREFILL] = (float)(a[i].model_ms - a[i].score_ms);
		if (a[i].score_ms > 0)
			stage[PROFILE_SCORE] = (float)a[i].score_ms;
	}
}

/* A reply that could not be read as a label is a reply; anything else but a label is none. */
static int judge(const struct answer *a, int n, const char *model, struct profile_reply *reply,
		 struct err *err)
{
	for (int i = 0; i < n; i++) {
		reply[i].label = a[i].label;
		if (a[i].status != ANSWER_OK && a[i].status != ANSWER_PARSE_FAIL)
			err_set(err, ERR_BACKEND, "%s: %s", model, answer_status_name[a[i].status]);
	}
	return err->code;
}

/* One sample a call: who profiles a system that asks leaves the batch at 1. */
static int ask_sample(void *ctx, int worker, const int *sample, int n, struct profile_reply *reply,
		      struct err *err)
{
	const struct profile_model *m = ctx;

	(void)n;
	return profile_asks_answer(m->asks, worker, *sample, reply, err);
}

static int answer_samples(void *ctx, int worker, const int *sample, int n,
			  struct profile_reply *reply, struct err *err)
{
	struct profile_model *m = ctx;
	struct worker *w = &m->worker[worker];
	const int k = m->samples.view[sample[0]], last = m->samples.turn[sample[n - 1]];
	const struct view *whole = &m->views.view[k];
	struct view v = *whole;
	double start;

	arena_free(&w->mem);
	v.turn = w->turn;
	v.target = w->target;
	v.n = last + 1;
	memcpy(w->turn, whole->turn, (size_t)v.n * sizeof(*v.turn));
	memset(w->target, 0, (size_t)v.n);
	for (int i = 0; i < n; i++) {
		const int t = m->samples.turn[sample[i]];

		w->target[t] = 1;
		for (int s = 0; s < PROFILE_STAGES; s++)
			reply[i].stage_ms[s] = s == PROFILE_PROMPT ? 0 : NAN;
		if (m->measurer &&
		    measure_turn(m, w, m->views.index[k][t], &w->turn[t], &reply[i], err))
			return err_wrap(err, "%s", whole->turn[t].id);
	}
	start = clock_s();
	if (m->run.recipe.model->predict(w->state, &v, w->out, err))
		return err_wrap(err, "%s: dialogue %s", m->run.recipe.model->name, v.dialogue);
	split_times(w->out, n, 1e3 * (clock_s() - start), reply);
	return judge(w->out, n, m->run.recipe.model->name, reply, err);
}

/* --- the clock --- */

static double now(void *ctx, int worker)
{
	(void)ctx;
	(void)worker;
	return clock_s();
}

static void wait_until(void *ctx, int worker, double until)
{
	const struct profile_model *m = ctx;

	(void)worker;
	for (double left = until - clock_s(); left > 0; left = until - clock_s()) {
		const double s = fmin(left - SPIN_S, SLEEP_S);
		struct timespec t = { .tv_nsec = (long)(1e9 * s) };

		if (m->o->stop && *m->o->stop)
			return;
		if (s > 0)
			nanosleep(&t, NULL);
	}
}

/* --- opening and loading --- */

static void unload(struct profile_model *m)
{
	for (int i = 0; i < m->workers; i++) {
		struct worker *w = &m->worker[i];

		reload_free_state(&m->run, w->state);
		free(w->turn);
		free(w->target);
		free(w->out);
		arena_free(&w->mem);
		strbuf_free(&w->tmp);
	}
	free(m->worker);
	m->worker = NULL;
	m->workers = 0;
}

static int load_workers(struct profile_model *m, int workers, int threads, struct err *err)
{
	if (!NEW_ARRAY(m->worker, (size_t)workers))
		return err_set(err, ERR_NOMEM, "%s: no memory", m->o->run_dir);
	m->workers = workers;
	for (int i = 0; i < workers && !err->code; i++) {
		struct worker *w = &m->worker[i];

		w->env = (struct model_env){ .labels = m->o->bank->corpus->labels,
					     .threads = threads,
					     .log = m->o->log };
		if (!NEW_ARRAY(w->turn, m->longest) || !NEW_ARRAY(w->target, m->longest) ||
		    !NEW_ARRAY(w->out, (size_t)PROFILE_BATCH_MAX))
			err_set(err, ERR_NOMEM, "%s: no memory", m->o->run_dir);
		else
			w->state = reload_state(&m->run, &w->env, err);
	}
	return err->code;
}

int profile_model_use(struct profile_model *m, int workers, int threads,
		      struct profile_backend *back, struct err *err)
{
	double start = clock_s();

	unload(m);
	if (workers < 1 || workers > m->o->most_workers)
		return err_set(err, ERR_INTERNAL, "%d workers, %d at most", workers,
			       m->o->most_workers);
	if (m->asks)
		profile_asks_use(m->asks, workers, err);
	else
		load_workers(m, workers, threads, err);
	m->load_s = clock_s() - start;
	*back = (struct profile_backend){ .ctx = m,
					  .workers = workers,
					  .answer = m->asks ? ask_sample : answer_samples,
					  .now = now,
					  .wait = wait_until };
	return err->code;
}

/* Where the samples' measurements will come from. */
static enum profile_cues choose_cues(const struct profile_model *m)
{
	bool clips = false;

	for (int i = 0; i < m->samples.set.n && !clips; i++) {
		const struct utterance *u = utterance(m, i);

		clips = u->audio.path || u->video.path;
	}
	if (!(m->run.recipe.see & SEE_HEARD) || (!clips && !m->o->measuring->cues))
		return PROFILE_CUES_NONE;
	if (m->o->measuring->cues)
		return PROFILE_CUES_RECORDED;
	return m->o->cached_cues ? PROFILE_CUES_CACHED : PROFILE_CUES_MEASURED;
}

/* Writes the questions of a system that asks. */
static int open_asks(struct profile_model *m, struct err *err)
{
	const struct profile_model_options *o = m->o;

	m->env = (struct model_env){ .labels = o->bank->corpus->labels,
				     .threads = o->threads,
				     .log = o->log };
	m->state = reload_state(&m->run, &m->env, err);
	if (!m->state)
		return err->code;
	m->cues = PROFILE_CUES_PREPARED;
	m->asks = profile_asks_make(&(struct profile_asks_request){ .model = m->run.recipe.model,
								    .state = m->state,
								    .see = m->run.recipe.see,
								    .views = &m->views,
								    .corpus = o->bank->corpus,
								    .carrier = o->carrier,
								    .threads = o->threads,
								    .log = o->log,
								    .stop = o->stop },
				    &m->samples, &m->unreadable, err);
	return err->code;
}

static int open_parts(struct profile_model *m, struct err *err)
{
	const struct profile_model_options *o = m->o;
	const struct bank *b = o->bank;

	/* who sends the recording is asked about what has one */
	if (reload_open(&m->run, o->run_dir, b->corpus->labels, err) ||
	    reload_views(&m->run, b, m->run.recipe.see & SEE_MEDIA, o->limit, &m->views, err) ||
	    profile_samples_make(&m->samples, &m->views, b, o->samples, o->seed_samples, err))
		return err->code;
	if (m->run.recipe.model->ask)
		return open_asks(m, err);
	for (int k = 0; k < m->views.n; k++)
		if ((size_t)m->views.view[k].n > m->longest)
			m->longest = (size_t)m->views.view[k].n;
	for (int i = 0; i < m->samples.set.n; i++)
		m->unreadable += b->m[utterance(m, i) - b->corpus->utt].error != 0;
	m->cues = choose_cues(m);
	if (m->cues == PROFILE_CUES_MEASURED && !wording_make(&m->wording, b, b->words, err))
		m->measurer = measurer_new(b, o->measuring, o->most_workers, err);
	return err->code;
}

struct profile_model *profile_model_open(const struct profile_model_options *o, struct err *err)
{
	struct profile_model *m = mem_calloc(1, sizeof(*m));

	if (!m) {
		err_set(err, ERR_NOMEM, "%s: no memory", o->run_dir);
		return NULL;
	}
	m->o = o;
	if (open_parts(m, err)) {
		profile_model_close(m);
		return NULL;
	}
	return m;
}

void profile_model_close(struct profile_model *m)
{
	if (!m)
		return;
	unload(m);
	profile_asks_free(m->asks);
	reload_free_state(&m->run, m->state);
	measurer_free(m->measurer);
	wording_free(&m->wording);
	profile_samples_free(&m->samples);
	views_free(&m->views);
	reload_close(&m->run);
	free(m);
}

const struct profile_set *profile_model_set(const struct profile_model *m)
{
	return &m->samples.set;
}

const struct reloaded *profile_model_run(const struct profile_model *m)
{
	return &m->run;
}

enum profile_cues profile_model_cues(const struct profile_model *m)
{
	return m->cues;
}

const char *profile_model_id(const struct profile_model *m, int sample)
{
	return utterance(m, sample)->id;
}

int profile_model_unreadable(const struct profile_model *m)
{
	return m->unreadable;
}

bool profile_model_limited(const struct profile_model *m)
{
	return m->o->limit > 0;
}

double profile_model_load_s(const struct profile_model *m)
{
	return m->load_s;
}

const struct carrier *profile_model_carrier(const struct profile_model *m)
{
	return m->asks ? m->o->carrier : NULL;
}

const char *profile_model_served(const struct profile_model *m)
{
	return m->asks ? profile_asks_served(m->asks) : "";
}

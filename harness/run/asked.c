/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/asked.h"

#include <string.h>

#include "harness/base/map.h"
#include "harness/metrics/scores_json.h"
#include "harness/run/inquiry.h"
#include "harness/run/task_hash.h"

#define MOST_ALIKE 0.95 /* more equal replies or labels than this share are suspicious */

struct asking {
	const struct asked_request *rq;
	struct predictions *p;
	struct asked *out;
	int *first; /* (views) place of a view's first target */
};

static int place_of(const struct asking *a, int v, int t)
{
	const struct view *view = &a->rq->views->view[v];
	int place = a->first[v];

	for (int i = 0; i < t; i++)
		place += view->target[i] != 0;
	return place;
}

/* --- asking ---------------------------------------------------------------------------------- */

static int ask(void *ctx, int v, int t, int index, const struct reply *before, struct ask *out,
	       struct arena *mem, struct err *err)
{
	const struct asked_request *rq = ((struct asking *)ctx)->rq;

	(void)index;
	(void)before;
	return rq->model->ask(rq->state, &rq->views->view[v], t, out, mem, err);
}

/* Everything of a reply that is kept beside the answer. */
static int keep_reply(struct asking *a, int place, const struct reply *r, struct err *err)
{
	struct reply kept = *r;

	kept.text = "";
	kept.option = NULL;
	kept.n_options = 0;
	if (!reply_copy(&a->p->reply[place], &kept, &a->p->mem))
		err_set(err, ERR_NOMEM, "answers: no memory");
	return err->code;
}

static int take(void *ctx, int v, int t, int index, const struct reply *r, bool *again,
		struct err *err)
{
	struct asking *a = ctx;
	const struct asked_request *rq = a->rq;
	const struct view *view = &rq->views->view[v];
	const int place = place_of(a, v, t);
	struct answer *answer = &a->p->answer[place];

	(void)index;
	(void)again; /* one question a target */
	*answer = (struct answer){
		.label = -1, .strict = -1, .status = r->status, .cause = reply_cause_name[r->cause]
	};
	if (r->status == ANSWER_OK && rq->model->read(rq->state, view, t, r, answer, err))
		return err_wrap(err, "%s", view->turn[t].id);
	answer->model_ms = r->latency_ms;
	/* log-probabilities alone are no text */
	answer->raw = NULL;
	if ((r->status == ANSWER_OK || r->status == ANSWER_PARSE_FAIL) && *r->text &&
	    !(answer->raw = arena_strdup(&a->p->mem, r->text)))
		return err_set(err, ERR_NOMEM, "answers: no memory");
	if (keep_reply(a, place, r, err))
		return err->code;
	return predictions_check(a->p, place, rq->bank->corpus->labels->n, rq->model->name,
				 view->turn[t].id, err);
}

/* Mode and sampling, which all asks of a run share, from the first of them. */
static int note_first(void *ctx, const struct ask *ask, struct err *err)
{
	struct asked *out = ctx;
	struct strbuf b = { 0 };
	struct json_writer w;

	out->mode = ask->mode;
	json_begin(&w, &b, 0);
	ask_put_sampling(&w, NULL, &ask->sampling);
	if (b.oom || !str_copy(out->sampling, sizeof(out->sampling), strbuf_str(&b)))
		err_set(err, ERR_NOMEM, "sampling: no memory");
	strbuf_free(&b);
	return err->code;
}

static int look_at_first(const struct asked_request *rq, struct asked *out, struct err *err)
{
	for (int v = 0; v < rq->views->n; v++)
		for (int t = 0; t < rq->views->view[v].n; t++) {
			struct arena mem = { 0 };
			struct ask ask = { .id = "" };
			struct err e = { 0 };

			if (!rq->views->view[v].target[t])
				continue;
			if (!rq->model->ask(rq->state, &rq->views->view[v], t, &ask, &mem, &e))
				note_first(out, &ask, err);
			arena_free(&mem);
			if (e.code != ERR_DATA) /* nothing to ask about: look at the next */
				return e.code ? err_set(err, e.code, "%s", e.msg) : err->code;
		}
	return 0;
}

/* --- a look at the whole --------------------------------------------------------------------- */

static void warn_alike(const struct asked_request *rq, int most, int all, const char *what)
{
	if (most > MOST_ALIKE * all && all > 1)
		log_info(rq->log,
			 "warning: %d of %d %s are the same: look at some replies before trusting "
			 "the scores",
			 most, all, what);
}

/* How many answers have the cause of answer i; 0: it is not the first of them, or has none. */
static int of_cause(const struct predictions *p, int i)
{
	const char *cause = p->answer[i].cause;
	int n = 0;

	for (int k = 0; cause && k < p->n; k++) {
		const bool same = p->answer[k].cause && !strcmp(p->answer[k].cause, cause);

		if (same && k < i)
			return 0;
		n += same;
	}
	return n;
}

/* Why answers are without a label. */
static void tell_failures(const struct asked_request *rq, const struct predictions *p)
{
	struct strbuf why = { 0 };
	int failed = 0;

	for (int i = 0; i < p->n; i++) {
		const int n = p->answer[i].label < 0 ? of_cause(p, i) : 0;

		failed += p->answer[i].label < 0;
		if (n)
			strbuf_addf(&why, "%s %s %d", why.len ? "," : "", p->answer[i].cause, n);
	}
	if (failed)
		log_info(rq->log, "%d of %d answers are without a label:%s", failed, p->n,
			 strbuf_str(&why));
	strbuf_free(&why);
}

static int look_for_alike(const struct asked_request *rq, const struct predictions *p,
			  struct err *err)
{
	struct str_map replies = { 0 };
	int label[LABEL_MAX] = { 0 }, all = 0, most = 0, most_label = 0, labels = 0;

	for (int i = 0; i < p->n && !err->code; i++) {
		const struct answer *a = &p->answer[i];
		int *n = a->raw ? map_slot(&replies, a->raw) : NULL;

		if (a->raw && !n)
			err_set(err, ERR_NOMEM, "answers: no memory");
		if (n) {
			all++;
			*n = *n < 0 ? 1 : *n + 1;
			most = *n > most ? *n : most;
		}
		if (a->label >= 0) {
			labels++;
			label[a->label]++;
			most_label = label[a->label] > most_label ? label[a->label] : most_label;
		}
	}
	map_free(&replies);
	warn_alike(rq, most, all, "replies");
	warn_alike(rq, most_label, labels, "labels");
	return err->code;
}

static void finish(struct asking *a)
{
	struct predictions *p = a->p;

	tell_failures(a->rq, p);
	p->probs = (a->rq->model->flags & MODEL_PROBS) &&
		   (a->out->mode == ASK_LIKELIHOOD || a->out->mode == ASK_LETTERS);
	for (int i = 0; i < p->n; i++)
		if (p->gold[i] >= 0)
			confusion_add(&p->confusion, p->gold[i], p->answer[i].label);
}

/* Told before anything is paid for. */
static void tell_missing_clips(const struct asked_request *rq)
{
	const struct views *vs = rq->views;
	int missing = 0;

	for (int v = 0; v < vs->n; v++)
		for (int t = 0; t < vs->view[v].n; t++)
			missing += vs->view[v].target[t] &&
				   !views_have_clip(rq->bank->corpus, vs->index[v][t], rq->see);
	if (missing)
		log_info(rq->log,
			 "warning: %d of %d utterances have no clip and will end as decode_fail; "
			 "--only-clips leaves them out",
			 missing, vs->n_target);
}

static struct inquiry inquiry_of(struct asking *a)
{
	const struct asked_request *rq = a->rq;

	return (struct inquiry){
		.views = rq->views,
		.corpus = rq->bank->corpus,
		.see = rq->see,
		.threads = rq->threads,
		.clips = rq->clips,
		.log = rq->log,
		.stop = rq->stop,
		.ask = ask,
		.take = take,
		.ctx = a,
	};
}

int asked_show(const struct asked_request *rq,
	       int (*show)(void *ctx, const struct ask *ask, const char *why, struct err *err),
	       void *ctx, struct err *err)
{
	struct asking a = { .rq = rq };
	const struct inquiry q = inquiry_of(&a);

	return inquiry_show(&q, show, ctx, err);
}

int asked_predict(struct predictions *p, const struct asked_request *rq, struct asked *out,
		  struct err *err)
{
	struct asking a = { .rq = rq, .p = p, .out = out };
	const struct inquiry q = inquiry_of(&a);

	*out = (struct asked){ .mode = ASK_GENERATE };
	if (predictions_new(p, rq->views, rq->bank->corpus->labels->n, err))
		return err->code;
	p->reply = arena_array(&p->mem, (size_t)p->n, sizeof(*p->reply));
	a.first = arena_array(&p->mem, (size_t)rq->views->n, sizeof(*a.first));
	if (!p->reply || !a.first)
		err_set(err, ERR_NOMEM, "answers: no memory");
	for (int i = 1, v = 0; !err->code && i < p->n; i++)
		while (v < p->group[i])
			a.first[++v] = i;
	tell_missing_clips(rq);
	if (!err->code && !look_at_first(rq, out, err) &&
	    !inquiry_carry(&q, rq->carrier, rq->dir, &out->counts, &out->served, err) &&
	    !look_for_alike(rq, p, err))
		finish(&a);
	if (err->code)
		predictions_free(p);
	return err->code;
}

void asked_free(struct asked *a)
{
	strbuf_free(&a->served);
	*a = (struct asked){ .mode = ASK_GENERATE };
}

/* --- writing --------------------------------------------------------------------------------- */

static void put_text(struct json_writer *w, const char *key, const char *text)
{
	json_put_str(w, key, text && *text ? text : NULL);
}

/* Unknown counts are null. */
static void put_count(struct json_writer *w, const char *key, int64_t n)
{
	if (n < 0)
		json_put_str(w, key, NULL);
	else
		json_put_int(w, key, n);
}

void asked_write_reply(struct json_writer *w, const struct corpus *c, const struct predictions *p,
		       int i)
{
	const struct answer *a = &p->answer[i];
	const struct reply *r = &p->reply[i];
	struct sample_hashes h;

	w->out->oom |= !sample_hashes(c, p, i, &h);
	json_put_str(w, "strict", a->strict < 0 ? NULL : c->labels->word[a->strict]);
	put_text(w, "cause", a->cause);
	put_text(w, "finish_reason", r->finish_reason);
	json_put_str(w, "sample_hash", h.sample);
	json_put_str(w, "target_hash", h.target);
	put_text(w, "prompt_hash", r->prompt_hash);
	put_text(w, "media_hash", r->media_hash);
	put_text(w, "reply_hash", r->reply_hash);
	json_put_int(w, "attempts", r->attempts);
	put_count(w, "prompt_tokens", r->prompt_tokens);
	put_count(w, "completion_tokens", r->completion_tokens);
}

static void write_causes(struct json_writer *w, const struct predictions *p)
{
	json_open_object(w, "cause");
	for (int i = 0; i < p->n; i++) {
		const int n = of_cause(p, i);

		if (n)
			json_put_int(w, p->answer[i].cause, n);
	}
	json_close_object(w);
}

/* The first ask that ended without a reply of the back-end, and what was said. */
static void write_first_failure(struct json_writer *w, const struct corpus *c,
				const struct predictions *p)
{
	struct strbuf b = { 0 };
	int i = 0;

	while (i < p->n && p->answer[i].status != ANSWER_BACKEND_FAIL)
		i++;
	if (i < p->n)
		strbuf_addf(&b, "%s: %s: %s", c->utt[p->utt[i]].id, p->answer[i].cause,
			    p->reply[i].first_error);
	put_text(w, "first_failure", b.s);
	w->out->oom |= b.oom;
	strbuf_free(&b);
}

/* JSON text of ours as a value. */
static void put_object(struct json_writer *w, const char *key, const char *text)
{
	struct err ignored = { 0 };
	struct json *v = *text ? json_parse(text, strlen(text), key, &ignored) : NULL;

	if (v)
		json_put_value(w, key, v);
	else
		json_put_str(w, key, *text ? text : NULL);
	json_free(v);
}

void asked_write(struct json_writer *w, const struct carrier *c, const struct asked *a,
		 const struct corpus *corpus, const struct predictions *p)
{
	const struct ask_counts *n = &a->counts;
	char hash[SHA256_HEX];

	w->out->oom |= !task_hash(corpus, p, hash);
	json_open_object(w, "asked");
	json_put_str(w, "backend", c->backend);
	json_put_str(w, "name", c->name);
	put_object(w, "identity", a->served.len ? a->served.s : c->identity);
	json_put_str(w, "mode", ask_mode_name[a->mode]);
	put_object(w, "sampling", a->sampling);
	json_put_int(w, "concurrency", n->flying_most);
	json_put_str(w, "context_labels", "absent");
	json_put_str(w, "task_hash", hash);
	json_put_int(w, "asks", n->asks);
	json_put_int(w, "kept", n->kept);
	json_put_int(w, "shared", n->shared);
	json_put_int(w, "repeated", n->repeated);
	json_put_int(w, "prompt_tokens", n->prompt_tokens);
	json_put_int(w, "completion_tokens", n->completion_tokens);
	json_put_num(w, "cost", n->cost);
	write_causes(w, p);
	write_first_failure(w, corpus, p);
	json_close_object(w);
}

static void write_scores(struct json_writer *w, const char *key, const struct label_set *labels,
			 const struct confusion *c)
{
	struct scores s;

	scores_compute(c, &s);
	json_open_object(w, key);
	scores_write(w, labels, &s);
	json_close_object(w);
}

void asked_write_scores(struct json_writer *w, const struct label_set *labels,
			const struct predictions *p)
{
	struct confusion answered = { .k = labels->n }, strict = { .k = labels->n };

	for (int i = 0; i < p->n; i++) {
		if (p->gold[i] < 0)
			continue;
		confusion_add(&strict, p->gold[i], p->answer[i].strict);
		if (p->answer[i].status == ANSWER_OK)
			confusion_add(&answered, p->gold[i], p->answer[i].label);
	}
	write_scores(w, "answered_only", labels, &answered);
	write_scores(w, "strict", labels, &strict);
}

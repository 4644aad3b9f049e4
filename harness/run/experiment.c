/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/experiment.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/io.h"
#include "harness/run/environment.h"
#include "harness/run/prompt_file.h"

/* One run in flight; destroyed on every path. */
struct flight {
	const struct bank *bank;
	const struct recipe *recipe;
	const struct run_options *o;
	struct model_env env;
	struct run_record record;
	struct views train, dev, test;
	void *state;
	struct asked asked;
	double best_f1;
	struct err *err;
	char *final, *temp; /* result folder and its temporary name */
	int lock;	    /* held on temp while it is in use: what nobody holds is left over */
};

static void flight_end(struct flight *f)
{
	struct err ignored = { 0 };

	if (f->state)
		f->recipe->model->destroy(f->state);
	free(f->state);
	views_free(&f->train);
	views_free(&f->dev);
	views_free(&f->test);
	free(f->record.epoch);
	asked_free(&f->asked);
	if (f->temp)
		io_remove_tree(f->temp, &ignored);
	if (f->lock >= 0)
		close(f->lock);
	free(f->temp);
	free(f->final);
}

static int add_epoch(struct flight *f, const struct epoch *e, double dev_f1, bool best)
{
	struct run_record *r = &f->record;
	struct epoch_row *row;

	if (!GROW_ARRAY(r->epoch, r->cap_epoch, (size_t)r->n_epoch + 1))
		return err_set(f->err, ERR_NOMEM, "log: no memory");
	row = &r->epoch[r->n_epoch++];
	*row = (struct epoch_row){
		.number = e->number,
		.total = e->total,
		.loss = e->loss,
		.dev_f1 = dev_f1,
		.seconds = e->seconds,
		.best = best,
	};
	if (!str_copy(row->stage, sizeof(row->stage), e->stage))
		return err_set(f->err, ERR_INTERNAL, "stage name '%s' is too long", e->stage);
	return 0;
}

static enum epoch_verdict on_epoch(void *ctx, const struct epoch *e)
{
	struct flight *f = ctx;
	struct predictions p;
	double dev_f1 = NAN;
	bool best = e->score_dev && f->recipe->selection != SELECT_DEV_F1;

	if (*f->o->stop) {
		err_set(f->err, ERR_INTERRUPTED, "interrupted");
		return EPOCH_STOP;
	}
	if (e->score_dev && f->dev.n) {
		if (predict_views(&p, f->recipe->model, f->state, &f->dev, f->env.labels->n,
				  f->o->stop, f->err))
			return EPOCH_STOP;
		dev_f1 = scores_weighted_f1(&p.confusion);
		predictions_free(&p);
		if (f->recipe->selection == SELECT_DEV_F1 && dev_f1 > f->best_f1) {
			f->best_f1 = dev_f1;
			best = true;
		}
	}
	log_debug(f->o->log, "%s %s %d/%d loss %.4f dev %.4f%s %.1fs", f->record.id, e->stage,
		  e->number, e->total, e->loss, dev_f1, best ? " *" : "", e->seconds);
	if (add_epoch(f, e, dev_f1, best))
		return EPOCH_STOP;
	return best ? EPOCH_BEST : EPOCH_GO_ON;
}

static int make_paths(struct flight *f, struct err *err)
{
	char name[RUN_ID_MAX + 32];
	char *runs = path_join(f->o->results, "runs");

	if (runs && !io_mkdirs(runs, err)) {
		if (!str_format(name, sizeof(name), RUN_TEMP "%ld-%s", (long)getpid(),
				f->record.id))
			err_set(err, ERR_INTERNAL, "%s: name too long", f->record.id);
		f->final = path_join(runs, f->record.id);
		f->temp = path_join(runs, name);
	}
	free(runs);
	if (!f->final || !f->temp)
		return err_set(err, ERR_NOMEM, "%s: no memory", f->record.id);
	return err->code;
}

/* Which modalities the recipe, the model and the corpus have in common. */
static unsigned effective_see(const struct bank *bank, const struct recipe *recipe)
{
	unsigned always = SEE_TEXT | SEE_HISTORY;

	return recipe->see & (bank->heard | always);
}

/* What an id depends on. */
static struct run_record record_of(const struct bank *bank, const struct recipe *recipe,
				   uint64_t seed, const struct run_options *o)
{
	return (struct run_record){
		.bank = bank,
		.recipe = recipe,
		.seed = seed,
		.see = effective_see(bank, recipe),
		.limited = o->limit > 0 || o->only_clips,
		.limit = o->limit,
		.only_clips = o->only_clips,
		.why_limited = o->limit > 0    ? "only the first dialogues of each split (--limit)"
			       : o->only_clips ? "only utterances with a clip (--only-clips)"
					       : "",
		.max_failures = o->max_failures,
		.carrier = recipe->model->ask ? o->carrier : NULL,
		.threads = o->threads,
	};
}

int experiment_id(const struct bank *bank, const struct recipe *recipe, uint64_t seed,
		  const struct run_options *o, char id[RUN_ID_MAX], struct err *err)
{
	struct run_record r = record_of(bank, recipe, seed, o);

	if (!record_id(&r, err))
		memcpy(id, r.id, sizeof(r.id));
	return err->code;
}

bool experiment_done(const char *results, const char *id)
{
	struct strbuf path = { 0 };
	bool there;

	strbuf_addf(&path, "%s/runs/%s/manifest.json", results, id);
	there = !path.oom && io_is_file(strbuf_str(&path));
	strbuf_free(&path);
	return there;
}

static int prepare(struct flight *f, uint64_t seed, struct err *err)
{
	const struct recipe *rc = f->recipe;
	struct views_request rq = { .window = rc->window, .limit = f->o->limit };

	f->best_f1 = -1;
	f->record = record_of(f->bank, rc, seed, f->o);
	environment_time(f->record.started);
	if (rc->model->needs & ~f->record.see)
		return err_set(err, ERR_DATA,
			       "%s: the corpus does not offer what model %s needs (no clips, and "
			       "no recorded measurements given with --cues?)",
			       rc->name, rc->model->name);
	f->env = (struct model_env){
		.labels = f->bank->corpus->labels,
		.opts = &rc->opts,
		.see = f->record.see,
		.seed = seed,
		.threads = f->o->threads,
		.log = f->o->log,
		.epoch_end = on_epoch,
		.epoch_ctx = f,
	};
	rq.see = f->record.see;
	rq.split = SPLIT_TRAIN;
	if (record_id(&f->record, err) || views_make(&f->train, f->bank, &rq, err))
		return err->code;
	rq.split = SPLIT_DEV;
	if (views_make(&f->dev, f->bank, &rq, err))
		return err->code;
	rq.split = SPLIT_TEST;
	rq.only_media = f->o->only_clips;
	return views_make(&f->test, f->bank, &rq, err);
}

static int train(struct flight *f, struct err *err)
{
	const struct model_ops *m = f->recipe->model;
	struct samples train = { f->train.view, f->train.label, f->train.n };
	double start = clock_s();

	f->state = mem_calloc(1, m->state_size);
	if (!f->state)
		return err_set(err, ERR_NOMEM, "%s: no memory", m->name);
	if (m->init(f->state, &f->env, err))
		return err_wrap(err, "%s", m->name);
	if ((m->flags & MODEL_TRAINS) && m->fit(f->state, &train, err))
		return err_wrap(err, "%s", m->name);
	f->record.state = f->state;
	f->record.taken = m->sees ? m->sees(f->state) : f->record.see;
	f->record.train_s = clock_s() - start;
	f->record.parameters = m->parameters ? m->parameters(f->state) : 0;
	return 0;
}

static int save(struct flight *f, struct err *err)
{
	const struct model_ops *m = f->recipe->model;
	char *model = path_join(f->temp, "model.ckpt"), *words = path_join(f->temp, "words.json");

	if (!model || !words)
		err_set(err, ERR_NOMEM, "%s: no memory", f->record.id);
	else if (f->o->save_model && m->save && !m->save(f->state, model, err))
		io_write_atomic(words, f->bank->words, strlen(f->bank->words), err);
	free(model);
	free(words);
	return err->code;
}

/* Is the folder behind fd still the one of this name? */
static bool same_folder(int fd, const char *path)
{
	struct stat held, named;

	return !fstat(fd, &held) && !stat(path, &named) && held.st_dev == named.st_dev &&
	       held.st_ino == named.st_ino;
}

/* Between making and locking, another process may take the folder for a leftover. */
static int make_temp(struct flight *f, struct err *err)
{
	for (int tries = 0; tries < 100; tries++) {
		if (io_mkdirs(f->temp, err))
			return err->code;
		f->lock = open(f->temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (f->lock >= 0 && flock(f->lock, LOCK_EX))
			break;
		if (f->lock >= 0 && same_folder(f->lock, f->temp))
			return 0;
		if (f->lock >= 0)
			close(f->lock);
		f->lock = -1;
	}
	return err_set(err, ERR_IO, "%s: cannot be made and kept: %s", f->temp, strerror(errno));
}

/* A result that is replaced leaves its name whole and at once. */
static int take_away_old(const struct flight *f, struct strbuf *old, struct err *err)
{
	strbuf_addf(old, "%s-old", f->temp);
	if (old->oom)
		return err_set(err, ERR_NOMEM, "%s: no memory", f->final);
	if (!io_is_dir(f->final) || io_remove_tree(old->s, err))
		return err->code;
	return io_rename(f->final, old->s, err);
}

/* Gives the finished folder its name.  If another process was quicker with the same run,
 * its result stands. */
static int put_in_place(struct flight *f, struct err *err)
{
	struct strbuf old = { 0 };
	struct err why = { 0 };

	if (f->o->again && take_away_old(f, &old, err)) {
		strbuf_free(&old);
		return err->code;
	}
	if (io_rename(f->temp, f->final, &why) &&
	    (!io_is_dir(f->temp) || !experiment_done(f->o->results, f->record.id)))
		*err = why;
	if (!err->code && old.len)
		io_remove_tree(old.s, err);
	strbuf_free(&old);
	return err->code;
}

/* A run over some of the dialogues shares the folder with the whole one. */
char *experiment_asks(const struct bank *bank, const struct recipe *recipe, uint64_t seed,
		      const struct run_options *o, struct err *err)
{
	struct run_record r = record_of(bank, recipe, seed, o);
	struct strbuf b = { 0 };

	r.limited = false;
	if (!record_id(&r, err))
		strbuf_addf(&b, "%s/asks/%s", o->results, r.id);
	if (b.oom)
		err_set(err, ERR_NOMEM, "%s: no memory", r.id);
	return b.s;
}

/* Answers the test split. */
static int answer(struct flight *f, struct predictions *p, struct err *err)
{
	const struct model_ops *m = f->recipe->model;
	char *dir = NULL;
	struct asked_request rq = {
		.model = m,
		.state = f->state,
		.views = &f->test,
		.bank = f->bank,
		.see = f->record.see,
		.threads = f->o->clip_threads,
		.clips = f->o->clips,
		.carrier = f->o->carrier,
		.log = f->o->log,
		.stop = f->o->stop,
	};

	if (!m->ask)
		return predict_views(p, m, f->state, &f->test, f->env.labels->n, f->o->stop, err);
	rq.dir = dir = experiment_asks(f->bank, f->recipe, f->record.seed, f->o, err);
	if (!err->code && !asked_predict(p, &rq, &f->asked, err)) {
		f->record.asked = &f->asked;
		if (f->o->keep_prompts && prompt_file_write(&rq, err))
			predictions_free(p);
	}
	free(dir);
	return err->code;
}

static int write_result(struct flight *f, double start, struct run_outcome *out, struct err *err)
{
	struct run_record *r = &f->record;
	struct predictions p = { 0 };

	if (answer(f, &p, err))
		return err->code;
	out->weighted_f1 = scores_weighted_f1(&p.confusion);
	if (!predict_prompts(f->recipe->model, f->state, &f->test, r->prompts, err) &&
	    !make_temp(f, err) && !record_predictions(r, &p, f->temp, err) &&
	    !record_metrics(r, &p, f->temp, err) && !record_log(r, f->temp, err) && !save(f, err)) {
		r->wall_s = clock_s() - start;
		record_manifest(r, &p, f->temp, err);
	}
	predictions_free(&p);
	return err->code ? err->code : put_in_place(f, err);
}

/* Asks of a finished run, those that ended without a reply, and what they cost. */
struct failures {
	double all, clip, backend, cost;
	struct strbuf causes; /* of the back-end's, with their numbers */
	char first[256];      /* the first of those: utterance, cause and what was said */
};

/* Why asks ended without a reply of the back-end. */
static void read_causes(const struct json *asked, struct failures *n)
{
	for (int k = CAUSE_CONNECTION; k < CAUSE_MEDIA; k++) {
		const double count =
			json_num(json_get(json_get(asked, "cause"), reply_cause_name[k]), 0);

		if (count > 0)
			strbuf_addf(&n->causes, "%s%s %.0f", n->causes.len ? ", " : "",
				    reply_cause_name[k], count);
	}
	snprintf(n->first, sizeof(n->first), "%s", json_str(json_get(asked, "first_failure"), ""));
}

static int read_failures(const struct flight *f, struct failures *n, struct err *err)
{
	char *path = path_join(f->final, "manifest.json");
	struct json *m = path ? json_read_file(path, MANIFEST_MAX, err) : NULL;
	const struct json *counts = json_get(m, "counts");

	*n = (struct failures){
		.clip = json_num(json_get(counts, answer_status_name[ANSWER_DECODE_FAIL]), 0),
		.backend = json_num(json_get(counts, answer_status_name[ANSWER_BACKEND_FAIL]), 0),
		.cost = json_num(json_get(json_get(m, "asked"), "cost"), 0),
	};
	for (const struct json *c = json_at(counts, 0); c; c = json_next(c))
		n->all += json_num(c, 0);
	read_causes(json_get(m, "asked"), n);
	if (!path)
		err_set(err, ERR_NOMEM, "%s: no memory", f->record.id);
	json_free(m);
	free(path);
	return err->code;
}

/* ERR_INCOMPLETE when they are more than are borne. */
static int judge_failures(const struct flight *f, const struct failures *n, struct err *err)
{
	const double failed = n->clip + n->backend;
	struct strbuf b = { 0 };

	if (answers_borne(failed, n->all, f->o->max_failures))
		return 0;
	if (n->clip > 0)
		strbuf_addf(&b, "; %.0f have no clip that can be read%s", n->clip,
			    f->o->only_clips ? "" : ": --only-clips leaves out what has none");
	if (n->backend > 0)
		strbuf_addf(&b,
			    "; %.0f got none from the back-end (%s; first: %s): once that is "
			    "mended, --retry-failed asks them again",
			    n->backend, strbuf_str(&n->causes), n->first);
	err_set(err, ERR_INCOMPLETE,
		"%s: %.0f of %.0f asks ended without a reply%s; --max-failures bears them",
		f->record.id, failed, n->all, strbuf_str(&b));
	strbuf_free(&b);
	return err->code;
}

/* What is borne may be more than it was, or less. */
static int reclassify(const struct flight *f, const struct failures *n, struct err *err)
{
	char why[RECORD_WHY];

	if (f->record.limited)
		return 0;
	record_why_failed((int64_t)(n->clip + n->backend), (int64_t)n->all, f->o->max_failures,
			  why);
	return record_class(f->final, why, err);
}

static int check_backend(const struct flight *f, struct err *err)
{
	if (f->recipe->model->ask && !f->o->carrier)
		err_set(err, ERR_ARG,
			"%s: this system asks a served model: name it with --backend "
			"(PROFILE.json, exec:COMMAND or replay:FILE)",
			f->recipe->name);
	return err->code;
}

/* Is the run's result there, and to be left alone?  One whose failed asks are to be asked again is
 * replaced. */
static bool is_done(struct flight *f, struct run_options *o, double *cost, struct err *err)
{
	struct failures n = { 0 };

	if (o->again || !experiment_done(o->results, f->record.id))
		return false;
	if (!f->recipe->model->ask)
		return true;
	if (!read_failures(f, &n, err)) {
		*cost = n.cost;
		o->again = n.backend > 0 && o->carrier->retry_failed;
		if (!o->again && !reclassify(f, &n, err))
			judge_failures(f, &n, err);
	}
	strbuf_free(&n.causes);
	return !o->again;
}

/* Trains, answers, writes the result. */
static int carry_out(struct flight *f, double start, struct run_outcome *out, struct err *err)
{
	struct failures n = { 0 };

	if (train(f, err) || write_result(f, start, out, err) || !f->recipe->model->ask)
		return err->code;
	if (!read_failures(f, &n, err))
		judge_failures(f, &n, err);
	strbuf_free(&n.causes);
	return err->code;
}

int experiment_run(const struct bank *bank, const struct recipe *recipe, uint64_t seed,
		   const struct run_options *o, struct run_outcome *out, struct err *err)
{
	struct run_options mine = *o;
	struct flight f = { .bank = bank, .recipe = recipe, .o = &mine, .err = err, .lock = -1 };
	double start = clock_s();

	*out = (struct run_outcome){ .weighted_f1 = NAN };
	if (check_backend(&f, err) || prepare(&f, seed, err) || make_paths(&f, err))
		goto end;
	memcpy(out->id, f.record.id, sizeof(out->id));
	if (is_done(&f, &mine, &out->cost, err)) {
		out->skipped = true;
		goto end;
	}
	if (!f.train.n_target || !f.test.n_target)
		err_set(err, ERR_DATA, "%s: no %s in %s", bank->corpus->root,
			o->only_clips ? "utterances with a clip" : "labelled utterances",
			f.train.n_target ? "test" : "train");
	else
		carry_out(&f, start, out, err);
	out->cost = f.asked.counts.cost;
	out->away = f.asked.counts.away;
end:
	flight_end(&f);
	return err->code;
}

static int show_asks(struct flight *f,
		     int (*show)(void *ctx, const struct ask *ask, const char *why,
				 struct err *err),
		     void *ctx, struct err *err)
{
	const struct asked_request rq = {
		.model = f->recipe->model,
		.state = f->state,
		.views = &f->test,
		.bank = f->bank,
		.see = f->record.see,
		.clips = f->o->clips,
		.stop = f->o->stop,
	};

	return asked_show(&rq, show, ctx, err);
}

int experiment_show(const struct bank *bank, const struct recipe *recipe, uint64_t seed,
		    const struct run_options *o,
		    int (*show)(void *ctx, const struct ask *ask, const char *why, struct err *err),
		    void *ctx, struct err *err)
{
	struct flight f = { .bank = bank, .recipe = recipe, .o = o, .err = err, .lock = -1 };

	if (recipe->model->ask && !prepare(&f, seed, err) && !train(&f, err))
		show_asks(&f, show, ctx, err);
	flight_end(&f);
	return err->code;
}

/* SPDX-License-Identifier: Apache-2.0
 * merc sweep
 */
#include "harness/cli/verbs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/io.h"
#include "harness/cli/backend.h"
#include "harness/cli/dry_run.h"
#include "harness/cli/load.h"
#include "harness/cli/sweeps.h"
#include "harness/remote/carrier.h"
#include "harness/report/merge.h"
#include "harness/run/clip_store.h"
#include "harness/run/environment.h"
#include "harness/run/ranks.h"
#include "harness/run/see.h"

static const struct opt_spec sweep_opts[] = {
	OPT_CORPUS,
	OPT_ROOT,
	OPT_DATA_SET,
	OPT_CUES,
	OPT_CACHE,
	OPT_RESULTS,
	{ .name = "axis",
	  .type = OPT_STR,
	  .fallback = "",
	  .letter = 'a',
	  .arg = "X=A,B,...",
	  .help = "values of an option or field: a,b,c or first-last+step or first-last*factor; "
		  "once for each axis",
	  .many = true },
	{ .name = "seeds",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "N,A-B",
	  .help = "seeds, instead of those in SPEC" },
	{ .name = "set",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "A=B,...",
	  .help = "options of the model for every run" },
	{ .name = "name",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "NAME",
	  .help = "name of the sweep's folder, after the corpus" },
	{ .name = "limit",
	  .type = OPT_INT,
	  .fallback = "0",
	  .max = 1e9,
	  .arg = "N",
	  .help = "first N dialogues of each split only: not a result" },
	{ .name = "jobs",
	  .type = OPT_INT,
	  .fallback = "0",
	  .max = 64,
	  .letter = 'j',
	  .arg = "N",
	  .help = "runs side by side (0: one a core)" },
	{ .name = "max-jobs",
	  .type = OPT_INT,
	  .fallback = "500",
	  .min = 1,
	  .max = 1e6,
	  .arg = "N",
	  .help = "refuse a sweep of more runs than this" },
	{ .name = "shard",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "I/N",
	  .help = "only every N-th run, from run I (from 0); auto: as Slurm, Open MPI or PMI say" },
	{ .name = "dry-run",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .letter = 'n',
	  .help = "run nothing; list the runs and, given --root, what is done, how long the rest "
		  "takes and what it would ask" },
	{ .name = "save",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .help = "keep the trained models in the result folders" },
	OPT_REPLICATES,
	OPT_SUMMARY_FORMAT,
	BACKEND_OPTS,
	KEEP_PROMPTS_OPT,
	OPT_END,
};

/* Everything between reading the sweep and ending it. */
struct sweeping {
	struct cli *c;
	struct sweep sweep;
	struct shard shard;
	struct bank bank;
	char *dir;
	bool *keep; /* (plan.n) runs of this shard */
	int jobs;
	struct carrier carrier; /* zeroed: no back-end is named */
	struct clip_store *clips;
};

static const char *text_or_null(const struct cli *c, const char *name)
{
	const char *s = opt_str(&c->opts, name);

	return *s ? s : NULL;
}

/* Runs turn round the shards: neighbours, which cost about the same, are spread. */
static int keep_ours(struct sweeping *w, struct err *err)
{
	if (!NEW_ARRAY(w->keep, (size_t)w->sweep.plan.n))
		return err_set(err, ERR_NOMEM, "sweep: no memory");
	for (int i = 0; i < w->sweep.plan.n; i++)
		w->keep[i] = i % w->shard.n == w->shard.i && !w->sweep.run[i].left_out;
	return 0;
}

static const char *run_state(const struct sweeping *w, int i)
{
	const struct sweep_run *run = &w->sweep.run[i];

	if (run->left_out)
		return "left out";
	if (run->done)
		return "done";
	return w->keep[i] ? "to do" : "another shard's";
}

struct forecast {
	int done, to_do, known; /* known: finished runs behind the estimate */
	double seconds;		/* of all that is to do, NaN: not known */
};

static struct forecast forecast(const struct sweeping *w)
{
	const struct sweep *s = &w->sweep;
	struct forecast f = { 0 };
	double one = sweep_seconds(s, w->dir, opt_str(&w->c->opts, "results"),
				   opt_str(&w->c->opts, "corpus"), &f.known);

	for (int i = 0; i < s->plan.n; i++) {
		f.done += s->run[i].done;
		f.to_do += w->keep[i] && !s->run[i].done;
	}
	f.seconds = one * ceil((double)f.to_do / w->jobs);
	return f;
}

static void list_json(const struct sweeping *w, const struct forecast *f)
{
	struct strbuf b = { 0 };
	struct json_writer j;

	json_begin(&j, &b, 1);
	json_open_object(&j, NULL);
	json_put_int(&j, "schema_version", 1);
	json_put_str(&j, "name", w->sweep.name);
	json_put_int(&j, "runs", w->sweep.plan.n);
	json_put_int(&j, "done", f->done);
	json_put_int(&j, "to_do", f->to_do);
	json_put_int(&j, "jobs", w->jobs);
	json_put_num(&j, "seconds", f->seconds);
	json_put_int(&j, "seconds_from_runs", f->known);
	json_open_array(&j, "list");
	for (int i = 0; i < w->sweep.plan.n; i++) {
		json_open_object(&j, NULL);
		json_put_str(&j, "label", w->sweep.plan.run[i].label);
		json_put_str(&j, "id", *w->sweep.run[i].id ? w->sweep.run[i].id : NULL);
		json_put_str(&j, "state", run_state(w, i));
		json_close_object(&j);
	}
	json_close_array(&j);
	json_close_object(&j);
	puts(strbuf_str(&b));
	strbuf_free(&b);
}

static int list_runs(const struct sweeping *w, struct err *err)
{
	const struct sweep *s = &w->sweep;
	struct forecast f = forecast(w);

	if (!strcmp(opt_str(&w->c->opts, "format"), "json")) {
		list_json(w, &f);
		return err->code;
	}
	for (int i = 0; i < s->plan.n; i++)
		printf("%s  %s  %s\n", s->plan.run[i].label, *s->run[i].id ? s->run[i].id : "-",
		       run_state(w, i));
	printf("%s: %d runs of %d combinations: %d done, %d to do here", s->name, s->plan.n,
	       s->n_points, f.done, f.to_do);
	if (f.known)
		printf("; about %.*f s with %d side by side (from %d finished runs)\n",
		       f.seconds < 10, f.seconds, w->jobs, f.known);
	else
		puts("; time unknown: no such run has finished yet");
	return err->code;
}

static struct run_options options_of(const struct sweeping *w)
{
	const struct cli *c = w->c;

	return (struct run_options){
		.results = w->dir,
		.save_model = opt_bool(&c->opts, "save"),
		.limit = (int)opt_int(&c->opts, "limit"),
		.threads = 1,
		.carrier = w->carrier.ctx ? &w->carrier : NULL,
		.keep_prompts = opt_bool(&c->opts, "keep-prompts"),
		.max_failures = opt_num(&c->opts, "max-failures"),
		.clip_threads = c->threads,
		.clips = w->clips,
		.log = &c->log,
		.stop = c->stop,
	};
}

/* What the runs to do would ask, and what that costs. */
static int estimate_asks(const struct sweeping *w, struct err *err)
{
	const struct run_options o = options_of(w);
	struct dry_run all = { .carrier = o.carrier };

	for (int i = 0; i < w->sweep.plan.n && !err->code; i++) {
		struct recipe r;

		if (!w->keep[i] || w->sweep.run[i].done)
			continue;
		if (!recipe_planned(&r, &w->sweep.plan, i, w->bank.corpus->name, NULL,
				    text_or_null(w->c, "set"), err) &&
		    r.model->ask)
			dry_run_experiment(&all, &w->bank, &r, w->sweep.plan.run[i].seed, &o,
					   dry_run_count, err);
		recipe_free(&r);
	}
	if (!err->code && all.asks)
		dry_run_sum(&all, &w->c->log);
	kept_close(all.kept);
	return err->code;
}

static unsigned all_seen(const struct sweeping *w, struct err *err)
{
	unsigned seen = 0;

	for (int i = 0; i < w->sweep.plan.n && !err->code; i++) {
		struct recipe r;

		if (!recipe_planned(&r, &w->sweep.plan, i, opt_str(&w->c->opts, "corpus"), NULL,
				    text_or_null(w->c, "set"), err))
			seen |= r.see;
		recipe_free(&r);
	}
	return seen;
}

static int write_status(const struct sweeping *w, enum sweep_status status, struct err *err)
{
	int hold = sweep_hold(w->dir, err);

	if (hold < 0)
		return err->code;
	if (status == SWEEP_STARTED)
		sweep_begin(&w->sweep, &w->bank, &w->shard, w->dir, err);
	else
		sweep_status_write(w->dir, w->sweep.hash, &w->shard, status, err);
	close(hold);
	return err->code;
}

static int carry_out(struct sweeping *w, struct err *err)
{
	struct cli *c = w->c;
	const struct run_options o = options_of(w);
	struct err ignored = { 0 };
	int done, skipped;

	if (w->shard.n > 1)
		log_info(&c->log, "shard %d of %d (%s)", w->shard.i, w->shard.n, w->shard.source);
	if (write_status(w, SWEEP_STARTED, err))
		return err->code;
	suite_run(&w->bank, &w->sweep.plan, w->keep, NULL, text_or_null(c, "set"), w->jobs, &o,
		  &done, &skipped, err);
	log_info(&c->log, "%d runs done, %d were there already, results in %s/runs", done, skipped,
		 w->dir);
	if (err->code)
		write_status(w, err->code == ERR_INTERRUPTED ? SWEEP_INTERRUPTED : SWEEP_ERROR,
			     &ignored);
	else if (w->shard.n > 1)
		write_status(w, SWEEP_COMPLETE, err);
	return err->code;
}

/* Failed runs do not take the summary of the others with them: it says that it is no result. */
static int summarize(const struct sweeping *w, struct err *err)
{
	struct err first = *err;

	*err = (struct err){ 0 };
	sweeps_summarize(w->c, w->dir, w->sweep.hash, err);
	if (first.code)
		*err = first;
	return err->code;
}

/* Every rank's shard has ended; the first rank joins them. */
static int join_ranks(const struct sweeping *w, struct err *err)
{
	const char *const dir = w->dir;
	struct sweep_file file = { 0 };
	int failed, missing;

	if (ranks_meet(err->code != 0, &failed, err) || w->shard.i)
		return err->code;
	if (failed)
		return err_set(err, ERR_INCOMPLETE, "%d of %d ranks failed; they say why", failed,
			       w->shard.n);
	merge_sweeps(&dir, 1, dir, false, &file, &missing, err);
	sweep_file_free(&file);
	return err->code ? err->code : summarize(w, err);
}

static int finish(const struct sweeping *w, bool ranks, struct err *err)
{
	if (w->shard.n > 1 && ranks)
		return join_ranks(w, err);
	if (w->shard.n == 1 && (!err->code || err->code == ERR_INCOMPLETE))
		return summarize(w, err);
	if (!err->code)
		log_info(&w->c->log, "this shard is complete; after all: merc merge %s", w->dir);
	return err->code;
}

static int make_dir_name(struct sweeping *w, struct err *err)
{
	struct strbuf b = { 0 };

	strbuf_addf(&b, "%s/sweeps/%s", opt_str(&w->c->opts, "results"), w->sweep.name);
	w->dir = b.s;
	return b.oom ? err_set(err, ERR_NOMEM, "sweep: no memory") : 0;
}

static int read_request(struct sweeping *w, const char *dataset, bool *ranks, struct err *err)
{
	struct cli *c = w->c;
	struct sweep_request rq = {
		.path = c->operand[0],
		.axes = opt_str(&c->opts, "axis"),
		.seeds = text_or_null(c, "seeds"),
		.set = text_or_null(c, "set"),
		.name = text_or_null(c, "name"),
		.max_jobs = (int)opt_int(&c->opts, "max-jobs"),
	};

	*ranks = !text_or_null(c, "shard") && !opt_bool(&c->opts, "dry-run");
	if (backend_jobs(c, &w->jobs, err) || sweep_read(&w->sweep, &rq, dataset, err) ||
	    make_dir_name(w, err))
		return err->code;
	return *ranks ? ranks_begin(&w->shard, err)
		      : shard_parse(&w->shard, opt_str(&c->opts, "shard"), err);
}

/* Loads the data and learns what is what; without --root a dry run does without. */
static int prepare(struct sweeping *w, struct corpus *corpus, struct gold *gold, struct err *err)
{
	struct cli *c = w->c;
	unsigned seen = all_seen(w, err);
	struct run_options o;

	if (err->code || (*opt_str(&c->opts, "backend") && backend_carrier(c, &w->carrier, err)))
		return err->code;
	o = options_of(w);
	if (opt_bool(&c->opts, "dry-run") && !*opt_str(&c->opts, "root"))
		return keep_ours(w, err);
	if (!load_corpus(c, corpus, gold, err) &&
	    !load_bank(c, corpus, gold, load_measures(seen), NULL, &w->bank, err) &&
	    !(seen & SEE_MEDIA && load_clip_store(c, &w->clips, err)) &&
	    !sweep_resolve(&w->sweep, &w->bank, text_or_null(c, "set"), &o, err))
		keep_ours(w, err);
	return err->code;
}

static int run_sweep(struct cli *c, struct err *err)
{
	const struct dataset_ops *d = load_dataset(c, err);
	struct sweeping w = { .c = c };
	struct corpus corpus = { 0 };
	struct gold gold = { 0 };
	bool ranks = false;

	if (!d)
		return 0;
	environment_warn(&c->log);
	if (!read_request(&w, d->name, &ranks, err) && !prepare(&w, &corpus, &gold, err)) {
		if (opt_bool(&c->opts, "dry-run") && !list_runs(&w, err) && w.bank.corpus)
			estimate_asks(&w, err);
		else if (!opt_bool(&c->opts, "dry-run"))
			carry_out(&w, err);
		/* a rank that is stopped or has no data to work on does not wait for the others:
		 * that it ends so tells mpirun to end them */
		if (!opt_bool(&c->opts, "dry-run") && !*c->stop) {
			finish(&w, ranks, err);
			ranks_end();
		}
	}
	carrier_close(&w.carrier);
	clip_store_close(w.clips);
	free(w.keep);
	free(w.dir);
	bank_free(&w.bank);
	sweep_free(&w.sweep);
	corpus_free(&corpus);
	gold_free(&gold);
	return 0;
}

const struct verb verb_sweep = {
	.name = "sweep",
	.operands = "SPEC",
	.min_operands = 1,
	.max_operands = 1,
	.summary = "Run every combination of the values of some options, and sum up",
	.doc = "SPEC is a sweep (JSON with \"base\" and \"axes\"), or a recipe or suite for the "
	       "axes "
	       "of --axis: options of the model, or recipe, model, see, window, selection, "
	       "without. "
	       "A comma inside of a value is written \\,. The results go to "
	       "RESULTS/sweeps/NAME, with a table (summary.md, .csv, .json) and a picture for each "
	       "axis; the combination is chosen by dev score.\n"
	       "A run whose result is there is skipped, so that the same command goes on after an "
	       "interruption, and a longer axis runs only what is new. Shards are joined by merc "
	       "merge; built with MPI=1 and started by mpirun, each rank is a shard.",
	.opts = sweep_opts,
	.run = run_sweep,
};

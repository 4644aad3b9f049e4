/* SPDX-License-Identifier: Apache-2.0
 * merc run | predict | validate
 */
#include "harness/cli/verbs.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/cli/backend.h"
#include "harness/cli/dry_run.h"
#include "harness/cli/load.h"
#include "harness/remote/carrier.h"
#include "harness/run/clip_store.h"
#include "harness/run/environment.h"
#include "harness/run/experiment.h"
#include "harness/run/offer.h"

#define SEED_OPT                                                                                   \
	{                                                                                          \
		.name = "seeds", .type = OPT_STR, .fallback = "", .arg = "N,...",                  \
		.help = "seeds, instead of those in SPEC"                                          \
	}
#define WITHOUT_OPT                                                                                \
	{                                                                                          \
		.name = "without", .type = OPT_STR, .fallback = "", .arg = "A,...",                \
		.help = "take away: text audio behaviour face body posture history alignment"      \
	}
#define SET_OPT                                                                                    \
	{                                                                                          \
		.name = "set", .type = OPT_STR, .fallback = "", .arg = "A=B,...",                  \
		.help = "options of the model, over those in SPEC"                                 \
	}
#define LIMIT_OPT                                                                                  \
	{                                                                                          \
		.name = "limit", .type = OPT_INT, .fallback = "0", .max = 1e9, .arg = "N",         \
		.help = "first N dialogues of each split only: not a result"                       \
	}

static const struct opt_spec run_opts[] = {
	OPT_CORPUS,
	OPT_ROOT,
	OPT_DATA_SET,
	OPT_CUES,
	OPT_CACHE,
	OPT_RESULTS,
	SEED_OPT,
	WITHOUT_OPT,
	SET_OPT,
	LIMIT_OPT,
	{ .name = "jobs",
	  .type = OPT_INT,
	  .fallback = "0",
	  .max = 64,
	  .letter = 'j',
	  .arg = "N",
	  .help = "runs side by side (0: one a core)" },
	{ .name = "again",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .help = "run even if the result is there" },
	{ .name = "save",
	  .type = OPT_CHOICE,
	  .fallback = "true",
	  .choices = "true|false",
	  .arg = "BOOL",
	  .help = "keep the trained model in the result folder" },
	{ .name = "only-clips",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .help = "answer only utterances whose clip is there: not a result" },
	BACKEND_OPTS,
	KEEP_PROMPTS_OPT,
	{ .name = "dry-run",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .letter = 'n',
	  .help = "print what would run and be asked, and what that would cost; do nothing" },
	OPT_END,
};

static const char *text_or_null(const struct cli *c, const char *name)
{
	const char *s = opt_str(&c->opts, name);

	return *s ? s : NULL;
}

static struct run_options options_of(struct cli *c, const struct carrier *carrier,
				     struct clip_store *clips)
{
	return (struct run_options){
		.results = opt_str(&c->opts, "results"),
		.again = opt_bool(&c->opts, "again"),
		.save_model = !strcmp(opt_str(&c->opts, "save"), "true"),
		.limit = (int)opt_int(&c->opts, "limit"),
		.only_clips = opt_bool(&c->opts, "only-clips"),
		.threads = 1,
		.carrier = carrier,
		.keep_prompts = opt_bool(&c->opts, "keep-prompts"),
		.max_failures = opt_num(&c->opts, "max-failures"),
		.clip_threads = c->threads,
		.clips = clips,
		.log = &c->log,
		.stop = c->stop,
	};
}

/* Every prompt of a run of a system that asks, unless its result is there; of one that is left
 * out, why. */
static int dry_run_one(const struct bank *bank, const struct recipe *r, uint64_t seed,
		       const struct run_options *o, struct dry_run *all, struct err *err)
{
	const bool again = o->again || (o->carrier && o->carrier->retry_failed);
	struct strbuf why = { 0 };
	char id[RUN_ID_MAX];
	bool done;

	if (experiment_id(bank, r, seed, o, id, err))
		return err->code;
	done = experiment_done(o->results, id);
	if (!offer_worth(bank, r, &why)) {
		printf("run %s, left out: %s\n", id, strbuf_str(&why));
	} else if (done && !again) {
		printf("run %s, which is there\n", id);
	} else {
		printf("run %s%s\n", id, done ? ", which is there and is made again" : "");
		dry_run_experiment(all, bank, r, seed, o, dry_run_show, err);
	}
	strbuf_free(&why);
	return err->code;
}

static int dry_run(struct cli *c, const struct bank *bank, const struct plan *plan,
		   const struct run_options *o, struct err *err)
{
	struct dry_run all = { .carrier = o->carrier };

	for (int i = 0; i < plan->n && !err->code; i++) {
		struct recipe r;

		if (!recipe_planned(&r, plan, i, bank->corpus->name, text_or_null(c, "without"),
				    text_or_null(c, "set"), err))
			dry_run_one(bank, &r, plan->run[i].seed, o, &all, err);
		recipe_free(&r);
	}
	if (!err->code && all.asks)
		dry_run_sum(&all, &c->log);
	kept_close(all.kept);
	return err->code;
}

static int run_plan(struct cli *c, const struct bank *bank, const struct plan *plan,
		    const struct carrier *carrier, struct clip_store *clips, struct err *err)
{
	const struct run_options o = options_of(c, carrier, clips);
	const char *without = text_or_null(c, "without"), *set = text_or_null(c, "set");
	int done = 0, skipped = 0, kept, jobs;
	bool *keep;

	if (opt_bool(&c->opts, "dry-run"))
		return dry_run(c, bank, plan, &o, err);
	if (backend_jobs(c, &jobs, err))
		return err->code;
	if (!NEW_ARRAY(keep, (size_t)plan->n))
		return err_set(err, ERR_NOMEM, "suite: no memory");
	if (!offer_filter(bank, plan, without, set, o.results, keep, err)) {
		for (int i = kept = 0; i < plan->n; i++)
			kept += keep[i];
		if (kept < plan->n)
			log_info(&c->log,
				 "%d of %d runs left out: the corpus does not have what they need "
				 "or "
				 "take away (%s/notes says what)",
				 plan->n - kept, plan->n, o.results);
		suite_run(bank, plan, keep, without, set, jobs, &o, &done, &skipped, err);
	}
	free(keep);
	log_info(&c->log, "%d runs done, %d were there already, results in %s/runs", done, skipped,
		 o.results);
	return 0;
}

/* Everything that any run of the plan may see; also finds faulty recipes before work begins. */
static int plan_see(const struct cli *c, const struct plan *plan, const char *dataset,
		    unsigned *seen, struct err *err)
{
	bool asks = false;

	*seen = 0;
	for (int i = 0; i < plan->n && !err->code; i++) {
		struct recipe r;

		if (!recipe_planned(&r, plan, i, dataset, text_or_null(c, "without"),
				    text_or_null(c, "set"), err)) {
			*seen |= r.see;
			asks |= r.model->ask != NULL;
			if (r.model->ask && !*opt_str(&c->opts, "backend") &&
			    !opt_bool(&c->opts, "dry-run"))
				err_set(err, ERR_ARG,
					"%s asks a served model: name it with --backend "
					"PROFILE.json, exec:COMMAND or replay:FILE",
					r.name);
		}
		recipe_free(&r);
	}
	if (!err->code && !asks && *opt_str(&c->opts, "backend"))
		log_info(&c->log,
			 "warning: --backend is not used: nothing in %s asks a served model",
			 c->operand[0]);
	return err->code;
}

static int run_run(struct cli *c, struct err *err)
{
	const struct dataset_ops *d = load_dataset(c, err);
	struct corpus corpus = { 0 };
	struct bank bank = { 0 };
	struct plan plan = { 0 };
	struct gold gold = { 0 };
	struct carrier carrier = { 0 };
	struct clip_store *clips = NULL;
	bool served = *opt_str(&c->opts, "backend");
	unsigned seen = 0;

	if (!d)
		return 0;
	environment_warn(&c->log);
	if (!plan_read(&plan, c->operand[0], text_or_null(c, "seeds"), err) &&
	    !plan_see(c, &plan, d->name, &seen, err) &&
	    (!served || !backend_carrier(c, &carrier, err)) &&
	    !load_corpus(c, &corpus, &gold, err) &&
	    !load_bank(c, &corpus, &gold, load_measures(seen), NULL, &bank, err) &&
	    !(seen & SEE_MEDIA && load_clip_store(c, &clips, err)))
		run_plan(c, &bank, &plan, served ? &carrier : NULL, clips, err);
	carrier_close(&carrier);
	clip_store_close(clips);
	bank_free(&bank);
	plan_free(&plan);
	corpus_free(&corpus);
	gold_free(&gold);
	return 0;
}

const struct verb verb_run = {
	.name = "run",
	.operands = "SPEC",
	.min_operands = 1,
	.max_operands = 1,
	.summary = "Train and evaluate a recipe, or a suite of them, into result folders",
	.doc = "SPEC is a recipe or a suite (JSON, see scripts/experiments).  A run whose result "
	       "is there is skipped, so that the same command goes on after an interruption.\n"
	       "A system that asks a served model (model prompted) needs --backend; its result is "
	       "called RECIPE-on-BACKEND, and what was replied is kept in DIR/asks, so that "
	       "nothing is asked twice.",
	.opts = run_opts,
	.run = run_run,
};

static const struct opt_spec predict_opts[] = {
	OPT_CORPUS,
	OPT_ROOT,
	OPT_DATA_SET,
	OPT_CUES,
	OPT_CACHE,
	LIMIT_OPT,
	{ .name = "only-clips",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .help = "answer only utterances whose clip could be measured" },
	{ .name = "output",
	  .type = OPT_STR,
	  .fallback = "-",
	  .letter = 'o',
	  .arg = "FILE",
	  .help = "JSON Lines to write (-: standard output)" },
	OPT_END,
};

static int write_predictions(const char *path, const struct bank *bank, const struct predictions *p,
			     struct err *err)
{
	struct strbuf b = { 0 };

	record_prediction_lines(bank, p, &b);
	if (b.oom)
		err_set(err, ERR_NOMEM, "predictions: no memory");
	else if (!strcmp(path, "-"))
		fputs(strbuf_str(&b), stdout);
	else
		io_write_atomic(path, strbuf_str(&b), b.len, err);
	strbuf_free(&b);
	return err->code;
}

static int run_predict(struct cli *c, struct err *err)
{
	struct run_options o = { .threads = 1, .log = &c->log, .stop = c->stop };
	char *words_path = path_join(c->operand[0], "words.json"), *words = NULL;
	struct predictions p = { 0 };
	struct corpus corpus = { 0 };
	struct bank bank = { 0 };
	struct gold gold = { 0 };
	size_t len;

	if (!words_path)
		err_set(err, ERR_NOMEM, "%s: no memory", c->operand[0]);
	else if (!io_read_file(words_path, (size_t)16 << 20, &words, &len, err) &&
		 !load_corpus(c, &corpus, &gold, err) &&
		 !load_bank(c, &corpus, &gold, true, words, &bank, err) &&
		 !experiment_predict(c->operand[0], &bank, opt_bool(&c->opts, "only-clips"),
				     (int)opt_int(&c->opts, "limit"), &o, &p, err))
		write_predictions(opt_str(&c->opts, "output"), &bank, &p, err);
	predictions_free(&p);
	bank_free(&bank);
	corpus_free(&corpus);
	gold_free(&gold);
	free(words);
	free(words_path);
	return 0;
}

const struct verb verb_predict = {
	.name = "predict",
	.operands = "RESULT",
	.min_operands = 1,
	.max_operands = 1,
	.summary = "Answer the test split of a corpus with the model of a result folder",
	.doc = "Cues are put into words by the quantiles the model was trained with.",
	.opts = predict_opts,
	.run = run_predict,
};

static const struct opt_spec validate_opts[] = { OPT_CORPUS,  OPT_ROOT, OPT_DATA_SET, SEED_OPT,
						 WITHOUT_OPT, SET_OPT,	OPT_END };

static int run_validate(struct cli *c, struct err *err)
{
	struct corpus corpus = { 0 };
	struct gold gold = { 0 };
	struct plan plan = { 0 };
	const struct dataset_ops *d = load_dataset(c, err);

	if (!d || plan_read(&plan, c->operand[0], text_or_null(c, "seeds"), err))
		return 0;
	for (int i = 0; i < plan.n && !err->code; i++) {
		struct recipe r;

		if (recipe_planned(&r, &plan, i, d->name, text_or_null(c, "without"),
				   text_or_null(c, "set"), err))
			break;
		printf("%s seed %llu: model %s, selection %s\n", r.name,
		       (unsigned long long)plan.run[i].seed, r.model->name,
		       selection_name[r.selection]);
		recipe_free(&r);
	}
	if (!err->code && *opt_str(&c->opts, "root") && !load_corpus(c, &corpus, &gold, err))
		printf("%s: %d dialogues, %d utterances\n", corpus.root, corpus.n_dia,
		       corpus.n_utt);
	if (!err->code)
		printf("%d runs, all valid\n", plan.n);
	plan_free(&plan);
	corpus_free(&corpus);
	gold_free(&gold);
	return 0;
}

const struct verb verb_validate = {
	.name = "validate",
	.operands = "SPEC",
	.min_operands = 1,
	.max_operands = 1,
	.summary = "Check a recipe or suite, and its data, without running it",
	.doc = "",
	.opts = validate_opts,
	.run = run_validate,
};

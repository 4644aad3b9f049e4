/* SPDX-License-Identifier: Apache-2.0
 * merc profile
 */
#include "harness/cli/cmd_profile.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/mem.h"
#include "harness/cli/backend.h"
#include "harness/cli/load.h"
#include "harness/cli/verbs.h"
#include "harness/remote/carrier.h"
#include "harness/run/environment.h"
#include "harness/run/profile_write.h"

#define WORDS_MAX   ((size_t)16 << 20)
#define THREADS_MAX 256

/* A count or a number of the command, at least 0. */
#define COUNT_OPT(NAME, FALLBACK, ARG, HELP)                                                       \
	{                                                                                          \
		.name = NAME, .type = OPT_INT, .fallback = FALLBACK, .max = 1e9, .arg = ARG,       \
		.help = HELP                                                                       \
	}
#define NUM_OPT(NAME, FALLBACK, ARG, HELP)                                                         \
	{                                                                                          \
		.name = NAME, .type = OPT_NUM, .fallback = FALLBACK, .max = 1e9, .arg = ARG,       \
		.help = HELP                                                                       \
	}

static const struct opt_spec profile_opts[] = {
	OPT_CORPUS,
	OPT_ROOT,
	OPT_DATA_SET,
	OPT_CUES,
	OPT_CACHE,
	OPT_RESULTS,
	BACKEND_SPEC_OPTS,
	{ .name = "scenario",
	  .type = OPT_STR,
	  .fallback = "single,offline",
	  .letter = 's',
	  .arg = "LIST",
	  .help = "of single, multi, server, offline, live; or all" },
	{ .name = "rules",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .help = "the rules' size: --duration 600 --offline-samples 24576" },
	NUM_OPT("duration", "10", "S", "least duration of a scenario"),
	NUM_OPT("max-duration", "0", "S", "end after it whatever is missing (0: never)"),
	COUNT_OPT("queries", "0", "N",
		  "least queries (0: single 100, multi 662, server 662, live 64)"),
	COUNT_OPT("max-queries", "0", "N", "end after so many (0: never)"),
	COUNT_OPT("offline-samples", "0", "N", "least samples of offline (0: the sample set once)"),
	COUNT_OPT("samples", "0", "N", "sample set: so many drawn from the test split (0: all)"),
	COUNT_OPT("limit", "0", "N", "first N dialogues of the test split only"),
	COUNT_OPT("warmup", "4", "N", "untimed answers of each worker first"),
	{ .name = "threads",
	  .type = OPT_STR,
	  .fallback = "1",
	  .arg = "LIST",
	  .help = "of the model (single, live), or workers side by side; the first for the "
		  "scenarios, all for the throughput" },
	{ .name = "batch",
	  .type = OPT_STR,
	  .fallback = "1",
	  .arg = "LIST",
	  .help = "neighbours of one dialogue in one call (multi, offline); likewise" },
	NUM_OPT("target-ms", "100", "MS", "bound of p99 in server"),
	NUM_OPT("rate", "0", "R", "server at this rate, queries a second (0: search the highest)"),
	NUM_OPT("max-rate", "20000", "R", "highest rate that the search tries"),
	NUM_OPT("precision", "0.05", "X", "the search ends when it knows the rate this well"),
	NUM_OPT("expected-rate", "0", "R",
		"samples a second, sizes offline and begins the search (0: from the warm-up)"),
	NUM_OPT("speed", "1", "X", "live: times real time"),
	{ .name = "cached-cues",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .help = "leave decoding and measuring out of the latencies" },
	COUNT_OPT("seed-samples", "1", "N", "seed of the sample set"),
	COUNT_OPT("seed-order", "2", "N", "seed of the order of samples"),
	COUNT_OPT("seed-schedule", "3", "N", "seed of the arrivals"),
	COUNT_OPT("seed-log", "4", "N", "seed of which answers are kept"),
	{ .name = "log-share",
	  .type = OPT_NUM,
	  .fallback = "0.1",
	  .max = 1,
	  .arg = "X",
	  .help = "share of the samples whose answer is kept with the latency" },
	{ .name = "output",
	  .type = OPT_STR,
	  .fallback = "",
	  .letter = 'o',
	  .arg = "DIR",
	  .help = "folder of profile.json and latencies.jsonl (RESULTS/profiles/ID)" },
	{ .name = "format",
	  .type = OPT_CHOICE,
	  .fallback = "text",
	  .choices = "text|json|csv|md",
	  .arg = "FORMAT",
	  .help = "of standard output (text, json, csv, md)" },
	OPT_END,
};

/* --- the plan that the options ask for --- */

static int take_scenario(struct profile_plan *p, const char *name, struct err *err)
{
	static const char *const short_name[SCENARIO_COUNT] = { "single", "multi", "server",
								"offline", "live" };
	const bool all = !strcmp(name, "all");
	bool known = all;

	for (int s = 0; s < SCENARIO_COUNT; s++) {
		bool there = false;

		if (!all && strcmp(name, short_name[s]) != 0)
			continue;
		for (int i = 0; i < p->n; i++)
			there |= p->scenario[i] == (enum scenario)s;
		if (!there)
			p->scenario[p->n++] = (enum scenario)s;
		known = true;
	}
	return known ? 0
		     : err_set(err, ERR_ARG,
			       "--scenario: '%s' (there are: single, multi, server, offline, live, "
			       "all)",
			       name);
}

static int take_scenarios(struct profile_plan *p, const char *list, struct err *err)
{
	char *copy = str_dup(list), *save = NULL;

	if (!copy)
		return err_set(err, ERR_NOMEM, "options: no memory");
	for (char *s = strtok_r(copy, ",", &save); s && !err->code; s = strtok_r(NULL, ",", &save))
		take_scenario(p, s, err);
	free(copy);
	if (!err->code && !p->n)
		err_set(err, ERR_ARG, "--scenario: name one");
	return err->code;
}

static int take_axis(const struct cli *c, const char *name, int most, int axis[PROFILE_AXIS_MAX],
		     int *n, struct err *err)
{
	char *copy = str_dup(opt_str(&c->opts, name)), *save = NULL;
	char what[32];
	int64_t v;

	if (!copy || !str_format(what, sizeof(what), "--%s", name))
		err_set(err, ERR_NOMEM, "options: no memory");
	for (char *s = copy ? strtok_r(copy, ",", &save) : NULL; s && !err->code;
	     s = strtok_r(NULL, ",", &save)) {
		if (*n == PROFILE_AXIS_MAX)
			err_set(err, ERR_ARG, "%s: at most %d values", what, PROFILE_AXIS_MAX);
		else if (!parse_i64(s, 1, most, what, &v, err))
			axis[(*n)++] = (int)v;
	}
	free(copy);
	if (!err->code && !*n)
		err_set(err, ERR_ARG, "%s: name one number", what);
	return err->code;
}

static int apply_rules(struct cli *c, struct err *err)
{
	if (!opt_bool(&c->opts, "rules"))
		return 0;
	if (!opt_given(&c->opts, "duration"))
		opt_set(&c->opts, "duration", "600", err);
	if (!opt_given(&c->opts, "offline-samples"))
		opt_set(&c->opts, "offline-samples", "24576", err);
	return err->code;
}

static int make_plan(struct cli *c, struct profile_plan *p, struct err *err)
{
	const struct opt_values *o = &c->opts;

	if (apply_rules(c, err))
		return err->code;
	*p = (struct profile_plan){
		.each = { .min_s = opt_num(o, "duration"),
			  .max_s = opt_num(o, "max-duration"),
			  .min_queries = opt_int(o, "queries"),
			  .max_queries = opt_int(o, "max-queries"),
			  .samples_per_query = 8,
			  .warmup = (int)opt_int(o, "warmup"),
			  .rate = opt_num(o, "rate"),
			  .expected_rate = opt_num(o, "expected-rate"),
			  .target_ms = opt_num(o, "target-ms"),
			  .max_rate = opt_num(o, "max-rate"),
			  .precision = opt_num(o, "precision"),
			  .speed = opt_num(o, "speed"),
			  .seed_order = (uint64_t)opt_int(o, "seed-order"),
			  .seed_schedule = (uint64_t)opt_int(o, "seed-schedule"),
			  .stop = c->stop,
			  .log = &c->log },
		.offline_samples = opt_int(o, "offline-samples"),
		.seed_log = (uint64_t)opt_int(o, "seed-log"),
		.log_share = opt_num(o, "log-share"),
	};
	if (!take_scenarios(p, opt_str(o, "scenario"), err) &&
	    !take_axis(c, "threads", THREADS_MAX, p->threads, &p->n_threads, err))
		take_axis(c, "batch", PROFILE_BATCH_MAX, p->batch, &p->n_batch, err);
	return err->code;
}

/* "All" leaves out what the data cannot play; naming it is an error that says so. */
static void leave_out_live(const struct cli *c, struct profile_plan *p,
			   const struct profile_model *m)
{
	if (profile_model_set(m)->seconds || strcmp(opt_str(&c->opts, "scenario"), "all") != 0)
		return;
	log_info(&c->log, "Live is left out: no clip tells how long its utterance is spoken");
	for (int i = 0; i < p->n; i++)
		if (p->scenario[i] == SCENARIO_LIVE)
			p->scenario[i] = p->scenario[--p->n];
}

/* --- running it --- */

static int print(const struct cli *c, const struct profile *p, const struct profile_model *m,
		 const struct bank *bank, struct err *err)
{
	const char *format = opt_str(&c->opts, "format");
	struct strbuf out = { 0 };

	if (!strcmp(format, "json"))
		profile_json(p, m, bank, &c->opts, &out, err);
	else
		profile_text(p, m, format, &out, err);
	if (!err->code && out.oom)
		err_set(err, ERR_NOMEM, "profile: no memory");
	if (!err->code)
		fputs(strbuf_str(&out), stdout);
	if (!err->code && !strcmp(format, "json"))
		fputc('\n', stdout);
	strbuf_free(&out);
	return err->code;
}

static char *output_folder(const struct cli *c, const struct profile_model *m, struct err *err)
{
	const char *given = opt_str(&c->opts, "output"), *id;
	char *parent = path_join(opt_str(&c->opts, "results"), "profiles"), *dir = NULL;

	id = json_str(json_get(profile_model_run(m)->manifest, "id"), "");
	if (*given)
		dir = str_dup(given);
	else if (!*id || strchr(id, '/'))
		err_set(err, ERR_FORMAT, "%s: its manifest has no usable id: name a folder with -o",
			c->operand[0]);
	else if (parent)
		dir = path_join(parent, id);
	free(parent);
	if (!dir)
		err_set(err, ERR_NOMEM, "%s: no memory", c->operand[0]);
	return dir;
}

static int run_plan(struct cli *c, struct profile_plan *plan, const struct bank *bank,
		    const struct bank_options *measuring, const struct carrier *carrier,
		    struct err *err)
{
	struct profile_model_options mo = {
		.run_dir = c->operand[0],
		.bank = bank,
		.measuring = measuring,
		.cached_cues = opt_bool(&c->opts, "cached-cues"),
		.limit = (int)opt_int(&c->opts, "limit"),
		.samples = (int)opt_int(&c->opts, "samples"),
		.seed_samples = (uint64_t)opt_int(&c->opts, "seed-samples"),
		.carrier = carrier,
		.threads = c->threads,
		.log = &c->log,
		.stop = c->stop,
	};
	struct profile *p = mem_calloc(1, sizeof(*p));
	struct profile_model *m = NULL;
	char *dir = NULL;
	int status = 0;

	for (int i = 0; i < plan->n_threads; i++)
		if (plan->threads[i] > mo.most_workers)
			mo.most_workers = plan->threads[i];
	if (!p)
		err_set(err, ERR_NOMEM, "profile: no memory");
	else if ((m = profile_model_open(&mo, err)) && (dir = output_folder(c, m, err))) {
		leave_out_live(c, plan, m);
		if (!profile_suite(plan, m, p, err) &&
		    !profile_write(p, m, bank, &c->opts, dir, err) && !print(c, p, m, bank, err)) {
			log_info(&c->log, "%s/profile.json and latencies.jsonl written", dir);
			status = p->interrupted ? 3 : profile_valid(p) ? 0 : 1;
		}
	}
	if (p)
		profile_free(p);
	profile_model_close(m);
	free(dir);
	free(p);
	return status;
}

/* A system that asks needs somebody to ask, one at a time, and clips are measured only where its
 * questions say what was measured. */
static int look_at_run(const struct cli *c, const struct profile_plan *plan,
		       const struct label_set *labels, struct bank_options *measuring,
		       struct carrier *carrier, struct err *err)
{
	const bool served = *opt_str(&c->opts, "backend");
	struct reloaded r;

	if (!reload_open(&r, c->operand[0], labels, err)) {
		const char *name = r.recipe.model->name;
		const bool asks = r.recipe.model->ask;

		measuring->media = !asks || load_measures(r.recipe.see);
		if (asks != served)
			err_set(err, ERR_ARG,
				asks ? "%s asks a served model: name it with --backend"
				     : "%s does not ask a served model: leave --backend out",
				name);
		for (int i = 0; asks && i < plan->n_batch; i++)
			if (plan->batch[i] > 1)
				err_set(err, ERR_ARG,
					"--batch: a served model gets one question a request; more "
					"at once is --threads");
		if (served && !err->code)
			backend_line_carrier(c, carrier, err);
	}
	reload_close(&r);
	return err->code;
}

static int run_profile(struct cli *c, struct err *err)
{
	char *words_path = path_join(c->operand[0], "words.json"), *words = NULL, *cache = NULL;
	struct bank_options measuring;
	struct profile_plan plan;
	struct corpus corpus = { 0 };
	struct bank bank = { 0 };
	struct gold gold = { 0 };
	struct carrier carrier = { 0 };
	int status = 0;
	size_t len;

	environment_warn(&c->log);
	if (!words_path)
		err_set(err, ERR_NOMEM, "%s: no memory", c->operand[0]);
	else if (!make_plan(c, &plan, err) &&
		 !io_read_file(words_path, WORDS_MAX, &words, &len, err) &&
		 !load_corpus(c, &corpus, &gold, err)) {
		load_measuring(c, &measuring, &cache);
		measuring.test_only = true;
		measuring.words = words;
		if (!look_at_run(c, &plan, corpus.labels, &measuring, &carrier, err) &&
		    !bank_build(&bank, &corpus, &gold, &measuring, err))
			status = run_plan(c, &plan, &bank, &measuring,
					  carrier.ctx ? &carrier : NULL, err);
	}
	carrier_close(&carrier);
	bank_free(&bank);
	corpus_free(&corpus);
	gold_free(&gold);
	free(cache);
	free(words);
	free(words_path);
	return status;
}

const struct verb verb_profile = {
	.name = "profile",
	.operands = "RESULT",
	.min_operands = 1,
	.max_operands = 1,
	.summary = "Measure latency and throughput of the model of a result folder",
	.doc = "Scenarios as MLPerf LoadGen defines them, on the test split of a corpus: single "
	       "(the "
	       "next utterance after the reply), multi (8 contiguous ones a query), server "
	       "(Poisson "
	       "arrivals; the highest rate whose p99 keeps --target-ms), offline (all at once), "
	       "and "
	       "live (dialogues played in real time: from the end of an utterance to its label).  "
	       "A latency runs from the scheduled time to the complete reply and holds all of the "
	       "work: decoding the clip, cues, prompt, prefill, score.  Earlier turns of the "
	       "dialogue were measured before.  Of a system that asks a served model (--backend) "
	       "the questions with their clips are finished before; --threads is how many are "
	       "asked at once, nothing is sent twice and nothing is kept.  A profile is VALID, or "
	       "INVALID (exit status 1) "
	       "with what was required, what was observed and which option changes it; below the "
	       "rules' size it is labelled short.",
	.opts = profile_opts,
	.run = run_profile,
};

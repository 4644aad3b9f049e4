/* SPDX-License-Identifier: Apache-2.0
 * Invented result folders in the format of results/runs: the same on every
 * machine, small, and odd where real ones are (failures, missing stages).
 */
#ifndef TESTS_FIXTURE_RESULTS_H
#define TESTS_FIXTURE_RESULTS_H

#include "tests/test.h"

#include "harness/base/json.h"
#include "harness/base/rng.h"
#include "harness/core/labels.h"
#include "harness/metrics/scores_json.h"

struct fixture_run {
	const char *corpus, *kind, *system, *without; /* without: one word or NULL */
	const char *see;			      /* words with commas */
	const char *selection;
	const struct label_set *labels;
	double skill; /* probability of the right answer */
	int seed, dialogues;
	double failures;	    /* probability of a reply without a label */
	bool texts;		    /* predictions have speakers and texts of 1 to 20 words */
	bool beliefs;		    /* scores are probabilities: FIXTURE_SURE for the answer */
	double ceiling;		    /* in the manifest; 0: none */
	bool all_scores;	    /* metrics.json has those of the classes and more */
	const char *options, *cues; /* JSON of the recipe's options; hash of cue files; or NULL */
	const char *backend;	    /* its identity, JSON, or NULL */
	const char *asked;	    /* JSON of "asked" of a system that asks, or NULL */
	const char *why_limited;    /* NULL: a full run */
	unsigned variant;	    /* told apart in its id */
	int flip; /* so many-th sample (from 1) is answered by the next label; 0: none */
};

/* Confidence of every answer where a run has beliefs; the rest is spread evenly. */
#define FIXTURE_SURE .75

static inline void fixture_write(const char *dir, const char *name, struct strbuf *text)
{
	char *path = path_join(dir, name);
	struct err err = { 0 };

	CHECK(!text->oom);
	io_write_atomic(path, strbuf_str(text), text->len, &err);
	CHECK_OK(&err);
	free(path);
	strbuf_free(text);
}

static inline void fixture_words(struct json_writer *w, const char *key, const char *words)
{
	json_open_array(w, key);
	for (const char *s = words; s && *s;) {
		size_t n = strcspn(s, ",");
		char word[32];

		CHECK(str_format(word, sizeof(word), "%.*s", (int)n, s));
		json_put_str(w, NULL, word);
		s += n + (s[n] == ',');
	}
	json_close_array(w);
}

static inline void fixture_member(struct json_writer *w, const char *key, const char *text)
{
	struct err err = { 0 };
	struct json *v = text ? json_parse(text, strlen(text), key, &err) : NULL;

	CHECK_OK(&err);
	if (v)
		json_put_value(w, key, v);
	json_free(v);
}

static inline void fixture_stage(struct json_writer *w, const char *name, double p50)
{
	json_open_object(w, name);
	json_put_int(w, "n", 400);
	json_put_num(w, "total_s", p50 * .5);
	json_put_num(w, "p50_ms", p50);
	json_put_num(w, "p90_ms", p50 * 1.5);
	json_put_num(w, "p99_ms", p50 * 2.5);
	json_put_num(w, "mean_ms", p50 * 1.1);
	json_close_object(w);
}

static inline void fixture_manifest(const struct fixture_run *f, const char *id, const char *root,
				    struct strbuf *out)
{
	struct json_writer w;
	bool trained = strcmp(f->selection, "none") != 0;

	json_begin(&w, out, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_str(&w, "id", id);
	json_put_str(&w, "status", "complete");
	json_put_str(&w, "result_class", f->why_limited ? "limited" : "full");
	if (f->why_limited)
		json_put_str(&w, "why_limited", f->why_limited);
	json_open_object(&w, "corpus");
	json_put_str(&w, "name", f->corpus);
	json_put_str(&w, "kind", f->kind);
	json_put_str(&w, "root", root);
	json_put_str(&w, "policy", "as written");
	json_put_str(&w, "labels_name", f->labels->name);
	json_open_array(&w, "labels");
	for (int i = 0; i < f->labels->n; i++)
		json_put_str(&w, NULL, f->labels->word[i]);
	json_close_array(&w);
	if (f->cues)
		json_put_str(&w, "cues", f->cues);
	json_put_str(&w, "hash", "00112233445566778899aabbccddeeff");
	json_close_object(&w);
	json_put_str(&w, "system", f->system);
	json_put_str(&w, "title", f->system);
	json_put_str(&w, "model", f->system);
	fixture_words(&w, "without", f->without);
	fixture_words(&w, "see", f->see);
	json_put_int(&w, "seed", f->seed);
	json_put_str(&w, "selection", f->selection);
	fixture_member(&w, "options", f->options);
	fixture_member(&w, "asked", f->asked);
	if (f->backend)
		json_put_str(&w, "backend", f->backend);
	if (f->ceiling > 0) {
		json_open_object(&w, "ceiling");
		json_put_num(&w, "weighted_f1", f->ceiling);
		json_put_num(&w, "test_weighted_f1", f->ceiling - .01);
		json_close_object(&w);
	}
	json_put_int(&w, "parameters", trained ? 1234567 : 0);
	json_open_object(&w, "epochs");
	json_put_int(&w, "best", trained ? 4 : 0);
	json_put_int(&w, "total", trained ? 5 : 0);
	json_close_object(&w);
	json_open_object(&w, "environment");
	json_put_str(&w, "version", "0.1");
	json_put_str(&w, "commit", "0123abc");
	json_put_str(&w, "compiler", "cc <12> & \"more\"");
	json_put_int(&w, "threads", 2);
	json_close_object(&w);
	json_open_object(&w, "stages");
	if (trained && strcmp(f->system, "bow")) {
		fixture_stage(&w, "decode", 42);
		fixture_stage(&w, "cues", 11);
	}
	fixture_stage(&w, "prompt", .05);
	fixture_stage(&w, "model", strcmp(f->system, "bemerc") ? 1.5 + f->seed : 6 + f->seed);
	json_close_object(&w);
	json_put_num(&w, "train_s", 61.5);
	json_put_num(&w, "wall_s", 70.25);
	json_put_num(&w, "peak_rss_mb", 310);
	json_put_str(&w, "started", "2026-01-02T03:04:05Z");
	json_close_object(&w);
	strbuf_addc(out, '\n');
}

static inline void fixture_prediction(const struct fixture_run *f, int d, int t, int gold,
				      int label, struct strbuf *out)
{
	struct json_writer w;
	char id[32], dialogue[16];

	CHECK(str_format(id, sizeof(id), "dia%d_utt%d", d, t));
	CHECK(str_format(dialogue, sizeof(dialogue), "%d", d));
	json_begin(&w, out, 0);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_str(&w, "id", id);
	json_put_str(&w, "dialogue", dialogue);
	json_put_int(&w, "turn", t);
	json_put_str(&w, "gold", f->labels->word[gold]);
	json_put_str(&w, "label", label < 0 ? NULL : f->labels->word[label]);
	json_put_str(&w, "status", label < 0 ? "parse_fail" : "ok");
	if (f->asked) { /* every second reply is more than its label */
		json_put_str(&w, "strict", label < 0 || t % 2 ? NULL : f->labels->word[label]);
		json_put_str(&w, "cause", label >= 0 ? "whole" : t % 2 ? "two" : "none");
		json_put_int(&w, "attempts", 1 + (t == 0));
	}
	if (f->texts) {
		json_put_str(&w, "speaker", t % 3 == 1 ? "Ann" : d % 4 ? "Bob" : "Cy");
		json_put_str(&w, "text",
			     "w w w w w w w w w w w w w w w w w w w w" +
				     2 * (19 - (d * 9 + t) % 20));
	}
	if (f->beliefs && label >= 0) {
		json_open_array(&w, "scores");
		for (int k = 0; k < f->labels->n; k++)
			json_put_num(&w, NULL,
				     log(k == label ? FIXTURE_SURE
						    : (1 - FIXTURE_SURE) / (f->labels->n - 1)));
		json_close_array(&w);
	}
	json_put_num(&w, "prompt_ms", .5);
	json_put_num(&w, "model_ms", 1 + (d * 9 + t) % 40);
	json_close_object(&w);
	strbuf_addc(out, '\n');
}

static inline void fixture_predictions(const struct fixture_run *f, struct confusion *c,
				       struct strbuf *out)
{
	static const double often[LABEL_MAX] = { 6, 2, 1, 2, 3, 1, 2 };
	struct rng truth, luck;
	int sample = 0;

	rng_seed(&truth, 11, (uint64_t)f->labels->n);
	rng_seed(&luck, (uint64_t)f->seed, (uint64_t)(f->skill * 1e6));
	for (int d = 0; d < f->dialogues; d++)
		for (int t = 0; t < 9; t++) {
			int gold = rng_choice(&truth, often, f->labels->n);
			int label = gold;

			if (rng_uniform(&luck) >= f->skill)
				label = rng_choice(&luck, often, f->labels->n);
			if (rng_uniform(&luck) < f->failures)
				label = -1;
			if (++sample == f->flip)
				label = (label + 1) % f->labels->n;
			confusion_add(c, gold, label);
			fixture_prediction(f, d, t, gold, label, out);
		}
}

static inline void fixture_metrics(const struct fixture_run *f, const struct confusion *c,
				   struct strbuf *out)
{
	struct scores s;
	struct json_writer w;
	int64_t right = 0;

	scores_compute(c, &s);
	for (int i = 0; i < c->k; i++)
		right += c->count[i][i];
	json_begin(&w, out, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	if (f->all_scores) {
		scores_write(&w, f->labels, &s);
	} else {
		json_put_int(&w, "n", s.n);
		json_put_int(&w, "answered", s.answered);
		json_put_num(&w, "accuracy", s.accuracy);
		json_put_num(&w, "macro_f1", s.macro_f1);
		json_put_num(&w, "weighted_f1", s.weighted_f1);
	}
	/* one bin holds all answers */
	json_put_num(&w, "ece",
		     f->beliefs ? fabs((double)right / (double)s.answered - FIXTURE_SURE) : NAN);
	json_close_object(&w);
}

static inline void fixture_log(const struct fixture_run *f, struct strbuf *out)
{
	bool two = !strcmp(f->system, "bemerc");

	for (int stage = !two; stage < 2; stage++)
		for (int e = 1; e <= (stage ? 5 : 3); e++) {
			double loss = (stage ? 1.8 : 3) * pow(.7, e) + .02 * f->seed;

			strbuf_addf(out,
				    "{\"schema_version\":1,\"stage\":\"%s\",\"epoch\":%d,\"of\":%d,"
				    "\"loss\":%.4f,\"dev_weighted_f1\":",
				    stage ? "merc" : "alignment", e, stage ? 5 : 3, loss);
			if (stage)
				strbuf_addf(out, "%.4f", f->skill * (1 - pow(.5, e)));
			else
				strbuf_add(out, "null");
			strbuf_addf(out, ",\"best\":%s,\"seconds\":1.5}\n",
				    e == 4 ? "true" : "false");
		}
}

/* Writes runs_dir/ID for one run; its calibration.json (if any) is in root. */
static inline void fixture_run_write(const char *runs_dir, const char *root,
				     const struct fixture_run *f)
{
	struct confusion c = { .k = f->labels->n };
	struct strbuf text = { 0 };
	struct err err = { 0 };
	char id[160], *dir;

	CHECK(str_format(id, sizeof(id), "%s-%s%s%s-s%d-%08x", f->corpus, f->system,
			 f->without ? "-without-" : "", f->without ? f->without : "", f->seed,
			 (f->kind[0] == 'r' ? 0x4ea1u : 0xca1u) + f->variant * 0x10000));
	dir = path_join(runs_dir, id);
	io_mkdirs(dir, &err);
	CHECK_OK(&err);
	fixture_manifest(f, id, root, &text);
	fixture_write(dir, "manifest.json", &text);
	fixture_predictions(f, &c, &text);
	fixture_write(dir, "predictions.jsonl", &text);
	fixture_metrics(f, &c, &text);
	fixture_write(dir, "metrics.json", &text);
	if (strcmp(f->selection, "none")) {
		fixture_log(f, &text);
		fixture_write(dir, "log.jsonl", &text);
	}
	free(dir);
}

/* Ceilings of all 32 sets of channels with and without history: channels add up. */
static inline void fixture_calibration(const char *root)
{
	static const char *const channel[] = { "text", "audio", "face", "body", "posture" };
	static const double worth[] = { .2, .1, .16, .07, .03 };
	struct strbuf out = { 0 };
	struct json_writer w;

	json_begin(&w, &out, 0);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_open_array(&w, "ceilings");
	for (int set = 0; set < 64; set++) {
		double f1 = .3;

		json_open_object(&w, NULL);
		json_open_array(&w, "see");
		for (int i = 0; i < 5; i++)
			if (set >> i & 1) {
				json_put_str(&w, NULL, channel[i]);
				f1 += worth[i];
			}
		json_close_array(&w);
		json_put_bool(&w, "history", set >= 32);
		json_put_num(&w, "weighted_f1", f1 + (set >= 32 ? .06 : 0));
		json_put_num(&w, "test_weighted_f1", f1 + (set >= 32 ? .05 : 0));
		json_close_object(&w);
	}
	json_close_array(&w);
	json_close_object(&w);
	fixture_write(root, "calibration.json", &out);
}

/* One scenario whose latencies are spread evenly from half of ms to twice of it. */
static inline void fixture_scenario(struct json_writer *w, const char *name, double ms, bool valid)
{
	json_open_object(w, NULL);
	json_put_str(w, "scenario", name);
	json_open_object(w, "metric");
	json_put_str(w, "name", "p90 latency");
	json_put_str(w, "unit", "ms");
	json_put_num(w, "value", valid ? ms * 1.85 : NAN);
	json_close_object(w);
	json_put_bool(w, "valid", valid);
	json_put_bool(w, "short", true);
	json_open_array(w, "causes");
	if (!valid) {
		json_open_object(w, NULL);
		json_put_str(w, "required", "64 queries");
		json_put_str(w, "observed", "12");
		json_put_str(w, "option", "--min-queries <64>");
		json_close_object(w);
	}
	json_close_array(w);
	json_put_int(w, "queries", valid ? 100 : 12);
	json_put_int(w, "threads", 1);
	json_put_int(w, "batch", 1);
	json_open_object(w, "latency_ms");
	json_put_num(w, "p50", ms * 1.25);
	json_put_num(w, "p90", ms * 1.85);
	json_put_num(w, "p99", ms * 1.985);
	json_close_object(w);
	json_open_array(w, "cdf");
	for (int i = 0; i <= 50; i++) {
		json_open_array(w, NULL);
		json_put_num(w, NULL, ms * (.5 + 1.5 * i / 50));
		json_put_num(w, NULL, i / 50.);
		json_close_array(w);
	}
	json_close_array(w);
	json_put_num(w, "peak_rss_mb", 120);
	json_put_null(w, "energy_j");
	json_close_object(w);
}

/* profiles_dir/NAME/profile.json: two scenarios, throughput of two numbers of threads. */
static inline void fixture_profile(const char *profiles_dir, const char *system, double ms)
{
	char *dir = path_join(profiles_dir, system);
	struct strbuf text = { 0 };
	struct err err = { 0 };
	struct json_writer w;

	io_mkdirs(dir, &err);
	CHECK_OK(&err);
	json_begin(&w, &text, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_str(&w, "kind", "profile");
	json_open_object(&w, "run");
	json_put_str(&w, "id", system);
	json_put_str(&w, "system", system);
	json_put_str(&w, "corpus", "meld");
	json_close_object(&w);
	json_put_str(&w, "cues", "measured");
	json_open_array(&w, "scenarios");
	fixture_scenario(&w, "SingleStream", ms, true);
	fixture_scenario(&w, "Server", ms * 3, false);
	json_close_array(&w);
	json_open_array(&w, "throughput");
	for (int threads = 1; threads <= 2; threads++)
		for (int batch = 1; batch <= 16; batch *= 4) {
			json_open_object(&w, NULL);
			json_put_int(&w, "threads", threads);
			json_put_int(&w, "batch", batch);
			json_put_int(&w, "samples", 400);
			json_put_num(&w, "per_s", threads * 1000 / ms * sqrt(batch));
			json_put_num(&w, "max_ms", ms * 2 * batch);
			json_put_num(&w, "peak_rss_mb", 100 + 10 * threads);
			json_put_int(&w, "failed", 0);
			json_close_object(&w);
		}
	json_close_array(&w);
	json_close_object(&w);
	fixture_write(dir, "profile.json", &text);
	free(dir);
}

#define FIXTURE_ALL "text,speech,audio,face,body,posture,video,history"

/* The usual set of systems and ablations on one corpus. */
static inline void fixture_corpus(const char *runs_dir, const char *root, const char *corpus,
				  const char *kind, const struct label_set *labels, int dialogues,
				  int seeds, bool beliefs)
{
	const struct fixture_run system[] = {
		{ .system = "bemerc", .see = FIXTURE_ALL, .skill = .84 },
		{ .system = "bemerc",
		  .without = "behaviour",
		  .see = "text,speech,audio,history",
		  .skill = .6 },
		{ .system = "bemerc",
		  .without = "face",
		  .see = "text,speech,audio,body,posture,video,history",
		  .skill = .7 },
		{ .system = "bemerc",
		  .without = "posture",
		  .see = "text,speech,audio,face,body,video,history",
		  .skill = .825 },
		{ .system = "bemerc",
		  .without = "audio",
		  .see = "text,face,body,posture,video,history",
		  .skill = .75 },
		{ .system = "bemerc",
		  .without = "history",
		  .see = "text,speech,audio,face,body,posture,video",
		  .skill = .79 },
		{ .system = "bemerc", .without = "alignment", .see = FIXTURE_ALL, .skill = .835 },
		{ .system = "llmerc", .see = "text,speech,audio,history", .skill = .61 },
		{ .system = "speechcue",
		  .see = "text,speech,history",
		  .skill = .57,
		  .failures = .03 },
		{ .system = "bow", .see = "text", .skill = .45 },
		{ .system = "majority", .see = "", .skill = .1, .selection = "none" },
	};

	for (size_t i = 0; i < sizeof(system) / sizeof(system[0]); i++)
		for (int seed = 1; seed <= seeds; seed++) {
			struct fixture_run f = system[i];

			/* real recordings: no video, so fewer runs */
			if (kind[0] == 'r' && strcmp(f.system, "bow") &&
			    strcmp(f.system, "majority"))
				continue;
			if (!strcmp(f.system, "majority") && seed > 1)
				continue;
			f.corpus = corpus;
			f.kind = kind;
			f.labels = labels;
			f.dialogues = dialogues;
			f.seed = seed;
			f.beliefs = beliefs;
			f.selection = f.selection ? f.selection : "dev-f1";
			fixture_run_write(runs_dir, root, &f);
		}
}

#endif

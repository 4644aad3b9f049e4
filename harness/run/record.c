/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/record.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/hash.h"
#include "harness/base/io.h"
#include "harness/metrics/bootstrap.h"
#include "harness/metrics/calibration.h"
#include "harness/metrics/ceiling.h"
#include "harness/metrics/latency.h"
#include "harness/metrics/scores_json.h"
#include "harness/run/environment.h"
#include "harness/run/see.h"

#define SCHEMA	   1
#define REPLICATES 10000

int record_file(const char *dir, const char *name, struct strbuf *b, struct err *err)
{
	char *path = path_join(dir, name);

	if (!path || b->oom)
		err_set(err, ERR_NOMEM, "%s/%s: no memory", dir, name);
	else
		io_write_atomic(path, strbuf_str(b), b->len, err);
	free(path);
	strbuf_free(b);
	return err->code;
}

/* What a system that asks is called depends on whom it asks. */
static void put_named(struct json_writer *w, const char *key, const char *name, const char *on,
		      const struct carrier *c)
{
	struct strbuf b = { 0 };

	strbuf_addf(&b, "%s%s%s", name, c ? on : "", c ? c->name : "");
	json_put_str(w, key, strbuf_str(&b));
	w->out->oom |= b.oom;
	strbuf_free(&b);
}

static void write_spec(struct json_writer *w, const struct run_record *r, unsigned see)
{
	const struct recipe *rc = r->recipe;

	put_named(w, "system", rc->name, "-on-", r->carrier);
	put_named(w, "title", rc->title, " on ", r->carrier);
	json_put_str(w, "model", rc->model->name);
	json_open_array(w, "without");
	for (int i = 0; i < rc->n_without; i++)
		json_put_str(w, NULL, rc->without[i]);
	json_close_array(w);
	see_write(w, "see", see);
	json_open_object(w, "options");
	opt_write_json(&rc->opts, w);
	json_close_object(w);
	json_put_int(w, "window", rc->window);
	json_put_int(w, "seed", (int64_t)r->seed);
	json_put_str(w, "selection", selection_name[rc->selection]);
	if (r->carrier)
		json_put_str(w, "backend", r->carrier->identity);
}

int record_id(struct run_record *r, struct err *err)
{
	struct strbuf spec = { 0 }, id = { 0 };
	char hash[HASH_HEX];
	struct json_writer w;

	json_begin(&w, &spec, 0);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", SCHEMA);
	json_put_str(&w, "content", r->bank->content);
	json_open_array(&w, "seen");
	for (int bit = 0; bit < SEE_BITS; bit++)
		if (r->see & (1u << bit))
			json_put_str(&w, NULL, r->bank->seen[bit]);
	json_close_array(&w);
	json_put_bool(&w, "limited", r->limited);
	if (r->limited) {
		json_put_int(&w, "limit", r->limit);
		json_put_bool(&w, "only_clips", r->only_clips);
	}
	write_spec(&w, r, r->see);
	json_close_object(&w);
	hash_hex(strbuf_str(&spec), spec.len, hash);
	strbuf_addf(&id, "%s-%s", r->bank->corpus->name, r->recipe->name);
	if (r->carrier)
		strbuf_addf(&id, "-on-%s", r->carrier->name);
	for (int i = 0; i < r->recipe->n_without; i++)
		strbuf_addf(&id, "%s%s", i ? "-" : "-without-", r->recipe->without[i]);
	strbuf_addf(&id, "-s%llu-%.8s", (unsigned long long)r->seed, hash);
	if (spec.oom || id.oom)
		err_set(err, ERR_NOMEM, "run id: no memory");
	else if (!str_copy(r->id, sizeof(r->id), strbuf_str(&id)))
		err_set(err, ERR_ARG, "%s: the name of the run is too long", strbuf_str(&id));
	strbuf_free(&spec);
	strbuf_free(&id);
	return err->code;
}

void record_prediction_lines(const struct bank *bank, const struct predictions *p,
			     struct strbuf *out)
{
	const struct corpus *c = bank->corpus;

	for (int i = 0; i < p->n; i++) {
		const struct answer *a = &p->answer[i];
		const struct utterance *u = &c->utt[p->utt[i]];
		const struct dialogue *d = &c->dia[u->dialogue];
		struct json_writer w;

		json_begin(&w, out, 0);
		json_open_object(&w, NULL);
		json_put_int(&w, "schema_version", SCHEMA);
		json_put_str(&w, "id", u->id);
		json_put_str(&w, "dialogue", d->id);
		json_put_int(&w, "turn", p->utt[i] - d->first);
		json_put_str(&w, "speaker", c->speaker[u->speaker].name);
		json_put_str(&w, "gold", p->gold[i] < 0 ? NULL : c->labels->word[p->gold[i]]);
		json_put_str(&w, "label", a->label < 0 ? NULL : c->labels->word[a->label]);
		json_put_str(&w, "status", answer_status_name[a->status]);
		json_open_array(&w, "scores");
		for (int k = 0; k < c->labels->n && (p->probs || !p->reply); k++)
			json_put_num(&w, NULL, (double)a->score[k]);
		json_close_array(&w);
		json_put_str(&w, "raw", a->raw);
		json_put_str(&w, "text", u->text);
		json_put_num(&w, "prompt_ms", a->prompt_ms);
		json_put_num(&w, "model_ms", a->model_ms);
		if (p->reply)
			asked_write_reply(&w, c, p, i);
		json_close_object(&w);
		strbuf_addc(out, '\n');
	}
}

int record_predictions(const struct run_record *r, const struct predictions *p, const char *dir,
		       struct err *err)
{
	struct strbuf b = { 0 };

	record_prediction_lines(r->bank, p, &b);
	return record_file(dir, "predictions.jsonl", &b, err);
}

/* Softmax beliefs of answered samples of a model that gives probabilities. */
static int calibrate(const struct run_record *r, const struct predictions *p,
		     struct calibration *cal, struct err *err)
{
	*cal = (struct calibration){ .k = r->bank->corpus->labels->n };
	if (!p->probs)
		return 0;
	for (int i = 0; i < p->n && !err->code; i++) {
		double prob[LABEL_MAX];

		if (p->gold[i] >= 0 && p->answer[i].status == ANSWER_OK &&
		    probabilities(p->answer[i].score, cal->k, prob))
			calibration_add(cal, prob, p->gold[i], err);
	}
	return err->code;
}

static int interval(const struct run_record *r, const struct predictions *p, struct interval *out,
		    struct err *err)
{
	struct bootstrap_options o = {
		.metric = METRIC_WEIGHTED_F1,
		.replicates = REPLICATES,
		.alpha = 0.05,
		.seed = 1,
		.threads = r->threads,
	};
	struct tally t = { 0 };
	struct tally_set set = { .run = &t, .n = 1 };

	if (tally_init(&t, r->bank->corpus->labels->n, p->n_groups, err))
		return err->code;
	for (int i = 0; i < p->n; i++)
		if (p->gold[i] >= 0)
			tally_add(&t, p->group[i], p->gold[i], p->answer[i].label);
	bootstrap_system(&set, &o, out, err);
	tally_free(&t);
	return err->code;
}

int record_metrics(const struct run_record *r, const struct predictions *p, const char *dir,
		   struct err *err)
{
	const struct label_set *labels = r->bank->corpus->labels;
	struct calibration cal;
	struct interval ci;
	struct scores s;
	struct strbuf b = { 0 };
	struct json_writer w;

	scores_compute(&p->confusion, &s);
	if (calibrate(r, p, &cal, err) || interval(r, p, &ci, err))
		return err_wrap(err, "scoring %s", r->id);
	json_begin(&w, &b, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", SCHEMA);
	scores_write(&w, labels, &s);
	interval_write(&w, METRIC_WEIGHTED_F1, &ci);
	confusion_write(&w, labels, &p->confusion);
	json_put_num(&w, "ece", calibration_ece(&cal));
	json_put_num(&w, "brier", calibration_brier(&cal));
	json_put_num(&w, "nll", calibration_nll(&cal));
	if (p->reply)
		asked_write_scores(&w, labels, p);
	json_close_object(&w);
	return record_file(dir, "metrics.json", &b, err);
}

int record_log(const struct run_record *r, const char *dir, struct err *err)
{
	struct strbuf b = { 0 };

	for (int i = 0; i < r->n_epoch; i++) {
		const struct epoch_row *e = &r->epoch[i];
		struct json_writer w;

		json_begin(&w, &b, 0);
		json_open_object(&w, NULL);
		json_put_int(&w, "schema_version", SCHEMA);
		json_put_str(&w, "stage", e->stage);
		json_put_int(&w, "epoch", e->number);
		json_put_int(&w, "of", e->total);
		json_put_num(&w, "loss", e->loss);
		json_put_num(&w, "dev_weighted_f1", e->dev_f1);
		json_put_bool(&w, "best", e->best);
		json_put_num(&w, "seconds", e->seconds);
		json_close_object(&w);
		strbuf_addc(&b, '\n');
	}
	return record_file(dir, "log.jsonl", &b, err);
}

static void write_stage(struct json_writer *w, const char *name, double *ms, size_t n)
{
	struct latency_stats s;

	if (!n)
		return;
	latency_describe(ms, n, &s);
	json_open_object(w, name);
	json_put_int(w, "n", (int64_t)s.n);
	json_put_num(w, "total_s", s.total / 1000);
	json_put_num(w, "mean_ms", s.mean);
	json_put_num(w, "p50_ms", s.p50);
	json_put_num(w, "p90_ms", s.p90);
	json_put_num(w, "p99_ms", s.p99);
	json_close_object(w);
}

/* Prompt and model; of a system that asks, the requests that were replied to, and no prompt: it was
 * built while others flew.  ms: room for all. */
static void write_answering(struct json_writer *w, const struct predictions *p, double *ms)
{
	size_t n = 0;

	for (int i = 0; i < p->n && !p->reply; i++)
		ms[n++] = p->answer[i].prompt_ms;
	write_stage(w, "prompt", ms, n);
	n = 0;
	for (int i = 0; i < p->n; i++)
		if (!p->reply || p->answer[i].model_ms > 0)
			ms[n++] = p->answer[i].model_ms;
	write_stage(w, "model", ms, n);
}

/* Stages of the utterances that were answered; decode and cues, where the model
 * sees something of the clip, as measured when the cache was filled. */
static int write_stages(struct json_writer *w, const struct run_record *r,
			const struct predictions *p, struct err *err)
{
	static const char *const name[STAGE_COUNT] = { "decode", "cues" };
	double *ms;

	if (!NEW_ARRAY(ms, (size_t)p->n))
		return err_set(err, ERR_NOMEM, "stages: no memory");
	json_open_object(w, "stages");
	for (int s = 0; s < STAGE_COUNT && (r->see & ~(unsigned)(SEE_TEXT | SEE_HISTORY)); s++) {
		size_t n = 0;

		for (int i = 0; i < p->n; i++)
			if (r->bank->m[p->utt[i]].ms[s] > 0)
				ms[n++] = (double)r->bank->m[p->utt[i]].ms[s];
		write_stage(w, name[s], ms, n);
	}
	write_answering(w, p, ms);
	json_close_object(w);
	free(ms);
	return 0;
}

/* Best reachable score of what this run sees: a report needs no corpus to tell it. */
static int write_ceiling(struct json_writer *w, const struct run_record *r, struct err *err)
{
	struct json *calibration;
	struct ceiling best;

	if (ceiling_read(r->bank->corpus->root, &calibration, err))
		return err->code;
	best = ceiling_find(calibration, r->see);
	/* earlier words without those of the turn itself: the process tells no ceiling for that */
	if (r->taken != r->see)
		best = (struct ceiling){ NAN, NAN };
	if (calibration) {
		json_open_object(w, "ceiling");
		json_put_num(w, "weighted_f1", best.process);
		json_put_num(w, "test_weighted_f1", best.test);
		json_close_object(w);
	}
	json_free(calibration);
	return 0;
}

/* Absolute, so that it leads there from every working directory. */
static int write_root(struct json_writer *w, const char *root, struct err *err)
{
	char here[4096], *path;

	if (root[0] != '/' && !getcwd(here, sizeof(here)))
		return err_set(err, ERR_IO, "the working directory has no name: %s",
			       strerror(errno));
	path = root[0] == '/' ? str_dup(root) : path_join(here, root);
	if (!path)
		return err_set(err, ERR_NOMEM, "%s: no memory", root);
	json_put_str(w, "root", path);
	free(path);
	return 0;
}

int record_corpus(struct json_writer *w, const struct bank *bank, struct err *err)
{
	const struct corpus *c = bank->corpus;
	static const char *const level[] = { "note", "warn", "error" };
	int issues[3] = { 0 };

	json_open_object(w, "corpus");
	json_put_str(w, "name", c->name);
	json_put_str(w, "kind", bank_kind(bank));
	if (write_root(w, c->root, err))
		return err->code;
	json_put_str(w, "policy", c->policy);
	json_put_str(w, "labels_name", c->labels->name);
	json_open_array(w, "labels");
	for (int k = 0; k < c->labels->n; k++)
		json_put_str(w, NULL, c->labels->word[k]);
	json_close_array(w);
	json_open_object(w, "splits");
	for (int s = 0; s < SPLIT_COUNT; s++) {
		int dialogues = 0, utterances = 0, scored = 0;

		for (int d = 0; d < c->n_dia; d++) {
			if ((int)c->dia[d].split != s)
				continue;
			dialogues++;
			utterances += c->dia[d].count;
			for (int i = 0; i < c->dia[d].count; i++)
				scored += bank->gold->label[c->dia[d].first + i] >= 0;
		}
		json_open_object(w, split_name[s]);
		json_put_int(w, "dialogues", dialogues);
		json_put_int(w, "utterances", utterances);
		json_put_int(w, "scored", scored);
		json_close_object(w);
	}
	json_close_object(w);
	for (int i = 0; i < c->n_issue; i++)
		issues[c->issue[i].level]++;
	json_open_object(w, "issues");
	for (int i = 0; i < 3; i++)
		json_put_int(w, level[i], issues[i]);
	json_close_object(w);
	json_open_object(w, "measured");
	json_put_int(w, "clips", bank->n_media);
	json_put_int(w, "recorded", bank->n_recorded);
	json_put_int(w, "described", bank->n_described);
	json_put_int(w, "failed", bank->n_failed);
	json_close_object(w);
	json_put_str(w, "cues", bank->cues[0] ? bank->cues : NULL);
	json_put_str(w, "hash", bank->content);
	json_close_object(w);
	return 0;
}

/* "epochs" and "counts". */
static void write_numbers(struct json_writer *w, const struct run_record *r,
			  const struct predictions *p)
{
	int status[ANSWER_STATUS_COUNT] = { 0 }, best = 0;

	for (int i = 0; i < p->n; i++)
		status[p->answer[i].status]++;
	for (int i = 0; i < r->n_epoch; i++)
		if (r->epoch[i].best)
			best = i + 1;
	json_open_object(w, "epochs");
	json_put_int(w, "best", best);
	json_put_int(w, "total", r->n_epoch);
	json_close_object(w);
	json_open_object(w, "counts");
	for (int i = 0; i < ANSWER_STATUS_COUNT; i++)
		json_put_int(w, answer_status_name[i], status[i]);
	json_close_object(w);
}

void record_why_failed(int64_t failed, int64_t n, double borne, char why[RECORD_WHY])
{
	why[0] = '\0';
	if (!answers_borne((double)failed, (double)n, borne) &&
	    !str_format(why, RECORD_WHY,
			"%lld of %lld asks ended without a reply, more than --max-failures bears",
			(long long)failed, (long long)n))
		why[0] = '\0';
}

/* Of a run that is being recorded; "": it is a result. */
static void judge(const struct run_record *r, const struct predictions *p, char why[RECORD_WHY])
{
	int failed = 0;

	for (int i = 0; i < p->n; i++)
		failed += p->answer[i].status == ANSWER_DECODE_FAIL ||
			  p->answer[i].status == ANSWER_BACKEND_FAIL;
	why[0] = '\0';
	if (r->carrier)
		record_why_failed(failed, p->n, r->max_failures, why);
	if (r->limited && !str_copy(why, RECORD_WHY, r->why_limited))
		why[0] = '\0';
}

static void put_class(struct json_writer *w, const char *why_limited)
{
	json_put_str(w, "result_class", *why_limited ? "limited" : "full");
	if (*why_limited)
		json_put_str(w, "why_limited", why_limited);
}

int record_class(const char *dir, const char *why_limited, struct err *err)
{
	char *path = path_join(dir, "manifest.json");
	struct json *m = path ? json_read_file(path, MANIFEST_MAX, err) : NULL;
	struct strbuf b = { 0 };
	struct json_writer w;

	if (!path)
		err_set(err, ERR_NOMEM, "%s: no memory", dir);
	if (m && strcmp(json_str(json_get(m, "why_limited"), ""), why_limited)) {
		json_begin(&w, &b, 1);
		json_open_object(&w, NULL);
		for (const struct json *v = json_at(m, 0); v; v = json_next(v)) {
			if (!strcmp(json_key(v), "result_class"))
				put_class(&w, why_limited);
			else if (strcmp(json_key(v), "why_limited"))
				json_put_value(&w, json_key(v), v);
		}
		json_close_object(&w);
		record_file(dir, "manifest.json", &b, err);
	}
	json_free(m);
	free(path);
	return err->code;
}

int record_manifest(const struct run_record *r, const struct predictions *p, const char *dir,
		    struct err *err)
{
	char why[RECORD_WHY];
	struct strbuf b = { 0 };
	struct json_writer w;
	char ended[32];

	environment_time(ended);
	json_begin(&w, &b, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", SCHEMA);
	json_put_str(&w, "id", r->id);
	json_put_str(&w, "status", "complete");
	judge(r, p, why);
	put_class(&w, why);
	if (record_corpus(&w, r->bank, err)) {
		strbuf_free(&b);
		return err->code;
	}
	write_spec(&w, r, r->taken);
	json_put_int(&w, "parameters", r->parameters);
	if (r->recipe->model->note) {
		json_open_object(&w, "chosen");
		r->recipe->model->note(r->state, &w);
		json_close_object(&w);
	}
	write_numbers(&w, r, p);
	environment_write(&w, r->threads);
	if (write_ceiling(&w, r, err) || write_stages(&w, r, p, err)) {
		strbuf_free(&b);
		return err->code;
	}
	json_put_str(&w, "prompts", r->prompts[0] ? r->prompts : NULL);
	if (r->asked)
		asked_write(&w, r->carrier, r->asked, r->bank->corpus, p);
	json_put_num(&w, "train_s", r->train_s);
	json_put_num(&w, "wall_s", r->wall_s);
	json_put_num(&w, "peak_rss_mb", environment_peak_mb());
	json_put_str(&w, "started", r->started);
	json_put_str(&w, "ended", ended);
	json_close_object(&w);
	return record_file(dir, "manifest.json", &b, err);
}

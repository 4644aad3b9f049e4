/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/profile_write.h"

#include <math.h>
#include <stdlib.h>

#include "harness/base/io.h"
#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "harness/core/ask.h"
#include "harness/run/environment.h"
#include "harness/run/see.h"

#define SCHEMA	   1
#define CDF_POINTS 201
#define FLUSH_AT   ((size_t)1 << 20) /* bytes of latencies.jsonl kept before they are written */

int profile_stage(const struct profile_result *r, enum profile_stage stage,
		  struct latency_stats *out, struct err *err)
{
	size_t n = 0;
	double *ms;

	*out = (struct latency_stats){ 0 };
	if (!NEW_ARRAY(ms, r->n))
		return err_set(err, ERR_NOMEM, "stages: no memory");
	for (size_t i = 0; i < r->n; i++)
		if (!isnan(r->event[i].reply.stage_ms[stage]))
			ms[n++] = (double)r->event[i].reply.stage_ms[stage];
	if (n)
		latency_describe(ms, n, out);
	free(ms);
	return 0;
}

const char *profile_metric_name(enum scenario s, const char **unit)
{
	static const char *const name[SCENARIO_COUNT][2] = {
		[SCENARIO_SINGLE] = { "p90 latency", "ms" },
		[SCENARIO_MULTI] = { "p99 query latency", "ms" },
		[SCENARIO_SERVER] = { "highest rate with p99 in the target", "queries/s" },
		[SCENARIO_OFFLINE] = { "throughput", "samples/s" },
		[SCENARIO_LIVE] = { "p90 delay from the end of an utterance", "ms" },
	};

	*unit = name[s][1];
	return name[s][0];
}

const char *profile_cues_note(enum profile_cues c)
{
	static const char *const note[] = {
		[PROFILE_CUES_MEASURED] =
			"each sample's clip is decoded and measured within its latency; earlier "
			"turns of the dialogue were measured before",
		[PROFILE_CUES_CACHED] = "measured before, not within the latencies (--cached-cues)",
		[PROFILE_CUES_RECORDED] = "recorded measurements from files, not within the "
					  "latencies (--cues)",
		[PROFILE_CUES_PREPARED] =
			"the whole question, clips included, was finished before the clock "
			"started: a latency is that of the served model and of the way to it",
		[PROFILE_CUES_NONE] = "the model sees nothing of clips, or there are none",
	};

	return note[c];
}

/* --- profile.json --- */

static void write_result_head(struct json_writer *w, const struct profile_scenario *s)
{
	const struct profile_result *r = &s->r;
	const int percentile = scenario_percentile[r->o.scenario];
	const char *unit, *name = profile_metric_name(r->o.scenario, &unit);

	json_put_str(w, "scenario", scenario_name[r->o.scenario]);
	json_open_object(w, "metric");
	json_put_str(w, "name", name);
	json_put_str(w, "unit", unit);
	json_put_num(w, "value", r->metric);
	json_put_num(w, "percentile", percentile ? percentile / 1000.0 : NAN);
	json_close_object(w);
	json_put_bool(w, "valid", r->n_cause == 0);
	json_put_bool(w, "short", r->is_short);
	json_open_array(w, "causes");
	for (int i = 0; i < r->n_cause; i++) {
		json_open_object(w, NULL);
		json_put_str(w, "required", r->cause[i].required);
		json_put_str(w, "observed", r->cause[i].observed);
		json_put_str(w, "option", r->cause[i].option);
		json_close_object(w);
	}
	json_close_array(w);
	json_put_int(w, "queries", r->queries);
	json_put_int(w, "samples", (int64_t)r->n);
	json_put_int(w, "failed", r->failed);
	json_put_str(w, "first_failure", r->first_failure[0] ? r->first_failure : NULL);
	json_put_num(w, "duration_s", r->duration_s);
	json_put_int(w, "threads", s->threads);
	json_put_int(w, "batch", r->o.batch);
	json_put_int(w, "samples_per_query",
		     r->o.scenario == SCENARIO_MULTI ? r->o.samples_per_query : 1);
}

static void write_settings(struct json_writer *w, const struct profile_options *o)
{
	json_open_object(w, "settings");
	json_put_num(w, "min_duration_s", o->min_s);
	json_put_num(w, "max_duration_s", o->max_s > 0 ? o->max_s : NAN);
	json_put_int(w, "min_queries", o->min_queries);
	json_put_num(w, "max_queries", o->max_queries ? (double)o->max_queries : NAN);
	json_put_int(w, "warmup", o->warmup);
	json_put_num(w, "target_ms", o->scenario == SCENARIO_SERVER ? o->target_ms : NAN);
	json_put_num(w, "rate", o->scenario == SCENARIO_SERVER && o->rate > 0 ? o->rate : NAN);
	json_put_num(w, "speed", o->scenario == SCENARIO_LIVE ? o->speed : NAN);
	json_close_object(w);
}

static void write_latencies(struct json_writer *w, const struct profile_result *r)
{
	const struct latency_stats *s = &r->latency;
	const int percentile = scenario_percentile[r->o.scenario];
	const size_t n = r->n_latency, points = n < CDF_POINTS ? n : CDF_POINTS;

	json_open_object(w, "latency_ms");
	json_put_int(w, "n", (int64_t)s->n);
	json_put_num(w, "mean", s->mean);
	json_put_num(w, "min", s->min);
	json_put_num(w, "max", s->max);
	json_put_num(w, "p50", s->p50);
	json_put_num(w, "p90", s->p90);
	json_put_num(w, "p95", s->p95);
	json_put_num(w, "p97", s->p97);
	json_put_num(w, "p99", s->p99);
	json_put_num(w, "p999", s->p999);
	json_close_object(w);
	json_open_object(w, "early_stopping");
	json_put_num(w, "percentile", percentile ? percentile / 1000.0 : NAN);
	json_put_num(w, "needed", percentile ? (double)r->needed : NAN);
	json_put_num(w, "over", percentile ? (double)r->over : NAN);
	json_put_num(w, "index", r->index >= 0 ? (double)r->index : NAN);
	json_put_num(w, "estimate_ms", r->estimate_ms);
	json_close_object(w);
	json_open_array(w, "cdf");
	for (size_t k = 0; k < points; k++) {
		const size_t i = points > 1 ? k * (n - 1) / (points - 1) : 0;

		json_open_array(w, NULL);
		json_put_num(w, NULL, r->latency_ms[i]);
		json_put_num(w, NULL, (double)(i + 1) / (double)n);
		json_close_array(w);
	}
	json_close_array(w);
}

static int write_stages(struct json_writer *w, const struct profile_result *r, struct err *err)
{
	json_open_object(w, "stages");
	for (int k = 0; k < PROFILE_STAGES; k++) {
		struct latency_stats s;

		if (profile_stage(r, (enum profile_stage)k, &s, err))
			return err->code;
		if (!s.n)
			continue;
		json_open_object(w, profile_stage_name[k]);
		json_put_int(w, "n", (int64_t)s.n);
		json_put_num(w, "total_s", s.total / 1000);
		json_put_num(w, "mean_ms", s.mean);
		json_put_num(w, "p50_ms", s.p50);
		json_put_num(w, "p90_ms", s.p90);
		json_put_num(w, "p99_ms", s.p99);
		json_close_object(w);
	}
	json_close_object(w);
	return 0;
}

static void write_probes(struct json_writer *w, const struct profile_result *r)
{
	if (r->o.scenario != SCENARIO_SERVER)
		return;
	json_open_array(w, "probes");
	for (int i = 0; i < r->n_probe; i++) {
		const struct profile_probe *p = &r->probe[i];

		json_open_object(w, NULL);
		json_put_num(w, "rate", p->rate);
		json_put_int(w, "queries", p->queries);
		json_put_int(w, "over", p->over);
		json_put_num(w, "p99_ms", p->p99_ms);
		json_put_bool(w, "pass", p->pass);
		json_put_bool(w, "cut", p->cut);
		json_close_object(w);
	}
	json_close_array(w);
}

static int write_scenario(struct json_writer *w, const struct profile_scenario *s, struct err *err)
{
	json_open_object(w, NULL);
	write_result_head(w, s);
	write_settings(w, &s->r.o);
	write_latencies(w, &s->r);
	if (write_stages(w, &s->r, err))
		return err->code;
	write_probes(w, &s->r);
	if (s->r.o.scenario == SCENARIO_LIVE) {
		json_put_num(w, "real_time_factor", s->r.real_time_factor);
		json_put_int(w, "late", s->r.late);
		json_put_num(w, "spoken_s", s->r.spoken_s);
	}
	json_put_num(w, "peak_rss_mb", s->peak_mb);
	json_put_str(w, "peak_rss_scope", s->peak_own ? "scenario" : "process");
	json_put_num(w, "energy_j", s->energy_j);
	json_put_str(w, "energy_note", s->energy.note);
	json_close_object(w);
	return 0;
}

static void write_grid(struct json_writer *w, const struct profile *p)
{
	json_open_array(w, "throughput");
	for (int i = 0; i < p->n_cell; i++) {
		const struct profile_cell *c = &p->cell[i];

		json_open_object(w, NULL);
		json_put_int(w, "threads", c->threads);
		json_put_int(w, "batch", c->batch);
		json_put_int(w, "samples", c->samples);
		json_put_num(w, "seconds", c->seconds);
		json_put_num(w, "per_s", c->per_s);
		json_put_num(w, "max_ms", c->max_ms);
		json_put_num(w, "peak_rss_mb", c->peak_mb);
		json_put_int(w, "failed", c->failed);
		json_close_object(w);
	}
	json_close_array(w);
}

static void write_backend(struct json_writer *w, const struct profile_model *m)
{
	const struct carrier *c = profile_model_carrier(m);

	if (!c)
		return;
	json_open_object(w, "backend");
	json_put_str(w, "name", c->name);
	json_put_str(w, "kind", c->backend);
	json_put_str(w, "identity", profile_model_served(m));
	json_close_object(w);
}

static void write_head(struct json_writer *w, const struct profile *p,
		       const struct profile_model *m, const struct bank *bank,
		       const struct opt_values *opts)
{
	const struct reloaded *run = profile_model_run(m);
	const struct profile_plan *plan = p->plan;

	json_put_int(w, "schema_version", SCHEMA);
	json_put_str(w, "kind", "profile");
	json_put_str(w, "status", p->interrupted ? "interrupted" : "complete");
	json_put_bool(w, "valid", profile_valid(p));
	json_put_bool(w, "short", profile_short(p));
	json_put_str(w, "result_class", profile_model_limited(m) ? "limited" : "full");
	json_open_object(w, "run");
	json_put_str(w, "id", json_str(json_get(run->manifest, "id"), NULL));
	json_put_str(w, "system", run->recipe.name);
	json_put_str(w, "model", run->recipe.model->name);
	json_put_str(w, "corpus", bank->corpus->name);
	json_put_str(w, "split", split_name[SPLIT_TEST]);
	see_write(w, "see", run->recipe.see);
	json_close_object(w);
	write_backend(w, m);
	environment_write(w, plan->threads[0]);
	json_open_object(w, "options");
	opt_write_json(opts, w);
	json_close_object(w);
	json_open_object(w, "seeds");
	json_put_int(w, "samples", opt_int(opts, "seed-samples"));
	json_put_int(w, "order", (int64_t)plan->each.seed_order);
	json_put_int(w, "schedule", (int64_t)plan->each.seed_schedule);
	json_put_int(w, "log", (int64_t)plan->seed_log);
	json_close_object(w);
	json_put_int(w, "samples", profile_model_set(m)->n);
	json_put_int(w, "clips_unreadable", profile_model_unreadable(m));
	json_put_str(w, "cues", profile_cues_name[profile_model_cues(m)]);
	json_put_str(w, "cues_note", profile_cues_note(profile_model_cues(m)));
	json_put_bool(w, "response_cache", false);
	json_put_num(w, "load_s", p->load_s);
}

int profile_json(const struct profile *p, const struct profile_model *m, const struct bank *bank,
		 const struct opt_values *opts, struct strbuf *out, struct err *err)
{
	struct json_writer w;

	json_begin(&w, out, 1);
	json_open_object(&w, NULL);
	write_head(&w, p, m, bank, opts);
	json_open_array(&w, "scenarios");
	for (int i = 0; i < p->n; i++)
		if (write_scenario(&w, &p->scenario[i], err))
			return err->code;
	json_close_array(&w);
	write_grid(&w, p);
	json_close_object(&w);
	return out->oom ? err_set(err, ERR_NOMEM, "profile.json: no memory") : 0;
}

/* --- latencies.jsonl --- */

static void write_event(struct strbuf *out, const struct profile_event *v, const char *scenario,
			const char *id, const char *label)
{
	struct json_writer w;

	json_begin(&w, out, 0);
	json_open_object(&w, NULL);
	json_put_str(&w, "scenario", scenario);
	json_put_int(&w, "query", v->query);
	json_put_str(&w, "id", id);
	json_put_num(&w, "scheduled_s", v->scheduled);
	json_put_num(&w, "started_s", v->started);
	json_put_num(&w, "done_s", v->done);
	json_put_num(&w, "latency_ms", 1e3 * (v->done - v->scheduled));
	json_put_bool(&w, "failed", v->reply.failed);
	for (int k = 0; k < PROFILE_STAGES; k++) {
		char key[24];

		if (str_format(key, sizeof(key), "%s_ms", profile_stage_name[k]))
			json_put_num(&w, key, (double)v->reply.stage_ms[k]);
	}
	if (label)
		json_put_str(&w, "label", label);
	json_close_object(&w);
	strbuf_addc(out, '\n');
}

static int flush(struct strbuf *b, FILE *f, const char *path, struct err *err)
{
	if (b->oom)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	io_write_exact(f, strbuf_str(b), b->len, path, err);
	strbuf_reset(b);
	return err->code;
}

static int write_events(const struct profile *p, const struct profile_model *m,
			const struct label_set *labels, FILE *f, const char *path, struct err *err)
{
	struct strbuf b = { 0 };
	struct rng rng;

	rng_seed(&rng, p->plan->seed_log, 0);
	for (int s = 0; s < p->n && !err->code; s++) {
		const struct profile_result *r = &p->scenario[s].r;

		for (size_t i = 0; i < r->n && !err->code; i++) {
			const struct profile_event *v = &r->event[i];
			const bool kept = rng_uniform(&rng) < p->plan->log_share;
			const int label = v->reply.failed ? -1 : v->reply.label;

			write_event(&b, v, scenario_name[r->o.scenario],
				    profile_model_id(m, v->sample),
				    kept && label >= 0 ? labels->word[label] : NULL);
			if (b.len >= FLUSH_AT)
				flush(&b, f, path, err);
		}
	}
	if (!err->code)
		flush(&b, f, path, err);
	strbuf_free(&b);
	return err->code;
}

static int write_log(const struct profile *p, const struct profile_model *m,
		     const struct label_set *labels, const char *dir, struct err *err)
{
	char *path = path_join(dir, "latencies.jsonl"), *temp = path_join(dir, ".latencies.tmp");
	FILE *f = NULL;

	if (!path || !temp)
		err_set(err, ERR_NOMEM, "%s: no memory", dir);
	else if (!(f = fopen(temp, "w")))
		err_set(err, ERR_IO, "%s: cannot be written", temp);
	if (f) {
		write_events(p, m, labels, f, temp, err);
		if (!io_close(f, temp, err))
			io_rename(temp, path, err);
	}
	free(path);
	free(temp);
	return err->code;
}

int profile_write(const struct profile *p, const struct profile_model *m, const struct bank *bank,
		  const struct opt_values *opts, const char *dir, struct err *err)
{
	char *path = path_join(dir, "profile.json");
	struct strbuf b = { 0 };

	if (!path)
		err_set(err, ERR_NOMEM, "%s: no memory", dir);
	else if (!io_mkdirs(dir, err) && !write_log(p, m, bank->corpus->labels, dir, err) &&
		 !profile_json(p, m, bank, opts, &b, err))
		io_write_atomic(path, strbuf_str(&b), b.len, err);
	strbuf_free(&b);
	free(path);
	return err->code;
}

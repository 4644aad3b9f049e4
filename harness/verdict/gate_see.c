/* SPDX-License-Identifier: Apache-2.0
 * A result folder as a gate sees it.
 */
#include "harness/verdict/gate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Scores are stored as floats, so beliefs that are read back are a little off. */
#define BELIEF_SAME 1e-6

const char *gate_run_name(const struct result *r, struct arena *mem)
{
	struct strbuf b = { 0 };
	const char *name = NULL;

	strbuf_addf(&b, "%s-%s", r->corpus, r->system);
	for (int i = 0; i < r->n_without; i++)
		strbuf_addf(&b, "%s%s", i ? "-" : "-without-", r->without[i]);
	strbuf_addf(&b, "-s%llu", (unsigned long long)r->seed);
	if (!b.oom)
		name = arena_strdup(mem, strbuf_str(&b));
	strbuf_free(&b);
	return name;
}

bool gate_metric_is_time(const char *name)
{
	return str_starts(name, "ms.");
}

const struct gate_metric *gate_metric_find(const struct gate_run *r, const char *name)
{
	for (int i = 0; i < r->n_metric; i++)
		if (!strcmp(r->metric[i].name, name))
			return &r->metric[i];
	return NULL;
}

/* Hashes of the test set and of the answers, in the order of dialogues and turns. */
static int hash_samples(const struct result *r, struct gate_run *out, struct err *err)
{
	struct strbuf b = { 0 };

	for (int i = 0; i < r->n; i++)
		strbuf_addf(&b, "%s\t%lld\t%s\t%s\n", r->pred[i].dialogue,
			    (long long)r->pred[i].turn, r->pred[i].id, r->label[r->pred[i].gold]);
	hash_hex(strbuf_str(&b), b.len, out->version);
	for (int i = 0; i < r->n; i++)
		strbuf_addf(&b, "%s\n", r->pred[i].label < 0 ? "" : r->label[r->pred[i].label]);
	hash_hex(strbuf_str(&b), b.len, out->predictions);
	if (b.oom)
		err_set(err, ERR_NOMEM, "%s: no memory", r->id);
	strbuf_free(&b);
	return err->code;
}

/* One metric as it was written down; it must be what the predictions give, if that is known. */
static int add_metric(struct gate_run *out, struct arena *mem, const char *name, bool lower,
		      const struct json *told, double counted, double same, struct err *err)
{
	struct gate_metric m = {
		.value = json_num(told, NAN), .lower = lower, .floor = NAN, .ceiling = NAN
	};

	if (!isnan(m.value) && !(fabs(m.value - counted) <= same))
		return err_set(err, ERR_DATA,
			       "metrics.json: %s is %.12g, but predictions.jsonl gives %.12g; "
			       "score the run again",
			       name, m.value, counted);
	m.name = arena_strdup(mem, name);
	if (!m.name || !GROW_ARRAY(out->metric, out->cap_metric, (size_t)out->n_metric + 1))
		return err_set(err, ERR_NOMEM, "gate: no memory");
	out->metric[out->n_metric++] = m;
	return 0;
}

static int add_whole(const struct result *r, struct arena *mem, struct gate_run *out,
		     struct err *err)
{
	const struct scores *s = &r->scores;
	const bool sure = r->beliefs.n > 0;
	const struct {
		const char *name;
		bool lower;
		double counted, same;
	} whole[] = {
		{ "accuracy", false, s->accuracy, GATE_SAME },
		{ "answered", false, (double)s->answered, GATE_SAME },
		{ "brier", true, sure ? calibration_brier(&r->beliefs) : NAN, BELIEF_SAME },
		{ "ece", true, sure ? calibration_ece(&r->beliefs) : NAN, BELIEF_SAME },
		{ "kappa", false, s->kappa, GATE_SAME },
		{ "macro_f1", false, s->macro_f1, GATE_SAME },
		{ "mcc", false, s->mcc, GATE_SAME },
		{ "micro_f1", false, s->micro_f1, GATE_SAME },
		{ "nll", true, sure ? calibration_nll(&r->beliefs) : NAN, BELIEF_SAME },
		{ "uar", false, s->uar, GATE_SAME },
		{ "weighted_f1", false, s->weighted_f1, GATE_SAME },
	};

	for (size_t i = 0; i < ARRAY_LEN(whole); i++)
		if (add_metric(out, mem, whole[i].name, whole[i].lower,
			       json_get(r->metrics, whole[i].name), whole[i].counted, whole[i].same,
			       err))
			return err->code;
	return 0;
}

static int add_classes(const struct result *r, struct arena *mem, struct gate_run *out,
		       struct err *err)
{
	const struct json *all = json_get(r->metrics, "per_class");

	for (int k = 0; k < r->k; k++) {
		const struct class_scores *c = &r->scores.cls[k];
		const struct {
			const char *name;
			double counted;
		} of[] = { { "f1", c->f1 },
			   { "precision", c->precision },
			   { "recall", c->recall } };
		const struct json *told = json_get(all, r->label[k]);

		for (size_t i = 0; i < ARRAY_LEN(of); i++) {
			char name[128];

			if (!str_format(name, sizeof(name), "%s.%s", of[i].name, r->label[k]))
				return err_set(err, ERR_LIMIT, "%s: label '%s' is too long", r->id,
					       r->label[k]);
			if (add_metric(out, mem, name, false, json_get(told, of[i].name),
				       of[i].counted, GATE_SAME, err))
				return err->code;
		}
	}
	return 0;
}

static int add_times(const struct result *r, struct arena *mem, struct gate_run *out,
		     struct err *err)
{
	static const char *const rank[] = { "p50", "p90", "p99" };
	const struct json *stages = json_get(r->manifest, "stages");

	for (int s = 0; s < r->n_stage; s++)
		for (size_t i = 0; i < ARRAY_LEN(rank); i++) {
			char name[128], key[16];
			const struct json *v;

			if (!str_format(key, sizeof(key), "%s_ms", rank[i]) ||
			    !str_format(name, sizeof(name), "ms.%s.%s", r->stage[s].name, rank[i]))
				return err_set(err, ERR_LIMIT, "%s: stage '%s' has too long a name",
					       r->id, r->stage[s].name);
			v = json_get(json_get(stages, r->stage[s].name), key);
			if (add_metric(out, mem, name, true, v, json_num(v, NAN), 0, err))
				return err->code;
		}
	return 0;
}

int gate_see(const struct result *r, struct arena *mem, struct gate_run *out, struct err *err)
{
	const struct json *environment = json_get(r->manifest, "environment");

	*out = (struct gate_run){
		.name = gate_run_name(r, mem),
		.corpus = arena_strdup(mem, r->corpus),
		.kind = arena_strdup(mem, r->kind),
		.labels_name = arena_strdup(mem, r->labels_name),
		.cpu = arena_strdup(mem, json_str(json_get(environment, "cpu"), "unknown")),
		.threads = (int64_t)json_num(json_get(environment, "threads"), 0),
		.n = r->n,
		.confusion = r->confusion,
	};
	if (!str_copy(out->prompts, HASH_HEX, json_str(json_get(r->manifest, "prompts"), "")))
		return err_set(err, ERR_DATA, "manifest.json: prompts is not a hash");
	if (!out->name || !out->corpus || !out->kind || !out->labels_name || !out->cpu)
		return err_set(err, ERR_NOMEM, "gate: no memory");
	for (int k = 0; k < r->k; k++) {
		out->label[k] = arena_strdup(mem, r->label[k]);
		if (!out->label[k])
			return err_set(err, ERR_NOMEM, "gate: no memory");
	}
	if (hash_samples(r, out, err) || add_whole(r, mem, out, err) ||
	    add_classes(r, mem, out, err))
		return err->code;
	return add_times(r, mem, out, err);
}

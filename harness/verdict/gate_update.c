/* SPDX-License-Identifier: Apache-2.0
 * Taking results into a baseline.
 */
#include "harness/verdict/gate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/verdict/lineup.h"

/* Twice the time: less is noise on a machine that others use too. */
static const struct tolerance loose = { TOLERANCE_REL, 1 };

/* The name itself or its group; "" is everything but times, whose unit is another. */
static bool matches(const char *name, const char *rule, size_t n)
{
	if (!n)
		return !gate_metric_is_time(name);
	return !strncmp(name, rule, n) && (!name[n] || name[n] == '.');
}

static bool listed(const char *name, const char *list)
{
	for (const char *s = list; *s;) {
		const size_t n = strcspn(s, ",");

		if (n && matches(name, s, n))
			return true;
		s += n + (s[n] == ',');
	}
	return false;
}

/* Which of the metrics of a run a baseline is to hold. */
static bool wanted(const struct gate_metric *m, const struct gate_run *old,
		   const struct gate_rules *rules)
{
	const bool time = gate_metric_is_time(m->name);

	if (*rules->metrics)
		return listed(m->name, rules->metrics) || (time && rules->times);
	if (old && gate_metric_find(old, m->name))
		return true; /* where the value is gone too: that must be noticed */
	if (isnan(m->value))
		return false;
	return time ? rules->times : !old;
}

/* Sets one rule of one metric from its text. */
typedef int rule_fn(struct gate_metric *m, const char *value, struct arena *mem, struct err *err);

static int set_line(struct gate_metric *m, const char *value, struct arena *mem, struct err *err)
{
	(void)mem;
	return tolerance_parse(value, &m->line, err);
}

static int set_floor(struct gate_metric *m, const char *value, struct arena *mem, struct err *err)
{
	(void)mem;
	return parse_f64(value, -1e12, 1e12, "floor", &m->floor, err);
}

static int set_ceiling(struct gate_metric *m, const char *value, struct arena *mem, struct err *err)
{
	(void)mem;
	return parse_f64(value, -1e12, 1e12, "ceiling", &m->ceiling, err);
}

static int set_why(struct gate_metric *m, const char *value, struct arena *mem, struct err *err)
{
	if (!*value)
		return err_set(err, ERR_ARG, "quarantine of %s: give a reason", m->name);
	m->why = arena_strdup(mem, value);
	return m->why ? 0 : err_set(err, ERR_NOMEM, "gate: no memory");
}

/* Applies a comma list of NAME=VALUE (VALUE alone: every metric but times). */
static int apply(struct gate_run *r, const char *list, rule_fn *set, struct arena *mem,
		 struct err *err)
{
	for (const char *s = list; *s;) {
		const size_t n = strcspn(s, ",");
		const char *equals = memchr(s, '=', n);
		const size_t name = equals ? (size_t)(equals - s) : 0;
		const size_t skip = equals ? name + 1 : 0;
		char *value = arena_strndup(mem, s + skip, n - skip);
		int found = 0;

		if (!value)
			return err_set(err, ERR_NOMEM, "gate: no memory");
		for (int i = 0; i < r->n_metric; i++)
			if (matches(r->metric[i].name, s, name)) {
				if (set(&r->metric[i], value, mem, err))
					return err->code;
				found++;
			}
		if (!found)
			return err_set(err, ERR_ARG, "%s: no metric '%.*s' is recorded", r->name,
				       (int)name, s);
		s += n + (s[n] == ',');
	}
	return 0;
}

/* What was seen becomes what is held: of its metrics those that are wanted, with their rules. */
static int make_entry(struct gate_run *seen, const struct gate_run *old,
		      const struct gate_rules *rules, struct arena *mem, struct err *err)
{
	int n = 0, times = 0;

	seen->exact = rules->exact || (old ? old->exact : true);
	if (*rules->tolerance && !rules->exact)
		seen->exact = false;
	for (int i = 0; i < seen->n_metric; i++) {
		struct gate_metric m = seen->metric[i];
		const struct gate_metric *was = old ? gate_metric_find(old, m.name) : NULL;

		if (!wanted(&m, old, rules))
			continue;
		if (gate_metric_is_time(m.name)) {
			m.line = loose;
			times++;
		}
		if (was) {
			m.line = was->line;
			m.floor = was->floor;
			m.ceiling = was->ceiling;
			m.why = was->why;
		}
		seen->metric[n++] = m;
	}
	seen->n_metric = n;
	if (!n)
		return err_set(err, ERR_ARG, "%s: no metric to record", seen->name);
	if (!times)
		seen->cpu = NULL;
	if (apply(seen, rules->tolerance, set_line, mem, err) ||
	    apply(seen, rules->floor, set_floor, mem, err) ||
	    apply(seen, rules->ceiling, set_ceiling, mem, err))
		return err->code;
	return apply(seen, rules->quarantine, set_why, mem, err);
}

static void tell_changes(const struct gate_run *r, const struct gate_run *old, struct strbuf *out)
{
	if (!old)
		strbuf_addf(out, "%s: new, %lld samples\n", r->name, (long long)r->n);
	else if (strcmp(old->version, r->version))
		strbuf_addf(out, "%s: another test set, %lld samples\n", r->name, (long long)r->n);
	else if (strcmp(old->predictions, r->predictions))
		strbuf_addf(out, "%s: other answers\n", r->name);
	for (int i = 0; i < r->n_metric; i++) {
		const struct gate_metric *m = &r->metric[i];
		const struct gate_metric *was = old ? gate_metric_find(old, m->name) : NULL;

		if (!was)
			strbuf_addf(out, "%s: %s: %.10g\n", r->name, m->name, m->value);
		else if (!(was->value == m->value))
			strbuf_addf(out, "%s: %s: %.10g -> %.10g\n", r->name, m->name, was->value,
				    m->value);
	}
	for (int i = 0; old && i < old->n_metric; i++)
		if (!gate_metric_find(r, old->metric[i].name))
			strbuf_addf(out, "%s: %s: no longer held\n", r->name, old->metric[i].name);
}

/* Metrics that the baseline holds and the result does not even name. */
static int keep_lost(struct gate_run *seen, const struct gate_run *old, struct err *err)
{
	for (int i = 0; old && i < old->n_metric; i++) {
		struct gate_metric m = old->metric[i];

		if (gate_metric_find(seen, m.name))
			continue;
		if (!GROW_ARRAY(seen->metric, seen->cap_metric, (size_t)seen->n_metric + 1))
			return err_set(err, ERR_NOMEM, "gate: no memory");
		m.value = NAN;
		seen->metric[seen->n_metric++] = m;
	}
	return 0;
}

static int take(struct baseline *b, const char *dir, const struct result *r,
		const struct gate_rules *rules, struct strbuf *changes, struct err *err)
{
	struct gate_run seen = { 0 }, *old = NULL;

	if (r->limited)
		return err_set(err, ERR_DATA, "%s: a limited run is not a result", dir);
	if (!gate_see(r, &b->mem, &seen, err)) {
		old = baseline_find(b, seen.name);
		if (!keep_lost(&seen, old, err))
			make_entry(&seen, old, rules, &b->mem, err);
	}
	if (!err->code && !old && !GROW_ARRAY(b->run, b->cap, (size_t)b->n + 1))
		err_set(err, ERR_NOMEM, "gate: no memory");
	if (err->code) {
		free(seen.metric);
		return err->code;
	}
	tell_changes(&seen, old, changes);
	if (old)
		free(old->metric);
	else
		old = &b->run[b->n++];
	*old = seen;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct gate_run *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int baseline_update(struct baseline *b, char *const *dir, int n, const struct gate_rules *rules,
		    struct strbuf *changes, struct err *err)
{
	if (rules->exact && *rules->tolerance)
		return err_set(err, ERR_ARG, "gate: --exact leaves no tolerance: give one of them");
	for (int i = 0; i < n && !err->code; i++) {
		struct result r;

		if (!result_load_finished(&r, dir[i], err))
			take(b, dir[i], &r, rules, changes, err);
		result_free(&r);
	}
	if (b->n)
		qsort(b->run, (size_t)b->n, sizeof(*b->run), by_name);
	return err->code;
}

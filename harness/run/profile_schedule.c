/* SPDX-License-Identifier: Apache-2.0
 * Scenarios whose schedule does not depend on the replies: Server, with the search of the
 * highest rate that keeps its bound, and Live.
 */
#include "harness/run/profile_parts.h"

#include <math.h>
#include <stdlib.h>

#include "harness/base/mem.h"
#include "harness/base/rng.h"

/* Below this share of the workers' time queries hardly meet: no lower rate does better. */
#define IDLE_SHARE   (1 / 64.0)
#define HALVINGS_MAX 16 /* where the warm-up does not tell how long an answer takes */

static bool planned_enough(const struct profile_result *r)
{
	const struct profile_options *o = &r->o;

	return (r->duration_s >= o->min_s && (int64_t)r->n >= o->min_queries) ||
	       (o->max_queries && (int64_t)r->n >= o->max_queries) ||
	       (o->max_s > 0 && r->duration_s >= o->max_s);
}

/* --- Server --- */

/* Most latencies over the target with which n queries still pass. */
static int64_t late_allowed(int64_t n)
{
	const int p99 = scenario_percentile[SCENARIO_SERVER];
	int64_t index = latency_estimate_index(n, p99);

	if (index >= 0)
		return n - index;
	if (n >= latency_needed(0, p99))
		return 0;
	/* too few queries for early stopping: the plain percentile steers the search */
	return n - 1 - (n / 1000 * p99 + n % 1000 * p99 / 1000);
}

static int poisson(struct engine *e, struct profile_result *r, double rate, struct err *err)
{
	struct order order;
	struct rng rng;

	if (order_init(&order, e->set->n, e->o->seed_order, err))
		return err->code;
	rng_seed(&rng, e->o->seed_schedule, 0);
	r->n = 0;
	r->duration_s = 0;
	while (!err->code && !planned_enough(r)) {
		r->duration_s += -log1p(-rng_uniform(&rng)) / rate;
		engine_add(r, (int64_t)r->n, order_next(&order), r->duration_s, err);
	}
	order_free(&order);
	return err->code;
}

/* One run at a rate; may_cut: it ends as soon as it cannot pass any more. */
static int serve_at(struct engine *e, struct profile_result *r, double rate, bool may_cut,
		    struct profile_probe *probe, struct err *err)
{
	int64_t allowed;

	r->failed = 0;
	if (poisson(e, r, rate, err))
		return err->code;
	r->planned = (int64_t)r->n;
	allowed = late_allowed(r->planned);
	e->late_s = may_cut ? r->o.target_ms / 1e3 : INFINITY;
	e->late_most = allowed;
	engine_restart(e);
	if (engine_serve(e, r, 0, 1, err) || engine_describe(r, err))
		return err->code;
	r->queries = (int64_t)r->n;
	r->duration_s = r->n ? r->event[r->n - 1].scheduled : 0;
	*probe = (struct profile_probe){ .rate = rate,
					 .p99_ms = r->latency.p99,
					 .queries = r->queries,
					 .over = r->over,
					 .cut = r->cut };
	probe->pass =
		!r->cut && !r->failed && r->over <= allowed && r->latency.p99 <= r->o.target_ms;
	return 0;
}

/* Where a search stands: rates known to pass and to fail, 0: none. */
struct search {
	double pass, fail, rate;
	int halvings;
};

/* Doubles until one fails (or halves until one passes), then bisects.  false: found, or no
 * rate will do: one query alone takes longer than the target, or fails. */
static bool next_rate(struct search *s, const struct profile_result *trial, bool pass)
{
	const struct profile_options *o = &trial->o;

	if (pass)
		s->pass = s->rate;
	else
		s->fail = s->rate;
	if (trial->failed || (pass && s->rate >= o->max_rate))
		return false;
	if (!s->fail)
		s->rate = fmin(2 * s->rate, o->max_rate);
	else if (s->pass)
		s->rate = (s->pass + s->fail) / 2;
	else
		s->rate /= 2;
	if (!s->pass)
		return trial->latency.min <= o->target_ms && s->halvings++ < HALVINGS_MAX &&
		       !(s->rate * trial->warm_s < IDLE_SHARE * trial->workers);
	return !s->fail || s->fail > s->pass * (1 + o->precision);
}

/* r becomes the run that was tried, and the trial has room for the next; probes stay. */
static void keep_trial(struct profile_result *r, struct profile_result *trial)
{
	const struct profile_result old = *r;

	*r = *trial;
	*trial = old;
}

static int search_rate(struct engine *e, struct profile_result *r, struct err *err)
{
	struct profile_probe probe[PROFILE_PROBES_MAX];
	struct search s = { .rate = e->o->expected_rate };
	struct profile_result *trial = mem_calloc(1, sizeof(*trial));
	bool more = true;
	int n = 0;

	if (!trial)
		return err_set(err, ERR_NOMEM, "Server: no memory");
	*trial = *r;
	if (s.rate <= 0)
		s.rate = r->warm_s > 0 ? e->back->workers / r->warm_s / 2 : 1;
	s.rate = fmin(s.rate, e->o->max_rate);
	while (more && n < PROFILE_PROBES_MAX) {
		if (serve_at(e, trial, s.rate, true, &probe[n], err))
			break;
		log_info(e->o->log, "Server: %.4g queries/s: %lld of %lld over %g ms, %s", s.rate,
			 (long long)probe[n].over, (long long)probe[n].queries, e->o->target_ms,
			 probe[n].pass	? "kept"
			 : probe[n].cut ? "not kept, cut short"
					: "not kept");
		more = next_rate(&s, trial, probe[n].pass);
		if (probe[n].pass || !s.pass)
			keep_trial(r, trial);
		n++;
	}
	r->n_probe = n;
	for (int i = 0; i < n; i++)
		r->probe[i] = probe[i];
	r->metric = s.pass ? s.pass : NAN;
	profile_result_free(trial);
	free(trial);
	return err->code;
}

int server_run(struct engine *e, struct profile_result *r, struct err *err)
{
	if (!e->o->rate)
		return search_rate(e, r, err);
	if (!serve_at(e, r, e->o->rate, false, &r->probe[0], err)) {
		r->n_probe = 1;
		r->metric = r->probe[0].pass ? e->o->rate : NAN;
	}
	return err->code;
}

/* --- Live --- */

/* Plays one dialogue from second `base` on; samples in the order in which they end. */
static int play(struct engine *e, struct profile_result *r, int first, double base, struct err *err)
{
	const struct profile_set *set = e->set;
	const size_t from = r->n;

	for (int i = first; i < set->n && set->group[i] == set->group[first] && !err->code; i++)
		engine_add(r, 0, i, base + set->end_s[i] / e->o->speed, err);
	for (size_t i = from + 1; i < r->n; i++)
		for (size_t k = i; k > from && r->event[k].scheduled < r->event[k - 1].scheduled;
		     k--) {
			const struct profile_event t = r->event[k];

			r->event[k] = r->event[k - 1];
			r->event[k - 1] = t;
		}
	return err->code;
}

/* Numbers the samples of a dialogue from event `from` on, up to the one that is enough. */
static void end_play(struct profile_result *r, size_t from)
{
	const size_t end = r->n;

	r->n = from;
	while (r->n < end && !planned_enough(r)) {
		r->duration_s = r->event[r->n].scheduled;
		r->event[r->n].query = (int64_t)r->n;
		r->n++;
	}
}

/* Dialogues one after the other until both minima are reached. */
static int plan_live(struct engine *e, struct profile_result *r, struct err *err)
{
	const struct profile_set *set = e->set;
	struct order order = { 0 };
	double base = 0;
	int *first, n = 0;

	if (!NEW_ARRAY(first, (size_t)set->n))
		return err_set(err, ERR_NOMEM, "Live: no memory");
	for (int i = 0; i < set->n; i++)
		if (!i || set->group[i] != set->group[i - 1])
			first[n++] = i;
	order_init(&order, n, e->o->seed_order, err);
	while (!err->code && !planned_enough(r)) {
		const int at = first[order_next(&order)];
		const size_t from = r->n;

		play(e, r, at, base, err);
		base += set->group_s[set->group[at]] / e->o->speed;
		end_play(r, from);
	}
	r->planned = (int64_t)r->n;
	order_free(&order);
	free(first);
	return err->code;
}

int live_run(struct engine *e, struct profile_result *r, struct err *err)
{
	double busy = 0;

	if (plan_live(e, r, err))
		return err->code;
	log_info(e->o->log, "Live: %lld utterances in %.0f s", (long long)r->planned,
		 r->duration_s);
	engine_restart(e);
	if (engine_serve(e, r, 0, 1, err))
		return err->code;
	r->queries = (int64_t)r->n;
	r->spoken_s = 0;
	for (size_t i = 0; i < r->n; i++) {
		const struct profile_event *v = &r->event[i];

		busy += v->done - v->started;
		r->spoken_s += e->set->seconds[v->sample];
		r->late += i + 1 < r->n && v->done > v[1].scheduled;
	}
	r->real_time_factor = r->spoken_s > 0 ? busy / r->spoken_s : NAN;
	return 0;
}

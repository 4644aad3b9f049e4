/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "harness/run/profile_parts.h"

const char *const scenario_name[SCENARIO_COUNT] = { "SingleStream", "MultiStream", "Server",
						    "Offline", "Live" };
const int scenario_percentile[SCENARIO_COUNT] = { 900, 990, 990, 0, 900 };
const char *const profile_stage_name[PROFILE_STAGES] = { "decode", "cues", "prompt", "prefill",
							 "score" };

/* Stream of the warm-up among those of the order's seed, which counts permutations from 0. */
#define STREAM_WARMUP UINT64_MAX

/* LoadGen's reserve when it sizes Offline; and how much faster than in its warm-up a back-end
 * may turn out to be. */
#define OFFLINE_RESERVE 1.1
#define WARM_RESERVE	1.5

/* --- order --- */

int order_init(struct order *o, int n, uint64_t seed, struct err *err)
{
	*o = (struct order){ .n = n, .at = n, .seed = seed };
	if (!NEW_ARRAY(o->perm, (size_t)n))
		return err_set(err, ERR_NOMEM, "order of the samples: no memory");
	return 0;
}

int order_next(struct order *o)
{
	if (o->at >= o->n) {
		struct rng rng;

		for (int i = 0; i < o->n; i++)
			o->perm[i] = i;
		rng_seed(&rng, o->seed, o->round++);
		rng_shuffle(&rng, o->perm, o->n);
		o->at = 0;
	}
	return o->perm[o->at++];
}

void order_free(struct order *o)
{
	free(o->perm);
	*o = (struct order){ 0 };
}

static int by_number(const void *a, const void *b)
{
	const int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

int profile_draw(int all, int n, uint64_t seed, int **out, int *n_out, struct err *err)
{
	struct order o;

	*out = NULL;
	*n_out = n > 0 && n < all ? n : all;
	if (order_init(&o, all, seed, err))
		return err->code;
	if (!NEW_ARRAY(*out, (size_t)*n_out))
		err_set(err, ERR_NOMEM, "sample set: no memory");
	for (int i = 0; *out && i < *n_out; i++)
		(*out)[i] = order_next(&o);
	if (*out)
		qsort(*out, (size_t)*n_out, sizeof(**out), by_number);
	order_free(&o);
	return err->code;
}

/* --- the runs that issue after a reply, and the one that issues at once --- */

int engine_add(struct profile_result *r, int64_t query, int sample, double scheduled,
	       struct err *err)
{
	if (r->n >= (size_t)PROFILE_QUERIES_MAX)
		return err_set(err, ERR_LIMIT,
			       "%s: more than %lld samples in one run: lower --duration, "
			       "--queries or --max-rate",
			       scenario_name[r->o.scenario], (long long)PROFILE_QUERIES_MAX);
	if (!GROW_ARRAY(r->event, r->cap, r->n + 1))
		return err_set(err, ERR_NOMEM, "latencies: no memory");
	r->event[r->n++] =
		(struct profile_event){ .query = query, .sample = sample, .scheduled = scheduled };
	return 0;
}

static bool enough(const struct profile_result *r)
{
	const struct profile_options *o = &r->o;

	return (r->duration_s >= o->min_s && r->queries >= o->min_queries) ||
	       (o->max_queries && r->queries >= o->max_queries) ||
	       (o->max_s > 0 && r->duration_s >= o->max_s);
}

/* SingleStream and MultiStream. */
static int closed_run(struct engine *e, struct profile_result *r, struct err *err)
{
	const int size = e->o->scenario == SCENARIO_MULTI ? e->o->samples_per_query : 1;
	const int blocks = (e->set->n + size - 1) / size;
	struct progress progress;
	struct order order;

	if (order_init(&order, blocks, e->o->seed_order, err))
		return err->code;
	progress_start(&progress, e->o->log, scenario_name[e->o->scenario], e->o->min_queries);
	while (!err->code && !enough(r) && !engine_stopped(e, err)) {
		const size_t first = r->n;
		const int64_t from = (int64_t)order_next(&order) * size;

		r->duration_s = engine_now(e);
		for (int i = 0; i < size && !err->code; i++)
			engine_add(r, r->queries, (int)((from + i) % e->set->n), r->duration_s,
				   err);
		r->planned += size;
		if (!err->code && !engine_serve(e, r, first, e->o->batch, err))
			r->queries++;
		progress_update(&progress,
				r->queries < e->o->min_queries ? r->queries : e->o->min_queries, 0,
				NULL);
	}
	progress_end(&progress, NULL);
	order_free(&order);
	return err->code;
}

/* Starts of the stretches of at most `batch` samples of one group; *n of them, malloc'ed, and
 * the end of the last behind. */
static int *cut_stretches(const struct profile_set *set, int batch, int *n, struct err *err)
{
	int *start;

	*n = 0;
	if (!NEW_ARRAY(start, (size_t)set->n + 1)) {
		err_set(err, ERR_NOMEM, "order of the samples: no memory");
		return NULL;
	}
	for (int i = 0; i < set->n; i++)
		if (!*n || i - start[*n - 1] >= batch ||
		    (set->group && set->group[i] != set->group[i - 1]))
			start[(*n)++] = i;
	start[*n] = set->n;
	return start;
}

static int64_t offline_size(const struct profile_options *o, double expected)
{
	double want = OFFLINE_RESERVE * o->min_s * expected;
	int64_t n = want > (double)o->min_queries
			    ? (int64_t)ceil(fmin(want, (double)PROFILE_QUERIES_MAX))
			    : o->min_queries;

	return o->max_queries && n > o->max_queries ? o->max_queries : n;
}

static int offline_run(struct engine *e, struct profile_result *r, struct err *err)
{
	double expected = e->o->expected_rate;
	struct order order = { 0 };
	int *start, n;

	if (expected <= 0 && r->warm_s > 0)
		expected = WARM_RESERVE * e->back->workers / r->warm_s;
	r->planned = offline_size(e->o, expected);
	start = cut_stretches(e->set, e->o->batch, &n, err);
	if (start)
		order_init(&order, n, e->o->seed_order, err);
	while (!err->code && (int64_t)r->n < r->planned) {
		const int k = order_next(&order);

		for (int i = start[k]; i < start[k + 1] && (int64_t)r->n < r->planned && !err->code;
		     i++)
			engine_add(r, 0, i, 0, err);
	}
	if (!err->code) {
		log_info(e->o->log, "Offline: %lld samples", (long long)r->planned);
		engine_restart(e);
		engine_serve(e, r, 0, e->o->batch, err);
		r->queries = r->n > 0;
	}
	free(start);
	order_free(&order);
	return err->code;
}

/* --- the way of every scenario --- */

static int check_options(const struct profile_set *set, const struct profile_backend *back,
			 const struct profile_options *o, struct err *err)
{
	if (set->n < 1)
		return err_set(err, ERR_ARG, "profile: no samples");
	if (back->workers < 1 || o->min_queries < 1 || o->min_s < 0 || o->max_s < 0 ||
	    o->max_queries < 0 || o->warmup < 0)
		return err_set(err, ERR_ARG, "profile: a duration or a count is out of range");
	if (o->batch < 1 || o->batch > PROFILE_BATCH_MAX)
		return err_set(err, ERR_ARG, "--batch: 1 to %d", PROFILE_BATCH_MAX);
	if (o->scenario == SCENARIO_MULTI && o->samples_per_query < 1)
		return err_set(err, ERR_ARG, "MultiStream: at least one sample a query");
	if (o->scenario == SCENARIO_SERVER &&
	    (!(o->target_ms > 0) || (!o->rate && (!(o->max_rate > 0) || !(o->precision > 0)))))
		return err_set(err, ERR_ARG,
			       "Server: a target, a highest rate and a precision "
			       "above 0 are needed");
	if (o->scenario == SCENARIO_LIVE &&
	    (!set->seconds || !set->end_s || !set->group_s || !set->group || !(o->speed > 0)))
		return err_set(err, ERR_ARG,
			       "Live: it must be known how long the utterances are spoken");
	return 0;
}

/* Untimed answers of every worker; what one takes on average, the first of each left out. */
static int warm_up(struct engine *e, struct profile_result *r, struct err *err)
{
	const struct profile_backend *b = e->back;
	double sum = 0;
	struct rng rng;
	int n = 0;

	rng_seed(&rng, e->o->seed_order, STREAM_WARMUP);
	for (int w = 0; w < b->workers; w++)
		for (int k = 0; k < e->o->warmup && !engine_stopped(e, err); k++) {
			struct profile_reply reply = { 0 };
			int sample = (int)rng_below(&rng, (uint64_t)e->set->n);
			double start = b->now(b->ctx, w);

			if (b->answer(b->ctx, w, &sample, 1, &reply, err))
				return err_wrap(err, "warm-up");
			if (k || e->o->warmup == 1) {
				sum += b->now(b->ctx, w) - start;
				n++;
			}
		}
	r->warm_s = n ? sum / n : NAN;
	return err->code;
}

int profile_run(const struct profile_set *set, const struct profile_backend *back,
		const struct profile_options *o, struct profile_result *r, struct err *err)
{
	static int (*const run[SCENARIO_COUNT])(
		struct engine *, struct profile_result *,
		struct err *) = { closed_run, closed_run, server_run, offline_run, live_run };
	struct engine e = { .set = set, .back = back, .o = o, .late_s = INFINITY };

	*r = (struct profile_result){ .o = *o,
				      .workers = back->workers,
				      .metric = NAN,
				      .estimate_ms = NAN,
				      .index = -1,
				      .real_time_factor = NAN,
				      .spoken_s = NAN,
				      .warm_s = NAN };
	if (check_options(set, back, o, err))
		return err->code;
	if (back->workers > 1 && !back->simulated && !(e.pool = pool_new(back->workers, err)))
		return err->code;
	if (!warm_up(&e, r, err)) {
		engine_restart(&e);
		if (!run[o->scenario](&e, r, err) && !engine_describe(r, err))
			profile_judge(r);
	}
	pool_free(e.pool);
	return err->code;
}

void profile_result_free(struct profile_result *r)
{
	free(r->event);
	free(r->latency_ms);
	*r = (struct profile_result){ 0 };
}

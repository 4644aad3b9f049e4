/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/profile_suite.h"

#include <math.h>
#include <string.h>

#include "harness/run/environment.h"

#define LOADGEN_QUERIES 100
#define CELL_S		2.0 /* a point of the grid is sized to last so long */

int64_t profile_least_queries(enum scenario s)
{
	const int percentile = scenario_percentile[s];
	const int64_t need = percentile ? latency_needed(1, percentile) : 1;

	return need > LOADGEN_QUERIES || s == SCENARIO_LIVE ? need : LOADGEN_QUERIES;
}

/* Where one answer is waited for, threads belong to the model. */
static bool is_one_by_one(enum scenario s)
{
	return s == SCENARIO_SINGLE || s == SCENARIO_LIVE;
}

static struct profile_options make_options(const struct profile_plan *plan, enum scenario s, int n)
{
	struct profile_options o = plan->each;

	o.scenario = s;
	o.batch = plan->batch[0];
	if (s == SCENARIO_OFFLINE)
		o.min_queries = plan->offline_samples ? plan->offline_samples : n;
	else if (!o.min_queries)
		o.min_queries = profile_least_queries(s);
	return o;
}

static int run_scenario(const struct profile_plan *plan, enum scenario s, struct profile_model *m,
			struct profile_scenario *out, struct err *err)
{
	const struct profile_set *set = profile_model_set(m);
	const struct profile_options o = make_options(plan, s, set->n);
	const bool one = is_one_by_one(s);
	struct profile_backend back;
	double start;

	out->threads = plan->threads[0];
	if (profile_model_use(m, one ? 1 : out->threads, one ? out->threads : 1, &back, err))
		return err->code;
	out->peak_own = environment_reset_peak();
	energy_start(&out->energy, ENERGY_ROOT);
	start = clock_s();
	if (profile_run(set, &back, &o, &out->r, err))
		err_wrap(err, "%s", scenario_name[s]);
	out->energy_j = energy_stop(&out->energy, clock_s() - start);
	out->peak_mb = environment_peak_mb();
	return err->code;
}

/* One point of the grid: the sample set at least once, all at once. */
static int run_cell(const struct profile_plan *plan, struct profile_model *m,
		    struct profile_cell *c, struct err *err)
{
	const struct profile_set *set = profile_model_set(m);
	struct profile_options o = plan->each;
	struct profile_backend back;
	struct profile_result r;

	o.scenario = SCENARIO_OFFLINE;
	o.min_queries = set->n;
	o.min_s = fmin(plan->each.min_s, CELL_S);
	o.max_s = 0;
	o.max_queries = 0;
	o.batch = c->batch;
	if (profile_model_use(m, c->threads, 1, &back, err))
		return err->code;
	environment_reset_peak();
	if (!profile_run(set, &back, &o, &r, err)) {
		c->samples = (int64_t)r.n;
		c->failed = r.failed;
		c->seconds = r.duration_s;
		c->per_s = r.metric;
		c->max_ms = r.latency.max;
		c->peak_mb = environment_peak_mb();
	}
	profile_result_free(&r);
	return err->code;
}

static int run_grid(const struct profile_plan *plan, struct profile_model *m, struct profile *p,
		    struct err *err)
{
	for (int t = 0; t < plan->n_threads && !err->code; t++)
		for (int b = 0; b < plan->n_batch && !err->code; b++) {
			struct profile_cell *c = &p->cell[p->n_cell];

			*c = (struct profile_cell){ .threads = plan->threads[t],
						    .batch = plan->batch[b] };
			log_info(plan->each.log, "throughput with %d threads, batches of %d",
				 c->threads, c->batch);
			p->n_cell += !run_cell(plan, m, c, err);
		}
	return err->code;
}

int profile_suite(const struct profile_plan *plan, struct profile_model *m, struct profile *p,
		  struct err *err)
{
	*p = (struct profile){ .plan = plan };
	for (int i = 0; i < plan->n && !err->code; i++) {
		if (run_scenario(plan, plan->scenario[i], m, &p->scenario[p->n], err))
			profile_result_free(&p->scenario[p->n].r);
		else
			p->n++;
		if (!i)
			p->load_s = profile_model_load_s(m);
	}
	if (!err->code && plan->n_threads * plan->n_batch > 1)
		run_grid(plan, m, p, err);
	if (err->code == ERR_INTERRUPTED) {
		p->interrupted = true;
		*err = (struct err){ 0 };
	}
	return err->code;
}

void profile_free(struct profile *p)
{
	for (int i = 0; i < p->n; i++)
		profile_result_free(&p->scenario[i].r);
	*p = (struct profile){ 0 };
}

bool profile_valid(const struct profile *p)
{
	bool valid = p->n == p->plan->n && !p->interrupted;

	for (int i = 0; i < p->n; i++)
		valid &= p->scenario[i].r.n_cause == 0;
	for (int i = 0; i < p->n_cell; i++)
		valid &= p->cell[i].failed == 0;
	return valid;
}

bool profile_short(const struct profile *p)
{
	bool is_short = false;

	for (int i = 0; i < p->n; i++)
		is_short |= p->scenario[i].r.is_short;
	return is_short;
}

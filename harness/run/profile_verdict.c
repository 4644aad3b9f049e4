/* SPDX-License-Identifier: Apache-2.0
 * VALID or INVALID: every cause says what was required, what was observed, and which option
 * changes it.
 */
#include "harness/run/profile_parts.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/mem.h"

/* The next cause, its option filled in; NULL: no room. */
static struct profile_cause *add(struct profile_result *r, const char *option)
{
	struct profile_cause *c;

	if (r->n_cause == (int)ARRAY_LEN(r->cause))
		return NULL;
	c = &r->cause[r->n_cause++];
	snprintf(c->option, sizeof(c->option), "%s", option);
	return c;
}

__attribute__((format(printf, 2, 3))) static void say(char text[96], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, 96, fmt, ap);
	va_end(ap);
}

static void judge_size(struct profile_result *r)
{
	const struct profile_options *o = &r->o;
	const bool offline = o->scenario == SCENARIO_OFFLINE;
	const int64_t count = offline ? (int64_t)r->n : r->queries;
	struct profile_cause *c;

	if (r->cut && o->scenario == SCENARIO_SERVER)
		return; /* of no size: it failed before */
	if (r->duration_s < o->min_s &&
	    (c = add(r,
		     offline ? "--expected-rate with the samples a second, or --offline-samples, "
			       "higher; or --duration lower"
			     : "--max-duration or --max-queries higher; or --duration lower"))) {
		say(c->required, "duration of at least %g s", o->min_s);
		say(c->observed, "%.6g s", r->duration_s);
	}
	if (count < o->min_queries &&
	    (c = add(r,
		     offline ? "--max-duration or --max-queries higher; or --offline-samples lower"
			     : "--max-duration or --max-queries higher; or --queries lower"))) {
		say(c->required, "at least %lld %s", (long long)o->min_queries,
		    offline ? "samples" : "queries");
		say(c->observed, "%lld", (long long)count);
	}
	if (r->cut && (c = add(r, "--max-duration higher"))) {
		say(c->required, "all %lld samples answered", (long long)r->planned);
		say(c->observed, "%lld", (long long)r->n);
	}
}

static void judge_stopping(struct profile_result *r)
{
	const int percentile = scenario_percentile[r->o.scenario];
	const int64_t n = (int64_t)r->n_latency;
	struct profile_cause *c;

	if (!percentile || n >= r->needed || r->cut)
		return;
	c = add(r, "--queries higher");
	if (!c)
		return;
	say(c->required, "early stopping: %lld queries for p%g with %lld over",
	    (long long)r->needed, percentile / 10.0,
	    (long long)(r->o.scenario == SCENARIO_SERVER ? r->over : 1));
	say(c->observed, "%lld, %lld short", (long long)n, (long long)(r->needed - n));
}

static void judge_server(struct profile_result *r)
{
	struct profile_cause *c;

	if (r->o.scenario != SCENARIO_SERVER || r->metric > 0)
		return;
	c = add(r, r->o.rate > 0 ? "--rate lower, or --target-ms higher" : "--target-ms higher");
	if (!c)
		return;
	say(c->required, "p99 of at most %g ms%s", r->o.target_ms,
	    r->o.rate > 0 ? "" : " at some rate");
	if (r->n_probe)
		say(c->observed, "%.6g ms at %.6g queries/s%s", r->latency.p99,
		    r->probe[r->n_probe - 1].rate, r->cut ? ", cut short" : "");
	else
		say(c->observed, "no run");
}

void profile_judge(struct profile_result *r)
{
	const struct profile_options *o = &r->o;
	struct profile_cause *c;

	r->n_cause = 0;
	judge_size(r);
	judge_stopping(r);
	judge_server(r);
	if (r->failed && (c = add(r, "none: see the first failure"))) {
		say(c->required, "no failed query");
		say(c->observed, "%lld samples without a reply", (long long)r->failed);
	}
	r->is_short = o->scenario == SCENARIO_LIVE
			      ? o->speed != 1
			      : o->min_s < PROFILE_RULES_S || (o->scenario == SCENARIO_OFFLINE &&
							       o->min_queries < PROFILE_RULES_ALL);
}

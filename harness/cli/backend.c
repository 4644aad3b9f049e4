/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/cli/backend.h"

#include "harness/remote/carrier.h"

static int open_carrier(const struct cli *c, const struct carrier_options *o, struct carrier *out,
			struct err *err)
{
	const char *spec = opt_str(&c->opts, "backend");

	*out = (struct carrier){ 0 };
	if (!*spec)
		return err_set(err, ERR_ARG,
			       "name a served model (--backend PROFILE.json, exec:COMMAND or "
			       "replay:FILE)");
	return carrier_open(out, spec, o, err);
}

int backend_jobs(const struct cli *c, int *out, struct err *err)
{
	const int jobs = (int)opt_int(&c->opts, "jobs");

	*out = jobs ? jobs : *opt_str(&c->opts, "backend") ? 1 : c->threads;
	if (jobs > 1 && opt_num(&c->opts, "budget") > 0)
		return err_set(err, ERR_ARG,
			       "--budget: what it bears is known after each run; leave --jobs out");
	return 0;
}

int backend_carrier(const struct cli *c, struct carrier *out, struct err *err)
{
	const struct carrier_options o = {
		.concurrency = (int)opt_int(&c->opts, "concurrency"),
		.adaptive = opt_bool(&c->opts, "adaptive"),
		.limit_s = opt_num(&c->opts, "time-limit"),
		.budget = opt_num(&c->opts, "budget"),
		.retry_failed = opt_bool(&c->opts, "retry-failed"),
		.replies = opt_str(&c->opts, "replies"),
		.log = &c->log,
		.stop = c->stop,
	};

	return open_carrier(c, &o, out, err);
}

int backend_line_carrier(const struct cli *c, struct carrier *out, struct err *err)
{
	const struct carrier_options o = {
		.limit_s = opt_num(&c->opts, "time-limit"),
		.log = &c->log,
		.stop = c->stop,
	};

	return open_carrier(c, &o, out, err);
}

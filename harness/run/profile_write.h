/* SPDX-License-Identifier: Apache-2.0
 * The files of a profile; profile.h tells their format.
 */
#ifndef HARNESS_RUN_PROFILE_WRITE_H
#define HARNESS_RUN_PROFILE_WRITE_H

#include "harness/base/opt.h"
#include "harness/run/profile_suite.h"

/* Writes profile.json as text into out.  opts: of the command, with its seed-samples. */
int profile_json(const struct profile *p, const struct profile_model *m, const struct bank *bank,
		 const struct opt_values *opts, struct strbuf *out, struct err *err);
/* Writes profile.json and latencies.jsonl into dir, made where it is missing. */
int profile_write(const struct profile *p, const struct profile_model *m, const struct bank *bank,
		  const struct opt_values *opts, const char *dir, struct err *err);

/* Milliseconds of one stage over the samples of a run; n is 0 where it is not told. */
int profile_stage(const struct profile_result *r, enum profile_stage stage,
		  struct latency_stats *out, struct err *err);
/* "p90 latency", "rate with p99 in the target", "throughput" …, and its unit. */
const char *profile_metric_name(enum scenario s, const char **unit);
/* What stands behind the cues of a profile, in one sentence. */
const char *profile_cues_note(enum profile_cues c);

#endif

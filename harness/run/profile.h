/* SPDX-License-Identifier: Apache-2.0
 * Latency and throughput, scenario by scenario, as MLPerf LoadGen defines them: a pure
 * engine over one callback ("answer these samples").  It knows nothing of models, and its
 * clock is the back-end's, so that tests give it known latencies.
 *
 * A latency runs from the scheduled time of a query to its complete reply.  A run ends when
 * the least duration and the least number of queries are both reached, or either maximum.
 * The order of the samples is one seeded permutation after the other.
 *
 * A profile is a folder of two files (profile_write.h):
 *   profile.json
 *     schema_version 1; kind "profile"; status "complete" | "interrupted"
 *     valid (bool), short (bool: less than the rules' 600 s or 24,576 samples,
 *                            or Live not at real time)
 *     result_class "full" | "limited" (the first dialogues only: not a result)
 *     run {id, system, model, corpus, split, see}
 *     backend {name, kind, identity}   only of a system that asks a served model
 *     environment {…}            as in manifest.json
 *     options {name: value}      of the command, all of them
 *     seeds {samples, order, schedule, log}
 *     samples, clips_unreadable  size of the sample set; those whose clip gave nothing
 *     cues "measured" | "cached" | "recorded" | "prepared" | "none"; cues_note
 *     response_cache false; load_s
 *     scenarios [{
 *       scenario "SingleStream" | "MultiStream" | "Server" | "Offline" | "Live"
 *       metric {name, unit, value, percentile}          value null: see causes
 *       valid, short, causes [{required, observed, option}]
 *       queries, samples, failed, first_failure, duration_s, threads, batch, samples_per_query
 *       settings {min_duration_s, max_duration_s, min_queries, max_queries, warmup,
 *                 target_ms, rate, speed}
 *       latency_ms {n, mean, min, max, p50, p90, p95, p97, p99, p999}
 *       early_stopping {percentile, needed, over, index, estimate_ms}
 *       cdf [[ms, share], …]     at most 201 points, rising
 *       stages {decode|cues|prompt|prefill|score: {n, total_s, mean_ms, p50_ms, p90_ms, p99_ms}}
 *       probes [{rate, queries, over, p99_ms, pass, cut}]                       Server
 *       real_time_factor, late, spoken_s                                       Live
 *       peak_rss_mb, peak_rss_scope, energy_j, energy_note }]
 *     throughput [{threads, batch, samples, seconds, per_s, max_ms, peak_rss_mb, failed}]
 *   latencies.jsonl: one line a sample, in the order of issue
 *     {scenario, query, id, scheduled_s, started_s, done_s, latency_ms, failed,
 *      decode_ms, cues_ms, prompt_ms, prefill_ms, score_ms[, label]}
 * Numbers that do not exist are null.  Times of one scenario count from its start.
 */
#ifndef HARNESS_RUN_PROFILE_H
#define HARNESS_RUN_PROFILE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/base/log.h"
#include "harness/metrics/latency.h"

enum scenario {
	SCENARIO_SINGLE,  /* the next sample after the reply */
	SCENARIO_MULTI,	  /* the next samples_per_query contiguous samples after the reply */
	SCENARIO_SERVER,  /* Poisson arrivals, unbounded queue, first come first served */
	SCENARIO_OFFLINE, /* all at once */
	SCENARIO_LIVE,	  /* dialogues played in time: a sample is scheduled where it ends */
	SCENARIO_COUNT,
};
extern const char *const scenario_name[SCENARIO_COUNT];
/* Percentile of the metric, in thousandths: 900 990 990 0 900. */
extern const int scenario_percentile[SCENARIO_COUNT];

enum profile_stage {
	PROFILE_DECODE,
	PROFILE_CUES,
	PROFILE_PROMPT,
	PROFILE_PREFILL,
	PROFILE_SCORE,
	PROFILE_STAGES
};
extern const char *const profile_stage_name[PROFILE_STAGES];

#define PROFILE_BATCH_MAX   256
#define PROFILE_PROBES_MAX  64
#define PROFILE_QUERIES_MAX ((int64_t)1 << 24) /* of one run: bounds its memory */
#define PROFILE_RULES_S	    600.0	       /* below: short */
#define PROFILE_RULES_ALL   24576	       /* samples of Offline; below: short */

/* What came back for one sample. */
struct profile_reply {
	int label;			/* -1: none */
	bool failed;			/* no complete reply: error, undecodable clip */
	float stage_ms[PROFILE_STAGES]; /* NaN: this back-end cannot tell */
};

/* What answers.  Calls with different worker numbers may come at the same time. */
struct profile_backend {
	void *ctx;
	int workers;
	/* Answers n (1..PROFILE_BATCH_MAX) samples of one group; reply (n) is zeroed.  A failure
	 * counts for all n, and its first message is kept; ERR_INTERRUPTED ends the run. */
	int (*answer)(void *ctx, int worker, const int *sample, int n, struct profile_reply *reply,
		      struct err *err);
	/* Seconds on the worker's monotonic clock; waits until then (past: at once). */
	double (*now)(void *ctx, int worker);
	void (*wait)(void *ctx, int worker, double until);
	/* Time is the workers' own: they are stepped in one thread, the earliest first, as in a
	 * discrete-event simulation.  Otherwise each worker is a thread. */
	bool simulated;
};

/* The sample set. */
struct profile_set {
	int n;
	const int *group;      /* (n) dialogue of each, not falling; NULL: one group */
	const double *seconds; /* (n) how long it is spoken, for Live; else NULL */
	const double *end_s;   /* (n) when it ends, from the start of its dialogue; Live */
	const double *group_s; /* (group) how long each dialogue plays; Live */
};

struct profile_options {
	enum scenario scenario;
	double min_s, max_s;		  /* duration; max_s 0: no bound */
	int64_t min_queries, max_queries; /* Offline: samples; max 0: no bound */
	int samples_per_query;		  /* of MultiStream */
	int batch;			  /* samples of one call at most: MultiStream, Offline */
	int warmup;			  /* untimed answers of each worker first */
	double rate;			  /* Server: queries a second; 0: search the highest */
	double expected_rate;		  /* samples a second, sizes Offline; 0: from the warm-up */
	double target_ms;		  /* Server: bound of p99 */
	double max_rate;		  /* Server: end of the search */
	double precision;		  /* Server: bisect until high / low <= 1 + precision */
	double speed;			  /* Live: times real time */
	uint64_t seed_order, seed_schedule;
	const volatile sig_atomic_t *stop; /* may be NULL */
	const struct log *log;		   /* progress between queries; may be NULL */
};

/* One sample of a run.  Seconds from the start of the run. */
struct profile_event {
	int64_t query;
	int sample;
	double scheduled, started, done;
	struct profile_reply reply;
};

/* Why a run is INVALID. */
struct profile_cause {
	char required[96], observed[96], option[160];
};

/* A Server run at one rate. */
struct profile_probe {
	double rate, p99_ms;
	int64_t queries, over; /* over: later than the target */
	bool pass, cut;	       /* cut: ended as soon as it could not pass any more */
};

struct profile_result {
	struct profile_options o;
	int workers;
	struct profile_event *event; /* (n) in the order of issue */
	size_t n, cap;
	int64_t queries, failed;
	int64_t planned; /* samples that should have been answered */
	bool cut;	 /* ended before all planned samples */
	char first_failure[256];
	double duration_s; /* last issue (Single, Multi); last scheduled (Server, Live); max latency
			    */
	double *latency_ms; /* (n_latency) sorted; a query each, of Offline a sample each */
	size_t n_latency;
	struct latency_stats latency;
	/* early stopping: needed queries, latencies over the target (Server), index of the
	 * estimate in latency_ms (-1: too few queries) */
	int64_t needed, over, index;
	double estimate_ms; /* NaN: too few */
	double metric;	    /* ms, samples/s or queries/s; NaN: none */
	struct profile_probe probe[PROFILE_PROBES_MAX];
	int n_probe;
	double warm_s;			   /* mean of a warm-up answer; NaN: no warm-up */
	double real_time_factor, spoken_s; /* Live */
	int64_t late;			   /* Live: answered after the next utterance's end */
	struct profile_cause cause[8];
	int n_cause; /* 0: VALID */
	bool is_short;
};

/* Runs one scenario.  ERR_ARG: options that make no sense; ERR_LIMIT: more than
 * PROFILE_QUERIES_MAX queries; ERR_INTERRUPTED.  An INVALID run is no error: see cause.
 * Free *r, also after a failure. */
int profile_run(const struct profile_set *set, const struct profile_backend *back,
		const struct profile_options *o, struct profile_result *r, struct err *err);
void profile_result_free(struct profile_result *r); /* accepts the zeroed struct */

/* A sample set of n out of all (n 0 or > all: all), drawn by seed, rising; malloc'ed into *out. */
int profile_draw(int all, int n, uint64_t seed, int **out, int *n_out, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Options of verbs that reach a served model, and the way there that they name.
 */
#ifndef HARNESS_CLI_BACKEND_H
#define HARNESS_CLI_BACKEND_H

#include "harness/cli/cli.h"
#include "harness/core/ask.h"

/* clang-format off */
#define BACKEND_SPEC_OPTS                                                                       \
	{ .name = "backend", .type = OPT_STR, .fallback = "", .letter = 'b', .arg = "SPEC",     \
	  .help = "served model: PROFILE.json, exec:COMMAND, or replay:FILE (see merc-remote(5))" }, \
	{ .name = "time-limit", .type = OPT_NUM, .fallback = "0", .max = 86400, .arg = "SECONDS", \
	  .help = "for one request (0: as the profile says; exec: 300)" }
#define BACKEND_OPTS                                                                            \
	BACKEND_SPEC_OPTS,                                                                      \
	{ .name = "concurrency", .type = OPT_INT, .fallback = "0", .max = 1024, .arg = "N",     \
	  .help = "requests in flight (0: as the profile says)" },                              \
	{ .name = "adaptive", .type = OPT_BOOL, .fallback = "false",                            \
	  .help = "find out how many requests may fly: one more while all is well, half as many " \
		  "after failures, status 429 or slow replies" },                              \
	{ .name = "budget", .type = OPT_NUM, .fallback = "0", .max = 1e9, .arg = "AMOUNT",      \
	  .help = "send nothing more once this much is spent (by all runs of a suite or sweep), by the " \
		  "profile's prices" },                                                        \
	{ .name = "max-failures", .type = OPT_NUM, .fallback = "0", .max = 1e9, .arg = "N",     \
	  .help = "asks without a reply that are borne, as a number or, below 1, as a share" }, \
	{ .name = "retry-failed", .type = OPT_BOOL, .fallback = "false",                        \
	  .help = "ask again what ended without a reply" },                                     \
	{ .name = "replies", .type = OPT_STR, .fallback = "", .arg = "DIR", .many = true,       \
	  .help = "take what another folder keeps to the very same ask (temperature 0) from there; " \
		  "may be given again" }
#define KEEP_PROMPTS_OPT                                                                        \
	{ .name = "keep-prompts", .type = OPT_BOOL, .fallback = "false",                        \
	  .help = "write every finished prompt to asks/ID/prompts.jsonl, which only you may read" }
/* clang-format on */

/* Runs side by side for a verb with --jobs: with a served model one, which keeps as much in flight
 * as its profile allows.  ERR_ARG: a budget is watched over one run at a time. */
int backend_jobs(const struct cli *c, int *out, struct err *err);
/* Opens what --backend names; ERR_ARG without one.  Close with carrier_close(). */
int backend_carrier(const struct cli *c, struct carrier *out, struct err *err);
/* The same for a verb that has BACKEND_SPEC_OPTS only: for lines. */
int backend_line_carrier(const struct cli *c, struct carrier *out, struct err *err);

#endif

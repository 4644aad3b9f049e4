/* SPDX-License-Identifier: Apache-2.0
 * Every verb, one declaration each; verbs.c lists them.
 */
#ifndef HARNESS_CLI_VERBS_H
#define HARNESS_CLI_VERBS_H

#include "harness/cli/cli.h"

extern const struct verb verb_list, verb_validate;
extern const struct verb verb_data_verify, verb_data_stats, verb_data_synth;
extern const struct verb verb_sweep, verb_merge;
extern const struct verb verb_cues, verb_run, verb_predict, verb_report;
extern const struct verb verb_profile;
extern const struct verb verb_help, verb_version;
extern const struct verb verb_tokenize, verb_generate, verb_serve;
extern const struct verb verb_compare, verb_gate;
extern const struct verb verb_score;
extern const struct verb verb_ask, verb_describe;

#endif

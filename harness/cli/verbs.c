/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/cli/verbs.h"

#include <stddef.h>

const struct verb *const verbs[] = {
	&verb_list,
	&verb_validate,
	&verb_data_verify,
	&verb_data_stats,
	&verb_data_synth,
	&verb_cues,
	&verb_run,
	&verb_sweep,
	&verb_merge,
	&verb_predict,
	&verb_score,
	&verb_ask,
	&verb_describe,
	&verb_profile,
	&verb_report,
	&verb_compare,
	&verb_gate,
	&verb_tokenize,
	&verb_generate,
	&verb_serve,
	&verb_help,
	&verb_version,
	NULL,
};

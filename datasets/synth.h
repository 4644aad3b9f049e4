/* SPDX-License-Identifier: Apache-2.0
 * Calibrated corpora: real files in the layouts of MELD and IEMOCAP, written from
 * a known process, so that the best reachable score of every subset of what a
 * model may see is known.  These are what dataset_ops.synth of both data sets calls.
 */
#ifndef DATASETS_SYNTH_H
#define DATASETS_SYNTH_H

#include "harness/base/log.h"
#include "harness/base/opt.h"

extern const struct opt_spec synth_meld_opts[];
extern const struct opt_spec synth_iemocap_opts[];

/* Writes the corpus into the folder out (made if missing; refused if it already
 * holds anything), with calibration.json (ceilings) and truth.jsonl (emotion and
 * symbols of every utterance) beside it.  Same options and library versions: same
 * bytes, whatever the number of threads.  On failure files may be left in out. */
int synth_meld(const char *out, const struct opt_values *opts, int threads, const struct log *log,
	       struct err *err);
int synth_iemocap(const char *out, const struct opt_values *opts, int threads,
		  const struct log *log, struct err *err);

#endif

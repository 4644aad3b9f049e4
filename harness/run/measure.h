/* SPDX-License-Identifier: Apache-2.0
 * Measures the clips of a corpus: decode once, speech cues, behaviour cues and
 * feature frames; several files at once; what was measured before comes from the cache.
 */
#ifndef HARNESS_RUN_MEASURE_H
#define HARNESS_RUN_MEASURE_H

#include "harness/run/bank.h"

/* Fills m[i] (n_utt, zeroed) for every utterance that names a clip; feature rows
 * go to mem.  Counts into *b: n_media, n_cached, n_failed.  A clip that cannot be read
 * sets m[i].failed and becomes an oddity of the corpus. */
int measure_corpus(struct bank *b, struct corpus *corpus, const struct bank_options *o,
		   struct err *err);

#endif

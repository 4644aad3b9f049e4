/* SPDX-License-Identifier: Apache-2.0
 * The words of a calibrated corpus: short sentences whose content words come from
 * the lexicon of one symbol; the words between them are common to all.
 */
#ifndef DATASETS_SYNTH_TEXT_H
#define DATASETS_SYNTH_TEXT_H

#include <stddef.h>

#include "harness/base/rng.h"
#include "harness/core/labels.h"

#define SYNTH_TEXT 160 /* longest sentence with its NUL */

/* One sentence of 4 to 9 words that shows `symbol` of meld7 or iemocap6. */
void synth_text(const struct label_set *labels, int symbol, struct rng *rng, char out[SYNTH_TEXT]);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Behaviour in words: one sentence each for face, body and posture, movements
 * only, never the name of an emotion.
 */
#ifndef HARNESS_CUE_BEHAVIOUR_WORDS_H
#define HARNESS_CUE_BEHAVIOUR_WORDS_H

#include "harness/base/str.h"
#include "harness/cue/behaviour.h"
#include "harness/cue/words.h"

/* From measured cues and the thresholds of the train split, appended to out:
 *   Target face: brows very high, eyes high, corners low, jaw moderate.
 *   Target body: gestures high, hands low, nodding very low, shaking moderate.
 *   Target posture: lean high, height low, tilt moderate.
 * with the quantizer's class words.  A missing cue is left out; nothing measurable:
 * "Insufficient data to describe the face." (body, posture).  The rhythm of the
 * mouth is not said: it would tell what is heard.  Fit the quantizer with zero_missing
 * false; quantizer_data.snap is meant for these cues. */
void behaviour_describe(const struct quantizer *q, const struct cue_set *set, int group,
			enum behaviour_part part, struct strbuf *out);

/* A face sentence from phrases of facial action units at the peak frame, as
 * published behaviour files have them ("moderately Brow Lowerer", "strongly Jaw Drop"):
 *   Target face: brows lowered, jaw strongly dropped.
 * The strongest BEHAVIOUR_UNITS_MAX are said, strongest first, those of equal
 * strength in the order of the list; "barely" ones, blinks and unknown phrases are not.
 * Appended to out; returns how many were said (0: the "Insufficient data" sentence). */
enum { BEHAVIOUR_UNITS_MAX = 5 };
int behaviour_describe_units(const char *const *phrase, int n, struct strbuf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Names of what a run lets its model see, and the one place where it is masked.
 */
#ifndef HARNESS_RUN_SEE_H
#define HARNESS_RUN_SEE_H

#include <stdbool.h>

#include "harness/base/err.h"
#include "harness/base/json.h"
#include "harness/core/view.h"

/* Parses one name: text speech audio face body posture video history behaviour sound pictures.
 * In `see` each stands for itself (behaviour: face, body, posture).  In `without`
 * audio takes away every way of hearing (speech, audio, sound) and behaviour every way of
 * watching (face, body, posture, video, pictures).  0 with err set if unknown. */
unsigned see_parse(const char *name, bool without, struct err *err);
/* Parses a JSON array of such names. */
int see_parse_list(const struct json *array, bool without, unsigned *out, struct err *err);
/* Writes the set as an array of single names in a fixed order. */
void see_write(struct json_writer *w, const char *key, unsigned see);

/* out = in with everything outside `see` set to NULL (text, sentences, frames). */
void see_mask_turn(struct turn *out, const struct turn *in, unsigned see);

#endif

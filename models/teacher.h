/* SPDX-License-Identifier: Apache-2.0
 * What the parts of the teacher share (harness/core/describer.h).
 */
#ifndef MODELS_TEACHER_H
#define MODELS_TEACHER_H

#include "harness/core/describer.h"

/* What a reply must be, as the prompt says it. */
#define TEACHER_CONSTRAINT                                                                         \
	"one JSON object and nothing else: {\"face\": \"...\", \"body\": \"...\", \"posture\": "   \
	"\"...\"}. Each value is one or two short English sentences, or null where that part of "  \
	"the speaker cannot be seen."

/* The whole reply, less closed thinking in front, blanks and one code fence around, is a JSON
 * object with the members face, body and posture, no more and no less; each is null or a text of
 * 1 to DESCRIPTION_BYTES bytes, at least one is a text.  Sentences come out as slot_add() leaves
 * them.  See describer.read. */
int teacher_read(const struct reply *r, struct description *out, struct arena *mem,
		 struct err *err);

#endif

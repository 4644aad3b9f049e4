/* SPDX-License-Identifier: Apache-2.0
 * The contract of a teacher: a served model that watches a turn of a dialogue and writes what
 * face, body and posture do, for systems that read such sentences (BeMERC).  A describer writes
 * the question and checks the reply; who carries them is the framework's business, as with
 * systems that ask (harness/core/model.h).  There is no label here, by type.
 */
#ifndef HARNESS_CORE_DESCRIBER_H
#define HARNESS_CORE_DESCRIBER_H

#include "harness/base/err.h"
#include "harness/base/mem.h"
#include "harness/core/ask.h"
#include "harness/core/view.h"

#define DESCRIPTION_BYTES 400 /* of one sentence or two, at most */

/* What is shown of a turn beside its words. */
struct describing {
	bool pictures; /* frames as pictures */
	bool video;    /* the clip as video */
	bool sound;    /* its sound */
	struct ask_media media;
};

/* Why a reply is no description; the values of reply_cause come first. */
struct description {
	const char *sentence[PART_COUNT]; /* NULL: cannot be seen */
	const char *cause; /* NULL: it is a description; else why not, a static word */
	const char
		*wrong; /* the same in a sentence, for people and for the model; NULL or from mem */
	int naming;	/* sentences that name an emotion, though they were asked not to */
};

struct describer {
	const char
		*name; /* of the prompt and of the rule of reading, with a version: "behaviour/1" */
	const char *title;
	/* Writes the question about turn t of the view into *out, its memory from mem; the parts of
	 * the recording name their turn and have no data.  before: the reply that was no
	 * description: the question goes on from it and says what was wrong; NULL: the first
	 * question.  ERR_NOMEM. */
	int (*ask)(const struct describing *how, const struct view *view, int t,
		   const struct reply *before, struct ask *out, struct arena *mem, struct err *err);
	/* Reads a reply whose status is ANSWER_OK or ANSWER_PARSE_FAIL.  What is wrong with it
	 * becomes out->cause; fails with ERR_NOMEM only. */
	int (*read)(const struct reply *r, struct description *out, struct arena *mem,
		    struct err *err);
};

extern const struct describer describer_behaviour;

#endif

/* SPDX-License-Identifier: Apache-2.0
 * One clip looked at closely: measured exactly as the clips of a corpus are, with the curves
 * that the cues were read from, and put into words.
 */
#ifndef HARNESS_RUN_CLOSEUP_H
#define HARNESS_RUN_CLOSEUP_H

#include "harness/core/corpus.h"
#include "harness/cue/behaviour.h"
#include "harness/cue/speech.h"
#include "harness/cue/words.h"
#include "harness/media/media.h"
#include "harness/run/bank.h"

struct closeup {
	struct media_info info;
	struct measured m;	  /* cues, status, error; no feature rows */
	struct media_audio audio; /* what was heard */
	struct pitch_track pitch;
	struct intensity_track loud;
	struct behaviour_sight *sight; /* (n_sight) what was seen, in order of time */
	size_t n_sight, cap_sight;
	int width, height;    /* of the pictures it was seen in */
	int pictures, faces;  /* as behaviour_result has them */
	struct err *on_sight; /* of the call under way */
};

/* Reads and measures ref.  A clip without sound or without pictures gives the other half
 * (m.media_status says so); one that cannot be read is the error of media_read().
 * *c is overwritten; destroy with closeup_free(), also after a failure. */
int closeup_take(struct closeup *c, const struct media_ref *ref, struct err *err);
void closeup_free(struct closeup *c); /* accepts the zeroed struct */

/* Thresholds of a trained model or of a corpus, and whose. */
struct closeup_words {
	struct quantizer speech, behaviour;
	int group; /* -1: the pool of all speakers */
};

/* Reads the JSON of quantiles (struct bank: words); what names it in messages.  group: a speaker
 * group of it, "" for the pool of all; an unknown one is ERR_ARG with those there are.
 * Destroy with closeup_words_free(), also after a failure. */
int closeup_words_parse(struct closeup_words *w, const char *json, const char *what,
			const char *group, struct err *err);
void closeup_words_free(struct closeup_words *w); /* accepts the zeroed struct */

#endif

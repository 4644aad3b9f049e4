/* SPDX-License-Identifier: Apache-2.0
 * Everything there is to know about the utterances of a corpus before a model
 * sees them: measurements from the clips (cached on disk by content and settings)
 * or from files, put into words by quantiles of the train split.
 */
#ifndef HARNESS_RUN_BANK_H
#define HARNESS_RUN_BANK_H

#include <signal.h>

#include "harness/base/log.h"
#include "harness/base/mem.h"
#include "harness/core/corpus.h"
#include "harness/core/view.h"
#include "harness/cue/cues.h"

enum stage { STAGE_DECODE, STAGE_CUES, STAGE_COUNT };

/* One utterance, measured. */
struct measured {
	struct cue_set speech, behaviour;
	struct feat audio, video[PART_COUNT]; /* data owned by the bank's arena */
	unsigned media_status;		      /* enum media_status */
	int error; /* enum err_code: why media that was named cannot be read; 0: it was */
	float ms[STAGE_COUNT]; /* what it cost when it was measured; 0: not done */
};

struct bank {
	const struct corpus *corpus;
	const struct gold *gold;
	struct measured *m; /* (n_utt) */
	struct turn *turn;  /* (n_utt) unmasked; strings owned by the arena */
	unsigned heard;	    /* enum see: what the train split really offers; of the recording itself
			     * (SEE_MEDIA): the test split */
	int n_media, n_cached, n_failed, n_recorded; /* utterances */
	int n_described;  /* utterances with sentences from files: a teacher's */
	char content[33]; /* hash of ids, splits, labels */
	char cues[33];	  /* hash of what came from files in place of clips; "": nothing did */
	char seen[SEE_BITS][33]; /* hash of what each modality (bit of enum see) holds */
	char *words; /* JSON of the quantiles behind the words, to be kept with a model */
	struct arena mem;
};

struct bank_options {
	const char *cache; /* folder; NULL: measure without keeping */
	const char *cues;  /* folder with recorded measurements, or NULL */
	const char *words; /* JSON of quantiles from a trained model, or NULL: fit on train */
	const char *cascades, *landmarks; /* of faces, folder and file; NULL: their packages' */
	bool media;			  /* false: leave the clips alone */
	bool test_only; /* clips of the test split only; words must be given then */
	int threads;
	const struct log *log;
	const volatile sig_atomic_t *stop;
};

/* Measures what is missing and puts it into words.  corpus and gold must
 * outlive the bank.  A clip that cannot be read is counted, listed as an oddity
 * of the corpus and leaves its utterance without measurements. */
int bank_build(struct bank *b, struct corpus *corpus, const struct gold *gold,
	       const struct bank_options *o, struct err *err);
void bank_free(struct bank *b); /* accepts the zeroed struct */
/* "calibrated" for a corpus with calibration.json in its root, else "real". */
const char *bank_kind(const struct bank *b);

/* Numbers the speakers of a dialogue by order of appearance: speaker of its turns, turn[d->count].
 */
void bank_number_speakers(const struct corpus *c, const struct dialogue *d, struct turn *turn);

/* Views of one split, masked. */
struct views {
	struct view *view;
	const int **label;
	int n, n_target;
	const int **index; /* (n)[turn]: utterance of the corpus */
	struct arena mem;
};
/* only_media: targets are only utterances whose clip was measured; with SEE_MEDIA in see, those
 * that have a clip.
 * limit > 0: the first dialogues only.  all_targets: utterances without a label too. */
struct views_request {
	enum split split;
	unsigned see;
	int window;
	int limit;
	bool only_media, all_targets;
};
int views_make(struct views *v, const struct bank *b, const struct views_request *rq,
	       struct err *err);
/* Has utterance i the clips that `see` (SEE_SOUND, SEE_PICTURES) wants? */
bool views_have_clip(const struct corpus *c, int i, unsigned see);
void views_free(struct views *v);

#endif

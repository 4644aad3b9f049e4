/* SPDX-License-Identifier: Apache-2.0
 * Recorded predictions as scores: every sample of a split ends in exactly one state, and
 * whatever is not a right answer counts as wrong.
 */
#ifndef HARNESS_SCORE_SCORED_H
#define HARNESS_SCORE_SCORED_H

#include "harness/core/model.h"
#include "harness/metrics/bootstrap.h"
#include "harness/metrics/scores.h"
#include "harness/score/match.h"
#include "harness/text/label_extract.h"

/* Which words the model was asked for. */
enum wording { WORDS_AUTO, WORDS_CORPUS, WORDS_PROMPT, WORDS_CODE, WORDS_COUNT };
extern const char *const wording_name[WORDS_COUNT]; /* auto corpus prompt code */

struct score_options {
	enum extract_rule rule;
	enum wording words;  /* auto: the words of the true labels in the file, else the corpus's */
	bool letters;	     /* options A, B, … were asked for */
	const char *exclude; /* file of excluded utterances, "ID REASON" a line, or NULL */
	int replicates;	     /* of the bootstrap */
	int threads;
};

/* One labelled utterance of the split. */
struct scored_sample {
	int utt, gold;
	int row;   /* of the file, -1: none */
	int label; /* -1 unless status is ANSWER_OK */
	enum answer_status status;
	const char *cause; /* how the label was found, or why there is none */
	const char *raw;   /* the reply, or NULL */
};

/* How often one cause led to one status. */
struct cause_count {
	enum answer_status status;
	const char *cause;
	int n;
};
#define CAUSES_MAX 64

struct scored {
	const struct corpus *corpus;
	const struct recorded *recorded;
	enum split split;
	enum extract_rule rule;
	enum wording words;	      /* never auto */
	struct scored_sample *sample; /* (n) in the order of the corpus */
	int n;
	int count[ANSWER_STATUS_COUNT];
	struct cause_count cause[CAUSES_MAX]; /* (n_cause) by status, then by name; past the last
					       * place: under "other" */
	int n_cause;
	struct confusion confusion; /* of all samples but the excluded */
	struct scores all;	    /* failures are wrong */
	struct scores answered;	    /* of the answered samples alone */
	struct interval interval;   /* of weighted F1, by dialogue */
	/* against the score that the file itself has: largest differences; NaN: it has none */
	double differs, differs_class;
	bool reproduced; /* no difference is more than rounding of what was written */
	struct match match;
	struct arena mem;
};

/* Scores the rows against a split.  Excluded samples are out of the denominator.  Errors of
 * match_rows(); ERR_FORMAT for the file of exclusions; ERR_DATA when the split has no labelled
 * utterance.  recorded and the corpus must outlive *s.  Free with scored_free(), also after
 * failure. */
int score_recorded(struct scored *s, const struct recorded *r, const struct match_request *rq,
		   const struct score_options *o, struct notes *notes, struct err *err);
void scored_free(struct scored *s);

/* Samples that failed for other reasons than the model's reply. */
int scored_failures(const struct scored *s);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * What became of a target: every sample ends in exactly one status.
 */
#ifndef HARNESS_CORE_ANSWER_H
#define HARNESS_CORE_ANSWER_H

#include <stdbool.h>

#include "harness/core/labels.h"

enum answer_status {
	ANSWER_OK,
	ANSWER_PARSE_FAIL,   /* a reply without a readable label */
	ANSWER_DECODE_FAIL,  /* a requested modality could not be decoded */
	ANSWER_BACKEND_FAIL, /* error, timeout or malformed response */
	ANSWER_EXCLUDED,     /* removed by the manifest before the run */
	ANSWER_STATUS_COUNT,
};
extern const char *const answer_status_name[ANSWER_STATUS_COUNT];

/* Are `failed` of `all` samples without a reply borne?  most: as many or, below 1, that share. */
bool answers_borne(double failed, double all, double most);

/* One answer.  score: log-probabilities or any finite values whose softmax is
 * the model's belief, (labels->n).  label: -1 unless status is ANSWER_OK. */
struct answer {
	float score[LABEL_MAX];
	int label;
	enum answer_status status;
	const char *raw;  /* text the model wrote, or NULL; owned by the model, valid until its next
			     call */
	double prompt_ms; /* time to build its input */
	double model_ms;  /* time of the forward pass, shared out over the targets of one call */
	double score_ms;  /* of it: from its scores to the label; 0: not told apart */
	/* Of systems that ask. */
	const char *cause; /* how the label was found in the reply, or why there is none; static */
	int strict;	   /* label by the strict rule (likelihood: by the sums as they are), -1:
			      none */
};

#endif

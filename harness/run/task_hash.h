/* SPDX-License-Identifier: Apache-2.0
 * What a served model was asked about, as hashes: whoever has the corpus can tell whether two
 * results are over the same samples, the same truth, the same prompts, the same replies.
 */
#ifndef HARNESS_RUN_TASK_HASH_H
#define HARNESS_RUN_TASK_HASH_H

#include "harness/base/sha256.h"
#include "harness/run/predict.h"

struct sample_hashes {
	/* of the JSON array of corpus, split, id, dialogue, turn, speaker and text */
	char sample[SHA256_HEX];
	char target[SHA256_HEX]; /* of the word of the true label, of nothing without one */
};

/* Of sample i; false: no memory. */
bool sample_hashes(const struct corpus *c, const struct predictions *p, int i,
		   struct sample_hashes *out) __attribute__((warn_unused_result));

/* SHA-256 of one line a sample, in the byte order of their ids: id, sample, target, prompt and
 * reply hash, blanks between them, "-" for what there is none of.  p->reply is not NULL.  false: no
 * memory. */
bool task_hash(const struct corpus *c, const struct predictions *p, char out[SHA256_HEX])
	__attribute__((warn_unused_result));

#endif

/* SPDX-License-Identifier: Apache-2.0
 * What an ask would take, before it is sent: a rough count of tokens from sizes alone.
 */
#ifndef HARNESS_REMOTE_ESTIMATE_H
#define HARNESS_REMOTE_ESTIMATE_H

#include "harness/core/ask.h"

/* Models differ; a profile's "estimate" says what holds for one. */
struct estimate_rates {
	double bytes_per_token; /* of text */
	double image_tokens;	/* of one picture */
	double sound_tokens_per_s, video_tokens_per_s;
};
extern const struct estimate_rates estimate_usual; /* 4, 85, 10, 170 */

/* Adds requests and tokens, no cost.  Text: bytes over bytes_per_token, and four tokens a message;
 * a part without data counts as much as ask->media allows; a video with data lasts
 * ask->media.seconds, or its size at 1 Mbit/s where that is not said.  Likelihood takes a request
 * for each option, and writes one token in each. */
void estimate_ask(const struct estimate_rates *rates, const struct ask *ask,
		  struct ask_estimate *sum);

#endif

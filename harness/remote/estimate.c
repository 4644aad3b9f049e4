/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/estimate.h"

#include <math.h>
#include <string.h>

#define MESSAGE_TOKENS	  4 /* role and borders in common chat formats */
#define WAV_HEADER	  44
#define WAV_BYTES_PER_S	  32000.0 /* 16 bit, mono, 16 kHz */
#define VIDEO_BYTES_PER_S 125000.0

const struct estimate_rates estimate_usual = { 4, 85, 10, 170 };

static double part_tokens(const struct estimate_rates *r, const struct ask *ask,
			  const struct ask_part *p)
{
	const struct ask_media *m = &ask->media;
	double seconds = m->seconds;

	switch (p->type) {
	case ASK_JPEG:
		return r->image_tokens * (p->data ? 1 : m->frames);
	case ASK_WAV:
		if (p->data)
			seconds = p->size > WAV_HEADER
					  ? (double)(p->size - WAV_HEADER) / WAV_BYTES_PER_S
					  : 0;
		return r->sound_tokens_per_s * seconds;
	case ASK_VIDEO:
		if (p->data && !(seconds > 0))
			seconds = (double)p->size / VIDEO_BYTES_PER_S;
		return r->video_tokens_per_s * seconds;
	case ASK_TEXT:
	case ASK_PART_TYPES:
		break;
	}
	return (double)p->size / r->bytes_per_token;
}

void estimate_ask(const struct estimate_rates *rates, const struct ask *ask,
		  struct ask_estimate *sum)
{
	double tokens = MESSAGE_TOKENS * ask->n_messages;

	for (int i = 0; i < ask->n_messages; i++)
		for (int k = 0; k < ask->message[i].n_parts; k++)
			tokens += part_tokens(rates, ask, &ask->message[i].part[k]);
	if (ask->mode != ASK_LIKELIHOOD) {
		sum->requests++;
		sum->prompt_tokens += (int64_t)ceil(tokens);
		sum->completion_tokens += ask->sampling.max_tokens;
		return;
	}
	for (int i = 0; i < ask->n_options; i++) {
		double option = (double)(strlen(ask->option[i]) + 1) / rates->bytes_per_token;

		sum->requests++;
		sum->prompt_tokens += (int64_t)ceil(tokens + option);
		sum->completion_tokens++;
	}
}

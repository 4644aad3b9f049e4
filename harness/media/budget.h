/* SPDX-License-Identifier: Apache-2.0
 * Inside harness/media: what one file may cost: reads, seconds, memory.
 */
#ifndef HARNESS_MEDIA_BUDGET_H
#define HARNESS_MEDIA_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include <libavcodec/avcodec.h>

#include "harness/base/err.h"

/* No single block of memory that the libraries ask for is larger. */
#define MEDIA_MAX_BLOCK ((size_t)256 << 20)

struct media_budget {
	double max_s, end_s;	  /* wall seconds, and the clock_s() at which they are over */
	int64_t steps_left;	  /* reads the demuxer may still make: bounds its loops */
	int64_t bytes, max_bytes; /* of decoded pictures held at a time */
	bool late, full;	  /* which limit was met */
};

void budget_start(struct media_budget *b, double max_s, int64_t max_bytes, int64_t file_bytes);
/* An AVIOInterruptCB: counts a read and looks at the clock; not 0: stop. */
int budget_step(void *budget);
/* Whether the time is over. */
bool budget_late(struct media_budget *b);
/* Time that was not the libraries'. */
void budget_excuse(struct media_budget *b, double seconds);
/* The decoder's pictures count from now on; c->opaque becomes b, which must outlive them. */
void budget_attach(struct media_budget *b, AVCodecContext *c);
/* Records which limit a libav failure came from; 0 when it was none. */
int budget_fail(const struct media_budget *b, const char *path, const char *doing, int av_code,
		struct err *err);

#endif

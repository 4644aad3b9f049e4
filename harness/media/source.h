/* SPDX-License-Identifier: Apache-2.0
 * Inside harness/media: one opened file with its first audio and first video
 * stream, and what reading and probing need of libavformat around it.
 */
#ifndef HARNESS_MEDIA_SOURCE_H
#define HARNESS_MEDIA_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "harness/base/err.h"
#include "harness/media/budget.h"

#define MEDIA_MAX_SIDE 8192

struct media_source {
	const char *path; /* borrowed, for messages */
	AVFormatContext *fmt;
	AVStream *audio, *video; /* NULL: the file has none */
	double zero_s;		 /* container time that counts as 0 */
	int64_t size;		 /* bytes */
	int64_t pcm_bytes;	 /* of samples, as a WAV says; 0: unknown, or no WAV */
	bool decoding_order;	 /* time stamps are those of decoding (AVI) */
	struct media_budget budget;
};

/* Opens a regular file as one of the containers known here; s must stay where it is.
 * Streams other than the first audio and the first moving video are discarded.  max_s,
 * max_mb: media_request; <= 0: the defaults.  On failure the source is closed.
 * ERR_MISSING, ERR_FORMAT, ERR_DATA (empty), ERR_LIMIT, ERR_NOMEM. */
int source_open(struct media_source *s, const char *path, double max_s, int max_mb,
		struct err *err);
/* Accepts the zeroed state. */
void source_close(struct media_source *s);

/* A one-threaded decoder for a stream, whose pictures count in the budget; NULL with err set.
 * avcodec_free_context(). */
AVCodecContext *source_decoder(struct media_source *s, const AVStream *st, struct err *err);

/* Seconds a picture lasts, from what the container says; 0: unknown. */
double source_frame_seconds(const struct media_source *s);
/* Where the file ends by its own header, in seconds from zero; <= 0: it does not say. */
double source_file_end(const struct media_source *s);
/* Where a stream ends by its header (not by a guess from the bit rate), in seconds from zero; <= 0:
 * it does not say. */
double source_stream_end(const struct media_source *s, const AVStream *st);
/* Where the last key frame before that second lies, in the stream's time of decoding;
 * AV_NOPTS_VALUE: the container has no such list. */
int64_t source_key_before(const struct media_source *s, AVStream *st, double second);

/* Records why reading cannot go on: the limit that was met, or libav's words. */
int source_stop(const struct media_source *s, const char *doing, int av_code, struct err *err);

/* Records a libav failure: file, what was done, libav's words. */
int source_fail(const char *path, const char *doing, int av_code, struct err *err);

/* Stops the libraries from printing; cheap, any thread, any number of calls. */
void media_quiet(void);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Inside harness/media: the two consumers of packets, sound and pictures.  Each
 * takes the packets of its stream, keeps what lies in the span, and says when it has enough.
 */
#ifndef HARNESS_MEDIA_TRACK_H
#define HARNESS_MEDIA_TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libswresample/swresample.h>
#include <libswscale/swscale.h>

#include "harness/media/media.h"
#include "harness/media/source.h"

/* Read before the span: decoders and the resampler need what came before. */
#define MEDIA_PREROLL_S 0.25

/* The wanted part of the file, in seconds from its zero. */
struct span {
	double start, end; /* end is finite: start + max_seconds at most */
	bool open;	   /* the caller wanted everything to the end */
	bool cut;	   /* max_seconds shortened a stated end */
};

struct audio_track {
	struct media_source *src;
	AVCodecContext *dec;
	AVFrame *frame;
	struct SwrContext *mix, *resample; /* to mono float; to the wanted rate (NULL: same) */
	AVChannelLayout layout;		   /* of the first frame; others are not mixed in */
	int format, in_rate, out_rate;
	int64_t decoded;	     /* samples that came out of the decoder */
	int64_t next_in, next_out;   /* next sample at either rate, counted from zero */
	int64_t first_out, last_out; /* the span at the wanted rate */
	float *mono, *out, *pcm;     /* one frame's samples; resampled; the result */
	size_t mono_cap, out_cap, pcm_cap, n;
	bool started, done, beyond; /* beyond: sound after the span was seen */
	unsigned status;
};

int audio_track_open(struct audio_track *t, struct media_source *src,
		     const struct media_request *rq, const struct span *span, struct err *err);
/* pkt NULL: the stream has ended. */
int audio_track_packet(struct audio_track *t, const AVPacket *pkt, struct err *err);
/* Accepts the zeroed state. */
void audio_track_close(struct audio_track *t);

#define MEDIA_CELLS 64 /* more cells than a decoder reorders pictures */

struct frame_track {
	struct media_source *src;
	const struct media_request *rq;
	struct span span;
	AVCodecContext *dec;
	AVFrame *frame, *scaled;
	struct SwsContext *sws;
	double frame_s;		  /* length of a picture, 0: unknown */
	double seen_s;		  /* time of the last decoded picture */
	double fps;		  /* of the time grid; 0: none */
	double grid_s;		  /* where it begins, from the start of the span */
	int64_t cells;		  /* of the time grid; 0: as many as come */
	int64_t cell;		  /* the last cell of the time grid that got its picture */
	int64_t n;		  /* pictures handed out */
	int64_t fed[MEDIA_CELLS]; /* cells that a packet was fed for: cell modulo the size */
	AVFrame *shown;		  /* by times: the picture shown until the next comes, at shown_s */
	double shown_s;
	int next_at;	   /* by times: the first time without its picture */
	int64_t resume_at; /* packets before this time of decoding are passed over */
	int64_t last_key;  /* time of the last key frame that came by */
	struct picture_vector *vector;
	size_t vector_cap;
	int left;     /* where the crop lies in the picture */
	long decoded; /* pictures */
	bool done, beyond, any_vector;
	unsigned status;
};

int frame_track_open(struct frame_track *t, struct media_source *src,
		     const struct media_request *rq, const struct span *span, struct err *err);
int frame_track_packet(struct frame_track *t, const AVPacket *pkt, struct err *err);
void frame_track_close(struct frame_track *t);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Reading a span: seek near, feed the tracks until both have enough, judge what came.
 */
#include "harness/media/media.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "harness/media/source.h"
#include "harness/media/track.h"

#define DEFAULT_MAX_SECONDS 600
/* Read before the span: decoders and the resampler need what came before. */
#define PREROLL_S   0.25
#define MAX_PACKETS 4000000L
/* A stream that ends this much earlier than its header says is damaged. */
#define SHORT_S 0.5

struct reading {
	struct media_source src;
	struct span span;
	struct audio_track audio;
	struct frame_track frames;
	bool want_audio, want_frames; /* and the stream is there */
	unsigned status;
};

static int check_request(const char *path, const struct media_request *rq,
			 const struct media_audio *audio, struct err *err)
{
	if (!rq->rate && !rq->frames)
		return err_set(err, ERR_ARG, "%s: neither sound nor pictures asked for", path);
	if (rq->rate && (rq->rate < 1000 || rq->rate > 192000 || !audio))
		return err_set(err, ERR_ARG, "%s: sound at %d Hz asked for; 1000 to 192000", path,
			       rq->rate);
	if (rq->max_seconds > 0 && !(rq->max_seconds * rq->rate < INT_MAX))
		return err_set(err, ERR_ARG, "%s: a limit of %g s is more sound than fits", path,
			       rq->max_seconds);
	if (rq->frames && !rq->on_picture)
		return err_set(err, ERR_ARG, "%s: pictures asked for, but nobody takes them", path);
	if (rq->start_ms < 0 || (rq->end_ms >= 0 && rq->end_ms <= rq->start_ms))
		return err_set(err, ERR_ARG, "%s: the span %.3f to %.3f s is empty", path,
			       (double)rq->start_ms / 1000, (double)rq->end_ms / 1000);
	if (!(rq->fps >= 0) || rq->max_height < 0 || rq->crop < 0 || rq->crop > 2)
		return err_set(err, ERR_ARG, "%s: fps %g, height %d, crop %d", path, rq->fps,
			       rq->max_height, rq->crop);
	return 0;
}

static struct span make_span(const struct media_request *rq)
{
	struct span s = { .start = (double)rq->start_ms / 1000, .open = rq->end_ms < 0 };
	double max = rq->max_seconds > 0 ? rq->max_seconds : DEFAULT_MAX_SECONDS;

	s.end = s.open ? INFINITY : (double)rq->end_ms / 1000;
	if (s.end - s.start > max) {
		s.cut = !s.open;
		s.end = s.start + max;
	}
	return s;
}

/* A file that cannot seek is read from its start: slower, the same result. */
static void seek(struct reading *r)
{
	const AVStream *st = r->want_frames ? r->src.video : r->src.audio;
	double to = r->span.start - PREROLL_S;

	if (to > 0)
		av_seek_frame(r->src.fmt, st->index,
			      (int64_t)floor((to + r->src.zero_s) / av_q2d(st->time_base)),
			      AVSEEK_FLAG_BACKWARD);
}

static int give(struct reading *r, AVPacket *pkt, struct err *err)
{
	if (pkt->flags & AV_PKT_FLAG_CORRUPT)
		r->status |= MEDIA_DAMAGED;
	if (r->want_audio && pkt->stream_index == r->src.audio->index && !r->audio.done) {
		audio_track_packet(&r->audio, pkt, err);
		if (r->audio.done)
			r->src.audio->discard = AVDISCARD_ALL;
	} else if (r->want_frames && pkt->stream_index == r->src.video->index && !r->frames.done) {
		frame_track_packet(&r->frames, pkt, err);
		if (r->frames.done)
			r->src.video->discard = AVDISCARD_ALL;
	}
	return err->code;
}

static bool enough(const struct reading *r)
{
	return (!r->want_audio || r->audio.done) && (!r->want_frames || r->frames.done);
}

static int feed(struct reading *r, struct err *err)
{
	AVPacket *pkt = av_packet_alloc();
	int ret = 0;

	if (!pkt)
		return err_set(err, ERR_NOMEM, "%s: out of memory", r->src.path);
	for (long n = 0; !enough(r) && !err->code; n++) {
		ret = n < MAX_PACKETS ? av_read_frame(r->src.fmt, pkt) : AVERROR_EXIT;
		if (ret < 0)
			break;
		give(r, pkt, err);
		av_packet_unref(pkt);
	}
	av_packet_free(&pkt);
	if (ret == AVERROR(ENOMEM) || ret == AVERROR_EXIT)
		source_fail(r->src.path, "reading", ret, err);
	else if (ret < 0 && ret != AVERROR_EOF)
		r->status |= MEDIA_DAMAGED;
	if (!err->code && r->want_audio && !r->audio.done)
		audio_track_packet(&r->audio, NULL, err);
	if (!err->code && r->want_frames && !r->frames.done)
		frame_track_packet(&r->frames, NULL, err);
	return err->code;
}

/* A stream stopped before the span's end although its header promises more. */
static bool too_short(const struct reading *r, const AVStream *st, double got_s)
{
	double said = source_stream_end(&r->src, st);

	return said > 0 && got_s < fmin(said, r->span.end) - SHORT_S;
}

static int judge(struct reading *r, const struct media_request *rq, struct err *err)
{
	bool any = (r->want_audio && r->audio.n) || (r->want_frames && r->frames.n);
	bool beyond = (r->want_audio && r->audio.beyond) || (r->want_frames && r->frames.beyond);
	bool streams = r->want_audio || r->want_frames;

	if (r->want_audio) {
		r->status |= r->audio.status;
		if (!r->audio.done &&
		    too_short(r, r->src.audio, r->span.start + (double)r->audio.n / rq->rate))
			r->status |= MEDIA_DAMAGED;
	}
	if (r->want_frames) {
		r->status |= r->frames.status;
		if (!r->frames.done && too_short(r, r->src.video, r->frames.seen_s))
			r->status |= MEDIA_DAMAGED;
	}
	if (streams && !any && r->status & MEDIA_DAMAGED)
		return err_set(err, ERR_DATA, "%s: nothing could be decoded; the file is damaged",
			       r->src.path);
	if (streams && !any)
		return err_set(err, ERR_DATA, "%s: nothing there at %.3f s; the span lies outside",
			       r->src.path, r->span.start);
	if (rq->rate && !(r->want_audio && r->audio.n))
		r->status |= MEDIA_NO_AUDIO;
	if (rq->frames && !(r->want_frames && r->frames.n))
		r->status |= MEDIA_NO_VIDEO;
	if (r->span.cut || (r->span.open && beyond))
		r->status |= MEDIA_CUT;
	return 0;
}

int media_read(const char *path, const struct media_request *rq, struct media_audio *audio,
	       unsigned *status, struct err *err)
{
	struct reading r = { 0 };

	*status = MEDIA_OK;
	if (audio)
		*audio = (struct media_audio){ .rate = rq->rate };
	if (check_request(path, rq, audio, err) || source_open(&r.src, path, err))
		return err->code;
	r.span = make_span(rq);
	r.want_audio = rq->rate && r.src.audio;
	r.want_frames = rq->frames && r.src.video;
	if (r.want_audio && audio_track_open(&r.audio, &r.src, rq, &r.span, err))
		goto out;
	if (r.want_frames && frame_track_open(&r.frames, &r.src, rq, &r.span, err))
		goto out;
	if (r.want_audio || r.want_frames)
		seek(&r);
	if (feed(&r, err) || judge(&r, rq, err))
		goto out;
	*status = r.status;
	if (r.want_audio) {
		audio->pcm = r.audio.pcm;
		audio->n = (int)r.audio.n;
		r.audio.pcm = NULL;
	}
out:
	audio_track_close(&r.audio);
	frame_track_close(&r.frames);
	source_close(&r.src);
	return err->code;
}

void media_audio_free(struct media_audio *a)
{
	free(a->pcm);
	*a = (struct media_audio){ 0 };
}

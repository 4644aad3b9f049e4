/* SPDX-License-Identifier: Apache-2.0
 * Reading a span: seek near, feed the tracks until both have enough, judge what came.
 */
#include "harness/media/media.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/mem.h"
#include "harness/media/source.h"
#include "harness/media/track.h"

#define DEFAULT_MAX_SECONDS 600
#define MAX_PACKETS	    4000000L
/* A header that is further off than this is wrong. */
#define LIE_S 0.5

struct reading {
	struct media_source src;
	struct span span;
	struct audio_track audio;
	struct frame_track frames;
	bool want_audio, want_frames; /* and the stream is there */
	unsigned status;
};

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

static int check_pictures(const char *path, const struct media_request *rq, const struct span *span,
			  struct err *err)
{
	if (rq->count < 0 || rq->n_at < 0 || (rq->n_at > 0 && (rq->fps > 0 || rq->count > 0)) ||
	    (rq->middle && (!rq->count || rq->fps > 0)))
		return err_set(err, ERR_ARG,
			       "%s: pictures by rate and count, or by times; middles by count",
			       path);
	for (int i = 0; i < rq->n_at; i++)
		if (!(rq->at_s[i] >= (i ? rq->at_s[i - 1] : 0) &&
		      rq->at_s[i] < span->end - span->start))
			return err_set(err, ERR_ARG,
				       "%s: a picture at %g s: times rise within the span", path,
				       rq->at_s[i]);
	if (!(rq->fps >= 0) || rq->max_height < 0 || rq->max_side < 0 || rq->max_side == 1 ||
	    (rq->max_side && rq->max_height) || rq->crop < 0 || rq->crop > 2)
		return err_set(err, ERR_ARG, "%s: fps %g, height %d, side %d, crop %d", path,
			       rq->fps, rq->max_height, rq->max_side, rq->crop);
	return 0;
}

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
	return 0;
}

/* A file that cannot seek is read from its start: slower, the same result. */
static void seek(struct reading *r, const struct media_request *rq)
{
	const AVStream *st = r->want_frames ? r->src.video : r->src.audio;
	double first = r->want_frames && !r->want_audio && rq->n_at ? rq->at_s[0] : 0;
	double to = fmax(r->span.start + first - MEDIA_PREROLL_S, 0);

	/* Matroska's list of key frames is read by the first seeking */
	if (to > 0 || rq->n_at)
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
		ret = n < MAX_PACKETS && !budget_late(&r->src.budget)
			      ? av_read_frame(r->src.fmt, pkt)
			      : AVERROR_EXIT;
		if (ret < 0)
			break;
		give(r, pkt, err);
		av_packet_unref(pkt);
	}
	av_packet_free(&pkt);
	if (ret == AVERROR(ENOMEM) || ret == AVERROR_EXIT)
		source_stop(&r->src, "reading", ret, err);
	else if (ret < 0 && ret != AVERROR_EOF)
		r->status |= MEDIA_DAMAGED;
	if (!err->code && r->want_audio && !r->audio.done)
		audio_track_packet(&r->audio, NULL, err);
	if (!err->code && r->want_frames && !r->frames.done)
		frame_track_packet(&r->frames, NULL, err);
	return err->code;
}

/* Compares where a stream ended with where its header says it does; done: there was more. */
static unsigned judge_end(const struct reading *r, const AVStream *st, double got_s, bool done)
{
	double said = source_stream_end(&r->src, st);

	if (said > 0 && got_s > said + LIE_S)
		return MEDIA_LONG;
	return said > 0 && !done && got_s < fmin(said, r->span.end) - LIE_S ? MEDIA_SHORT : 0;
}

/* Compares what the file says of itself with what it says of its streams. */
static unsigned judge_file(const struct media_source *s)
{
	double said = source_file_end(s), most = 0;

	for (unsigned i = 0; i < s->fmt->nb_streams; i++) {
		double end = source_stream_end(s, s->fmt->streams[i]);

		if (!(end > 0))
			return 0;
		most = fmax(most, end);
	}
	if (!(said > 0))
		return 0;
	return said > most + LIE_S ? MEDIA_SHORT : said < most - LIE_S ? MEDIA_LONG : 0;
}

static int judge(struct reading *r, const struct media_request *rq, struct err *err)
{
	bool any = (r->want_audio && r->audio.n) || (r->want_frames && r->frames.n);
	bool beyond = (r->want_audio && r->audio.beyond) || (r->want_frames && r->frames.beyond);
	bool streams = r->want_audio || r->want_frames;

	r->status |= judge_file(&r->src);
	if (r->want_audio)
		r->status |=
			r->audio.status |
			judge_end(r, r->src.audio, r->span.start + (double)r->audio.n / rq->rate,
				  r->audio.done);
	if (r->want_frames) {
		r->status |= r->frames.status |
			     judge_end(r, r->src.video, r->frames.seen_s, r->frames.done);
		if (rq->vectors && !r->frames.any_vector)
			r->status |= MEDIA_NO_VECTORS;
	}
	if (streams && !any && r->status & (MEDIA_DAMAGED | MEDIA_SHORT))
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
	r.span = make_span(rq);
	if (check_request(path, rq, audio, err) || check_pictures(path, rq, &r.span, err) ||
	    source_open(&r.src, path, rq->max_wall_s, rq->max_mb, err))
		return err->code;
	r.want_audio = rq->rate && r.src.audio;
	r.want_frames = rq->frames && r.src.video;
	if (r.want_audio && audio_track_open(&r.audio, &r.src, rq, &r.span, err))
		goto out;
	if (r.want_frames && frame_track_open(&r.frames, &r.src, rq, &r.span, err))
		goto out;
	if (r.want_audio || r.want_frames)
		seek(&r, rq);
	if (feed(&r, err) || judge(&r, rq, err))
		goto out;
	*status = r.status;
	if (r.want_audio) {
		audio->pcm = r.audio.pcm;
		audio->n = (int)r.audio.n;
		r.audio.pcm = NULL;
	}
out:
	if (rq->work) {
		rq->work->pictures += r.frames.decoded;
		rq->work->sound_s +=
			r.audio.in_rate ? (double)r.audio.decoded / r.audio.in_rate : 0;
	}
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

void media_status_text(unsigned status, char *text, size_t size)
{
	static const char *const name[] = { "no-audio", "no-video", "cut",	 "damaged",
					    "short",	"long",	    "no-vectors" };
	size_t used = 0;

	snprintf(text, size, "ok");
	for (size_t i = 0; i < ARRAY_LEN(name) && used < size; i++)
		if (status & 1U << i)
			used += (size_t)snprintf(text + used, size - used, "%s%s", used ? "+" : "",
						 name[i]);
}

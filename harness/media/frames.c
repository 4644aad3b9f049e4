/* SPDX-License-Identifier: Apache-2.0
 * Pictures: decode, choose by time, crop, convert, scale down, hand over.
 */
#include "harness/media/track.h"

#include <errno.h>
#include <math.h>

#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>

static int no_memory(const struct frame_track *t, struct err *err)
{
	return err_set(err, ERR_NOMEM, "%s: no memory for its pictures", t->src->path);
}

int frame_track_open(struct frame_track *t, const struct media_source *src,
		     const struct media_request *rq, const struct span *span, struct err *err)
{
	*t = (struct frame_track){
		.src = src, .rq = rq, .span = *span, .seen_s = -INFINITY, .cell = -1
	};
	t->frame_s = source_frame_seconds(src);
	for (int i = 0; i < MEDIA_CELLS; i++)
		t->fed[i] = INT64_MIN;
	t->dec = source_decoder(src, src->video, err);
	if (!t->dec)
		return err->code;
	t->frame = av_frame_alloc();
	t->converted = av_frame_alloc();
	t->scaled = av_frame_alloc();
	if (!t->frame || !t->converted || !t->scaled)
		return no_memory(t, err);
	src->video->discard = AVDISCARD_DEFAULT;
	return 0;
}

void frame_track_close(struct frame_track *t)
{
	sws_freeContext(t->sws);
	av_frame_free(&t->frame);
	av_frame_free(&t->converted);
	av_frame_free(&t->scaled);
	avcodec_free_context(&t->dec);
	*t = (struct frame_track){ 0 };
}

static void crop(AVFrame *f, int side)
{
	int half = f->width / 2 & ~1;

	if (!side || half < 2)
		return;
	if (side == 1)
		f->crop_right += (size_t)(f->width - half);
	else
		f->crop_left += (size_t)((f->width - half) & ~1);
	av_frame_apply_cropping(f, AV_FRAME_CROP_UNALIGNED);
}

static int scale(struct frame_track *t, const AVFrame *from, int width, int height, struct err *err)
{
	AVFrame *to = t->scaled;
	int ret = 0;

	t->sws = sws_getCachedContext(t->sws, from->width, from->height, from->format, width,
				      height, AV_PIX_FMT_YUV420P,
				      SWS_AREA | SWS_ACCURATE_RND | SWS_BITEXACT, NULL, NULL, NULL);
	if (!t->sws)
		return err_set(err, ERR_FORMAT, "%s: pictures in %s cannot be converted",
			       t->src->path, av_get_pix_fmt_name(from->format));
	if (to->width != width || to->height != height) {
		av_frame_unref(to);
		to->width = width;
		to->height = height;
		to->format = AV_PIX_FMT_YUV420P;
		ret = av_frame_get_buffer(to, 0);
	}
	if (ret >= 0)
		ret = sws_scale(t->sws, (const uint8_t *const *)from->data, from->linesize, 0,
				from->height, to->data, to->linesize);
	return ret < 0 ? source_fail(t->src->path, "scaling a picture", ret, err) : 0;
}

static int hand_over(struct frame_track *t, double time_s, struct err *err)
{
	AVFrame *f = t->frame;
	struct picture p = { .time_s = time_s };
	int width, height;

	crop(f, t->rq->crop);
	width = f->width;
	height = f->height;
	if (t->rq->max_height > 0 && height > t->rq->max_height) {
		height = t->rq->max_height;
		width = (int)lround((double)f->width * height / f->height / 2) * 2;
		width = width < 2 ? 2 : width;
	}
	if (width != f->width || height != f->height || f->format != AV_PIX_FMT_YUV420P) {
		if (scale(t, f, width, height, err))
			return err->code;
		f = t->scaled;
	}
	p.width = width;
	p.height = height;
	for (int i = 0; i < 3; i++) {
		p.plane[i] = f->data[i];
		p.stride[i] = f->linesize[i];
	}
	t->n++;
	if (t->rq->on_picture(t->rq->ctx, &p, err) && !err->code)
		err_set(err, ERR_INTERNAL, "%s: a picture was refused without a reason",
			t->src->path);
	return err->code;
}

/* A picture belongs to the span, and to a cell of the time grid, by its middle;
 * s is its time from the start of the span. */
static int64_t cell_of(const struct frame_track *t, double s)
{
	double middle = fmin(t->frame_s / 2, 0.5 / t->rq->fps);

	return (int64_t)floor(fmin(fmax(s, -1e6), 1e6) * t->rq->fps + middle * t->rq->fps + 1e-6);
}

static int take_frame(struct frame_track *t, struct err *err)
{
	AVFrame *f = t->frame;
	double half = t->frame_s / 2, s = t->seen_s + t->frame_s;
	int64_t cell;

	if (f->decode_error_flags || f->flags & AV_FRAME_FLAG_CORRUPT)
		t->status |= MEDIA_DAMAGED;
	if (f->best_effort_timestamp != AV_NOPTS_VALUE)
		s = (double)f->best_effort_timestamp * av_q2d(t->src->video->time_base) -
		    t->src->zero_s;
	else if (!isfinite(s))
		s = 0;
	if (s <= t->seen_s) { /* time stands still or goes back: not a new picture */
		t->status |= MEDIA_DAMAGED;
		return 0;
	}
	t->seen_s = s;
	if (s + half < t->span.start)
		return 0;
	if (s + half >= t->span.end) {
		t->beyond = t->done = true;
		return 0;
	}
	s -= t->span.start;
	if (t->rq->fps > 0) {
		cell = cell_of(t, s);
		if (cell <= t->cell)
			return 0;
		t->cell = cell;
	}
	return hand_over(t, s > 0 ? s : 0, err);
}

/* Pictures that nothing else refers to cost half of the decoding.  They are left
 * out where the span or the time grid has no use for them: outside the span, or
 * in a cell that another picture fills.  What is handed out stays exact. */
static enum AVDiscard useless(struct frame_track *t, const AVPacket *pkt)
{
	const AVStream *st = t->src->video;
	double s;
	int64_t cell, *fed;

	/* elsewhere a packet's time stamp need not be that of its picture */
	if (st->codecpar->codec_id != AV_CODEC_ID_H264 &&
	    st->codecpar->codec_id != AV_CODEC_ID_HEVC)
		return AVDISCARD_DEFAULT;
	if (!pkt || pkt->pts == AV_NOPTS_VALUE)
		return AVDISCARD_DEFAULT;
	s = (double)pkt->pts * av_q2d(st->time_base) - t->src->zero_s;
	if (s + t->frame_s / 2 < t->span.start || s + t->frame_s / 2 >= t->span.end)
		return AVDISCARD_NONREF;
	if (!(t->rq->fps > 0))
		return AVDISCARD_DEFAULT;
	cell = cell_of(t, s - t->span.start);
	fed = &t->fed[(uint64_t)cell % MEDIA_CELLS];
	if (*fed == cell)
		return AVDISCARD_NONREF;
	*fed = cell;
	return AVDISCARD_DEFAULT;
}

int frame_track_packet(struct frame_track *t, const AVPacket *pkt, struct err *err)
{
	int ret;

	t->dec->skip_frame = useless(t, pkt);
	ret = avcodec_send_packet(t->dec, pkt);

	if (ret == AVERROR(ENOMEM))
		return no_memory(t, err);
	if (ret < 0 && ret != AVERROR_EOF)
		t->status |= MEDIA_DAMAGED;
	while (!t->done && (ret = avcodec_receive_frame(t->dec, t->frame)) >= 0) {
		take_frame(t, err);
		av_frame_unref(t->frame);
		if (err->code)
			return err->code;
	}
	if (!t->done && ret != AVERROR(EAGAIN) && ret != AVERROR_EOF)
		t->status |= MEDIA_DAMAGED;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * Pictures: decode, choose by time, crop, convert, scale down, hand over.
 */
#include "harness/media/track.h"

#include <errno.h>
#include <math.h>

#include <stdlib.h>

#include <libavutil/imgutils.h>
#include <libavutil/motion_vector.h>
#include <libavutil/pixdesc.h>

#include "harness/base/log.h"
#include "harness/base/mem.h"

/* A list of times goes to a key frame only when it saves this many seconds; pictures that wait
 * for their turn lie that far behind at most. */
#define LEAP_S 0.25
/* How far a picture may be from the time of decoding of its packet, in pictures. */
#define REORDER 4

static int no_memory(const struct frame_track *t, struct err *err)
{
	return err_set(err, ERR_NOMEM, "%s: no memory for its pictures", t->src->path);
}

/* The grid of a request by count covers what the file says it has of the span. */
static int set_grid(struct frame_track *t, struct err *err)
{
	double end = source_stream_end(t->src, t->src->video);

	t->fps = t->rq->fps;
	if (!t->rq->count)
		return 0;
	end = end > 0 ? end : source_file_end(t->src);
	if (!(end > 0) && t->span.open)
		return err_set(err, ERR_DATA,
			       "%s: does not say how long it is; ask for pictures by rate",
			       t->src->path);
	t->beyond = end > t->span.end;
	end = end > 0 ? fmin(end, t->span.end) : t->span.end;
	if (end <= t->span.start)
		return err_set(err, ERR_DATA, "%s: nothing there at %.3f s; the span lies outside",
			       t->src->path, t->span.start);
	t->cells = t->rq->count;
	t->fps = (double)t->cells / (end - t->span.start);
	t->grid_s = t->rq->middle ? 0.5 / t->fps : 0;
	if (t->rq->fps > 0)
		t->fps = fmin(t->fps, t->rq->fps);
	return 0;
}

int frame_track_open(struct frame_track *t, struct media_source *src,
		     const struct media_request *rq, const struct span *span, struct err *err)
{
	*t = (struct frame_track){ .src = src,
				   .rq = rq,
				   .span = *span,
				   .seen_s = -INFINITY,
				   .cell = -1,
				   .resume_at = INT64_MIN,
				   .last_key = INT64_MIN };
	t->frame_s = source_frame_seconds(src);
	if (set_grid(t, err))
		return err->code;
	for (int i = 0; i < MEDIA_CELLS; i++)
		t->fed[i] = INT64_MIN;
	t->dec = source_decoder(src, src->video, err);
	if (!t->dec)
		return err->code;
	t->frame = av_frame_alloc();
	t->scaled = av_frame_alloc();
	t->shown = av_frame_alloc();
	if (!t->frame || !t->scaled || !t->shown)
		return no_memory(t, err);
	if (rq->vectors)
		t->dec->export_side_data |= AV_CODEC_EXPORT_DATA_MVS;
	src->video->discard = AVDISCARD_DEFAULT;
	return 0;
}

void frame_track_close(struct frame_track *t)
{
	sws_freeContext(t->sws);
	av_frame_free(&t->frame);
	av_frame_free(&t->scaled);
	av_frame_free(&t->shown);
	free(t->vector);
	avcodec_free_context(&t->dec);
	*t = (struct frame_track){ 0 };
}

static void crop(struct frame_track *t, AVFrame *f)
{
	int half = f->width / 2 & ~1, width = f->width;

	t->left = 0;
	if (!t->rq->crop || half < 2)
		return;
	if (t->rq->crop == 1) {
		f->crop_right += (size_t)(width - half);
	} else {
		t->left = (width - half) & ~1;
		f->crop_left += (size_t)t->left;
	}
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
	return ret < 0 ? source_stop(t->src, "scaling a picture", ret, err) : 0;
}

/* The vectors of a decoded picture as those of p, which is f scaled. */
static int put_vectors(struct frame_track *t, const AVFrame *f, struct picture *p, struct err *err)
{
	const AVFrameSideData *sd = av_frame_get_side_data(f, AV_FRAME_DATA_MOTION_VECTORS);
	const AVMotionVector *mv = sd ? (const void *)sd->data : NULL;
	size_t n = sd ? sd->size / sizeof(*mv) : 0;
	float sx = (float)p->width / (float)f->width, sy = (float)p->height / (float)f->height;

	if (!GROW_ARRAY(t->vector, t->vector_cap, n + 1))
		return no_memory(t, err);
	p->vector = t->vector;
	for (size_t i = 0; i < n; i++, mv++) {
		int x = mv->dst_x - t->left;

		if (x < 0 || x >= f->width || mv->dst_y < 0 || mv->dst_y >= f->height ||
		    !mv->motion_scale)
			continue;
		t->vector[p->n_vector++] = (struct picture_vector){
			.x = (float)x * sx,
			.y = (float)mv->dst_y * sy,
			.w = (float)mv->w * sx,
			.h = (float)mv->h * sy,
			.dx = (float)-mv->motion_x / (float)mv->motion_scale * sx,
			.dy = (float)-mv->motion_y / (float)mv->motion_scale * sy,
			.later = mv->source > 0,
		};
	}
	t->any_vector = t->any_vector || n;
	return 0;
}

static int even(double side)
{
	int s = (int)lround(side / 2) * 2;

	return s < 2 ? 2 : s;
}

/* The size that the request wants of a picture. */
static void fit(const struct media_request *rq, struct picture *p)
{
	int longer = p->width > p->height ? p->width : p->height;

	if (rq->max_height > 0 && p->height > rq->max_height) {
		p->width = even((double)p->width * rq->max_height / p->height);
		p->height = rq->max_height;
	}
	if (rq->max_side > 0) {
		int side = (longer < rq->max_side ? longer : rq->max_side) & ~1;

		p->width = even((double)p->width * side / longer);
		p->height = even((double)p->height * side / longer);
	}
}

/* f: cropped. */
static int hand_over(struct frame_track *t, AVFrame *f, double time_s, struct err *err)
{
	struct picture p = { .time_s = time_s, .width = f->width, .height = f->height };
	double start;

	fit(t->rq, &p);
	if (t->rq->vectors && put_vectors(t, f, &p, err))
		return err->code;
	if (p.width != f->width || p.height != f->height || f->format != AV_PIX_FMT_YUV420P) {
		if (scale(t, f, p.width, p.height, err))
			return err->code;
		f = t->scaled;
	}
	for (int i = 0; i < 3; i++) {
		p.plane[i] = f->data[i];
		p.stride[i] = f->linesize[i];
	}
	t->n++;
	start = clock_s();
	if (t->rq->on_picture(t->rq->ctx, &p, err) && !err->code)
		err_set(err, ERR_INTERNAL, "%s: a picture was refused without a reason",
			t->src->path);
	budget_excuse(&t->src->budget, clock_s() - start);
	return err->code;
}

/* A picture belongs to the span, and to a cell of the time grid, by its middle;
 * s is its time from the start of the span. */
static int64_t cell_of(const struct frame_track *t, double s)
{
	double middle = fmin(t->frame_s / 2, 0.5 / t->fps) - t->grid_s;

	return (int64_t)floor(fmin(fmax(s, -1e6), 1e6) * t->fps + middle * t->fps + 1e-6);
}

/* Hands out the picture at hand for every time before end_s, then waits with the next one. */
static int show_until(struct frame_track *t, double end_s, struct err *err)
{
	const struct media_request *rq = t->rq;

	for (; t->next_at < rq->n_at && rq->at_s[t->next_at] + t->span.start < end_s; t->next_at++)
		if (t->shown->buf[0] && hand_over(t, t->shown, t->shown_s - t->span.start, err))
			return err->code;
	t->done = t->next_at == rq->n_at;
	return 0;
}

static int take_shown(struct frame_track *t, double s, struct err *err)
{
	if (show_until(t, s - 1e-6, err) || t->done)
		return err->code;
	av_frame_unref(t->shown);
	av_frame_move_ref(t->shown, t->frame);
	crop(t, t->shown);
	t->shown_s = s;
	return 0;
}

static double seconds_of(const struct frame_track *t, int64_t stamp)
{
	return (double)stamp * av_q2d(t->src->video->time_base) - t->src->zero_s;
}

/* An AVI numbers its packets in the order of decoding: a picture that comes out so many pictures
 * later than it could is not shown later for that. */
static double order_delay(const struct frame_track *t)
{
	return t->src->decoding_order ? t->dec->has_b_frames * t->frame_s : 0;
}

static int take_frame(struct frame_track *t, struct err *err)
{
	AVFrame *f = t->frame;
	double half = t->frame_s / 2, s = t->seen_s + t->frame_s;
	int64_t cell;

	if (f->decode_error_flags || f->flags & AV_FRAME_FLAG_CORRUPT)
		t->status |= MEDIA_DAMAGED;
	if (f->best_effort_timestamp != AV_NOPTS_VALUE)
		s = seconds_of(t, f->best_effort_timestamp) - order_delay(t);
	else if (!isfinite(s))
		s = 0;
	if (s <= t->seen_s) { /* time stands still or goes back: not a new picture */
		t->status |= MEDIA_DAMAGED;
		return 0;
	}
	t->seen_s = s;
	if (t->rq->n_at)
		return take_shown(t, s, err);
	if (s + half < t->span.start)
		return 0;
	if (s + half >= t->span.end) {
		t->beyond = t->done = true;
		return 0;
	}
	s -= t->span.start;
	if (t->fps > 0) {
		cell = cell_of(t, s);
		if (t->cells && cell >= t->cells)
			t->done = true;
		if (cell <= t->cell || t->done)
			return 0;
		t->cell = cell;
		t->done = cell == t->cells - 1;
	}
	crop(t, f);
	return hand_over(t, f, s > 0 ? s : 0, err);
}

/* Pictures that nothing else refers to cost half of the decoding.  They are left
 * out where the span or the time grid has no use for them: outside the span, or
 * in a cell that another picture fills.  What is handed out stays exact. */
static enum AVDiscard useless(struct frame_track *t, const AVPacket *pkt)
{
	const AVStream *st = t->src->video;
	double s, late = t->frame_s / 2;
	int64_t cell, *fed;

	if (!pkt || t->rq->n_at)
		return AVDISCARD_DEFAULT;
	if (st->codecpar->codec_id == AV_CODEC_ID_MPEG4 && t->frame_s > 0) {
		/* AVI knows only the order of decoding */
		late += REORDER * t->frame_s;
		s = pkt->dts == AV_NOPTS_VALUE ? INFINITY : seconds_of(t, pkt->dts);
		return s + late < t->span.start ? AVDISCARD_NONREF : AVDISCARD_DEFAULT;
	}
	/* elsewhere a packet's time stamp need not be that of its picture */
	if (st->codecpar->codec_id != AV_CODEC_ID_H264 &&
	    st->codecpar->codec_id != AV_CODEC_ID_HEVC)
		return AVDISCARD_DEFAULT;
	if (pkt->pts == AV_NOPTS_VALUE)
		return AVDISCARD_DEFAULT;
	s = seconds_of(t, pkt->pts);
	if (s + late < t->span.start || s + late >= t->span.end)
		return AVDISCARD_NONREF;
	if (!(t->fps > 0))
		return AVDISCARD_DEFAULT;
	cell = cell_of(t, s - t->span.start);
	fed = &t->fed[(uint64_t)cell % MEDIA_CELLS];
	if (cell <= t->cell || *fed == cell)
		return AVDISCARD_NONREF;
	*fed = cell;
	return AVDISCARD_DEFAULT;
}

/* Whether nothing until the key frame before the next wanted time is of any use. */
static bool passed_over(struct frame_track *t, const AVPacket *pkt)
{
	int64_t key;

	if (!t->rq->n_at || pkt->dts == AV_NOPTS_VALUE)
		return false;
	if (pkt->dts >= t->resume_at && !(pkt->flags & AV_PKT_FLAG_KEY)) {
		double at = t->rq->at_s[t->next_at] + t->span.start - LEAP_S;

		key = source_key_before(t->src, t->src->video, at);
		if (key != AV_NOPTS_VALUE && key > pkt->dts && key > t->last_key &&
		    seconds_of(t, key) > t->seen_s) {
			avcodec_flush_buffers(t->dec);
			t->resume_at = key;
		}
	}
	/* the list of key frames may give either of a packet's times */
	if (pkt->flags & AV_PKT_FLAG_KEY) {
		t->last_key =
			pkt->pts == AV_NOPTS_VALUE || pkt->pts < pkt->dts ? pkt->dts : pkt->pts;
		if (t->last_key >= t->resume_at)
			t->resume_at = INT64_MIN;
	}
	return pkt->dts < t->resume_at;
}

static int drain(struct frame_track *t, struct err *err)
{
	int ret = 0;

	while (!t->done && (ret = avcodec_receive_frame(t->dec, t->frame)) >= 0) {
		t->decoded++;
		take_frame(t, err);
		av_frame_unref(t->frame);
		if (err->code)
			return err->code;
	}
	if (ret == AVERROR(ENOMEM) || t->src->budget.full)
		return source_stop(t->src, "decoding its pictures", ret, err);
	if (!t->done && ret != AVERROR(EAGAIN) && ret != AVERROR_EOF)
		t->status |= MEDIA_DAMAGED;
	return 0;
}

int frame_track_packet(struct frame_track *t, const AVPacket *pkt, struct err *err)
{
	int ret;

	if (pkt && passed_over(t, pkt))
		return 0;
	t->dec->skip_frame = useless(t, pkt);
	ret = avcodec_send_packet(t->dec, pkt);
	if (ret == AVERROR(ENOMEM) || t->src->budget.full)
		return source_stop(t->src, "decoding its pictures", ret, err);
	if (ret < 0 && ret != AVERROR_EOF)
		t->status |= MEDIA_DAMAGED;
	if (drain(t, err) || pkt || t->done || !t->rq->n_at)
		return err->code;
	/* the last picture is shown as long as the others */
	return show_until(t, t->shown_s + fmax(t->frame_s, 1e-3), err);
}

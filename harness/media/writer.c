/* SPDX-License-Identifier: Apache-2.0
 * Writing clips: one muxer, at most one picture and one sound encoder, and
 * nothing that differs between two runs (one thread, bit-exact flags, no dates).
 */
#include "harness/media/media.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>

#include "harness/base/mem.h"
#include "harness/base/str.h"
#include "harness/media/pcm.h"
#include "harness/media/source.h"

#define KEY_SECONDS 1	 /* a key frame every second: spans are read by seeking */
#define PCM_BLOCK   1024 /* samples a packet where the codec does not say */
#define TIMED_BASE  1000 /* time stamps a second where pictures come with their times */

/* One encoder and the stream it feeds. */
struct lane {
	AVCodecContext *enc;
	AVStream *st;
	AVFrame *frame;
	int64_t next; /* time stamp of the next frame, in the encoder's time base, at least */
	int64_t step; /* how long a picture is shown where no other follows */
};

struct media_writer {
	char *path;
	AVFormatContext *fmt;
	AVPacket *pkt;
	struct lane video, audio;
	int fill;	/* samples waiting in audio.frame */
	bool timed;	/* media_spec */
	bool in_memory; /* no file is written */
	bool started;	/* the file exists and has a header */
};

struct container {
	const char *suffix, *muxer;
	enum AVCodecID video, audio;
};

static const struct container containers[] = {
	{ ".mp4", "mp4", AV_CODEC_ID_H264, AV_CODEC_ID_AAC },
	{ ".avi", "avi", AV_CODEC_ID_MPEG4, AV_CODEC_ID_PCM_S16LE },
	{ ".wav", "wav", AV_CODEC_ID_NONE, AV_CODEC_ID_PCM_S16LE },
};

static int no_memory(const char *path, struct err *err)
{
	return err_set(err, ERR_NOMEM, "%s: out of memory", path);
}

static const struct container *choose(const char *path, const struct media_spec *spec,
				      struct err *err)
{
	const struct container *c = NULL;
	bool pictures = spec->width || spec->height;

	for (size_t i = 0; i < ARRAY_LEN(containers); i++)
		if (str_ends(path, containers[i].suffix))
			c = &containers[i];
	if (!c)
		err_set(err, ERR_ARG, "%s: name it .mp4, .avi or .wav", path);
	else if (!pictures && !spec->rate)
		err_set(err, ERR_ARG, "%s: neither pictures nor sound to write", path);
	else if (pictures && c->video == AV_CODEC_ID_NONE)
		err_set(err, ERR_ARG, "%s: this container holds no pictures", path);
	else if (pictures && (spec->width < 16 || spec->height < 16 || spec->width % 2 ||
			      spec->height % 2 || spec->width > MEDIA_MAX_SIDE ||
			      spec->height > MEDIA_MAX_SIDE || spec->fps < 1 || spec->fps > 240))
		err_set(err, ERR_ARG, "%s: %dx%d at %d fps; sides even, 16 to %d, 1 to 240 fps",
			path, spec->width, spec->height, spec->fps, MEDIA_MAX_SIDE);
	else if (pictures && (spec->quality < 1 || spec->quality > 51 ||
			      (c->video == AV_CODEC_ID_MPEG4 && spec->quality > 31)))
		err_set(err, ERR_ARG, "%s: quality %d; H.264 takes 1 to 51, MPEG-4 1 to 31", path,
			spec->quality);
	else if (spec->rate && (spec->rate < 8000 || spec->rate > 96000))
		err_set(err, ERR_ARG, "%s: sound at %d Hz; 8000 to 96000", path, spec->rate);
	return err->code ? NULL : c;
}

/* Encodes one frame (NULL: drains) and hands its packets to the muxer. */
static int encode(struct media_writer *w, struct lane *l, AVFrame *frame, struct err *err)
{
	int ret = avcodec_send_frame(l->enc, frame);

	while (ret >= 0 || ret == AVERROR_EOF) {
		ret = avcodec_receive_packet(l->enc, w->pkt);
		if (ret == AVERROR(EAGAIN) || ret == AVERROR_EOF)
			return 0;
		if (ret < 0)
			break;
		w->pkt->stream_index = l->st->index;
		if (w->pkt->duration <= 0 && l == &w->video)
			w->pkt->duration = l->step;
		av_packet_rescale_ts(w->pkt, l->enc->time_base, l->st->time_base);
		ret = av_interleaved_write_frame(w->fmt, w->pkt);
	}
	return ret < 0 ? source_fail(w->path, "writing", ret, err) : 0;
}

static int open_lane(struct media_writer *w, struct lane *l, AVDictionary **opts, struct err *err)
{
	int ret;

	l->enc->flags |= AV_CODEC_FLAG_BITEXACT;
	l->enc->thread_count = 1;
	if (w->fmt->oformat->flags & AVFMT_GLOBALHEADER)
		l->enc->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
	ret = avcodec_open2(l->enc, NULL, opts);
	if (ret < 0)
		return source_fail(w->path, "opening its encoder", ret, err);
	l->st = avformat_new_stream(w->fmt, NULL);
	l->frame = av_frame_alloc();
	if (!l->st || !l->frame)
		return no_memory(w->path, err);
	l->st->time_base = l->enc->time_base;
	ret = avcodec_parameters_from_context(l->st->codecpar, l->enc);
	return ret < 0 ? source_fail(w->path, "preparing a stream", ret, err) : 0;
}

static int open_video(struct media_writer *w, const struct container *c,
		      const struct media_spec *spec, struct err *err)
{
	const AVCodec *codec = c->video == AV_CODEC_ID_H264
				       ? avcodec_find_encoder_by_name("libx264")
				       : avcodec_find_encoder(c->video);
	AVCodecContext *e = codec ? avcodec_alloc_context3(codec) : NULL;
	AVDictionary *opts = NULL;

	if (!e)
		return err_set(err, ERR_BACKEND, "%s: libavcodec has no encoder for %s", w->path,
			       avcodec_get_name(c->video));
	w->video.enc = e;
	e->width = spec->width;
	e->height = spec->height;
	e->pix_fmt = AV_PIX_FMT_YUV420P;
	e->time_base = (AVRational){ 1, spec->timed ? TIMED_BASE : spec->fps };
	w->timed = spec->timed;
	w->video.step = spec->timed ? TIMED_BASE / spec->fps : 1;
	e->framerate = (AVRational){ spec->fps, 1 };
	e->gop_size = KEY_SECONDS * spec->fps;
	e->max_b_frames = 0;
	e->color_range = AVCOL_RANGE_MPEG;
	e->colorspace = AVCOL_SPC_SMPTE170M;
	if (c->video == AV_CODEC_ID_H264) {
		av_dict_set(&opts, "preset", "ultrafast", 0);
		av_dict_set_int(&opts, "qp", spec->quality, 0);
		/* CABAC: setting up the tables of the cheaper code costs 2.5 ms a clip */
		av_dict_set_int(&opts, "coder", 1, 0);
	} else {
		e->flags |= AV_CODEC_FLAG_QSCALE;
		e->global_quality = FF_QP2LAMBDA * spec->quality;
	}
	open_lane(w, &w->video, &opts, err);
	av_dict_free(&opts);
	if (err->code)
		return err->code;
	w->video.st->avg_frame_rate = e->framerate;
	w->video.frame->width = e->width;
	w->video.frame->height = e->height;
	w->video.frame->format = e->pix_fmt;
	if (av_frame_get_buffer(w->video.frame, 0) < 0)
		return no_memory(w->path, err);
	return 0;
}

static int open_audio(struct media_writer *w, const struct container *c,
		      const struct media_spec *spec, struct err *err)
{
	const AVCodec *codec = avcodec_find_encoder(c->audio);
	AVCodecContext *e = codec ? avcodec_alloc_context3(codec) : NULL;
	AVDictionary *opts = NULL;

	if (!e)
		return err_set(err, ERR_BACKEND, "%s: libavcodec has no encoder for %s", w->path,
			       avcodec_get_name(c->audio));
	w->audio.enc = e;
	e->sample_rate = spec->rate;
	e->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_MONO;
	e->time_base = (AVRational){ 1, spec->rate };
	e->sample_fmt = AV_SAMPLE_FMT_S16;
	if (c->audio == AV_CODEC_ID_AAC) {
		e->sample_fmt = AV_SAMPLE_FMT_FLTP;
		/* constant quality: hunting for a bit rate takes up to 20 ms a clip */
		e->flags |= AV_CODEC_FLAG_QSCALE;
		e->global_quality = FF_QP2LAMBDA;
		/* noise substitution would make a span's samples depend on where decoding began */
		av_dict_set_int(&opts, "aac_pns", 0, 0);
		av_dict_set(&opts, "aac_coder", "fast", 0);
	}
	open_lane(w, &w->audio, &opts, err);
	av_dict_free(&opts);
	if (err->code)
		return err->code;
	w->audio.frame->nb_samples = e->frame_size > 0 ? e->frame_size : PCM_BLOCK;
	w->audio.frame->format = e->sample_fmt;
	w->audio.frame->sample_rate = spec->rate;
	w->audio.frame->ch_layout = e->ch_layout;
	if (av_frame_get_buffer(w->audio.frame, 0) < 0)
		return no_memory(w->path, err);
	return 0;
}

static int open_output(struct media_writer *w, struct err *err)
{
	struct strbuf url = { 0 };
	int ret = AVERROR(ENOMEM);

	strbuf_addf(&url, "file:%s", w->path);
	if (w->in_memory)
		ret = avio_open_dyn_buf(&w->fmt->pb);
	else if (!url.oom)
		ret = avio_open(&w->fmt->pb, strbuf_str(&url), AVIO_FLAG_WRITE);
	strbuf_free(&url);
	if (ret < 0) {
		err_set(err, ret == AVERROR(ENOMEM) ? ERR_NOMEM : ERR_IO,
			"%s: cannot be written: %s", w->path, strerror(AVUNERROR(ret)));
		return err->code;
	}
	w->started = !w->in_memory;
	ret = avformat_write_header(w->fmt, NULL);
	return ret < 0 ? source_fail(w->path, "writing its header", ret, err) : 0;
}

static struct media_writer *writer_open(const char *path, const struct media_spec *spec,
					bool in_memory, struct err *err)
{
	const struct container *c = choose(path, spec, err);
	struct media_writer *w;

	if (!c)
		return NULL;
	media_quiet();
	w = mem_calloc(1, sizeof(*w));
	if (!w) {
		no_memory(path, err);
		return NULL;
	}
	w->in_memory = in_memory;
	w->path = str_dup(path);
	w->pkt = av_packet_alloc();
	avformat_alloc_output_context2(&w->fmt, NULL, c->muxer, NULL);
	if (!w->path || !w->pkt || !w->fmt) {
		no_memory(path, err);
		goto fail;
	}
	w->fmt->flags |= AVFMT_FLAG_BITEXACT;
	w->fmt->max_interleave_delta = 0; /* all pictures may come before all sound */
	if (spec->width && open_video(w, c, spec, err))
		goto fail;
	if (spec->rate && open_audio(w, c, spec, err))
		goto fail;
	if (!open_output(w, err))
		return w;
fail:
	media_writer_close(&w, err);
	return NULL;
}

struct media_writer *media_writer_open(const char *path, const struct media_spec *spec,
				       struct err *err)
{
	return writer_open(path, spec, false, err);
}

struct media_writer *media_writer_open_memory(const char *name, const struct media_spec *spec,
					      struct err *err)
{
	return writer_open(name, spec, true, err);
}

int media_write_picture(struct media_writer *w, const struct picture *p, struct err *err)
{
	struct lane *l = &w->video;
	AVFrame *f = l->frame;

	if (!l->enc)
		return err_set(err, ERR_ARG, "%s: opened without pictures", w->path);
	if (p->width != f->width || p->height != f->height)
		return err_set(err, ERR_ARG, "%s: a picture of %dx%d among %dx%d", w->path,
			       p->width, p->height, f->width, f->height);
	if (av_frame_make_writable(f) < 0)
		return no_memory(w->path, err);
	for (int i = 0; i < 3; i++) {
		int width = i ? p->width / 2 : p->width, height = i ? p->height / 2 : p->height;

		for (int y = 0; y < height; y++)
			memcpy(f->data[i] + (ptrdiff_t)y * f->linesize[i],
			       p->plane[i] + (ptrdiff_t)y * p->stride[i], (size_t)width);
	}
	f->pts = l->next;
	if (w->timed && p->time_s * TIMED_BASE > (double)f->pts)
		f->pts = llround(fmin(p->time_s, INT_MAX) * TIMED_BASE);
	l->next = f->pts + 1;
	return encode(w, l, f, err);
}

/* Encodes the samples gathered so far; the last frame may be a short one. */
static int flush_samples(struct media_writer *w, struct err *err)
{
	AVFrame *f = w->audio.frame;
	int full = f->nb_samples;

	if (!w->fill)
		return 0;
	f->nb_samples = w->fill;
	f->pts = w->audio.next;
	w->audio.next += w->fill;
	w->fill = 0;
	encode(w, &w->audio, f, err);
	f->nb_samples = full;
	if (!err->code && av_frame_make_writable(f) < 0)
		return no_memory(w->path, err);
	return err->code;
}

int media_write_audio(struct media_writer *w, const float *pcm, int n, struct err *err)
{
	AVFrame *f = w->audio.frame;

	if (!w->audio.enc)
		return err_set(err, ERR_ARG, "%s: opened without sound", w->path);
	for (int i = 0; i < n; i++) {
		if (f->format == AV_SAMPLE_FMT_S16)
			((int16_t *)(void *)f->data[0])[w->fill++] = pcm16(pcm[i]);
		else
			((float *)(void *)f->data[0])[w->fill++] = isfinite(pcm[i]) ? pcm[i] : 0;
		if (w->fill == f->nb_samples && flush_samples(w, err))
			return err->code;
	}
	return 0;
}

static void free_lane(struct lane *l)
{
	av_frame_free(&l->frame);
	avcodec_free_context(&l->enc);
}

static int finish(struct media_writer *w, struct err *err)
{
	int ret;

	if (w->video.enc && (!w->video.next || encode(w, &w->video, NULL, err)))
		return err_set(err, ERR_ARG, "%s: closed before any picture came", w->path);
	if (w->audio.enc && (flush_samples(w, err) || encode(w, &w->audio, NULL, err)))
		return err->code;
	if (w->audio.enc && !w->audio.next)
		return err_set(err, ERR_ARG, "%s: closed before any sound came", w->path);
	ret = av_write_trailer(w->fmt);
	if (ret >= 0)
		ret = w->fmt->pb->error;
	return ret < 0 ? source_fail(w->path, "finishing", ret, err) : 0;
}

/* Ends the output; what was written to memory goes to *data (NULL: nowhere). */
static void close_output(struct media_writer *w, char **data, size_t *size, struct err *err)
{
	uint8_t *bytes = NULL;
	int ret;

	if (!w->fmt || !w->fmt->pb)
		return;
	if (!w->in_memory) {
		ret = avio_closep(&w->fmt->pb);
		if (ret < 0)
			source_fail(w->path, "closing", ret, err);
		return;
	}
	ret = avio_close_dyn_buf(w->fmt->pb, &bytes);
	w->fmt->pb = NULL;
	if (!err->code && data) {
		*data = ret > 0 ? malloc((size_t)ret) : NULL;
		if (!*data) {
			no_memory(w->path, err);
		} else {
			memcpy(*data, bytes, (size_t)ret);
			*size = (size_t)ret;
		}
	}
	av_free(bytes);
}

int media_writer_close_memory(struct media_writer **writer, char **data, size_t *size,
			      struct err *err)
{
	struct media_writer *w = *writer;

	*writer = NULL;
	if (data) {
		*data = NULL;
		*size = 0;
	}
	if (!w)
		return err->code;
	if (!err->code)
		finish(w, err);
	free_lane(&w->video);
	free_lane(&w->audio);
	close_output(w, data, size, err);
	avformat_free_context(w->fmt);
	av_packet_free(&w->pkt);
	if (err->code && w->started)
		remove(w->path);
	free(w->path);
	free(w);
	return err->code;
}

int media_writer_close(struct media_writer **writer, struct err *err)
{
	return media_writer_close_memory(writer, NULL, NULL, err);
}

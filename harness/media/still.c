/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/media/still.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>

#include "harness/base/mem.h"
#include "harness/media/pcm.h"
#include "harness/media/source.h"

#define WAV_HEAD 44

struct still {
	int quantiser;
	AVCodecContext *enc; /* for pictures of frame's size; NULL: none came yet */
	AVFrame *frame;
	AVPacket *pkt;
	uint8_t full[2][256]; /* limited range to full: luma, chroma */
};

/* BT.601: luma 16 to 235, chroma 16 to 240 around 128; a JPEG file uses all of a byte. */
static void set_ranges(struct still *s)
{
	for (int v = 0; v < 256; v++) {
		double luma = (v - 16) * 255.0 / 219, chroma = 128 + (v - 128) * 255.0 / 224;

		s->full[0][v] = (uint8_t)lround(fmin(fmax(luma, 0), 255));
		s->full[1][v] = (uint8_t)lround(fmin(fmax(chroma, 0), 255));
	}
}

struct still *still_new(int quantiser, struct err *err)
{
	struct still *s = mem_calloc(1, sizeof(*s));

	media_quiet();
	if (!s) {
		err_set(err, ERR_NOMEM, "JPEG: no memory");
		return NULL;
	}
	s->quantiser = quantiser;
	s->frame = av_frame_alloc();
	s->pkt = av_packet_alloc();
	set_ranges(s);
	if (!s->frame || !s->pkt) {
		err_set(err, ERR_NOMEM, "JPEG: no memory");
		still_free(s);
		return NULL;
	}
	return s;
}

void still_free(struct still *s)
{
	if (!s)
		return;
	avcodec_free_context(&s->enc);
	av_frame_free(&s->frame);
	av_packet_free(&s->pkt);
	free(s);
}

/* An encoder is for pictures of one size. */
static int open_encoder(struct still *s, const struct picture *p, const char *what, struct err *err)
{
	const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_MJPEG);
	AVCodecContext *e = codec ? avcodec_alloc_context3(codec) : NULL;
	int ret;

	avcodec_free_context(&s->enc);
	av_frame_unref(s->frame);
	if (!e)
		return err_set(err, ERR_BACKEND, "%s: libavcodec has no encoder for JPEG", what);
	s->enc = e;
	e->width = p->width;
	e->height = p->height;
	e->pix_fmt = AV_PIX_FMT_YUVJ420P;
	e->color_range = AVCOL_RANGE_JPEG;
	e->time_base = (AVRational){ 1, 1 };
	e->sample_aspect_ratio = (AVRational){ 1, 1 };
	e->flags |= AV_CODEC_FLAG_QSCALE | AV_CODEC_FLAG_BITEXACT;
	e->global_quality = s->quantiser * FF_QP2LAMBDA;
	e->qmin = 1;
	e->thread_count = 1;
	ret = avcodec_open2(e, codec, NULL);
	if (ret < 0)
		return source_fail(what, "opening its encoder", ret, err);
	s->frame->width = p->width;
	s->frame->height = p->height;
	s->frame->format = e->pix_fmt;
	s->frame->quality = e->global_quality;
	ret = av_frame_get_buffer(s->frame, 0);
	return ret < 0 ? source_fail(what, "making room for it", ret, err) : 0;
}

static void fill(struct still *s, const struct picture *p)
{
	for (int i = 0; i < 3; i++) {
		const uint8_t *full = s->full[i > 0];
		int w = i ? (p->width + 1) / 2 : p->width, h = i ? (p->height + 1) / 2 : p->height;

		for (int y = 0; y < h; y++) {
			const uint8_t *from = p->plane[i] + (ptrdiff_t)y * p->stride[i];
			uint8_t *to = s->frame->data[i] + (ptrdiff_t)y * s->frame->linesize[i];

			for (int x = 0; x < w; x++)
				to[x] = full[from[x]];
		}
	}
}

int still_jpeg(struct still *s, const struct picture *p, const char *what, const uint8_t **data,
	       size_t *size, struct err *err)
{
	int ret;

	if (p->width < 1 || p->height < 1 || p->width > MEDIA_MAX_SIDE ||
	    p->height > MEDIA_MAX_SIDE)
		return err_set(err, ERR_ARG, "%s: a picture of %dx%d; sides of 1 to %d", what,
			       p->width, p->height, MEDIA_MAX_SIDE);
	av_packet_unref(s->pkt);
	if ((!s->enc || s->enc->width != p->width || s->enc->height != p->height) &&
	    open_encoder(s, p, what, err))
		return err->code;
	ret = av_frame_make_writable(s->frame);
	if (ret >= 0) {
		fill(s, p);
		s->frame->pts++;
		ret = avcodec_send_frame(s->enc, s->frame);
	}
	if (ret >= 0)
		ret = avcodec_receive_packet(s->enc, s->pkt);
	if (ret < 0)
		return source_fail(what, "writing it as JPEG", ret, err);
	*data = s->pkt->data;
	*size = (size_t)s->pkt->size;
	return 0;
}

static uint8_t *put(uint8_t *out, uint32_t v, int bytes)
{
	for (int i = 0; i < bytes; i++)
		*out++ = (uint8_t)(v >> 8 * i);
	return out;
}

size_t wav_size(int n)
{
	return WAV_HEAD + 2 * (size_t)n;
}

void wav_write(const float *pcm, int n, int rate, uint8_t *out)
{
	uint32_t bytes = 2 * (uint32_t)n;

	memcpy(out, "RIFF", 4);
	out = put(out + 4, WAV_HEAD - 8 + bytes, 4);
	memcpy(out, "WAVEfmt ", 8);
	out = put(out + 8, 16, 4);	       /* bytes of the format */
	out = put(out, 1, 2);		       /* plain samples … */
	out = put(out, 1, 2);		       /* … of one channel */
	out = put(out, (uint32_t)rate, 4);     /* a second */
	out = put(out, (uint32_t)rate * 2, 4); /* bytes a second */
	out = put(out, 2, 2);		       /* bytes a sample */
	out = put(out, 16, 2);		       /* bits of it */
	memcpy(out, "data", 4);
	out = put(out + 4, bytes, 4);
	for (int i = 0; i < n; i++)
		out = put(out, (uint16_t)pcm16(pcm[i]), 2);
}

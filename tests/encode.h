/* SPDX-License-Identifier: Apache-2.0
 * Clips in containers and codecs that the program only reads, made with the libraries
 * themselves: 24 pictures a second, whose i-th lies at i / 24 s, and a tone.
 */
#ifndef TESTS_ENCODE_H
#define TESTS_ENCODE_H

#include "tests/clip.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>

#define ENC_FPS 24

struct encoding {
	const char *name;	   /* of the file; its ending names the container */
	const char *video, *audio; /* encoders; NULL: none */
	int rate;
	int b_frames, gop;
	bool moving;   /* a texture that moves by (2, 1) a picture; else grey that rises */
	int delay;     /* samples of the encoder's that come before the tone */
	double late_s; /* of the pictures */
	bool lossless; /* samples come back as they were, rounded to 16 bits */
};

struct encoder {
	AVFormatContext *fmt;
	AVPacket *pkt;
	AVCodecContext *enc[2];
	AVStream *st[2];
};

static inline void must(int ret, const char *what)
{
	char text[AV_ERROR_MAX_STRING_SIZE] = "";

	if (ret < 0) {
		av_strerror(ret, text, sizeof(text));
		fail_msg("%s: %s", what, text);
	}
}

static inline void enc_send(struct encoder *e, int lane, AVFrame *f)
{
	int ret = avcodec_send_frame(e->enc[lane], f);

	must(ret, "sending");
	while (avcodec_receive_packet(e->enc[lane], e->pkt) >= 0) {
		e->pkt->stream_index = e->st[lane]->index;
		if (lane == 0 && !e->pkt->duration)
			e->pkt->duration = 1;
		av_packet_rescale_ts(e->pkt, e->enc[lane]->time_base, e->st[lane]->time_base);
		must(av_interleaved_write_frame(e->fmt, e->pkt), "writing");
	}
}

static inline void enc_open(struct encoder *e, int lane, const char *name,
			    const struct encoding *how)
{
	const AVCodec *codec = avcodec_find_encoder_by_name(name);
	AVCodecContext *c = codec ? avcodec_alloc_context3(codec) : NULL;

	if (!c)
		fail_msg("no encoder %s", name);
	e->enc[lane] = c;
	c->thread_count = 1;
	c->flags |= AV_CODEC_FLAG_BITEXACT;
	if (e->fmt->oformat->flags & AVFMT_GLOBALHEADER)
		c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
	if (lane == 0) {
		c->width = WIDTH;
		c->height = HEIGHT;
		c->pix_fmt = codec->pix_fmts ? codec->pix_fmts[0] : AV_PIX_FMT_YUV420P;
		c->time_base = (AVRational){ 1, ENC_FPS };
		c->framerate = (AVRational){ ENC_FPS, 1 };
		c->gop_size = how->gop ? how->gop : ENC_FPS;
		c->max_b_frames = how->b_frames;
		c->bit_rate = 800000;
		av_opt_set(c->priv_data, "preset", "veryfast", 0);
		av_opt_set(c->priv_data, "deadline", "realtime", 0);
	} else {
		c->sample_rate = how->rate;
		c->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_MONO;
		c->time_base = (AVRational){ 1, how->rate };
		c->sample_fmt = codec->sample_fmts[0];
		c->bit_rate = 64000;
		c->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
	}
	must(avcodec_open2(c, codec, NULL), name);
	e->st[lane] = avformat_new_stream(e->fmt, NULL);
	CHECK(e->st[lane]);
	e->st[lane]->time_base = c->time_base;
	if (lane == 0)
		e->st[lane]->avg_frame_rate = c->framerate;
	must(avcodec_parameters_from_context(e->st[lane]->codecpar, c), name);
}

static inline int texture(int x, int y)
{
	return (int)(128 + 50 * sin(x * 0.21) * cos(y * 0.17) + 40 * sin(x * 0.053 + y * 0.091));
}

static inline void enc_picture(struct encoder *e, AVFrame *f, int i, const struct encoding *how)
{
	must(av_frame_make_writable(f), "picture");
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
			f->data[0][y * f->linesize[0] + x] =
				(uint8_t)(how->moving ? texture(x - 2 * i, y - i) : grey(i));
	for (int p = 1; p < 3; p++)
		for (int y = 0; y < HEIGHT / 2; y++)
			memset(f->data[p] + (ptrdiff_t)y * f->linesize[p], 128, WIDTH / 2);
	f->pts = i;
	enc_send(e, 0, f);
}

static inline void enc_sample(AVFrame *f, int at, double x)
{
	switch ((enum AVSampleFormat)f->format) {
	case AV_SAMPLE_FMT_S16:
	case AV_SAMPLE_FMT_S16P:
		((int16_t *)(void *)f->data[0])[at] = (int16_t)lrint(x * 32768);
		break;
	case AV_SAMPLE_FMT_S32:
	case AV_SAMPLE_FMT_S32P:
		((int32_t *)(void *)f->data[0])[at] = (int32_t)lrint(x * 32768) * 65536;
		break;
	case AV_SAMPLE_FMT_FLT:
	case AV_SAMPLE_FMT_FLTP:
		((float *)(void *)f->data[0])[at] = (float)x;
		break;
	case AV_SAMPLE_FMT_NONE:
	case AV_SAMPLE_FMT_U8:
	case AV_SAMPLE_FMT_U8P:
	case AV_SAMPLE_FMT_DBL:
	case AV_SAMPLE_FMT_DBLP:
	case AV_SAMPLE_FMT_S64:
	case AV_SAMPLE_FMT_S64P:
	case AV_SAMPLE_FMT_NB:
		fail_msg("samples in %s", av_get_sample_fmt_name(f->format));
	}
}

static inline void enc_sound(struct encoder *e, int total)
{
	AVCodecContext *c = e->enc[1];
	AVFrame *f = av_frame_alloc();
	int full = c->frame_size > 0 ? c->frame_size : 1024;

	CHECK(f);
	f->format = c->sample_fmt;
	f->nb_samples = full;
	f->sample_rate = c->sample_rate;
	f->ch_layout = c->ch_layout;
	must(av_frame_get_buffer(f, 0), "sound");
	for (int n = 0; n < total; n += full) {
		must(av_frame_make_writable(f), "sound");
		f->nb_samples = total - n < full ? total - n : full;
		for (int i = 0; i < f->nb_samples; i++)
			enc_sample(f, i, tone(n + i, c->sample_rate));
		f->pts = n;
		enc_send(e, 1, f);
	}
	enc_send(e, 1, NULL);
	av_frame_free(&f);
}

/* Writes a clip of so many pictures' length. */
static inline void encode_clip(const char *path, const struct encoding *how, int pictures)
{
	struct encoder e = { .pkt = av_packet_alloc() };
	AVFrame *f = av_frame_alloc();

	av_log_set_level(AV_LOG_QUIET);
	CHECK(e.pkt && f);
	must(avformat_alloc_output_context2(&e.fmt, NULL, NULL, path), path);
	e.fmt->flags |= AVFMT_FLAG_BITEXACT;
	e.fmt->max_interleave_delta = 0;
	if (how->video)
		enc_open(&e, 0, how->video, how);
	if (how->audio)
		enc_open(&e, 1, how->audio, how);
	must(avio_open(&e.fmt->pb, path, AVIO_FLAG_WRITE), path);
	must(avformat_write_header(e.fmt, NULL), path);
	if (how->video) {
		f->width = WIDTH;
		f->height = HEIGHT;
		f->format = e.enc[0]->pix_fmt;
		must(av_frame_get_buffer(f, 0), path);
		for (int i = 0; i < pictures; i++)
			enc_picture(&e, f, i, how);
		enc_send(&e, 0, NULL);
	}
	if (how->audio)
		enc_sound(&e, how->rate * pictures / ENC_FPS);
	must(av_write_trailer(e.fmt), path);
	avio_closep(&e.fmt->pb);
	for (int lane = 0; lane < 2; lane++)
		avcodec_free_context(&e.enc[lane]);
	avformat_free_context(e.fmt);
	av_packet_free(&e.pkt);
	av_frame_free(&f);
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Asks whose parts stand for clips, as the tests of harness/run/attach.h make them, and what the
 * parts hold.
 */
#ifndef TESTS_WISH_H
#define TESTS_WISH_H

#include "tests/test.h"

#include <libavcodec/avcodec.h>

#include "harness/base/mem.h"
#include "harness/core/view.h"
#include "harness/run/attach.h"

#define PARTS 8

/* An ask of one message, whose parts stand for turns. */
struct wish {
	struct ask_part part[PARTS];
	struct ask_message message;
	struct ask ask;
	struct arena mem;
};

static inline void wish_make(struct wish *w, const char *types, struct ask_media media)
{
	*w = (struct wish){ .ask = { .id = "test/dia0_utt0", .n_messages = 1, .media = media } };
	for (int i = 0; types[i]; i++) {
		struct ask_part *p = &w->part[w->message.n_parts++];

		switch (types[i]) {
		case 'j':
			p->type = ASK_JPEG;
			break;
		case 'w':
			p->type = ASK_WAV;
			break;
		case 'v':
			p->type = ASK_VIDEO;
			break;
		default:
			*p = (struct ask_part){ .type = ASK_TEXT, .data = "how?", .size = 4 };
		}
	}
	w->message.role = "user";
	w->message.part = w->part;
	w->ask.message = &w->message;
}

static inline int wish_come(struct wish *w, const struct utterance *u, unsigned see,
			    struct clip_store *store, struct err *err)
{
	const struct corpus c = { .utt = (struct utterance *)(uintptr_t)u, .n_utt = 1 };
	const int utt = 0;

	return attach_clips(&w->ask, &c, &utt, see, store, &w->mem, err);
}

static inline const struct ask_part *part(const struct wish *w, int i)
{
	return &w->ask.message[0].part[i];
}

static inline struct utterance whole(const char *path)
{
	return (struct utterance){ .id = "dia0_utt0",
				   .audio = { .path = path, .end_ms = -1 },
				   .video = { .path = path, .end_ms = -1 } };
}

static inline void check_same(const struct wish *a, const struct wish *b)
{
	assert_int_equal(a->ask.message[0].n_parts, b->ask.message[0].n_parts);
	for (int i = 0; i < a->ask.message[0].n_parts; i++) {
		CHECK(part(a, i)->size == part(b, i)->size);
		CHECK(!memcmp(part(a, i)->data, part(b, i)->data, part(a, i)->size));
	}
}

/* A part's JPEG decoded by itself; av_frame_free(). */
static inline AVFrame *decode_jpeg(const struct ask_part *p)
{
	AVCodecContext *c = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_MJPEG));
	AVPacket *pkt = av_packet_alloc();
	AVFrame *f = av_frame_alloc();

	CHECK(p->type == ASK_JPEG && c && pkt && f);
	CHECK(!avcodec_open2(c, NULL, NULL) && !av_new_packet(pkt, (int)p->size));
	memcpy(pkt->data, p->data, p->size);
	CHECK(!avcodec_send_packet(c, pkt) && !avcodec_receive_frame(c, f));
	CHECK(f->format == AV_PIX_FMT_YUVJ420P);
	av_packet_free(&pkt);
	avcodec_free_context(&c);
	return f;
}

static inline uint32_t little(const struct ask_part *p, int at, int bytes)
{
	uint32_t v = 0;

	for (int i = 0; i < bytes; i++)
		v |= (uint32_t)(unsigned char)p->data[at + i] << 8 * i;
	return v;
}

static inline void check_wav(const struct ask_part *p, int samples)
{
	CHECK(p->type == ASK_WAV && p->size == 44 + 2 * (size_t)samples);
	CHECK(!memcmp(p->data, "RIFF", 4) && !memcmp(p->data + 8, "WAVEfmt ", 8));
	CHECK(little(p, 4, 4) == p->size - 8 && little(p, 16, 4) == 16);
	CHECK(little(p, 20, 2) == 1 && little(p, 22, 2) == 1 && little(p, 24, 4) == 16000);
	CHECK(little(p, 28, 4) == 32000 && little(p, 32, 2) == 2 && little(p, 34, 2) == 16);
	CHECK(!memcmp(p->data + 36, "data", 4) && little(p, 40, 4) == 2 * (uint32_t)samples);
}

static inline int16_t sample(const struct ask_part *p, int i)
{
	return (int16_t)little(p, 44 + 2 * i, 2);
}

#endif

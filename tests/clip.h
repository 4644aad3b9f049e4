/* SPDX-License-Identifier: Apache-2.0
 * What the tests of the media room share: clips whose every picture and sample
 * is known, and a reader that keeps what they compare.
 */
#ifndef TESTS_CLIP_H
#define TESTS_CLIP_H

#include "tests/test.h"

#include "harness/base/hash.h"
#include "harness/media/media.h"

#define WIDTH	 176
#define HEIGHT	 144
#define FPS	 12
#define RATE	 16000
#define TONE_HZ	 440.0
#define TONE_AMP 0.4
#define MAX_PICS 512

/* Everything a reading hands over, reduced to what the tests compare. */
struct seen {
	int n, width, height;
	double time_s[MAX_PICS];
	double mean[MAX_PICS][3];
	uint64_t hash[MAX_PICS];
	struct media_audio audio;
	unsigned status;
};

static inline int see(void *ctx, const struct picture *p, struct err *err)
{
	struct seen *s = ctx;

	if (s->n >= MAX_PICS)
		return err_set(err, ERR_LIMIT, "more than %d pictures", MAX_PICS);
	s->width = p->width;
	s->height = p->height;
	s->time_s[s->n] = p->time_s;
	s->hash[s->n] = 0;
	for (int i = 0; i < 3; i++) {
		int w = i ? (p->width + 1) / 2 : p->width, h = i ? (p->height + 1) / 2 : p->height;
		double sum = 0;

		for (int y = 0; y < h; y++) {
			const uint8_t *row = p->plane[i] + (ptrdiff_t)y * p->stride[i];

			for (int x = 0; x < w; x++)
				sum += row[x];
			s->hash[s->n] = s->hash[s->n] * 31 + hash_u64(row, (size_t)w);
		}
		s->mean[s->n][i] = sum / w / h;
	}
	s->n++;
	return 0;
}

static inline struct media_request everything(void)
{
	return (struct media_request){ .end_ms = -1, .rate = RATE, .frames = true };
}

static inline int read_all(const char *path, struct media_request rq, struct seen *s,
			   struct err *err)
{
	s->n = 0;
	rq.on_picture = see;
	rq.ctx = s;
	return media_read(path, &rq, &s->audio, &s->status, err);
}

static inline void must_read(const char *path, struct media_request rq, struct seen *s)
{
	struct err err = { 0 };

	read_all(path, rq, s, &err);
	CHECK_OK(&err);
}

static inline double tone(int i, int rate)
{
	return TONE_AMP * sin(2 * acos(-1.0) * TONE_HZ * i / rate);
}

/* The i-th picture: grey that rises, chroma that falls; the right half 60 brighter. */
static inline int grey(int i)
{
	return 40 + i * 4 % 120;
}

static inline void put_picture(struct media_writer *w, int i, struct err *err)
{
	static uint8_t y[WIDTH * HEIGHT], u[WIDTH * HEIGHT / 4], v[WIDTH * HEIGHT / 4];
	const struct picture p = { .width = WIDTH,
				   .height = HEIGHT,
				   .plane = { y, u, v },
				   .stride = { WIDTH, WIDTH / 2, WIDTH / 2 } };

	for (int r = 0; r < HEIGHT; r++) {
		memset(y + (ptrdiff_t)r * WIDTH, grey(i), WIDTH / 2);
		memset(y + (ptrdiff_t)r * WIDTH + WIDTH / 2, grey(i) + 60, WIDTH / 2);
	}
	memset(u, 150 - i % 40, sizeof(u));
	memset(v, 90 + i % 40, sizeof(v));
	media_write_picture(w, &p, err);
}

/* Pictures and sound of this many frames; by_frame: alternating, else all pictures first. */
static inline void write_clip_as(const char *path, int frames, int rate, bool by_frame)
{
	struct media_spec spec = { .width = WIDTH, .height = HEIGHT, .fps = FPS, .quality = 8 };
	struct err err = { 0 };
	struct media_writer *w;
	int n = 0;

	spec.rate = rate;
	if (str_ends(path, ".wav"))
		spec.width = spec.height = 0;
	w = media_writer_open(path, &spec, &err);
	CHECK_OK(&err);
	for (int i = 0; i < frames; i++) {
		int until = (int)((int64_t)rate * (i + 1) / FPS);

		if (spec.width)
			put_picture(w, i, &err);
		for (; by_frame && n < until; n++)
			media_write_audio(w, &(float){ (float)tone(n, rate) }, 1, &err);
	}
	for (int total = (int)((int64_t)rate * frames / FPS); n < total; n++)
		media_write_audio(w, &(float){ (float)tone(n, rate) }, 1, &err);
	CHECK_OK(&err);
	media_writer_close(&w, &err);
	CHECK_OK(&err);
	CHECK(!w);
}

static inline void write_clip(const char *path, int frames, int rate)
{
	write_clip_as(path, frames, rate, true);
}

#endif

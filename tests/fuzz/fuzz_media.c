/* SPDX-License-Identifier: Apache-2.0
 * A media file: what it says of itself, then sound, pictures and vectors of a span of it.
 */
#include "tests/fuzz/fuzz.h"

#include <math.h>

#include <libavutil/mem.h>

#include "harness/media/media.h"

#define RATE	16000
#define SECONDS 2
/* A table may ask for as much in one piece; the fuzzer bounds that more tightly than a reading. */
#define MAX_BLOCK ((size_t)32 << 20)

static int look(void *ctx, const struct picture *p, struct err *err)
{
	(void)ctx;
	(void)err;
	for (int i = 0; i < 3; i++)
		for (int y = 0; y < (i ? (p->height + 1) / 2 : p->height); y++)
			fuzz_touch(p->plane[i] + (size_t)y * (size_t)p->stride[i],
				   (size_t)(i ? (p->width + 1) / 2 : p->width));
	fuzz_touch(p->vector, (size_t)p->n_vector * sizeof(*p->vector));
	return 0;
}

static void read_span(const char *path, struct media_request rq)
{
	struct media_audio audio;
	struct err err = { 0 };
	unsigned status;

	media_read(path, &rq, &audio, &status, &err);
	fuzz_outcome(!err.code, &err);
	FUZZ_CHECK(audio.n >= 0 && audio.n <= SECONDS * RATE);
	for (int i = 0; i < audio.n; i++)
		FUZZ_CHECK(isfinite(audio.pcm[i]));
	media_audio_free(&audio);
}

int fuzz_media(const uint8_t *data, size_t size)
{
	static const double times[] = { 0, 0.5, 1 };
	struct media_request rq = { .end_ms = -1,
				    .max_seconds = SECONDS,
				    .rate = RATE,
				    .frames = true,
				    .max_height = 32,
				    .on_picture = look,
				    .vectors = true,
				    .max_wall_s = 5,
				    .max_mb = 32 };
	struct media_info info;
	struct fuzz_file f;
	struct err err = { 0 };

	/* the first use of the room sets its own bound */
	media_probe("", &info, &err);
	err = (struct err){ 0 };
	av_max_alloc(MAX_BLOCK);
	fuzz_file_open(&f, data, size);
	media_probe(f.path, &info, &err);
	fuzz_outcome(!err.code, &err);
	read_span(f.path, rq);
	rq.start_ms = 100;
	rq.crop = 2;
	rq.count = 2;
	read_span(f.path, rq);
	rq.middle = true;
	rq.max_side = rq.max_height;
	rq.max_height = 0;
	read_span(f.path, rq);
	rq.middle = false;
	rq.fps = 1;
	read_span(f.path, rq);
	rq.start_ms = rq.count = 0;
	rq.fps = 0;
	rq.at_s = times;
	rq.n_at = 3;
	read_span(f.path, rq);
	fuzz_file_close(&f);
	return 0;
}

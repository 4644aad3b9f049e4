/* SPDX-License-Identifier: Apache-2.0
 * Containers and codecs of other programs: pictures at the times they were made for, samples
 * where they were, whatever wraps them; pictures by count, by times, with motion vectors; and
 * how much of a long file is decoded for a short span.
 */
#include "tests/encode.h"

#include "harness/base/mem.h"

static struct seen seen, whole;

/* Containers that cannot take back an encoder's delay hand out its samples; muxers that cannot
 * write times before zero move the pictures by that much. */
static const struct encoding encodings[] = {
	{ .name = "b.mp4", .video = "libx264", .audio = "aac", .rate = 16000, .b_frames = 2 },
	{ .name = "a.mov",
	  .video = "mpeg4",
	  .audio = "pcm_s16le",
	  .rate = 48000,
	  .b_frames = 1,
	  .lossless = true },
	{ .name = "b.mkv",
	  .video = "libx264",
	  .audio = "flac",
	  .rate = 16000,
	  .b_frames = 2,
	  .lossless = true },
	{ .name = "a.webm", .video = "libvpx", .audio = "libopus", .rate = 48000, .late_s = 0.007 },
	{ .name = "v.webm",
	  .video = "libvpx-vp9",
	  .audio = "libvorbis",
	  .rate = 44100,
	  .delay = 132,
	  .late_s = 0.003 },
	{ .name = "a.mpg",
	  .video = "mpeg2video",
	  .audio = "mp2",
	  .rate = 44100,
	  .b_frames = 2,
	  .delay = 481,
	  .late_s = 0.0109 },
	{ .name = "a.ts",
	  .video = "libx264",
	  .audio = "aac",
	  .rate = 48000,
	  .b_frames = 2,
	  .delay = 1024,
	  .late_s = 0.02133 },
	{ .name = "a.flv",
	  .video = "flv",
	  .audio = "libmp3lame",
	  .rate = 44100,
	  .delay = 1105,
	  .late_s = 0.025 },
	{ .name = "b.avi",
	  .video = "mpeg4",
	  .audio = "pcm_s16le",
	  .rate = 48000,
	  .b_frames = 1,
	  .lossless = true },
	{ .name = "h.avi",
	  .video = "libx264",
	  .audio = "pcm_s16le",
	  .rate = 48000,
	  .b_frames = 2,
	  .lossless = true },
	{ .name = "m.avi",
	  .video = "mpeg4",
	  .audio = "libmp3lame",
	  .rate = 44100,
	  .b_frames = 1,
	  .delay = 1105 },
	{ .name = "a.mp3", .audio = "libmp3lame", .rate = 44100 },
	{ .name = "a.ogg", .audio = "libvorbis", .rate = 16000 },
	{ .name = "a.opus", .audio = "libopus", .rate = 16000 },
	{ .name = "a.m4a", .audio = "aac", .rate = 44100 },
	{ .name = "a.aac", .audio = "aac", .rate = 16000, .delay = 1024 },
	{ .name = "a.flac", .audio = "flac", .rate = 16000, .lossless = true },
	{ .name = "a.aiff", .audio = "pcm_s16be", .rate = 16000, .lossless = true },
	{ .name = "a.au", .audio = "pcm_s16be", .rate = 16000, .lossless = true },
	{ .name = "a.w64", .audio = "pcm_s16le", .rate = 16000, .lossless = true },
};

/* The tone by its projections, where the container's encoder has put it. */
static void check_sound(const struct encoding *e, int pictures)
{
	int n = e->rate * pictures / ENC_FPS, from = e->rate / 10, to = n - from;
	double c = 0, s = 0, w = 2 * acos(-1.0) * TONE_HZ / e->rate;

	if (e->lossless) {
		CHECK(seen.audio.n == n);
		for (int i = 0; i < n; i++)
			CHECK(seen.audio.pcm[i] == (float)lrint(tone(i, e->rate) * 32768) / 32768);
		return;
	}
	CHECK(seen.audio.n >= n && seen.audio.n < n + e->delay + 2 * 1152);
	to -= (to - from) % (e->rate / 20); /* 22 periods: whole ones only */
	for (int i = from; i < to; i++) {
		s += seen.audio.pcm[i] * sin(w * (i - e->delay));
		c += seen.audio.pcm[i] * cos(w * (i - e->delay));
	}
	CHECK_NEAR(2 * hypot(s, c) / (to - from), TONE_AMP, 0.025);
	CHECK_NEAR(atan2(c, s), 0, 0.03);
}

static void test_containers(void **state)
{
	char *dir = scratch_make();

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(encodings); k++) {
		const struct encoding *e = &encodings[k];
		char *path = path_join(dir, e->name);
		struct media_request rq = everything();
		struct media_info info;
		struct err err = { 0 };

		print_message("%s\n", e->name);
		rq.rate = e->rate;
		encode_clip(path, e, 60);
		CHECK(!media_probe(path, &info, &err));
		CHECK(info.has_video == !!e->video && info.has_audio == !!e->audio);
		must_read(path, rq, &seen);
		CHECK(seen.status == (e->video ? MEDIA_OK : MEDIA_NO_VIDEO));
		CHECK(seen.n == (e->video ? 60 : 0));
		for (int i = 0; i < seen.n; i++) {
			CHECK_NEAR(seen.time_s[i], (double)i / ENC_FPS + e->late_s, 1.1e-3);
			CHECK_NEAR(seen.mean[i][0], grey(i), 2);
		}
		check_sound(e, 60);
		media_audio_free(&seen.audio);
		free(path);
	}
	scratch_remove(dir);
}

/* A file of ten seconds with key frames four seconds apart. */
static const struct encoding long_ones[] = {
	{ .name = "l.avi",
	  .video = "mpeg4",
	  .audio = "pcm_s16le",
	  .rate = 16000,
	  .b_frames = 1,
	  .gop = 96,
	  .moving = true },
	{ .name = "l.mp4",
	  .video = "libx264",
	  .audio = "aac",
	  .rate = 16000,
	  .b_frames = 2,
	  .gop = 96,
	  .moving = true },
	{ .name = "l.mkv",
	  .video = "libx264",
	  .audio = "flac",
	  .rate = 16000,
	  .b_frames = 2,
	  .gop = 96,
	  .moving = true },
};

/* The picture of the whole reading that is shown at that time. */
static int shown_at(double at_s)
{
	int i = 0;

	while (i + 1 < whole.n && whole.time_s[i + 1] <= at_s + 1e-6)
		i++;
	return i;
}

static void check_same(int i, int of_whole, double start_s)
{
	CHECK(seen.hash[i] == whole.hash[of_whole]);
	CHECK_NEAR(seen.time_s[i], whole.time_s[of_whole] - start_s, 1e-6);
}

static void check_choices(const char *path)
{
	static const double at[] = { 0, 0.3, 0.31, 1.99, 2, 8.7, 8.7, 9.9 };
	struct media_work work = { 0 };
	struct media_request rq = { .end_ms = -1, .frames = true };

	must_read(path, rq, &whole);
	CHECK(whole.n == 240);
	/* one for each eighth, within it, as in the whole */
	rq.count = 8;
	must_read(path, rq, &seen);
	CHECK(seen.status == MEDIA_OK && seen.n == 8);
	for (int i = 0; i < 8; i++) {
		CHECK(fabs(seen.time_s[i] - i * 1.25) < 1.5 / ENC_FPS);
		check_same(i, shown_at(seen.time_s[i]), 0);
	}
	rq.start_ms = 2000;
	rq.end_ms = 5000;
	rq.count = 3;
	must_read(path, rq, &seen);
	CHECK(seen.n == 3);
	for (int i = 0; i < 3; i++)
		check_same(i, shown_at(2 + seen.time_s[i]), 2);
	/* the picture shown at each time; the stretch from 2 to 8.7 s is passed over */
	rq = (struct media_request){
		.end_ms = -1, .frames = true, .at_s = at, .n_at = ARRAY_LEN(at)
	};
	rq.work = &work;
	must_read(path, rq, &seen);
	CHECK(seen.status == MEDIA_OK && seen.n == (int)ARRAY_LEN(at));
	for (int i = 0; i < seen.n; i++)
		check_same(i, shown_at(at[i]), 0);
	CHECK(work.pictures < 2.4 * ENC_FPS + 2.2 * ENC_FPS);
	/* times count from the span's start; behind the last picture nothing is shown */
	rq.start_ms = 3000;
	rq.at_s = (const double[]){ 0.5, 6.9, 7.3 };
	rq.n_at = 3;
	must_read(path, rq, &seen);
	CHECK(seen.n == 2);
	check_same(0, shown_at(3.5), 3);
	check_same(1, shown_at(9.9), 3);
}

static void test_choices(void **state)
{
	char *dir = scratch_make();

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(long_ones); k++) {
		char *path = path_join(dir, long_ones[k].name);

		print_message("%s\n", long_ones[k].name);
		encode_clip(path, &long_ones[k], 240);
		check_choices(path);
		free(path);
	}
	scratch_remove(dir);
}

/* Spans anywhere are the same part of the whole, sample and picture; before them no more is
 * decoded than from the key frame on, and of that no picture that none other needs. */
static void test_spans_in_long_files(void **state)
{
	char *dir = scratch_make();

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(long_ones); k++) {
		char *path = path_join(dir, long_ones[k].name);

		print_message("%s\n", long_ones[k].name);
		encode_clip(path, &long_ones[k], 240);
		must_read(path, everything(), &whole);
		for (int start = 0; start < 9000; start += 700) {
			struct media_request rq = everything();
			struct media_work work = { 0 };
			int first = 0, from = start * RATE / 1000;
			double ahead = fmod(start / 1000.0, 4);

			rq.start_ms = start;
			rq.end_ms = start + 900;
			rq.work = &work;
			must_read(path, rq, &seen);
			CHECK(seen.status == MEDIA_OK);
			CHECK(seen.audio.n == RATE * 9 / 10);
			for (int i = 0; i < seen.audio.n; i++)
				CHECK_NEAR(seen.audio.pcm[i], whole.audio.pcm[from + i], 2e-6);
			while (whole.time_s[first] + 0.5 / ENC_FPS < start / 1000.0)
				first++;
			CHECK(seen.n == 21 || seen.n == 22);
			for (int i = 0; i < seen.n; i++)
				CHECK(seen.hash[i] == whole.hash[first + i]);
			/* in MPEG-4 every second picture is of use to no other */
			ahead = ahead < 0.25 ? ahead + 4 : ahead;
			CHECK(work.pictures <= (0.9 + ahead * (k ? 1 : 0.55)) * ENC_FPS + 9);
			CHECK(work.sound_s < 0.9 + 2 * 0.25 + 0.3);
			media_audio_free(&seen.audio);
		}
		media_audio_free(&whole.audio);
		free(path);
	}
	scratch_remove(dir);
}

struct flow {
	double dx, dy; /* sums */
	int n, pictures, with, height;
};

static int add_vectors(void *ctx, const struct picture *p, struct err *err)
{
	struct flow *f = ctx;

	(void)err;
	f->pictures++;
	f->with += p->n_vector > 0;
	f->height = p->height;
	for (int i = 0; i < p->n_vector; i++) {
		const struct picture_vector *v = &p->vector[i];

		CHECK(v->x >= 0 && v->x < p->width && v->y >= 0 && v->y < p->height);
		CHECK(v->w > 0 && v->w <= 16 && v->h > 0 && v->h <= 16);
		/* texture enters at the left and at the top */
		if (v->later || v->x < 0.2 * p->width || v->y < 0.2 * p->height)
			continue;
		f->dx += v->dx;
		f->dy += v->dy;
		f->n++;
	}
	return 0;
}

/* A texture that moves by (2, 1) pixels a picture. */
static void test_vectors(void **state)
{
	static const struct encoding made[] = {
		{ .name = "v.avi", .video = "mpeg4", .moving = true },
		{ .name = "v.mp4", .video = "libx264", .moving = true },
		{ .name = "v.mpg", .video = "mpeg2video", .moving = true },
		{ .name = "v.webm", .video = "libvpx", .moving = true },
	};
	char *dir = scratch_make();
	struct err err = { 0 };
	unsigned status;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(made); k++) {
		char *path = path_join(dir, made[k].name);

		print_message("%s\n", made[k].name);
		encode_clip(path, &made[k], 20);
		for (int way = 0; way < 3; way++) {
			struct flow f = { 0 };
			struct media_request rq = { .end_ms = -1,
						    .frames = true,
						    .on_picture = add_vectors,
						    .ctx = &f,
						    .vectors = true };
			double scale = way == 2 ? 0.5 : 1;

			rq.crop = way == 1 ? 2 : 0;
			rq.max_height = way == 2 ? HEIGHT / 2 : 0;
			media_read(path, &rq, NULL, &status, &err);
			CHECK_OK(&err);
			CHECK(f.pictures == 20 && f.height == HEIGHT * scale);
			if (!strcmp(made[k].name, "v.webm")) {
				CHECK(status == MEDIA_NO_VECTORS && !f.with);
				continue;
			}
			CHECK(status == MEDIA_OK && f.with >= 18);
			CHECK_NEAR(f.dx / f.n, 2 * scale, 0.2 * scale);
			CHECK_NEAR(f.dy / f.n, 1 * scale, 0.2 * scale);
		}
		free(path);
	}
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_choices),
		cmocka_unit_test(test_spans_in_long_files),
		cmocka_unit_test(test_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

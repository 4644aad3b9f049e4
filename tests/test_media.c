/* SPDX-License-Identifier: Apache-2.0
 * The media room: what is written comes back sample and picture exact, spans are
 * the same parts of the whole, and the same input gives the same bytes.
 */
#include "tests/clip.h"

#include "harness/base/mem.h"
#include "harness/base/thread.h"

static char *scratch_file(const char *dir, const char *name)
{
	char *path = path_join(dir, name);

	CHECK(path);
	return path;
}

/* The tone by its projections: a shift of one sample turns the phase by 0.17 rad at 16 kHz. */
static void check_tone(const struct media_audio *a, int skip)
{
	double c = 0, s = 0, w = 2 * acos(-1.0) * TONE_HZ / a->rate;
	int n = a->n - 2 * skip, period = (int)(a->rate / 40); /* 11 periods: whole ones only */

	n -= n % period;
	CHECK(n > 0);
	for (int i = skip; i < skip + n; i++) {
		s += a->pcm[i] * sin(w * i);
		c += a->pcm[i] * cos(w * i);
	}
	CHECK_NEAR(2 * hypot(s, c) / n, TONE_AMP, 0.004);
	CHECK_NEAR(atan2(c, s), 0, 0.01);
}

static void test_round_trip(void **state)
{
	const char *const names[] = { "a.mp4", "a.avi" };
	char *dir = scratch_make();
	static struct seen s;
	struct media_info info;
	struct err err = { 0 };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(names); k++) {
		char *path = scratch_file(dir, names[k]);

		write_clip(path, 30, RATE);
		CHECK(!media_probe(path, &info, &err));
		CHECK(info.has_audio && info.has_video && info.width == WIDTH &&
		      info.height == HEIGHT && info.rate == RATE && info.channels == 1);
		CHECK_NEAR(info.seconds, 2.5, 0.07);
		CHECK_NEAR(info.fps, FPS, 1e-6);
		must_read(path, everything(), &s);
		CHECK(s.status == MEDIA_OK && s.n == 30 && s.width == WIDTH && s.height == HEIGHT);
		CHECK(s.audio.n == 40000 && s.audio.rate == RATE);
		check_tone(&s.audio, 2048);
		for (int i = 0; i < s.n; i++) {
			CHECK_NEAR(s.time_s[i], (double)i / FPS, 1e-4);
			CHECK_NEAR(s.mean[i][0], grey(i) + 30, 2);
			CHECK_NEAR(s.mean[i][1], 150 - i % 40, 2);
			CHECK_NEAR(s.mean[i][2], 90 + i % 40, 2);
		}
		media_audio_free(&s.audio);
		free(path);
	}
	scratch_remove(dir);
}

/* PCM containers keep every sample, rounded to 16 bits and clipped at full scale. */
static void test_pcm_is_exact(void **state)
{
	const char *const names[] = { "a.wav", "b.avi" };
	char *dir = scratch_make();
	static struct seen s;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(names); k++) {
		char *path = scratch_file(dir, names[k]);
		struct media_request rq = everything();

		write_clip(path, 25, RATE);
		rq.frames = false;
		must_read(path, rq, &s);
		CHECK(s.status == MEDIA_OK && s.audio.n == RATE * 25 / FPS);
		for (int i = 0; i < s.audio.n; i++)
			CHECK(s.audio.pcm[i] == rintf((float)tone(i, RATE) * 32768) / 32768);
		media_audio_free(&s.audio);
		free(path);
	}
	scratch_remove(dir);
}

static void test_clipping(void **state)
{
	const float in[] = { 2, -2, NAN, INFINITY, -INFINITY, 1, -1, 0.5F };
	const float out[] = { 32767, -32768, 0, 32767, -32768, 32767, -32768, 16384 };
	struct media_spec spec = { .rate = RATE };
	struct media_request rq = { .end_ms = -1, .rate = RATE };
	char *dir = scratch_make(), *path = scratch_file(dir, "a.wav");
	struct err err = { 0 };
	struct media_writer *w = media_writer_open(path, &spec, &err);
	static struct seen s;

	(void)state;
	CHECK_OK(&err);
	media_write_audio(w, in, (int)ARRAY_LEN(in), &err);
	media_writer_close(&w, &err);
	CHECK_OK(&err);
	must_read(path, rq, &s);
	CHECK(s.audio.n == (int)ARRAY_LEN(in));
	for (int i = 0; i < s.audio.n; i++)
		CHECK(s.audio.pcm[i] == out[i] / 32768);
	media_audio_free(&s.audio);
	free(path);
	scratch_remove(dir);
}

/* Resampling keeps length, level and phase. */
static void test_resampling(void **state)
{
	const int from[] = { 48000, 44100, 16000, 8000 };
	char *dir = scratch_make(), *path = scratch_file(dir, "a.wav");
	struct media_request rq = { .end_ms = -1 };
	static struct seen s;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(from); k++) {
		write_clip(path, 24, from[k]);
		rq.rate = from[k] == 16000 ? 22050 : 16000;
		must_read(path, rq, &s);
		CHECK(s.status == MEDIA_OK && s.audio.n == 2 * rq.rate);
		check_tone(&s.audio, 800);
		media_audio_free(&s.audio);
	}
	free(path);
	scratch_remove(dir);
}

static void test_crop_and_scale(void **state)
{
	const char *const names[] = { "a.mp4", "a.avi" };
	char *dir = scratch_make();
	static struct seen s;
	struct media_request rq = { .end_ms = -1, .frames = true };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(names); k++) {
		char *path = scratch_file(dir, names[k]);

		write_clip(path, 4, RATE);
		for (int side = 0; side < 3; side++)
			for (int h = 0; h <= 72; h += 72) {
				double want = side == 1 ? 0 : side == 2 ? 60 : 30;

				rq.crop = side;
				rq.max_height = h;
				must_read(path, rq, &s);
				CHECK(s.n == 4 && s.height == (h ? h : HEIGHT));
				CHECK(s.width == (side ? 88 : WIDTH) / (h ? 2 : 1));
				for (int i = 0; i < s.n; i++)
					CHECK_NEAR(s.mean[i][0], grey(i) + want, 2);
			}
		rq.max_height = 1000; /* never scaled up */
		must_read(path, rq, &s);
		CHECK(s.height == HEIGHT);
		rq.max_height = 0;
		free(path);
	}
	scratch_remove(dir);
}

static void test_pictures_by_time(void **state)
{
	char *dir = scratch_make(), *path = scratch_file(dir, "a.mp4");
	struct media_request rq = { .end_ms = -1, .frames = true };
	const double fps[] = { 12, 24, 6, 5, 1 };
	static struct seen s, all;

	(void)state;
	write_clip(path, 36, RATE);
	must_read(path, rq, &all);
	CHECK(all.n == 36);
	for (size_t k = 0; k < ARRAY_LEN(fps); k++) {
		int at = 0;

		rq.fps = fps[k];
		must_read(path, rq, &s);
		CHECK(s.n == (int)(3 * (fps[k] > FPS ? FPS : fps[k])));
		for (int i = 0; i < s.n; i++) {
			while (at < all.n && all.time_s[at] < s.time_s[i])
				at++;
			CHECK(at < all.n && all.time_s[at] == s.time_s[i] &&
			      all.hash[at] == s.hash[i]);
			CHECK(fps[k] > FPS || fabs(s.time_s[i] - i / fps[k]) < 1.0 / FPS);
		}
	}
	free(path);
	scratch_remove(dir);
}

/* A span read alone is the same part of the whole reading. */
static void check_span(const char *path, const struct seen *whole, int rate, int from, int to)
{
	struct media_request rq = everything();
	int first = (int)((int64_t)from * rate / 1000), last = (int)((int64_t)to * rate / 1000);
	int pic = 0;
	static struct seen s;

	rq.start_ms = from;
	rq.end_ms = to;
	rq.rate = rate;
	must_read(path, rq, &s);
	CHECK(!(s.status & ~(unsigned)MEDIA_NO_VIDEO));
	CHECK(s.audio.n == last - first);
	for (int i = 0; i < s.audio.n; i++)
		CHECK_NEAR(s.audio.pcm[i], whole->audio.pcm[first + i], 2e-6);
	for (int i = 0; i < whole->n; i++) {
		double middle = whole->time_s[i] + 0.5 / FPS;

		if (middle < from / 1000.0 || middle >= to / 1000.0)
			continue;
		CHECK(pic < s.n && s.hash[pic] == whole->hash[i]);
		CHECK_NEAR(s.time_s[pic], fmax(0, whole->time_s[i] - from / 1000.0), 1e-9);
		pic++;
	}
	CHECK(pic == s.n);
	media_audio_free(&s.audio);
}

static void test_spans(void **state)
{
	const char *const names[] = { "a.mp4", "a.avi", "a.wav" };
	const int rates[] = { 16000, 11025 };
	char *dir = scratch_make();
	static struct seen whole;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(names); k++) {
		char *path = scratch_file(dir, names[k]);

		write_clip(path, 60, RATE);
		for (size_t r = 0; r < ARRAY_LEN(rates); r++) {
			struct media_request rq = everything();

			rq.rate = rates[r];
			must_read(path, rq, &whole);
			check_span(path, &whole, rates[r], 0, 40);
			check_span(path, &whole, rates[r], 520, 1200);
			check_span(path, &whole, rates[r], 1040, 1080);
			check_span(path, &whole, rates[r], 3000, 4960);
			media_audio_free(&whole.audio);
		}
		free(path);
	}
	scratch_remove(dir);
}

static void test_statuses(void **state)
{
	char *dir = scratch_make(), *wav = scratch_file(dir, "a.wav"),
	     *mp4 = scratch_file(dir, "a.mp4"), *mute = scratch_file(dir, "mute.mp4");
	struct media_spec spec = { .width = 64, .height = 48, .fps = 5, .quality = 30 };
	uint8_t plane[64 * 48] = { 0 };
	struct picture p = { .width = 64,
			     .height = 48,
			     .plane = { plane, plane, plane },
			     .stride = { 64, 32, 32 } };
	struct media_request rq = everything();
	struct err err = { 0 };
	struct media_writer *w = media_writer_open(mute, &spec, &err);
	static struct seen s;

	(void)state;
	media_write_picture(w, &p, &err);
	media_writer_close(&w, &err);
	CHECK_OK(&err);
	write_clip(wav, 24, RATE);
	write_clip(mp4, 24, RATE);
	must_read(wav, rq, &s);
	CHECK(s.status == MEDIA_NO_VIDEO && s.n == 0 && s.audio.n == 2 * RATE);
	media_audio_free(&s.audio);
	must_read(mute, rq, &s);
	CHECK(s.status == MEDIA_NO_AUDIO && s.n == 1 && s.audio.n == 0 && !s.audio.pcm);
	rq.frames = false;
	must_read(mute, rq, &s);
	CHECK(s.status == MEDIA_NO_AUDIO);

	rq = everything();
	rq.max_seconds = 0.5;
	must_read(mp4, rq, &s);
	CHECK(s.status == MEDIA_CUT && s.audio.n == RATE / 2 && s.n == 6);
	media_audio_free(&s.audio);
	rq.max_seconds = 2;
	must_read(mp4, rq, &s);
	CHECK(s.status == MEDIA_OK);
	media_audio_free(&s.audio);
	rq.start_ms = 500; /* an end past the file's: what there is */
	rq.end_ms = 2300;
	must_read(mp4, rq, &s);
	CHECK(s.status == MEDIA_OK && s.audio.n == 24000 && s.n == 18);
	media_audio_free(&s.audio);
	free(wav);
	free(mp4);
	free(mute);
	scratch_remove(dir);
}

static void test_long_file_is_cut(void **state)
{
	char *dir = scratch_make(), *path = scratch_file(dir, "long.wav");
	struct media_request rq = { .end_ms = -1, .rate = 8000, .max_seconds = 30 };
	struct media_spec spec = { .rate = 8000 };
	struct err err = { 0 };
	struct media_writer *w = media_writer_open(path, &spec, &err);
	static const float second[8000];
	static struct seen s;

	(void)state;
	for (int i = 0; i < 305; i++)
		media_write_audio(w, second, 8000, &err);
	media_writer_close(&w, &err);
	CHECK_OK(&err);
	must_read(path, rq, &s);
	CHECK(s.status == MEDIA_CUT && s.audio.n == 240000);
	media_audio_free(&s.audio);
	rq.max_seconds = 0;
	must_read(path, rq, &s);
	CHECK(s.status == MEDIA_OK && s.audio.n == 2440000);
	media_audio_free(&s.audio);
	free(path);
	scratch_remove(dir);
}

static void test_same_bytes(void **state)
{
	const char *const names[] = { "a.mp4", "a.avi", "a.wav" };
	char *dir = scratch_make(), first[HASH_HEX], second[HASH_HEX];
	struct err err = { 0 };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(names); k++) {
		char *path = scratch_file(dir, names[k]);

		write_clip_as(path, 31, RATE, true);
		CHECK(!hash_file(path, first, &err));
		write_clip_as(path, 31, RATE, true);
		CHECK(!hash_file(path, second, &err) && !strcmp(first, second));
		/* the order of the calls does not show in the file */
		write_clip_as(path, 31, RATE, false);
		CHECK(!hash_file(path, second, &err) && !strcmp(first, second));
		free(path);
	}
	CHECK(strstr(media_versions(), "libavcodec") &&
	      !strcmp(media_versions(), media_versions()));
	scratch_remove(dir);
}

struct crowd {
	const char *path;
	uint64_t hash[16];
	int failed[16];
};

static void read_one(void *ctx, int i, int worker)
{
	struct crowd *c = ctx;
	struct seen *s = calloc(1, sizeof(*s));
	struct err err = { 0 };

	(void)worker;
	if (!s || read_all(c->path, everything(), s, &err)) {
		c->failed[i] = 1;
	} else {
		c->hash[i] = hash_u64(s->audio.pcm, (size_t)s->audio.n * sizeof(float)) ^
			     hash_u64(s->hash, (size_t)s->n * sizeof(s->hash[0]));
		media_audio_free(&s->audio);
	}
	free(s);
}

static void test_threads(void **state)
{
	char *dir = scratch_make(), *path = scratch_file(dir, "a.mp4");
	struct crowd c = { .path = path };

	(void)state;
	write_clip(path, 24, RATE);
	parallel_for((int)ARRAY_LEN(c.hash), 4, read_one, &c);
	for (size_t i = 0; i < ARRAY_LEN(c.hash); i++)
		CHECK(!c.failed[i] && c.hash[i] == c.hash[0]);
	free(path);
	scratch_remove(dir);
}

static int refuse(void *ctx, const struct picture *p, struct err *err)
{
	(void)p;
	(*(int *)ctx)++;
	return err_set(err, ERR_INTERRUPTED, "stopped by the caller");
}

static void test_callback_stops(void **state)
{
	char *dir = scratch_make(), *path = scratch_file(dir, "a.mp4");
	int calls = 0;
	struct media_request rq = {
		.end_ms = -1, .frames = true, .on_picture = refuse, .ctx = &calls
	};
	struct err err = { 0 };
	unsigned status;

	(void)state;
	write_clip(path, 12, RATE);
	media_read(path, &rq, NULL, &status, &err);
	CHECK_ERR(&err, ERR_INTERRUPTED, "by the caller");
	CHECK(calls == 1);
	free(path);
	scratch_remove(dir);
}

/* Whatever is left out to save time, each picture is the one full decoding gives. */
static void check_real_clip(const char *path)
{
	struct media_request rq = everything();
	struct media_info info;
	struct err err = { 0 };
	static struct seen all, some;
	int at = 0;

	media_probe(path, &info, &err);
	CHECK_OK(&err);
	CHECK(info.width == 1280 && info.height == 720 && info.rate == 48000);
	CHECK_NEAR(info.fps, 23.976, 0.01);
	rq.max_height = 144;
	must_read(path, rq, &all);
	CHECK(all.status == MEDIA_OK && all.height == 144 && all.width == 256);
	CHECK_NEAR((double)all.audio.n / RATE, info.seconds, 0.06);
	CHECK_NEAR(all.n / info.fps, info.seconds, 0.06);
	for (int i = 1; i < all.n; i++)
		CHECK_NEAR(all.time_s[i] - all.time_s[i - 1], 1 / info.fps, 2e-3);
	media_audio_free(&all.audio);
	rq.fps = 12;
	must_read(path, rq, &some);
	CHECK(some.n >= (int)(all.n / info.fps * 12) && some.n <= all.n / 2 + 1);
	for (int i = 0; i < some.n; i++) {
		while (at < all.n && all.time_s[at] < some.time_s[i])
			at++;
		CHECK(at < all.n && all.time_s[at] == some.time_s[i] &&
		      all.hash[at] == some.hash[i]);
	}
	media_audio_free(&some.audio);
}

static void test_real_clips(void **state)
{
	char *dir = real_data("meld/clips/output_repeated_splits_test");
	struct io_list list = { 0 };
	struct err err = { 0 };
	int n = 0;

	(void)state;
	if (!dir)
		skip();
	io_list_dir(dir, &list, &err);
	CHECK_OK(&err);
	for (size_t i = 0; i < list.n; i++) {
		char *path = path_join(dir, list.name[i]);

		if (str_ends(list.name[i], ".mp4")) {
			check_real_clip(path);
			n++;
		}
		free(path);
	}
	CHECK(n == 8);
	io_list_free(&list);
	free(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_pcm_is_exact),
		cmocka_unit_test(test_clipping),
		cmocka_unit_test(test_resampling),
		cmocka_unit_test(test_crop_and_scale),
		cmocka_unit_test(test_pictures_by_time),
		cmocka_unit_test(test_spans),
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_long_file_is_cut),
		cmocka_unit_test(test_same_bytes),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_callback_stops),
		cmocka_unit_test(test_real_clips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

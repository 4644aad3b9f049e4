/* SPDX-License-Identifier: Apache-2.0
 * Clips as parts of an ask: which moments, what form, what size, and what becomes of clips that
 * are not what they should be.
 */
#include "tests/clip.h"
#include "tests/wish.h"

#include "harness/base/thread.h"

/* Mean of a rectangle of a plane. */
static double mean(const AVFrame *f, int plane, int x0, int x1)
{
	int h = plane ? (f->height + 1) / 2 : f->height;
	double sum = 0;

	for (int y = 0; y < h; y++)
		for (int x = x0; x < x1; x++)
			sum += f->data[plane][(ptrdiff_t)y * f->linesize[plane] + x];
	return sum / h / (x1 - x0);
}

static double full_luma(double limited)
{
	return (limited - 16) * 255 / 219;
}

/* The part is the i-th picture of write_clip(): its left half, or its right one. */
static void check_picture(const struct ask_part *p, int i, int width, int height, bool right)
{
	AVFrame *f = decode_jpeg(p);

	CHECK(f->width == width && f->height == height);
	CHECK_NEAR(mean(f, 0, 0, width / 4), full_luma(grey(i) + (right ? 60 : 0)), 2);
	CHECK_NEAR(mean(f, 1, 0, width / 2), 128 + (150 - i % 40 - 128) * 255.0 / 224, 2);
	CHECK_NEAR(mean(f, 2, 0, width / 2), 128 + (90 + i % 40 - 128) * 255.0 / 224, 2);
	av_frame_free(&f);
}

/* ---- what is made ---- */

static void test_moments_and_sound(void **state)
{
	static const struct {
		const char *name;
		int frames, at[4];
	} cases[] = {
		{ "a.mp4", 1, { 18 } },
		{ "a.mp4", 3, { 6, 18, 30 } },
		{ "a.avi", 4, { 4, 13, 22, 31 } },
	};
	char *dir = scratch_make();

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		char *path = path_join(dir, cases[k].name);
		struct utterance u = whole(path);
		struct err err = { 0 };
		struct wish w;

		write_clip(path, 36, RATE);
		wish_make(&w, "jtw", (struct ask_media){ cases[k].frames, 88, 60 });
		wish_come(&w, &u, SEE_MEDIA, NULL, &err);
		CHECK_OK(&err);
		assert_int_equal(w.ask.message[0].n_parts, cases[k].frames + 2);
		CHECK(w.ask.message != &w.message && w.message.part == w.part && !w.part[0].data);
		for (int i = 0; i < cases[k].frames; i++)
			check_picture(part(&w, i), cases[k].at[i], 88, 72, false);
		CHECK(part(&w, cases[k].frames)->data == w.part[1].data);
		check_wav(part(&w, cases[k].frames + 1), 3 * 16000);
		for (int i = 1600; i < 46000; i += 371)
			CHECK_NEAR(sample(part(&w, cases[k].frames + 1), i) / 32768.0,
				   tone(i, 16000), 0.02);
		arena_free(&w.mem);
		free(path);
	}
	scratch_remove(dir);
}

static void test_spans_and_crops(void **state)
{
	char *dir = scratch_make(), *avi = path_join(dir, "a.avi"), *wav = path_join(dir, "a.wav");
	struct err err = { 0 };
	struct wish w;

	(void)state;
	write_clip(avi, 60, RATE);
	write_clip(wav, 30, 44100);
	for (int crop = CROP_NONE; crop <= CROP_RIGHT; crop++) {
		/* the picture of one person in a dialogue, the sound of a sentence of its own */
		const struct utterance u = { .id = "Ses01F_impro01_F000",
					     .audio = { wav, 500, 1737, CROP_NONE },
					     .video = { avi, 1000, 3000, crop } };

		wish_make(&w, "wj", (struct ask_media){ 2, 1000, 60 });
		wish_come(&w, &u, SEE_MEDIA | SEE_TEXT, NULL, &err);
		CHECK_OK(&err);
		assert_int_equal(w.ask.message[0].n_parts, 3);
		check_wav(part(&w, 0), (1737 - 500) * 16);
		for (int i = 0; i < 2; i++)
			check_picture(part(&w, 1 + i), 12 + 6 + 12 * i, crop ? 88 : WIDTH, HEIGHT,
				      crop == CROP_RIGHT);
		arena_free(&w.mem);
	}
	free(avi);
	free(wav);
	scratch_remove(dir);
}

/* A row that is far too long: all parts are of its beginning. */
static void test_seconds(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "a.mp4");
	struct utterance u = whole(path);
	struct err err = { 0 };
	struct wish w;

	(void)state;
	write_clip(path, 60, RATE);
	for (int open = 0; open < 2; open++) {
		u.audio.end_ms = u.video.end_ms = open ? -1 : 305000;
		wish_make(&w, "jw", (struct ask_media){ 2, 176, 2 });
		wish_come(&w, &u, SEE_MEDIA, NULL, &err);
		CHECK_OK(&err);
		assert_int_equal(w.ask.message[0].n_parts, 3);
		check_picture(part(&w, 0), 6, 176, 144, false);
		check_picture(part(&w, 1), 18, 176, 144, false);
		check_wav(part(&w, 2), 2 * 16000);
		arena_free(&w.mem);
	}
	free(path);
	scratch_remove(dir);
}

/* Few pictures are given once each, however many are asked for. */
static void test_fewer_than_asked(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "a.mp4");
	struct utterance u = whole(path);
	struct err err = { 0 };
	struct wish w;

	(void)state;
	write_clip(path, 5, RATE);
	wish_make(&w, "j", (struct ask_media){ 32, 64, 60 });
	wish_come(&w, &u, SEE_PICTURES, NULL, &err);
	CHECK_OK(&err);
	assert_int_equal(w.ask.message[0].n_parts, 5);
	for (int i = 0; i < 5; i++)
		check_picture(part(&w, i), i, 64, 52, false);
	arena_free(&w.mem);
	free(path);
	scratch_remove(dir);
}

static void read_video(const char *dir, const struct ask_part *p, struct seen *s)
{
	char *path = path_join(dir, "part.mp4");
	struct err err = { 0 };

	CHECK(p->type == ASK_VIDEO);
	io_write_atomic(path, p->data, p->size, &err);
	CHECK_OK(&err);
	must_read(path, everything(), s);
	free(path);
}

static void test_video(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "a.mp4");
	struct utterance u = whole(path);
	struct err err = { 0 };
	static struct seen s;
	struct wish w;

	(void)state;
	write_clip(path, 36, RATE);
	/* eight a second of twelve: two of three */
	wish_make(&w, "v", (struct ask_media){ 64, 88, 60 });
	wish_come(&w, &u, SEE_MEDIA, NULL, &err);
	CHECK_OK(&err);
	read_video(dir, part(&w, 0), &s);
	CHECK(s.status == MEDIA_OK && s.n == 24 && s.width == 88 && s.height == 72);
	for (int i = 0; i < s.n; i++) {
		int shown = (int)lround(s.time_s[i] * FPS);

		CHECK_NEAR(s.time_s[i], shown / (double)FPS, 2e-3);
		CHECK_NEAR(s.time_s[i], i / 8.0, 1.01 / FPS);
		CHECK_NEAR(s.mean[i][0], grey(shown) + 30, 3);
	}
	CHECK_NEAR(s.audio.n, 3 * RATE, RATE / 100);
	media_audio_free(&s.audio);
	arena_free(&w.mem);
	/* at most five, in their places, and only what may be seen */
	wish_make(&w, "v", (struct ask_media){ 5, 88, 60 });
	wish_come(&w, &u, SEE_PICTURES, NULL, &err);
	CHECK_OK(&err);
	read_video(dir, part(&w, 0), &s);
	CHECK(s.status == MEDIA_NO_AUDIO && s.n == 5);
	for (int i = 0; i < s.n; i++)
		CHECK_NEAR(s.time_s[i], i * 3 / 5.0, 1.01 / FPS);
	arena_free(&w.mem);
	free(path);
	scratch_remove(dir);
}

/* ---- what is not as it should be ---- */

static void write_mute(const char *path)
{
	const struct media_spec spec = { .width = WIDTH, .height = HEIGHT, .fps = 5, .quality = 8 };
	struct err err = { 0 };
	struct media_writer *w = media_writer_open(path, &spec, &err);

	for (int i = 0; i < 10; i++)
		put_picture(w, i, &err);
	media_writer_close(&w, &err);
	CHECK_OK(&err);
}

static void refused(const struct utterance *u, const char *types, int code, const char *text)
{
	struct err err = { 0 };
	struct wish w;

	wish_make(&w, types, (struct ask_media){ 4, 88, 60 });
	wish_come(&w, u, SEE_MEDIA, NULL, &err);
	CHECK_ERR(&err, code, text);
	CHECK(w.ask.message == &w.message && w.message.n_parts == (int)strlen(types));
	arena_free(&w.mem);
}

static void test_lacking(void **state)
{
	char *dir = scratch_make(), *mute = path_join(dir, "mute.mp4"),
	     *wav = path_join(dir, "a.wav"), *gone = path_join(dir, "gone.mp4"),
	     *text = path_join(dir, "text.mp4");
	struct utterance u = whole(mute), none = whole(NULL);
	struct err err = { 0 };
	static struct seen s;
	struct wish w;

	(void)state;
	write_mute(mute);
	write_clip(wav, 24, RATE);
	io_write_atomic(text, "not a clip", 10, &err);
	refused(&u, "jw", ERR_DATA, "mute.mp4: no sound");
	refused(&u, "w", ERR_DATA, "mute.mp4: no sound");
	/* a video without a sound track is still one */
	wish_make(&w, "v", (struct ask_media){ 4, 88, 60 });
	wish_come(&w, &u, SEE_MEDIA, NULL, &err);
	CHECK_OK(&err);
	read_video(dir, part(&w, 0), &s);
	CHECK(s.status == MEDIA_NO_AUDIO && s.n == 4);
	arena_free(&w.mem);
	u = whole(wav);
	refused(&u, "j", ERR_DATA, "a.wav: no pictures");
	refused(&u, "jw", ERR_DATA, "a.wav: no pictures");
	refused(&u, "v", ERR_DATA, "a.wav: no pictures");
	u = whole(gone);
	refused(&u, "w", ERR_MISSING, gone);
	refused(&u, "jw", ERR_MISSING, gone);
	u = whole(text);
	refused(&u, "v", ERR_FORMAT, text);
	refused(&none, "j", ERR_MISSING, "dia0_utt0");
	refused(&none, "w", ERR_MISSING, "dia0_utt0");
	free(mute);
	free(wav);
	free(gone);
	free(text);
	scratch_remove(dir);
}

static void test_truncated(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "a.avi"), *file;
	struct utterance u = whole(path);
	struct err err = { 0 };
	struct wish w;
	size_t size;

	(void)state;
	write_clip(path, 48, RATE);
	io_read_file(path, 1 << 24, &file, &size, &err);
	io_write_atomic(path, file, size / 2, &err);
	CHECK_OK(&err);
	wish_make(&w, "jw", (struct ask_media){ 4, 88, 60 });
	wish_come(&w, &u, SEE_MEDIA, NULL, &err);
	CHECK_OK(&err);
	assert_int_equal(w.ask.message[0].n_parts, 3); /* the other two are not there */
	check_picture(part(&w, 0), 6, 88, 72, false);
	check_picture(part(&w, 1), 18, 88, 72, false);
	CHECK(part(&w, 2)->size > 44 + 16000 * 3 && part(&w, 2)->size < 44 + 16000 * 5);
	arena_free(&w.mem);
	io_write_atomic(path, file, 64, &err);
	CHECK_OK(&err);
	wish_make(&w, "jw", (struct ask_media){ 4, 88, 60 });
	CHECK(wish_come(&w, &u, SEE_MEDIA, NULL, &err) == ERR_FORMAT || err.code == ERR_DATA);
	CHECK(strstr(err.msg, path));
	arena_free(&w.mem);
	free(file);
	free(path);
	scratch_remove(dir);
}

static void test_not_to_be_seen(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "a.mp4");
	struct utterance u = whole(path);
	const struct {
		const char *types;
		unsigned see;
	} cases[] = { { "w", SEE_PICTURES },
		      { "j", SEE_SOUND },
		      { "v", SEE_SOUND },
		      { "jw", SEE_SOUND },
		      { "jw", SEE_ALL & ~SEE_MEDIA } };
	struct err err = { 0 };
	struct wish w;

	(void)state;
	write_clip(path, 12, RATE);
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		wish_make(&w, cases[k].types, (struct ask_media){ 4, 88, 60 });
		wish_come(&w, &u, cases[k].see, NULL, &err);
		CHECK_ERR(&err, ERR_INTERNAL, "dia0_utt0");
		arena_free(&w.mem);
	}
	free(path);
	scratch_remove(dir);
}

static void test_bounds(void **state)
{
	static const struct ask_media bad[] = { { 0, 88, 60 },	 { 257, 88, 60 }, { 4, 15, 60 },
						{ 4, 4097, 60 }, { 4, 88, 0 },	  { 4, 88, 601 },
						{ 4, 88, NAN } };
	char *dir = scratch_make(), *path = path_join(dir, "a.mp4");
	struct utterance u = whole(path);
	struct err err = { 0 };
	struct wish w;

	(void)state;
	write_clip(path, 12, RATE);
	for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
		wish_make(&w, "j", bad[k]);
		wish_come(&w, &u, SEE_MEDIA, NULL, &err);
		CHECK_ERR(&err, ERR_ARG, "dia0_utt0");
		arena_free(&w.mem);
		wish_make(&w, "tt", bad[k]); /* of no matter to an ask without clips */
		wish_come(&w, &u, 0, NULL, &err);
		CHECK_OK(&err);
		CHECK(w.ask.message == &w.message);
	}
	free(path);
	scratch_remove(dir);
}

/* ---- the same bytes ---- */

/* The text that keys of replies get says what the numbers do. */
static void test_form(void **state)
{
	char form[80];

	(void)state;
	CHECK(str_format(form, sizeof(form), "jpeg-q%d wav-s16-%d mp4-h264-q%d-%dfps-aac",
			 ASK_JPEG_QUANTISER, ASK_WAV_RATE, ASK_VIDEO_QUALITY, ASK_VIDEO_FPS));
	assert_string_equal(form, ASK_MEDIA_FORM);
}

struct crowd {
	struct utterance u[3];
	struct wish wish[24];
	struct err err[24];
};

static void crowd_member(void *ctx, int i, int worker)
{
	struct crowd *c = ctx;

	(void)worker;
	wish_make(&c->wish[i], "jwvj", (struct ask_media){ 3, 88, 60 });
	wish_come(&c->wish[i], &c->u[i % 3], SEE_MEDIA, NULL, &c->err[i]);
}

static void test_several_threads(void **state)
{
	char *dir = scratch_make(), *path[] = { path_join(dir, "a.mp4"), path_join(dir, "b.avi") };
	static struct crowd c;

	(void)state;
	write_clip(path[0], 24, RATE);
	write_clip(path[1], 30, 22050);
	c.u[0] = whole(path[0]);
	c.u[1] = whole(path[1]);
	c.u[2] = (struct utterance){ .audio = { path[1], 400, 1400, CROP_NONE },
				     .video = { path[1], 400, 1400, CROP_LEFT } };
	parallel_for(24, 4, crowd_member, &c);
	for (int i = 0; i < 24; i++) {
		CHECK_OK(&c.err[i]);
		assert_int_equal(c.wish[i].ask.message[0].n_parts, 8);
		check_same(&c.wish[i], &c.wish[i % 3]);
	}
	for (int i = 0; i < 24; i++)
		arena_free(&c.wish[i].mem);
	free(path[0]);
	free(path[1]);
	scratch_remove(dir);
}

/* ---- real clips ---- */

struct kept {
	const struct wish *w;
	int at;
	double worst; /* signal to noise, dB */
};

/* Compares what was read with what the JPEG holds. */
static int compare(void *ctx, const struct picture *p, struct err *err)
{
	struct kept *k = ctx;
	AVFrame *f = decode_jpeg(part(k->w, k->at++));
	double sum = 0;

	CHECK(f->width == p->width && f->height == p->height);
	for (int y = 0; y < p->height; y++)
		for (int x = 0; x < p->width; x++) {
			double is = f->data[0][(ptrdiff_t)y * f->linesize[0] + x],
			       was = fmin(
				       fmax(full_luma(p->plane[0][(ptrdiff_t)y * p->stride[0] + x]),
					    0),
				       255);

			sum += (is - was) * (is - was);
		}
	k->worst = fmin(k->worst, 10 * log10(255.0 * 255 * p->width * p->height / sum));
	av_frame_free(&f);
	return err->code;
}

static void check_real(const char *path)
{
	const struct ask_media media = { 8, 512, 30 };
	struct media_request rq = { .end_ms = -1,
				    .rate = 16000,
				    .frames = true,
				    .count = 8,
				    .middle = true,
				    .max_side = 512,
				    .on_picture = compare };
	struct utterance u = whole(path);
	struct media_audio audio;
	struct media_info info;
	struct err err = { 0 };
	struct wish w, again;
	struct kept k = { .w = &w, .worst = INFINITY };
	unsigned status;

	wish_make(&w, "jw", media);
	wish_come(&w, &u, SEE_MEDIA, NULL, &err);
	media_probe(path, &info, &err);
	CHECK_OK(&err);
	assert_int_equal(w.ask.message[0].n_parts, 9);
	rq.ctx = &k;
	media_read(path, &rq, &audio, &status, &err);
	CHECK_OK(&err);
	assert_int_equal(k.at, 8);
	check_wav(part(&w, 8), audio.n);
	CHECK_NEAR(audio.n, 16000 * info.seconds, 16000 * 0.1);
	for (int i = 0; i < audio.n; i++)
		CHECK_NEAR(sample(part(&w, 8), i) / 32768.0, audio.pcm[i], 0.51 / 32768);
	CHECK(k.worst > 36);
	wish_make(&again, "jw", media);
	wish_come(&again, &u, SEE_MEDIA, NULL, &err);
	CHECK_OK(&err);
	check_same(&w, &again);
	print_message("%s: %.1f dB at worst, %zu bytes\n", path_base(path), k.worst, w.mem.total);
	media_audio_free(&audio);
	arena_free(&w.mem);
	arena_free(&again.mem);
}

static void test_real(void **state)
{
	char *dir = real_data("meld/clips/output_repeated_splits_test");
	struct io_list list = { 0 };
	struct err err = { 0 };

	(void)state;
	if (!dir)
		skip();
	io_list_dir(dir, &list, &err);
	CHECK_OK(&err);
	for (size_t i = 0; i < list.n; i++) {
		char *path = path_join(dir, list.name[i]);

		check_real(path);
		free(path);
	}
	io_list_free(&list);
	free(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moments_and_sound),
		cmocka_unit_test(test_spans_and_crops),
		cmocka_unit_test(test_seconds),
		cmocka_unit_test(test_fewer_than_asked),
		cmocka_unit_test(test_video),
		cmocka_unit_test(test_lacking),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_not_to_be_seen),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_several_threads),
		cmocka_unit_test(test_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * Hostile and broken media: each file ends in a named error or a status, within
 * bounded memory and time, never in a crash.
 */
#include "tests/clip.h"

#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/mem.h"
#include "harness/base/rng.h"

static struct seen seen;

static void put(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "wb");

	CHECK(f && fwrite(data, 1, len, f) == len);
	fclose(f);
}

/* The read must fail with this code, and its message must name the file and hold the text. */
static void refused(const char *path, int code, const char *text)
{
	struct err err = { 0 };
	struct media_info info;
	int probed;

	read_all(path, everything(), &seen, &err);
	CHECK(!seen.audio.pcm && strstr(err.msg, path));
	CHECK_ERR(&err, code, text);
	probed = media_probe(path, &info, &err);
	CHECK(probed == err.code && (!probed || strstr(err.msg, path)));
}

static void test_not_media(void **state)
{
	static const char playlist[] = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n"
				       "http://localhost:9/a.ts\n#EXT-X-ENDLIST\n";
	static const char concat[] = "ffconcat version 1.0\nfile 'other.mp4'\n";
	char *dir = scratch_make(), *path = path_join(dir, "dia1_utt1.mp4"),
	     *pipe = path_join(dir, "pipe.mp4"), *odd = path_join(dir, "http:a|b.wav");
	uint8_t noise[5000];
	struct rng rng;

	(void)state;
	rng_seed(&rng, 1, 0);
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)rng_u64(&rng);
	refused(path, ERR_MISSING, "No such file");
	refused(dir, ERR_FORMAT, "folder");
	put(path, "", 0);
	refused(path, ERR_DATA, "empty");
	put(path, "hello\n", 6);
	refused(path, ERR_FORMAT, "not readable");
	put(path, noise, sizeof(noise));
	refused(path, ERR_FORMAT, "dia1_utt1");
	/* lists of other files are not followed, whatever they are called */
	put(path, playlist, sizeof(playlist) - 1);
	refused(path, ERR_FORMAT, "not readable");
	put(path, concat, sizeof(concat) - 1);
	refused(path, ERR_FORMAT, "not readable");
	/* opening a pipe would wait for ever */
	CHECK(!mkfifo(pipe, 0600));
	refused(pipe, ERR_FORMAT, "regular");
	/* a name is a name, not a protocol */
	write_clip(odd, 12, RATE);
	must_read(odd, everything(), &seen);
	CHECK(seen.audio.n == RATE);
	media_audio_free(&seen.audio);
	free(path);
	free(pipe);
	free(odd);
	scratch_remove(dir);
}

/* What a file is, its content says. */
static void test_wrong_extension(void **state)
{
	char *dir = scratch_make(), *wav = path_join(dir, "a.wav"), *mp4 = path_join(dir, "a.mp4");

	(void)state;
	write_clip(wav, 12, RATE);
	CHECK(!rename(wav, mp4));
	must_read(mp4, everything(), &seen);
	CHECK(seen.status == MEDIA_NO_VIDEO && seen.audio.n == RATE);
	media_audio_free(&seen.audio);
	free(wav);
	free(mp4);
	scratch_remove(dir);
}

static void test_bad_requests(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "a.mp4");
	const struct media_request bad[] = {
		{ .end_ms = -1 },
		{ .end_ms = -1, .rate = 999 },
		{ .end_ms = -1, .rate = 192001 },
		{ .end_ms = -1, .rate = RATE, .start_ms = -1 },
		{ .end_ms = 500, .rate = RATE, .start_ms = 500 },
		{ .end_ms = -1, .rate = RATE, .fps = -1 },
		{ .end_ms = -1, .rate = RATE, .fps = NAN },
		{ .end_ms = -1, .rate = RATE, .crop = 3 },
		{ .end_ms = -1, .rate = RATE, .max_height = -1 },
		{ .end_ms = -1, .rate = RATE, .max_seconds = 1e9 },
		{ .end_ms = -1, .frames = true, .count = -1 },
		{ .end_ms = -1, .frames = true, .count = 3, .fps = 2, .middle = true },
		{ .end_ms = -1, .frames = true, .middle = true },
		{ .end_ms = -1, .frames = true, .count = 3, .at_s = (double[]){ 0 }, .n_at = 1 },
		{ .end_ms = -1, .rate = RATE, .max_side = 1 },
		{ .end_ms = -1, .rate = RATE, .max_side = 64, .max_height = 64 },
		{ .end_ms = -1, .frames = true, .at_s = (const double[]){ 1, 0.5 }, .n_at = 2 },
		{ .end_ms = -1, .frames = true, .at_s = (const double[]){ -1 }, .n_at = 1 },
		{ .end_ms = 500, .frames = true, .at_s = (const double[]){ 0.5 }, .n_at = 1 },
	};
	struct err err = { 0 };

	(void)state;
	write_clip(path, 12, RATE);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		read_all(path, bad[i], &seen, &err);
		CHECK_ERR(&err, ERR_ARG, path);
	}
	free(path);
	scratch_remove(dir);
}

static void test_span_outside(void **state)
{
	const char *const names[] = { "a.mp4", "a.avi", "a.wav" };
	char *dir = scratch_make();
	struct media_request rq = everything();
	struct err err = { 0 };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(names); k++) {
		char *path = path_join(dir, names[k]);

		write_clip(path, 12, RATE);
		rq.start_ms = 5000;
		rq.end_ms = 6000;
		read_all(path, rq, &seen, &err);
		CHECK_ERR(&err, ERR_DATA, "outside");
		rq.start_ms = INT64_MAX - 1;
		rq.end_ms = -1;
		read_all(path, rq, &seen, &err);
		CHECK(err.code && strstr(err.msg, path));
		err = (struct err){ 0 };
		free(path);
	}
	scratch_remove(dir);
}

/* Half a file: what is left is handed over and called damaged, or refused by name. */
static void test_truncated(void **state)
{
	const char *const names[] = { "a.mp4", "a.avi", "a.wav" };
	char *dir = scratch_make(), *data;
	struct err err = { 0 };
	size_t len;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(names); k++) {
		char *path = path_join(dir, names[k]);

		write_clip(path, 36, RATE);
		CHECK(!io_read_file(path, 1 << 24, &data, &len, &err));
		put(path, data, len / 2);
		if (k == 0) { /* its index is at the end */
			refused(path, ERR_FORMAT, "not readable");
		} else {
			must_read(path, everything(), &seen);
			CHECK(seen.status & MEDIA_SHORT);
			CHECK(seen.audio.n > RATE && seen.audio.n < 2 * RATE);
			for (int i = 0; i < seen.audio.n; i++)
				CHECK_NEAR(seen.audio.pcm[i], tone(i, RATE), 2e-5);
			media_audio_free(&seen.audio);
		}
		free(data);
		free(path);
	}
	scratch_remove(dir);
}

static void store_u32(char *at, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		at[i] = (char)(v >> (8 * i));
}

/* A header that promises more than the file holds. */
static void test_header_lies(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "a.wav"), *data;
	struct err err = { 0 };
	struct media_info info;
	size_t len;

	(void)state;
	write_clip(path, 12, RATE);
	CHECK(!io_read_file(path, 1 << 20, &data, &len, &err));
	CHECK(!memcmp(data + 36, "data", 4));
	store_u32(data + 40, 40 * RATE * 2);
	put(path, data, len);
	CHECK(!media_probe(path, &info, &err));
	must_read(path, everything(), &seen);
	CHECK((seen.status & ~(unsigned)MEDIA_DAMAGED) == (MEDIA_NO_VIDEO | MEDIA_SHORT) &&
	      info.seconds == 40 && seen.audio.n == RATE);
	media_audio_free(&seen.audio);
	/* a rate out of this world must not size a buffer */
	store_u32(data + 24, 0x7fffffff);
	put(path, data, len);
	read_all(path, everything(), &seen, &err);
	CHECK(err.code && strstr(err.msg, path) && !seen.audio.pcm);
	free(data);
	free(path);
	scratch_remove(dir);
}

/* Overwrites the four bytes that lie `skip` behind the first such name. */
static void patch(char *data, size_t len, const char *name, size_t skip, const char *four)
{
	size_t at = 0;

	while (at + 4 <= len && memcmp(data + at, name, 4) != 0)
		at++;
	CHECK(at + skip + 4 <= len);
	memcpy(data + at + skip, four, 4);
}

/* Headers whose duration is not that of what follows. */
static void test_duration_lies(void **state)
{
	static const struct {
		const char *name, *field;
		size_t skip;
		const char *value;
		unsigned status;
	} lies[] = {
		{ "a.mp4", "mvhd", 20, "\0\0\x7f\0", MEDIA_SHORT }, /* 32 s of 3 */
		{ "b.mp4", "mvhd", 20, "\0\0\3\0", MEDIA_LONG },    /* 0.8 s */
		{ "a.avi", "vids", 32, "\377\1\0\0", MEDIA_SHORT },
		{ "b.avi", "vids", 32, "\5\0\0\0", MEDIA_LONG },
		{ "c.avi", "auds", 32, "\0\20\0\0", MEDIA_LONG },
	};
	char *dir = scratch_make(), *data;
	struct err err = { 0 };
	size_t len;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(lies); k++) {
		char *path = path_join(dir, lies[k].name);

		write_clip(path, 36, RATE);
		CHECK(!io_read_file(path, 1 << 24, &data, &len, &err));
		patch(data, len, lies[k].field, lies[k].skip, lies[k].value);
		put(path, data, len);
		must_read(path, everything(), &seen);
		CHECK(seen.status == lies[k].status && seen.n == 36 && seen.audio.n == 3 * RATE);
		media_audio_free(&seen.audio);
		free(data);
		free(path);
	}
	scratch_remove(dir);
}

static void test_status_text(void **state)
{
	char text[64], small[9];

	(void)state;
	media_status_text(MEDIA_OK, text, sizeof(text));
	CHECK(!strcmp(text, "ok"));
	media_status_text(MEDIA_NO_AUDIO | MEDIA_CUT | MEDIA_NO_VECTORS, text, sizeof(text));
	CHECK(!strcmp(text, "no-audio+cut+no-vectors"));
	media_status_text(127, text, sizeof(text));
	CHECK(!strcmp(text, "no-audio+no-video+cut+damaged+short+long+no-vectors"));
	media_status_text(127, small, sizeof(small));
	CHECK(!strcmp(small, "no-audio"));
}

/* What a file may cost is bounded, and the message says which bound it met. */
static void test_limits(void **state)
{
	const struct media_spec large = { .width = 1280, .height = 960, .fps = 5, .quality = 30 };
	static uint8_t plane[1280 * 960];
	const struct picture p = { .width = 1280,
				   .height = 960,
				   .plane = { plane, plane, plane },
				   .stride = { 1280, 640, 640 } };
	char *dir = scratch_make(), *path = path_join(dir, "a.mp4");
	struct media_request rq = everything();
	struct err err = { 0 };
	struct media_writer *w = media_writer_open(path, &large, &err);

	(void)state;
	for (int i = 0; i < 3; i++)
		media_write_picture(w, &p, &err);
	media_writer_close(&w, &err);
	CHECK_OK(&err);
	rq.rate = 0;
	must_read(path, rq, &seen);
	CHECK(seen.n == 3);
	rq.max_mb = 1;
	read_all(path, rq, &seen, &err);
	CHECK_ERR(&err, ERR_LIMIT, "more than 1 MB");
	rq.max_mb = 64;
	must_read(path, rq, &seen);
	CHECK(seen.n == 3);
	rq.max_wall_s = 1e-9;
	read_all(path, rq, &seen, &err);
	CHECK(strstr(err.msg, path));
	CHECK_ERR(&err, ERR_LIMIT, "gave up after 1e-09 s");
	free(path);
	scratch_remove(dir);
}

/* A table that claims more entries than memory could hold is the file's fault: the run that
 * reads it goes on. */
static void test_hostile_tables(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "a.mp4"), *data;
	static const char *const table[] = { "stsz", "stts", "stsc", "stco" };
	struct err err = { 0 };
	size_t len;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(table); k++) {
		write_clip(path, 12, RATE);
		CHECK(!io_read_file(path, 1 << 24, &data, &len, &err));
		patch(data, len, table[k], k ? 8 : 12, "\x7f\xff\xff\xf0");
		if (!k) /* all samples of one size: no table behind the count */
			patch(data, len, table[k], 8, "\0\0\0\1");
		put(path, data, len);
		if (read_all(path, everything(), &seen, &err))
			CHECK(err.code != ERR_NOMEM && strstr(err.msg, path));
		else
			media_audio_free(&seen.audio);
		err = (struct err){ 0 };
		free(data);
	}
	free(path);
	scratch_remove(dir);
}

static void test_writer_refuses(void **state)
{
	const struct media_spec good = { .width = 64, .height = 48, .fps = 5, .quality = 20 };
	struct media_spec bad[] = { good, good, good, good, good, { 0 }, { .rate = 100 } };
	char *dir = scratch_make(), *path = path_join(dir, "a.mp4"), *txt = path_join(dir, "a.txt"),
	     *wav = path_join(dir, "a.wav"), *none = path_join(dir, "no/a.mp4");
	struct err err = { 0 };

	(void)state;
	bad[0].width = 63;
	bad[1].height = 0;
	bad[2].fps = 0;
	bad[3].quality = 52;
	bad[4].width = 9000;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK(!media_writer_open(path, &bad[i], &err));
		CHECK_ERR(&err, ERR_ARG, path);
	}
	CHECK(!media_writer_open(txt, &good, &err));
	CHECK_ERR(&err, ERR_ARG, ".mp4, .avi or .wav");
	CHECK(!media_writer_open(wav, &good, &err));
	CHECK_ERR(&err, ERR_ARG, "no pictures");
	CHECK(!media_writer_open(none, &good, &err));
	CHECK_ERR(&err, ERR_IO, "No such file");
	CHECK(!io_is_file(path) && !io_is_file(txt) && !io_is_file(wav));
	free(path);
	free(txt);
	free(wav);
	free(none);
	scratch_remove(dir);
}

/* A writer that failed, or was given nothing, leaves no file behind. */
static void test_writer_cleans_up(void **state)
{
	const struct media_spec spec = {
		.width = 64, .height = 48, .fps = 5, .quality = 20, .rate = RATE
	};
	char *dir = scratch_make(), *path = path_join(dir, "a.mp4");
	uint8_t plane[64 * 48] = { 0 };
	struct picture p = { .width = 64,
			     .height = 48,
			     .plane = { plane, plane, plane },
			     .stride = { 64, 32, 32 } };
	struct err err = { 0 };
	struct media_writer *w = media_writer_open(path, &spec, &err);

	(void)state;
	media_writer_close(&w, &err);
	CHECK_ERR(&err, ERR_ARG, "before any picture");
	CHECK(!io_is_file(path));
	w = media_writer_open(path, &spec, &err);
	media_write_picture(w, &p, &err);
	CHECK_OK(&err);
	p.width = 32;
	media_write_picture(w, &p, &err);
	media_writer_close(&w, &err);
	CHECK_ERR(&err, ERR_ARG, "32x48");
	CHECK(!w && !io_is_file(path));
	media_writer_close(&w, &err); /* the empty state is accepted */
	CHECK_OK(&err);
	free(path);
	scratch_remove(dir);
}

static void test_full_disk(void **state)
{
	const struct media_spec spec = { .rate = RATE };
	static const float second[RATE];
	struct err err = { 0 };
	char *dir = scratch_make(), *path = path_join(dir, "a.wav");
	struct media_writer *w;

	(void)state;
	if (access("/dev/full", W_OK) || symlink("/dev/full", path)) {
		free(path);
		scratch_remove(dir);
		skip();
	}
	w = media_writer_open(path, &spec, &err);
	for (int i = 0; w && i < 10; i++)
		media_write_audio(w, second, RATE, &err);
	media_writer_close(&w, &err);
	CHECK(err.code == ERR_IO && strstr(err.msg, path));
	free(path);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_media),      cmocka_unit_test(test_wrong_extension),
		cmocka_unit_test(test_bad_requests),   cmocka_unit_test(test_span_outside),
		cmocka_unit_test(test_truncated),      cmocka_unit_test(test_header_lies),
		cmocka_unit_test(test_duration_lies),  cmocka_unit_test(test_status_text),
		cmocka_unit_test(test_limits),	       cmocka_unit_test(test_hostile_tables),
		cmocka_unit_test(test_writer_refuses), cmocka_unit_test(test_writer_cleans_up),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * How fast the media room is, in processor time of one thread (other work on the
 * machine counts little): clips written and read a second, and real clips against real time.
 */
#include "tests/clip.h"

#include <time.h>

#include "harness/base/mem.h"

#define CLIPS	60
#define FRAMES	26 /* 2.2 s */
#define SAMPLES (RATE * FRAMES / FPS)

static double cpu_s(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static void write_one(const char *path, const float *pcm)
{
	struct media_spec spec = { .width = WIDTH, .height = HEIGHT, .fps = FPS, .quality = 24 };
	struct err err = { 0 };
	struct media_writer *w;

	spec.rate = RATE;
	if (str_ends(path, ".wav"))
		spec.width = spec.height = 0;
	w = media_writer_open(path, &spec, &err);
	CHECK_OK(&err);
	for (int i = 0; spec.width && i < FRAMES; i++)
		put_picture(w, i, &err);
	media_write_audio(w, pcm, SAMPLES, &err);
	media_writer_close(&w, &err);
	CHECK_OK(&err);
}

static void bench_clip(const char *dir, const char *name)
{
	char *path = path_join(dir, name);
	struct media_request rq = everything();
	static float pcm[SAMPLES];
	static struct seen s;
	double start, write_s, read_s;

	for (int i = 0; i < SAMPLES; i++)
		pcm[i] = (float)tone(i, RATE);
	start = cpu_s();
	for (int i = 0; i < CLIPS; i++)
		write_one(path, pcm);
	write_s = cpu_s() - start;
	start = cpu_s();
	for (int i = 0; i < CLIPS; i++) {
		must_read(path, rq, &s);
		media_audio_free(&s.audio);
	}
	read_s = cpu_s() - start;
	printf("%-6s %dx%d, %d pictures, %d Hz: %6.0f clips written/s, %6.0f read/s\n",
	       strrchr(name, '.') + 1, WIDTH, HEIGHT, FRAMES, RATE, CLIPS / write_s,
	       CLIPS / read_s);
	free(path);
}

static int ignore(void *ctx, const struct picture *p, struct err *err)
{
	(void)p;
	(void)err;
	(*(long *)ctx)++;
	return 0;
}

/* Reads every clip of the list and prints the time for 5 s of media. */
static void bench_real(const char *dir, const struct io_list *list, const char *what,
		       struct media_request rq)
{
	double seconds = 0, start = cpu_s(), spent;
	struct err err = { 0 };
	long pictures = 0;

	rq.end_ms = -1;
	rq.on_picture = ignore;
	rq.ctx = &pictures;
	for (size_t i = 0; i < list->n; i++) {
		char *path = path_join(dir, list->name[i]);
		struct media_audio audio;
		struct media_info info;
		unsigned status;

		media_probe(path, &info, &err);
		media_read(path, &rq, &audio, &status, &err);
		CHECK_OK(&err);
		media_audio_free(&audio);
		seconds += info.seconds;
		free(path);
	}
	spent = cpu_s() - start;
	printf("%-44s %5.0f pictures/s, %5.1f times real time, %4.0f ms for 5 s\n", what,
	       (double)pictures / spent, seconds / spent, 5e3 * spent / seconds);
}

static void bench(void **state)
{
	char *dir = scratch_make(), *real;
	struct io_list list = { 0 };
	struct err err = { 0 };

	(void)state;
	bench_clip(dir, "a.mp4");
	bench_clip(dir, "a.avi");
	bench_clip(dir, "a.wav");
	scratch_remove(dir);
	real = real_data("meld/clips/output_repeated_splits_test");
	if (!real)
		return;
	io_list_dir(real, &list, &err);
	CHECK_OK(&err);
	bench_real(real, &list, "1280x720 H.264: every picture",
		   (struct media_request){ .frames = true });
	bench_real(real, &list, "every picture, height 144 + sound at 16 kHz",
		   (struct media_request){ .frames = true, .max_height = 144, .rate = RATE });
	bench_real(real, &list, "12 a second, height 144 + sound at 16 kHz",
		   (struct media_request){
			   .frames = true, .max_height = 144, .rate = RATE, .fps = 12 });
	bench_real(real, &list, "sound at 16 kHz", (struct media_request){ .rate = RATE });
	io_list_free(&list);
	free(real);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(bench) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

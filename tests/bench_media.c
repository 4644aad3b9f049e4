/* SPDX-License-Identifier: Apache-2.0
 * How fast the media room is, in processor time of one thread (other work on the
 * machine counts little): clips written and read a second, and real clips against real time.
 * With a folder of generated clips (MERC_MEDIA: meld/dia*.mp4, iemocap.avi) also beside the
 * ffmpeg program in alternating runs, and how much of a long file is decoded for its spans.
 */
#include "tests/clip.h"

#include <sys/resource.h>
#include <time.h>

#include "harness/base/log.h"
#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "harness/base/thread.h"

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

/* --- beside ffmpeg -----------------------------------------------------------------------------
 */

#define ROUNDS 3

struct spent {
	double wall_s, cpu_s;
};

struct folder {
	char *dir, *list; /* of the clips; the same names as a script for ffmpeg */
	struct io_list clips;
	struct media_request rq;
};

static double used_s(int who)
{
	struct rusage u;

	CHECK(!getrusage(who, &u));
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static int no_picture(void *ctx, const struct picture *p, struct err *err)
{
	(void)ctx;
	(void)p;
	(void)err;
	return 0;
}

static void read_clip(void *ctx, int i, int worker)
{
	const struct folder *f = ctx;
	char *path = path_join(f->dir, f->clips.name[i]);
	struct media_audio audio = { 0 };
	struct err err = { 0 };
	unsigned status;

	(void)worker;
	media_read(path, &f->rq, &audio, &status, &err);
	CHECK_OK(&err);
	CHECK(status == MEDIA_OK);
	media_audio_free(&audio);
	free(path);
}

static struct spent ours(struct folder *f, int threads)
{
	double wall = clock_s(), cpu = used_s(RUSAGE_SELF);

	parallel_for((int)f->clips.n, threads, read_clip, f);
	return (struct spent){ clock_s() - wall, used_s(RUSAGE_SELF) - cpu };
}

/* ffmpeg on one input. */
static void run_ffmpeg(const char *before, const char *path, const char *after)
{
	char command[2000];

	CHECK(str_format(command, sizeof(command), "ffmpeg -nostdin -v error %s '%s' %s", before,
			 path, after));
	CHECK(system(command) == 0);
}

static struct spent theirs(const struct folder *f, bool once_a_clip, const char *options)
{
	double wall = clock_s(), cpu = used_s(RUSAGE_CHILDREN);

	for (size_t i = 0; once_a_clip && i < f->clips.n; i++) {
		char *path = path_join(f->dir, f->clips.name[i]);

		run_ffmpeg("-i", path, options);
		free(path);
	}
	if (!once_a_clip)
		run_ffmpeg("-f concat -safe 0 -i", f->list, options);
	return (struct spent){ clock_s() - wall, used_s(RUSAGE_CHILDREN) - cpu };
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Median ratios of alternating runs. */
static void duel(const char *what, struct folder *f, int threads, bool once_a_clip,
		 const char *options)
{
	double wall[ROUNDS], cpu[ROUNDS], wall_s[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		struct spent a = ours(f, threads), b = theirs(f, once_a_clip, options);

		wall[i] = b.wall_s / a.wall_s;
		cpu[i] = b.cpu_s / a.cpu_s;
		wall_s[i] = a.wall_s;
	}
	qsort(wall, ROUNDS, sizeof(*wall), by_value);
	qsort(cpu, ROUNDS, sizeof(*cpu), by_value);
	qsort(wall_s, ROUNDS, sizeof(*wall_s), by_value);
	printf("%-44s %6.2f s for %zu clips, ffmpeg takes %5.2f times as long (processor %5.2f)\n",
	       what, wall_s[ROUNDS / 2], f->clips.n, wall[ROUNDS / 2], cpu[ROUNDS / 2]);
}

static bool open_folder(struct folder *f, const char *root, const char *scratch)
{
	struct strbuf b = { 0 };
	struct err err = { 0 };

	f->dir = path_join(root, "meld");
	f->list = path_join(scratch, "list");
	if (!io_is_dir(f->dir))
		return false;
	io_list_dir(f->dir, &f->clips, &err);
	for (size_t i = 0; i < f->clips.n; i++)
		strbuf_addf(&b, "file '%s/%s'\n", f->dir, f->clips.name[i]);
	io_write_atomic(f->list, strbuf_str(&b), b.len, &err);
	CHECK_OK(&err);
	strbuf_free(&b);
	return f->clips.n > 0;
}

static void bench_beside_ffmpeg(const char *root)
{
	char *scratch = scratch_make();
	struct folder f = { 0 };

	if (!open_folder(&f, root, scratch)) {
		print_message("skipped: no clips in %s\n", f.dir);
	} else if (system("ffmpeg -version >/dev/null 2>&1") != 0) {
		print_message("skipped: no ffmpeg\n");
	} else {
		f.rq = (struct media_request){ .end_ms = -1, .rate = RATE };
		duel("sound at 16 kHz; ffmpeg once a clip", &f, 1, true,
		     "-vn -ac 1 -ar 16000 -f f32le -y /dev/null");
		f.rq = (struct media_request){ .end_ms = -1,
					       .frames = true,
					       .on_picture = no_picture };
		duel("every picture, all cores; ffmpeg -f null", &f, cpu_count(), false,
		     "-an -f null -");
		f.rq.rate = RATE;
		f.rq.fps = 12;
		f.rq.max_height = 144;
		duel("as cues read; ffmpeg -f null, sound too", &f, cpu_count(), false,
		     "-f null -");
	}
	io_list_free(&f.clips);
	free(f.dir);
	free(f.list);
	scratch_remove(scratch);
}

/* Spans as utterances are: 1 to 10 s, anywhere in a long file. */
static void bench_cutting(const char *root)
{
	char *path = path_join(root, "iemocap.avi");
	struct media_work all = { 0 };
	struct media_info info;
	struct err err = { 0 };
	struct rng rng;
	double wanted = 0, most = 0, start = cpu_s();

	if (!io_is_file(path)) {
		print_message("skipped: no %s\n", path);
		free(path);
		return;
	}
	CHECK(!media_probe(path, &info, &err));
	rng_seed(&rng, 1, 0);
	for (int i = 0; i < CLIPS; i++) {
		struct media_work work = { 0 };
		struct media_request rq = { .rate = RATE, .frames = true, .work = &work };
		struct media_audio audio;
		unsigned status;

		rq.end_ms = 1000 + (int64_t)rng_below(&rng, 9000);
		rq.start_ms = (int64_t)rng_below(&rng, (uint32_t)(1e3 * info.seconds - 10000));
		rq.end_ms += rq.start_ms;
		rq.on_picture = no_picture;
		media_read(path, &rq, &audio, &status, &err);
		CHECK_OK(&err);
		media_audio_free(&audio);
		wanted += (double)(rq.end_ms - rq.start_ms) / 1000;
		most = fmax(most, (double)work.pictures / info.fps * 1000 /
					  (double)(rq.end_ms - rq.start_ms));
		all.pictures += work.pictures;
		all.sound_s += work.sound_s;
	}
	printf("%d spans of %s, %.0f s: pictures decoded %.2f times as long (at most %.2f), "
	       "sound %.2f; %.1f ms for 5 s\n",
	       CLIPS, "iemocap.avi", wanted, (double)all.pictures / info.fps / wanted, most,
	       all.sound_s / wanted, 5e3 * (cpu_s() - start) / wanted);
	free(path);
}

static void bench(void **state)
{
	char *dir = scratch_make(), *real;
	const char *made = getenv("MERC_MEDIA");
	struct io_list list = { 0 };
	struct err err = { 0 };

	(void)state;
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* long runs show what they have */
	bench_clip(dir, "a.mp4");
	bench_clip(dir, "a.avi");
	bench_clip(dir, "a.wav");
	scratch_remove(dir);
	if (made && *made) {
		bench_cutting(made);
		bench_beside_ffmpeg(made);
	}
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

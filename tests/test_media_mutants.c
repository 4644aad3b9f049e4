/* SPDX-License-Identifier: Apache-2.0
 * Damaged media by the thousand: small files of each container, truncated, flipped, spliced.
 * Each ends in a named status or an error that names the file, within seconds, the same when
 * it is read again.  MUTANTS=5000 makes more than the usual number.
 */
#include "tests/encode.h"

#include <time.h>

#include "harness/base/mem.h"
#include "harness/base/rng.h"

#define USUAL	  200
#define PICTURES  14
#define MAX_BYTES ((size_t)1 << 20)
#define MAX_S	  5.0

static const struct encoding originals[] = {
	{ .name = "a.mp4", .video = "libx264", .audio = "aac", .rate = 16000, .b_frames = 2 },
	{ .name = "a.avi", .video = "mpeg4", .audio = "pcm_s16le", .rate = 16000, .b_frames = 1 },
	{ .name = "a.wav", .audio = "pcm_s16le", .rate = 16000 },
	{ .name = "a.mkv", .video = "libx264", .audio = "flac", .rate = 16000, .moving = true },
	{ .name = "a.webm", .video = "libvpx", .audio = "libopus", .rate = 16000 },
	{ .name = "v.webm", .video = "libvpx-vp9", .audio = "libvorbis", .rate = 16000 },
	{ .name = "a.mov", .video = "mpeg4", .audio = "pcm_s16le", .rate = 16000, .moving = true },
	{ .name = "a.mpg", .video = "mpeg2video", .audio = "mp2", .rate = 16000, .moving = true },
	{ .name = "a.ts", .video = "libx264", .audio = "aac", .rate = 16000 },
	{ .name = "a.flv", .video = "flv", .audio = "libmp3lame", .rate = 22050 },
	{ .name = "a.mp3", .audio = "libmp3lame", .rate = 16000 },
	{ .name = "a.flac", .audio = "flac", .rate = 16000 },
	{ .name = "a.ogg", .audio = "libvorbis", .rate = 16000 },
	{ .name = "a.aac", .audio = "aac", .rate = 16000 },
	{ .name = "a.aiff", .audio = "pcm_s16be", .rate = 16000 },
};
#define KINDS ARRAY_LEN(originals)

struct bytes {
	char *data;
	size_t len;
};

/* What came of the files, by name. */
struct tally {
	struct {
		char name[64];
		int n;
	} row[64];
	int rows;
	double slowest; /* s of the processor, one reading */
};

static void count(struct tally *t, const char *name)
{
	int i = 0;

	while (i < t->rows && strcmp(t->row[i].name, name) != 0)
		i++;
	CHECK(i < (int)ARRAY_LEN(t->row));
	if (i == t->rows) {
		CHECK(str_copy(t->row[i].name, sizeof(t->row[i].name), name));
		t->rows++;
	}
	t->row[i].n++;
}

static void flip(struct rng *r, char *data, size_t len)
{
	int blows = 1 + (int)rng_below(r, 8);
	/* headers get half of the blows, because they decide the most; so does an index at the end
	 */
	size_t head = rng_below(r, 2) || len < 600 ? len : 600;
	bool tail = rng_below(r, 3) == 0;

	for (int b = 0; b < blows; b++) {
		size_t at = rng_below(r, head), run = 1 + rng_below(r, 8);

		at = tail ? len - 1 - at : at;
		for (size_t i = at; i < len && i < at + run; i++) {
			char flipped = (char)(data[i] ^ (1 << (int)rng_below(r, 8)));

			data[i] = rng_below(r, 2) ? (char)rng_u64(r) : flipped;
		}
	}
}

/* Copies a piece of `from` to the end of the mutant. */
static void append(struct bytes *to, const struct bytes *from, size_t at, size_t n)
{
	CHECK(at + n <= from->len && to->len + n <= MAX_BYTES);
	memcpy(to->data + to->len, from->data + at, n);
	to->len += n;
}

static void mutate(struct rng *r, const struct bytes *all, size_t kind, struct bytes *to)
{
	const struct bytes *from = &all[kind], *other = &all[rng_below(r, KINDS)];
	size_t at = rng_below(r, from->len), n = rng_below(r, from->len - at) + 1;

	to->len = 0;
	switch (rng_below(r, 6)) {
	case 0: /* truncated */
		append(to, from, 0, at);
		break;
	case 1: /* a piece is gone */
		append(to, from, 0, at);
		append(to, from, at + n, from->len - at - n);
		break;
	case 2: /* a piece is there twice */
		append(to, from, 0, at + n);
		append(to, from, at, from->len - at);
		break;
	case 3: /* goes on as another file */
		append(to, from, 0, at);
		at = rng_below(r, other->len);
		append(to, other, at, other->len - at);
		break;
	default:
		append(to, from, 0, rng_below(r, 4) ? from->len : at + n);
		flip(r, to->data, to->len);
	}
}

static struct media_request some_request(struct rng *r)
{
	static const double times[] = { 0, 0.1, 0.4 };
	struct media_request rq = everything();

	rq.max_seconds = 3;
	rq.max_wall_s = MAX_S;
	rq.max_mb = 128;
	rq.max_height = 72;
	rq.crop = (int)rng_below(r, 3);
	rq.vectors = rng_below(r, 2);
	rq.start_ms = rng_below(r, 3) ? 0 : 300;
	switch (rng_below(r, 4)) {
	case 0:
		rq.fps = 5;
		break;
	case 1:
		rq.count = 4;
		break;
	case 2:
		rq.at_s = times;
		rq.n_at = (int)ARRAY_LEN(times);
		break;
	default:
		break;
	}
	return rq;
}

static double thread_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Writes the outcome's name, and a hash of all that was handed over. */
static uint64_t outcome(const char *path, struct media_request rq, struct tally *t, char *name,
			size_t size)
{
	static struct seen seen;
	struct err err = { 0 };
	double start = thread_s();
	uint64_t hash = 0;

	read_all(path, rq, &seen, &err);
	t->slowest = fmax(t->slowest, thread_s() - start);
	if (t->slowest > MAX_S)
		fail_msg("%s: more than %g s", path, MAX_S);
	if (err.code) {
		CHECK(strstr(err.msg, path) && !seen.audio.pcm);
		if (err.code != ERR_FORMAT && err.code != ERR_DATA && err.code != ERR_LIMIT)
			fail_msg("%s", err.msg);
		CHECK(str_format(name, size, "error: %s", err_text(err.code)));
		return 0;
	}
	media_status_text(seen.status, name, size);
	CHECK(seen.audio.n >= 0 && seen.audio.n <= 3 * RATE);
	for (int i = 0; i < seen.audio.n; i++)
		CHECK(isfinite(seen.audio.pcm[i]));
	for (int i = 0; i < seen.n; i++)
		CHECK(seen.time_s[i] < 3 && (rq.n_at || seen.time_s[i] >= 0));
	hash = hash_u64(seen.audio.pcm, (size_t)seen.audio.n * sizeof(float)) +
	       hash_u64(seen.hash, (size_t)seen.n * sizeof(*seen.hash));
	media_audio_free(&seen.audio);
	return hash;
}

static void put(const char *path, const struct bytes *b)
{
	FILE *f = fopen(path, "wb");

	CHECK(f && fwrite(b->data, 1, b->len, f) == b->len);
	fclose(f);
}

static void try_one(struct rng *r, const char *path, const struct bytes *mutant, struct tally *t)
{
	struct media_request rq = some_request(r);
	char name[64], again[64];
	struct media_info info;
	struct err err = { 0 };
	uint64_t hash;

	put(path, mutant);
	if (media_probe(path, &info, &err))
		CHECK(strstr(err.msg, path));
	hash = outcome(path, rq, t, name, sizeof(name));
	count(t, name);
	if (rng_below(r, 4))
		return;
	CHECK(outcome(path, rq, t, again, sizeof(again)) == hash && !strcmp(name, again));
}

static void test_mutants(void **state)
{
	const char *wanted = getenv("MUTANTS");
	int n = wanted && atoi(wanted) > 0 ? atoi(wanted) : USUAL;
	struct bytes all[KINDS], mutant = { malloc(MAX_BYTES), 0 };
	char *dir = scratch_make(), *path[KINDS];
	struct tally tally = { 0 };
	struct err err = { 0 };
	struct rng rng;

	(void)state;
	CHECK(mutant.data);
	for (size_t k = 0; k < KINDS; k++) {
		path[k] = path_join(dir, originals[k].name);
		encode_clip(path[k], &originals[k], PICTURES);
		io_read_file(path[k], MAX_BYTES / 2, &all[k].data, &all[k].len, &err);
		CHECK_OK(&err);
	}
	for (int i = 0; i < n; i++) {
		/* one seed a file: the number names it whatever came before */
		rng_seed(&rng, 4, (uint64_t)i);
		mutate(&rng, all, (size_t)i % KINDS, &mutant);
		try_one(&rng, path[(size_t)i % KINDS], &mutant, &tally);
	}
	for (int i = 0; i < tally.rows; i++)
		print_message("%6d %s\n", tally.row[i].n, tally.row[i].name);
	print_message("%.3f s the slowest reading\n", tally.slowest);
	for (size_t k = 0; k < KINDS; k++) {
		free(all[k].data);
		free(path[k]);
	}
	free(mutant.data);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_mutants) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * Damaged media by the thousand: small files of each container, truncated, flipped, spliced.
 * Each ends in a named status or an error that names the file, within seconds, the same when
 * it is read again; so does each of a corpus of them that is measured, on any number of threads.
 * MUTANTS=5000 makes more than the usual number.
 */
#include "tests/encode.h"

#include <time.h>

#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "harness/cue/behaviour.h"
#include "harness/run/measure.h"
#include "tests/landmark_fixture.h"

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

static int wanted_mutants(void)
{
	const char *wanted = getenv("MUTANTS");

	return wanted && atoi(wanted) > 0 ? atoi(wanted) : USUAL;
}

/* Writes the files that are damaged, and reads their bytes. */
static void make_originals(const char *dir, char *path[KINDS], struct bytes all[KINDS])
{
	struct err err = { 0 };

	for (size_t k = 0; k < KINDS; k++) {
		path[k] = path_join(dir, originals[k].name);
		encode_clip(path[k], &originals[k], PICTURES);
		io_read_file(path[k], MAX_BYTES / 2, &all[k].data, &all[k].len, &err);
		CHECK_OK(&err);
	}
}

static void free_originals(char *path[KINDS], struct bytes all[KINDS])
{
	for (size_t k = 0; k < KINDS; k++) {
		free(all[k].data);
		free(path[k]);
	}
}

static void print_tally(const struct tally *t)
{
	for (int i = 0; i < t->rows; i++)
		print_message("%6d %s\n", t->row[i].n, t->row[i].name);
}

static void test_mutants(void **state)
{
	struct bytes all[KINDS], mutant = { malloc(MAX_BYTES), 0 };
	char *dir = scratch_make(), *path[KINDS];
	const int n = wanted_mutants();
	struct tally tally = { 0 };
	struct rng rng;

	(void)state;
	CHECK(mutant.data);
	make_originals(dir, path, all);
	for (int i = 0; i < n; i++) {
		/* one seed a file: the number names it whatever came before */
		rng_seed(&rng, 4, (uint64_t)i);
		mutate(&rng, all, (size_t)i % KINDS, &mutant);
		try_one(&rng, path[(size_t)i % KINDS], &mutant, &tally);
	}
	print_tally(&tally);
	print_message("%.3f s the slowest reading\n", tally.slowest);
	free_originals(path, all);
	free(mutant.data);
	scratch_remove(dir);
}

/* ---- measured ---- */

/* A corpus whose clips are n mutants in dir; the strings are the corpus's. */
static void make_corpus(struct corpus *c, char *dir, int n)
{
	struct bytes all[KINDS], mutant = { malloc(MAX_BYTES), 0 };
	char *path[KINDS], name[32];
	struct rng rng;

	*c = (struct corpus){ .name = "meld", .policy = "p", .root = dir, .labels = &labels_meld7 };
	c->n_dia = c->n_speaker = 1;
	c->n_utt = n;
	c->dia = arena_array(&c->mem, 1, sizeof(*c->dia));
	c->speaker = arena_array(&c->mem, 1, sizeof(*c->speaker));
	c->utt = arena_array(&c->mem, (size_t)n, sizeof(*c->utt));
	CHECK(mutant.data && c->dia && c->speaker && c->utt);
	c->dia[0] = (struct dialogue){ .id = "0", .split = SPLIT_TRAIN, .count = n };
	c->speaker[0] = (struct speaker){ .name = "A" };
	make_originals(dir, path, all);
	for (int i = 0; i < n; i++) {
		const size_t kind = (size_t)i % KINDS;
		struct media_ref clip = { .end_ms = -1 };
		char *to;

		CHECK(str_format(name, sizeof(name), "%d-%s", i, originals[kind].name));
		to = path_join(dir, name);
		rng_seed(&rng, 5, (uint64_t)i);
		mutate(&rng, all, kind, &mutant);
		put(to, &mutant);
		clip.path = arena_strdup(&c->mem, to);
		c->utt[i] = (struct utterance){ .id = arena_strdup(&c->mem, name),
						.text = "one",
						.audio = clip,
						.video = clip };
		free(to);
	}
	free_originals(path, all);
	free(mutant.data);
}

static void check_set(const struct cue_set *s, int n)
{
	for (int i = 0; i < n; i++)
		CHECK(isfinite(s->v[i]) && (s->ok[i] || s->v[i] == 0));
}

/* Measures the corpus with faces looked for as in real footage. */
static void measure(struct bank *b, struct corpus *c, int threads)
{
	char *landmarks = path_join(c->root, "landmarks.dat");
	struct gold g = { .label = mem_calloc((size_t)c->n_utt, sizeof(int)) };
	const struct bank_options o = { .landmarks = landmarks, .media = true, .threads = threads };
	struct landmark_bytes model;
	struct err err = { 0 };

	landmark_fixture(&model);
	put(landmarks, &(struct bytes){ (char *)model.data, model.n });
	bank_build(b, c, &g, &o, &err);
	CHECK_OK(&err);
	CHECK(b->n_media == c->n_utt);
	b->gold = NULL;
	free(g.label);
	free(landmarks);
}

static void test_measured(void **state)
{
	const int n = wanted_mutants() / 8 + 1;
	char *dir = scratch_make(), status[STATUS_SIZE];
	struct tally tally = { 0 };
	struct corpus c;
	struct bank one, three;

	(void)state;
	make_corpus(&c, dir, n);
	measure(&one, &c, 1);
	measure(&three, &c, 3);
	for (int i = 0; i < n; i++) {
		const struct measured *a = &one.m[i], *b = &three.m[i];

		measured_status(a, &c.utt[i], status);
		count(&tally, status);
		CHECK(strcmp(status, "failed") && strcmp(status, "missing"));
		check_set(&a->speech, SPEECH_CUE_COUNT);
		check_set(&a->behaviour, BEHAVIOUR_CUE_COUNT);
		CHECK(a->error == b->error && a->media_status == b->media_status);
		CHECK(!memcmp(&a->speech, &b->speech, sizeof(a->speech)));
		CHECK(!memcmp(&a->behaviour, &b->behaviour, sizeof(a->behaviour)));
	}
	print_tally(&tally);
	bank_free(&one);
	bank_free(&three);
	corpus_free(&c);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mutants),
		cmocka_unit_test(test_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * Parts of clips kept on disk: the same bytes without reading the clip again, other bytes for
 * another clip or other bounds, a bound on all of it, damage, full disks, several processes.
 */
#include "tests/clip.h"
#include "tests/wish.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/rng.h"
#include "harness/base/thread.h"
#include "harness/run/clip_store.h"

#define MB ((int64_t)1 << 20)

static struct clip_store *store_open(const char *dir, int64_t max)
{
	struct err err = { 0 };
	struct clip_store *s = clip_store_open(dir, max, NULL, &err);

	CHECK_OK(&err);
	return s;
}

/* Files below a folder that end so, and their bytes; fn, if any, is called with each. */
static int64_t count(const char *dir, const char *suffix, int64_t *bytes,
		     void (*fn)(const char *path))
{
	struct io_list list = { 0 };
	struct err err = { 0 };
	int64_t n = 0;

	io_list_dir(dir, &list, &err);
	CHECK_OK(&err);
	for (size_t i = 0; i < list.n; i++) {
		char *path = path_join(dir, list.name[i]);
		struct stat st;

		if (io_is_dir(path)) {
			n += count(path, suffix, bytes, fn);
		} else if (str_ends(path, suffix) && !stat(path, &st)) {
			n++;
			*bytes += st.st_size;
			if (fn)
				fn(path);
		}
		free(path);
	}
	io_list_free(&list);
	return n;
}

static void attach(struct wish *w, const char *types, struct ask_media media,
		   const struct utterance *u, unsigned see, struct clip_store *s)
{
	struct err err = { 0 };

	wish_make(w, types, media);
	wish_come(w, u, see, s, &err);
	CHECK_OK(&err);
}

/* Writes other bytes of the same number over a file and gives it its old time. */
static void spoil(const char *path)
{
	struct stat st;
	FILE *f = fopen(path, "r+b");

	CHECK(f && !fstat(fileno(f), &st));
	for (off_t i = 0; i < st.st_size; i++)
		fputc('x', f);
	fflush(f);
	CHECK(!futimens(fileno(f), (struct timespec[]){ st.st_atim, st.st_mtim }));
	fclose(f);
}

static const struct ask_media bounds = { 3, 88, 60 };

static void test_kept(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "a.mp4"), *kept = path_join(dir, "kept");
	struct utterance u = whole(path);
	struct clip_store *s = store_open(kept, CLIP_STORE_BYTES);
	struct wish fresh, first, again;
	int64_t bytes = 0;

	(void)state;
	write_clip(path, 36, RATE);
	attach(&fresh, "jtwv", bounds, &u, SEE_MEDIA, NULL);
	attach(&first, "jtwv", bounds, &u, SEE_MEDIA, s);
	check_same(&fresh, &first);
	CHECK(count(kept, ".parts", &bytes, NULL) == 3 && bytes > 0);
	spoil(path); /* nobody reads it from here on */
	attach(&again, "jtwv", bounds, &u, SEE_MEDIA, s);
	check_same(&fresh, &again);
	arena_free(&again.mem);
	clip_store_close(s);
	s = store_open(kept, CLIP_STORE_BYTES);
	attach(&again, "jtwv", bounds, &u, SEE_MEDIA, s);
	check_same(&fresh, &again);
	for (int i = 0; i < again.ask.message[0].n_parts; i++)
		CHECK(part(&again, i)->type == part(&fresh, i)->type &&
		      part(&again, i)->turn == part(&fresh, i)->turn);
	CHECK(count(kept, ".parts", &bytes, NULL) == 3);
	clip_store_close(s);
	arena_free(&fresh.mem);
	arena_free(&first.mem);
	arena_free(&again.mem);
	free(path);
	free(kept);
	scratch_remove(dir);
}

/* Whatever the bytes follow from makes another record. */
static void test_keys(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "a.avi"), *kept = path_join(dir, "kept");
	const struct {
		const char *types;
		struct ask_media media;
		int64_t start_ms, end_ms;
		enum media_crop crop;
		unsigned see;
		int records; /* so far */
	} cases[] = {
		{ "j", { 3, 88, 60 }, 0, -1, CROP_NONE, SEE_MEDIA, 1 },
		{ "j", { 3, 88, 60 }, 0, -1, CROP_NONE, SEE_PICTURES, 1 },
		{ "j", { 4, 88, 60 }, 0, -1, CROP_NONE, SEE_MEDIA, 2 },
		{ "j", { 3, 64, 60 }, 0, -1, CROP_NONE, SEE_MEDIA, 3 },
		{ "j", { 3, 88, 2 }, 0, -1, CROP_NONE, SEE_MEDIA, 4 },
		{ "j", { 3, 88, 60 }, 500, -1, CROP_NONE, SEE_MEDIA, 5 },
		{ "j", { 3, 88, 60 }, 0, 2000, CROP_NONE, SEE_MEDIA, 6 },
		{ "j", { 3, 88, 60 }, 0, -1, CROP_LEFT, SEE_MEDIA, 7 },
		{ "j", { 3, 88, 60 }, 0, -1, CROP_RIGHT, SEE_MEDIA, 8 },
		{ "w", { 3, 88, 60 }, 0, -1, CROP_NONE, SEE_MEDIA, 9 },
		{ "w", { 9, 16, 60 }, 0, -1, CROP_NONE, SEE_SOUND, 9 },
		{ "v", { 3, 88, 60 }, 0, -1, CROP_NONE, SEE_MEDIA, 10 },
		{ "v", { 3, 88, 60 }, 0, -1, CROP_NONE, SEE_PICTURES, 11 },
		{ "jw", { 3, 88, 60 }, 0, -1, CROP_NONE, SEE_MEDIA, 11 },
	};
	struct clip_store *s = store_open(kept, CLIP_STORE_BYTES);
	int64_t bytes = 0;

	(void)state;
	write_clip(path, 36, RATE);
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		const struct media_ref ref = { path, cases[k].start_ms, cases[k].end_ms,
					       cases[k].crop };
		struct utterance u = { .id = "u", .audio = ref, .video = ref };
		struct wish kept_one, fresh;

		u.audio.crop = CROP_NONE;
		attach(&kept_one, cases[k].types, cases[k].media, &u, cases[k].see, s);
		attach(&fresh, cases[k].types, cases[k].media, &u, cases[k].see, NULL);
		check_same(&kept_one, &fresh);
		assert_int_equal(count(kept, ".parts", &bytes, NULL), cases[k].records);
		arena_free(&kept_one.mem);
		arena_free(&fresh.mem);
	}
	clip_store_close(s);
	free(path);
	free(kept);
	scratch_remove(dir);
}

static void test_another_clip(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "a.mp4"), *kept = path_join(dir, "kept"),
	     *copy = path_join(dir, "b.mp4");
	struct utterance u = whole(path);
	struct clip_store *s = store_open(kept, CLIP_STORE_BYTES);
	struct wish a, b, fresh;
	struct err err = { 0 };
	int64_t bytes = 0;

	(void)state;
	write_clip(path, 36, RATE);
	attach(&a, "jw", bounds, &u, SEE_MEDIA, s);
	CHECK(!rename(path, copy));
	u = whole(copy); /* the same bytes under another name are the same clip */
	attach(&b, "jw", bounds, &u, SEE_MEDIA, s);
	check_same(&a, &b);
	CHECK(count(kept, ".parts", &bytes, NULL) == 2);
	arena_free(&b.mem);
	write_clip(copy, 24, RATE);
	attach(&b, "jw", bounds, &u, SEE_MEDIA, s);
	attach(&fresh, "jw", bounds, &u, SEE_MEDIA, NULL);
	check_same(&b, &fresh);
	CHECK(count(kept, ".parts", &bytes, NULL) == 4);
	arena_free(&a.mem);
	arena_free(&b.mem);
	arena_free(&fresh.mem);
	/* one that is gone is missing, whatever was kept */
	unlink(copy);
	wish_make(&a, "jw", bounds);
	wish_come(&a, &u, SEE_MEDIA, s, &err);
	CHECK_ERR(&err, ERR_MISSING, copy);
	arena_free(&a.mem);
	clip_store_close(s);
	free(path);
	free(kept);
	free(copy);
	scratch_remove(dir);
}

/* ---- records ---- */

static void key_of(int i, char key[HASH_HEX])
{
	hash_hex(&i, sizeof(i), key);
}

/* Parts whose every byte follows from i. */
static int parts_of(int i, char *bytes, size_t room, struct ask_part part[3])
{
	struct rng rng;
	int n = 1 + i % 3;

	rng_seed(&rng, (uint64_t)i, 0);
	for (size_t k = 0; k < room; k++)
		bytes[k] = (char)rng_below(&rng, 256);
	for (int k = 0; k < n; k++)
		part[k] = (struct ask_part){ .type = ASK_JPEG,
					     .data = bytes + k,
					     .size = room - (size_t)k - (size_t)i % 7 };
	return n;
}

static void put(struct clip_store *s, int i, size_t room)
{
	char *bytes = malloc(room), key[HASH_HEX];
	struct ask_part part[3];

	key_of(i, key);
	clip_store_put(s, key, part, parts_of(i, bytes, room, part));
	free(bytes);
}

/* Whether it is there; if it is, it is right. */
static bool got(struct clip_store *s, int i, size_t room)
{
	char *bytes = malloc(room), key[HASH_HEX];
	struct ask_part want[3], *have;
	struct arena mem = { 0 };
	struct err err = { 0 };
	int n = parts_of(i, bytes, room, want), m;

	key_of(i, key);
	clip_store_get(s, key, &have, &m, &mem, &err);
	CHECK_OK(&err);
	CHECK(!m || m == n);
	for (int k = 0; k < m; k++)
		CHECK(have[k].type == ASK_JPEG && have[k].size == want[k].size &&
		      !memcmp(have[k].data, want[k].data, want[k].size));
	arena_free(&mem);
	free(bytes);
	return m > 0;
}

static void cut(const char *path)
{
	struct stat st;

	CHECK(!stat(path, &st) && !truncate(path, st.st_size - 1));
}

static void flip(const char *path)
{
	FILE *f = fopen(path, "r+b");
	int c;

	CHECK(f && !fseek(f, 200, SEEK_SET));
	c = fgetc(f);
	CHECK(!fseek(f, 200, SEEK_SET));
	fputc(c ^ 1, f);
	fclose(f);
}

static void empty(const char *path)
{
	CHECK(!truncate(path, 0));
}

static void head_only(const char *path)
{
	CHECK(!truncate(path, 20));
}

static void test_damage(void **state)
{
	static void (*const harm[])(const char *) = { cut, flip, empty, head_only };
	char *dir = scratch_make();
	struct clip_store *s = store_open(dir, MB);
	int64_t bytes = 0;

	(void)state;
	for (int i = 0; i < (int)ARRAY_LEN(harm); i++) {
		put(s, 1, 5000);
		CHECK(got(s, 1, 5000) && !got(s, 2, 5000));
		CHECK(count(dir, ".parts", &bytes, harm[i]) == 1);
		CHECK(!got(s, 1, 5000));
	}
	put(s, 1, 5000); /* it is made again */
	CHECK(got(s, 1, 5000));
	clip_store_close(s);
	scratch_remove(dir);
}

static void test_bounded(void **state)
{
	char *dir = scratch_make(), *left;
	struct clip_store *s = store_open(dir, MB);
	struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct strbuf name = { 0 };
	char key[HASH_HEX];
	int64_t bytes = 0;
	int there = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		put(s, i, 20000);
		CHECK(got(s, 0, 20000)); /* used all the time: it stays */
		bytes = 0;
		count(dir, ".parts", &bytes, NULL);
		CHECK(bytes <= MB);
	}
	CHECK(bytes > MB / 2);
	CHECK(got(s, 199, 20000) && got(s, 198, 20000) && !got(s, 1, 20000));
	for (int i = 0; i < 200; i++)
		there += got(s, i, 20000);
	CHECK(there == count(dir, ".parts", &bytes, NULL));
	clip_store_close(s);
	/* what a killed process left goes when it is old */
	key_of(199, key);
	strbuf_addf(&name, "%s/%.2s/new-abcdef", dir, key);
	left = name.s;
	CHECK(!close(open(left, O_CREAT | O_WRONLY, 0600)));
	s = store_open(dir, MB);
	put(s, 1000, 100);
	CHECK(io_is_file(left));
	clip_store_close(s);
	CHECK(!utimensat(AT_FDCWD, left, old, 0));
	s = store_open(dir, MB / 2); /* a smaller bound holds from the first record on */
	put(s, 1001, 100);
	bytes = 0;
	count(dir, ".parts", &bytes, NULL);
	CHECK(!io_is_file(left) && bytes <= MB / 2);
	clip_store_close(s);
	strbuf_free(&name);
	scratch_remove(dir);
}

/* A folder that cannot be written to costs a warning, once, and no sample. */
static void test_no_room(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "a.mp4"), *kept = path_join(dir, "kept"),
	     *said = path_join(dir, "said"), *text;
	struct utterance u = whole(path);
	struct log log = { .out = fopen(said, "w"), .level = 1 };
	struct err err = { 0 };
	struct clip_store *s = clip_store_open(kept, MB, &log, &err);
	struct wish w, fresh;
	size_t len;

	(void)state;
	CHECK_OK(&err);
	write_clip(path, 12, RATE);
	/* files stand where its folders would be */
	for (int i = 0; i < 256; i++) {
		char name[400];

		CHECK(str_format(name, sizeof(name), "%s/%02x", kept, (unsigned)i));
		io_write_atomic(name, "", 0, &err);
	}
	CHECK_OK(&err);
	attach(&fresh, "jw", bounds, &u, SEE_MEDIA, NULL);
	for (int i = 0; i < 3; i++) {
		attach(&w, "jw", bounds, &u, SEE_MEDIA, s);
		check_same(&w, &fresh);
		arena_free(&w.mem);
	}
	clip_store_close(s);
	fclose(log.out);
	io_read_file(said, 4096, &text, &len, &err);
	CHECK_OK(&err);
	CHECK(strstr(text, "warning: parts of clips are kept no more") && strstr(text, kept));
	CHECK(strchr(text, '\n') == text + len - 1);
	arena_free(&fresh.mem);
	free(text);
	free(path);
	free(kept);
	free(said);
	scratch_remove(dir);
}

static void put_and_get(void *ctx, int i, int worker)
{
	(void)worker;
	put(ctx, i % 40, 9000);
	got(ctx, i % 40, 9000); /* right, or gone already */
}

/* Three processes of two threads write the same and different records into a folder too small for
 * them. */
static void test_several_processes(void **state)
{
	char *dir = scratch_make();
	int64_t bytes = 0;
	pid_t pid[3];

	(void)state;
	for (int p = 0; p < 3; p++) {
		pid[p] = fork();
		CHECK(pid[p] >= 0);
		if (!pid[p]) {
			struct err err = { 0 };
			struct clip_store *s = clip_store_open(dir, MB / 8, NULL, &err);

			if (err.code)
				_exit(1);
			parallel_for(300, 2, put_and_get, s);
			clip_store_close(s);
			_exit(0);
		}
	}
	for (int p = 0; p < 3; p++) {
		int status;

		CHECK(waitpid(pid[p], &status, 0) == pid[p]);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	count(dir, ".parts", &bytes, NULL);
	CHECK(bytes > 0 && bytes <= MB / 8 + 3 * MB / 8 / 16 + 6 * 27000);
	/* beside the hashes of files nothing else is left */
	CHECK(count(dir, "", &bytes, NULL) == count(dir, ".parts", &bytes, NULL) + 1);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_another_clip),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_several_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

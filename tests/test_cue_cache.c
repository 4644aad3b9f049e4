/* SPDX-License-Identifier: Apache-2.0
 * Measurements that are kept belong to the face models they were made with: another file of the
 * same name, and what shows pictures is measured anew.
 */
#include "tests/clip.h"

#include "harness/base/mem.h"
#include "harness/cue/track.h"
#include "harness/run/bank.h"
#include "tests/landmark_fixture.h"

/* A folder with copies of the cascades and a small landmark model. */
struct models {
	char *dir, *landmarks;
};

static void put(const char *path, const void *data, size_t n)
{
	struct err err = { 0 };

	io_write_atomic(path, data, n, &err);
	CHECK_OK(&err);
}

/* A copy of a cascade with this text behind it. */
static void put_cascade(const char *dir, const char *name, const char *tail)
{
	char *from = path_join(FACE_CASCADES_DIR, name), *to = path_join(dir, name), *data;
	struct strbuf b = { 0 };
	struct err err = { 0 };
	size_t len;

	io_read_file(from, 16 << 20, &data, &len, &err);
	CHECK_OK(&err);
	strbuf_addn(&b, data, len);
	strbuf_add(&b, tail);
	put(to, b.s, b.len);
	strbuf_free(&b);
	free(data);
	free(from);
	free(to);
}

/* last: of the landmark model, the place of its last pixel. */
static void put_models(const struct models *m, const char *tail, uint8_t last)
{
	struct landmark_bytes b;

	put_cascade(m->dir, "haarcascade_frontalface_alt2.xml", "");
	put_cascade(m->dir, "haarcascade_profileface.xml", tail);
	landmark_fixture(&b);
	CHECK(b.data[b.n - 4] == 1 && b.data[b.n - 3] == 0);
	b.data[b.n - 3] = last;
	put(m->landmarks, b.data, b.n);
}

static struct models make_models(const char *dir, const char *name)
{
	struct models m = { .dir = path_join(dir, name) };
	struct err err = { 0 };

	io_mkdirs(m.dir, &err);
	CHECK_OK(&err);
	m.landmarks = path_join(m.dir, "landmarks.dat");
	put_models(&m, "", 0);
	return m;
}

static void free_models(struct models *m)
{
	free(m->dir);
	free(m->landmarks);
}

static void identity_of(const struct models *m, char out[HASH_HEX])
{
	struct face_models faces;
	struct err err = { 0 };

	face_models_load(&faces, m->dir, m->landmarks, &err);
	CHECK_OK(&err);
	face_models_identity(&faces, out);
	face_models_free(&faces);
	assert_int_equal(strlen(out), HASH_HEX - 1);
}

/* The identity is what the files hold, wherever they lie. */
static void test_identity(void **state)
{
	char *dir = scratch_make(), a[HASH_HEX], b[HASH_HEX];
	struct models m = make_models(dir, "one"), other = make_models(dir, "other");

	(void)state;
	identity_of(&m, a);
	identity_of(&other, b);
	assert_string_equal(a, b);
	put_models(&other, "\n", 0);
	identity_of(&other, b);
	assert_string_not_equal(a, b);
	put_models(&other, "", 1);
	identity_of(&other, b);
	assert_string_not_equal(a, b);
	put_models(&other, "", 0);
	identity_of(&other, b);
	assert_string_equal(a, b);
	free_models(&m);
	free_models(&other);
	scratch_remove(dir);
}

/* Two utterances, a clip and a sound: measures them, returns how many came from the cache. */
static int cached(char *root, const struct models *m)
{
	char *clip = path_join(root, "clip.mp4"), *sound = path_join(root, "sound.wav");
	char *cache = path_join(root, "cache");
	struct dialogue dia = { .id = "0", .split = SPLIT_TRAIN, .count = 2 };
	struct speaker speaker = { .name = "A" };
	struct utterance utt[] = {
		{ .id = "a",
		  .text = "one",
		  .audio = { .path = clip, .end_ms = -1 },
		  .video = { .path = clip, .end_ms = -1 } },
		{ .id = "b", .text = "two", .audio = { .path = sound, .end_ms = -1 } },
	};
	struct corpus c = { .name = "meld",
			    .policy = "p",
			    .root = root,
			    .labels = &labels_meld7,
			    .dia = &dia,
			    .utt = utt,
			    .speaker = &speaker,
			    .n_dia = 1,
			    .n_utt = 2,
			    .n_speaker = 1 };
	struct gold g = { .label = (int[]){ 0, 1 } };
	struct bank_options o = { .cache = cache,
				  .cascades = m->dir,
				  .landmarks = m->landmarks,
				  .media = true,
				  .threads = 1 };
	struct err err = { 0 };
	struct bank b;
	int n;

	bank_build(&b, &c, &g, &o, &err);
	CHECK_OK(&err);
	CHECK(b.n_media == 2 && b.n_failed == 0);
	n = b.n_cached;
	bank_free(&b);
	free(c.issue);
	arena_free(&c.mem);
	free(clip);
	free(sound);
	free(cache);
	return n;
}

static void test_cache(void **state)
{
	char *dir = scratch_make(), *clip = path_join(dir, "clip.mp4");
	char *sound = path_join(dir, "sound.wav");
	struct models m = make_models(dir, "models"), same = make_models(dir, "same");

	(void)state;
	write_clip(clip, 12, RATE);
	write_clip(sound, 12, RATE);
	assert_int_equal(cached(dir, &m), 0);
	assert_int_equal(cached(dir, &m), 2);
	assert_int_equal(cached(dir, &same), 2);
	put_models(&m, "<!-- another cascade -->", 0);
	assert_int_equal(cached(dir, &m), 1); /* a sound shows no face */
	assert_int_equal(cached(dir, &m), 2);
	put_models(&m, "", 1);
	assert_int_equal(cached(dir, &m), 1);
	put_models(&m, "", 0);
	assert_int_equal(cached(dir, &m), 2); /* nothing was thrown away */
	free_models(&m);
	free_models(&same);
	free(clip);
	free(sound);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * What goes over the wire: media in asks, as files name them and as each dialect and programs get
 * them; and that no text of a corpus leaves its place in a request.
 */
#include "tests/test.h"

#include "harness/base/base64.h"
#include "harness/base/json.h"
#include "harness/base/sha256.h"
#include "harness/remote/ask_file.h"
#include "harness/remote/backend.h"
#include "harness/remote/drive.h"
#include "harness/remote/probe_media.h"

static void write_bytes(const char *dir, const char *name, const void *data, size_t n)
{
	char *path = path_join(dir, name);
	struct err err = { 0 };

	io_write_atomic(path, data, n, &err);
	CHECK_OK(&err);
	free(path);
}

static void write_text(const char *dir, const char *name, const char *text)
{
	write_bytes(dir, name, text, strlen(text));
}

static void test_base64(void **state)
{
	/* RFC 4648, section 10 */
	static const char *const row[][2] = { { "", "" },
					      { "f", "Zg==" },
					      { "fo", "Zm8=" },
					      { "foo", "Zm9v" },
					      { "foob", "Zm9vYg==" },
					      { "fooba", "Zm9vYmE=" },
					      { "foobar", "Zm9vYmFy" },
					      { "\xff\xef\xbe\xfb", "/+++"
								    "+w==" } };
	struct strbuf b = { 0 };
	char block[5000];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		strbuf_reset(&b);
		base64_add(&b, row[i][0], strlen(row[i][0]));
		assert_string_equal(strbuf_str(&b), row[i][1]);
	}
	/* over more than one block */
	strbuf_reset(&b);
	memset(block, 0, sizeof(block));
	base64_add(&b, block, sizeof(block));
	CHECK(b.len == 6668 && strspn(b.s, "A") == 6667 && b.s[6667] == '=');
	strbuf_free(&b);
}

/* --- media in files of asks ------------------------------------------------------------------ */

static void write_media(const char *dir)
{
	unsigned char wav[PROBE_SOUND_BYTES];
	struct ask_part p = probe_picture(), v = probe_video();

	probe_sound(wav);
	write_bytes(dir, "f.jpg", p.data, p.size);
	write_bytes(dir, "a.wav", wav, sizeof(wav));
	write_bytes(dir, "v.mp4", v.data, v.size);
}

#define IMAGE	   "{\"type\":\"image\",\"path\":\"f.jpg\"}"
#define SOUND	   "{\"type\":\"sound\",\"path\":\"a.wav\"}"
#define VIDEO	   "{\"type\":\"video\",\"path\":\"v.mp4\"}"
#define SAID	   "{\"type\":\"text\",\"text\":\"ask:m Look.\"}"
#define ASK(parts) "{\"id\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[" parts "]}]}\n"

static void open_asks(const char *dir, const char *text, struct ask_file *f, struct err *err)
{
	char *path = path_join(dir, "asks.jsonl");

	write_text(dir, "asks.jsonl", text);
	ask_file_open(f, path, err);
	free(path);
}

static void test_media_in_files(void **state)
{
	char *dir = scratch_make(), first[SHA256_HEX];
	const struct ask *ask;
	const struct ask_part *part;
	struct ask_file f;
	struct err err = { 0 };

	(void)state;
	write_media(dir);
	open_asks(dir, ASK(IMAGE "," SOUND "," VIDEO "," SAID), &f, &err);
	CHECK_OK(&err);
	CHECK(f.needs ==
	      (ASK_NEEDS_MODE(ASK_GENERATE) | ASK_NEEDS_PART(ASK_TEXT) | ASK_NEEDS_PART(ASK_JPEG) |
	       ASK_NEEDS_PART(ASK_WAV) | ASK_NEEDS_PART(ASK_VIDEO)));
	CHECK(ask_file_next(&f, &ask, &err) == ASK_READY);
	part = ask->message[0].part;
	CHECK(part[0].type == ASK_JPEG && part[0].size == probe_picture().size &&
	      !memcmp(part[0].data, probe_picture().data, part[0].size));
	CHECK(part[1].type == ASK_WAV && part[1].size == PROBE_SOUND_BYTES);
	CHECK(part[2].type == ASK_VIDEO && part[3].type == ASK_TEXT);
	ask_file_release(ask);
	memcpy(first, f.hash, sizeof(first));
	ask_file_free(&f);
	/* the same lines about another picture are other asks */
	write_bytes(dir, "f.jpg", "\xff\xd8\xff\xe0", 4);
	open_asks(dir, ASK(IMAGE "," SOUND "," VIDEO "," SAID), &f, &err);
	CHECK_OK(&err);
	CHECK(strcmp(first, f.hash) != 0);
	ask_file_free(&f);
	scratch_remove(dir);
}

static void test_bad_media(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *why;
	} row[] = {
		{ ASK("{\"type\":\"image\",\"path\":\"a.wav\"}"), ERR_FORMAT, "a.wav is no JPEG" },
		{ ASK("{\"type\":\"sound\",\"path\":\"f.jpg\"}"), ERR_FORMAT, "f.jpg is no WAV" },
		{ ASK("{\"type\":\"video\",\"path\":\"f.jpg\"}"), ERR_FORMAT, "f.jpg is no MP4" },
		{ ASK("{\"type\":\"image\",\"path\":\"none.jpg\"}"), ERR_MISSING, "none.jpg" },
		{ ASK("{\"type\":\"image\",\"path\":\"empty\"}"), ERR_FORMAT, "no JPEG" },
		{ ASK("{\"type\":\"image\"}"), ERR_FORMAT, "downwards" },
		{ ASK("{\"type\":\"image\",\"path\":\"/etc/passwd\"}"), ERR_FORMAT, "downwards" },
		{ ASK("{\"type\":\"image\",\"path\":\"../f.jpg\"}"), ERR_FORMAT, "downwards" },
		{ ASK("{\"type\":\"image\",\"path\":\"a/../../f.jpg\"}"), ERR_FORMAT, "downwards" },
		{ ASK("{\"type\":\"image\",\"path\":\"a/..\"}"), ERR_FORMAT, "downwards" },
		{ ASK("{\"type\":\"jpeg\",\"path\":\"f.jpg\"}"), ERR_FORMAT, "content is" },
		{ ASK("{\"type\":\"image\",\"path\":\"f.jpg\",\"x\":1}"), ERR_FORMAT, "\"x\"" },
		{ ASK("{\"type\":\"text\",\"path\":\"f.jpg\"}"), ERR_FORMAT, "content is" },
		{ ASK("{\"type\":\"text\",\"text\":\"x\",\"y\":1}"), ERR_FORMAT, "\"y\"" },
	};
	char *dir = scratch_make();
	struct err err = { 0 };

	(void)state;
	write_media(dir);
	write_text(dir, "empty", "");
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct ask_file f;

		open_asks(dir, row[i].text, &f, &err);
		CHECK_ERR(&err, row[i].code, row[i].why);
		ask_file_free(&f);
	}
	scratch_remove(dir);
}

/* --- through back-ends ----------------------------------------------------------------------- */

struct taken {
	struct reply r;
	int n;
	struct arena mem;
};

static int take(void *ctx, const struct ask *ask, const struct reply *r, struct err *err)
{
	struct taken *t = ctx;

	CHECK(reply_copy(&t->r, r, &t->mem));
	t->n++;
	ask_file_release(ask);
	return err->code;
}

/* The asks of the file through a back-end and a journal; shown: the first as `request` has it. */
static void carry(const char *spec, const char *dir, const char *asks, struct taken *t,
		  struct strbuf *shown, struct err *err)
{
	const struct backend_env env = { .dir = dir };
	const struct drive_options o = { .dir = dir };
	const struct backend_ops *ops = backend_find(spec, &spec);
	void *state = calloc(1, ops->state_size);
	struct ask_counts counts;
	struct ask_file f;
	const struct ask_source source = { .next = ask_file_next, .ctx = &f };
	const struct ask_sink sink = { take, NULL, t };
	const struct ask *ask;

	*t = (struct taken){ 0 };
	open_asks(dir, asks, &f, err);
	CHECK(state != NULL && !err->code && ask_file_next(&f, &ask, err) == ASK_READY);
	ops->open(state, spec, &env, err);
	CHECK_OK(err);
	ops->request(state, ask, shown, err);
	ask_file_release(ask);
	f.next = 0;
	if (!err->code && !ops->start(state, f.needs, err))
		drive(ops, state, &source, &sink, &o, &counts, err);
	ops->close(state);
	free(state);
	ask_file_free(&f);
}

/* "{"sha256":"…","bytes":N}" of a block. */
static void hash_form(const void *data, size_t n, struct strbuf *out)
{
	char hash[SHA256_HEX];

	sha256_hex(data, n, hash);
	strbuf_reset(out);
	strbuf_addf(out, "\"sha256\":\"%s\",\"bytes\":%zu", hash, n);
}

static void test_exec_media(void **state)
{
	char *dir = scratch_make(), want[ASK_SHA_HEX];
	struct strbuf shown = { 0 }, form = { 0 }, spec = { 0 }, b = { 0 };
	struct ask_part p = probe_picture();
	struct err err = { 0 };
	struct taken t;

	(void)state;
	write_media(dir);
	/* says what it got */
	strbuf_addf(&spec,
		    "exec:echo '{\"ready\":true}'; read -r l; printf '%%s' \"$l\" >%s/got; "
		    "echo '{\"id\":\"m\",\"text\":\"joy\"}'",
		    dir);
	carry(spec.s, dir, ASK(IMAGE "," SAID), &t, &shown, &err);
	CHECK_OK(&err);
	CHECK(t.n == 1 && t.r.status == ANSWER_OK);
	hash_form(p.data, p.size, &form);
	CHECK(strstr(shown.s, form.s) && !strstr(shown.s, "/9j/") && !strstr(shown.s, "base64"));
	/* the hash of the one line with the hash of the picture */
	strbuf_addf(&b, "%.64s\n", form.s + strlen("\"sha256\":\""));
	sha256_hex(b.s, b.len, want);
	assert_string_equal(t.r.media_hash, want);
	strbuf_reset(&b);
	strbuf_add(&b, "\"content\":[{\"type\":\"image\",\"base64\":\"");
	base64_add(&b, p.data, p.size);
	strbuf_add(&b, "\"},{\"type\":\"text\",\"text\":\"ask:m Look.\"}]");
	{
		char *path = path_join(dir, "got"), *text;
		size_t n;

		CHECK(!io_read_file(path, 1 << 20, &text, &n, &err));
		CHECK(strstr(text, b.s) != NULL);
		free(text);
		free(path);
	}
	arena_free(&t.mem);
	/* kept: its hashes come back from the journal; replay takes the same asks */
	carry("exec:exit 3", dir, ASK(SAID), &t, &shown, &err);
	CHECK_ERR(&err, ERR_BACKEND, "did not say");
	write_text(dir, "r.jsonl", "{\"id\":\"m\",\"text\":\"fear\"}\n");
	strbuf_reset(&spec);
	strbuf_addf(&spec, "replay:%s/r.jsonl", dir);
	carry(spec.s, dir, ASK(IMAGE "," SOUND "," SAID), &t, &shown, &err);
	CHECK_OK(&err);
	assert_string_equal(t.r.text, "fear");
	CHECK(strlen(t.r.media_hash) == 64);
	arena_free(&t.mem);
	carry(spec.s, dir, ASK(IMAGE "," SOUND "," SAID), &t, &shown, &err);
	CHECK(t.n == 1 && strlen(t.r.media_hash) == 64 && strcmp(t.r.media_hash, want) != 0);
	arena_free(&t.mem);
	strbuf_free(&shown);
	strbuf_free(&form);
	strbuf_free(&spec);
	strbuf_free(&b);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_media_in_files),
		cmocka_unit_test(test_bad_media),
		cmocka_unit_test(test_exec_media),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

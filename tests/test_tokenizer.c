/* SPDX-License-Identifier: Apache-2.0
 * Tokenizers of published backbones: the strings published with their vocabularies, the
 * same tokens from every form of one tokenizer, texts that come back, damaged files.
 */
#include "tests/test.h"

#include "harness/base/csv.h"
#include "harness/base/rng.h"
#include "harness/text/tokenizer.h"

static struct tokenizer *open_real(const char *name)
{
	char *path = real_data(name);
	struct err err = { 0 };
	struct tokenizer *t = path ? tokenizer_open(path, &err) : NULL;

	CHECK_OK(&err);
	free(path);
	return t;
}

/* "[15043, 3186]" */
static void write_ids(const struct bpe_ids *ids, struct strbuf *out)
{
	strbuf_reset(out);
	for (size_t i = 0; i < ids->n; i++)
		strbuf_addf(out, " %d", ids->id[i]);
}

static void check_round_trip(const struct tokenizer *t, const char *s, size_t len)
{
	static const unsigned flags[] = { 0, TOKENIZER_NO_PREFIX, TOKENIZER_SPECIAL };

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct bpe_ids ids = { 0 };
		struct strbuf back = { 0 };
		struct err err = { 0 };

		tokenizer_encode(t, s, len, flags[i], &ids, &err);
		tokenizer_decode(t, ids.id, ids.n, flags[i], &back, &err);
		CHECK_OK(&err);
		if (back.len != len || memcmp(strbuf_str(&back), s, len) != 0)
			fail_msg("%s: '%.*s' (%zu bytes) came back as '%s' (%zu bytes)",
				 tokenizer_describe(t), (int)len, s, len, strbuf_str(&back),
				 back.len);
		bpe_ids_free(&ids);
		strbuf_free(&back);
	}
}

/* The published strings lie between lines of their own; one line of numbers each. */
static void check_published(const char *name)
{
	static const char gap[] = "\n__ggml_vocab_test__\n";
	char inp[200], out[200], *path, *text = NULL, *want = NULL;
	struct tokenizer *t = open_real(name);
	struct strbuf got = { 0 };
	struct err err = { 0 };
	size_t text_n, want_n;
	int n = 0;

	if (!t)
		return;
	CHECK(str_format(inp, sizeof(inp), "%s.inp", name));
	CHECK(str_format(out, sizeof(out), "%s.out", name));
	path = real_data(inp);
	io_read_file(path, 1 << 20, &text, &text_n, &err);
	free(path);
	path = real_data(out);
	io_read_file(path, 1 << 20, &want, &want_n, &err);
	free(path);
	CHECK_OK(&err);
	for (char *s = text, *w = want, *end; (end = strstr(s, gap)) != NULL; n++) {
		char *line_end = strchr(w, '\n');
		const size_t len = (size_t)(end - s);
		struct bpe_ids ids = { 0 };

		CHECK(line_end);
		*line_end = '\0';
		tokenizer_encode(t, s, len, 0, &ids, &err);
		CHECK_OK(&err);
		write_ids(&ids, &got);
		if (strcmp(strbuf_str(&got), w) != 0)
			fail_msg("%s, '%.*s': wanted%s, got%s", name, (int)len, s, w,
				 strbuf_str(&got));
		check_round_trip(t, s, len);
		bpe_ids_free(&ids);
		w = line_end + 1;
		s = end + strlen(gap);
	}
	CHECK(n == 46);
	free(text);
	free(want);
	strbuf_free(&got);
	tokenizer_free(t);
}

static void test_published(void **state)
{
	(void)state;
	check_published("tokenizers/ggml-vocab-llama-spm.gguf");
	check_published("tokenizers/ggml-vocab-phi-3.gguf");
	check_published("tokenizers/ggml-vocab-gpt-2.gguf");
	check_published("tokenizers/ggml-vocab-starcoder.gguf");
}

/* Every text of a column, given to each tokenizer. */
static void each_text(const char *file, const char *column,
		      void (*fn)(const struct tokenizer *const *t, int n, const char *text),
		      const struct tokenizer *const *t, int n)
{
	char *path = real_data(file);
	struct csv_table table = { 0 };
	struct err err = { 0 };
	int col;

	if (!path)
		return;
	csv_table_read(&table, path, ',', 1 << 26, &err);
	csv_need_column(&table, column, &col, &err);
	CHECK_OK(&err);
	for (size_t i = 0; i < table.n_rows; i++)
		fn(t, n, table.row[i].field[col]);
	csv_table_free(&table);
	free(path);
}

static void check_same(const struct tokenizer *const *t, int n, const char *text)
{
	struct bpe_ids first = { 0 }, other = { 0 };
	struct err err = { 0 };

	tokenizer_encode(t[0], text, strlen(text), TOKENIZER_BOS, &first, &err);
	for (int i = 1; i < n; i++) {
		other.n = 0;
		tokenizer_encode(t[i], text, strlen(text), TOKENIZER_BOS, &other, &err);
		CHECK_OK(&err);
		if (other.n != first.n || memcmp(first.id, other.id, first.n * sizeof(int)) != 0)
			fail_msg("'%s': %s and %s differ", text, tokenizer_describe(t[0]),
				 tokenizer_describe(t[i]));
	}
	check_round_trip(t[0], text, strlen(text));
	bpe_ids_free(&first);
	bpe_ids_free(&other);
}

static void each_corpus(void (*fn)(const struct tokenizer *const *t, int n, const char *text),
			const struct tokenizer *const *t, int n)
{
	each_text("meld/train_sent_emo.csv", "Utterance", fn, t, n);
	each_text("meld/dev_sent_emo.csv", "Utterance", fn, t, n);
	each_text("meld/test_sent_emo.csv", "Utterance", fn, t, n);
	each_text("meld/old/test_sent_emo.csv", "Utterance", fn, t, n);
	each_text("iemocap/iemocap_full_dataset.csv", "text", fn, t, n);
}

/* One tokenizer in the three forms it is published in. */
static void test_forms_agree(void **state)
{
	static const char *const names[] = { "tokenizers/llama2.model",
					     "tokenizers/llama2.tokenizer.json",
					     "tokenizers/ggml-vocab-llama-spm.gguf" };
	const struct tokenizer *t[3];
	int n = 0;

	(void)state;
	for (; n < 3 && (t[n] = open_real(names[n])) != NULL; n++) {
		CHECK(tokenizer_size(t[n]) == (n == 1 ? 32001 : 32000));
		CHECK(tokenizer_role(t[n], TOKEN_BOS) == 1 && tokenizer_role(t[n], TOKEN_EOS) == 2);
		CHECK(tokenizer_role(t[n], TOKEN_UNKNOWN) == 0);
		CHECK(tokenizer_find(t[n], "</s>") == 2 && tokenizer_special(t[n], 2));
		CHECK(tokenizer_find(t[n], "\xe2\x96\x81the") == 278 &&
		      !tokenizer_special(t[n], 278));
	}
	if (n == 3)
		each_corpus(check_same, t, n);
	while (n--)
		tokenizer_free((struct tokenizer *)t[n]);
}

static void check_each_round_trip(const struct tokenizer *const *t, int n, const char *text)
{
	for (int i = 0; i < n; i++)
		check_round_trip(t[i], text, strlen(text));
}

/* A random character of up to four bytes. */
static size_t random_char(struct rng *r, char out[4])
{
	static const int32_t end[] = { 0x80, 0x100, 0x800, 0x3100, 0xd800, 0x20000, 0x110000 };
	int32_t cp;

	do
		cp = (int32_t)rng_below(r, (uint64_t)end[rng_below(r, 7)]);
	while ((cp >= 0xd800 && cp < 0xe000) || cp == 0x2581); /* that is a blank: see below */
	return utf8_encode(cp, out);
}

/* StarCoder's vocabulary lacks some bytes that no character of its texts had. */
static bool holds_missing(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (strchr("\xc0\xc1\xf1\xf5\xf6\xf7\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff", s[i]) &&
		    s[i])
			return true;
	return false;
}

/* What was encoded comes back: what people said, any characters, any bytes. */
static void test_round_trips(void **state)
{
	static const char *const names[] = {
		"tokenizers/llama2.model",
		"tokenizers/ggml-vocab-phi-3.gguf",
		"tokenizers/ggml-vocab-gpt-2.gguf",
		"tokenizers/ggml-vocab-starcoder.gguf",
		"weights/tok512.bin",
	};
	const struct tokenizer *t[5];
	struct rng r;
	char s[400];
	int n = 0;

	(void)state;
	while (n < 5 && (t[n] = open_real(names[n])) != NULL)
		n++;
	if (n == 5)
		each_corpus(check_each_round_trip, t, n);
	rng_seed(&r, 11, 0);
	for (int k = 0; k < 20000 && n == 5; k++) {
		size_t len = 0, want = rng_below(&r, k % 10 ? 40 : sizeof(s) - 4);

		while (len < want && k % 2)
			s[len++] = (char)rng_u64(&r);
		while (len < want)
			len += random_char(&r, s + len);
		for (size_t i = 0; i + 3 <= len; i++)
			if (!memcmp(s + i, "\xe2\x96\x81", 3))
				s[i] = ' ';
		for (int i = 0; i < n; i++)
			if (i != 3 || !holds_missing(s, len))
				check_round_trip(t[i], s, len);
	}
	while (n--)
		tokenizer_free((struct tokenizer *)t[n]);
}

/* A byte without a token is an error that names it, not the end of the text. */
static void test_missing_byte(void **state)
{
	struct tokenizer *t = open_real("tokenizers/ggml-vocab-starcoder.gguf");
	struct bpe_ids ids = { 0 };
	struct err err = { 0 };

	(void)state;
	if (!t)
		return;
	CHECK(tokenizer_encode(t, "ab \xf1\x80\x80\x80", 7, 0, &ids, &err));
	CHECK_ERR(&err, ERR_DATA, "byte 0xf1");
	CHECK(ids.n == 0);
	bpe_ids_free(&ids);
	tokenizer_free(t);
}

/* SentencePiece's visible blank is a blank when it comes back, as in the original. */
static void test_visible_blank(void **state)
{
	struct tokenizer *t = open_real("tokenizers/llama2.model");
	static const char text[] = "a\xe2\x96\x81"
				   "b";
	struct bpe_ids ids = { 0 }, blank = { 0 };
	struct strbuf back = { 0 };
	struct err err = { 0 };

	(void)state;
	if (!t)
		return;
	tokenizer_encode(t, text, strlen(text), 0, &ids, &err);
	tokenizer_encode(t, "a b", 3, 0, &blank, &err);
	tokenizer_decode(t, ids.id, ids.n, 0, &back, &err);
	CHECK_OK(&err);
	CHECK(ids.n == blank.n && !memcmp(ids.id, blank.id, ids.n * sizeof(int)));
	assert_string_equal(strbuf_str(&back), "a b");
	bpe_ids_free(&ids);
	bpe_ids_free(&blank);
	strbuf_free(&back);
	tokenizer_free(t);
}

static char *join(const char *a, const char *b)
{
	struct strbuf both = { 0 };

	strbuf_add(&both, a);
	strbuf_add(&both, b);
	return both.s;
}

/* llama2.c's own way, quadratic: the pair of the best score is joined until none is left. */
static void naive_spm(const struct tokenizer *t, const float *score, const char *s, size_t len,
		      struct bpe_ids *ids)
{
	char text[2000] = "\xe2\x96\x81", *piece[2000];
	size_t n = strlen(text), count = 0;

	for (size_t i = 0; i < len; i++) {
		const char *add = s[i] == ' ' ? "\xe2\x96\x81" : NULL;

		memcpy(text + n, add ? add : s + i, add ? 3 : 1);
		n += add ? 3 : 1;
	}
	for (size_t i = 0, l; i < n; i += l) {
		utf8_decode(text + i, n - i, &l);
		piece[count] = calloc(1, l + 1);
		memcpy(piece[count++], text + i, l);
	}
	for (;;) {
		size_t best = count;
		float best_score = -1e30f;
		char *both;

		for (size_t i = 0; i + 1 < count; i++) {
			int id;

			both = join(piece[i], piece[i + 1]);
			id = tokenizer_find(t, both);
			if (id >= 259 && score[id] > best_score) {
				best = i;
				best_score = score[id];
			}
			free(both);
		}
		if (best == count)
			break;
		both = join(piece[best], piece[best + 1]);
		free(piece[best]);
		free(piece[best + 1]);
		piece[best] = both;
		memmove(piece + best + 1, piece + best + 2, (--count - best - 1) * sizeof(*piece));
	}
	ids->id = calloc(n, sizeof(int));
	for (size_t i = 0; i < count; i++) {
		const int id = tokenizer_find(t, piece[i]);

		for (size_t k = 0; k < (id < 0 ? strlen(piece[i]) : 1); k++)
			ids->id[ids->n++] = id < 0 ? 3 + (unsigned char)piece[i][k] : id;
		free(piece[i]);
	}
}

/* The scores as the file holds them. */
static void read_scores(float *score)
{
	char *path = real_data("weights/tok512.bin"), *p;
	struct err err = { 0 };
	size_t len, at = 4;
	int32_t n;

	CHECK(path && !io_read_file(path, 1 << 20, &p, &len, &err));
	for (int i = 0; i < 512; i++) {
		memcpy(&score[i], p + at, 4);
		memcpy(&n, p + at + 4, 4);
		at += 8 + (size_t)n;
	}
	CHECK(at == len);
	free(p);
	free(path);
}

static void test_llama2c(void **state)
{
	static const int once[] = { 1, 403, 407, 261, 378 };
	struct tokenizer *t = open_real("weights/tok512.bin");
	struct bpe_ids ids = { 0 };
	struct err err = { 0 };
	float score[512];
	char *path, *story, *end;
	size_t len;

	(void)state;
	if (!t)
		return;
	CHECK(tokenizer_size(t) == 512 && tokenizer_role(t, TOKEN_EOS) == 2);
	tokenizer_encode(t, "Once upon a time", 16, TOKENIZER_BOS, &ids, &err);
	CHECK_OK(&err);
	CHECK(ids.n == 5 && !memcmp(ids.id, once, sizeof(once)));
	bpe_ids_free(&ids);
	read_scores(score);
	path = real_data("weights/stories260K.md");
	CHECK(path && !io_read_file(path, 1 << 20, &story, &len, &err));
	for (char *line = story; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		struct bpe_ids want = { 0 }, got = { 0 };
		const size_t n = (size_t)(end - line);

		naive_spm(t, score, line, n, &want);
		tokenizer_encode(t, line, n, 0, &got, &err);
		CHECK_OK(&err);
		CHECK(!n || (got.n == want.n && !memcmp(got.id, want.id, got.n * sizeof(int))));
		bpe_ids_free(&want);
		bpe_ids_free(&got);
	}
	free(path);
	free(story);
	tokenizer_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),     cmocka_unit_test(test_forms_agree),
		cmocka_unit_test(test_round_trips),   cmocka_unit_test(test_missing_byte),
		cmocka_unit_test(test_visible_blank), cmocka_unit_test(test_llama2c),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}

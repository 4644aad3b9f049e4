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
	struct bpe_ids ids = { 0 };
	struct strbuf back = { 0 };
	struct err err = { 0 };

	tokenizer_encode(t, s, len, 0, &ids, &err);
	tokenizer_decode(t, ids.id, ids.n, 0, &back, &err);
	CHECK_OK(&err);
	if (back.len != len || memcmp(strbuf_str(&back), s, len) != 0)
		fail_msg("'%.*s' came back as '%s'", (int)len, s, strbuf_str(&back));
	bpe_ids_free(&ids);
	strbuf_free(&back);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * Tokenizer files of our own making: every form and every property of a token, merging
 * against a naive twin, and files that are not what they should be.
 */
#include "tests/tokenizer_fixture.h"

#include "harness/base/rng.h"
#include "harness/text/merges.h"

static void ids_text(const struct tokenizer *t, const char *s, size_t len, unsigned flags,
		     struct strbuf *out)
{
	struct bpe_ids ids = { 0 };
	struct err err = { 0 };

	tokenizer_encode(t, s, len, flags, &ids, &err);
	CHECK_OK(&err);
	strbuf_reset(out);
	for (size_t i = 0; i < ids.n; i++)
		strbuf_addf(out, "%s%d", i ? " " : "", ids.id[i]);
	bpe_ids_free(&ids);
}

/* The text becomes these numbers. */
static void check_ids(const struct tokenizer *t, const char *s, unsigned flags, const char *want)
{
	struct strbuf got = { 0 };

	ids_text(t, s, strlen(s), flags, &got);
	if (strcmp(strbuf_str(&got), want) != 0)
		fail_msg("'%s': got %s, wanted %s", s, strbuf_str(&got), want);
	strbuf_free(&got);
}

static void check_text(const struct tokenizer *t, const int *id, size_t n, unsigned flags,
		       const char *want)
{
	struct strbuf got = { 0 };
	struct err err = { 0 };

	tokenizer_decode(t, id, n, flags, &got, &err);
	CHECK_OK(&err);
	assert_string_equal(strbuf_str(&got), want);
	strbuf_free(&got);
}

/* --- merging --- */

/* Joins the pair of the lowest rank, the leftmost of equals, until none is left. */
static size_t naive_merge(const struct merges *m, int *sym, size_t n)
{
	for (;;) {
		const struct merge *best = NULL;
		size_t at = 0;

		for (size_t i = 0; i + 1 < n; i++) {
			const struct merge *pair = merges_find(m, sym[i], sym[i + 1]);

			if (pair && (!best || pair->rank < best->rank)) {
				best = pair;
				at = i;
			}
		}
		if (!best)
			return n;
		sym[at] = best->c;
		memmove(sym + at + 1, sym + at + 2, (--n - at - 1) * sizeof(*sym));
	}
}

static void test_merge_twin(void **state)
{
	struct merge_work w = { 0 };
	struct rng r;
	int sym[300];

	(void)state;
	rng_seed(&r, 3, 0);
	for (int round = 0; round < 400; round++) {
		const int letters = 1 + (int)rng_below(&r, 5), pairs = 1 + (int)rng_below(&r, 60);
		struct merges m = { 0 };

		/* ranks that repeat, as scores do; a pair that is there stays */
		for (int i = 0; i < pairs; i++)
			CHECK(merges_add(&m, (int)rng_below(&r, (uint64_t)(letters + i)),
					 (int)rng_below(&r, (uint64_t)(letters + i)),
					 (int)rng_below(&r, 30), letters + i));
		for (int k = 0; k < 20; k++) {
			const size_t n = rng_below(&r, k % 2 ? 300 : 60);
			size_t want, at = 0;

			w.n = 0;
			for (size_t i = 0; i < n; i++) {
				sym[i] = (int)rng_below(&r, (uint64_t)letters + 1) - 1;
				CHECK(merge_push(&w, sym[i], i, 1));
			}
			CHECK(merge_run(&m, &w, NULL, NULL));
			want = naive_merge(&m, sym, n);
			CHECK(w.n == want);
			for (size_t i = 0; i < want; i++) {
				CHECK(w.node[i].sym == sym[i] && w.node[i].start == at);
				at += w.node[i].len;
			}
			CHECK(at == n);
		}
		merges_free(&m);
	}
	merge_work_free(&w);
}

/* --- SentencePiece --- */

static const struct fixture_piece pieces[] = {
	{ VISIBLE, -9, 1 }, { "a", -10, 1 },	 { "b", -11, 1 }, { VISIBLE "a", -1, 1 },
	{ "ab", -2, 1 },    { "aab", -0.5F, 1 }, { "bb", -2, 5 }, /* unused */ { "<u>", 0, 4 },
	{ "bbb", -3, 1 },   { NULL, 0, 0 },
};

/* ▁ 259, a 260, b 261, ▁a 262, ab 263, aab 264, bb 265 (unused), <u> 266, bbb 267 */
static void test_model(void **state)
{
	char *dir = scratch_make();
	struct strbuf b = { 0 };
	struct err err = { 0 };
	struct tokenizer *t;

	(void)state;
	fixture_model(pieces, true, true, &b);
	t = fixture_open(dir, "tokenizer.model", &b, &err);
	CHECK_OK(&err);
	assert_string_equal(tokenizer_describe(t),
			    "SentencePiece BPE, 268 tokens, from tokenizer.model");
	check_ids(t, "", TOKENIZER_BOS | TOKENIZER_EOS, "1 2");
	check_ids(t, "a", 0, "262");
	check_ids(t, "a", TOKENIZER_NO_PREFIX, "260");
	check_ids(t, "aab", 0, "262 263"); /* the blank joins first; then aab cannot */
	check_ids(t, "b aab", 0, "259 261 262 263");
	check_ids(t, "baab", 0, "259 261 264");
	check_ids(t, "bb", 0, "259 261 261");	 /* unused: taken apart */
	check_ids(t, "bbb", 0, "259 267");	 /* but it is on the way to this */
	check_ids(t, "a<u>b", 0, "262 266 261"); /* no blank behind a user's word */
	check_ids(t, "<s>", 0, "259 63 118 65"); /* text: < s > as bytes */
	check_ids(t, "<s>a</s>b", TOKENIZER_SPECIAL, "1 262 2 259 261");
	check_ids(t, "\xc3\xa9\xff", 0, "259 198 172 258");
	check_ids(t, "<0x41>", 0, "259 63 51 123 55 52 65"); /* not the byte */
	check_text(t, (const int[]){ 1, 262, 2, 259, 261 }, 5, 0, "ab");
	check_text(t, (const int[]){ 1, 262, 2, 259, 261 }, 5, TOKENIZER_SPECIAL, "<s>a</s>b");
	check_text(t, (const int[]){ 262, 262 }, 2, 0, "a a");
	check_text(t, (const int[]){ 262, 262 }, 2, TOKENIZER_NO_PREFIX, " a a");
	CHECK(tokenizer_role(t, TOKEN_PAD) == -1 && tokenizer_find(t, "bb") == 265);
	tokenizer_free(t);
	strbuf_reset(&b);
	fixture_model(pieces, false, false, &b); /* no bytes, no blank in front */
	t = fixture_open(dir, "tokenizer.model", &b, &err);
	CHECK_OK(&err);
	check_ids(t, "a", 0, "4");
	check_ids(t, "axyz\xffza", 0, "4 0 4"); /* one unknown token for all of them */
	check_ids(t, "xax", 0, "0 4 0");
	tokenizer_free(t);
	strbuf_free(&b);
	scratch_remove(dir);
}

static void test_piece_by_piece(void **state)
{
	char *dir = scratch_make();
	struct strbuf b = { 0 }, out = { 0 };
	struct err err = { 0 };
	struct tokenizer *t;

	(void)state;
	fixture_model(pieces, true, true, &b);
	t = fixture_open(dir, "any.name", &b, &err);
	CHECK_OK(&err);
	tokenizer_piece(t, -1, 262, &out, &err); /* a: begins a text */
	tokenizer_piece(t, 262, 262, &out, &err);
	tokenizer_piece(t, 262, 1, &out, &err); /* nothing */
	tokenizer_piece(t, 1, 262, &out, &err); /* behind <s>: begins a text */
	tokenizer_piece(t, 262, 198, &out, &err);
	tokenizer_piece(t, 198, 172, &out, &err);
	CHECK_OK(&err);
	assert_string_equal(strbuf_str(&out), "a aa\xc3\xa9");
	CHECK(tokenizer_piece(t, -1, 268, &out, &err));
	CHECK_ERR(&err, ERR_ARG, "token 268 is outside 0..267");
	CHECK(tokenizer_piece(t, 999, 3, &out, &err));
	CHECK_ERR(&err, ERR_ARG, "999");
	CHECK(tokenizer_decode(t, (const int[]){ -1 }, 1, 0, &out, &err));
	CHECK_ERR(&err, ERR_ARG, "-1");
	tokenizer_free(t);
	strbuf_free(&b);
	strbuf_free(&out);
	scratch_remove(dir);
}

/* added_tokens.json beside a .model, as folders of chat models have it. */
static void test_model_folder(void **state)
{
	static const char added[] = "{\"[PAD]\": 268, \"<image>\": 269}";
	static const char settings[] =
		"{\"added_tokens_decoder\":{\"1\":{\"content\":\"<s>\",\"special\":true},\"270\":"
		"{\"content\":\"<audio>\",\"special\":true,\"rstrip\":true}},\"bos_token\":\"\","
		"\"pad_token\":{\"content\":\"<unk>\"},\"add_bos_token\":false}";
	char *dir = scratch_make(), *path = path_join(dir, "added_tokens.json");
	char *config = path_join(dir, "tokenizer_config.json");
	struct strbuf b = { 0 };
	struct err err = { 0 };
	struct tokenizer *t;

	(void)state;
	CHECK(!tokenizer_open(dir, &err));
	CHECK_ERR(&err, ERR_MISSING, "no tokenizer in this folder");
	fixture_model(pieces, true, true, &b);
	io_write_atomic(path, added, strlen(added), &err);
	tokenizer_free(fixture_open(dir, "tokenizer.model", &b, &err));
	t = tokenizer_open(dir, &err);
	CHECK_OK(&err);
	CHECK(tokenizer_size(t) == 270 && tokenizer_find(t, "<image>") == 269);
	check_ids(t, "a<image>a", TOKENIZER_SPECIAL, "262 269 262");
	CHECK(tokenizer_role(t, TOKEN_PAD) == 268 && tokenizer_role(t, TOKEN_BOS) == 1);
	tokenizer_free(t);
	io_write_atomic(config, settings, strlen(settings), &err);
	t = tokenizer_open(dir, &err);
	CHECK_OK(&err);
	CHECK(tokenizer_size(t) == 271 && tokenizer_find(t, "<audio>") == 270);
	CHECK(tokenizer_role(t, TOKEN_PAD) == 0 && tokenizer_role(t, TOKEN_BOS) == 1);
	check_ids(t, "a<audio> a", TOKENIZER_BOS | TOKENIZER_SPECIAL, "262 270 262");
	tokenizer_free(t);
	io_write_atomic(config, "{\"eos_token\":\"<end>\"}", 21, &err);
	CHECK(!tokenizer_open(dir, &err));
	CHECK_ERR(&err, ERR_FORMAT, "eos_token '<end>', which is no token");
	io_write_atomic(path, "{\"[PAD]\": 7}", 12, &err);
	CHECK(!tokenizer_open(dir, &err));
	CHECK_ERR(&err, ERR_FORMAT, "added_tokens.json");
	free(path);
	free(config);
	strbuf_free(&b);
	scratch_remove(dir);
}

static void test_gguf(void **state)
{
	static const struct fixture_piece table[] = {
		{ "<unk>", 0, 2 },	{ "<s>", 0, 3 }, { "</s>", 0, 3 },
		{ VISIBLE, -9, 1 },	{ "a", -10, 1 }, { "b", -11, 1 },
		{ VISIBLE "a", -1, 1 }, { "<u>", 0, 4 }, { NULL, 0, 0 },
	};
	char *dir = scratch_make();
	struct strbuf b = { 0 };
	struct err err = { 0 };
	struct tokenizer *t;

	(void)state;
	fixture_gguf(table, &b);
	t = fixture_open(dir, "model.gguf", &b, &err);
	CHECK_OK(&err);
	check_ids(t, "a ba", TOKENIZER_BOS, "1 6 3 5 4");
	check_ids(t, "a<u>a", 0, "6 7 6"); /* llama.cpp: a blank behind every added word */
	check_ids(t, "x", 0, "3 0");
	check_text(t, (const int[]){ 6, 7, 6 }, 3, 0, "a<u>a");
	tokenizer_free(t);
	t = tokenizer_open(dir, &err); /* the folder's only file */
	CHECK_OK(&err);
	CHECK(tokenizer_size(t) == 8);
	tokenizer_free(t);
	strbuf_reset(&b);
	fixture_gguf_bpe(&b);
	t = fixture_open(dir, "model.gguf", &b, &err);
	CHECK_OK(&err);
	check_ids(t, "he he", TOKENIZER_EOS, "2 4 5");
	CHECK(strstr(tokenizer_describe(t), "(qwen2)"));
	tokenizer_free(t);
	strbuf_free(&b);
	scratch_remove(dir);
}

/* --- byte level --- */

/* he 256, ll 257, hell 258, hello 259, Ġh 260, 12 261, 34 262 */
static const char *const merge_list[] = { "h e",	"l l", "he ll", "hell o",
					  "\xc4\xa0 h", "1 2", "3 4",	NULL };
static const struct fixture_added added_list[] = {
	{ "<|begin_of_text|>", true, false, false, false, false }, /* 263 */
	{ "<|eot_id|>", true, false, false, false, false },
	{ "<left>", false, true, false, false, false },
	{ "<right>", false, false, true, false, false },
	{ "word", false, false, false, true, false }, /* 267 */
	{ "<le", false, false, false, false, false },
	{ "caf\xc3\xa9", false, false, false, false, true }, /* 269, found in normal form */
	{ "<|end|>", false, false, false, false, false },    /* 270, special by its looks */
	{ NULL, false, false, false, false, false },
};

static void test_json_bytes(void **state)
{
	struct fixture_bytes x = { .pre = PRE_GPT2, .merge = merge_list, .added = added_list };
	char *dir = scratch_make();
	struct strbuf b = { 0 };
	struct err err = { 0 };
	struct tokenizer *t;

	(void)state;
	fixture_json(&x, &b);
	t = fixture_open(dir, "tokenizer.json", &b, &err);
	CHECK_OK(&err);
	check_ids(t, "hello hello h", 0, "259 32 259 260"); /* he before the blank */
	check_ids(t, "hell\xff\x01", 0, "258 255 1");
	check_ids(t, "a <left> b", 0, "97 265 32 98");
	check_ids(t, "a <right> b", 0, "97 32 266 98");
	check_ids(t, "<le<left", 0, "268 268 102 116"); /* the longest that is there */
	check_ids(t, "word sword word", 0, "267 32 115 119 111 114 100 32 267");
	check_ids(t, "caf\xc3\xa9", 0, "269");
	check_ids(t, "cafe\xcc\x81", 0, "99 97 102 101 204 129");
	check_ids(t, "<|eot_id|>", 0, "60 124 101 111 116 95 105 100 124 62");
	check_ids(t, "<|eot_id|>", TOKENIZER_SPECIAL, "264");
	check_ids(t, "<|end|>", 0, "60 124 101 110 100 124 62");
	CHECK(tokenizer_special(t, 270) && !tokenizer_special(t, 265));
	check_ids(t, "1234", 0, "261 262");
	CHECK(tokenizer_role(t, TOKEN_BOS) == 263); /* by its usual name */
	check_ids(t, "1", TOKENIZER_BOS, "49");	    /* which nothing says to write */
	tokenizer_free(t);
	x.normalizer = "{\"type\":\"NFC\"}";
	x.pre = PRE_LIST(PRE_SPLIT(REGEX_QWEN2), PRE_BYTES);
	strbuf_reset(&b);
	fixture_json(&x, &b);
	t = fixture_open(dir, "tokenizer.json", &b, &err);
	CHECK_OK(&err);
	check_ids(t, "1234", 0, "49 50 51 52");
	check_ids(t, "cafe\xcc\x81", 0, "269");
	CHECK(strstr(tokenizer_describe(t), "byte-level BPE (qwen2)"));
	tokenizer_free(t);
	x.pre = PRE_LIST(PRE_SPLIT(REGEX_LLAMA3), PRE_BYTES);
	x.ignore_merges = true;
	strbuf_reset(&b);
	fixture_json(&x, &b);
	t = fixture_open(dir, "tokenizer.json", &b, &err);
	CHECK_OK(&err);
	check_ids(t, "1234 hello", 0, "261 51 52 32 259");
	tokenizer_free(t);
	strbuf_free(&b);
	scratch_remove(dir);
}

static void test_starcoder(void **state)
{
	struct fixture_bytes x = { .pre = PRE_LIST(PRE_DIGITS, PRE_GPT2),
				   .merge = merge_list,
				   .added = added_list };
	char *dir = scratch_make();
	struct strbuf b = { 0 };
	struct err err = { 0 };
	struct tokenizer *t;

	(void)state;
	fixture_json(&x, &b);
	t = fixture_open(dir, "tokenizer.json", &b, &err);
	CHECK_OK(&err);
	check_ids(t, " 12", 0, "32 49 50");
	tokenizer_free(t);
	strbuf_free(&b);
	scratch_remove(dir);
}

/* The older form of three files. */
static void test_vocab_and_merges(void **state)
{
	static const char merges[] = "#version: 0.2\nh e\nhe l\r\n\nhel lo\n";
	static const char config[] =
		"{\"tokenizer_class\":\"Qwen2Tokenizer\",\"eos_token\":\"<|im_end|>\","
		"\"bos_token\":null,\"added_tokens_decoder\":{\"300\":{\"content\":\"<|im_end|>\","
		"\"special\":true,\"normalized\":false}}}";
	char *dir = scratch_make(), *path = path_join(dir, "merges.txt");
	char *other = path_join(dir, "tokenizer_config.json");
	struct strbuf b = { 0 };
	struct err err = { 0 };
	struct tokenizer *t;

	(void)state;
	strbuf_add(&b, "{\"he\":256,\"hel\":257,\"lo\":258,\"hello\":259,\"<|endoftext|>\":260");
	for (int i = 0; i < 256; i++) {
		char key[5] = { 0 };

		utf8_encode(bbpe_char((unsigned char)i), key);
		strbuf_addf(&b, ",\"%s%s\":%d", i == '"' || i == '\\' ? "\\" : "", key, i);
	}
	strbuf_addc(&b, '}');
	CHECK(!fixture_open(dir, "vocab.json", &b, &err));
	CHECK_ERR(&err, ERR_MISSING, "merges.txt");
	io_write_atomic(path, merges, strlen(merges), &err);
	t = tokenizer_open(dir, &err);
	CHECK_OK(&err);
	check_ids(t, "hello", 0, "257 108 111"); /* "lo" has no merge of its own */
	check_ids(t, "<|endoftext|>", TOKENIZER_SPECIAL, "260");
	CHECK(tokenizer_role(t, TOKEN_EOS) == 260);
	CHECK(strstr(tokenizer_describe(t), "(gpt-2)"));
	tokenizer_free(t);
	io_write_atomic(other, config, strlen(config), &err);
	t = tokenizer_open(dir, &err);
	CHECK_OK(&err);
	CHECK(tokenizer_role(t, TOKEN_EOS) == 300 && tokenizer_role(t, TOKEN_BOS) == -1);
	CHECK(tokenizer_size(t) == 301);
	check_ids(t, "e\xcc\x81", 0, "195 169");
	check_text(t, (const int[]){ 299, 104 }, 2, TOKENIZER_SPECIAL, "h"); /* a hole */
	tokenizer_free(t);
	io_write_atomic(other, "{\"tokenizer_class\":\"BertTokenizer\"}", 35, &err);
	CHECK(!tokenizer_open(dir, &err));
	CHECK_ERR(&err, ERR_FORMAT, "'BertTokenizer' is not known; known are GPT2Tokenizer");
	free(path);
	free(other);
	strbuf_free(&b);
	scratch_remove(dir);
}

/* SentencePiece as tokenizer.json, with the blank in front at the beginning only. */
static void test_json_metaspace(void **state)
{
	static const char form[] =
		"{\"added_tokens\":[{\"id\":1,\"content\":\"<s>\",\"special\":true,"
		"\"normalized\":true}],\"normalizer\":null,\"pre_tokenizer\":{\"type\":"
		"\"Metaspace\",\"replacement\":\"" VISIBLE "\",\"prepend_scheme\":\"%s\","
		"\"split\":false},\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\","
		"\"byte_fallback\":true,\"vocab\":{\"<unk>\":0,\"<s>\":1,\"" VISIBLE
		"\":2,\"a\":3,\"" VISIBLE "a\":4,\"<0x62>\":5},\"merges\":[[\"" VISIBLE
		"\",\"a\"]]},\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":"
		"[{\"SpecialToken\":{\"id\":\"<s>\"}},{\"Sequence\":{\"id\":\"A\"}}]}}";
	static const struct {
		const char *scheme, *want, *with_blank;
	} rows[] = { { "first", "1 4 1 3 5", "1 4" },
		     { "always", "1 4 1 4 5", "1 4" },
		     { "never", "1 3 1 3 5", "1 4" } };
	char *dir = scratch_make();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct strbuf b = { 0 };
		struct err err = { 0 };
		struct tokenizer *t;

		strbuf_addf(&b, form, rows[i].scheme);
		t = fixture_open(dir, "tokenizer.json", &b, &err);
		CHECK_OK(&err);
		check_ids(t, "a<s>ab", TOKENIZER_BOS | TOKENIZER_SPECIAL, rows[i].want);
		check_ids(t, " a", TOKENIZER_BOS, rows[i].with_blank);
		check_ids(t, "cc", TOKENIZER_NO_PREFIX, "0"); /* no byte for c */
		check_text(t, (const int[]){ 1, 4, 1, i == 1 ? 4 : 3, 5 }, 5, TOKENIZER_SPECIAL,
			   i == 2 ? "<s> a<s>ab" : "<s>a<s>ab");
		tokenizer_free(t);
		strbuf_free(&b);
	}
	scratch_remove(dir);
}

/* --- what is refused --- */

/* The text with one part replaced. */
static void replaced(const struct strbuf *from, const char *a, const char *b, struct strbuf *to)
{
	const char *at = strstr(strbuf_str(from), a);

	CHECK(at);
	strbuf_reset(to);
	strbuf_addn(to, from->s, (size_t)(at - from->s));
	strbuf_add(to, b);
	strbuf_add(to, at + strlen(a));
}

static void test_json_refused(void **state)
{
	static const char *const row[][3] = {
		{ "\"BPE\"", "\"Unigram\"", "only BPE" },
		{ "\\\\p{L}+|\\\\p{N}|", "\\\\p{L}+|\\\\p{N}{1,2}|",
		  "pattern of the pre-tokenizer" },
		{ "\"Isolated\"", "\"Removed\"", "pre-tokenizer 'Split'" },
		{ "\"add_prefix_space\":false", "\"add_prefix_space\":true", "blank in front" },
		{ "\"use_regex\":false", "\"use_regex\":true", "'ByteLevel'" },
		{ "\"NFC\"", "\"NFKC\"", "normalizer 'NFKC'" },
		{ "\"h e\"", "\"h  e\"", "merge 0 is not two words" },
		{ "\"h e\"", "\"q q\"", "what it makes is not in the vocabulary" },
		{ "\"h e\"", "\"h\"", "merge 0 is not two words" },
		{ "\"h e\"", "\"\xe2\x82\xac e\"", "merge 0 has a character that is no byte" },
		{ "\"he\":256", "\"he\":255", "appears twice" },
		{ "\"he\":256", "\"he\":-1", "whole number" },
		{ "\"he\":256", "\"he\":99999999", "whole number" },
		{ "\"he\":256", "\"he\":256.5", "whole number" },
		{ "\"id\":263", "\"id\":256", "in the vocabulary" },
		{ "\"content\":\"<left>\"", "\"content\":\"\"", "no content" },
		{ "\"ignore_merges\":false", "\"dropout\":0.5", "dropout" },
		{ "\"ignore_merges\":false", "\"end_of_word_suffix\":\"</w>\"", "end_of_word" },
		{ "\"merges\":", "\"other\":", "vocab and merges" },
		{ "\"vocab\":{", "\"vocab\":{{", "JSON" },
	};
	struct fixture_bytes x = { .normalizer = "{\"type\":\"NFC\"}",
				   .pre = PRE_LIST(PRE_SPLIT(REGEX_QWEN2), PRE_BYTES),
				   .merge = merge_list,
				   .added = added_list };
	char *dir = scratch_make();
	struct strbuf good = { 0 }, bad = { 0 };
	struct err err = { 0 };

	(void)state;
	fixture_json(&x, &good);
	tokenizer_free(fixture_open(dir, "tokenizer.json", &good, &err));
	CHECK_OK(&err);
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		replaced(&good, row[i][0], row[i][1], &bad);
		CHECK(!fixture_open(dir, "tokenizer.json", &bad, &err));
		CHECK(strstr(err.msg, "tokenizer.json"));
		CHECK_ERR(&err, ERR_FORMAT, row[i][2]);
	}
	strbuf_free(&good);
	strbuf_free(&bad);
	scratch_remove(dir);
}

/* Every file that ends too early is refused or, past what matters, read. */
static void check_cuts(const char *dir, const char *name, const struct strbuf *whole, size_t least)
{
	struct strbuf cut = { 0 };
	struct err err = { 0 };

	for (size_t n = 0; n < whole->len; n += 1 + (n > 64 ? n / 16 : 0)) {
		struct tokenizer *t;

		strbuf_reset(&cut);
		strbuf_addn(&cut, whole->s, n);
		t = fixture_open(dir, name, &cut, &err);
		CHECK(!t == (err.code != 0));
		CHECK(n >= least || !t);
		err = (struct err){ 0 };
		tokenizer_free(t);
	}
	strbuf_free(&cut);
}

static void test_cut_files(void **state)
{
	struct fixture_bytes x = { .pre = PRE_GPT2, .merge = merge_list, .added = added_list };
	char *dir = scratch_make();
	struct strbuf b = { 0 };

	(void)state;
	fixture_model(pieces, true, true, &b);
	check_cuts(dir, "a.model", &b, b.len);
	strbuf_reset(&b);
	fixture_json(&x, &b);
	check_cuts(dir, "a.json", &b, b.len);
	strbuf_reset(&b);
	fixture_gguf(pieces, &b);
	check_cuts(dir, "a.gguf", &b, b.len);
	strbuf_free(&b);
	scratch_remove(dir);
}

static void test_model_refused(void **state)
{
	static const char unigram[] = "\x0a\x05\x0a\x01"
				      "a\x18\x01\x12\x02\x18\x01";
	static const char map[] = "\x0a\x05\x0a\x01"
				  "a\x18\x01\x12\x02\x18\x02\x1a\x05\x12\x01x\x20\x00";
	static const char squeeze[] = "\x0a\x05\x0a\x01"
				      "a\x18\x01\x12\x02\x18\x02\x1a\x00";
	static const char no_text[] = "\x0a\x02\x18\x01";
	static const char type[] = "\x0a\x05\x0a\x01"
				   "a\x18\x09";
	static const char group[] = "\x0b\x05\x0a\x01"
				    "a\x18\x01";
	static const struct {
		const char *bytes;
		size_t n;
		const char *says;
	} row[] = {
		{ unigram, sizeof(unigram) - 1, "a unigram model" },
		{ map, sizeof(map) - 1, "replaces characters" },
		{ squeeze, sizeof(squeeze) - 1, "removes extra blanks" },
		{ no_text, sizeof(no_text) - 1, "piece 0 has no text" },
		{ type, sizeof(type) - 1, "damaged in a piece" },
		{ group, sizeof(group) - 1, "not a tokenizer" },
		{ "", 0, "not a tokenizer" },
		{ "GGUFxxxxxxxxxxxxxxxxxxxx", 24, "a.model" },
		{ "hello world", 11, "not a tokenizer" },
	};
	char *dir = scratch_make();
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct strbuf b = { 0 };

		strbuf_addn(&b, row[i].bytes, row[i].n);
		CHECK(!fixture_open(dir, "a.model", &b, &err));
		CHECK(strstr(err.msg, "a.model"));
		CHECK_ERR(&err, ERR_FORMAT, row[i].says);
		strbuf_free(&b);
	}
	CHECK(!tokenizer_open("/nonexistent/tokenizer.json", &err));
	CHECK_ERR(&err, ERR_MISSING, "/nonexistent");
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge_twin),     cmocka_unit_test(test_model),
		cmocka_unit_test(test_piece_by_piece), cmocka_unit_test(test_model_folder),
		cmocka_unit_test(test_gguf),	       cmocka_unit_test(test_json_bytes),
		cmocka_unit_test(test_starcoder),      cmocka_unit_test(test_vocab_and_merges),
		cmocka_unit_test(test_json_metaspace), cmocka_unit_test(test_json_refused),
		cmocka_unit_test(test_cut_files),      cmocka_unit_test(test_model_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}

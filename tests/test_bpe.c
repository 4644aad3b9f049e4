/* SPDX-License-Identifier: Apache-2.0
 * Byte pairs: the same merges as textbook learning, every byte given back, tables
 * on disk refused when broken.
 */
#include "tests/test.h"

#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "harness/text/bpe.h"

/* Textbook learning, quadratic and without any index: the independent twin. */
static int twin_learn(const char *s, int vocab, int (*merge)[2])
{
	int tok[256], n = 0, made = 0;

	for (; *s; s++)
		tok[n++] = (unsigned char)*s;
	while (256 + made < vocab) {
		int top = 1, a = 0, b = 0, m = 0;

		for (int i = 0; i + 1 < n; i++) {
			int count = 0;

			for (int j = 0; j + 1 < n; j++)
				count += tok[j] == tok[i] && tok[j + 1] == tok[i + 1];
			if (count > top || (count == top && count > 1 &&
					    (tok[i] < a || (tok[i] == a && tok[i + 1] < b)))) {
				top = count;
				a = tok[i];
				b = tok[i + 1];
			}
		}
		if (top < 2)
			break;
		for (int i = 0; i < n; m++) {
			bool hit = i + 1 < n && tok[i] == a && tok[i + 1] == b;

			tok[m] = hit ? 256 + made : tok[i];
			i += hit ? 2 : 1;
		}
		n = m;
		merge[made][0] = a;
		merge[made++][1] = b;
	}
	return made;
}

static void test_bpe_twin(void **state)
{
	struct err err = { 0 };
	struct rng r;

	(void)state;
	rng_seed(&r, 11, 0);
	for (int round = 0; round < 40; round++) {
		char s[181];
		int merge[64][2], made;
		struct bpe b;
		struct bpe_text text = { s, 1, BPE_WORDS }; /* letters only: one piece */

		for (int i = 0; i < 180; i++)
			s[i] = (char)('a' + rng_below(&r, 2 + (uint64_t)round % 5));
		s[180] = 0;
		made = twin_learn(s, 256 + 64, merge);
		bpe_learn(&b, &text, 1, 256 + 64, &err);
		CHECK_OK(&err);
		CHECK(b.n == 256 + made);
		for (int i = 0; i < made; i++)
			CHECK(b.merge[i].a == merge[i][0] && b.merge[i].b == merge[i][1]);
		bpe_free(&b);
	}
}

static void learn_some(struct bpe *b, int vocab)
{
	static const struct bpe_text text[] = {
		{ "the cat sat on the mat, the cat's hat", 3, BPE_WORDS },
		{ "No, no, NO!! 1234 caf\xc3\xa9", 2, BPE_WORDS },
		{ " Target speech: high volume with low variation, low pitch with low variation.",
		  50, BPE_CLAUSES },
	};
	struct err err = { 0 };

	bpe_learn(b, text, ARRAY_LEN(text), vocab, &err);
	CHECK_OK(&err);
}

static void check_round_trip(const struct bpe *b, const char *s, size_t n, enum bpe_split split)
{
	struct bpe_ids ids = { 0 };
	struct strbuf back = { 0 };
	struct err err = { 0 };

	bpe_encode(b, s, n, split, &ids, &err);
	bpe_decode(b, ids.id, ids.n, &back, &err);
	CHECK_OK(&err);
	CHECK(back.len == n && (!n || !memcmp(back.s, s, n)));
	bpe_ids_free(&ids);
	strbuf_free(&back);
}

static void test_bpe_round_trip(void **state)
{
	static const char *const words[] = { "the", " cat", " with", ", ", "  ", "\n", "\xc3\xa9" };
	struct bpe b;
	struct rng r;
	char s[400];

	(void)state;
	learn_some(&b, 400);
	for (int c = 0; c < 256; c++) {
		s[0] = s[1] = (char)c;
		check_round_trip(&b, s, 2, BPE_WORDS);
		check_round_trip(&b, s, 2, BPE_CLAUSES);
	}
	check_round_trip(&b, "", 0, BPE_WORDS);
	rng_seed(&r, 5, 0);
	for (int round = 0; round < 500; round++) {
		size_t n = 0;

		while (n < 300) {
			const char *w = words[rng_below(&r, ARRAY_LEN(words))];

			if (rng_below(&r, 2)) {
				s[n++] = (char)rng_below(&r, 256);
			} else {
				memcpy(s + n, w, strlen(w));
				n += strlen(w);
			}
		}
		check_round_trip(&b, s, n, round % 2 ? BPE_WORDS : BPE_CLAUSES);
	}
	bpe_free(&b);
}

static void test_bpe_pieces(void **state)
{
	struct bpe b;
	struct bpe_ids ids = { 0 };
	struct strbuf one = { 0 };
	struct err err = { 0 };
	static const char clause[] = " high volume with low variation,";
	int beyond;

	(void)state;
	learn_some(&b, 600);
	beyond = b.n;
	bpe_encode(&b, clause, strlen(clause), BPE_CLAUSES, &ids, &err);
	CHECK(ids.n == 2); /* frequent clauses are single tokens */
	bpe_decode(&b, ids.id, 1, &one, &err);
	assert_string_equal(strbuf_str(&one), " high volume");
	ids.n = 0;
	strbuf_reset(&one);
	bpe_encode(&b, " the cat", 8, BPE_WORDS, &ids, &err);
	CHECK(ids.n == 2); /* the blank goes with the word */
	bpe_decode(&b, ids.id, 1, &one, &err);
	assert_string_equal(strbuf_str(&one), " the");
	CHECK_OK(&err);
	CHECK(bpe_decode(&b, &beyond, 1, &one, &err));
	CHECK_ERR(&err, ERR_ARG, "outside");
	bpe_free(&b);
	CHECK(bpe_learn(&b, NULL, 0, 255, &err));
	CHECK_ERR(&err, ERR_ARG, "vocabulary");
	bpe_free(&b);
	bpe_ids_free(&ids);
	strbuf_free(&one);
}

static void test_bpe_file(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "table");
	struct bpe b, c;
	struct err err = { 0 };
	int32_t bad[] = { 258, 'a', 'b', 300, 'c' };
	FILE *f = fopen(path, "wb");

	(void)state;
	learn_some(&b, 300);
	CHECK(f && !bpe_write(&b, f, path, &err));
	io_close(f, path, &err);
	f = fopen(path, "rb");
	CHECK(f && !bpe_read(&c, f, path, &err));
	fclose(f);
	CHECK(c.n == b.n && !memcmp(c.merge, b.merge, (size_t)(b.n - 256) * sizeof(*b.merge)));
	bpe_free(&b);
	bpe_free(&c);
	for (size_t n = 0; n <= sizeof(bad); n += 4) {
		io_write_atomic(path, bad, n, &err);
		f = fopen(path, "rb");
		CHECK(f && bpe_read(&c, f, path, &err));
		CHECK_ERR(&err, ERR_FORMAT, path);
		CHECK(!c.merge && !c.n);
		fclose(f);
	}
	free(path);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bpe_twin),
		cmocka_unit_test(test_bpe_round_trip),
		cmocka_unit_test(test_bpe_pieces),
		cmocka_unit_test(test_bpe_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}

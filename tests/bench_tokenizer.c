/* SPDX-License-Identifier: Apache-2.0
 * How fast texts become tokens: utterances one by one, the same as one long text, and the
 * texts that are worst for merging; processor time of one thread, best of five.
 */
#include "tests/test.h"

#include <time.h>

#include "harness/base/csv.h"
#include "harness/text/tokenizer.h"

static double cpu_s(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

/* Texts one behind the other; cut[i] is where text i begins. */
struct texts {
	struct strbuf all;
	size_t *cut;
	size_t n;
};

static void measure(const struct tokenizer *t, const char *what, const struct texts *x, bool whole)
{
	struct bpe_ids ids = { 0 };
	struct err err = { 0 };
	double best = 1e9;
	size_t tokens = 0;

	for (int run = 0; run < 5; run++) {
		const double start = cpu_s();

		tokens = 0;
		for (size_t i = 0; i < (whole ? 1 : x->n); i++) {
			const size_t from = x->cut[i], to = x->cut[whole ? x->n : i + 1];

			ids.n = 0;
			tokenizer_encode(t, x->all.s + from, to - from, 0, &ids, &err);
			tokens += ids.n;
		}
		CHECK_OK(&err);
		if (cpu_s() - start < best)
			best = cpu_s() - start;
	}
	printf("  %-24s %7.1f MB/s %8.2f million tokens/s\n", what,
	       (double)x->cut[x->n] / best / 1e6, (double)tokens / best / 1e6);
	bpe_ids_free(&ids);
}

/* A megabyte of one text over and over. */
static void repeated(const struct tokenizer *t, const char *what, const char *s)
{
	struct texts x = { .n = 1 };
	size_t cut[2] = { 0 };

	while (x.all.len < 1 << 20)
		strbuf_add(&x.all, s);
	cut[1] = x.all.len;
	x.cut = cut;
	measure(t, what, &x, true);
	strbuf_free(&x.all);
}

static void read_texts(struct texts *x)
{
	char *path = real_data("meld/train_sent_emo.csv");
	struct csv_table table = { 0 };
	struct err err = { 0 };

	if (path) {
		const int col = csv_table_read(&table, path, ',', 1 << 26, &err)
					? -1
					: csv_column(&table, "Utterance");

		CHECK_OK(&err);
		x->cut = calloc(table.n_rows + 1, sizeof(*x->cut));
		for (size_t i = 0; i < table.n_rows; i++) {
			strbuf_add(&x->all, table.row[i].field[col]);
			strbuf_addc(&x->all, '\n');
			x->cut[++x->n] = x->all.len;
		}
	}
	csv_table_free(&table);
	free(path);
}

static void bench(void **state)
{
	static const char *const names[] = {
		"tokenizers/llama2.model",
		"tokenizers/llama2.tokenizer.json",
		"tokenizers/ggml-vocab-gpt-2.gguf",
		"tokenizers/ggml-vocab-starcoder.gguf",
	};
	struct texts x = { .n = 0 };

	(void)state;
	read_texts(&x);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && x.n; i++) {
		char *path = real_data(names[i]);
		const double start = cpu_s();
		struct err err = { 0 };
		struct tokenizer *t = tokenizer_open(path, &err);

		CHECK_OK(&err);
		printf("%s\n  %-24s %7.1f ms\n", tokenizer_describe(t), "opening",
		       (cpu_s() - start) * 1e3);
		measure(t, "utterances, each alone", &x, false);
		measure(t, "utterances, one text", &x, true);
		repeated(t, "1 MB of one letter", "a");
		repeated(t, "1 MB of blanks", " ");
		repeated(t, "1 MB of line ends", "\r\n");
		repeated(t, "1 MB of one ideograph", "\xe6\x88\x91");
		repeated(t, "1 MB of letter pairs", "abcdeabcdf");
		tokenizer_free(t);
		free(path);
	}
	strbuf_free(&x.all);
	free(x.cut);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(bench) };

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}

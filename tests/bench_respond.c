/* SPDX-License-Identifier: Apache-2.0
 * Asks a second of weights on disk, each read from its beginning and with what it shares with the
 * one before kept; in processor time, in turns, the median of the rounds.  Not a test.
 *   bench_respond [ASKS.jsonl TOKENIZER [bf16|q8_0|q4_0|f32 [ROUNDS]]]
 * asks as merc ask reads them, all of text; TOKENIZER a file or folder.  Without them invented
 * dialogues and the bytes as tokens, about four times as many as a published tokenizer makes.  The
 * weights are invented (d 512, 8 layers, 8 heads, ff 1376, tied): they write max_tokens tokens
 * where others would stop.
 */
#include "tests/test.h"

#include <sys/resource.h>

#include "tests/published_fixture.h"
#include "tests/weights_fixture.h"

#include "harness/base/mem.h"
#include "harness/remote/ask_file.h"
#include "models/backbone/respond.h"

#define ROUNDS_MAX 99
#define DIALOGUES  4
#define TURNS	   8

struct bench {
	struct llama *base;
	struct tokenizer *t;
	struct decoder *d;
	struct responder *r;
	struct ask_file file;
	long prompt, made;
};

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void start(struct bench *b, const char *table, const char *type)
{
	struct llama_config c = fixture_config();
	struct decoder_config cfg = { .threads = 1 };
	struct responder_config rc = { .name = "invented", .chat = chat_format_named("plain") };
	struct err err = { 0 };
	struct fixture f;
	char *dir = scratch_make(), *path = path_join(dir, "w.gguf");

	b->t = tokenizer_open(table, &err);
	CHECK_OK(&err);
	c.vocab = (tokenizer_size(b->t) + 31) / 32 * 32;
	c.dim = 512;
	c.layers = c.heads = c.kv_heads = 8;
	c.head_dim = 64;
	c.ff = 1376;
	c.context = 8192;
	c.tied = true;
	fixture_make(&f, &c,
		     !strcmp(type, "q8_0")   ? WEIGHT_Q8_0
		     : !strcmp(type, "q4_0") ? WEIGHT_Q4_0
		     : !strcmp(type, "f32")  ? WEIGHT_F32
					     : WEIGHT_BF16,
		     WEIGHT_F32, 3);
	fixture_write_gguf(&f, path);
	fixture_free(&f);
	b->base = llama_open(path, &err);
	CHECK_OK(&err);
	cfg.base = b->base;
	b->d = decoder_new(&cfg, 1, &err);
	CHECK_OK(&err);
	rc.decoder = b->d;
	rc.base = b->base;
	rc.tokenizer = b->t;
	b->r = responder_new(&rc, &err);
	CHECK_OK(&err);
	free(path);
	scratch_remove(dir);
}

/* Processor seconds of all asks. */
static double pass(struct bench *b, const char *asks, bool keeps)
{
	const struct ask *ask;
	struct err err = { 0 };
	double from;

	ask_file_open(&b->file, asks, &err);
	CHECK_OK(&err);
	b->prompt = b->made = 0;
	responder_forget(b->r);
	from = cpu_s();
	while (ask_file_next(&b->file, &ask, &err) == ASK_READY) {
		struct arena mem = { 0 };
		struct reply r;

		if (!keeps)
			responder_forget(b->r);
		responder_answer(b->r, ask, &mem, &r, &err);
		CHECK_OK(&err);
		CHECK(r.status == ANSWER_OK);
		b->prompt += r.prompt_tokens;
		b->made += r.completion_tokens;
		arena_free(&mem);
		ask_file_release(ask);
	}
	from = cpu_s() - from;
	CHECK_OK(&err);
	ask_file_free(&b->file);
	return from;
}

static int by_value(const void *x, const void *y)
{
	const double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

/* DIR/asks.jsonl: each turn is asked about behind all before it. */
static void invent_asks(const char *dir)
{
	char *path = path_join(dir, "asks.jsonl");
	struct err err = { 0 };
	FILE *f = fopen(path, "w");

	CHECK(f);
	for (int d = 0; d < DIALOGUES; d++)
		for (int t = 0; t < TURNS; t++) {
			fprintf(f,
				"{\"id\":\"d%d_%d\",\"sampling\":{\"max_tokens\":2},\"messages\":[{"
				"\"content\":\"Judge the emotion of the speaker of the last "
				"utterance.\\n",
				d, t);
			for (int i = 0; i <= t; i++)
				fprintf(f, "%c: Number %d of %d was never said like that!\\n",
					'A' + i % 2, i * 7, d);
			fprintf(f, "Which label names it best: joy, sadness or anger?\"}]}\n");
		}
	io_close(f, path, &err);
	CHECK_OK(&err);
	free(path);
}

static void invent_tokenizer(const char *dir)
{
	static const char *const none[] = { NULL };

	fixture_write_tokenizer(dir, none, 288);
}

int main(int argc, char **argv)
{
	const int rounds = argc > 4 ? atoi(argv[4]) : 5;
	char *dir = scratch_make(), *asks = path_join(dir, "asks.jsonl");
	double s[2][ROUNDS_MAX];
	struct bench b = { 0 };

	if (argc == 2 || rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: %s [ASKS.jsonl TOKENIZER [TYPE [ROUNDS]]]\n", argv[0]);
		return 2;
	}
	if (argc > 1) {
		free(asks);
		asks = str_dup(argv[1]);
	} else {
		invent_asks(dir);
		invent_tokenizer(dir);
	}
	start(&b, argc > 2 ? argv[2] : dir, argc > 3 ? argv[3] : "bf16");
	pass(&b, asks, true); /* warm */
	for (int i = 0; i < rounds; i++)
		for (int keeps = 0; keeps < 2; keeps++)
			s[keeps][i] = pass(&b, asks, keeps);
	for (int keeps = 0; keeps < 2; keeps++)
		qsort(s[keeps], (size_t)rounds, sizeof(double), by_value);
	printf("{\"prompt_tokens\":%ld,\"completion_tokens\":%ld,\"from_the_start_s\":%.3f,"
	       "\"kept_s\":%.3f,\"ratio\":%.2f}\n",
	       b.prompt, b.made, s[0][rounds / 2], s[1][rounds / 2],
	       s[0][rounds / 2] / s[1][rounds / 2]);
	responder_free(b.r);
	decoder_free(b.d);
	llama_close(b.base);
	tokenizer_free(b.t);
	free(asks);
	scratch_remove(dir);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * Recorded predictions in whatever form they are taken for, scored against a corpus of two
 * dialogues with every decoder.
 */
#include "tests/fuzz/fuzz.h"

#include "harness/score/scored.h"
#include "harness/score/scored_print.h"

static const struct label_set *const labels = &labels_iemocap6;

static void look(const struct scored *s, const struct notes *notes)
{
	struct strbuf out = { 0 };
	int n = 0;

	for (int i = 0; i < ANSWER_STATUS_COUNT; i++)
		n += s->count[i];
	FUZZ_CHECK(n == s->n && s->n == 4);
	for (int i = 0; i < s->n; i++)
		FUZZ_CHECK((s->sample[i].status == ANSWER_OK) == (s->sample[i].label >= 0));
	FUZZ_CHECK(s->all.n == s->n - s->count[ANSWER_EXCLUDED] &&
		   s->all.answered == s->count[ANSWER_OK]);
	scored_json(s, notes, "none", &out);
	scored_text(s, "none", &out);
	scored_csv(s, &out);
	scored_markdown(s, "none", &out);
	FUZZ_CHECK(out.len > 0);
	fuzz_touch(out.s, out.len);
	strbuf_free(&out);
}

static void score(const char *path, const char *format, const struct match_request *rq, int rule)
{
	const struct score_options o = { .rule = (enum extract_rule)rule,
					 .letters = rule % 2,
					 .replicates = 100,
					 .threads = 1 };
	struct notes notes = { 0 };
	struct recorded r;
	struct scored s = { 0 };
	struct err err = { 0 };

	recorded_read(&r, path, format, NULL, &notes, &err);
	if (!err.code && !score_recorded(&s, &r, rq, &o, &notes, &err))
		look(&s, &notes);
	fuzz_outcome(!err.code, &err);
	scored_free(&s);
	recorded_free(&r);
	notes_free(&notes);
}

int fuzz_recorded(const uint8_t *data, size_t size)
{
	static const char *const format[] = { "auto", "lines", "results", "array", "csv", "tsv" };
	static struct utterance utt[] = {
		{ .id = "dia0_utt0", .dialogue = 0, .text = "Hi." },
		{ .id = "dia0_utt1", .dialogue = 0, .text = "Who is there?" },
		{ .id = "dia0_utt2", .dialogue = 0, .text = "Hi." },
		{ .id = "dia1_utt0", .dialogue = 1, .text = "Hi." },
		{ .id = "dia1_utt1", .dialogue = 1, .text = "\xc2\x92No!" },
	};
	static struct dialogue dia[] = {
		{ .id = "dia0", .split = SPLIT_TEST, .first = 0, .count = 3 },
		{ .id = "dia1", .split = SPLIT_TEST, .first = 3, .count = 2 },
	};
	int gold_label[] = { 0, 1, 0, -1, 3 };
	const struct corpus corpus = { .name = "meld",
				       .title = "MELD",
				       .root = "/none",
				       .policy = "emotion",
				       .labels = labels,
				       .utt = utt,
				       .dia = dia,
				       .n_utt = 5,
				       .n_dia = 2 };
	const struct gold gold = { gold_label };
	struct match_request rq = { .corpus = &corpus, .gold = &gold, .split = SPLIT_TEST };
	struct fuzz_file f;

	if (!size)
		return 0;
	fuzz_file_open(&f, data + 1, size - 1);
	rq.way = (enum match_way)(data[0] / 8 % MATCH_WAYS);
	score(f.path, format[data[0] % 8 % 6], &rq, data[0] / 32 % EXTRACT_RULES);
	fuzz_file_close(&f);
	return 0;
}

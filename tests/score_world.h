/* SPDX-License-Identifier: Apache-2.0
 * A small corpus on disk and a file of recorded predictions beside it.
 */
#ifndef TESTS_SCORE_WORLD_H
#define TESTS_SCORE_WORLD_H

#include "tests/test.h"

#include "harness/core/dataset.h"
#include "harness/score/scored.h"

#define HEADER                                                                                     \
	"Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,"      \
	"StartTime,EndTime\n"
#define ROW(text, emotion, sentiment, d, u)                                                        \
	"1,\"" text "\",Ann," emotion "," sentiment "," #d "," #u                                  \
	",1,1,\"00:00:01,000\",\"00:00:02,000\"\n"

/* A corpus of three dialogues, with texts that repeat. */
static const char world_csv[] =
	HEADER ROW("Hi.", "neutral", "neutral", 0, 0) ROW("Hello there!", "joy", "positive", 0, 1)
		ROW("Hi.", "neutral", "neutral", 0, 2) ROW("Hi.", "joy", "positive", 1, 0)
			ROW("You lie,\u00a0\u2019Bob\u2019.", "anger", "negative", 1, 1)
				ROW("No.", "sadness", "negative", 1, 3)
					ROW("Go.", "neutral", "neutral", 2, 0)
						ROW("Go.", "neutral", "neutral", 2, 1);

static inline void put_file(const char *dir, const char *name, const char *text)
{
	struct err err = { 0 };
	char *path = path_join(dir, name);

	io_write_atomic(path, text, strlen(text), &err);
	CHECK_OK(&err);
	free(path);
}

struct world {
	char *dir, *file;
	struct corpus corpus;
	struct gold gold;
	struct recorded r;
	struct scored s;
	struct notes notes;
};

static inline void world_load(struct world *w, const char *dataset, const char *root,
			      const char *option, const char *value)
{
	const struct dataset_ops *d = dataset_find(dataset);
	struct opt_values opts = { 0 };
	struct err err = { 0 };

	opt_init(&opts, d->opts, &err);
	if (option)
		opt_set(&opts, option, value, &err);
	CHECK_OK(&err);
	w->corpus = (struct corpus){ 0 };
	w->gold = (struct gold){ 0 };
	d->load(&w->corpus, &w->gold, root, &opts, &err);
	CHECK_OK(&err);
	opt_free(&opts);
}

static inline void world_make(struct world *w, const char *test, const char *option,
			      const char *value)
{
	*w = (struct world){ .dir = scratch_make() };
	put_file(w->dir, "train_sent_emo.csv", HEADER ROW("Hi.", "joy", "positive", 0, 0));
	put_file(w->dir, "dev_sent_emo.csv", HEADER ROW("Hi.", "fear", "negative", 0, 0));
	put_file(w->dir, "test_sent_emo.csv", test);
	world_load(w, "meld", w->dir, option, value);
	w->file = path_join(w->dir, "recorded");
}

static inline void forget(struct world *w)
{
	scored_free(&w->s);
	recorded_free(&w->r);
	notes_free(&w->notes);
}

static inline void world_free(struct world *w)
{
	forget(w);
	corpus_free(&w->corpus);
	gold_free(&w->gold);
	free(w->file);
	if (w->dir)
		scratch_remove(w->dir);
}

static inline int read_text(struct world *w, const char *text, const char *format,
			    const char *columns, struct err *err)
{
	forget(w);
	put_file(w->dir, "recorded", text);
	return recorded_read(&w->r, w->file, format, columns, &w->notes, err);
}

#endif

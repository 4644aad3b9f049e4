/* SPDX-License-Identifier: Apache-2.0
 * What both layouts of a calibrated corpus share: the drawn dialogues with their
 * words, the folder, the clips, truth.jsonl and calibration.json.
 */
#ifndef DATASETS_SYNTH_CORPUS_H
#define DATASETS_SYNTH_CORPUS_H

#include "datasets/synth_ceiling.h"
#include "datasets/synth_figure.h"
#include "datasets/synth_text.h"
#include "harness/base/log.h"
#include "harness/base/mem.h"
#include "harness/base/opt.h"
#include "harness/core/corpus.h"
#include "harness/media/media.h"

/* Independent random streams: one a dialogue and purpose. */
enum synth_stream {
	STREAM_PROCESS = 1, /* who speaks, emotions, symbols */
	STREAM_WORDS,
	STREAM_TIMES,
	STREAM_LOOK, /* the wall, the movements, the voice */
	STREAM_PEOPLE,
};
void synth_stream(struct rng *rng, uint64_t seed, enum synth_stream purpose, int index);

struct synth_line {
	char id[48]; /* as in the layout */
	char text[SYNTH_TEXT];
	double start_s, seconds; /* start within the dialogue */
	int person;		 /* index into the corpus's people */
};

struct synth_scene {
	enum split split;
	char id[32];
	struct synth_dialogue drawn;
	struct synth_line line[SYNTH_TURNS];
};

struct synth_corpus {
	const char *out; /* the folder */
	const char *layout;
	struct synth_process process;
	uint64_t seed;
	int mean, sample, threads, fps, quality;
	struct synth_scene *scene;
	int n;
	struct synth_person *person;
	int n_person;
	const struct log *log;
};

/* Reads the options that both layouts have, makes the folder (refused when it holds
 * anything) and draws the dialogues, their words and lengths: everything but
 * split, id, start_s and person.  Free with synth_corpus_free(). */
int synth_corpus_begin(struct synth_corpus *c, const char *layout, const char *out,
		       const struct opt_values *opts, int threads, const struct log *log,
		       struct err *err);
void synth_corpus_free(struct synth_corpus *c);

/* Somebody's voice and looks. */
void synth_person_draw(struct synth_person *p, bool woman, double pitch_hz, struct rng *rng);

/* Everything one utterance sounds and looks like. */
struct synth_act {
	struct synth_voice voice;
	struct synth_pose pose;
};
void synth_act_plan(const struct synth_corpus *c, const struct synth_scene *s, int turn,
		    struct rng *rng, struct synth_act *act);

/* Calls make for every scene on the corpus's threads, with progress; the first failure in the
 * order of the scenes is reported. */
int synth_corpus_render(struct synth_corpus *c,
			int (*make)(const struct synth_corpus *c, int scene, struct err *err),
			struct err *err);
/* Writes truth.jsonl, then (last, so that it marks a whole corpus) calibration.json. */
int synth_corpus_finish(struct synth_corpus *c, struct err *err);

/* Writes text to a file below the corpus's folder, making folders. */
int synth_corpus_write(const struct synth_corpus *c, const char *name, const struct strbuf *text,
		       struct err *err);

/* Options both layouts have. */
#define SYNTH_SHARED_OPTS                                                                          \
	{ .name = "seed",                                                                          \
	  .type = OPT_INT,                                                                         \
	  .fallback = "1",                                                                         \
	  .min = 0,                                                                                \
	  .max = 4294967295.0,                                                                     \
	  .help = "same seed, same bytes" },                                                       \
		{ .name = "sample",                                                                \
		  .type = OPT_INT,                                                                 \
		  .fallback = "4000",                                                              \
		  .min = 10,                                                                       \
		  .max = 100000,                                                                   \
		  .help = "simulated dialogues behind the ceilings with history" },                \
	{                                                                                          \
		.name = "fps", .type = OPT_INT, .fallback = "12", .min = 8, .max = 25,             \
		.help = "pictures a second"                                                        \
	}

#endif

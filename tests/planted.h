/* SPDX-License-Identifier: Apache-2.0
 * How well behaviour cues tell what a calibrated corpus shows: its clips are measured, and beside
 * each measurement stands the symbol that the clip was drawn from (truth.jsonl).  That is full
 * reliability: the symbol itself, not the emotion, which a channel shows only now and then.
 */
#ifndef TESTS_PLANTED_H
#define TESTS_PLANTED_H

#include "tests/test.h"

#include "datasets/synth_look.h"
#include "datasets/synth_process.h"
#include "harness/base/mem.h"
#include "harness/core/dataset.h"
#include "harness/cue/behaviour.h"
#include "harness/metrics/compare.h"
#include "harness/run/bank.h"

/* What a figure can do, and the cue that is to tell it; state: at level -1 and at level 1. */
static const struct planted_axis {
	enum synth_channel channel;
	int axis;
	enum behaviour_cue cue;
	const char *state[2];
} planted_axis[] = {
	{ CH_FACE, AXIS_BROW, CUE_BROW, { "brows lowered", "brows raised" } },
	{ CH_FACE, AXIS_EYES, CUE_EYES, { "eyes narrowed", "eyes widened" } },
	{ CH_FACE, AXIS_CORNERS, CUE_CORNERS, { "mouth corners lowered", "mouth corners raised" } },
	{ CH_FACE, AXIS_JAW, CUE_JAW, { NULL, "jaw dropped" } },
	{ CH_BODY, AXIS_ENERGY, CUE_GESTURE, { NULL, "gestures" } },
	{ CH_BODY, AXIS_ARMS, CUE_HANDS, { NULL, "arms raised" } },
	{ CH_BODY, AXIS_ARMS, CUE_MOTION_HEIGHT, { NULL, "arms raised" } },
	{ CH_BODY, AXIS_NOD, CUE_NOD, { NULL, "nods" } },
	{ CH_BODY, AXIS_SHAKE, CUE_SHAKE, { NULL, "shakes the head" } },
	{ CH_POSTURE, AXIS_LEAN, CUE_LEAN, { "leans out", "leans in" } },
	{ CH_POSTURE, AXIS_RISE, CUE_RISE, { "slumps", "rises" } },
	{ CH_POSTURE, AXIS_TILT, CUE_TILT, { "head tilted left", "head tilted right" } },
};

struct planted_state {
	const struct planted_axis *axis;
	int level;	   /* -1 or 1 */
	int shown, others; /* clips with the state and without, of those where the cue is valid */
	int missing;	   /* clips where it is not */
	double area;	   /* AUC of the cue, of its negative for level -1 */
};

enum { PLANTED_STATES = 2 * ARRAY_LEN(planted_axis) };

struct planted_corpus {
	struct corpus corpus;
	struct gold gold;
	struct bank bank;
	int (*symbol)[CH_COUNT]; /* (n_utt) label that each channel shows */
	int n;			 /* lines of truth.jsonl */
};

static inline int planted_truth(void *ctx, const struct json *v, long line, struct err *err)
{
	struct planted_corpus *p = ctx;
	const char *split = json_str(json_get(v, "split"), "");
	int at = -1, i;

	(void)line;
	(void)err;
	for (i = 0; i < SPLIT_COUNT; i++)
		at = strcmp(split_name[i], split) ? at : i;
	i = corpus_find(&p->corpus, json_str(json_get(v, "id"), ""), at);
	CHECK(at >= 0 && i >= 0);
	for (int c = 0; c < CH_COUNT; c++) {
		p->symbol[i][c] = label_find(p->corpus.labels,
					     json_str(json_get(v, synth_channel_name[c]), ""));
		CHECK(p->symbol[i][c] >= 0);
	}
	p->n++;
	return 0;
}

/* Writes a corpus of this layout into dir, measures every clip and reads what it shows. */
static inline void planted_make(struct planted_corpus *p, const char *layout, const char *dialogues,
				char *dir)
{
	const struct dataset_ops *d = dataset_find(layout);
	const struct bank_options o = { .media = true, .threads = 1 };
	char *root = path_join(dir, layout), *truth = path_join(root, "truth.jsonl");
	struct opt_values synth, load;
	struct err err = { 0 };
	bool torn;

	*p = (struct planted_corpus){ 0 };
	opt_init(&synth, d->synth_opts, &err);
	opt_set(&synth, "dialogues", dialogues, &err);
	opt_set(&synth, "sample", "10", &err); /* the ceilings are not asked for */
	opt_init(&load, d->opts, &err);
	CHECK_OK(&err);
	if (!d->synth(root, &synth, 1, NULL, &err))
		d->load(&p->corpus, &p->gold, root, &load, &err);
	CHECK_OK(&err);
	CHECK(NEW_ARRAY(p->symbol, (size_t)p->corpus.n_utt));
	json_lines(truth, 1 << 24, &torn, planted_truth, p, &err);
	CHECK_OK(&err);
	CHECK(!torn && p->n == p->corpus.n_utt);
	bank_build(&p->bank, &p->corpus, &p->gold, &o, &err);
	CHECK_OK(&err);
	opt_free(&synth);
	opt_free(&load);
	free(root);
	free(truth);
}

static inline void planted_free(struct planted_corpus *p)
{
	bank_free(&p->bank);
	corpus_free(&p->corpus);
	gold_free(&p->gold);
	free(p->symbol);
}

/* The level at which clip i shows an axis. */
static inline int planted_level(const struct planted_corpus *p, int i, const struct planted_axis *a)
{
	const struct synth_look *l = synth_look_find(p->corpus.labels, p->symbol[i][a->channel]);

	return a->channel == CH_FACE   ? l->face[a->axis]
	       : a->channel == CH_BODY ? l->body[a->axis]
				       : l->posture[a->axis];
}

static inline void planted_judge(const struct planted_corpus *p, struct planted_state *s)
{
	double *shown, *others;
	struct err err = { 0 };

	CHECK(NEW_ARRAY(shown, (size_t)p->n) && NEW_ARRAY(others, (size_t)p->n));
	for (int i = 0; i < p->n; i++) {
		const struct cue_set *c = &p->bank.m[i].behaviour;
		const double v = s->level * c->v[s->axis->cue];

		if (!c->ok[s->axis->cue])
			s->missing++;
		else if (planted_level(p, i, s->axis) == s->level)
			shown[s->shown++] = v;
		else
			others[s->others++] = v;
	}
	CHECK(s->shown && s->others);
	roc_area(shown, s->shown, others, s->others, &s->area, &err);
	CHECK_OK(&err);
	free(shown);
	free(others);
}

/* Fills out; returns how many states there are. */
static inline int planted_states(const struct planted_corpus *p,
				 struct planted_state out[PLANTED_STATES])
{
	int n = 0;

	for (size_t a = 0; a < ARRAY_LEN(planted_axis); a++)
		for (int k = 0; k < 2; k++) {
			if (!planted_axis[a].state[k])
				continue;
			out[n] = (struct planted_state){ .axis = &planted_axis[a],
							 .level = k ? 1 : -1 };
			planted_judge(p, &out[n++]);
		}
	return n;
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Measurements into words: quantiles of the train split by speaker group, and
 * the sentences of SpeechCueLLM (arXiv 2407.21315) made from them, byte for byte.
 */
#ifndef HARNESS_CUE_WORDS_H
#define HARNESS_CUE_WORDS_H

#include <stdbool.h>

#include "harness/base/err.h"
#include "harness/base/json.h"
#include "harness/base/str.h"
#include "harness/cue/cues.h"

enum { QUANT_MIN_CLASSES = 3, QUANT_MAX_CLASSES = 6, QUANT_MIN_VALUES = 20 };

/* Thresholds between classes for each cue of a table and each speaker group. */
struct quantizer {
	int classes;	   /* 3..6 */
	int cues, groups;  /* thresholds exist for groups 0..groups-1 and for the pool of all */
	bool zero_missing; /* an exact 0 says "not measured" (speech), as in the published code */
	double *cut; /* (groups + 1, cues, classes - 1) ascending; last group: pool; NaN: no values
		      */
};

/* What to fit: value i belongs to group[i] (-1: to the pool only). */
struct quantizer_data {
	const struct cue_spec *spec; /* (cues) names, for messages */
	int cues;
	const struct cue_set *set; /* (n) */
	const int *group;	   /* (n) or NULL: all in the pool */
	int n, groups;
	bool zero_missing;
	/* 0: plain quantiles.  Otherwise a threshold moves to the middle of the widest gap
	 * between values at most this share of all ranks away, if that gap is wider than 0.15
	 * of the values' range there: where a cue falls into levels, no level is cut in two. */
	double snap;
};

/* Quantiles, by linear interpolation between order statistics, at .25 .75
 * (3 classes), .25 .5 .75 (4), .1 .25 .75 .9 (5), .1 .25 .5 .75 .9 (6).
 * Invalid values, NaN (and zeros where zero_missing) are left out.  A group with
 * fewer than QUANT_MIN_VALUES values of a cue uses the pool of all for that cue.
 * *q is overwritten; destroy with quantizer_free(). */
int quantizer_fit(struct quantizer *q, const struct quantizer_data *data, int classes,
		  struct err *err);
void quantizer_free(struct quantizer *q);

/* Class 0..classes-1 (a value equal to a threshold takes the lower one), or -1
 * when the value is missing or no thresholds exist.  A group outside 0..groups-1
 * is the pool: so are the published words of MELD's speakers beyond the main six. */
int quantizer_class(const struct quantizer *q, const struct cue_set *set, int cue, int group);
/* "very low", "moderate", …; NULL for class -1. */
const char *quantizer_word(const struct quantizer *q, int class_index);

/* One JSON object {"classes":…,"zero_missing":…,"groups":…,"cuts":{name:[[…],…]}}
 * under key (NULL at the top); the last row of each cue is the pool. */
void quantizer_save(const struct quantizer *q, const struct cue_spec *spec, struct json_writer *w,
		    const char *key);
/* Reads it back; ERR_FORMAT when classes, cue names or counts do not fit. */
int quantizer_load(struct quantizer *q, const struct cue_spec *spec, int cues, const struct json *v,
		   const char *what, struct err *err);

/* "Target speech characteristics: high volume with low variation, low pitch with
 * moderate variation, high speaking rate."  Missing cues are left out; nothing
 * at all: "Insufficient data to describe speech characteristics."  Appended to out.
 * The published pipeline leaves MELD utterances of 0.5 s or less without a description:
 * that is the caller's choice (cue CUE_DURATION). */
void speech_describe(const struct quantizer *q, const struct cue_set *set, int group,
		     struct strbuf *out);

/* "low pitch with high variation", the note of the prompts with audio context; nothing where the
 * pitch is missing.  Appended to out. */
void speech_pitch_note(const struct quantizer *q, const struct cue_set *set, int group,
		       struct strbuf *out);

/* "The target speaker uses a lower pitch …, while …, and is …."  A missing value
 * reads as the highest class, as in the published code.  Words with "very" or
 * "extremely" state plainly, "low" and "high" with "likely"; in four classes the
 * outer two state plainly.  Appended to out. */
void speech_impression(const struct quantizer *q, const struct cue_set *set, int group,
		       struct strbuf *out);

#endif

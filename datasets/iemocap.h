/* SPDX-License-Identifier: Apache-2.0
 * Private to the IEMOCAP loader: the tree as read (dialogues of labelled turns),
 * the published list of the benchmark, and where the media are.
 */
#ifndef DATASETS_IEMOCAP_H
#define DATASETS_IEMOCAP_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/base/mem.h"
#include "harness/core/corpus.h"
#include "harness/core/dataset.h"

enum { IEMOCAP_SESSIONS = 5 };

/* Majority labels of the annotators as they are written; xxx: no majority. */
#define IEMOCAP_CODES(X)                                                                           \
	X(HAP, "hap")                                                                              \
	X(SAD, "sad")                                                                              \
	X(NEU, "neu")                                                                              \
	X(ANG, "ang")                                                                              \
	X(EXC, "exc")                                                                              \
	X(FRU, "fru")                                                                              \
	X(SUR, "sur")                                                                              \
	X(FEA, "fea")                                                                              \
	X(DIS, "dis")                                                                              \
	X(OTH, "oth")                                                                              \
	X(NONE, "xxx")

/* The first six are the classes of the benchmark, in the order of labels_iemocap6. */
enum iemocap_code {
#define X(id, text) IEMOCAP_##id,
	IEMOCAP_CODES(X)
#undef X
		IEMOCAP_CODE_COUNT,
	IEMOCAP_SIX = IEMOCAP_SUR,
};
extern const char *const iemocap_code[IEMOCAP_CODE_COUNT];

struct iemocap_turn {
	const char *id, *text;
	char speaker; /* 'F' or 'M' */
	int64_t start_ms, end_ms;
	enum iemocap_code code;
	int published;	/* class of the published list, 0..5; -1: not in it */
	long eval_line; /* of the EmoEvaluation file */
	long line;	/* of the transcription */
};

struct iemocap_dialogue {
	const char *name; /* Ses05F_impro03 */
	int session;	  /* 1..5 */
	const char *eval_file, *text_file;
	struct iemocap_turn *turn; /* (n) in order of speech */
	int n;
	enum split split;
};

/* Free with arena_free(&t->mem) and free(t->dia): iemocap_tree_free(). */
struct iemocap_tree {
	struct iemocap_dialogue *dia; /* by session, then name */
	int n;
	size_t cap;
	struct arena mem;
};

/* Reads the wanted sessions (wanted[s], s in 1..5).  by_time: turns by start time instead of
 * the order of the transcription.  c: takes the issues; NULL: none are listed. */
int iemocap_tree_read(struct iemocap_tree *t, const char *root,
		      const bool wanted[IEMOCAP_SESSIONS + 1], bool by_time, struct corpus *c,
		      struct err *err);
void iemocap_tree_free(struct iemocap_tree *t);

/* Reads the published pickle and sets turn.published and dialogue.split. */
int iemocap_list_apply(struct iemocap_tree *t, const char *path, struct corpus *c, struct err *err);

/* Sets audio and video of every utterance of c, which holds (a subset of) the
 * turns of t in the same order of dialogues.  crop: video is the speaker's half. */
int iemocap_media_find(struct corpus *c, const struct iemocap_tree *t, bool crop, struct err *err);
/* dataset_ops.verify */
int iemocap_verify(struct corpus *c, const struct gold *g,
		   int (*probe)(void *ctx, const char *path, double *seconds, struct err *err),
		   void *ctx, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Recorded predictions as a file holds them: one row an answer, nothing believed yet.
 * Read are: predictions.jsonl of a result folder and other JSON Lines; the result texts of
 * InstructERC and SpeechCueLLM (a score, a report, a JSON array) and plain JSON arrays; CSV and
 * TSV with named columns.
 */
#ifndef HARNESS_SCORE_RECORDED_H
#define HARNESS_SCORE_RECORDED_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/err.h"
#include "harness/base/mem.h"
#include "harness/core/labels.h"

/* What a column or member can mean. */
enum recorded_field {
	FIELD_ID,	/* of the utterance */
	FIELD_DIALOGUE, /* MELD's Dialogue_ID … */
	FIELD_TURN,	/* … and Utterance_ID; one alone names nothing */
	FIELD_SPLIT,
	FIELD_TEXT,    /* the utterance */
	FIELD_PROMPT,  /* a published prompt: utterance and history */
	FIELD_HISTORY, /* list of earlier utterances (JSON) */
	FIELD_GOLD,    /* the true label as the file has it */
	FIELD_REPLY,   /* what the model said */
	FIELD_LABEL,   /* the label that was read from it */
	FIELD_SCORES,  /* list of numbers (JSON): the label came from them, not from the reply */
	FIELD_STATUS,
	FIELD_CAUSE,
	FIELD_FINISH, /* finish_reason */
	FIELD_ERROR,
	FIELD_COUNT,
};
extern const char *const recorded_field_name[FIELD_COUNT];

struct recorded_row {
	long line;			/* where it starts */
	const char *field[FIELD_COUNT]; /* text, NULL: absent or null */
	const char *text;		/* the utterance, or NULL */
	const char *const *history;	/* (n_history) utterances before it, oldest first */
	int n_history;
	bool has_history; /* the file says what came before, if only "nothing" */
	bool by_scores;	  /* the label was taken from scores */
};

/* Something about the file that a person should know. */
enum note_kind {
	NOTE_UNREADABLE, /* a row that cannot be read */
	NOTE_UNMATCHED,	 /* a row of no utterance of the split */
	NOTE_AMBIGUOUS,	 /* a row that fits several utterances */
	NOTE_OUTSIDE,	 /* a row of an utterance outside the label set or excluded */
	NOTE_REPEATED,	 /* a second row of an utterance */
	NOTE_GOLD,	 /* another true label than the corpus has */
	NOTE_TEXT,	 /* another text than the corpus has */
	NOTE_LABEL,	 /* another label than the decoder reads */
	NOTE_MISSING,	 /* an utterance without a row */
	NOTE_ONE_SIDED,	 /* nearly all answers are the same */
	NOTE_KIND_COUNT,
};
extern const char *const note_name[NOTE_KIND_COUNT];

struct note {
	enum note_kind kind;
	long line; /* 0: the file as a whole */
	const char *text;
};

struct notes {
	struct note *note; /* (n) */
	size_t n, cap;
	int count[NOTE_KIND_COUNT];
	struct arena mem;
};

int note_add(struct notes *n, struct err *err, enum note_kind kind, long line, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void notes_free(struct notes *n);

/* The score that the project itself wrote down.  Fractions; NaN: not there. */
struct recorded_score {
	double accuracy, weighted_f1;
	struct {
		const char *name;
		double precision, recall, f1;
	} cls[LABEL_MAX];
	int n_cls;
};

struct recorded {
	const char *path, *format; /* "results", "lines", "array", "csv", "tsv" */
	struct recorded_row *row;  /* (n) in the order of the file */
	size_t n, cap;
	bool has_reply, has_gold; /* some row has one */
	struct recorded_score score;
	struct arena mem; /* owns all texts */
};

/* Reads a file (a folder: its predictions.jsonl).  format: one of the names above or "auto".
 * columns: "reply=NAME,gold=NAME" for files whose names are not known, or NULL.  Rows that
 * cannot be read become notes; what makes the file as a whole unreadable is an error: ERR_MISSING,
 * ERR_FORMAT, ERR_LIMIT, ERR_ARG.  Free with recorded_free(), also after failure. */
int recorded_read(struct recorded *r, const char *path, const char *format, const char *columns,
		  struct notes *notes, struct err *err);
void recorded_free(struct recorded *r);

#endif

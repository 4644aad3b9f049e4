/* SPDX-License-Identifier: Apache-2.0
 * Behaviour of a corpus in a teacher's words: every utterance of the chosen splits is shown to a
 * served model, its reply is checked, asked for once more where it is no description, and ends in
 * one line of a teacher file (merc-remote(5)), which --cues takes.
 */
#ifndef HARNESS_RUN_DESCRIBE_H
#define HARNESS_RUN_DESCRIBE_H

#include <signal.h>

#include "harness/base/json.h"
#include "harness/core/describer.h"
#include "harness/run/inquiry.h"

#define TEACHER_FILE "teacher.jsonl"

struct describe_options {
	const struct describer *describer;
	struct describing how;
	unsigned splits; /* 1 << enum split of each that is described */
	int window;	 /* earlier turns that are shown */
	int limit;	 /* > 0: the first dialogues of each split only */
	bool only_clips; /* utterances whose clip the corpus does not have are excluded; else
			    they end as decode_fail */
	int threads;	 /* that read clips; 0: one */
	struct clip_store *clips; /* as struct inquiry has it */
	const struct log *log;
	const volatile sig_atomic_t *stop;
};

/* One utterance and what became of it. */
struct described {
	int utt;	      /* of the corpus */
	struct description d; /* of the last reply */
	enum answer_status status;
	const char *cause; /* why there is no description; NULL */
	int asked;	   /* questions: 0 (excluded), 1, 2 */
	const char *model; /* as the server named it, "" */
	char prompt_hash[ASK_SHA_HEX], media_hash[ASK_SHA_HEX], reply_hash[ASK_SHA_HEX];
};

struct descriptions {
	const struct corpus *corpus;
	const struct describe_options *o;
	struct views views;   /* labels NULL: nobody knows any here */
	struct described *of; /* (n) in the order of the corpus */
	int n;
	int *row;		  /* (corpus->n_utt) index of `of`; -1: not chosen */
	struct ask_counts counts; /* of the asks */
	int unreadable;		  /* clips */
	struct arena mem;
};

/* Chooses what is to be described.  ERR_DATA: nothing is.  corpus and o outlive *d; free it with
 * describe_free(), which accepts the zeroed struct. */
int describe_begin(struct descriptions *d, const struct corpus *corpus,
		   const struct describe_options *o, struct err *err);
void describe_free(struct descriptions *d);

/* Whether the carrier can carry such asks at all, before anything is read or sent. */
int describe_check(const struct descriptions *d, const struct carrier *c, struct err *err);
/* Appends all that the descriptions depend on but model and clips. */
void describe_configuration(const struct descriptions *d, struct strbuf *out);
/* What to ask, for inquiry_show(). */
struct inquiry describe_inquiry(struct descriptions *d);

/* Asks everything; dir: of the journal.  Appends to *served as carrier.carry does. */
int describe_carry(struct descriptions *d, const struct carrier *c, const char *dir,
		   struct strbuf *served, struct err *err);

/* The teacher file. */
void describe_lines(const struct descriptions *d, struct strbuf *out);
/* How the file came to be, as members of the open object; the same for every run that made the
 * same file. */
void describe_put_origin(const struct descriptions *d, struct json_writer *w);
/* Counts of utterances, as members of the open object. */
void describe_put_counts(const struct descriptions *d, struct json_writer *w);

#endif

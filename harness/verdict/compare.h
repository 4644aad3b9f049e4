/* SPDX-License-Identifier: Apache-2.0
 * The whole comparison that merc compare prints: how each system stands, every duel, every part
 * asked for, as tables and as JSON.
 */
#ifndef HARNESS_VERDICT_COMPARE_H
#define HARNESS_VERDICT_COMPARE_H

#include "harness/report/table.h"
#include "harness/verdict/strata.h"

struct compare_options {
	enum metric metric; /* that intervals and tests are of */
	int replicates;
	double alpha;
	uint64_t seed;
	int threads;
	bool all_pairs; /* every pair; else the first system against each other one */
	bool by[BY_COUNT];
	int least; /* samples of a speaker who stands alone */
	int flips; /* most utterances listed for a duel; below 0: all */
};

/* Numbers of a run that a standing averages over its runs. */
enum standing_number {
	STANDING_ACCURACY, /* these five in the order of enum metric */
	STANDING_UAR,
	STANDING_MACRO_F1,
	STANDING_MICRO_F1,
	STANDING_WEIGHTED_F1,
	STANDING_KAPPA,
	STANDING_MCC,
	STANDING_ANSWERED, /* share of samples with an answer */
	STANDING_ECE, /* these three as metrics.json has them, for answered samples; NaN where it
		       * has not, and under other labels than the run's own */
	STANDING_BRIER,
	STANDING_NLL,
	STANDING_COUNT,
};
extern const char *const standing_key[STANDING_COUNT]; /* as in metrics.json; "coverage" */

struct standing {
	struct spread number[STANDING_COUNT]; /* ddof 1 */
	struct interval interval;   /* of the metric, of the mean over runs, by dialogue */
	struct confusion confusion; /* all runs added */
	struct scores pooled;	    /* of that */
};

struct comparison {
	const struct lineup *lineup;
	struct compare_options options;
	struct standing *standing; /* (n_systems) */
	struct duel *duel;	   /* (n_duels) */
	int n_duels;
	struct strata strata[BY_COUNT]; /* those with n > 0 */
};

/* Computes everything; the lineup must outlive it.  Free with comparison_free(), also after
 * failure. */
int comparison_make(struct comparison *c, const struct lineup *l, const struct compare_options *o,
		    struct err *err);
void comparison_free(struct comparison *c);

/* Systems that the first one beats: the tests say so after correction. */
int comparison_worse(const struct comparison *c);

enum compare_table {
	COMPARE_SYSTEMS,
	COMPARE_DUELS,
	COMPARE_CLASSES,
	COMPARE_STRATA,
	COMPARE_CONFUSION,
	COMPARE_FLIPS,
	COMPARE_TABLES,
};
extern const char *const compare_table_name[COMPARE_TABLES];
extern const char *const compare_table_title[COMPARE_TABLES];

/* Fills the zeroed table; free with table_free(), also after failure. */
int compare_table(const struct comparison *c, enum compare_table which, struct table *t,
		  struct err *err);
/* What a reader must know about the numbers, one sentence a line. */
void compare_notes(const struct comparison *c, struct strbuf *out);
/* Everything as one object (schema_version 1). */
int compare_json(const struct comparison *c, struct strbuf *out, struct err *err);

/* What most of a system's runs answered to a sample, with the count where there are several
 * runs: "anger", "anger 2/3"; "(none)" for no answer. */
void compare_said(const struct lineup *l, const struct contender *s, int sample, char out[64]);

#endif

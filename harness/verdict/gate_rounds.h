/* SPDX-License-Identifier: Apache-2.0
 * One program's time held to another's: rounds in alternation, so that whatever else the machine
 * does meets both, and a verdict that needs both a ratio and a rank test.
 */
#ifndef HARNESS_VERDICT_GATE_ROUNDS_H
#define HARNESS_VERDICT_GATE_ROUNDS_H

#include <signal.h>
#include <stdbool.h>

#include "harness/base/err.h"

#define ROUNDS_MAX 1000

struct rounds_options {
	const char *base, *fresh; /* commands, for /bin/sh */
	int rounds, warmup;	  /* warm-up rounds are not timed */
	bool cpu;		  /* processor time of a command and its children, not wall time */
	const volatile sig_atomic_t *stop; /* may be NULL */
};

struct rounds {
	int n;
	double base[ROUNDS_MAX], fresh[ROUNDS_MAX]; /* seconds */
	int bad;	   /* status of the first command that failed, 0: none … */
	bool bad_is_fresh; /* … and which of the two it was */
};

/* Runs the commands; their standard input and output are /dev/null.  The order within a round
 * changes from round to round.  A command that fails ends the rounds (out->bad; a death by signal
 * is 128 + its number) and is no err.  ERR_INTERRUPTED, ERR_INTERNAL. */
int rounds_run(const struct rounds_options *o, struct rounds *out, struct err *err);

struct rounds_verdict {
	double base, fresh; /* medians */
	double ratio;	    /* fresh / base */
	double p;	    /* two-sided Mann-Whitney test */
	bool slower;	    /* ratio above its bound and p below its own */
};

/* ERR_ARG when so few rounds can never give a p below its bound. */
int rounds_check(int n, double p, struct err *err);
/* The verdict on n rounds.  ERR_ARG as above, ERR_NOMEM. */
int rounds_judge(const double *base, const double *fresh, int n, double ratio, double p,
		 struct rounds_verdict *out, struct err *err);

#endif

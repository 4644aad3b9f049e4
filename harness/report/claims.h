/* SPDX-License-Identifier: Apache-2.0
 * Published claims beside what was obtained: on real data and on calibrated
 * data, never mixed, with the way each number was selected.
 */
#ifndef HARNESS_REPORT_CLAIMS_H
#define HARNESS_REPORT_CLAIMS_H

#include "harness/report/summary.h"
#include "harness/report/table.h"

/* Why a system has no run on a corpus: one line of the notes file. */
struct note {
	const char *corpus, *system, *reason; /* corpus, system: "*" is any */
};

struct claims {
	struct json *root; /* array of claims; NULL: none given */
	struct note *note; /* (n_notes) */
	int n_notes;
	size_t cap_notes;
	struct arena mem;
};

/* Reads both files; either path may be NULL or empty: none.  Free with claims_free(), also after
 * failure. */
int claims_load(struct claims *c, const char *claims_path, const char *notes_path, struct err *err);
void claims_free(struct claims *c);

enum claims_part {
	CLAIMS_OURS,	     /* about systems this program has: */
	CLAIMS_OBTAINED,     /* those that something was obtained for */
	CLAIMS_NOT_OBTAINED, /* and the others */
	CLAIMS_FIELD,	     /* about the rest of the field, and our systems on other backbones */
};
void tables_claims(const struct summary *s, const struct claims *c, enum claims_part part,
		   struct table *t);
/* What was not run, and why. */
void tables_not_run(const struct claims *c, struct table *t);

#endif

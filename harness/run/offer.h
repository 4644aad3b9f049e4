/* SPDX-License-Identifier: Apache-2.0
 * What a corpus offers against what recipes want: runs that could tell nothing are left
 * out, and everything that was not possible is written down with its reason.
 */
#ifndef HARNESS_RUN_OFFER_H
#define HARNESS_RUN_OFFER_H

#include "harness/run/bank.h"
#include "harness/run/recipe.h"

/* Appends to why (if not NULL) what the recipe wants and the corpus does not have.  Returns false
 * when the run would repeat another one, because what it takes away is not there, or when its
 * prompt speaks of what is not there. */
bool offer_worth(const struct bank *bank, const struct recipe *r, struct strbuf *why);

/* Sets keep[i] (plan->n) for the runs worth doing and replaces
 * <results>/notes/<corpus>-<kind>.jsonl with one line {corpus, kind, system, reason} for
 * each system that is left out or sees less than it wants.  Recipes that cannot be read
 * are kept: the run itself will say why. */
int offer_filter(const struct bank *bank, const struct plan *plan, const char *without,
		 const char *set, const char *results, bool *keep, struct err *err);

#endif

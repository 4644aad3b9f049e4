/* SPDX-License-Identifier: Apache-2.0
 * Corpora and banks as the options of a verb name them.
 */
#ifndef HARNESS_CLI_LOAD_H
#define HARNESS_CLI_LOAD_H

#include "harness/cli/cli.h"
#include "harness/core/dataset.h"
#include "harness/run/bank.h"

/* The data set that --corpus names; ERR_ARG lists the known ones. */
const struct dataset_ops *load_dataset(const struct cli *c, struct err *err);
/* Loads --corpus from --root with --data-set.  Free both. */
int load_corpus(const struct cli *c, struct corpus *corpus, struct gold *gold, struct err *err);
/* The same for a data set that another option names. */
int load_named_corpus(const struct cli *c, const char *name, const char *option,
		      struct corpus *corpus, struct gold *gold, struct err *err);
/* Sets "a=1,b=2"; where names the option in messages. */
int load_pairs(struct opt_values *v, const char *pairs, const char *where, struct err *err);
/* How --cues and --cache say to measure; *owned is to be freed when *o is not used any more. */
void load_measuring(const struct cli *c, struct bank_options *o, char **owned);
/* Does a run that sees this (enum see) need the clips measured? */
bool load_measures(unsigned see);
/* Measures it: --cues, --cache; media false: leaves the clips alone; words: see bank_options. */
int load_bank(const struct cli *c, struct corpus *corpus, const struct gold *gold, bool media,
	      const char *words, struct bank *bank, struct err *err);

struct clip_store;
/* Opens the store of what asks carry of clips: clips/ in --cache.  *out NULL: there is no place for
 * it (neither --cache nor a home).  Close with clip_store_close(). */
int load_clip_store(const struct cli *c, struct clip_store **out, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * The contract of a data set, and how to add one:
 *   1. datasets/NAME.c fills one const struct dataset_ops;
 *   2. list it in datasets/registry.c;
 *   3. tests/test_datasets.c walks the registry and judges it (corpus_check,
 *      published sizes where real data is at hand, malformed files).
 */
#ifndef HARNESS_CORE_DATASET_H
#define HARNESS_CORE_DATASET_H

#include "harness/base/log.h"
#include "harness/base/opt.h"
#include "harness/core/corpus.h"

/* Published size of one split under one policy; n_label[k] in the order of the set's labels. */
struct published_size {
	const char *policy;
	enum split split;
	const struct label_set *labels;
	int dialogues, utterances; /* dialogues 0: not published */
	int n_label[LABEL_MAX];
};

struct dataset_ops {
	const char *name, *title, *source, *licence;
	const struct opt_spec *opts;	   /* ends with OPT_END; may be NULL */
	const struct published_size *size; /* ends with policy NULL; may be NULL */

	/* Reads the tree at root into the zeroed *c and *g.  Oddities become issues;
	 * only what makes the data unusable is an error.  On failure both are freed. */
	int (*load)(struct corpus *c, struct gold *g, const char *root,
		    const struct opt_values *opts, struct err *err);
	/* Further checks that are too slow for every load (clips present, readable,
	 * without a row): adds issues.  probe (may be NULL: skip) says whether a clip
	 * can be opened and how long it is. */
	int (*verify)(struct corpus *c, const struct gold *g,
		      int (*probe)(void *ctx, const char *path, double *seconds, struct err *err),
		      void *ctx, struct err *err);
	/* Writes a calibrated corpus in this data set's layout to the folder out,
	 * with calibration.json beside it; NULL where there is no generator. */
	const struct opt_spec *synth_opts;
	int (*synth)(const char *out, const struct opt_values *opts, int threads,
		     const struct log *log, struct err *err);
};

extern const struct dataset_ops *const dataset_registry[]; /* NULL at the end */
const struct dataset_ops *dataset_find(const char *name);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Private to the MELD loader: one split's CSV as rows in order of speech, the
 * folder of its clips, and the checks over both.
 */
#ifndef DATASETS_MELD_H
#define DATASETS_MELD_H

#include <stdbool.h>
#include <stdint.h>

#include "datasets/text.h"
#include "harness/base/csv.h"
#include "harness/base/err.h"
#include "harness/base/io.h"
#include "harness/core/corpus.h"
#include "harness/core/dataset.h"

struct meld_row {
	int64_t dia, utt; /* Dialogue_ID, Utterance_ID */
	int64_t start_ms, end_ms;
	const char *number, *speaker, *text; /* number: "Sr No." */
	int label;
	bool odd_time; /* a time with fewer than three digits of milliseconds */
	long line;
};

/* One split.  The zeroed struct is empty; free with meld_split_free(). */
struct meld_split {
	enum split split;
	char *file;	      /* path of the CSV */
	char *clip_dir;	      /* folder of the clips, or NULL */
	struct io_list clips; /* names in it, sorted */
	struct meld_row *row; /* (n) by dialogue, then utterance number */
	size_t n;
	struct c1_count c1;
	struct csv_table table; /* owns the strings of the rows … */
	struct arena mem;	/* … and this the repaired ones */
};

/* Finds, reads, checks and sorts one split's CSV; lists its clips. */
int meld_split_read(struct meld_split *s, enum split split, const char *root,
		    const struct label_set *labels, struct err *err);
void meld_split_free(struct meld_split *s);
/* Whether the folder of clips holds this name. */
bool meld_has_clip(const struct meld_split *s, const char *name);

/* Lists the oddities of one split's rows as issues of c. */
int meld_check_split(struct corpus *c, const struct meld_split *s, struct err *err);
/* Texts of test that also occur in train, as one issue. */
int meld_check_overlap(struct corpus *c, const struct meld_split *train,
		       const struct meld_split *test, struct err *err);
/* dataset_ops.verify */
int meld_verify(struct corpus *c, const struct gold *g,
		int (*probe)(void *ctx, const char *path, double *seconds, struct err *err),
		void *ctx, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * The files of a result folder.  The folder is built under a temporary name and
 * renamed when all of it is on disk, so that its final name never holds half a result.
 */
#ifndef HARNESS_RUN_RECORD_H
#define HARNESS_RUN_RECORD_H

#include "harness/run/asked.h"
#include "harness/run/predict.h"
#include "harness/run/recipe.h"

#define RUN_ID_MAX   200
#define MANIFEST_MAX ((size_t)16 << 20) /* bytes of a manifest that is read */
#define RECORD_WHY   160

struct epoch_row {
	char stage[16];
	int number, total;
	double loss, dev_f1, seconds; /* dev_f1 NaN: not scored */
	bool best;
};

/* Everything a manifest says about one run. */
struct run_record {
	char id[RUN_ID_MAX];
	const struct bank *bank;
	const struct recipe *recipe;
	uint64_t seed;
	unsigned see;		 /* what the model was shown: recipe, model and corpus together */
	unsigned taken;		 /* what of it, of the turns that are answered, it took in */
	bool limited;		 /* --limit or only clips: not a result */
	int limit;		 /* of limited, both: the dialogues of each split, 0 for all; */
	bool only_clips;	 /* utterances with a clip */
	const char *why_limited; /* in words; "": it is not */
	double max_failures; /* of a system that asks: more make it no result, which its id does not
				tell */
	int64_t parameters;
	const void *state; /* of the model */
	struct epoch_row *epoch;
	int n_epoch;
	size_t cap_epoch;
	double train_s, wall_s;
	int threads;
	char started[32];
	char prompts[HASH_HEX];	       /* of all that the model was asked; "" none */
	const struct carrier *carrier; /* of a system that asks, else NULL */
	const struct asked *asked;     /* likewise, once it has */
};

/* <corpus>-<system>[-without-<x>…]-s<seed>-<8 hex digits of everything the result depends on>; a
 * system that asks is <recipe>-on-<carrier>. */
int record_id(struct run_record *r, struct err *err);

/* Appends one JSON line an answer. */
void record_prediction_lines(const struct bank *bank, const struct predictions *p,
			     struct strbuf *out);

/* Writes what a buffer holds to a file of dir, and frees the buffer. */
int record_file(const char *dir, const char *name, struct strbuf *b, struct err *err);
/* "corpus": {…} of a manifest, into the open object. */
int record_corpus(struct json_writer *w, const struct bank *bank, struct err *err);

/* Write one file each into dir. */
int record_predictions(const struct run_record *r, const struct predictions *p, const char *dir,
		       struct err *err);
int record_metrics(const struct run_record *r, const struct predictions *p, const char *dir,
		   struct err *err);
int record_log(const struct run_record *r, const char *dir, struct err *err);
/* Why a run with failed of n asks without a reply is no result, in words; "": it is one.  borne: a
 * number of failures or, below 1, a share. */
void record_why_failed(int64_t failed, int64_t n, double borne, char why[RECORD_WHY]);
/* Writes the result_class of a result that is there again; "": full. */
int record_class(const char *dir, const char *why_limited, struct err *err);
int record_manifest(const struct run_record *r, const struct predictions *p, const char *dir,
		    struct err *err);

#endif

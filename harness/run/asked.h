/* SPDX-License-Identifier: Apache-2.0
 * Predictions of systems that ask a served model, and what a manifest says of the asking.
 */
#ifndef HARNESS_RUN_ASKED_H
#define HARNESS_RUN_ASKED_H

#include "harness/base/json.h"
#include "harness/core/ask.h"
#include "harness/run/predict.h"

/* What came of all the asking; free served. */
struct asked {
	struct ask_counts counts;
	struct strbuf served; /* identity with what is served */
	enum ask_mode mode;
	char sampling[256]; /* JSON object of the fields as sent */
};

struct asked_request {
	const struct model_ops *model;
	const void *state;
	const struct views *views;
	const struct bank *bank;
	unsigned see;
	int threads;
	struct clip_store *clips; /* as struct inquiry has it */
	const struct carrier *carrier;
	const char *dir; /* of the journal */
	const struct log *log;
	const volatile sig_atomic_t *stop;
};

/* Fills p and its replies as predict_views() does; p is freed on failure.  Says why answers have no
 * label and warns when one reply or one label is more than 95 % of all.  *out is overwritten and to
 * be freed either way. */
int asked_predict(struct predictions *p, const struct asked_request *rq, struct asked *out,
		  struct err *err);
void asked_free(struct asked *a);
/* Every ask as it would be sent, as inquiry_show() has it. */
int asked_show(const struct asked_request *rq,
	       int (*show)(void *ctx, const struct ask *ask, const char *why, struct err *err),
	       void *ctx, struct err *err);

/* Members of answer i in an open object of predictions.jsonl. */
void asked_write_reply(struct json_writer *w, const struct corpus *c, const struct predictions *p,
		       int i);
/* "asked": {…} of a manifest: the back-end, what was sent and spent, and how labels were found. */
void asked_write(struct json_writer *w, const struct carrier *c, const struct asked *a,
		 const struct corpus *corpus, const struct predictions *p);
/* Of metrics.json: "answered_only", scores over the samples that have a label, and "strict", those
 * by the strict rule. */
void asked_write_scores(struct json_writer *w, const struct label_set *labels,
			const struct predictions *p);

#endif

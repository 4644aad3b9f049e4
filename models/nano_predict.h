/* SPDX-License-Identifier: Apache-2.0
 * What the files that answer share: the memory of one predict call.
 */
#ifndef MODELS_NANO_PREDICT_H
#define MODELS_NANO_PREDICT_H

#include "models/backbone/session.h"
#include "models/nano.h"

struct predictor {
	struct nano *n;
	const struct view *view;
	struct nano_turn *turn; /* of the view */
	struct nano_pack pack;
	float *out; /* scores of the pack, grows */
	size_t cap_out;
	double score_s; /* of the cut under way: from scores to labels */
	struct arena mem;
};

/* Room in out for the answers of the pack, each of `width` scores. */
int predictor_rows(struct predictor *p, int width, struct err *err);
/* The student writes the behaviour of every turn of the cut that has frames of the camera,
 * greedily, and the turns take it over (nano_write.c). */
int nano_write(struct predictor *p, const struct nano_cut *cut, struct err *err);

#endif

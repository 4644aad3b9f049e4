/* SPDX-License-Identifier: Apache-2.0
 * Scored predictions as an ordinary result folder, as runs leave them.
 */
#ifndef HARNESS_SCORE_FOLDER_H
#define HARNESS_SCORE_FOLDER_H

#include "harness/run/bank.h"
#include "harness/score/scored.h"

struct folder_options {
	const char *dir;       /* its last part is the name of the run */
	const char *system;    /* NULL: that name */
	const char *selection; /* how the checkpoint was chosen */
	uint64_t seed;
	bool again; /* replace what is there */
	int threads;
	const char *started; /* environment_time() at the start */
	double wall_s;
};

/* Writes manifest.json, predictions.jsonl and metrics.json under a temporary name beside
 * dir and renames it.  ERR_ARG when a result is there and again is not set; ERR_IO. */
int score_folder(const struct scored *s, const struct bank *bank, const struct notes *notes,
		 const struct folder_options *o, struct err *err);

#endif

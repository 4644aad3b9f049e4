/* SPDX-License-Identifier: Apache-2.0
 * Scores as members of an open JSON object: what metrics.json holds.
 */
#ifndef HARNESS_METRICS_SCORES_JSON_H
#define HARNESS_METRICS_SCORES_JSON_H

#include "harness/base/json.h"
#include "harness/metrics/bootstrap.h"
#include "harness/metrics/scores.h"

/* n, answered, coverage, accuracy … mcc, per_class, and "undefined": labels that have a score of 0
 * because its denominator is 0.  Without a sample scores are null, and "reason" says so. */
void scores_write(struct json_writer *w, const struct label_set *labels, const struct scores *s);
/* "confusion": labels and a row of counts for each true label, last column: no answer. */
void confusion_write(struct json_writer *w, const struct label_set *labels,
		     const struct confusion *c);
/* "interval": of one metric, 95 %, by bootstrap over dialogues. */
void interval_write(struct json_writer *w, enum metric m, const struct interval *ci);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * The tables of the report.  board < 0: all corpora in one table (for CSV).
 * Each fills the zeroed *t; table_free() it.
 */
#ifndef HARNESS_REPORT_TABLES_H
#define HARNESS_REPORT_TABLES_H

#include "harness/report/summary.h"
#include "harness/report/table.h"

typedef void table_maker(const struct summary *s, int board, struct table *t);

/* Weighted F1 with spread and interval, ceiling, accuracy; a row each system and ablation. */
void tables_results(const struct summary *s, int board, struct table *t);
/* F1 by label, systems down, labels across (labels of one corpus: board >= 0). */
void tables_per_class(const struct summary *s, int board, struct table *t);
/* Precision, recall, F1 and support, a line each system and label. */
void tables_per_class_long(const struct summary *s, int board, struct table *t);
/* Calibration of systems whose scores are probabilities, all seeds together. */
void tables_calibration(const struct summary *s, int board, struct table *t);
/* Drop against the full system (or, for other systems, against bemerc). */
void tables_ablation(const struct summary *s, int board, struct table *t);
/* Latency percentiles and throughput of each stage. */
void tables_stages(const struct summary *s, int board, struct table *t);
/* Of systems that ask a served model: mode, the scores beside the headline, failures by cause,
 * tokens and cost; no row for others. */
void tables_served(const struct summary *s, int board, struct table *t);
/* Every folder that was read, with seed, epochs, cost and origin. */
void tables_runs(const struct summary *s, int board, struct table *t);

/* Is there a row of such a system on the board (below 0: on any)? */
bool tables_any_asks(const struct summary *s, int board);
/* How such a system asks: "generate"; "" for others. */
const char *tables_mode(const struct row *r);
/* Its utterances a second by the clock on the wall, with all that was in flight; NaN: replies of
 * earlier runs were used. */
double tables_asks_per_s(const struct row *r);

/* "text, speech, history" for enum see; cut off at size. */
void tables_see_words(unsigned see, char *dst, size_t size);

#endif

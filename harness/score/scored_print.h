/* SPDX-License-Identifier: Apache-2.0
 * Scores of recorded predictions for programs and for people.
 */
#ifndef HARNESS_SCORE_SCORED_PRINT_H
#define HARNESS_SCORE_SCORED_PRINT_H

#include "harness/base/json.h"
#include "harness/score/scored.h"

/* One JSON object; selection: how the checkpoint behind the file was chosen. */
void scored_json(const struct scored *s, const struct notes *notes, const char *selection,
		 struct strbuf *out);
/* Its members on decoding and accounting, for manifests too: decoder, words, rows, counts, causes,
 * recorded. */
void scored_account(const struct scored *s, struct json_writer *w);
/* A page of text; notes are not in it. */
void scored_text(const struct scored *s, const char *selection, struct strbuf *out);
/* Rows "measure,label,value". */
void scored_csv(const struct scored *s, struct strbuf *out);
/* Markdown: a table of scores, one of classes, the confusion matrix. */
void scored_markdown(const struct scored *s, const char *selection, struct strbuf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/score/scored_print.h"

#include <math.h>

#include "harness/metrics/scores_json.h"

static void write_counts(const struct scored *s, struct json_writer *w)
{
	json_open_object(w, "counts");
	for (int i = 0; i < ANSWER_STATUS_COUNT; i++)
		json_put_int(w, answer_status_name[i], s->count[i]);
	json_close_object(w);
	json_open_object(w, "causes");
	for (int i = 0; i < s->n_cause; i++) {
		const struct cause_count *c = &s->cause[i];

		if (!i || c[-1].status != c->status)
			json_open_object(w, answer_status_name[c->status]);
		json_put_int(w, c->cause, c->n);
		if (i + 1 == s->n_cause || c[1].status != c->status)
			json_close_object(w);
	}
	json_close_object(w);
}

static void write_rows(const struct scored *s, struct json_writer *w)
{
	json_open_object(w, "rows");
	json_put_int(w, "read", (int64_t)s->recorded->n);
	json_put_int(w, "by_id", s->match.by_id);
	json_put_int(w, "by_text", s->match.by_text);
	json_put_int(w, "by_order", s->match.by_order);
	json_put_int(w, "ambiguous_resolved", s->match.chosen);
	json_close_object(w);
}

/* The file's own score, null where it has none. */
static void write_recorded(const struct scored *s, struct json_writer *w)
{
	const struct recorded_score *was = &s->recorded->score;

	if (isnan(was->accuracy) && isnan(was->weighted_f1)) {
		json_put_null(w, "recorded");
		return;
	}
	json_open_object(w, "recorded");
	json_put_num(w, "accuracy", was->accuracy);
	json_put_num(w, "weighted_f1", was->weighted_f1);
	json_put_num(w, "largest_difference", s->differs);
	json_put_num(w, "largest_difference_per_class", s->differs_class);
	json_put_bool(w, "reproduced", s->reproduced);
	json_close_object(w);
}

void scored_account(const struct scored *s, struct json_writer *w)
{
	json_put_str(w, "decoder", extract_rule_name[s->rule]);
	json_put_str(w, "words", wording_name[s->words]);
	write_rows(s, w);
	write_counts(s, w);
	write_recorded(s, w);
}

static void write_notes(const struct notes *notes, struct json_writer *w)
{
	json_open_object(w, "note_counts");
	for (int k = 0; k < NOTE_KIND_COUNT; k++)
		json_put_int(w, note_name[k], notes->count[k]);
	json_close_object(w);
	json_open_array(w, "notes");
	for (size_t i = 0; i < notes->n; i++) {
		json_open_object(w, NULL);
		json_put_str(w, "kind", note_name[notes->note[i].kind]);
		json_put_int(w, "line", notes->note[i].line);
		json_put_str(w, "text", notes->note[i].text);
		json_close_object(w);
	}
	json_close_array(w);
}

void scored_json(const struct scored *s, const struct notes *notes, const char *selection,
		 struct strbuf *out)
{
	const struct label_set *labels = s->corpus->labels;
	struct json_writer w;

	json_begin(&w, out, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_str(&w, "file", s->recorded->path);
	json_put_str(&w, "format", s->recorded->format);
	json_put_str(&w, "dataset", s->corpus->name);
	json_put_str(&w, "policy", s->corpus->policy);
	json_put_str(&w, "labels", labels->name);
	json_put_str(&w, "split", split_name[s->split]);
	json_put_str(&w, "selection", selection);
	scored_account(s, &w);
	scores_write(&w, labels, &s->all);
	interval_write(&w, METRIC_WEIGHTED_F1, &s->interval);
	confusion_write(&w, labels, &s->confusion);
	json_open_object(&w, "answered_only");
	scores_write(&w, labels, &s->answered);
	json_close_object(&w);
	write_notes(notes, &w);
	json_close_object(&w);
	strbuf_addc(out, '\n');
}

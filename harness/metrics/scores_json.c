/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/metrics/scores_json.h"

void scores_write(struct json_writer *w, const struct label_set *labels, const struct scores *s)
{
	json_put_int(w, "n", s->n);
	json_put_int(w, "answered", s->answered);
	json_put_num(w, "coverage", (double)s->answered / (double)s->n); /* NaN, null, of none */
	if (!s->n)
		json_put_str(w, "reason", "there is no sample");
	json_put_num(w, "accuracy", s->accuracy);
	json_put_num(w, "uar", s->uar);
	json_put_num(w, "macro_f1", s->macro_f1);
	json_put_num(w, "micro_f1", s->micro_f1);
	json_put_num(w, "weighted_f1", s->weighted_f1);
	json_put_num(w, "kappa", s->kappa);
	json_put_num(w, "mcc", s->mcc);
	json_open_object(w, "per_class");
	for (int k = 0; k < labels->n; k++) {
		json_open_object(w, labels->word[k]);
		json_put_num(w, "precision", s->cls[k].precision);
		json_put_num(w, "recall", s->cls[k].recall);
		json_put_num(w, "f1", s->cls[k].f1);
		json_put_int(w, "support", s->cls[k].support);
		json_close_object(w);
	}
	json_close_object(w);
	json_open_array(w, "undefined");
	for (int k = 0; k < labels->n; k++)
		if (s->cls[k].undefined)
			json_put_str(w, NULL, labels->word[k]);
	json_close_array(w);
}

void confusion_write(struct json_writer *w, const struct label_set *labels,
		     const struct confusion *c)
{
	json_open_object(w, "confusion");
	json_open_array(w, "labels");
	for (int k = 0; k < labels->n; k++)
		json_put_str(w, NULL, labels->word[k]);
	json_close_array(w);
	json_open_array(w, "counts");
	for (int i = 0; i < labels->n; i++) {
		json_open_array(w, NULL);
		for (int j = 0; j <= labels->n; j++)
			json_put_int(w, NULL, c->count[i][j]);
		json_close_array(w);
	}
	json_close_array(w);
	json_close_object(w);
}

void interval_write(struct json_writer *w, enum metric m, const struct interval *ci)
{
	json_open_object(w, "interval");
	json_put_str(w, "metric", metric_name[m]);
	json_put_num(w, "lo", ci->lo);
	json_put_num(w, "hi", ci->hi);
	json_put_num(w, "se", ci->se);
	json_put_num(w, "level", 0.95);
	json_put_str(w, "method", "cluster bootstrap by dialogue");
	json_put_int(w, "B", ci->replicates);
	json_put_int(w, "groups", ci->groups);
	json_close_object(w);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/verdict/compare.h"

#include <stdlib.h>

static void put_interval(struct json_writer *w, const char *key, const struct interval *i)
{
	json_open_object(w, key);
	json_put_num(w, "value", i->value);
	json_put_num(w, "lo", i->lo);
	json_put_num(w, "hi", i->hi);
	json_put_num(w, "se", i->se);
	json_put_int(w, "dialogues", i->groups);
	json_close_object(w);
}

static void put_confusion(struct json_writer *w, const struct lineup *l, const struct standing *s)
{
	json_open_object(w, "confusion");
	json_open_array(w, "counts");
	for (int i = 0; i < l->k; i++) {
		json_open_array(w, NULL);
		for (int j = 0; j <= l->k; j++)
			json_put_int(w, NULL, s->confusion.count[i][j]);
		json_close_array(w);
	}
	json_close_array(w);
	json_open_array(w, "of_row");
	for (int i = 0; i < l->k; i++) {
		json_open_array(w, NULL);
		for (int j = 0; j <= l->k; j++)
			json_put_num(w, NULL,
				     (double)s->confusion.count[i][j] /
					     (double)s->pooled.cls[i].support);
		json_close_array(w);
	}
	json_close_array(w);
	json_close_object(w);
}

static void put_classes(struct json_writer *w, const struct lineup *l, const struct scores *s)
{
	json_open_object(w, "per_class");
	for (int i = 0; i < l->k; i++) {
		json_open_object(w, l->label[i]);
		json_put_num(w, "precision", s->cls[i].precision);
		json_put_num(w, "recall", s->cls[i].recall);
		json_put_num(w, "f1", s->cls[i].f1);
		json_put_int(w, "support", s->cls[i].support);
		json_put_bool(w, "undefined", s->cls[i].undefined);
		json_close_object(w);
	}
	json_close_object(w);
}

static void put_system(struct json_writer *w, const struct comparison *c, int s)
{
	const struct contender *sys = &c->lineup->system[s];
	const struct standing *st = &c->standing[s];

	json_open_object(w, NULL);
	json_put_str(w, "name", sys->name);
	json_put_str(w, "system", sys->run[0]->system);
	json_put_str(w, "selection", sys->run[0]->selection);
	json_open_array(w, "runs");
	for (int i = 0; i < sys->n_runs; i++)
		json_put_str(w, NULL, sys->run[i]->id);
	json_close_array(w);
	json_open_array(w, "seeds");
	for (int i = 0; i < sys->n_runs; i++)
		json_put_int(w, NULL, (int64_t)sys->run[i]->seed);
	json_close_array(w);
	json_put_int(w, "ddof", 1);
	for (int i = 0; i < STANDING_COUNT; i++) {
		const struct spread *x = &st->number[i];

		json_open_object(w, standing_key[i]);
		json_put_num(w, "mean", x->mean);
		json_put_num(w, "std", x->std);
		json_put_num(w, "min", x->min);
		json_put_num(w, "max", x->max);
		json_close_object(w);
	}
	put_interval(w, "interval", &st->interval);
	put_classes(w, c->lineup, &st->pooled);
	put_confusion(w, c->lineup, st);
	json_close_object(w);
}

static const char *winner_name(const struct lineup *l, const struct duel *d, int winner)
{
	return winner ? l->system[winner > 0 ? d->b : d->a].name : NULL;
}

static void put_duel_classes(struct json_writer *w, const struct lineup *l, const struct duel *d)
{
	json_open_object(w, "classes");
	for (int i = 0; i < l->k; i++) {
		const struct class_duel *x = &d->cls[i];

		json_open_object(w, l->label[i]);
		json_put_num(w, "f1_a", x->f1_a);
		json_put_num(w, "f1_b", x->f1_b);
		put_interval(w, "difference", &x->difference);
		json_put_num(w, "p_randomization", x->p);
		json_put_num(w, "p_holm", x->p_holm);
		json_put_int(w, "only_a", x->only_a);
		json_put_int(w, "only_b", x->only_b);
		json_put_str(w, "winner", winner_name(l, d, x->winner));
		json_close_object(w);
	}
	json_close_object(w);
}

static void put_flip(struct json_writer *w, const struct lineup *l, const struct duel *d, int i)
{
	const struct sample *s = &l->sample[i];
	char said[64];

	json_open_object(w, NULL);
	json_put_str(w, "id", s->id);
	json_put_str(w, "dialogue", s->dialogue);
	json_put_int(w, "turn", s->turn);
	json_put_str(w, "speaker", s->speaker);
	json_put_str(w, "text", s->text);
	json_put_str(w, "gold", l->label[s->gold]);
	compare_said(l, &l->system[d->a], i, said);
	json_put_str(w, "a_said", said);
	compare_said(l, &l->system[d->b], i, said);
	json_put_str(w, "b_said", said);
	json_put_num(w, "a_right", d->right_a[i]);
	json_put_num(w, "b_right", d->right_b[i]);
	json_close_object(w);
}

static int put_duel(struct json_writer *w, const struct comparison *c, const struct duel *d,
		    struct err *err)
{
	const struct lineup *l = c->lineup;
	int *sample, n;

	if (duel_flips(l, d, &sample, &n, err))
		return err->code;
	json_open_object(w, NULL);
	json_put_str(w, "a", l->system[d->a].name);
	json_put_str(w, "b", l->system[d->b].name);
	json_put_int(w, "shared_seeds", d->shared);
	json_put_int(w, "runs_a", d->runs_a);
	json_put_int(w, "runs_b", d->runs_b);
	json_put_num(w, "score_a", d->value_a);
	json_put_num(w, "score_b", d->value_b);
	put_interval(w, "difference", &d->difference);
	json_put_num(w, "p_randomization", d->p);
	json_put_int(w, "randomized_runs", d->randomized);
	json_put_num(w, "p_holm", d->p_holm);
	json_put_num(w, "p_bootstrap", d->difference.p);
	json_put_str(w, "winner", winner_name(l, d, d->winner));
	json_put_int(w, "only_a", d->only_a);
	json_put_int(w, "only_b", d->only_b);
	json_put_num(w, "p_mcnemar", d->p_mcnemar);
	json_put_num(w, "cohens_g", d->g);
	json_put_num(w, "odds", d->odds);
	json_put_int(w, "dialogues_a", d->dialogues_a);
	json_put_int(w, "dialogues_b", d->dialogues_b);
	json_put_num(w, "d_z", d->dz);
	put_duel_classes(w, l, d);
	json_put_int(w, "n_flips", n);
	json_open_array(w, "flips");
	for (int i = 0; i < n && (c->options.flips < 0 || i < c->options.flips); i++)
		put_flip(w, l, d, sample[i]);
	json_close_array(w);
	json_close_object(w);
	free(sample);
	return 0;
}

static void put_strata(struct json_writer *w, const struct comparison *c, const struct strata *s)
{
	json_open_object(w, aspect_name[s->by]);
	json_put_int(w, "unknown", s->unknown);
	json_put_int(w, "merged", s->merged);
	json_open_array(w, "parts");
	for (int i = 0; i < s->n; i++) {
		json_open_object(w, NULL);
		json_put_str(w, "part", s->stratum[i].name);
		json_put_int(w, "n", s->stratum[i].n);
		json_put_int(w, "dialogues", s->stratum[i].groups);
		json_open_array(w, "systems");
		for (int j = 0; j < c->lineup->n_systems; j++) {
			const struct stratum_score *x = &s->stratum[i].score[j];

			json_open_object(w, NULL);
			json_put_str(w, "name", c->lineup->system[j].name);
			json_put_num(w, "accuracy", x->accuracy);
			put_interval(w, "interval", &x->value);
			put_interval(w, "difference", &x->difference);
			json_put_num(w, "p_randomization", x->p);
			json_put_num(w, "p_holm", x->p_holm);
			json_close_object(w);
		}
		json_close_array(w);
		json_close_object(w);
	}
	json_close_array(w);
	json_close_object(w);
}

static void put_head(struct json_writer *w, const struct comparison *c)
{
	const struct lineup *l = c->lineup;

	json_put_int(w, "schema_version", 1);
	json_put_str(w, "result_class", l->limited ? "limited" : "full");
	json_put_str(w, "corpus", l->result[0].corpus);
	json_put_str(w, "kind", l->result[0].kind);
	json_put_str(w, "labels_name", l->labels_name);
	json_open_array(w, "labels");
	for (int i = 0; i < l->k; i++)
		json_put_str(w, NULL, l->label[i]);
	json_close_array(w);
	json_put_int(w, "n", l->n);
	json_put_int(w, "left_out", l->left_out);
	json_put_int(w, "dialogues", l->groups);
	json_put_str(w, "metric", metric_name[c->options.metric]);
	json_put_int(w, "replicates", c->options.replicates);
	json_put_num(w, "alpha", c->options.alpha);
	json_put_int(w, "seed", (int64_t)c->options.seed);
	json_put_int(w, "family", c->n_duels);
	json_put_int(w, "worse_than_first", comparison_worse(c));
}

int compare_json(const struct comparison *c, struct strbuf *out, struct err *err)
{
	struct json_writer w;

	json_begin(&w, out, 1);
	json_open_object(&w, NULL);
	put_head(&w, c);
	json_open_array(&w, "systems");
	for (int i = 0; i < c->lineup->n_systems; i++)
		put_system(&w, c, i);
	json_close_array(&w);
	json_open_array(&w, "duels");
	for (int i = 0; i < c->n_duels; i++)
		if (put_duel(&w, c, &c->duel[i], err))
			return err->code;
	json_close_array(&w);
	json_open_object(&w, "parts");
	for (int by = 0; by < BY_COUNT; by++)
		if (c->strata[by].n)
			put_strata(&w, c, &c->strata[by]);
	json_close_object(&w);
	json_close_object(&w);
	strbuf_addc(out, '\n');
	return out->oom ? err_set(err, ERR_NOMEM, "comparison: no memory") : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/verdict/strata.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/map.h"

const char *const aspect_name[BY_COUNT] = {
	[BY_CLASS] = "class",	[BY_SPEAKER] = "speaker", [BY_POSITION] = "position",
	[BY_LENGTH] = "length", [BY_SHIFT] = "shift",	  [BY_SENTIMENT] = "sentiment",
};

#define STEPS 6

static const int64_t position_from[STEPS] = { 1, 2, 3, 5, 9, 17 };
static const char *const position_word[] = { "1", "2", "3-4", "5-8", "9-16", "17 and later", NULL };
static const int64_t length_from[STEPS] = { 0, 2, 5, 9, 17, INT64_MAX };
static const char *const length_word[] = { "1", "2-4", "5-8", "9-16", "17 and more", NULL };
static const char *const shift_word[] = { "same as before", "another than before",
					  "first of the speaker", NULL };
static const char *const sentiment_word[] = { "neutral", "positive", "negative",
					      "surprise (either)", NULL };

/* The last step that begins at or below x. */
static int step_of(const int64_t from[STEPS], int64_t x)
{
	int i = STEPS - 1;

	while (i > 0 && x < from[i])
		i--;
	return i;
}

static int64_t words_in(const char *s)
{
	int64_t n = 0;

	for (s += strspn(s, " \t\r\n"); *s; s += strspn(s, " \t\r\n")) {
		n++;
		s += strcspn(s, " \t\r\n");
	}
	return n;
}

/* The speaker's last sample before i in its dialogue, -1: none. */
static int previous_of(const struct lineup *l, int i)
{
	const struct sample *s = l->sample;

	for (int j = i - 1; j >= 0 && s[j].group == s[i].group; j--)
		if (s[j].speaker && !strcmp(s[j].speaker, s[i].speaker))
			return j;
	return -1;
}

static int shift_of(const struct lineup *l, int i)
{
	int before;

	if (!l->sample[i].speaker)
		return -1;
	before = previous_of(l, i);
	if (before < 0)
		return 2;
	return l->sample[before].gold != l->sample[i].gold;
}

/* map: labels of the lineup as sentiments, -1 for surprise. */
static int sentiment_of(const struct sample *s, const int map[LABEL_MAX])
{
	if (s->sentiment >= 0)
		return s->sentiment;
	return map[s->gold] >= 0 ? map[s->gold] : 3;
}

static int part_of(const struct lineup *l, enum aspect by, const int map[LABEL_MAX], int i)
{
	const struct sample *s = &l->sample[i];

	switch (by) {
	case BY_CLASS:
		return s->gold;
	case BY_POSITION:
		return step_of(position_from, s->turn + 1);
	case BY_LENGTH:
		return s->text ? step_of(length_from, words_in(s->text)) : -1;
	case BY_SHIFT:
		return shift_of(l, i);
	case BY_SENTIMENT:
		return sentiment_of(s, map);
	case BY_SPEAKER:
	case BY_COUNT:
		break;
	}
	return -1;
}

static int add_stratum(struct strata *s, const char *name, struct err *err)
{
	char *copy = arena_strdup(&s->mem, name);

	if (!copy)
		return err_set(err, ERR_NOMEM, "no memory");
	s->stratum[s->n++].name = copy;
	return 0;
}

struct named {
	const char *name;
	int n;
};

static int by_count(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	return x->n != y->n ? (x->n < y->n) - (x->n > y->n) : strcmp(x->name, y->name);
}

/* Names and their samples, most first; the caller frees *out (*n). */
static int count_speakers(const struct lineup *l, struct named **out, int *n, struct err *err)
{
	struct str_map seen = { 0 };

	*n = 0;
	if (!NEW_ARRAY(*out, (size_t)l->n))
		return err_set(err, ERR_NOMEM, "no memory");
	for (int i = 0; i < l->n && !err->code; i++) {
		const char *name = l->sample[i].speaker;
		int *slot = name ? map_slot(&seen, name) : NULL;

		if (name && !slot)
			err_set(err, ERR_NOMEM, "no memory");
		if (!slot)
			continue;
		if (*slot < 0) {
			*slot = (*n)++;
			(*out)[*slot].name = name;
		}
		(*out)[*slot].n++;
	}
	map_free(&seen);
	qsort(*out, (size_t)*n, sizeof(**out), by_count);
	return err->code;
}

static int cut_by_speaker(struct strata *s, const struct lineup *l, int least, struct err *err)
{
	struct str_map place = { 0 };
	struct named *speaker = NULL;
	int n = 0, own = 0;

	if (!count_speakers(l, &speaker, &n, err) && !NEW_ARRAY(s->stratum, (size_t)n + 1))
		err_set(err, ERR_NOMEM, "no memory");
	while (!err->code && own < n && speaker[own].n >= least)
		add_stratum(s, speaker[own++].name, err);
	s->merged = n - own;
	if (!err->code && s->merged)
		add_stratum(s, "others", err);
	for (int i = 0; i < n && !err->code; i++) {
		int *slot = map_slot(&place, speaker[i].name);

		if (slot)
			*slot = i < own ? i : own;
		else
			err_set(err, ERR_NOMEM, "no memory");
	}
	for (int i = 0; i < l->n && !err->code; i++)
		s->of[i] = l->sample[i].speaker ? map_get(&place, l->sample[i].speaker) : -1;
	map_free(&place);
	free(speaker);
	return err->code;
}

static int cut_by_value(struct strata *s, const struct lineup *l, struct err *err)
{
	const char *const *word[BY_COUNT] = { [BY_CLASS] = l->label,
					      [BY_POSITION] = position_word,
					      [BY_LENGTH] = length_word,
					      [BY_SHIFT] = shift_word,
					      [BY_SENTIMENT] = sentiment_word };
	const char *const *name = word[s->by];
	int map[LABEL_MAX];

	if (s->by == BY_SENTIMENT && (!l->labels || !label_fold(l->labels, &labels_meld3, map)))
		return err_set(err, ERR_ARG, "labels %s have no sentiment", l->labels_name);
	if (!NEW_ARRAY(s->stratum, LABEL_MAX))
		return err_set(err, ERR_NOMEM, "no memory");
	for (int i = 0; s->by == BY_CLASS ? i < l->k : name[i] != NULL; i++)
		if (add_stratum(s, name[i], err))
			return err->code;
	for (int i = 0; i < l->n; i++)
		s->of[i] = part_of(l, s->by, map, i);
	return 0;
}

/* Counts, and leaves out parts without samples. */
static void count_parts(struct strata *s, const struct lineup *l)
{
	int kept = 0;

	for (int i = 0; i < s->n; i++) {
		struct stratum one = s->stratum[i];
		int group = -1;

		one.label = i;
		for (int j = 0; j < l->n; j++) {
			if (s->of[j] != i)
				continue;
			one.n++;
			one.groups += l->sample[j].group != group;
			group = l->sample[j].group;
			s->of[j] = kept;
		}
		if (one.n)
			s->stratum[kept++] = one;
	}
	s->n = kept;
	for (int j = 0; j < l->n; j++)
		s->unknown += s->of[j] < 0;
}

static double mean_accuracy(const struct tallies *t)
{
	const struct bootstrap_options o = { .metric = METRIC_ACCURACY };
	double sum = 0;

	for (int i = 0; i < t->n; i++)
		sum += tally_value(&t->t[i], &o);
	return sum / t->n;
}

/* All runs for the value, shared seeds for the difference against the first system.  F1 of a class
 * is of the whole test set: its own samples alone would know no false alarm. */
static int score_system(const struct lineup *l, int system, const unsigned char *part,
			const struct bootstrap_options *o, struct stratum_score *out,
			struct err *err)
{
	const unsigned char *keep = o->f1_of ? NULL : part;
	const struct contender *c = &l->system[system], *first = &l->system[0];
	struct tallies all = { 0 }, ours = { 0 }, theirs = { 0 };

	out->difference = (struct interval){ NAN, NAN, NAN, NAN, NAN, 0, 0 };
	out->p = out->p_holm = NAN;
	if (!tallies_make(&all, l, c, NULL, part, err))
		out->accuracy = mean_accuracy(&all);
	tallies_free(&all);
	if (!err->code && !tallies_make(&all, l, c, NULL, keep, err)) {
		struct tally_set set = { all.t, all.n };

		bootstrap_system(&set, o, &out->value, err);
	}
	if (system && !err->code && !tallies_make(&ours, l, c, first, keep, err) &&
	    !tallies_make(&theirs, l, first, c, keep, err))
		duel_test(&theirs, &ours, o, &out->difference, &out->p, err);
	tallies_free(&all);
	tallies_free(&ours);
	tallies_free(&theirs);
	return err->code;
}

static int correct(struct strata *s, int systems, struct err *err)
{
	const int m = s->n * (systems - 1);
	double *p;
	int at = 0;

	if (!m)
		return 0;
	if (!NEW_ARRAY(p, 2 * (size_t)m))
		return err_set(err, ERR_NOMEM, "no memory");
	for (int i = 0; i < s->n; i++)
		for (int c = 1; c < systems; c++)
			p[at++] = s->stratum[i].score[c].p;
	if (!holm_adjust(p, p + m, m, err))
		for (int i = s->n - 1; i >= 0; i--)
			for (int c = systems - 1; c > 0; c--)
				s->stratum[i].score[c].p_holm = p[m + --at];
	free(p);
	return err->code;
}

static int score_parts(struct strata *s, const struct lineup *l, const struct bootstrap_options *o,
		       struct err *err)
{
	unsigned char *keep;

	if (!NEW_ARRAY(keep, (size_t)l->n))
		return err_set(err, ERR_NOMEM, "no memory");
	for (int i = 0; i < s->n && !err->code; i++) {
		struct stratum *one = &s->stratum[i];
		struct bootstrap_options own = *o;

		own.f1_of = s->by == BY_CLASS ? one->label + 1 : 0;
		one->score = arena_array(&s->mem, (size_t)l->n_systems, sizeof(*one->score));
		if (!one->score)
			err_set(err, ERR_NOMEM, "no memory");
		for (int j = 0; j < l->n; j++)
			keep[j] = s->of[j] == i;
		for (int c = 0; c < l->n_systems && !err->code; c++)
			score_system(l, c, keep, &own, &one->score[c], err);
	}
	free(keep);
	return err->code ? err->code : correct(s, l->n_systems, err);
}

int strata_make(struct strata *s, const struct lineup *l, enum aspect by, int least,
		const struct bootstrap_options *o, struct err *err)
{
	*s = (struct strata){ .by = by };
	if (!NEW_ARRAY(s->of, (size_t)l->n))
		return err_set(err, ERR_NOMEM, "no memory");
	if (by == BY_SPEAKER ? cut_by_speaker(s, l, least, err) : cut_by_value(s, l, err))
		return err->code;
	count_parts(s, l);
	if (!s->n)
		return err_set(err, ERR_MISSING,
			       "by %s: the predictions do not say; name the corpus with --root",
			       aspect_name[by]);
	return score_parts(s, l, o, err);
}

void strata_free(struct strata *s)
{
	free(s->stratum);
	free(s->of);
	arena_free(&s->mem);
	*s = (struct strata){ 0 };
}

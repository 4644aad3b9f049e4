/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/verdict/lineup.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/map.h"

int result_load_finished(struct result *r, const char *given, struct err *err)
{
	char *dir = str_dup(given);

	*r = (struct result){ 0 };
	if (!dir)
		return err_set(err, ERR_NOMEM, "no memory");
	for (size_t n = strlen(dir); n > 1 && dir[n - 1] == '/'; n--)
		dir[n - 1] = '\0';
	if (!result_load(r, dir, err) && !r->complete)
		err_set(err, ERR_INCOMPLETE, "%s: status is '%s'; finish the run first", given,
			r->status);
	free(dir);
	return err->code;
}

static int check_comparable(const struct result *a, const struct result *b, struct err *err)
{
	bool same = a->k == b->k && !strcmp(a->labels_name, b->labels_name);

	for (int i = 0; same && i < a->k; i++)
		same = !strcmp(a->label[i], b->label[i]);
	if (!same)
		return err_set(err, ERR_DATA, "%s has labels %s, %s has %s: not comparable", a->id,
			       a->labels_name, b->id, b->labels_name);
	if (strcmp(a->corpus, b->corpus) || strcmp(a->kind, b->kind))
		return err_set(err, ERR_DATA, "%s is of %s (%s), %s of %s (%s): not comparable",
			       a->id, a->corpus, a->kind, b->id, b->corpus, b->kind);
	return results_same_samples(a, b, err);
}

/* Same recipe and no run of this seed yet? */
static bool takes(const struct contender *c, const struct result *r)
{
	for (int i = 0; i < c->n_runs; i++)
		if (c->run[i]->seed == r->seed)
			return false;
	return results_same_recipe(c->run[0], r);
}

static int by_seed(const void *a, const void *b)
{
	const struct result *x = *(const struct result *const *)a;
	const struct result *y = *(const struct result *const *)b;

	return (x->seed > y->seed) - (x->seed < y->seed);
}

static int group_runs(struct lineup *l, struct err *err)
{
	if (!NEW_ARRAY(l->system, (size_t)l->n_results))
		return err_set(err, ERR_NOMEM, "no memory");
	for (int i = 0; i < l->n_results; i++) {
		struct contender *c = l->system;

		while (c < l->system + l->n_systems && !takes(c, &l->result[i]))
			c++;
		if (c == l->system + l->n_systems) {
			c->run = arena_array(&l->mem, (size_t)l->n_results, sizeof(*c->run));
			if (!c->run)
				return err_set(err, ERR_NOMEM, "no memory");
			l->n_systems++;
		}
		c->run[c->n_runs++] = &l->result[i];
	}
	for (int s = 0, first = 0; s < l->n_systems; first += l->system[s++].n_runs) {
		struct contender *c = &l->system[s];

		qsort(c->run, (size_t)c->n_runs, sizeof(*c->run), by_seed);
		c->first = first;
	}
	return 0;
}

static bool same_sight(const struct result *a, const struct result *b)
{
	bool same = !strcmp(a->system, b->system) && a->n_without == b->n_without;

	for (int i = 0; same && i < a->n_without; i++)
		same = !strcmp(a->without[i], b->without[i]);
	return same;
}

/* The system and what it went without; systems of one name are told apart by their folders,
 * the same folder twice by its place. */
static int name_systems(struct lineup *l, struct err *err)
{
	for (int s = 0; s < l->n_systems; s++) {
		struct contender *c = &l->system[s];
		struct strbuf b = { 0 };
		int others = 0;
		bool fits;

		strbuf_add(&b, c->run[0]->system);
		for (int i = 0; i < c->run[0]->n_without; i++)
			strbuf_addf(&b, "%s%s", i ? ", " : " without ", c->run[0]->without[i]);
		for (int o = 0; o < l->n_systems; o++)
			others += o != s && same_sight(c->run[0], l->system[o].run[0]);
		if (others) {
			strbuf_reset(&b);
			strbuf_add(&b, c->run[0]->id);
		}
		for (int o = 0; o < s; o++)
			if (!strcmp(l->system[o].run[0]->id, c->run[0]->id)) {
				strbuf_addf(&b, " #%d", s + 1);
				break;
			}
		fits = !b.oom && str_copy(c->name, sizeof(c->name), strbuf_str(&b));
		strbuf_free(&b);
		if (!fits)
			return err_set(err, ERR_LIMIT, "%s: its name is too long", c->run[0]->id);
	}
	return 0;
}

/* Which labels the answers are scored in, and what becomes of those on disk. */
static int choose_labels(struct lineup *l, const char *fold, int map[LABEL_MAX], struct err *err)
{
	const struct result *r = l->result;
	const struct label_set *from = label_set_find(r->labels_name);
	const struct label_set *to = fold ? label_set_find(fold) : from;

	if (fold && !to)
		return err_set(err, ERR_ARG, "no label set '%s' (see: merc list labels)", fold);
	if (fold && (!from || from->n != r->k || !label_fold(from, to, map)))
		return err_set(err, ERR_ARG, "labels %s do not read as %s", r->labels_name, fold);
	l->labels = to;
	l->labels_name = fold ? to->name : r->labels_name;
	l->k = fold ? to->n : r->k;
	for (int i = 0; i < l->k; i++)
		l->label[i] = fold ? to->word[i] : r->label[i];
	for (int i = 0; !fold && i < r->k; i++)
		map[i] = i;
	return 0;
}

static int join_samples(struct lineup *l, const int map[LABEL_MAX], struct err *err)
{
	const struct result *r = l->result;
	const size_t room = (size_t)r->n;

	l->sample = arena_array(&l->mem, room, sizeof(*l->sample));
	l->answer = arena_array(&l->mem, room * (size_t)l->n_results, sizeof(*l->answer));
	if (!l->sample || !l->answer)
		return err_set(err, ERR_NOMEM, "no memory for %d samples", r->n);
	for (int i = 0; i < r->n; i++) {
		const struct prediction *p = &r->pred[i];

		if (map[p->gold] < 0)
			continue;
		l->groups += !l->n || strcmp(l->sample[l->n - 1].dialogue, p->dialogue) != 0;
		l->sample[l->n++] =
			(struct sample){ p->id,	  p->dialogue,	p->speaker, p->text,
					 p->turn, map[p->gold], -1,	    l->groups - 1 };
	}
	l->left_out = r->n - l->n;
	if (!l->n)
		return err_set(err, ERR_DATA, "%s: no sample bears a label of %s", r->id,
			       l->labels_name);
	for (int s = 0; s < l->n_systems; s++)
		for (int j = 0; j < l->system[s].n_runs; j++) {
			const struct prediction *p = l->system[s].run[j]->pred;
			int *row = l->answer + (size_t)(l->system[s].first + j) * (size_t)l->n;

			for (int i = 0, at = 0; i < r->n; i++)
				if (map[r->pred[i].gold] >= 0)
					row[at++] = p[i].label < 0 ? -1 : map[p[i].label];
		}
	return 0;
}

int lineup_load(struct lineup *l, char *const *dir, int n, const char *fold, struct err *err)
{
	int map[LABEL_MAX];

	*l = (struct lineup){ 0 };
	if (!NEW_ARRAY(l->result, (size_t)n))
		return err_set(err, ERR_NOMEM, "no memory");
	for (int i = 0; i < n; i++) {
		l->n_results++;
		if (result_load_finished(&l->result[i], dir[i], err) ||
		    (i && check_comparable(&l->result[0], &l->result[i], err)))
			return err->code;
		l->limited |= l->result[i].limited;
	}
	if (group_runs(l, err) || name_systems(l, err) || choose_labels(l, fold, map, err))
		return err->code;
	return join_samples(l, map, err);
}

void lineup_free(struct lineup *l)
{
	for (int i = 0; i < l->n_results; i++)
		result_free(&l->result[i]);
	free(l->result);
	free(l->system);
	arena_free(&l->mem);
	*l = (struct lineup){ 0 };
}

const int *lineup_answers(const struct lineup *l, const struct contender *c, int run)
{
	return l->answer + (size_t)(c->first + run) * (size_t)l->n;
}

int lineup_tally(const struct lineup *l, const int *answer, const unsigned char *keep,
		 struct tally *t, struct err *err)
{
	if (tally_init(t, l->k, l->groups, err))
		return err->code;
	for (int i = 0; i < l->n; i++)
		if (!keep || keep[i])
			tally_add(t, l->sample[i].group, l->sample[i].gold, answer[i]);
	return 0;
}

void lineup_confusion(const struct lineup *l, const int *answer, const unsigned char *keep,
		      struct confusion *c)
{
	*c = (struct confusion){ .k = l->k };
	for (int i = 0; i < l->n; i++)
		if (!keep || keep[i])
			confusion_add(c, l->sample[i].gold, answer[i]);
}

bool lineup_lacks_texts(const struct lineup *l)
{
	for (int i = 0; i < l->n; i++)
		if (!l->sample[i].text || !l->sample[i].speaker)
			return true;
	return false;
}

/* A missing text, copied out of a corpus that will go away. */
static int fill_in(struct lineup *l, const char **have, const char *from, struct err *err)
{
	if (*have || !from)
		return 0;
	*have = arena_strdup(&l->mem, from);
	return *have ? 0 : err_set(err, ERR_NOMEM, "no memory");
}

int lineup_add_corpus(struct lineup *l, const struct corpus *c, const struct gold *sentiment,
		      int *found, struct err *err)
{
	struct str_map by_id = { 0 };

	*found = 0;
	for (int i = 0; i < c->n_utt && !err->code; i++) {
		int *slot;

		if (c->dia[c->utt[i].dialogue].split != SPLIT_TEST)
			continue;
		slot = map_slot(&by_id, c->utt[i].id);
		if (slot)
			*slot = i;
		else
			err_set(err, ERR_NOMEM, "no memory");
	}
	for (int i = 0; i < l->n && !err->code; i++) {
		struct sample *s = &l->sample[i];
		int at = map_get(&by_id, s->id);

		if (at < 0)
			continue;
		++*found;
		if (sentiment)
			s->sentiment = sentiment->label[at];
		if (!fill_in(l, &s->text, c->utt[at].text, err))
			fill_in(l, &s->speaker, c->speaker[c->utt[at].speaker].name, err);
	}
	map_free(&by_id);
	return err->code;
}

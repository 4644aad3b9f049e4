/* SPDX-License-Identifier: Apache-2.0
 * Rows without ids: the utterance is the one with this text that was said behind this history.
 */
#include "harness/score/match_parts.h"

#include <stdlib.h>
#include <string.h>

#define REST_SHARE 20 /* one row in so many may be known as what is left over */

/* How well a row's history fits an utterance. */
enum fit { FIT_NONE, FIT_END /* of a longer history */, FIT_WHOLE };

/* Utterances that one row may belong to. */
struct choice {
	int *utt;   /* (n) in arena */
	int n, all; /* all: before any was taken away */
};

struct work {
	struct match *m;
	const struct recorded *r;
	const struct text_index *x;
	struct choice *choice; /* (rows) */
	const char **past;     /* keys of the history of the row at hand */
	enum split split;
	int window; /* longest history of a row */
	struct arena mem;
	struct notes *notes;
	struct err *err;
};

static int no_memory(const struct work *w)
{
	return err_set(w->err, ERR_NOMEM, "%s: no memory", w->r->path);
}

/* Walks back through the dialogue, over labelled utterances alone or over all. */
static enum fit fits(const struct work *w, enum key_kind kind, const struct recorded_row *row,
		     int utt, bool labelled)
{
	const struct text_index *x = w->x;
	const struct dialogue *d = &x->corpus->dia[x->corpus->utt[utt].dialogue];
	const int place = labelled ? x->place[utt] : utt - d->first;
	int u = utt;

	if (!row->has_history)
		return FIT_WHOLE;
	if (row->n_history > place)
		return FIT_NONE;
	for (int i = row->n_history - 1; i >= 0; i--) {
		u = labelled ? x->before[u] : u - 1;
		if (strcmp(w->past[i], x->key[kind][u]) != 0)
			return FIT_NONE;
	}
	return row->n_history == place || row->n_history == w->window ? FIT_WHOLE : FIT_END;
}

static int add_choice(struct work *w, struct choice *c, int utt)
{
	int *grown = arena_array(&w->mem, (size_t)c->n + 1, sizeof(*grown));

	if (!grown)
		return no_memory(w);
	if (c->n)
		memcpy(grown, c->utt, (size_t)c->n * sizeof(*grown));
	grown[c->n++] = utt;
	c->utt = grown;
	return 0;
}

/* The utterances of this key that fit best. */
static int choose(struct work *w, enum key_kind kind, const struct recorded_row *row,
		  struct choice *c)
{
	const char *key = text_key(kind, row->text, &w->mem);
	enum fit best = FIT_NONE;

	if (!key)
		return no_memory(w);
	for (int i = 0; i < row->n_history; i++)
		if (!(w->past[i] = text_key(kind, row->history[i], &w->mem)))
			return no_memory(w);
	for (int u = map_get(&w->x->first[kind], key); u >= 0; u = w->x->next[kind][u]) {
		enum fit fit = fits(w, kind, row, u, true), all = fits(w, kind, row, u, false);

		fit = all > fit ? all : fit;
		if (w->x->gold->label[u] < 0 || w->m->row[u] >= 0 || fit == FIT_NONE || fit < best)
			continue;
		if (fit > best)
			c->n = 0;
		best = fit;
		if (add_choice(w, c, u))
			return w->err->code;
	}
	return 0;
}

static int find_choices(struct work *w)
{
	for (size_t i = 0; i < w->r->n; i++) {
		const struct recorded_row *row = &w->r->row[i];
		struct choice *c = &w->choice[i];

		if (!row->text || !match_in_split(row, w->split))
			continue;
		for (int k = 0; k < KEY_KINDS && !c->n; k++)
			if (choose(w, (enum key_kind)k, row, c))
				return w->err->code;
		c->all = c->n;
	}
	return 0;
}

/* Takes away what others have and what has another true label; true: something changed. */
static bool narrow(struct work *w, size_t i)
{
	const char *gold = w->r->row[i].field[FIELD_GOLD];
	const int label = gold ? label_find_any(w->x->corpus->labels, gold) : -1;
	struct choice *c = &w->choice[i];
	int kept = 0, like = 0;

	for (int k = 0; k < c->n; k++)
		like += w->x->gold->label[c->utt[k]] == label;
	for (int k = 0; k < c->n; k++)
		if (w->m->row[c->utt[k]] < 0 && (!like || w->x->gold->label[c->utt[k]] == label))
			c->utt[kept++] = c->utt[k];
	c->n = kept;
	if (c->n != 1)
		return false;
	match_take(w->m, i, c->utt[0]);
	return true;
}

/* The choice that stands right behind the utterance of the row above, or right before that of
 * the row below; -1: none. */
static int beside(const struct work *w, size_t i)
{
	const int above = i > 0 ? w->m->utt[i - 1] : -1;
	const int below = i + 1 < w->r->n ? w->m->utt[i + 1] : -1;

	for (int k = 0; k < w->choice[i].n; k++) {
		const int u = w->choice[i].utt[k];

		if ((above >= 0 && w->x->before[u] == above) ||
		    (below >= 0 && w->x->before[below] == u))
			return u;
	}
	return -1;
}

/* Rows of which each fits one utterance first (two may fit the same: a row and its repetition);
 * then those that the rest leaves one for. */
static void settle(struct work *w)
{
	bool more = true;

	for (size_t i = 0; i < w->r->n; i++)
		if (w->choice[i].n == 1)
			match_take(w->m, i, w->choice[i].utt[0]);
	while (more) {
		more = false;
		for (size_t i = 0; i < w->r->n; i++)
			if (w->m->utt[i] < 0 && w->choice[i].n > 1)
				more |= narrow(w, i);
		for (size_t i = 0; i < w->r->n && !more; i++) {
			const int u = w->m->utt[i] < 0 ? beside(w, i) : -1;

			if (u >= 0 && w->m->row[u] < 0) {
				match_take(w->m, i, u);
				more = true;
			}
		}
	}
}

/* Has row j no utterance either, and the choices of row i? */
static bool alike(const struct work *w, size_t i, size_t j)
{
	const struct choice *a = &w->choice[i], *b = &w->choice[j];

	return w->m->utt[j] < 0 && a->n == b->n &&
	       !memcmp(a->utt, b->utt, (size_t)a->n * sizeof(*a->utt));
}

/* Rows that nothing tells apart take utterances that nothing tells apart, in order: as many
 * rows as utterances, all with the same true label. */
static void pair_off(struct work *w)
{
	for (size_t i = 0; i < w->r->n; i++) {
		const struct choice *c = &w->choice[i];
		int rows = 0, same = 0;

		if (w->m->utt[i] >= 0 || c->n < 2)
			continue;
		for (size_t j = i; j < w->r->n; j++)
			rows += alike(w, i, j);
		for (int k = 0; k < c->n; k++)
			same += w->x->gold->label[c->utt[k]] == w->x->gold->label[c->utt[0]];
		if (rows != c->n || same != c->n)
			continue;
		/* choices stand from the last utterance to the first */
		for (size_t j = i, k = (size_t)rows; k > 0; j++)
			if (alike(w, i, j))
				match_take(w->m, j, c->utt[--k]);
	}
}

/* The label of a row that has no utterance, -1: it has one or says no label. */
static int open_label(const struct work *w, size_t i)
{
	const char *gold = w->r->row[i].field[FIELD_GOLD];

	return w->m->utt[i] < 0 && gold ? label_find_any(w->x->corpus->labels, gold) : -1;
}

/* Is an utterance of the split to be scored, and without a row? */
static bool is_open(const struct work *w, int u)
{
	return w->x->key[KEY_EXACT][u] && w->x->gold->label[u] >= 0 && w->m->row[u] < 0;
}

/* A file with as many rows as there are utterances, of which a few have garbled texts: those rows
 * are what is left, if the true labels of both agree in number. */
static int take_rest(struct work *w)
{
	const struct corpus *c = w->x->corpus;
	int count[LABEL_MAX] = { 0 }, rows = 0, labelled = 0, utterances = 0;

	for (size_t i = 0; i < w->r->n; i++) {
		const int k = open_label(w, i);

		rows += w->m->utt[i] < 0;
		labelled += k >= 0;
		count[k < 0 ? 0 : k] += k >= 0;
	}
	for (int u = 0; u < c->n_utt; u++)
		if (is_open(w, u)) {
			utterances++;
			count[w->x->gold->label[u]]--;
		}
	for (int k = 0; k < c->labels->n; k++)
		if (count[k])
			return 0;
	if (!rows || rows != labelled || rows != utterances || rows > (int)w->r->n / REST_SHARE)
		return 0;
	for (size_t i = 0; i < w->r->n; i++) {
		const int k = open_label(w, i);
		int u = 0;

		if (k < 0)
			continue;
		while (!is_open(w, u) || w->x->gold->label[u] != k)
			u++;
		match_take(w->m, i, u);
		w->m->chosen++;
		w->choice[i].all = 0;
		if (note_add(w->notes, w->err, NOTE_AMBIGUOUS, w->r->row[i].line,
			     "'%.80s' is no utterance's text; of those left over with its true "
			     "label, taken as %s",
			     w->r->row[i].text ? w->r->row[i].text : "", c->utt[u].id))
			return w->err->code;
	}
	return 0;
}

static int tell(struct work *w)
{
	for (size_t i = 0; i < w->r->n; i++) {
		const struct choice *c = &w->choice[i];
		const int u = w->m->utt[i];

		if (c->all == 1)
			w->m->by_text++;
		if (c->all < 2)
			continue;
		if (u >= 0)
			w->m->chosen++;
		if (note_add(w->notes, w->err, NOTE_AMBIGUOUS, w->r->row[i].line,
			     "'%.80s' with its history fits %d utterances; %s%s", w->r->row[i].text,
			     c->all, u >= 0 ? "taken as " : "left out",
			     u >= 0 ? w->x->corpus->utt[u].id : ""))
			return w->err->code;
	}
	return 0;
}

int match_by_text(struct match *m, const struct recorded *r, const struct text_index *x,
		  enum split split, struct notes *notes, struct err *err)
{
	struct work w = { .m = m, .r = r, .x = x, .split = split, .notes = notes, .err = err };

	for (size_t i = 0; i < r->n; i++)
		if (r->row[i].n_history > w.window)
			w.window = r->row[i].n_history;
	w.choice = arena_array(&w.mem, r->n, sizeof(*w.choice));
	w.past = arena_array(&w.mem, (size_t)w.window + 1, sizeof(*w.past));
	if (!w.choice || !w.past)
		no_memory(&w);
	else if (!find_choices(&w)) {
		settle(&w);
		pair_off(&w);
		if (!take_rest(&w))
			tell(&w);
	}
	arena_free(&w.mem);
	return err->code;
}

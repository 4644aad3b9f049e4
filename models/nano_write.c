/* SPDX-License-Identifier: Apache-2.0
 * The student writes behaviour: the trunk is read once, then every turn's branch grows by
 * a token at a time, all of them in one pass.
 */
#include "models/nano_predict.h"

#include <stdlib.h>
#include <string.h>

#define WRITE_MAX 64 /* tokens of a written behaviour at most */

/* What a turn of the cut has written so far. */
struct written {
	int id[WRITE_MAX];
	int n;
	bool open;
	struct pack_place place; /* of its next token */
};

/* Turns without frames of the camera write nothing: there is nothing to describe. */
static int open_turns(const struct predictor *p, const struct nano_cut *cut, struct written *w)
{
	int open = 0;

	for (int t = cut->from; t < cut->last; t++) {
		const struct turn *u = &p->view->turn[t];

		for (int c = 0; c < PART_COUNT; c++)
			w[t - cut->from].open |= u->video[c].data && u->video[c].rows > 0;
		open += w[t - cut->from].open;
	}
	return open;
}

/* The session reads the pack and every open turn takes its most probable next token. */
static int read_step(struct predictor *p, struct session *s, const struct nano_cut *cut,
		     struct written *w, int *open, struct err *err)
{
	const struct tokenizer *t = p->n->text.tokenizer;
	/* some embeddings have more rows than there are tokens: nobody writes those */
	const int vocab = p->n->text.vocab, known = t ? tokenizer_size(t) : vocab;
	const float *row;

	if (pack_finish(&p->pack, cut->window, err) || predictor_rows(p, vocab, err) ||
	    session_read(s, &p->pack.p, p->out, err))
		return err->code;
	row = p->out;
	*open = 0;
	for (int i = 0; i < cut->last - cut->from; i++) {
		int best = 0;

		if (!w[i].open)
			continue;
		for (int j = 1; j < known; j++)
			best = row[j] > row[best] ? j : best;
		row += vocab;
		w[i].open = !nano_text_ends(p->n, best);
		if (w[i].open)
			w[i].id[w[i].n++] = best;
		w[i].open = w[i].open && w[i].n < WRITE_MAX;
		*open += w[i].open;
	}
	return 0;
}

/* The trunk, then the questions of the open turns. */
static int begin(struct predictor *p, struct session **s, const struct nano_cut *cut,
		 struct written *w, int *open, struct err *err)
{
	const struct nano_plan plan = nano_plan(p->n, NANO_BEHAVIOUR);
	struct nano_pack *k = &p->pack;
	int room = 0;

	pack_trunk(k, p->n, p->turn, cut->from, cut->last, &plan);
	for (int t = cut->from; t < cut->last; t++) {
		const int before = k->p.n;

		pack_branch(k, p->n, p->turn, t, &plan);
		room = k->p.n - before > room ? k->p.n - before : room;
	}
	room += WRITE_MAX;
	*s = session_new(p->n->decoder, k->p.trunk + (cut->last - cut->from) * room, err);
	if (!*s)
		return err->code;
	pack_trunk(k, p->n, p->turn, cut->from, cut->last, &plan);
	if (pack_finish(k, cut->window, err) || session_read(*s, &k->p, NULL, err) ||
	    session_open_branches(*s, room, err))
		return err->code;
	pack_next(k);
	for (int t = cut->from; t < cut->last; t++) {
		if (!w[t - cut->from].open)
			continue;
		pack_branch(k, p->n, p->turn, t, &plan);
		pack_ask(k, 0, 1); /* only scored */
		w[t - cut->from].place = k->now;
	}
	return read_step(p, *s, cut, w, open, err);
}

/* Every open turn's last token, which predicts the next. */
static int go_on(struct predictor *p, struct session *s, const struct nano_cut *cut,
		 struct written *w, int *open, struct err *err)
{
	struct nano_pack *k = &p->pack;

	pack_next(k);
	for (int i = 0; i < cut->last - cut->from; i++) {
		if (!w[i].open)
			continue;
		k->now = w[i].place;
		pack_tokens(k, &w[i].id[w[i].n - 1], 1);
		pack_ask(k, 0, 1);
		w[i].place = k->now;
	}
	return read_step(p, s, cut, w, open, err);
}

/* Puts what was written into the behaviour slot of the turn. */
static int replace_behaviour(struct predictor *p, struct nano_turn *u, const struct written *w,
			     struct err *err)
{
	const size_t keep = (size_t)(u->n_text + u->n_speech);
	int *id = arena_array(&p->mem, keep + (size_t)w->n, sizeof(*id));

	if (!id)
		return err_set(err, ERR_NOMEM, "%s: no memory", p->view->dialogue);
	if (keep)
		memcpy(id, u->id, keep * sizeof(*id));
	if (w->n)
		memcpy(id + keep, w->id, (size_t)w->n * sizeof(*id));
	u->id = id;
	u->n_behaviour = w->n;
	return 0;
}

int nano_write(struct predictor *p, const struct nano_cut *cut, struct err *err)
{
	struct session *s = NULL;
	struct written *w;
	int open;

	if (!NEW_ARRAY(w, (size_t)(cut->last - cut->from)))
		return err_set(err, ERR_NOMEM, "%s: no memory", p->view->dialogue);
	open = open_turns(p, cut, w);
	if (open)
		begin(p, &s, cut, w, &open, err);
	while (open && !err->code)
		go_on(p, s, cut, w, &open, err);
	for (int t = cut->from; t < cut->last && !err->code; t++)
		replace_behaviour(p, &p->turn[t], &w[t - cut->from], err);
	session_free(s);
	free(w);
	return err->code;
}

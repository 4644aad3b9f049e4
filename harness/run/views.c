/* SPDX-License-Identifier: Apache-2.0
 * Masked views of a bank: the one place where a run's `see` becomes NULL pointers.
 */
#include "harness/run/bank.h"

#include <string.h>

#include "harness/run/see.h"

/* Has the utterance a clip, as the request asks for one? */
static bool has_media(const struct bank *b, int i, unsigned see)
{
	if (!(see & SEE_MEDIA))
		return b->m[i].ms[STAGE_DECODE] > 0;
	return views_have_clip(b->corpus, i, see);
}

bool views_have_clip(const struct corpus *c, int i, unsigned see)
{
	const struct utterance *u = &c->utt[i];

	return (!(see & SEE_SOUND) || u->audio.path) && (!(see & SEE_PICTURES) || u->video.path);
}

static int make_view(struct views *v, const struct bank *b, const struct dialogue *d,
		     const struct views_request *rq, struct err *err)
{
	struct turn *turn = arena_array(&v->mem, (size_t)d->count, sizeof(*turn));
	unsigned char *target = arena_array(&v->mem, (size_t)d->count, 1);
	int *label = arena_array(&v->mem, (size_t)d->count, sizeof(*label));
	int *index = arena_array(&v->mem, (size_t)d->count, sizeof(*index));
	int targets = 0;

	if (!turn || !target || !label || !index)
		return err_set(err, ERR_NOMEM, "views: no memory");
	for (int t = 0; t < d->count; t++) {
		int i = d->first + t;

		see_mask_turn(&turn[t], &b->turn[i], rq->see);
		label[t] = b->gold->label[i];
		index[t] = i;
		target[t] = (label[t] >= 0 || rq->all_targets) &&
			    (!rq->only_media || has_media(b, i, rq->see));
		targets += target[t];
	}
	if (!targets)
		return 0;
	v->view[v->n] = (struct view){
		.dialogue = d->id,
		.turn = turn,
		.n = d->count,
		.target = target,
		.window = rq->see & SEE_HISTORY ? rq->window : 0,
	};
	v->label[v->n] = label;
	v->index[v->n++] = index;
	v->n_target += targets;
	return 0;
}

int views_make(struct views *v, const struct bank *b, const struct views_request *rq,
	       struct err *err)
{
	const struct corpus *c = b->corpus;
	size_t n = (size_t)c->n_dia;
	int taken = 0;

	*v = (struct views){ 0 };
	v->view = arena_array(&v->mem, n, sizeof(*v->view));
	v->label = arena_array(&v->mem, n, sizeof(*v->label));
	v->index = arena_array(&v->mem, n, sizeof(*v->index));
	if (!v->view || !v->label || !v->index)
		err_set(err, ERR_NOMEM, "views: no memory");
	for (int d = 0; d < c->n_dia && !err->code; d++) {
		if (c->dia[d].split != rq->split)
			continue;
		if (rq->limit > 0 && taken++ >= rq->limit)
			break;
		make_view(v, b, &c->dia[d], rq, err);
	}
	if (err->code)
		views_free(v);
	return err->code;
}

void views_free(struct views *v)
{
	arena_free(&v->mem);
	*v = (struct views){ 0 };
}

/* SPDX-License-Identifier: Apache-2.0
 * Turns and branches into the arrays the decoder reads.
 */
#include "models/nano.h"

#include <stdlib.h>

static bool reserve(struct nano_pack *k, size_t need)
{
	size_t cap[7] = { k->cap, k->cap, k->cap, k->cap, k->cap, k->cap, k->cap };

	if (k->oom || need <= k->cap)
		return !k->oom;
	if (!GROW_ARRAY(k->token, cap[0], need) || !GROW_ARRAY(k->soft_kind, cap[1], need) ||
	    !GROW_ARRAY(k->turn, cap[2], need) || !GROW_ARRAY(k->branch, cap[3], need) ||
	    !GROW_ARRAY(k->pos, cap[4], need) || !GROW_ARRAY(k->soft, cap[5], need) ||
	    !GROW_ARRAY(k->soft_rows, cap[6], need))
		k->oom = true;
	else
		k->cap = cap[0];
	return !k->oom;
}

/* One token of the current turn and branch, at the current position; soft NULL: text. */
static void put(struct nano_pack *k, int token, int kind, const float *soft, int rows)
{
	const int i = k->p.n;

	if (!reserve(k, (size_t)i + 1))
		return;
	k->token[i] = token;
	k->soft_kind[i] = kind;
	k->soft[i] = soft;
	k->soft_rows[i] = rows;
	k->turn[i] = k->now.turn;
	k->branch[i] = k->now.branch;
	k->pos[i] = k->now.pos++;
	k->p.n++;
}

void pack_tokens(struct nano_pack *k, const int *id, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put(k, id[i], 0, NULL, 0);
}

static void put_cues(struct nano_pack *k, const struct nano_turn *u, bool behaviour)
{
	for (int i = 0; i < u->n_soft; i++)
		put(k, -1, u->soft_kind[i], u->soft[i], u->soft_rows[i]);
	pack_tokens(k, u->id + u->n_text, (size_t)u->n_speech);
	if (behaviour)
		pack_tokens(k, u->id + u->n_text + u->n_speech, (size_t)u->n_behaviour);
}

void pack_ask(struct nano_pack *k, int target, double weight)
{
	const size_t n = (size_t)k->p.n_at + 1;
	size_t cap[3] = { k->cap_at, k->cap_at, k->cap_at };

	if (k->oom || !GROW_ARRAY(k->at, cap[0], n) || !GROW_ARRAY(k->target, cap[1], n) ||
	    !GROW_ARRAY(k->weight, cap[2], n)) {
		k->oom = true;
		return;
	}
	k->cap_at = cap[0];
	k->at[n - 1] = k->p.n - 1;
	k->target[n - 1] = target;
	k->weight[n - 1] = (float)weight;
	k->p.n_at++;
}

void pack_start(struct nano_pack *k, const struct nano *n, int from, int to,
		const struct nano_plan *plan)
{
	const struct bpe_ids *head = &n->text.head[plan->task];

	k->p = (struct packed){ .n = 0 };
	k->from = from;
	k->now = (struct pack_place){ 0 };
	if (k->oom || !GROW_ARRAY(k->turn_pos, k->cap_turn, (size_t)(to - from))) {
		k->oom = true;
		return;
	}
	pack_tokens(k, head->id, head->n);
}

void pack_turn(struct nano_pack *k, const struct nano *n, const struct nano_turn *turn, int t,
	       const struct nano_plan *plan)
{
	const struct nano_turn *u = &turn[t];

	if (k->oom)
		return;
	k->now.turn = t - k->from;
	pack_tokens(k, u->id, (size_t)u->n_text);
	if (!plan->cues_in_branch)
		put_cues(k, u, plan->behaviour);
	if (n->text.turn_end >= 0)
		pack_tokens(k, &n->text.turn_end, 1);
	k->turn_pos[t - k->from] = k->now.pos;
}

void pack_trunk(struct nano_pack *k, const struct nano *n, const struct nano_turn *turn, int from,
		int to, const struct nano_plan *plan)
{
	pack_start(k, n, from, to, plan);
	for (int t = from; t < to; t++)
		pack_turn(k, n, turn, t, plan);
	k->p.trunk = k->p.n;
	for (int i = 0; i + 1 < k->p.trunk && plan->lm > 0 && !k->oom; i++)
		if (k->token[i + 1] >= 0) {
			pack_ask(k, k->token[i + 1], plan->lm);
			k->at[k->p.n_at - 1] = i;
		}
}

void pack_question(struct nano_pack *k, const struct nano *n, const struct nano_turn *turn, int t,
		   const struct nano_plan *plan)
{
	const struct bpe_ids *open = &n->text.open[plan->task];

	pack_tokens(k, open->id, open->n);
	if (plan->cues_in_branch)
		put_cues(k, &turn[t], plan->behaviour);
	pack_tokens(k, turn[t].ask[plan->task], (size_t)turn[t].n_ask[plan->task]);
}

void pack_branch(struct nano_pack *k, const struct nano *n, const struct nano_turn *turn, int t,
		 const struct nano_plan *plan)
{
	if (k->oom)
		return;
	k->now.turn = t - k->from;
	k->now.branch++;
	k->now.pos = k->turn_pos[t - k->from];
	pack_question(k, n, turn, t, plan);
}

void pack_next(struct nano_pack *k)
{
	k->p.n = k->p.trunk = k->p.n_at = 0;
}

int pack_finish(struct nano_pack *k, int window, struct err *err)
{
	if (k->oom)
		return err_set(err, ERR_NOMEM, "packing %d tokens: no memory", k->p.n);
	k->p.token = k->token;
	k->p.soft_kind = k->soft_kind;
	k->p.soft = k->soft;
	k->p.soft_rows = k->soft_rows;
	k->p.turn = k->turn;
	k->p.branch = k->branch;
	k->p.pos = k->pos;
	k->p.window = window;
	k->p.at = k->at;
	k->p.target = k->target;
	k->p.weight = k->weight;
	return 0;
}

void pack_free(struct nano_pack *k)
{
	free(k->token);
	free(k->soft_kind);
	free(k->soft_rows);
	free(k->turn);
	free(k->branch);
	free(k->pos);
	free(k->soft);
	free(k->at);
	free(k->target);
	free(k->weight);
	free(k->turn_pos);
	*k = (struct nano_pack){ 0 };
}

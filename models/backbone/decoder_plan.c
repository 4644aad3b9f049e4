/* SPDX-License-Identifier: Apache-2.0
 * What a caller may get wrong in a packed dialogue, and which keys each of its tokens sees.
 */
#include "models/backbone/decoder_parts.h"

#include <math.h>

static int bad(struct err *err, const char *what, int i, int value)
{
	return err_set(err, ERR_ARG, "packed dialogue: %s %d is %d", what, i, value);
}

static int tokens_check(const struct decoder_config *c, const struct packed *p, struct err *err)
{
	for (int i = 0; i < p->n; i++) {
		if (p->token[i] < -1 || p->token[i] >= c->vocab)
			return bad(err, "token", i, p->token[i]);
		if (p->pos[i] < 0 || p->pos[i] >= POS_MAX)
			return bad(err, "position", i, p->pos[i]);
	}
	return 0;
}

/* Trunk first and by turn; branches contiguous, numbered upwards, each of one turn. */
static int order_check(const struct packed *p, struct err *err)
{
	for (int i = 0; i < p->n; i++) {
		bool trunk = i < p->trunk, first = i == 0 || i == p->trunk;

		if (trunk ? p->branch[i] != 0 : p->branch[i] < 1)
			return bad(err, "branch of token", i, p->branch[i]);
		if (first)
			continue;
		if (trunk ? p->turn[i] < p->turn[i - 1]
			  : p->branch[i] == p->branch[i - 1] && p->turn[i] != p->turn[i - 1])
			return bad(err, "turn of token", i, p->turn[i]);
		if (p->branch[i] < p->branch[i - 1])
			return bad(err, "branches are not in order: branch of token", i,
				   p->branch[i]);
	}
	return 0;
}

static int targets_check(const struct decoder_config *c, const struct packed *p, struct err *err)
{
	int support = p->word ? p->n_word : c->vocab;

	if (p->word && p->n_word < 1)
		return bad(err, "number of words", 0, p->n_word);
	for (int i = 0; p->word && i < p->n_word; i++)
		if (p->word[i] < 0 || p->word[i] >= c->vocab)
			return bad(err, "word", i, p->word[i]);
	for (int k = 0; k < p->n_at; k++) {
		if (p->at[k] < 0 || p->at[k] >= p->n)
			return bad(err, "answer position", k, p->at[k]);
		if (p->target && (p->target[k] < 0 || p->target[k] >= support))
			return bad(err, "target", k, p->target[k]);
		if (p->weight && !isfinite(p->weight[k]))
			return bad(err, "weight is not finite: weight", k, -1);
	}
	if (!(p->smooth >= 0 && p->smooth < 1))
		return err_set(err, ERR_ARG, "packed dialogue: label smoothing %g", p->smooth);
	return 0;
}

int packed_check(const struct decoder_config *c, const struct packed *p, struct err *err)
{
	if (p->n < 0 || p->n > 1 << 24 || p->trunk < 0 || p->trunk > p->n || p->n_at < 0 ||
	    p->window < 0)
		return err_set(err, ERR_ARG,
			       "packed dialogue: %d tokens, trunk %d, %d answers, window %d", p->n,
			       p->trunk, p->n_at, p->window);
	if (tokens_check(c, p, err) || order_check(p, err) ||
	    projector_check_tokens(c->soft, c->n_soft, p, err))
		return err->code;
	return targets_check(c, p, err);
}

/* First key of the trunk whose turn is at least t. */
static int trunk_from(const struct sight *s, long t)
{
	int lo = 0, hi = s->trunk;

	while (lo < hi) {
		int mid = lo + (hi - lo) / 2;

		if (s->turn[mid] < t)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void sight_spans(const struct sight *s, const struct packed *p, int window, struct key_spans *out)
{
	for (int i = 0; i < s->n; i++) {
		const int lo = trunk_from(s, (long)p->turn[i] - window);

		out[i] = (struct key_spans){ .lo = { lo, 0 }, .hi = { s->slot[i] + 1, 0 } };
		if (p->branch[i])
			out[i] = (struct key_spans){
				.lo = { lo, s->start[i] },
				.hi = { trunk_from(s, (long)p->turn[i] + 1), s->slot[i] + 1 },
			};
	}
}

int sight_of(const struct packed *p, struct sight *s, struct workspace *ws, struct err *err)
{
	int *slot = workspace_get(ws, (size_t)p->n, sizeof(*slot));
	int *start = workspace_get(ws, (size_t)p->n, sizeof(*start));

	if (!slot || !start)
		return err_set(err, ERR_NOMEM, "decoder: %d tokens", p->n);
	for (int i = 0; i < p->n; i++) {
		slot[i] = i;
		start[i] = i && p->branch[i] == p->branch[i - 1] ? start[i - 1] : i;
	}
	*s = (struct sight){ .n = p->n,
			     .slot = slot,
			     .start = start,
			     .turn = p->turn,
			     .trunk = p->trunk,
			     .n_key = p->n };
	return 0;
}

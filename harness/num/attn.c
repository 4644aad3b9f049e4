/* SPDX-License-Identifier: Apache-2.0
 * Grouping of queries into attention blocks.
 */
#include "harness/num/attn.h"

#include <stdbool.h>

#define PAD 32 /* widest packed strip of any kernel set */

static int span(const struct key_spans *s)
{
	return s->hi[0] - s->lo[0] + s->hi[1] - s->lo[1];
}

/* The smallest span that holds both; an empty one holds nothing. */
static struct key_spans span_join(const struct key_spans *a, const struct key_spans *b)
{
	struct key_spans u = *a;

	for (int r = 0; r < 2; r++) {
		if (b->lo[r] == b->hi[r])
			continue;
		if (u.lo[r] == u.hi[r]) {
			u.lo[r] = b->lo[r];
			u.hi[r] = b->hi[r];
			continue;
		}
		u.lo[r] = b->lo[r] < u.lo[r] ? b->lo[r] : u.lo[r];
		u.hi[r] = b->hi[r] > u.hi[r] ? b->hi[r] : u.hi[r];
	}
	return u;
}

static int spans_check(const struct key_spans *s, int i, int n_key, struct err *err)
{
	for (int r = 0; r < 2; r++)
		if (s->lo[r] < 0 || s->lo[r] > s->hi[r] || s->hi[r] > n_key)
			return err_set(err, ERR_INTERNAL,
				       "attention: query %d sees keys [%d, %d) of %d", i, s->lo[r],
				       s->hi[r], n_key);
	if (!span(s))
		return err_set(err, ERR_INTERNAL, "attention: query %d sees no key", i);
	if (s->lo[1] < s->hi[1] && s->lo[1] < s->hi[0])
		return err_set(err, ERR_INTERNAL, "attention: key spans of query %d overlap", i);
	return 0;
}

/* Whether one more query costs less inside the block than on its own: masked
 * scores are computed for nothing, but every block has a fixed cost. */
static bool worth_joining(const struct attn_block *b, const struct key_spans *u, long used)
{
	long area = (long)span(u) * (b->count + 1);

	if (u->lo[1] < u->hi[1] && u->lo[1] < u->hi[0])
		return false;
	return b->count < ATTN_QUERIES && area <= used + used / 4 + 6 * 64;
}

int attn_plan_build(struct attn_plan *plan, const struct key_spans *query, int n_query, int n_key,
		    struct workspace *ws, struct err *err)
{
	struct attn_block *b = NULL;
	long used = 0;

	*plan = (struct attn_plan){ .n_query = n_query, .n_key = n_key, .query = query };
	plan->block = workspace_get(ws, (size_t)n_query, sizeof(*plan->block));
	if (!plan->block)
		return err_set(err, ERR_NOMEM, "attention: %d queries", n_query);
	for (int i = 0; i < n_query; i++) {
		struct key_spans u;

		if (spans_check(&query[i], i, n_key, err))
			return err->code;
		u = b ? span_join(&b->cover, &query[i]) : query[i];
		if (!b || !worth_joining(b, &u, used + span(&query[i]))) {
			b = &plan->block[plan->n_block++];
			*b = (struct attn_block){ .first = i };
			u = query[i];
			used = 0;
		}
		b->count++;
		b->cover = u;
		used += span(&query[i]);
		plan->most = b->count > plan->most ? b->count : plan->most;
		plan->width = span(&u) > plan->width ? span(&u) : plan->width;
	}
	for (int i = 0; i < plan->n_block; i++)
		plan->area += (long)span(&plan->block[i].cover) * plan->block[i].count;
	plan->width += 4 * PAD;
	return 0;
}

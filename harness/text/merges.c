/* SPDX-License-Identifier: Apache-2.0
 * Short stretches look for the best pair one by one, long ones keep a heap: the same order
 * either way, and never quadratic in the text.
 */
#include "harness/text/merges.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SHORT 48

size_t merges_hash(int a, int b)
{
	uint64_t h = ((uint64_t)(unsigned)a << 32 | (unsigned)b) * 0x9e3779b97f4a7c15u;

	return (size_t)(h ^ h >> 32);
}

static struct merge *probe(const struct merges *m, int a, int b)
{
	size_t at = merges_hash(a, b) & (m->n_slot - 1);

	while (m->slot[at].a >= 0 && (m->slot[at].a != a || m->slot[at].b != b))
		at = (at + 1) & (m->n_slot - 1);
	return &m->slot[at];
}

static bool rehash(struct merges *m)
{
	struct merges bigger = { .n = m->n, .n_slot = m->n_slot ? 2 * m->n_slot : 256 };

	if (!NEW_ARRAY(bigger.slot, bigger.n_slot))
		return false;
	for (size_t i = 0; i < bigger.n_slot; i++)
		bigger.slot[i].a = -1;
	for (size_t i = 0; i < m->n_slot; i++)
		if (m->slot[i].a >= 0)
			*probe(&bigger, m->slot[i].a, m->slot[i].b) = m->slot[i];
	free(m->slot);
	*m = bigger;
	return true;
}

bool merges_add(struct merges *m, int a, int b, int rank, int c)
{
	struct merge *slot;

	if (2 * (m->n + 1) > m->n_slot && !rehash(m))
		return false;
	slot = probe(m, a, b);
	if (slot->a < 0) {
		*slot = (struct merge){ a, b, rank, c };
		m->n++;
	}
	return true;
}

const struct merge *merges_find(const struct merges *m, int a, int b)
{
	const struct merge *slot;

	if (!m->n || a < 0 || b < 0)
		return NULL;
	slot = probe(m, a, b);
	return slot->a < 0 ? NULL : slot;
}

void merges_free(struct merges *m)
{
	free(m->slot);
	*m = (struct merges){ 0 };
}

bool merge_push(struct merge_work *w, int sym, size_t start, size_t len)
{
	const int at = (int)w->n;

	if (start > UINT_MAX - len || w->n >= INT_MAX || !GROW_ARRAY(w->node, w->cap, w->n + 1))
		return false;
	w->node[w->n++] = (struct node){ .sym = sym,
					 .start = (unsigned)start,
					 .len = (unsigned)len,
					 .prev = at - 1,
					 .next = -1 };
	if (at)
		w->node[at - 1].next = at;
	return true;
}

/* What one run needs everywhere. */
struct run {
	const struct merges *m;
	struct merge_work *w;
	void (*note)(void *ctx, const struct merge *pair);
	void *ctx;
};

/* Looks up the pair of a node and its next and keeps it there. */
static void meet(const struct run *r, int left)
{
	struct node *n = &r->w->node[left];
	const struct merge *pair =
		n->next < 0 ? NULL : merges_find(r->m, n->sym, r->w->node[n->next].sym);

	n->rank = pair ? pair->rank : INT_MAX;
	n->made = pair ? pair->c : -1;
	if (pair && r->note)
		r->note(r->ctx, pair);
}

/* Joins a node with its next; the pairs on both sides are met anew. */
static void join(const struct run *r, int left)
{
	struct node *node = r->w->node, *n = &node[left], *gone = &node[n->next];

	n->sym = n->made;
	n->len += gone->len;
	n->next = gone->next;
	gone->len = 0;
	if (n->next >= 0)
		node[n->next].prev = left;
	if (n->prev >= 0)
		meet(r, n->prev);
	meet(r, left);
}

static void run_short(const struct run *r)
{
	const struct node *node = r->w->node;

	for (;;) {
		int best = -1, rank = INT_MAX;

		for (int i = 0; i >= 0; i = node[i].next)
			if (node[i].rank < rank) {
				rank = node[i].rank;
				best = i;
			}
		if (best < 0)
			return;
		join(r, best);
	}
}

static bool before(const struct merge_heap_item *a, const struct merge_heap_item *b)
{
	return a->rank < b->rank || (a->rank == b->rank && a->left < b->left);
}

/* Room for the item was made: every join frees one node and adds at most two pairs. */
static void heap_push(struct merge_work *w, int left)
{
	const struct merge_heap_item item = { w->node[left].rank, left, w->node[left].made };
	size_t at = w->n_heap++;

	if (item.rank == INT_MAX) {
		w->n_heap--;
		return;
	}
	for (; at && before(&item, &w->heap[(at - 1) / 2]); at = (at - 1) / 2)
		w->heap[at] = w->heap[(at - 1) / 2];
	w->heap[at] = item;
}

static struct merge_heap_item heap_pop(struct merge_work *w)
{
	const struct merge_heap_item top = w->heap[0], last = w->heap[--w->n_heap];
	size_t at = 0;

	for (size_t child; (child = 2 * at + 1) < w->n_heap; at = child) {
		if (child + 1 < w->n_heap && before(&w->heap[child + 1], &w->heap[child]))
			child++;
		if (!before(&w->heap[child], &last))
			break;
		w->heap[at] = w->heap[child];
	}
	w->heap[at] = last;
	return top;
}

/* An item is out of date when its node is gone or has another pair by now. */
static bool run_long(const struct run *r)
{
	struct merge_work *w = r->w;

	w->n_heap = 0;
	if (!GROW_ARRAY(w->heap, w->cap_heap, 3 * w->n))
		return false;
	for (size_t i = 0; i < w->n; i++)
		heap_push(w, (int)i);
	while (w->n_heap) {
		const struct merge_heap_item top = heap_pop(w);
		const struct node *n = &w->node[top.left];

		if (!n->len || n->rank != top.rank || n->made != top.c)
			continue;
		join(r, top.left);
		if (n->prev >= 0)
			heap_push(w, n->prev);
		heap_push(w, top.left);
	}
	return true;
}

bool merge_run(const struct merges *m, struct merge_work *w,
	       void (*note)(void *ctx, const struct merge *pair), void *ctx)
{
	const struct run r = { m, w, note, ctx };
	size_t kept = 0;

	for (size_t i = 0; i < w->n; i++)
		meet(&r, (int)i);
	if (w->n <= SHORT)
		run_short(&r);
	else if (!run_long(&r))
		return false;
	for (int i = w->n ? 0 : -1; i >= 0; i = w->node[i].next)
		w->node[kept++] = w->node[i];
	w->n = kept;
	return true;
}

void merge_work_free(struct merge_work *w)
{
	free(w->node);
	free(w->heap);
	*w = (struct merge_work){ 0 };
}

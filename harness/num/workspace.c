/* SPDX-License-Identifier: Apache-2.0
 * Work memory: one block with a list of its holes, and a chain of spilled blocks until
 * the next reset.
 */
#include "harness/num/workspace.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"

#define ALIGN ((size_t)64)

struct workspace_hole {
	size_t at, size;
};

struct workspace_spill {
	struct workspace_spill *next, *prev;
	unsigned char pad[ALIGN - 2 * sizeof(void *)]; /* data starts aligned behind it */
};

static void spill_free(struct workspace *w)
{
	for (struct workspace_spill *s = w->spill, *next; s; s = next) {
		next = s->next;
		free(s);
	}
	w->spill = NULL;
	w->spilled = 0;
}

static bool block_bytes(size_t n, size_t size, size_t *bytes)
{
	if (!size_mul(n, size, bytes) || *bytes > SIZE_MAX / 4)
		return false;
	*bytes = *bytes ? (*bytes + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
	return true;
}

/* The smallest hole that holds it, or NULL. */
static struct workspace_hole *best_hole(struct workspace *w, size_t bytes)
{
	struct workspace_hole *best = NULL;

	for (size_t i = 0; i < w->n_hole; i++)
		if (w->hole[i].size >= bytes && (!best || w->hole[i].size < best->size))
			best = &w->hole[i];
	return best;
}

static void hole_remove(struct workspace *w, struct workspace_hole *h)
{
	size_t behind = (size_t)(w->hole + w->n_hole - (h + 1));

	memmove(h, h + 1, behind * sizeof(*h));
	w->n_hole--;
}

static void *take_hole(struct workspace *w, struct workspace_hole *h, size_t bytes)
{
	void *p = w->base + h->at;

	h->at += bytes;
	h->size -= bytes;
	if (!h->size)
		hole_remove(w, h);
	return p;
}

static void *take_spill(struct workspace *w, size_t bytes)
{
	struct workspace_spill *s = aligned_alloc(ALIGN, sizeof(*s) + bytes);

	if (!s)
		return NULL;
	s->prev = NULL;
	s->next = w->spill;
	if (w->spill)
		w->spill->prev = s;
	w->spill = s;
	w->spilled += bytes;
	return s + 1;
}

void *workspace_get(struct workspace *w, size_t n, size_t size)
{
	struct workspace_hole *h;
	size_t bytes;
	void *p;

	if (!block_bytes(n, size, &bytes))
		return NULL;
	h = best_hole(w, bytes);
	if (h)
		return take_hole(w, h, bytes);
	if (bytes <= w->size - w->used) {
		p = w->base + w->used;
		w->used += bytes;
	} else {
		p = take_spill(w, bytes);
	}
	w->most = w->used + w->spilled > w->most ? w->used + w->spilled : w->most;
	return p;
}

static void give_spill(struct workspace *w, struct workspace_spill *s, size_t bytes)
{
	if (s->prev)
		s->prev->next = s->next;
	else
		w->spill = s->next;
	if (s->next)
		s->next->prev = s->prev;
	w->spilled -= bytes;
	free(s);
}

/* A new hole; joined with its neighbours.  Without memory for the list it is lost until
 * the reset. */
static void hole_add(struct workspace *w, size_t at, size_t bytes)
{
	size_t i = w->n_hole;

	while (i && w->hole[i - 1].at > at)
		i--;
	if (i && w->hole[i - 1].at + w->hole[i - 1].size == at) {
		w->hole[--i].size += bytes;
	} else {
		if (!GROW_ARRAY(w->hole, w->hole_cap, w->n_hole + 1))
			return;
		memmove(w->hole + i + 1, w->hole + i, (w->n_hole++ - i) * sizeof(*w->hole));
		w->hole[i] = (struct workspace_hole){ at, bytes };
	}
	if (i + 1 < w->n_hole && w->hole[i].at + w->hole[i].size == w->hole[i + 1].at) {
		w->hole[i].size += w->hole[i + 1].size;
		hole_remove(w, &w->hole[i + 1]);
	}
	if (w->hole[i].at + w->hole[i].size == w->used) {
		w->used = w->hole[i].at;
		hole_remove(w, &w->hole[i]);
	}
}

void workspace_give(struct workspace *w, void *p, size_t n, size_t size)
{
	uintptr_t at = (uintptr_t)p, base = (uintptr_t)w->base;
	size_t bytes;

	if (!p || !block_bytes(n, size, &bytes))
		return;
	if (w->base && at >= base && at < base + w->size)
		hole_add(w, (size_t)(at - base), bytes);
	else
		give_spill(w, (struct workspace_spill *)p - 1, bytes);
}

void workspace_reset(struct workspace *w)
{
	/* a quarter more than was asked for, so that slightly larger jobs fit too */
	size_t want = w->most / 4 * 5 / ALIGN * ALIGN + ALIGN;
	bool grow = w->most > w->size;

	w->used = 0;
	w->n_hole = 0;
	w->most = 0;
	spill_free(w);
	if (!grow)
		return;
	free(w->base);
	mem_trim(); /* what was spilled: else the process holds it beside the new block */
	w->base = aligned_alloc(ALIGN, want);
	w->size = w->base ? want : 0;
}

size_t workspace_bytes(const struct workspace *w)
{
	return w->size + w->spilled;
}

void workspace_free(struct workspace *w)
{
	spill_free(w);
	free(w->base);
	free(w->hole);
	*w = (struct workspace){ 0 };
}

/* SPDX-License-Identifier: Apache-2.0
 * Work memory: one block, and a chain of spilled ones until the next reset.
 */
#include "harness/num/workspace.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "harness/base/mem.h"

#define ALIGN ((size_t)64)

struct workspace_spill {
	struct workspace_spill *next;
	unsigned char pad[ALIGN - sizeof(void *)]; /* data starts aligned behind it */
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

void *workspace_get(struct workspace *w, size_t n, size_t size)
{
	struct workspace_spill *s;
	size_t bytes;

	if (!size_mul(n, size, &bytes) || bytes > SIZE_MAX / 4)
		return NULL;
	bytes = bytes ? (bytes + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
	if (bytes <= w->size - w->used) {
		void *p = w->base + w->used;

		w->used += bytes;
		return p;
	}
	s = aligned_alloc(ALIGN, sizeof(*s) + bytes);
	if (!s)
		return NULL;
	s->next = w->spill;
	w->spill = s;
	w->spilled += bytes;
	return s + 1;
}

void workspace_reset(struct workspace *w)
{
	/* a quarter more than was asked for, so that slightly larger jobs fit too */
	size_t want = (w->used + w->spilled) / 4 * 5 / ALIGN * ALIGN + ALIGN;
	bool grow = w->spill != NULL;

	w->used = 0;
	spill_free(w);
	if (!grow)
		return;
	free(w->base);
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
	*w = (struct workspace){ 0 };
}

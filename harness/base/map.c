/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/base/map.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/hash.h"
#include "harness/base/mem.h"

/* The slot that holds key, or the free one where it belongs; needs a free slot. */
static struct map_slot *probe(const struct str_map *m, const char *key)
{
	size_t i = (size_t)hash_u64(key, strlen(key)) & (m->cap - 1);

	while (m->slot[i].key && strcmp(m->slot[i].key, key))
		i = (i + 1) & (m->cap - 1);
	return &m->slot[i];
}

static int make_room(struct str_map *m)
{
	struct str_map big = { .cap = m->cap ? m->cap * 2 : 64, .n = m->n };

	if ((m->n + 1) * 4 <= m->cap * 3)
		return 0;
	if (!NEW_ARRAY(big.slot, big.cap))
		return -1;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slot[i].key)
			*probe(&big, m->slot[i].key) = m->slot[i];
	free(m->slot);
	*m = big;
	return 0;
}

int *map_slot(struct str_map *m, const char *key)
{
	struct map_slot *s;

	if (make_room(m))
		return NULL;
	s = probe(m, key);
	if (!s->key) {
		*s = (struct map_slot){ key, -1 };
		m->n++;
	}
	return &s->value;
}

int map_get(const struct str_map *m, const char *key)
{
	const struct map_slot *s = m->cap ? probe(m, key) : NULL;

	return s && s->key ? s->value : -1;
}

void map_free(struct str_map *m)
{
	free(m->slot);
	*m = (struct str_map){ 0 };
}

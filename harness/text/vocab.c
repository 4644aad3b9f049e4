/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/text/vocab.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/hash.h"

static size_t probe(const struct vocab *v, const char *s, size_t len, unsigned hash)
{
	size_t at = hash & (v->n_slot - 1);

	for (; v->slot[at]; at = (at + 1) & (v->n_slot - 1)) {
		const struct vocab_entry *e = &v->entry[v->slot[at] - 1];

		if (e->hash == hash && (size_t)e->len == len && !memcmp(e->s, s, len))
			break;
	}
	return at;
}

static bool rehash(struct vocab *v)
{
	size_t n = v->n_slot ? 2 * v->n_slot : 256;
	int *old = v->slot, *slot;

	if (!NEW_ARRAY(slot, n))
		return false;
	v->slot = slot;
	v->n_slot = n;
	for (int i = 0; i < v->n; i++) {
		const struct vocab_entry *e = &v->entry[i];

		slot[probe(v, e->s, (size_t)e->len, e->hash)] = i + 1;
	}
	free(old);
	return true;
}

int vocab_find(const struct vocab *v, const char *s, size_t len)
{
	if (!v->n)
		return -1;
	return v->slot[probe(v, s, len, (unsigned)hash_u64(s, len))] - 1;
}

int vocab_add(struct vocab *v, const char *s, size_t len)
{
	unsigned hash = (unsigned)hash_u64(s, len);
	char *copy;
	size_t at;

	if (2 * ((size_t)v->n + 1) > v->n_slot && !rehash(v))
		return -1;
	at = probe(v, s, len, hash);
	if (v->slot[at])
		return v->slot[at] - 1;
	if (len > INT_MAX || v->n == INT_MAX || !GROW_ARRAY(v->entry, v->cap, (size_t)v->n + 1))
		return -1;
	copy = arena_strndup(&v->mem, s, len);
	if (!copy)
		return -1;
	v->entry[v->n] = (struct vocab_entry){ copy, (int)len, hash };
	v->slot[at] = ++v->n;
	return v->n - 1;
}

void vocab_free(struct vocab *v)
{
	free(v->entry);
	free(v->slot);
	arena_free(&v->mem);
	*v = (struct vocab){ 0 };
}

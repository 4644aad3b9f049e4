/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* madvise() */
#include "harness/base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#define ARENA_ALIGN 16
#define ARENA_CHUNK ((size_t)64 * 1024)

struct arena_chunk {
	struct arena_chunk *next;
	size_t size, used;
	_Alignas(ARENA_ALIGN) unsigned char data[];
};

bool size_mul(size_t a, size_t b, size_t *out)
{
	if (b != 0 && a > SIZE_MAX / b)
		return false;
	*out = a * b;
	return true;
}

void *mem_calloc(size_t n, size_t size)
{
	return n && size ? calloc(n, size) : calloc(1, 1);
}

void *mem_realloc(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (!size_mul(n, size, &bytes))
		return NULL;
	return realloc(p, bytes ? bytes : 1);
}

bool mem_grow(void **p, size_t *cap, size_t need, size_t size)
{
	size_t want = *cap ? *cap : 8;
	void *q;

	if (need <= *cap)
		return true;
	while (want < need) {
		if (want > SIZE_MAX / 2)
			return false;
		want *= 2;
	}
	q = mem_realloc(*p, want, size);
	if (!q)
		return false;
	*p = q;
	*cap = want;
	return true;
}

static struct arena_chunk *arena_chunk(struct arena *a, size_t bytes)
{
	size_t size = bytes > ARENA_CHUNK ? bytes : ARENA_CHUNK;
	struct arena_chunk *c;

	if (size > SIZE_MAX - sizeof(*c))
		return NULL;
	c = calloc(1, sizeof(*c) + size);
	if (!c)
		return NULL;
	c->size = size;
	c->next = a->head;
	a->head = c;
	return c;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	struct arena_chunk *c = a->head;
	size_t bytes;
	void *p;

	if (!size_mul(n, size, &bytes) || bytes > SIZE_MAX - ARENA_ALIGN)
		return NULL;
	bytes = (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
	if (!bytes)
		bytes = ARENA_ALIGN;
	if (!c || c->size - c->used < bytes)
		c = arena_chunk(a, bytes);
	if (!c)
		return NULL;
	p = c->data + c->used;
	c->used += bytes;
	a->total += bytes;
	return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p = n < SIZE_MAX ? arena_array(a, n + 1, 1) : NULL;

	if (p)
		memcpy(p, s, n);
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

void arena_free(struct arena *a)
{
	for (struct arena_chunk *c = a->head, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	*a = (struct arena){ 0 };
}

void mem_large_pages(void *p, size_t bytes)
{
#ifdef MADV_HUGEPAGE
	const size_t page = (size_t)2 << 20;
	const uintptr_t from = ((uintptr_t)p + page - 1) / page * page;
	const uintptr_t to = ((uintptr_t)p + bytes) / page * page;

	if (to > from)
		(void)madvise((void *)from, to - from, MADV_HUGEPAGE);
#else
	(void)p;
	(void)bytes;
#endif
}

void mem_trim(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

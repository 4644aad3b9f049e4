/* SPDX-License-Identifier: Apache-2.0
 * Memory: checked sizes, growable arrays, and an arena for data that lives and
 * dies together (a corpus, a view).  Allocation failures are reported by NULL
 * or false; nothing here aborts.
 */
#ifndef HARNESS_BASE_MEM_H
#define HARNESS_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* *out = a * b; false (and *out untouched) on overflow. */
bool size_mul(size_t a, size_t b, size_t *out) __attribute__((warn_unused_result));

/* calloc and realloc with checked n * size; NULL on overflow or no memory.
 * n or size 0 gives a valid one-byte block.  Caller frees. */
void *mem_calloc(size_t n, size_t size) __attribute__((warn_unused_result));
void *mem_realloc(void *p, size_t n, size_t size) __attribute__((warn_unused_result));

/* p = zeroed array of n elements; evaluates to false when there is no memory. */
#define NEW_ARRAY(p, n) (((p) = mem_calloc((n), sizeof(*(p)))) != NULL)

/* Makes room for at least need elements in *p (capacity *cap, doubling).
 * New elements are not initialised.  false: no memory, *p and *cap as before. */
bool mem_grow(void **p, size_t *cap, size_t need, size_t size) __attribute__((warn_unused_result));
#define GROW_ARRAY(p, cap, need) mem_grow((void **)&(p), &(cap), (need), sizeof(*(p)))

/* Chunked arena: blocks never move; freed all at once.  The zeroed struct is an empty arena. */
struct arena {
	struct arena_chunk *head;
	size_t total; /* bytes handed out */
};

/* Zeroed, 16-byte aligned array; NULL on overflow or no memory. */
void *arena_array(struct arena *a, size_t n, size_t size) __attribute__((warn_unused_result));
/* NUL-terminated copies; NULL when there is no memory. */
char *arena_strdup(struct arena *a, const char *s) __attribute__((warn_unused_result));
char *arena_strndup(struct arena *a, const char *s, size_t n) __attribute__((warn_unused_result));
/* Frees every block and leaves an empty arena. */
void arena_free(struct arena *a);

/* Asks for large pages behind a large array that is about to be filled and then read here and
 * there; where the system has none, nothing changes. */
void mem_large_pages(void *p, size_t bytes);

/* Gives memory that was freed back to the system, where the C library keeps it and can. */
void mem_trim(void);

#endif

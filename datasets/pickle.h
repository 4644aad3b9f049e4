/* SPDX-License-Identifier: Apache-2.0
 * A reader of Python pickles that runs nothing.  A pickle is a program; this
 * one accepts only the instructions (protocols 0 to 4) that build lists, tuples,
 * dicts, strings, bytes, numbers, booleans, None, and numpy arrays and scalars
 * of numbers.  Everything else is refused by name.  Sizes and depth are bounded.
 */
#ifndef DATASETS_PICKLE_H
#define DATASETS_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/base/mem.h"

enum {
	PICKLE_DEPTH = 64,	 /* deepest nesting; a cycle counts as too deep */
	PICKLE_DIMS = 8,	 /* most dimensions of an array */
	PICKLE_VALUES = 1 << 24, /* most values of a file */
};

enum pickle_kind {
	PICKLE_NONE,
	PICKLE_BOOL,  /* integer 0 or 1 */
	PICKLE_INT,   /* integer (beyond 64 bits: refused) */
	PICKLE_FLOAT, /* number */
	PICKLE_STR,   /* data, n bytes of UTF-8, NUL after the last */
	PICKLE_BYTES, /* data, n bytes (also the plain strings of Python 2), NUL after the last */
	PICKLE_LIST,  /* item[0..n-1] */
	PICKLE_TUPLE, /* item[0..n-1] */
	PICKLE_DICT,  /* item[2i] key, item[2i+1] value, i in 0..n/2-1 */
	PICKLE_ARRAY, /* numpy: array */
	/* never seen by callers: parts of arrays while they are being built */
	PICKLE_GLOBAL,
	PICKLE_DTYPE,
};

struct pickle_array {
	char type;    /* 'i', 'u', 'f', 'b' (bool) as in numpy's kind codes */
	bool swapped; /* byte order is not this machine's */
	bool fortran; /* first index runs fastest */
	int size;     /* bytes an element: 1, 2, 4, 8 */
	int n_dim;
	int64_t dim[PICKLE_DIMS];
	int64_t count; /* elements in all */
	const unsigned char *data;
};

/* Values are shared wherever the pickle shares them; there are no cycles. */
struct pickle_value {
	enum pickle_kind kind;
	int mark; /* private: nesting below this value, -1 not yet known */
	union {
		int64_t integer;
		double number;
		const char *data;
		struct pickle_value **item;
		struct pickle_array *array;
	} u;
	size_t n, cap;
};

struct pickle {
	const struct pickle_value *root;
	struct arena mem; /* owns every value */
};

/* Parses len bytes.  `what` (a path) names the source in messages, which give the
 * byte offset.  On failure *p is left empty.  Free with pickle_free(), which accepts the
 * zeroed struct. */
int pickle_parse(struct pickle *p, const void *data, size_t len, const char *what, struct err *err);
/* Reads and parses a file of at most max bytes. */
int pickle_read(struct pickle *p, const char *path, size_t max, struct err *err);
void pickle_free(struct pickle *p);

/* Lookups accept NULL and values of another kind and then give NULL or the fallback. */
const struct pickle_value *pickle_at(const struct pickle_value *list_or_tuple, size_t i);
/* Number of items of a list or tuple, of pairs of a dict; else 0. */
size_t pickle_size(const struct pickle_value *v);
const struct pickle_value *pickle_key(const struct pickle_value *dict, size_t i);
const struct pickle_value *pickle_item(const struct pickle_value *dict, size_t i);
/* Text of a str, or of bytes that are UTF-8, without NUL bytes inside; else NULL. */
const char *pickle_text(const struct pickle_value *v);
/* *out = a whole number (int, bool); false for anything else. */
bool pickle_int(const struct pickle_value *v, int64_t *out);
/* Element i in storage order; i < array->count. */
double pickle_array_get(const struct pickle_array *a, int64_t i);

#endif

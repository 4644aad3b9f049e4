/* SPDX-License-Identifier: Apache-2.0
 * Inside of the GGUF reader: what the walk over the file (gguf.c) leaves for the look-ups
 * (gguf_value.c).
 */
#ifndef HARNESS_BASE_GGUF_PARTS_H
#define HARNESS_BASE_GGUF_PARTS_H

#include "harness/base/gguf.h"
#include "harness/base/map.h"
#include "harness/base/mapped.h"
#include "harness/base/mem.h"

/* Kinds of values (the numbers of the format). */
enum gguf_kind {
	KIND_U8,
	KIND_I8,
	KIND_U16,
	KIND_I16,
	KIND_U32,
	KIND_I32,
	KIND_F32,
	KIND_BOOL,
	KIND_STRING,
	KIND_ARRAY,
	KIND_U64,
	KIND_I64,
	KIND_F64,
	KIND_COUNT
};

struct gguf_pair {
	const char *key;
	enum gguf_kind kind; /* of the value, of the elements of an array */
	bool array;
	uint64_t n; /* elements of an array, 1 otherwise */
	const unsigned char *data;
	const size_t *at; /* arrays of strings: (n) where each begins in the file */
};

struct gguf {
	char *path;
	struct mapped file;
	struct arena mem;
	struct gguf_pair *pair;
	struct gguf_tensor *tensor;
	int n_pair, n_tensor;
	struct str_map by_key, by_name;
};

#endif

/* SPDX-License-Identifier: Apache-2.0
 * The GGUF container, versions 2 and 3, little-endian: typed key-value pairs, then a
 * table of tensors.  Opening checks every count, length, type, offset and size against
 * the file; what is handed out afterwards may be used as it is.  What the tensors'
 * bytes mean is not known here but for the sizes of the types.
 */
#ifndef HARNESS_BASE_GGUF_H
#define HARNESS_BASE_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"

/* Tensor types of the container that are read (the numbers of the format). */
enum gguf_type {
	GGUF_F32 = 0,
	GGUF_F16 = 1,
	GGUF_Q4_0 = 2,
	GGUF_Q8_0 = 8,
	GGUF_Q4_K = 12,
	GGUF_Q6_K = 14,
	GGUF_BF16 = 30,
};

struct gguf_tensor {
	const char *name;
	int n_dim;
	int64_t dim[4]; /* dim[0] varies fastest: the columns of a matrix; 1 beyond n_dim */
	enum gguf_type type;
	const unsigned char *data; /* in the mapping, at the file's alignment */
	size_t bytes;
};

struct gguf;

/* Maps and checks the file.  A type outside enum gguf_type is ERR_FORMAT and named. */
struct gguf *gguf_open(const char *path, struct err *err);
void gguf_close(struct gguf *g); /* accepts NULL; strings and tensors go with it */

const char *gguf_path(const struct gguf *g);
int gguf_tensors(const struct gguf *g);
const struct gguf_tensor *gguf_tensor(const struct gguf *g, int i);
/* NULL when there is none of this name. */
const struct gguf_tensor *gguf_tensor_named(const struct gguf *g, const char *name);

/* Values by key.  Each is false when the key is absent or of another kind (any integer
 * type that fits counts as an integer, f32 and f64 and integers as numbers). */
bool gguf_int(const struct gguf *g, const char *key, int64_t *out);
bool gguf_num(const struct gguf *g, const char *key, double *out);
bool gguf_bool(const struct gguf *g, const char *key, bool *out);
/* Strings are not NUL-terminated: *s points into the mapping, *n bytes. */
bool gguf_str(const struct gguf *g, const char *key, const char **s, size_t *n);
/* Arrays: the number of elements, -1 when absent or no array. */
int64_t gguf_array(const struct gguf *g, const char *key);
/* Element i of an array; false when out of range or of another kind. */
bool gguf_array_str(const struct gguf *g, const char *key, int64_t i, const char **s, size_t *n);
bool gguf_array_int(const struct gguf *g, const char *key, int64_t i, int64_t *out);
bool gguf_array_num(const struct gguf *g, const char *key, int64_t i, double *out);

#endif

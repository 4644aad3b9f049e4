/* SPDX-License-Identifier: Apache-2.0
 * The safetensors container: an 8-byte length, a JSON table, the bytes.
 */
#ifndef MODELS_BACKBONE_SAFETENSORS_H
#define MODELS_BACKBONE_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/num/weight.h"

struct safetensor {
	const char *name;
	enum weight_type type; /* f32, f16 or bf16 */
	int n_dim;
	int64_t dim[4]; /* the last varies fastest */
	const unsigned char *data;
	size_t bytes;
};

struct safetensors;

/* Maps and checks one file: table, every offset, no overlap, no gap, size of each by
 * shape and type.  Other types than the three are ERR_FORMAT and named. */
struct safetensors *safetensors_open(const char *path, struct err *err);
void safetensors_close(struct safetensors *s); /* accepts NULL */
const char *safetensors_path(const struct safetensors *s);
int safetensors_count(const struct safetensors *s);
const struct safetensor *safetensors_at(const struct safetensors *s, int i);
const struct safetensor *safetensors_find(const struct safetensors *s, const char *name);
/* Bytes that were copied because they do not lie as their type needs (the format allows
 * that); 0 for what current programs write.  Pointers are always aligned. */
size_t safetensors_copied(const struct safetensors *s);

/* Writes a file (atomically) with these tensors in this order; ERR_ARG when a tensor is
 * not as struct safetensor says. */
int safetensors_write(const char *path, const struct safetensor *t, int n, struct err *err);

#endif

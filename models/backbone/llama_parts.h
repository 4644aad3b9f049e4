/* SPDX-License-Identifier: Apache-2.0
 * Inside of the weight readers: each container lists its tensors in one form, names what it
 * calls the parts of a LLaMA, and llama_fill() takes every part by name and exact shape.
 */
#ifndef MODELS_BACKBONE_LLAMA_PARTS_H
#define MODELS_BACKBONE_LLAMA_PARTS_H

#include "harness/base/gguf.h"
#include "harness/base/map.h"
#include "harness/base/mapped.h"
#include "harness/base/mem.h"
#include "models/backbone/llama.h"
#include "models/backbone/safetensors.h"

/* A tensor of any container, the outermost dimension first. */
struct llama_tensor {
	const char *path; /* of the file, while it is being opened */
	const char *name;
	enum weight_type type;
	int n_dim;
	int64_t dim[4];
	const unsigned char *data;
	size_t bytes;
	bool used;
};

/* What is open behind a struct llama. */
struct llama_files {
	struct arena mem; /* vectors that were decoded, names, the table */
	struct mapped bin;
	struct gguf *gguf;
	struct safetensors **shard; /* (n_shard) */
	int n_shard;
	struct llama_tensor *tensor; /* (n_tensor) */
	int n_tensor, cap_tensor;
	struct str_map by_name;
};

/* How a container spells the parts, without ".weight" and ".bias". */
struct llama_names {
	const char *embed, *head, *norm;
	const char *layer; /* in front of a layer's number: "model.layers." */
	const char *norm1, *norm2, *lin[LLAMA_LINEARS];
	const char *rope_divisor; /* whole name, NULL: never there */
	/* Ends of names that carry no weights and are passed over; NULL at the end. */
	const char *const *ignored;
};

/* Makes room for n tensors in all. */
int llama_table(struct llama *l, const char *path, int n, struct err *err);
/* Adds a tensor with a name that lives as long as l; a name used twice is an error. */
int llama_add(struct llama *l, const struct llama_tensor *t, struct err *err);
/* NULL when there is none. */
const struct llama_tensor *llama_find(const struct llama *l, const char *name);
/* Takes every part by cfg: exact shapes, finite norms, no tensor left over.  bias says which
 * linears have one.  `path` stands for the whole in messages. */
int llama_fill(struct llama *l, const char *path, const struct llama_names *names, const bool *bias,
	       struct err *err);
/* Every number of cfg in its bounds and in step with the others. */
int llama_check_config(const struct llama_config *c, const char *path, struct err *err);

/* Fill l from one container; on failure l is closed by the caller. */
int llama_open_hf(struct llama *l, const char *folder, const char *file, struct err *err);
int llama_open_gguf(struct llama *l, const char *path, struct err *err);
int llama_open_bin(struct llama *l, const char *path, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * Published weights of the LLaMA architecture (LLaMA, Vicuna, LLaMA-3, Qwen2, …) as they
 * lie on disk: a Hugging Face folder (config.json with one or many safetensors), GGUF,
 * or llama2.c's .bin.  Files are mapped, checked whole before use, and shared between
 * processes; matrices keep their own type.
 */
#ifndef MODELS_BACKBONE_LLAMA_H
#define MODELS_BACKBONE_LLAMA_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/num/weight.h"

/* LLaMA-3's stretching of rotary frequencies; factor 0: none. */
struct rope_scaling {
	double factor, low_freq_factor, high_freq_factor;
	int original_context;
};

#define LLAMA_ENDS 7 /* most end tokens beside the first */

struct llama_config {
	char arch[32]; /* "llama", "qwen2" */
	int vocab, dim, layers, heads, kv_heads, head_dim, ff;
	int context; /* positions at most; the window where attention slides over one, since up
		      * to there nothing differs */
	double norm_eps, rope_theta;
	struct rope_scaling rope;
	bool rope_pairs; /* a head's angles turn neighbours (x[2i], x[2i + 1]) as in llama2.c and
			  * GGUF's llama, not halves (x[i], x[i + h/2]) as in Hugging Face files */
	bool qkv_bias;	 /* Qwen2; the linears of every layer have biases where one is not NULL */
	bool tied;	 /* the output is the embedding */
	int bos, eos;	 /* -1: not said */
	int more_eos[LLAMA_ENDS], n_more_eos; /* where the file names several */
};

enum llama_linear {
	LLAMA_Q,
	LLAMA_K,
	LLAMA_V,
	LLAMA_O,
	LLAMA_GATE,
	LLAMA_UP,
	LLAMA_DOWN,
	LLAMA_LINEARS
};

struct llama_layer {
	struct weight lin[LLAMA_LINEARS]; /* (out, in) */
	const float *bias[LLAMA_LINEARS]; /* (out), NULL: none */
	const float *norm1, *norm2;	  /* (dim), before attention and before SwiGLU */
};

struct llama {
	struct llama_config cfg;
	struct weight embed, head;  /* (vocab, dim); head is embed when tied */
	const float *norm;	    /* (dim) */
	const float *rope_divisor;  /* (head_dim / 2) of the rotary frequencies, as GGUF writes
				     * LLaMA-3's stretching; NULL: none.  See llama_frequencies() */
	struct llama_layer *layer;  /* (layers) */
	const char *format, *types; /* "gguf", "q4_0 (155), f32 (65)" */
	int64_t parameters, bytes;
	struct llama_files *files; /* private: the mappings, and vectors that were decoded */
};

/* path: a folder with config.json, a .safetensors file beside its config.json, a .gguf,
 * or a llama2.c .bin.  NULL with err set: every message names file, tensor and what is wrong. */
struct llama *llama_open(const char *path, struct err *err);
void llama_close(struct llama *l); /* accepts NULL */

/* Rotary frequencies with all stretching applied: position p turns pair i of a head by
 * p * freq[i] radians, i in 0..head_dim / 2 - 1. */
void llama_frequencies(const struct llama *l, double *freq);

/* "q_proj" … "down_proj", the names PEFT and Hugging Face use. */
extern const char *const llama_linear_name[LLAMA_LINEARS];

#endif

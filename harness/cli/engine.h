/* SPDX-License-Identifier: Apache-2.0
 * Verbs that run published weights: the options that say which and how, and loading them.
 */
#ifndef HARNESS_CLI_ENGINE_H
#define HARNESS_CLI_ENGINE_H

#include "harness/cli/cli.h"
#include "harness/text/chat.h"
#include "harness/text/tokenizer.h"
#include "models/backbone/decoder.h"

/* clang-format off */
#define ENGINE_OPTS                                                                             \
	{ .name = "weights", .type = OPT_STR, .fallback = "", .letter = 'w', .arg = "FILE|DIR", \
	  .help = "Hugging Face folder, .safetensors, .gguf, or llama2.c .bin" },               \
	{ .name = "tokenizer", .type = OPT_STR, .fallback = "", .letter = 't', .arg = "FILE|DIR", \
	  .help = "its tokenizer (default: the one that comes with the weights)" },             \
	{ .name = "adapter", .type = OPT_STR, .fallback = "", .arg = "DIR",                     \
	  .help = "folder of a LoRA adapter as PEFT writes it" }
#define ENGINE_ARITHMETIC_OPTS                                                                  \
	{ .name = "path", .type = OPT_CHOICE, .fallback = "auto", .choices = "auto|float|int8", \
	  .arg = "PATH", .help = "arithmetic of products with the weights" },                   \
	{ .name = "kernels", .type = OPT_CHOICE, .fallback = "auto", .choices = KERNELS_CHOICES, \
	  .arg = "SET", .help = "instructions to compute with; auto: the widest of this processor" }, \
	{ .name = "pack", .type = OPT_BOOL, .fallback = "false",                                \
	  .help = "keep the weights once more in the kernels' layout: long prompts are read faster" }
/* clang-format on */

/* The zeroed struct is not open. */
struct engine {
	struct llama *base;
	struct tokenizer *tokenizer;
	const struct chat_format *chat; /* NULL: plain text */
	struct decoder *decoder;
	double load_s;
};

/* Loads what the options name and logs what it is.  ERR_ARG: no weights, or no such chat format. */
int engine_open(struct engine *e, const struct cli *c, const char *verb, struct err *err);
void engine_close(struct engine *e);

#endif

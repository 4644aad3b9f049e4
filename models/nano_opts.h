/* SPDX-License-Identifier: Apache-2.0
 * Options of every system on the nano decoder, as rows of a table: NANO_OPTS,
 * then the system's own rows, then OPT_END.
 */
#ifndef MODELS_NANO_OPTS_H
#define MODELS_NANO_OPTS_H

#include "harness/base/opt.h"
#include "harness/num/kernel.h"

/* clang-format off */
#define NANO_OPTS                                                                               \
	{ .name = "dim", .type = OPT_INT, .fallback = "48", .min = 4, .max = 4096,              \
	  .help = "width of the decoder" },                                                     \
	{ .name = "layers", .type = OPT_INT, .fallback = "3", .min = 1, .max = 64,              \
	  .help = "layers" },                                                                   \
	{ .name = "context_layers", .type = OPT_INT, .fallback = "1", .min = 1, .max = 64,      \
	  .help = "layers that see earlier turns; the ones before read each turn by itself" },  \
	{ .name = "heads", .type = OPT_INT, .fallback = "4", .min = 1, .max = 64,               \
	  .help = "attention heads; dim / heads must be even" },                                \
	{ .name = "ff", .type = OPT_INT, .fallback = "96", .min = 4, .max = 16384,              \
	  .help = "hidden width of the feed-forward part" },                                    \
	{ .name = "vocab", .type = OPT_INT, .fallback = "1000", .min = 256, .max = 100000,      \
	  .help = "tokens of the byte-pair table at most" },                                    \
	{ .name = "lower", .type = OPT_BOOL, .fallback = "true",                                \
	  .help = "utterances in lower case" },                                                 \
	{ .name = "epochs", .type = OPT_INT, .fallback = "12", .min = 0, .max = 10000,          \
	  .help = "epochs of the merc stage" },                                                 \
	{ .name = "lr", .type = OPT_NUM, .fallback = "3e-3", .min = 1e-7, .max = 1,             \
	  .help = "highest learning rate" },                                                    \
	{ .name = "warmup", .type = OPT_NUM, .fallback = "0.2", .min = 0, .max = 1,             \
	  .help = "share of a stage in which the learning rate rises" },                        \
	{ .name = "schedule", .type = OPT_CHOICE, .fallback = "cosine", .choices = "cosine|linear|constant", \
	  .help = "how the learning rate falls" },                                              \
	{ .name = "weight_decay", .type = OPT_NUM, .fallback = "0.1", .min = 0, .max = 100,     \
	  .help = "of AdamW" },                                                                 \
	{ .name = "clip", .type = OPT_NUM, .fallback = "1", .min = 0, .max = 1000,              \
	  .help = "largest gradient norm; 0: none" },                                           \
	{ .name = "batch", .type = OPT_INT, .fallback = "32", .min = 1, .max = 100000,          \
	  .help = "answered turns of one optimizer step, at least" },                           \
	{ .name = "turns", .type = OPT_INT, .fallback = "24", .min = 1, .max = 100000,          \
	  .help = "answered turns of one pack; longer dialogues are cut at random" },           \
	{ .name = "dropout", .type = OPT_NUM, .fallback = "0.2", .min = 0, .max = 0.95,         \
	  .help = "dropout of activations" },                                                   \
	{ .name = "token_dropout", .type = OPT_NUM, .fallback = "0.2", .min = 0, .max = 0.95,   \
	  .help = "tokens made blank in training" },                                            \
	{ .name = "smooth", .type = OPT_NUM, .fallback = "0.1", .min = 0, .max = 0.95,          \
	  .help = "label smoothing" },                                                          \
	{ .name = "balance", .type = OPT_NUM, .fallback = "0.5", .min = 0, .max = 1,            \
	  .help = "class weights (n / labels / n_class)^balance; 0: none" },                    \
	{ .name = "lm", .type = OPT_NUM, .fallback = "0", .min = 0, .max = 100,                 \
	  .help = "weight of also predicting the next token of the trunk" },                    \
	{ .name = "answer", .type = OPT_CHOICE, .fallback = "words", .choices = "words|vocabulary", \
	  .help = "training softmax over the label words or the whole vocabulary" },            \
	{ .name = "history_cues", .type = OPT_CHOICE, .fallback = "all", .choices = "all|text", \
	  .help = "earlier turns keep their cues, or only their text" },                        \
	{ .name = "window_mode", .type = OPT_CHOICE, .fallback = "auto", .choices = "auto|shared|anchored|exact", \
	  .help = "a window not reaching the start: shared by the layers (auto of a fresh decoder), from anchors (auto with weights), or a prompt a turn" }, \
	{ .name = "anchor", .type = OPT_INT, .fallback = "0", .min = 0, .max = 10000,           \
	  .help = "turns from anchor to anchor; 0: half the window" },                          \
	{ .name = "soft", .type = OPT_INT, .fallback = "1", .min = 1, .max = 64,                \
	  .help = "soft tokens of one channel and turn" },                                      \
	{ .name = "projector_kind", .type = OPT_CHOICE, .fallback = "auto", .choices = "auto|linear|mlp|qformer", \
	  .help = "how frames become soft tokens; auto: mlp where projector has a width, else linear" }, \
	{ .name = "projector", .type = OPT_INT, .fallback = "0", .min = 0, .max = 65536,        \
	  .help = "hidden width of the projectors; 0: linear, or that of the decoder" },        \
	{ .name = "queries", .type = OPT_INT, .fallback = "4", .min = 1, .max = 256,            \
	  .help = "soft tokens of one channel and turn from a Q-Former" },                      \
	{ .name = "qformer_blocks", .type = OPT_INT, .fallback = "1", .min = 1, .max = 6,       \
	  .help = "blocks of the Q-Former" },                                                   \
	{ .name = "qformer_heads", .type = OPT_INT, .fallback = "4", .min = 1, .max = 64,       \
	  .help = "attention heads of the Q-Former" },                                          \
	{ .name = "lora_rank", .type = OPT_INT, .fallback = "0", .min = 0, .max = 1024,         \
	  .help = "0: without adapters; else LoRA of this rank, and all but projectors frozen" }, \
	{ .name = "lora_alpha", .type = OPT_NUM, .fallback = "16", .min = 0, .max = 4096,       \
	  .help = "scale of LoRA" },                                                            \
	{ .name = "lora_on", .type = OPT_STR, .fallback = "q_proj,v_proj", .arg = "A+B...",     \
	  .help = "linears with LoRA: q_proj k_proj v_proj o_proj gate_proj up_proj down_proj" }, \
	{ .name = "lora_dropout", .type = OPT_NUM, .fallback = "0", .min = 0, .max = 0.95,      \
	  .help = "dropout of what the adapters read" },                                        \
	{ .name = "weights", .type = OPT_STR, .fallback = "", .arg = "PATH",                    \
	  .help = "published weights (folder, .safetensors, .gguf, .bin) in place of a fresh decoder" }, \
	{ .name = "adapter", .type = OPT_STR, .fallback = "", .arg = "DIR",                     \
	  .help = "adapter in PEFT's form to start from; its rank and linears count" },         \
	{ .name = "tokenizer", .type = OPT_STR, .fallback = "", .arg = "PATH",                  \
	  .help = "its tokenizer, where it does not lie beside the weights" },                  \
	{ .name = "chat", .type = OPT_CHOICE, .fallback = "plain",                              \
	  .choices = "plain|vicuna|llama2|llama3|qwen2",                                        \
	  .help = "chat format the weights were tuned with" },                                  \
	{ .name = "system", .type = OPT_STR, .fallback = "", .arg = "TEXT",                     \
	  .help = "system message of the chat; empty: the format's own" },                      \
	{ .name = "template", .type = OPT_STR, .fallback = "brief", .arg = "NAME",              \
	  .help = "wording around the turns: brief speechcue bemerc instructerc ..." },         \
	{ .name = "thaw", .type = OPT_BOOL, .fallback = "false",                                \
	  .help = "train the published weights themselves, as an fp32 copy" },                  \
	{ .name = "pack", .type = OPT_BOOL, .fallback = "false",                                \
	  .help = "keep frozen weights in the kernels' layout too: faster, twice the memory" },  \
	{ .name = "path", .type = OPT_CHOICE, .fallback = "auto", .choices = "auto|float|int8", \
	  .help = "arithmetic of products with frozen weights" },                               \
	{ .name = "kernels", .type = OPT_CHOICE, .fallback = "auto", .choices = KERNELS_CHOICES, \
	  .help = "instructions the decoder computes with; auto: the widest there are" },       \
	{ .name = "threads", .type = OPT_INT, .fallback = "0", .min = 0, .max = 1024,           \
	  .help = "threads of one run; 0: what the command says" },                             \
	{ .name = "recompute", .type = OPT_BOOL, .fallback = "false",                           \
	  .help = "compute each layer again on the way back: less memory" },                     \
	{ .name = "mixed", .type = OPT_CHOICE, .fallback = "off", .choices = "off|auto|force",  \
	  .help = "products in bf16: never, where the processor has them, always" }
/* clang-format on */

#endif

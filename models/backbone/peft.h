/* SPDX-License-Identifier: Apache-2.0
 * Adapters in the form of Hugging Face's PEFT library: a folder with adapter_config.json and
 * adapter_model.safetensors.  What is written here loads there, and the other way round.
 * Rows of query and key adapters are in Hugging Face order in the files, whatever the order of
 * the base in memory.
 */
#ifndef MODELS_BACKBONE_PEFT_H
#define MODELS_BACKBONE_PEFT_H

#include "models/backbone/decoder.h"

struct peft_config {
	int rank;
	double alpha, dropout;
	bool rslora;
	unsigned on;	/* enum lora_on */
	char base[512]; /* base_model_name_or_path, "" when not said */
};

/* Reads adapter_config.json.  What would change the result and is not known here (DoRA,
 * modules_to_save, ranks of their own, biases, …) is ERR_FORMAT and named. */
int peft_config_read(const char *dir, struct peft_config *out, struct err *err);
/* Puts its settings into a decoder's config. */
void peft_config_use(const struct peft_config *p, struct decoder_config *cfg);

/* Reads the adapter into a decoder that was made with its settings: every tensor must be
 * there with its shape, and none besides.  On failure the decoder is as before. */
int peft_read(struct decoder *d, const char *dir, struct err *err);
/* Writes both files, fp32; makes the folder.  base: what base_model_name_or_path shall be;
 * NULL: null.  ERR_ARG when the decoder has no adapters. */
int peft_write(const struct decoder *d, const char *dir, const char *base, struct err *err);

/* The linears of a list of names ("q_proj,v_proj", or with + between; "all"): enum lora_on.
 * ERR_ARG names what is no linear. */
int peft_linears(const char *names, unsigned *on, struct err *err);

#endif

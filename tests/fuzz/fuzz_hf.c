/* SPDX-License-Identifier: Apache-2.0
 * A Hugging Face folder in one input: config.json, a line "%%%%", model.safetensors; or
 * config.json, the index, and up to two shards.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "models/backbone/llama.h"

int fuzz_hf(const uint8_t *data, size_t size)
{
	static const char *const one[] = { "config.json", "model.safetensors", NULL };
	static const char *const many[] = { "config.json", "model.safetensors.index.json",
					    "model-00001-of-00002.safetensors",
					    "model-00002-of-00002.safetensors", NULL };
	struct fuzz_folder f;
	struct err err = { 0 };
	struct llama *l;

	fuzz_folder_open(&f, fuzz_pieces(data, size) > 2 ? many : one, data, size);
	l = llama_open(f.path, &err);
	fuzz_outcome(l != NULL, &err);
	if (l)
		fuzz_look(l);
	llama_close(l);
	fuzz_folder_close(&f);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * A llama2.c file.
 */
#include "tests/fuzz/fuzz.h"

#include "models/backbone/llama.h"

int fuzz_llama_bin(const uint8_t *data, size_t size)
{
	struct fuzz_file f;
	struct err err = { 0 };
	struct llama *l;

	fuzz_file_open(&f, data, size);
	l = llama_open(f.path, &err);
	fuzz_outcome(l != NULL, &err);
	if (l)
		fuzz_look(l);
	llama_close(l);
	fuzz_file_close(&f);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * llama2.c's tokenizer .bin, through the look at a file's first bytes.
 */
#include "tests/fuzz/fuzz.h"

#include "harness/text/tokenizer_parts.h"

int fuzz_tokenizer_bin(const uint8_t *data, size_t size)
{
	struct fuzz_file f;
	struct err err = { 0 };

	fuzz_file_open(&f, data, size);
	fuzz_ask(tokenizer_open(f.path, &err), &err, data, size);
	fuzz_file_close(&f);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * SentencePiece's .model.
 */
#include "tests/fuzz/fuzz.h"

#include "harness/text/tokenizer_parts.h"

int fuzz_tokenizer_model(const uint8_t *data, size_t size)
{
	struct fuzz_file f;
	struct err err = { 0 };

	fuzz_file_open(&f, data, size);
	fuzz_ask(tokenizer_read_model(f.path, &err), &err, data, size);
	fuzz_file_close(&f);
	return 0;
}

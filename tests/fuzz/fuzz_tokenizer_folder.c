/* SPDX-License-Identifier: Apache-2.0
 * A folder: tokenizer_config.json, then tokenizer.json or, in three pieces, vocab.json and
 * merges.txt.
 */
#include "tests/fuzz/fuzz.h"

#include "harness/text/tokenizer.h"

int fuzz_tokenizer_folder(const uint8_t *data, size_t size)
{
	static const char *const one[] = { "tokenizer_config.json", "tokenizer.json", NULL };
	static const char *const older[] = { "tokenizer_config.json", "vocab.json", "merges.txt",
					     NULL };
	struct fuzz_folder f;
	struct err err = { 0 };

	fuzz_folder_open(&f, fuzz_pieces(data, size) < 3 ? one : older, data, size);
	fuzz_ask(tokenizer_open(f.path, &err), &err, data, size);
	fuzz_folder_close(&f);
	return 0;
}

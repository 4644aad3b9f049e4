/* SPDX-License-Identifier: Apache-2.0
 * A folder in one input: tokenizer_config.json, a line "%%%%", then tokenizer.json or, with
 * one such line more, vocab.json and merges.txt.
 */
#define _GNU_SOURCE /* memmem */

#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/text/tokenizer.h"

#define CUT "\n%%%%\n"
enum { PARTS = 3 };

static void put(const char *path, const uint8_t *data, size_t size)
{
	FILE *f = fopen(path, "wb");

	FUZZ_CHECK(f && (!size || fwrite(data, size, 1, f) == 1) && !fclose(f));
}

int fuzz_tokenizer_folder(const uint8_t *data, size_t size)
{
	static const char *const one[] = { "tokenizer_config.json", "tokenizer.json" };
	static const char *const older[] = { "tokenizer_config.json", "vocab.json", "merges.txt" };
	char folder[] = "/dev/shm/merc-fuzz-XXXXXX", path[PARTS][100];
	const uint8_t *part[PARTS] = { data };
	size_t part_size[PARTS] = { size };
	struct err err = { 0 };
	int n = 1;

	for (const uint8_t *at; n < PARTS; n++) {
		at = memmem(part[n - 1], part_size[n - 1], CUT, strlen(CUT));
		if (!at)
			break;
		part[n] = at + strlen(CUT);
		part_size[n] = (size_t)(data + size - part[n]);
		part_size[n - 1] = (size_t)(at - part[n - 1]);
	}
	FUZZ_CHECK(mkdtemp(folder) != NULL);
	for (int i = 0; i < n; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/%s", folder, n < PARTS ? one[i] : older[i]);
		put(path[i], part[i], part_size[i]);
	}
	fuzz_ask(tokenizer_open(folder, &err), &err, data, size);
	for (int i = 0; i < n; i++)
		unlink(path[i]);
	rmdir(folder);
	return 0;
}

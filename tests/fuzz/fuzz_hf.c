/* SPDX-License-Identifier: Apache-2.0
 * A Hugging Face folder in one input: config.json, a line "%%%%", model.safetensors; or
 * config.json, the index, and up to two shards.
 */
#define _GNU_SOURCE /* memmem */

#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/backbone/llama.h"

#define CUT "\n%%%%\n"
enum { PARTS = 4 };

struct piece {
	const uint8_t *data;
	size_t size;
};

/* Cuts the input; how many pieces there are. */
static int cut(const uint8_t *data, size_t size, struct piece *out)
{
	const size_t len = sizeof(CUT) - 1;
	int n = 0;

	while (n < PARTS) {
		const uint8_t *at = size ? memmem(data, size, CUT, len) : NULL;
		size_t end = at && n + 1 < PARTS ? (size_t)(at - data) : size;

		out[n++] = (struct piece){ data, end };
		if (end == size)
			break;
		data += end + len;
		size -= end + len;
	}
	return n;
}

static void put(char *path, size_t room, const char *folder, const char *name,
		const struct piece *p)
{
	FILE *f;

	snprintf(path, room, "%s/%s", folder, name);
	f = fopen(path, "wb");
	FUZZ_CHECK(f && (!p->size || fwrite(p->data, p->size, 1, f) == 1) && !fclose(f));
}

int fuzz_hf(const uint8_t *data, size_t size)
{
	static const char *const one[] = { "config.json", "model.safetensors" };
	static const char *const many[] = { "config.json", "model.safetensors.index.json",
					    "model-00001-of-00002.safetensors",
					    "model-00002-of-00002.safetensors" };
	char folder[] = "/dev/shm/merc-fuzz-XXXXXX", path[PARTS][100];
	struct piece piece[PARTS];
	struct err err = { 0 };
	int n = cut(data, size, piece);
	struct llama *l;

	FUZZ_CHECK(mkdtemp(folder) != NULL);
	for (int i = 0; i < n; i++)
		put(path[i], sizeof(path[i]), folder, n > 2 ? many[i] : one[i], &piece[i]);
	l = llama_open(folder, &err);
	fuzz_outcome(l != NULL, &err);
	if (l)
		fuzz_look(l);
	llama_close(l);
	for (int i = 0; i < n; i++)
		unlink(path[i]);
	rmdir(folder);
	return 0;
}

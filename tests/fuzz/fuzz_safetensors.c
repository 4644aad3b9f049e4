/* SPDX-License-Identifier: Apache-2.0
 * A safetensors file: what can be read can be written, and reads the same again.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/backbone/safetensors.h"

static void write_again(const struct safetensors *s)
{
	int n = safetensors_count(s);
	struct safetensor *t = calloc((size_t)n + 1, sizeof(*t));
	struct safetensors *again;
	struct err err = { 0 };
	char path[80];

	snprintf(path, sizeof(path), "/dev/shm/merc-fuzz-%ld", (long)getpid());
	FUZZ_CHECK(t != NULL);
	for (int i = 0; i < n; i++)
		t[i] = *safetensors_at(s, i);
	FUZZ_CHECK(!safetensors_write(path, t, n, &err));
	again = safetensors_open(path, &err);
	FUZZ_CHECK(again && safetensors_count(again) == n);
	for (int i = 0; i < n; i++) {
		const struct safetensor *r = safetensors_find(again, t[i].name);

		FUZZ_CHECK(r && r->type == t[i].type && r->n_dim == t[i].n_dim);
		FUZZ_CHECK(!memcmp(r->dim, t[i].dim, sizeof(r->dim)) && r->bytes == t[i].bytes);
		FUZZ_CHECK(!memcmp(r->data, t[i].data, r->bytes));
	}
	safetensors_close(again);
	unlink(path);
	free(t);
}

int fuzz_safetensors(const uint8_t *data, size_t size)
{
	struct fuzz_file f;
	struct err err = { 0 };
	struct safetensors *s;

	fuzz_file_open(&f, data, size);
	s = safetensors_open(f.path, &err);
	fuzz_outcome(s != NULL, &err);
	for (int i = 0; s && i < safetensors_count(s); i++)
		fuzz_touch(safetensors_at(s, i)->data, safetensors_at(s, i)->bytes);
	if (s)
		write_again(s);
	safetensors_close(s);
	fuzz_file_close(&f);
	return 0;
}

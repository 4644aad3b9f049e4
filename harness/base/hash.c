/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/base/hash.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

static void to_hex(XXH128_hash_t h, char out[HASH_HEX])
{
	snprintf(out, HASH_HEX, "%016llx%016llx", (unsigned long long)h.high64,
		 (unsigned long long)h.low64);
}

void hash_hex(const void *data, size_t len, char out[HASH_HEX])
{
	to_hex(XXH3_128bits(data, len), out);
}

uint64_t hash_u64(const void *data, size_t len)
{
	return XXH64(data, len, 0);
}

int hash_file(const char *path, char out[HASH_HEX], struct err *err)
{
	char block[65536];
	XXH3_state_t *st;
	size_t n;
	FILE *f = fopen(path, "rb");

	if (!f)
		return err_set(err, errno == ENOENT ? ERR_MISSING : ERR_IO, "%s: %s", path,
			       strerror(errno));
	st = XXH3_createState();
	if (!st) {
		fclose(f);
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	}
	XXH3_128bits_reset(st);
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		XXH3_128bits_update(st, block, n);
	to_hex(XXH3_128bits_digest(st), out);
	XXH3_freeState(st);
	if (ferror(f))
		err_set(err, ERR_IO, "%s: read failed", path);
	fclose(f);
	return err->code;
}

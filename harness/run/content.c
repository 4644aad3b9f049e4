/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/content.h"

#include <string.h>
#include <sys/stat.h>

#include "harness/base/str.h"

int content_hash(struct pack *known, const char *path, char out[HASH_HEX], struct err *err)
{
	char text[4600], key[HASH_HEX];
	const char *found;
	struct stat st;
	size_t len;

	if (stat(path, &st) ||
	    !str_format(text, sizeof(text), "file|%s|%jd|%jd|%ld", path, (intmax_t)st.st_size,
			(intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec))
		return err_set(err, ERR_MISSING, "%s: cannot be read", path);
	hash_hex(text, strlen(text), key);
	found = known ? pack_get(known, key, &len) : NULL;
	if (found && len == HASH_HEX) {
		memcpy(out, found, HASH_HEX);
		return 0;
	}
	if (hash_file(path, out, err))
		return err->code;
	return known ? pack_put(known, key, out, HASH_HEX, err) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/map.h"
#include "harness/remote/journal_lines.h"

struct kept {
	const char *path; /* while it is read */
	bool again;
	struct str_map names; /* 1: kept, 0: to be asked for again */
	struct arena mem;
};

static void add_name(struct strbuf *out, const char *id, int64_t index, const char *prompt_hash)
{
	strbuf_addf(out, "%s %lld %s", id, (long long)index, prompt_hash);
}

static int take_line(void *ctx, const struct json *line, const char *key, int64_t offset,
		     int64_t length, struct err *err)
{
	const char *status = json_str(json_get(line, "status"), "");
	struct kept *k = ctx;
	struct strbuf name = { 0 };
	const char *copy;
	int *slot;

	(void)key, (void)offset, (void)length;
	add_name(&name, json_str(json_get(line, "id"), ""),
		 (int64_t)json_num(json_get(line, "index"), 0),
		 json_str(json_get(line, "prompt_hash"), ""));
	copy = name.oom ? NULL : arena_strdup(&k->mem, strbuf_str(&name));
	slot = copy ? map_slot(&k->names, copy) : NULL;
	if (slot)
		*slot = !k->again || strcmp(status, answer_status_name[ANSWER_BACKEND_FAIL]) != 0;
	else
		err_set(err, ERR_NOMEM, "%s: no memory", k->path);
	strbuf_free(&name);
	return err->code;
}

struct kept *kept_open(const char *dir, bool again, struct err *err)
{
	struct kept *k = mem_calloc(1, sizeof(*k));
	char *path = path_join(dir, JOURNAL_FILE);
	int64_t end;
	int fd = -1;

	if (!k || !path) {
		err_set(err, ERR_NOMEM, "%s: no memory", dir);
	} else {
		k->path = path;
		k->again = again;
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
			err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	}
	if (fd >= 0) {
		journal_lines(fd, path, 0, take_line, k, &end, err);
		close(fd);
	}
	free(path);
	if (!err->code) {
		k->path = NULL;
		return k;
	}
	kept_close(k);
	return NULL;
}

void kept_close(struct kept *k)
{
	if (!k)
		return;
	map_free(&k->names);
	arena_free(&k->mem);
	free(k);
}

bool kept_has(const struct kept *k, const struct ask *ask, const char prompt_hash[ASK_SHA_HEX])
{
	struct strbuf name = { 0 };
	bool yes = false;

	if (k) {
		add_name(&name, ask->id, ask->index, prompt_hash);
		yes = !name.oom && map_get(&k->names, strbuf_str(&name)) > 0;
	}
	strbuf_free(&name);
	return yes;
}

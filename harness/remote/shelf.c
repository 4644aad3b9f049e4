/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/map.h"
#include "harness/remote/journal_lines.h"

struct volume {
	char *path;
	int fd;
};

/* Where the line of a reply is. */
struct place {
	size_t volume;
	int64_t offset, length;
};

struct shelf {
	struct volume *volume;
	size_t n, cap;
	struct place *place;
	size_t n_places, cap_places;
	struct str_map found; /* key -> place */
	struct arena mem;     /* the keys */
};

/* Whether what the line says holds for whoever asks the same: whole, well formed, not empty. */
static bool may_share(const struct json *line)
{
	if (!json_bool(json_get(line, "deterministic"), false) ||
	    strcmp(json_str(json_get(line, "status"), ""), answer_status_name[ANSWER_OK]) != 0)
		return false;
	return json_get(line, "options") ||
	       (*json_str(json_get(line, "text"), "") &&
		strcmp(json_str(json_get(line, "finish_reason"), ""), "length") != 0);
}

static int take_line(void *ctx, const struct json *line, const char *key, int64_t offset,
		     int64_t length, struct err *err)
{
	struct shelf *s = ctx;
	const char *copy;
	int *slot;

	if (!may_share(line))
		return 0;
	copy = arena_strdup(&s->mem, key);
	slot = copy ? map_slot(&s->found, copy) : NULL;
	if (!slot || s->n_places == INT_MAX ||
	    !GROW_ARRAY(s->place, s->cap_places, s->n_places + 1))
		return err_set(err, ERR_NOMEM, "%s: no memory", s->volume[s->n - 1].path);
	*slot = (int)s->n_places;
	s->place[s->n_places++] = (struct place){ s->n - 1, offset, length };
	return 0;
}

static int add_folder(struct shelf *s, const char *folder, struct err *err)
{
	struct volume *v;
	int64_t end;

	if (!GROW_ARRAY(s->volume, s->cap, s->n + 1))
		return err_set(err, ERR_NOMEM, "%s: no memory", folder);
	v = &s->volume[s->n++];
	*v = (struct volume){ path_join(folder, JOURNAL_FILE), -1 };
	if (!v->path)
		return err_set(err, ERR_NOMEM, "%s: no memory", folder);
	v->fd = open(v->path, O_RDONLY | O_CLOEXEC);
	if (v->fd < 0)
		return err_set(err, errno == ENOENT ? ERR_MISSING : ERR_IO,
			       "%s: %s; name a folder that holds replies", v->path,
			       strerror(errno));
	return journal_lines(v->fd, v->path, 0, take_line, s, &end, err);
}

struct shelf *shelf_open(const char *folders, struct err *err)
{
	struct shelf *s = mem_calloc(1, sizeof(*s));
	struct strbuf folder = { 0 };

	if (!s)
		err_set(err, ERR_NOMEM, "%s: no memory", folders);
	while (*folders && !err->code) {
		size_t n = strcspn(folders, "\n");

		strbuf_reset(&folder);
		strbuf_addn(&folder, folders, n);
		add_folder(s, strbuf_str(&folder), err);
		folders += n + (folders[n] == '\n');
	}
	strbuf_free(&folder);
	if (!err->code)
		return s;
	shelf_close(s);
	return NULL;
}

void shelf_close(struct shelf *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++) {
		if (s->volume[i].fd >= 0)
			close(s->volume[i].fd);
		free(s->volume[i].path);
	}
	map_free(&s->found);
	arena_free(&s->mem);
	free(s->volume);
	free(s->place);
	free(s);
}

int shelf_find(const struct shelf *s, const char key[ASK_SHA_HEX], struct arena *mem,
	       struct reply *out, bool *found, struct err *err)
{
	const int i = map_get(&s->found, key);
	const struct place *p;

	*found = i >= 0;
	if (!*found)
		return 0;
	p = &s->place[i];
	return journal_line(s->volume[p->volume].fd, s->volume[p->volume].path, p->offset,
			    p->length, key, mem, out, err);
}

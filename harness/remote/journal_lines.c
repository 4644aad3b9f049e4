/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/journal_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/remote/reply_json.h"

#define LINE_MAX_BYTES ((size_t)256 << 20)
#define BLOCK	       (1 << 16)
#define WHERE_MAX      600

/* A pass over the lines. */
struct pass {
	int fd;
	const char *path;
	int (*take)(void *ctx, const struct json *line, const char *key, int64_t offset,
		    int64_t length, struct err *err);
	void *ctx;
	int64_t at; /* of text.s[0] */
	struct strbuf text;
};

static void name_place(const char *path, int64_t offset, char where[WHERE_MAX])
{
	if (!str_format(where, WHERE_MAX, "%s: at byte %lld", path, (long long)offset))
		where[0] = '\0';
}

static int take_line(const struct pass *p, size_t from, size_t n, struct err *err)
{
	const int64_t offset = p->at + (int64_t)from;
	char where[WHERE_MAX];
	struct json *v;
	const char *key;

	name_place(p->path, offset, where);
	v = json_parse(p->text.s + from, n, where, err);
	if (!v)
		return err->code;
	key = json_str(json_get(v, "key"), "");
	if (strlen(key) != ASK_SHA_HEX - 1)
		err_set(err, ERR_FORMAT, "%s: no \"key\"", where);
	else
		p->take(p->ctx, v, key, offset, (int64_t)n, err);
	json_free(v);
	return err->code;
}

/* Takes the whole lines of text and keeps the rest. */
static int take_text(struct pass *p, struct err *err)
{
	size_t done = 0;
	const char *end;

	while (!err->code && (end = memchr(p->text.s + done, '\n', p->text.len - done))) {
		size_t n = (size_t)(end - p->text.s) - done;

		take_line(p, done, n, err);
		done += n + 1;
	}
	if (!err->code) {
		memmove(p->text.s, p->text.s + done, p->text.len - done);
		p->text.len -= done;
		p->at += (int64_t)done;
	}
	return err->code;
}

int journal_lines(int fd, const char *path, int64_t from,
		  int (*take)(void *ctx, const struct json *line, const char *key, int64_t offset,
			      int64_t length, struct err *err),
		  void *ctx, int64_t *end, struct err *err)
{
	struct pass p = { .fd = fd, .path = path, .take = take, .ctx = ctx, .at = from };
	char *block = malloc(BLOCK);

	if (!block)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	while (!err->code) {
		ssize_t n = pread(fd, block, BLOCK, p.at + (int64_t)p.text.len);

		if (n < 0)
			err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
		if (n <= 0)
			break;
		strbuf_addn(&p.text, block, (size_t)n);
		if (p.text.oom || p.text.len > LINE_MAX_BYTES)
			err_set(err, ERR_LIMIT, "%s: a line is too long", path);
		else
			take_text(&p, err);
	}
	*end = p.at;
	strbuf_free(&p.text);
	free(block);
	return err->code;
}

int journal_line(int fd, const char *path, int64_t offset, int64_t length,
		 const char key[ASK_SHA_HEX], struct arena *mem, struct reply *out, struct err *err)
{
	char where[WHERE_MAX], *line = malloc((size_t)length + 1);
	struct json *v = NULL;

	if (!line)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	name_place(path, offset, where);
	if (pread(fd, line, (size_t)length, offset) != (ssize_t)length)
		err_set(err, ERR_IO, "%s: cannot be read", where);
	else
		v = json_parse(line, (size_t)length, where, err);
	if (v && strcmp(json_str(json_get(v, "key"), ""), key) != 0)
		err_set(err, ERR_FORMAT,
			"%s: the line has another key than its place says; delete the .db beside "
			"it",
			where);
	if (!err->code)
		reply_read(v, where, mem, out, err);
	json_free(v);
	free(line);
	return err->code;
}

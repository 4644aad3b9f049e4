/* SPDX-License-Identifier: Apache-2.0 */
#include "models/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/mem.h"
#include "harness/base/str.h"

#define STORE_VERSION 1

static const char magic[8] = "MERCMDL";
static const uint32_t byte_order = 0x01020304;

static void drop(struct store *s)
{
	if (s->f)
		fclose(s->f);
	if (s->tmp)
		remove(s->tmp);
	free(s->tmp);
	free(s->path);
	*s = (struct store){ .err = s->err };
}

static int open_file(struct store *s, const char *path, struct err *err)
{
	s->err = err;
	s->path = str_dup(path);
	if (!s->path)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	errno = 0;
	s->f = fopen(s->tmp ? s->tmp : path, s->tmp ? "wb" : "rb");
	if (!s->f)
		return err_set(err, errno == ENOENT ? ERR_MISSING : ERR_IO, "%s: %s", path,
			       strerror(errno));
	return 0;
}

int store_create(struct store *s, const char *path, const char *model,
		 const struct label_set *labels, struct err *err)
{
	struct strbuf tmp = { 0 };

	*s = (struct store){ 0 };
	strbuf_add(&tmp, path);
	strbuf_add(&tmp, ".tmp");
	if (tmp.oom) {
		strbuf_free(&tmp);
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	}
	s->tmp = tmp.s;
	if (!open_file(s, path, err) && !store_put(s, magic, sizeof(magic), 1) &&
	    !store_put(s, &byte_order, 1, sizeof(byte_order)) && !store_put_int(s, STORE_VERSION) &&
	    !store_put_bytes(s, model, strlen(model)) &&
	    !store_put_bytes(s, labels->name, strlen(labels->name)))
		return 0;
	drop(s);
	return err->code;
}

static int check_word(struct store *s, const char *what, const char *want)
{
	char *got = NULL;
	size_t len = 0;

	if (store_get_bytes(s, 256, &got, &len))
		return s->err->code;
	if (strlen(got) != len || strcmp(got, want))
		err_set(s->err, ERR_FORMAT, "%s: holds %s '%s', not '%s'", s->path, what, got,
			want);
	free(got);
	return s->err->code;
}

int store_open(struct store *s, const char *path, const char *model, const struct label_set *labels,
	       struct err *err)
{
	char head[sizeof(magic)];
	uint32_t order = 0;
	int64_t version;

	*s = (struct store){ 0 };
	if (open_file(s, path, err) || store_get(s, head, sizeof(head), 1) ||
	    store_get(s, &order, 1, sizeof(order)))
		goto fail;
	if (memcmp(head, magic, sizeof(magic)) || order != byte_order) {
		err_set(err, ERR_FORMAT, "%s: not a trained model of this program", path);
		goto fail;
	}
	if (!store_get_int(s, STORE_VERSION, STORE_VERSION, "version", &version) &&
	    !check_word(s, "model", model) && !check_word(s, "label set", labels->name))
		return 0;
fail:
	drop(s);
	return err->code;
}

int store_put(struct store *s, const void *p, size_t n, size_t size)
{
	size_t bytes;

	if (s->err->code)
		return s->err->code;
	if (!size_mul(n, size, &bytes))
		return err_set(s->err, ERR_INTERNAL, "%s: block too large", s->path);
	return !bytes ? 0 : io_write_exact(s->f, p, bytes, s->path, s->err);
}

int store_get(struct store *s, void *p, size_t n, size_t size)
{
	size_t bytes;

	if (s->err->code)
		return s->err->code;
	if (!size_mul(n, size, &bytes))
		return err_set(s->err, ERR_FORMAT, "%s: block too large", s->path);
	return !bytes ? 0 : io_read_exact(s->f, p, bytes, s->path, s->err);
}

int store_put_int(struct store *s, int64_t v)
{
	return store_put(s, &v, 1, sizeof(v));
}

int store_get_int(struct store *s, int64_t min, int64_t max, const char *what, int64_t *v)
{
	if (store_get(s, v, 1, sizeof(*v)))
		return s->err->code;
	if (*v < min || *v > max)
		return err_set(s->err, ERR_FORMAT, "%s: %s %lld is outside %lld..%lld", s->path,
			       what, (long long)*v, (long long)min, (long long)max);
	return 0;
}

int store_put_bytes(struct store *s, const char *p, size_t len)
{
	store_put_int(s, (int64_t)len);
	return store_put(s, p, len, 1);
}

int store_get_bytes(struct store *s, size_t max, char **p, size_t *len)
{
	int64_t n = 0;

	*p = NULL;
	*len = 0;
	if (store_get_int(s, 0, (int64_t)max, "length", &n))
		return s->err->code;
	*len = (size_t)n;
	if (!NEW_ARRAY(*p, *len + 1))
		return err_set(s->err, ERR_NOMEM, "%s: no memory", s->path);
	if (store_get(s, *p, *len, 1)) {
		free(*p);
		*p = NULL;
	}
	return s->err->code;
}

int store_close(struct store *s)
{
	struct err *err = s->err;
	FILE *f = s->f;

	if (!f)
		return err->code;
	if (!s->tmp && !err->code && fgetc(f) != EOF)
		err_set(err, ERR_FORMAT, "%s: goes on after its end", s->path);
	s->f = NULL;
	io_close(f, s->path, err);
	if (s->tmp && !err->code && !io_rename(s->tmp, s->path, err)) {
		free(s->tmp);
		s->tmp = NULL;
	}
	drop(s);
	return err->code;
}

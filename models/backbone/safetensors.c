/* SPDX-License-Identifier: Apache-2.0
 * safetensors: the table is JSON and goes through harness/base/json.h; every tensor is
 * then held against the bytes behind it.
 */
#include "models/backbone/safetensors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/io.h"
#include "harness/base/json.h"
#include "harness/base/map.h"
#include "harness/base/mapped.h"
#include "harness/base/mem.h"
#include "harness/base/str.h"

#define MAX_TABLE ((uint64_t)100 * 1000 * 1000) /* bytes, as the format says */
/* A tensor takes 50 bytes of table and 10 values; text with denser values is none, and
 * would cost many times its size to parse. */
#define MIN_BYTES_A_VALUE 5

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are used as they lie");

struct safetensors {
	char *path;
	struct mapped file;
	struct arena mem;
	struct safetensor *tensor;
	int n;
	struct str_map by_name;
	size_t copied;
};

static const struct type_row {
	const char *name;
	enum weight_type type;
	int bytes;
} types[] = {
	{ "F32", WEIGHT_F32, 4 },
	{ "F16", WEIGHT_F16, 2 },
	{ "BF16", WEIGHT_BF16, 2 },
};

static const struct type_row *type_row(enum weight_type type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].type == type)
			return &types[i];
	return NULL;
}

static int bad(const struct safetensors *s, const char *name, const char *why, struct err *err)
{
	return err_set(err, ERR_FORMAT, "%s: tensor '%.200s': %s", s->path, name, why);
}

static int read_type(struct safetensors *s, struct safetensor *t, const struct json *v,
		     struct err *err)
{
	const char *name = json_str(json_get(v, "dtype"), NULL);

	if (!name)
		return bad(s, t->name, "dtype is missing", err);
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (!strcmp(types[i].name, name)) {
			t->type = types[i].type;
			return 0;
		}
	return err_set(err, ERR_FORMAT,
		       "%s: tensor '%.200s' has type %.20s, which is not read (F32, F16, BF16 are)",
		       s->path, t->name, name);
}

/* Shape, and the bytes it asks for. */
static int read_shape(struct safetensors *s, struct safetensor *t, const struct json *v,
		      struct err *err)
{
	const struct json *shape = json_get(v, "shape"), *d;
	size_t bytes = (size_t)type_row(t->type)->bytes;
	int i = 0;

	if (!shape || json_type(shape) != JSON_ARRAY)
		return bad(s, t->name, "shape is missing", err);
	t->n_dim = json_size(shape);
	if (t->n_dim > 4)
		return bad(s, t->name, "more than 4 dimensions", err);
	for (d = json_at(shape, 0); d; d = json_next(d), i++)
		if (json_int(d, 1, (int64_t)1 << 48, "shape", &t->dim[i], err) ||
		    !size_mul(bytes, (size_t)t->dim[i], &bytes)) {
			*err = (struct err){ 0 };
			return bad(s, t->name, "impossible shape", err);
		}
	for (; i < 4; i++)
		t->dim[i] = 1;
	t->bytes = bytes;
	return 0;
}

/* Offsets are relative to the data, which is (room) bytes. */
static int read_place(struct safetensors *s, struct safetensor *t, const struct json *v,
		      size_t begin, struct err *err)
{
	const struct json *place = json_get(v, "data_offsets");
	size_t room = s->file.size - begin;
	int64_t from = 0, to = 0;

	if (json_size(place) != 2 || json_type(place) != JSON_ARRAY)
		return bad(s, t->name, "data_offsets is missing", err);
	if (json_int(json_at(place, 0), 0, (int64_t)1 << 52, "data_offsets", &from, err) ||
	    json_int(json_at(place, 1), from, (int64_t)1 << 52, "data_offsets", &to, err)) {
		*err = (struct err){ 0 };
		return bad(s, t->name, "data_offsets are no whole numbers in order", err);
	}
	if ((size_t)to > room)
		return err_set(err, ERR_FORMAT,
			       "%s: tensor '%.200s' ends at byte %lld of the data, which has %zu; "
			       "the file is cut short or damaged",
			       s->path, t->name, (long long)to, room);
	if ((size_t)(to - from) != t->bytes)
		return err_set(
			err, ERR_FORMAT,
			"%s: tensor '%.200s' holds %lld bytes, its shape and type ask for %zu",
			s->path, t->name, (long long)(to - from), t->bytes);
	t->data = s->file.data + begin + from;
	return 0;
}

static int read_tensor(struct safetensors *s, struct safetensor *t, const struct json *v,
		       size_t begin, struct err *err)
{
	int *slot;

	t->name = arena_strdup(&s->mem, json_key(v));
	slot = t->name ? map_slot(&s->by_name, t->name) : NULL;
	if (!slot)
		return err_set(err, ERR_NOMEM, "%s: no memory", s->path);
	if (!*t->name || *slot >= 0)
		return bad(s, t->name, "no name, or a name used twice", err);
	*slot = (int)(t - s->tensor);
	if (json_type(v) != JSON_OBJECT)
		return bad(s, t->name, "not a JSON object", err);
	if (read_type(s, t, v, err) || read_shape(s, t, v, err))
		return err->code;
	return read_place(s, t, v, begin, err);
}

static int by_place(const void *a, const void *b)
{
	const unsigned char *x = (*(const struct safetensor *const *)a)->data;
	const unsigned char *y = (*(const struct safetensor *const *)b)->data;

	return (x > y) - (x < y);
}

/* The tensors fill the data without gap or overlap (no tensor is empty). */
static int check_places(struct safetensors *s, size_t begin, struct err *err)
{
	const unsigned char *at = s->file.data + begin, *end = s->file.data + s->file.size;
	const struct safetensor **t;

	if (!NEW_ARRAY(t, (size_t)s->n))
		return err_set(err, ERR_NOMEM, "%s: no memory", s->path);
	for (int i = 0; i < s->n; i++)
		t[i] = &s->tensor[i];
	qsort(t, (size_t)s->n, sizeof(*t), by_place);
	for (int i = 0; i < s->n && !err->code; at = t[i]->data + t[i]->bytes, i++)
		if (t[i]->data != at)
			bad(s, t[i]->name,
			    t[i]->data < at ? "shares bytes with another"
					    : "begins behind a gap that belongs to no tensor",
			    err);
	if (!err->code && at != end)
		err_set(err, ERR_FORMAT, "%s: %zu bytes at the end belong to no tensor", s->path,
			(size_t)(end - at));
	free(t);
	return err->code;
}

/* The format does not promise alignment, and files of its early days have none. */
static int align(struct safetensors *s, struct err *err)
{
	for (int i = 0; i < s->n; i++) {
		struct safetensor *t = &s->tensor[i];
		void *copy;

		if ((uintptr_t)t->data % (uintptr_t)type_row(t->type)->bytes == 0)
			continue;
		copy = arena_array(&s->mem, t->bytes, 1);
		if (!copy)
			return err_set(err, ERR_NOMEM,
				       "%s: tensor '%.200s' is not aligned and there is no memory "
				       "for a copy; write the file anew with a current safetensors",
				       s->path, t->name);
		memcpy(copy, t->data, t->bytes);
		t->data = copy;
		s->copied += t->bytes;
	}
	return 0;
}

static int read_tensors(struct safetensors *s, const struct json *table, size_t begin,
			struct err *err)
{
	if (json_type(table) != JSON_OBJECT)
		return err_set(err, ERR_FORMAT, "%s: the table is no JSON object", s->path);
	s->tensor = arena_array(&s->mem, (size_t)json_size(table), sizeof(*s->tensor));
	if (!s->tensor)
		return err_set(err, ERR_NOMEM, "%s: no memory", s->path);
	for (const struct json *v = json_at(table, 0); v; v = json_next(v)) {
		if (!strcmp(json_key(v), "__metadata__"))
			continue;
		if (read_tensor(s, &s->tensor[s->n], v, begin, err))
			return err->code;
		s->n++;
	}
	if (check_places(s, begin, err))
		return err->code;
	return align(s, err);
}

/* The JSON text behind the length: *n bytes. */
static const char *table_text(const struct safetensors *s, size_t *n, struct err *err)
{
	uint64_t len = 0, values = 0;
	const char *text = NULL;

	if (s->file.size > sizeof(len)) {
		memcpy(&len, s->file.data, sizeof(len));
		text = (const char *)s->file.data + sizeof(len);
	}
	if (!text || len < 2 || len > s->file.size - sizeof(len) || *text != '{') {
		err_set(err, ERR_FORMAT,
			"%s: not a safetensors file, or cut short (its first 8 bytes are no length "
			"of a table)",
			s->path);
		return NULL;
	}
	for (size_t i = 0; i < len && len <= MAX_TABLE; i++)
		values += text[i] == ',' || text[i] == '[' || text[i] == '{';
	if (len > MAX_TABLE || values > 16 + len / MIN_BYTES_A_VALUE) {
		err_set(err, ERR_LIMIT, "%s: its table (%llu bytes, %llu values) is beyond reason",
			s->path, (unsigned long long)len, (unsigned long long)values);
		return NULL;
	}
	*n = (size_t)len;
	return text;
}

struct safetensors *safetensors_open(const char *path, struct err *err)
{
	struct safetensors *s = mem_calloc(1, sizeof(*s));
	struct json *table = NULL;
	const char *text;
	size_t n = 0;

	if (s)
		s->path = str_dup(path);
	if (!s || !s->path)
		err_set(err, ERR_NOMEM, "%s: no memory", path);
	else if (!mapped_open(&s->file, path, err) && (text = table_text(s, &n, err)))
		table = json_parse(text, n, path, err);
	if (table)
		read_tensors(s, table, sizeof(uint64_t) + n, err);
	json_free(table);
	if (!err->code)
		return s;
	safetensors_close(s);
	return NULL;
}

void safetensors_close(struct safetensors *s)
{
	if (!s)
		return;
	map_free(&s->by_name);
	arena_free(&s->mem);
	mapped_close(&s->file);
	free(s->path);
	free(s);
}

const char *safetensors_path(const struct safetensors *s)
{
	return s->path;
}

int safetensors_count(const struct safetensors *s)
{
	return s->n;
}

const struct safetensor *safetensors_at(const struct safetensors *s, int i)
{
	return i >= 0 && i < s->n ? &s->tensor[i] : NULL;
}

const struct safetensor *safetensors_find(const struct safetensors *s, const char *name)
{
	return safetensors_at(s, map_get(&s->by_name, name));
}

size_t safetensors_copied(const struct safetensors *s)
{
	return s->copied;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Adds the row of one tensor that begins at *at of the data, and moves *at behind it. */
static int put_tensor(struct json_writer *w, const struct safetensor *t, uint64_t *at,
		      const char *path, struct err *err)
{
	const struct type_row *row = type_row(t->type);
	size_t bytes = row ? (size_t)row->bytes : 0;

	if (!row || !t->name || !*t->name ||
	    utf8_check(t->name, strlen(t->name)) != strlen(t->name))
		return err_set(err, ERR_ARG, "%s: tensor '%s': no name or no type that is written",
			       path, t->name ? t->name : "");
	json_open_object(w, t->name);
	json_put_str(w, "dtype", row->name);
	json_open_array(w, "shape");
	for (int i = 0; i < t->n_dim && i < 4; i++) {
		json_put_int(w, NULL, t->dim[i]);
		if (t->dim[i] < 1 || !size_mul(bytes, (size_t)t->dim[i], &bytes))
			bytes = 0;
	}
	json_close_array(w);
	if (t->n_dim < 0 || t->n_dim > 4 || !bytes || bytes != t->bytes || bytes > INT64_MAX - *at)
		return err_set(err, ERR_ARG,
			       "%s: tensor '%s': its bytes are not those of its shape", path,
			       t->name);
	json_open_array(w, "data_offsets");
	json_put_int(w, NULL, (int64_t)*at);
	*at += bytes;
	json_put_int(w, NULL, (int64_t)*at);
	json_close_array(w);
	json_close_object(w);
	return 0;
}

/* The table, blanks behind it so that the data begins at a multiple of 8. */
static int make_table(struct strbuf *out, const char *path, const struct safetensor *t, int n,
		      struct err *err)
{
	struct str_map names = { 0 };
	struct json_writer w;
	uint64_t at = 0;

	json_begin(&w, out, 0);
	json_open_object(&w, NULL);
	json_open_object(&w, "__metadata__");
	json_put_str(&w, "format", "pt"); /* transformers refuses files without it */
	json_close_object(&w);
	for (int i = 0; i < n && !put_tensor(&w, &t[i], &at, path, err); i++) {
		int *slot = map_slot(&names, t[i].name);

		if (!slot)
			err_set(err, ERR_NOMEM, "%s: no memory", path);
		else if ((*slot)++ >= 0 || !strcmp(t[i].name, "__metadata__"))
			err_set(err, ERR_ARG, "%s: tensor '%s' is there twice", path, t[i].name);
	}
	json_close_object(&w);
	while (out->len % 8 && !out->oom)
		strbuf_addc(out, ' ');
	map_free(&names);
	if (out->oom)
		err_set(err, ERR_NOMEM, "%s: no memory", path);
	return err->code;
}

static int write_parts(int fd, const char *name, const struct strbuf *table,
		       const struct safetensor *t, int n, struct err *err)
{
	uint64_t len = table->len;
	FILE *f = fdopen(fd, "wb");
	int failed;

	if (!f) {
		close(fd);
		return err_set(err, ERR_IO, "%s: %s", name, strerror(errno));
	}
	failed = io_write_exact(f, &len, sizeof(len), name, err) ||
		 io_write_exact(f, table->s, table->len, name, err);
	for (int i = 0; i < n && !failed; i++)
		failed = io_write_exact(f, t[i].data, t[i].bytes, name, err);
	if (!failed && (fflush(f) || fchmod(fd, 0644) || fsync(fd)))
		err_set(err, ERR_IO, "%s: write failed: %s", name, strerror(errno));
	io_close(f, name, err);
	return err->code;
}

int safetensors_write(const char *path, const struct safetensor *t, int n, struct err *err)
{
	struct strbuf table = { 0 }, name = { 0 };
	int fd = -1;

	strbuf_addf(&name, "%s.XXXXXX", path);
	if (name.oom)
		err_set(err, ERR_NOMEM, "%s: no memory", path);
	else if (!make_table(&table, path, t, n, err) && (fd = mkstemp(name.s)) < 0)
		err_set(err, ERR_IO, "%s: cannot create: %s", path, strerror(errno));
	if (fd >= 0) {
		write_parts(fd, name.s, &table, t, n, err);
		if (err->code || io_rename(name.s, path, err))
			unlink(name.s);
	}
	strbuf_free(&table);
	strbuf_free(&name);
	return err->code;
}

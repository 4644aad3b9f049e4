/* SPDX-License-Identifier: Apache-2.0
 * GGUF: header, key-value pairs, table of tensors, padding, data.  The file is walked once
 * by a cursor that never leaves it; every count is held against the bytes that are left
 * before memory is asked for, so a file costs at most a few times its own size.
 */
#include "harness/base/gguf_parts.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/str.h"

#define MAX_KEY	      65535
#define MAX_NAME      64 /* bytes of a tensor's name, as the format says */
#define MAX_ALIGNMENT 65536

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are used as they lie");

static const unsigned char kind_bytes[KIND_COUNT] = {
	[KIND_U8] = 1,	[KIND_I8] = 1,	[KIND_U16] = 2, [KIND_I16] = 2,
	[KIND_U32] = 4, [KIND_I32] = 4, [KIND_F32] = 4, [KIND_BOOL] = 1,
	[KIND_U64] = 8, [KIND_I64] = 8, [KIND_F64] = 8,
};

struct cursor {
	struct gguf *g;
	size_t at;
	struct err *err;
};

/* Every type a file may name: those that are read have sizes. */
static const struct type_row {
	int type, block, bytes;
	const char *name;
} types[] = {
	{ GGUF_F32, 1, 4, "f32" },
	{ GGUF_F16, 1, 2, "f16" },
	{ GGUF_BF16, 1, 2, "bf16" },
	{ GGUF_Q4_0, 32, 18, "q4_0" },
	{ GGUF_Q8_0, 32, 34, "q8_0" },
	{ GGUF_Q4_K, 256, 144, "q4_K" },
	{ GGUF_Q6_K, 256, 210, "q6_K" },
	{ 3, 0, 0, "q4_1" },
	{ 6, 0, 0, "q5_0" },
	{ 7, 0, 0, "q5_1" },
	{ 9, 0, 0, "q8_1" },
	{ 10, 0, 0, "q2_K" },
	{ 11, 0, 0, "q3_K" },
	{ 13, 0, 0, "q5_K" },
	{ 15, 0, 0, "q8_K" },
	{ 16, 0, 0, "iq2_xxs" },
	{ 17, 0, 0, "iq2_xs" },
	{ 18, 0, 0, "iq3_xxs" },
	{ 19, 0, 0, "iq1_s" },
	{ 20, 0, 0, "iq4_nl" },
	{ 21, 0, 0, "iq3_s" },
	{ 22, 0, 0, "iq2_s" },
	{ 23, 0, 0, "iq4_xs" },
	{ 24, 0, 0, "i8" },
	{ 25, 0, 0, "i16" },
	{ 26, 0, 0, "i32" },
	{ 27, 0, 0, "i64" },
	{ 28, 0, 0, "f64" },
	{ 29, 0, 0, "iq1_m" },
	{ 34, 0, 0, "tq1_0" },
	{ 35, 0, 0, "tq2_0" },
	{ 39, 0, 0, "mxfp4" },
};

static int no_memory(struct cursor *c)
{
	return err_set(c->err, ERR_NOMEM, "%s: no memory", c->g->path);
}

static size_t left(const struct cursor *c)
{
	return c->g->file.size - c->at;
}

/* The next n bytes, or NULL: `what` is cut short. */
static const unsigned char *take(struct cursor *c, uint64_t n, const char *what)
{
	const unsigned char *p = c->g->file.data + c->at;

	if (n > left(c)) {
		err_set(c->err, ERR_FORMAT,
			"%s: byte %zu: %s goes beyond the end of the file; it is cut short or "
			"damaged",
			c->g->path, c->at, what);
		return NULL;
	}
	c->at += (size_t)n;
	return p;
}

static int take_u32(struct cursor *c, const char *what, uint32_t *out)
{
	const unsigned char *p = take(c, sizeof(*out), what);

	*out = 0;
	if (!p)
		return c->err->code;
	memcpy(out, p, sizeof(*out));
	return 0;
}

static int take_u64(struct cursor *c, const char *what, uint64_t *out)
{
	const unsigned char *p = take(c, sizeof(*out), what);

	*out = 0;
	if (!p)
		return c->err->code;
	memcpy(out, p, sizeof(*out));
	return 0;
}

/* A name of 1..max bytes as a string of our own: UTF-8 without NUL. */
static const char *take_name(struct cursor *c, size_t max, const char *what)
{
	size_t from = c->at;
	const unsigned char *p;
	const char *copy;
	uint64_t n;

	if (take_u64(c, what, &n))
		return NULL;
	if (!n || n > max) {
		err_set(c->err, ERR_FORMAT, "%s: byte %zu: %s has %llu bytes, not 1 to %zu",
			c->g->path, from, what, (unsigned long long)n, max);
		return NULL;
	}
	p = take(c, n, what);
	if (!p)
		return NULL;
	if (memchr(p, 0, (size_t)n) || utf8_check((const char *)p, (size_t)n) != n) {
		err_set(c->err, ERR_FORMAT, "%s: byte %zu: %s is not text", c->g->path, from, what);
		return NULL;
	}
	copy = arena_strndup(&c->g->mem, (const char *)p, (size_t)n);
	if (!copy)
		no_memory(c);
	return copy;
}

/* n strings one after the other; remembers where each begins. */
static int take_strings(struct cursor *c, struct gguf_pair *v)
{
	size_t *at;

	if (v->n > left(c) / sizeof(uint64_t))
		return err_set(c->err, ERR_FORMAT,
			       "%s: key '%s': %llu strings do not fit into the file", c->g->path,
			       v->key, (unsigned long long)v->n);
	at = arena_array(&c->g->mem, (size_t)v->n, sizeof(*at));
	if (!at)
		return no_memory(c);
	v->at = at;
	for (uint64_t i = 0; i < v->n; i++) {
		uint64_t len;

		at[i] = c->at;
		if (take_u64(c, v->key, &len) || !take(c, len, v->key))
			return c->err->code;
	}
	return 0;
}

/* A value of a known kind, or the n elements of an array of it. */
static int take_values(struct cursor *c, struct gguf_pair *v)
{
	size_t width = kind_bytes[v->kind];

	v->data = c->g->file.data + c->at;
	if (v->kind == KIND_STRING)
		return take_strings(c, v);
	if (v->n > left(c) / width)
		return err_set(c->err, ERR_FORMAT,
			       "%s: key '%s': %llu values do not fit into the file", c->g->path,
			       v->key, (unsigned long long)v->n);
	if (!take(c, v->n * width, v->key))
		return c->err->code;
	for (uint64_t i = 0; v->kind == KIND_BOOL && i < v->n; i++)
		if (v->data[i] > 1)
			return err_set(c->err, ERR_FORMAT, "%s: key '%s' is neither true nor false",
				       c->g->path, v->key);
	return 0;
}

/* Enters the name; an error when it is there already. */
static int enter(struct cursor *c, struct str_map *map, const char *name, int i, const char *what)
{
	int *slot = map_slot(map, name);

	if (!slot)
		return no_memory(c);
	if (*slot >= 0)
		return err_set(c->err, ERR_FORMAT, "%s: %s '%s' appears twice", c->g->path, what,
			       name);
	*slot = i;
	return 0;
}

static int take_pair(struct cursor *c, int i)
{
	struct gguf_pair *v = &c->g->pair[i];
	uint32_t kind, element;

	v->key = take_name(c, MAX_KEY, "a key");
	if (!v->key || enter(c, &c->g->by_key, v->key, i, "key") || take_u32(c, v->key, &kind))
		return c->err->code;
	v->n = 1;
	element = kind;
	if (kind == KIND_ARRAY) {
		v->array = true;
		if (take_u32(c, v->key, &element) || take_u64(c, v->key, &v->n))
			return c->err->code;
		if (element == KIND_ARRAY)
			return err_set(c->err, ERR_FORMAT,
				       "%s: key '%s': arrays of arrays are not read", c->g->path,
				       v->key);
	}
	if (element >= KIND_COUNT)
		return err_set(c->err, ERR_FORMAT, "%s: key '%s': unknown kind of value %u",
			       c->g->path, v->key, element);
	v->kind = (enum gguf_kind)element;
	return take_values(c, v);
}

static int tensor_type(struct cursor *c, struct gguf_tensor *t, uint32_t type,
		       const struct type_row **out)
{
	const struct type_row *row = NULL;

	for (size_t i = 0; i < ARRAY_LEN(types) && !row; i++)
		if ((uint32_t)types[i].type == type)
			row = &types[i];
	if (!row)
		return err_set(c->err, ERR_FORMAT, "%s: tensor '%s': unknown type %u", c->g->path,
			       t->name, type);
	if (!row->block)
		return err_set(c->err, ERR_FORMAT,
			       "%s: tensor '%s' has type %s, which is not read (f32, f16, bf16, "
			       "q8_0, q4_0, q4_K, q6_K are)",
			       c->g->path, t->name, row->name);
	t->type = (enum gguf_type)type;
	*out = row;
	return 0;
}

/* Bytes by shape and type. */
static int tensor_size(struct cursor *c, struct gguf_tensor *t, const struct type_row *row)
{
	size_t bytes = (size_t)(t->dim[0] / row->block);

	if (t->dim[0] % row->block)
		return err_set(c->err, ERR_FORMAT,
			       "%s: tensor '%s': rows of %lld values are no whole blocks of %s",
			       c->g->path, t->name, (long long)t->dim[0], row->name);
	if (!size_mul(bytes, (size_t)row->bytes, &bytes) ||
	    !size_mul(bytes, (size_t)t->dim[1], &bytes) ||
	    !size_mul(bytes, (size_t)t->dim[2], &bytes) ||
	    !size_mul(bytes, (size_t)t->dim[3], &bytes))
		return err_set(c->err, ERR_FORMAT, "%s: tensor '%s' is impossibly large",
			       c->g->path, t->name);
	t->bytes = bytes;
	return 0;
}

/* One row of the table; *offset is where its data begins behind the table. */
static int take_tensor(struct cursor *c, int i, uint64_t *offset)
{
	struct gguf_tensor *t = &c->g->tensor[i];
	const struct type_row *row = NULL;
	uint32_t n_dim, type;

	t->name = take_name(c, MAX_NAME, "the name of a tensor");
	if (!t->name || enter(c, &c->g->by_name, t->name, i, "tensor") ||
	    take_u32(c, t->name, &n_dim))
		return c->err->code;
	if (n_dim < 1 || n_dim > 4)
		return err_set(c->err, ERR_FORMAT, "%s: tensor '%s' has %u dimensions, not 1 to 4",
			       c->g->path, t->name, n_dim);
	t->n_dim = (int)n_dim;
	for (int d = 0; d < 4; d++) {
		uint64_t dim = 1;

		if (d < t->n_dim && take_u64(c, t->name, &dim))
			return c->err->code;
		if (!dim || dim > INT64_MAX)
			return err_set(c->err, ERR_FORMAT, "%s: tensor '%s': dimension %d is %llu",
				       c->g->path, t->name, d, (unsigned long long)dim);
		t->dim[d] = (int64_t)dim;
	}
	if (take_u32(c, t->name, &type) || take_u64(c, t->name, offset) ||
	    tensor_type(c, t, type, &row))
		return c->err->code;
	return tensor_size(c, t, row);
}

static int read_alignment(struct cursor *c, size_t *out)
{
	int64_t a = 32;

	if (map_get(&c->g->by_key, "general.alignment") >= 0 &&
	    !gguf_int(c->g, "general.alignment", &a))
		a = 0;
	if (a < 8 || a > MAX_ALIGNMENT || (a & (a - 1)))
		return err_set(c->err, ERR_FORMAT,
			       "%s: general.alignment is not a power of two from 8 to %d",
			       c->g->path, MAX_ALIGNMENT);
	*out = (size_t)a;
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const unsigned char *x = (*(const struct gguf_tensor *const *)a)->data;
	const unsigned char *y = (*(const struct gguf_tensor *const *)b)->data;

	return (x > y) - (x < y);
}

static int check_overlap(struct cursor *c)
{
	const struct gguf *g = c->g;
	const struct gguf_tensor **t;

	if (!NEW_ARRAY(t, (size_t)g->n_tensor))
		return no_memory(c);
	for (int i = 0; i < g->n_tensor; i++)
		t[i] = &g->tensor[i];
	qsort(t, (size_t)g->n_tensor, sizeof(*t), by_place);
	for (int i = 1; i < g->n_tensor; i++)
		if ((size_t)(t[i]->data - t[i - 1]->data) < t[i - 1]->bytes)
			err_set(c->err, ERR_FORMAT, "%s: tensors '%s' and '%s' share bytes",
				g->path, t[i - 1]->name, t[i]->name);
	free(t);
	return c->err->code;
}

/* offset (n_tensor) relative to the data, which begins behind the table, aligned. */
static int place_tensors(struct cursor *c, const uint64_t *offset)
{
	struct gguf *g = c->g;
	size_t align = 0, begin, room;

	if (read_alignment(c, &align))
		return c->err->code;
	if (!g->n_tensor)
		return 0;
	begin = (c->at + align - 1) / align * align;
	room = begin < g->file.size ? g->file.size - begin : 0;
	for (int i = 0; i < g->n_tensor; i++) {
		struct gguf_tensor *t = &g->tensor[i];

		if (offset[i] % align)
			return err_set(c->err, ERR_FORMAT,
				       "%s: tensor '%s' begins at %llu, no multiple of the "
				       "alignment %zu",
				       g->path, t->name, (unsigned long long)offset[i], align);
		if (offset[i] > room || t->bytes > room - (size_t)offset[i])
			return err_set(c->err, ERR_FORMAT,
				       "%s: tensor '%s' (%zu bytes at %llu of the data) goes "
				       "beyond the end of the file; it is cut short or damaged",
				       g->path, t->name, t->bytes, (unsigned long long)offset[i]);
		t->data = g->file.data + begin + offset[i];
	}
	return check_overlap(c);
}

static int take_header(struct cursor *c, uint64_t *n_tensor, uint64_t *n_pair)
{
	uint32_t version;

	if (left(c) < 4 || memcmp(c->g->file.data, "GGUF", 4))
		return err_set(c->err, ERR_FORMAT, "%s: not a GGUF file", c->g->path);
	c->at = 4;
	if (take_u32(c, "the header", &version))
		return c->err->code;
	if (version && !(version & 0xffff))
		return err_set(c->err, ERR_FORMAT,
			       "%s: a big-endian GGUF file; convert it to little-endian",
			       c->g->path);
	if (version < 2 || version > 3)
		return err_set(c->err, ERR_FORMAT, "%s: GGUF version %u; 2 and 3 are read",
			       c->g->path, version);
	if (take_u64(c, "the header", n_tensor) || take_u64(c, "the header", n_pair))
		return c->err->code;
	/* the least a pair and a tensor take: length, a byte, kind, a byte; … */
	if (*n_pair > left(c) / 14 || *n_tensor > left(c) / 33)
		return err_set(c->err, ERR_FORMAT,
			       "%s: %llu tensors and %llu keys do not fit into the file",
			       c->g->path, (unsigned long long)*n_tensor,
			       (unsigned long long)*n_pair);
	if (*n_pair > INT32_MAX || *n_tensor > INT32_MAX)
		return err_set(c->err, ERR_LIMIT, "%s: too many tensors or keys", c->g->path);
	return 0;
}

static int read_all(struct cursor *c)
{
	struct gguf *g = c->g;
	uint64_t n_tensor = 0, n_pair = 0, *offset = NULL;

	if (take_header(c, &n_tensor, &n_pair))
		return c->err->code;
	g->n_pair = (int)n_pair;
	g->n_tensor = (int)n_tensor;
	g->pair = arena_array(&g->mem, (size_t)n_pair, sizeof(*g->pair));
	g->tensor = arena_array(&g->mem, (size_t)n_tensor, sizeof(*g->tensor));
	if (!g->pair || !g->tensor || !NEW_ARRAY(offset, (size_t)n_tensor))
		no_memory(c);
	for (int i = 0; i < g->n_pair && !c->err->code; i++)
		take_pair(c, i);
	for (int i = 0; i < g->n_tensor && !c->err->code; i++)
		take_tensor(c, i, &offset[i]);
	if (!c->err->code)
		place_tensors(c, offset);
	free(offset);
	return c->err->code;
}

struct gguf *gguf_open(const char *path, struct err *err)
{
	struct gguf *g = mem_calloc(1, sizeof(*g));
	struct cursor c = { g, 0, err };

	if (g)
		g->path = str_dup(path);
	if (!g || !g->path)
		err_set(err, ERR_NOMEM, "%s: no memory", path);
	else if (!mapped_open(&g->file, path, err))
		read_all(&c);
	if (!err->code)
		return g;
	gguf_close(g);
	return NULL;
}

void gguf_close(struct gguf *g)
{
	if (!g)
		return;
	map_free(&g->by_key);
	map_free(&g->by_name);
	arena_free(&g->mem);
	mapped_close(&g->file);
	free(g->path);
	free(g);
}

const char *gguf_path(const struct gguf *g)
{
	return g->path;
}

int gguf_tensors(const struct gguf *g)
{
	return g->n_tensor;
}

const struct gguf_tensor *gguf_tensor(const struct gguf *g, int i)
{
	return i >= 0 && i < g->n_tensor ? &g->tensor[i] : NULL;
}

const struct gguf_tensor *gguf_tensor_named(const struct gguf *g, const char *name)
{
	return gguf_tensor(g, map_get(&g->by_name, name));
}

/* SPDX-License-Identifier: Apache-2.0
 * Look-ups in an open GGUF file.  Everything was checked when it was opened; what is left
 * is to find, to convert and to say no.
 */
#include <string.h>

#include "harness/base/gguf_parts.h"

/* The value of a key, an array or not as wanted; NULL when there is none. */
static const struct gguf_pair *find(const struct gguf *g, const char *key, bool array)
{
	int i = map_get(&g->by_key, key);

	return i >= 0 && g->pair[i].array == array ? &g->pair[i] : NULL;
}

/* As find(), NULL too when there is no element i. */
static const struct gguf_pair *find_at(const struct gguf *g, const char *key, bool array, int64_t i)
{
	const struct gguf_pair *v = find(g, key, array);

	return v && i >= 0 && (uint64_t)i < v->n ? v : NULL;
}

/* Values lie at any address: the width and the sign decide how they are read. */
static int64_t load_int(const unsigned char *p, size_t width, bool sign)
{
	uint64_t u = 0;

	memcpy(&u, p, width);
	if (sign && width < 8 && u >> (8 * width - 1))
		u |= ~(uint64_t)0 << (8 * width);
	return (int64_t)u;
}

/* False when the value is no whole number that fits. */
static bool int_at(const struct gguf_pair *v, int64_t i, int64_t *out)
{
	const unsigned char *p = v->data;

	switch (v->kind) {
	case KIND_U8:
	case KIND_I8:
		*out = load_int(p + i, 1, v->kind == KIND_I8);
		return true;
	case KIND_U16:
	case KIND_I16:
		*out = load_int(p + 2 * i, 2, v->kind == KIND_I16);
		return true;
	case KIND_U32:
	case KIND_I32:
		*out = load_int(p + 4 * i, 4, v->kind == KIND_I32);
		return true;
	case KIND_U64:
	case KIND_I64:
		*out = load_int(p + 8 * i, 8, true);
		return v->kind == KIND_I64 || *out >= 0;
	case KIND_F32:
	case KIND_F64:
	case KIND_BOOL:
	case KIND_STRING:
	case KIND_ARRAY:
	case KIND_COUNT:
		break;
	}
	return false;
}

static bool num_at(const struct gguf_pair *v, int64_t i, double *out)
{
	int64_t whole;
	float f;

	if (v->kind == KIND_F32) {
		memcpy(&f, v->data + 4 * i, sizeof(f));
		*out = (double)f;
		return true;
	}
	if (v->kind == KIND_F64) {
		memcpy(out, v->data + 8 * i, sizeof(*out));
		return true;
	}
	if (!int_at(v, i, &whole))
		return false;
	*out = (double)whole;
	return true;
}

bool gguf_int(const struct gguf *g, const char *key, int64_t *out)
{
	const struct gguf_pair *v = find(g, key, false);

	return v && int_at(v, 0, out);
}

bool gguf_num(const struct gguf *g, const char *key, double *out)
{
	const struct gguf_pair *v = find(g, key, false);

	return v && num_at(v, 0, out);
}

bool gguf_bool(const struct gguf *g, const char *key, bool *out)
{
	const struct gguf_pair *v = find(g, key, false);

	if (!v || v->kind != KIND_BOOL)
		return false;
	*out = v->data[0] == 1;
	return true;
}

/* String i of a value of strings. */
static bool str_at(const struct gguf *g, const struct gguf_pair *v, int64_t i, const char **s,
		   size_t *n)
{
	const unsigned char *p;
	uint64_t len;

	if (v->kind != KIND_STRING)
		return false;
	p = g->file.data + v->at[i];
	memcpy(&len, p, sizeof(len));
	*s = (const char *)p + sizeof(len);
	*n = (size_t)len;
	return true;
}

bool gguf_str(const struct gguf *g, const char *key, const char **s, size_t *n)
{
	const struct gguf_pair *v = find(g, key, false);

	return v && str_at(g, v, 0, s, n);
}

int64_t gguf_array(const struct gguf *g, const char *key)
{
	const struct gguf_pair *v = find(g, key, true);

	return v ? (int64_t)v->n : -1;
}

bool gguf_array_str(const struct gguf *g, const char *key, int64_t i, const char **s, size_t *n)
{
	const struct gguf_pair *v = find_at(g, key, true, i);

	return v && str_at(g, v, i, s, n);
}

bool gguf_array_int(const struct gguf *g, const char *key, int64_t i, int64_t *out)
{
	const struct gguf_pair *v = find_at(g, key, true, i);

	return v && int_at(v, i, out);
}

bool gguf_array_num(const struct gguf *g, const char *key, int64_t i, double *out)
{
	const struct gguf_pair *v = find_at(g, key, true, i);

	return v && num_at(v, i, out);
}

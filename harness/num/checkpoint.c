/* SPDX-License-Identifier: Apache-2.0
 * Checkpoints of parameter sets.  The reader trusts nothing: sizes are bounded
 * before memory is taken, header and values carry hashes, and values are taken
 * over only when all of them have been read and found finite.
 */
#include "harness/num/params.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/hash.h"
#include "harness/base/io.h"
#include "harness/base/json.h"
#include "harness/base/mem.h"

#define MAGIC	   "MERCPAR1"
#define HEADER_MAX ((uint64_t)4 << 20)

static void put_u64(unsigned char *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (unsigned char)(v >> (8 * i));
}

static uint64_t get_u64(const unsigned char *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static bool little_endian(void)
{
	const uint16_t one = 1;

	return *(const unsigned char *)&one == 1;
}

static void header_text(const struct params *ps, const char *config, struct strbuf *out)
{
	struct json_writer w;

	json_begin(&w, out, 0);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_str(&w, "config", config);
	json_open_array(&w, "parameters");
	for (size_t i = 0; i < ps->n; i++) {
		json_open_object(&w, NULL);
		json_put_str(&w, "name", ps->p[i].name);
		json_put_int(&w, "rows", ps->p[i].rows);
		json_put_int(&w, "cols", ps->p[i].cols);
		json_close_object(&w);
	}
	json_close_array(&w);
	json_close_object(&w);
}

int params_write(const struct params *ps, const char *config, FILE *f, const char *path,
		 struct err *err)
{
	struct strbuf head = { 0 };
	unsigned char fixed[24], sum[8];
	uint64_t hash = 0;

	if (!little_endian())
		return err_set(err, ERR_INTERNAL, "%s: checkpoints need a little-endian machine",
			       path);
	header_text(ps, config, &head);
	if (head.oom) {
		strbuf_free(&head);
		return err_set(err, ERR_NOMEM, "%s: header", path);
	}
	memcpy(fixed, MAGIC, 8);
	put_u64(fixed + 8, head.len);
	put_u64(fixed + 16, hash_u64(head.s, head.len));
	if (!io_write_exact(f, fixed, sizeof(fixed), path, err))
		io_write_exact(f, head.s, head.len, path, err);
	strbuf_free(&head);
	for (size_t i = 0; i < ps->n && !err->code; i++) {
		const struct tensor *t = &ps->p[i].t;
		size_t bytes = tensor_size(t) * sizeof(float);

		hash = hash * 31 + hash_u64(t->data, bytes);
		io_write_exact(f, t->data, bytes, path, err);
	}
	put_u64(sum, hash);
	if (!err->code)
		io_write_exact(f, sum, sizeof(sum), path, err);
	return err->code;
}

static struct json *read_header(FILE *f, const char *path, struct err *err)
{
	unsigned char fixed[24];
	struct json *root = NULL;
	uint64_t len;
	char *text;

	if (io_read_exact(f, fixed, sizeof(fixed), path, err))
		return NULL;
	len = get_u64(fixed + 8);
	if (memcmp(fixed, MAGIC, 8)) {
		err_set(err, ERR_FORMAT, "%s: not a parameter file (no " MAGIC " mark)", path);
		return NULL;
	}
	if (len < 2 || len > HEADER_MAX) {
		err_set(err, ERR_FORMAT, "%s: header of %llu bytes, at most %llu are allowed", path,
			(unsigned long long)len, (unsigned long long)HEADER_MAX);
		return NULL;
	}
	if (!NEW_ARRAY(text, (size_t)len + 1)) {
		err_set(err, ERR_NOMEM, "%s: header", path);
		return NULL;
	}
	if (io_read_exact(f, text, (size_t)len, path, err))
		goto done;
	if (hash_u64(text, (size_t)len) != get_u64(fixed + 16)) {
		err_set(err, ERR_FORMAT, "%s: the header is damaged (its hash differs)", path);
		goto done;
	}
	root = json_parse(text, (size_t)len, path, err);
done:
	free(text);
	return root;
}

/* The row of the set that one entry of the header describes. */
static struct param *match(const struct params *ps, const struct json *v, const char *path,
			   struct err *err)
{
	const char *name = json_str(json_get(v, "name"), "");
	struct param *p = params_find(ps, name);
	int64_t rows = 0, cols = 0;

	if (json_int(json_get(v, "rows"), 1, INT32_MAX, "rows", &rows, err) ||
	    json_int(json_get(v, "cols"), 1, INT32_MAX, "cols", &cols, err)) {
		err_wrap(err, "%s: parameter %s", path, name);
		return NULL;
	}
	if (!p) {
		err_set(err, ERR_FORMAT, "%s: parameter %s is not part of this model", path, name);
		return NULL;
	}
	if (p->rows != rows || p->cols != cols) {
		err_set(err, ERR_FORMAT, "%s: parameter %s is %lld x %lld, this model has %d x %d",
			path, name, (long long)rows, (long long)cols, p->rows, p->cols);
		return NULL;
	}
	return p;
}

static int check_header(const struct json *root, const char *config, const char *other,
			const char *path, struct err *err)
{
	const char *have = json_str(json_get(root, "config"), "");

	if (json_num(json_get(root, "schema_version"), 0) != 1)
		return err_set(err, ERR_FORMAT, "%s: schema_version is not 1", path);
	if (strcmp(have, config) && (!other || strcmp(have, other)))
		return err_set(err, ERR_FORMAT, "%s: written with %s, this model has %s", path,
			       have, config);
	return 0;
}

/* Values of one row into the new block; every one must be finite. */
static int read_values(const struct params *ps, struct param *p, float *fresh, FILE *f,
		       uint64_t *hash, const char *path, struct err *err)
{
	float *to = fresh + (p->t.data - ps->data);
	size_t n = tensor_size(&p->t);

	if (io_read_exact(f, to, n * sizeof(*to), path, err))
		return err_wrap(err, "parameter %s", p->name);
	*hash = *hash * 31 + hash_u64(to, n * sizeof(*to));
	for (size_t i = 0; i < n; i++)
		if (!isfinite(to[i]))
			return err_set(err, ERR_FORMAT,
				       "%s: parameter %s holds a value that is "
				       "not finite",
				       path, p->name);
	return 0;
}

static int read_all(struct params *ps, const struct json *root, float *fresh, bool *seen, FILE *f,
		    const char *path, struct err *err)
{
	const struct json *list = json_get(root, "parameters");
	unsigned char sum[8];
	uint64_t hash = 0;

	for (const struct json *v = json_at(list, 0); v; v = json_next(v)) {
		struct param *p = match(ps, v, path, err);

		if (!p)
			return err->code;
		if (seen[p - ps->p])
			return err_set(err, ERR_FORMAT, "%s: parameter %s appears twice", path,
				       p->name);
		seen[p - ps->p] = true;
		if (read_values(ps, p, fresh, f, &hash, path, err))
			return err->code;
	}
	for (size_t i = 0; i < ps->n; i++)
		if (!seen[i] && !ps->p[i].optional)
			return err_set(err, ERR_FORMAT, "%s: parameter %s is missing", path,
				       ps->p[i].name);
	if (io_read_exact(f, sum, sizeof(sum), path, err))
		return err->code;
	if (get_u64(sum) != hash)
		return err_set(err, ERR_FORMAT, "%s: the values are damaged (their hash differs)",
			       path);
	return 0;
}

int params_read(struct params *ps, const char *config, const char *other, FILE *f, const char *path,
		struct err *err)
{
	struct json *root = read_header(f, path, err);
	float *fresh = NULL;
	bool *seen = NULL;

	if (!root)
		return err->code;
	if (check_header(root, config, other, path, err))
		goto done;
	if (!NEW_ARRAY(fresh, ps->size) || !NEW_ARRAY(seen, ps->n)) {
		err_set(err, ERR_NOMEM, "%s: %zu parameters", path, ps->size);
		goto done;
	}
	memcpy(fresh, ps->data, ps->size * sizeof(*fresh));
	if (!read_all(ps, root, fresh, seen, f, path, err))
		memcpy(ps->data, fresh, ps->size * sizeof(*fresh));
done:
	free(fresh);
	free(seen);
	json_free(root);
	return err->code;
}

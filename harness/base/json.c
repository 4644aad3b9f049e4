/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/base/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"

#define MAX_DEPTH  64
#define MAX_VALUES ((size_t)32 * 1000 * 1000)

/* struct json is never defined: it is cJSON's node under a name of our own. */
static const cJSON *node(const struct json *v)
{
	return (const cJSON *)(const void *)v;
}

static const struct json *wrap(const cJSON *v)
{
	return (const struct json *)(const void *)v;
}

/* cJSON recurses: bound depth and count before it sees the text. */
static int prescan(const char *s, size_t n, const char *what, struct err *err)
{
	size_t depth = 0, values = 0, bad = utf8_check(s, n);

	if (bad != n)
		return err_set(err, ERR_FORMAT, "%s: invalid UTF-8 at byte %zu", what, bad);
	if (memchr(s, 0, n))
		return err_set(err, ERR_FORMAT, "%s: NUL byte", what);
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '"') {
			for (i++; i < n && s[i] != '"'; i++) {
				if (s[i] == '\\' && n - i > 5 && !memcmp(s + i, "\\u0000", 6))
					return err_set(err, ERR_FORMAT, "%s: NUL in a text", what);
				i += s[i] == '\\';
			}
		} else if (s[i] == '{' || s[i] == '[') {
			if (++depth > MAX_DEPTH)
				return err_set(err, ERR_LIMIT, "%s: nested deeper than %d", what,
					       MAX_DEPTH);
		} else if (s[i] == '}' || s[i] == ']') {
			depth -= depth > 0;
		} else if (s[i] == ',' && ++values > MAX_VALUES) {
			return err_set(err, ERR_LIMIT, "%s: too many values", what);
		}
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int check_duplicates(const cJSON *v, const char *what, struct err *err)
{
	int n = cJSON_IsObject(v) ? cJSON_GetArraySize(v) : 0, i = 0;
	const char **key = n > 1 ? malloc((size_t)n * sizeof(*key)) : NULL;
	const cJSON *c;

	if (n > 1 && !key)
		return err_set(err, ERR_NOMEM, "%s: no memory", what);
	if (key) {
		cJSON_ArrayForEach(c, v) key[i++] = c->string;
		qsort(key, (size_t)n, sizeof(*key), by_name);
		for (i = 1; i < n; i++)
			if (!strcmp(key[i - 1], key[i]))
				err_set(err, ERR_FORMAT, "%s: key '%s' appears twice", what,
					key[i]);
		free(key);
	}
	if (!err->code && (cJSON_IsObject(v) || cJSON_IsArray(v)))
		cJSON_ArrayForEach(c, v) if (check_duplicates(c, what, err)) break;
	return err->code;
}

static void set_broken(const char *text, const char *end, const char *what, struct err *err)
{
	size_t line = 1;

	for (const char *s = text; end && s < end; s++)
		line += *s == '\n';
	err_set(err, ERR_FORMAT, "%s: not valid JSON near byte %zu (line %zu)", what,
		end ? (size_t)(end - text) : (size_t)0, line);
}

struct json *json_parse(const char *text, size_t len, const char *what, struct err *err)
{
	const char *end = NULL;
	char *copy;
	cJSON *v;

	if (prescan(text, len, what, err))
		return NULL;
	copy = malloc(len + 1);
	if (!copy) {
		err_set(err, ERR_NOMEM, "%s: no memory", what);
		return NULL;
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	v = cJSON_ParseWithLengthOpts(copy, len + 1, &end, true);
	if (!v)
		set_broken(copy, end, what, err);
	free(copy);
	if (v && check_duplicates(v, what, err)) {
		cJSON_Delete(v);
		v = NULL;
	}
	return (struct json *)(void *)v;
}

struct json *json_read_file(const char *path, size_t max, struct err *err)
{
	struct json *v;
	char *buf;
	size_t len;

	if (io_read_file(path, max, &buf, &len, err))
		return NULL;
	v = json_parse(buf, len, path, err);
	free(buf);
	return v;
}

void json_free(struct json *root)
{
	cJSON_Delete((cJSON *)(void *)root);
}

enum json_type json_type(const struct json *v)
{
	const cJSON *c = node(v);

	if (cJSON_IsBool(c))
		return JSON_BOOL;
	if (cJSON_IsNumber(c))
		return JSON_NUMBER;
	if (cJSON_IsString(c))
		return JSON_STRING;
	if (cJSON_IsArray(c))
		return JSON_ARRAY;
	return cJSON_IsObject(c) ? JSON_OBJECT : JSON_NULL;
}

const struct json *json_get(const struct json *object, const char *key)
{
	return wrap(cJSON_GetObjectItemCaseSensitive(node(object), key));
}

int json_size(const struct json *v)
{
	return cJSON_IsArray(node(v)) || cJSON_IsObject(node(v)) ? cJSON_GetArraySize(node(v)) : 0;
}

const struct json *json_at(const struct json *v, int i)
{
	return cJSON_IsArray(node(v)) || cJSON_IsObject(node(v))
		       ? wrap(cJSON_GetArrayItem(node(v), i))
		       : NULL;
}

const struct json *json_next(const struct json *v)
{
	return v ? wrap(node(v)->next) : NULL;
}

const char *json_key(const struct json *member)
{
	return member && node(member)->string ? node(member)->string : "";
}

const char *json_str(const struct json *v, const char *fallback)
{
	return cJSON_IsString(node(v)) ? node(v)->valuestring : fallback;
}

double json_num(const struct json *v, double fallback)
{
	return cJSON_IsNumber(node(v)) ? node(v)->valuedouble : fallback;
}

bool json_bool(const struct json *v, bool fallback)
{
	return cJSON_IsBool(node(v)) ? cJSON_IsTrue(node(v)) : fallback;
}

int json_int(const struct json *v, int64_t min, int64_t max, const char *what, int64_t *out,
	     struct err *err)
{
	double d = json_num(v, NAN);

	if (!(d >= (double)min && d <= (double)max) || d != floor(d))
		return err_set(err, ERR_FORMAT, "%s: a whole number from %lld to %lld is needed",
			       what, (long long)min, (long long)max);
	*out = (int64_t)d;
	return 0;
}

int json_lines(const char *path, size_t max, bool *torn,
	       int (*fn)(void *ctx, const struct json *v, long line, struct err *err), void *ctx,
	       struct err *err)
{
	char *buf, where[600];
	size_t len, pos = 0;

	*torn = false;
	if (io_read_file(path, max, &buf, &len, err))
		return err->code;
	for (long line = 1; pos < len && !err->code; line++) {
		char *nl = memchr(buf + pos, '\n', len - pos);
		size_t n = nl ? (size_t)(nl - (buf + pos)) : len - pos;
		struct json *v;

		if (!str_format(where, sizeof(where), "%s:%ld", path, line))
			where[0] = '\0';
		if (n) {
			v = json_parse(buf + pos, n, where, err);
			if (!v && !nl && err->code == ERR_FORMAT) {
				*err = (struct err){ 0 };
				*torn = true;
			} else if (v) {
				fn(ctx, v, line, err);
				json_free(v);
			}
		}
		pos += n + 1;
	}
	free(buf);
	return err->code;
}

void json_begin(struct json_writer *w, struct strbuf *out, int indent)
{
	*w = (struct json_writer){ .out = out, .indent = indent };
}

/* What a terminal would obey, outside of ASCII: its bytes, 0 for what is written as it is. */
static size_t put_command(struct strbuf *b, const char *s)
{
	size_t len;
	int32_t cp;

	if (*s != '\xc2' && *s != '\xe2')
		return 0;
	cp = utf8_decode(s, strnlen(s, 4), &len);
	if (cp < 0 || !utf8_commands(cp))
		return 0;
	strbuf_addf(b, "\\u%04x", (unsigned)cp);
	return len;
}

static void put_string(struct strbuf *b, const char *s)
{
	strbuf_addc(b, '"');
	for (size_t len = 1; *s; s += len) {
		const unsigned char c = (unsigned char)*s;

		len = put_command(b, s);
		if (len)
			continue;
		len = 1;
		if (c == '"' || c == '\\')
			strbuf_addf(b, "\\%c", c);
		else if (c == '\n')
			strbuf_add(b, "\\n");
		else if (c == '\t')
			strbuf_add(b, "\\t");
		else if (c < 0x20 || c == 0x7f)
			strbuf_addf(b, "\\u%04x", c);
		else
			strbuf_addc(b, (char)c);
	}
	strbuf_addc(b, '"');
}

static void newline(struct json_writer *w)
{
	if (!w->indent || !w->depth)
		return;
	strbuf_addc(w->out, '\n');
	for (int i = 0; i < w->depth * w->indent; i++)
		strbuf_addc(w->out, ' ');
}

static void lead(struct json_writer *w, const char *key)
{
	if (w->need_comma)
		strbuf_addc(w->out, ',');
	newline(w);
	if (key) {
		put_string(w->out, key);
		strbuf_add(w->out, w->indent ? ": " : ":");
	}
	w->need_comma = true;
}

static void open_with(struct json_writer *w, const char *key, char c)
{
	lead(w, key);
	strbuf_addc(w->out, c);
	w->depth++;
	w->need_comma = false;
}

static void close_with(struct json_writer *w, char c)
{
	bool filled = w->need_comma;

	w->depth--;
	if (filled && w->indent && !w->depth)
		strbuf_addc(w->out, '\n');
	else if (filled)
		newline(w);
	strbuf_addc(w->out, c);
	w->need_comma = true;
}

void json_open_object(struct json_writer *w, const char *key)
{
	open_with(w, key, '{');
}

void json_open_array(struct json_writer *w, const char *key)
{
	open_with(w, key, '[');
}

void json_close_object(struct json_writer *w)
{
	close_with(w, '}');
}

void json_close_array(struct json_writer *w)
{
	close_with(w, ']');
}

void json_put_str(struct json_writer *w, const char *key, const char *value)
{
	lead(w, key);
	if (value)
		put_string(w->out, value);
	else
		strbuf_add(w->out, "null");
}

void json_put_num(struct json_writer *w, const char *key, double value)
{
	lead(w, key);
	if (isfinite(value))
		strbuf_addf(w->out, "%.17g", value);
	else
		strbuf_add(w->out, "null");
}

void json_put_int(struct json_writer *w, const char *key, int64_t value)
{
	lead(w, key);
	strbuf_addf(w->out, "%lld", (long long)value);
}

void json_put_bool(struct json_writer *w, const char *key, bool value)
{
	lead(w, key);
	strbuf_add(w->out, value ? "true" : "false");
}

void json_put_null(struct json_writer *w, const char *key)
{
	json_put_str(w, key, NULL);
}

void json_put_value(struct json_writer *w, const char *key, const struct json *v)
{
	switch (json_type(v)) {
	case JSON_NULL:
		json_put_null(w, key);
		break;
	case JSON_BOOL:
		json_put_bool(w, key, json_bool(v, false));
		break;
	case JSON_NUMBER:
		json_put_num(w, key, json_num(v, 0));
		break;
	case JSON_STRING:
		json_put_str(w, key, json_str(v, ""));
		break;
	case JSON_ARRAY:
		json_open_array(w, key);
		for (const struct json *c = json_at(v, 0); c; c = json_next(c))
			json_put_value(w, NULL, c);
		json_close_array(w);
		break;
	case JSON_OBJECT:
		json_open_object(w, key);
		for (const struct json *c = json_at(v, 0); c; c = json_next(c))
			json_put_value(w, json_key(c), c);
		json_close_object(w);
		break;
	}
}

/* SPDX-License-Identifier: Apache-2.0
 * JSON.  Reading goes through cJSON behind checks that untrusted input needs
 * (size, UTF-8, depth, trailing text, duplicate keys); writing is our own, so
 * that numbers are %.17g in the C locale and keys keep the order of the calls.
 * A NUL written as an escape is refused: C would read what stands before it for the whole.
 * Texts are written as UTF-8, but what a terminal would obey (utf8_commands()) as escapes.
 * Only this module sees cJSON.
 */
#ifndef HARNESS_BASE_JSON_H
#define HARNESS_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/base/str.h"

struct json; /* one value; owned by its root */

/* Parses exactly one value.  `what` (a path, "path:line") names the source in
 * messages.  NULL with err set on failure.  Free the root with json_free(). */
struct json *json_parse(const char *text, size_t len, const char *what, struct err *err);
struct json *json_read_file(const char *path, size_t max, struct err *err);
void json_free(struct json *root);

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };
enum json_type json_type(const struct json *v);

/* Lookups accept NULL and values of another type and then give NULL / 0, so
 * that chains need one check at the end. */
const struct json *json_get(const struct json *object, const char *key);
int json_size(const struct json *array_or_object);
const struct json *json_at(const struct json *array_or_object, int i);
/* Next sibling in an array or object, NULL at the end: for (v = json_at(a, 0); v; v = json_next(v))
 */
const struct json *json_next(const struct json *v);
const char *json_key(const struct json *member);

/* Values with a default for NULL or another type. */
const char *json_str(const struct json *v, const char *fallback);
double json_num(const struct json *v, double fallback);
bool json_bool(const struct json *v, bool fallback);
/* Whole number in range, else ERR_FORMAT naming `what`. */
int json_int(const struct json *v, int64_t min, int64_t max, const char *what, int64_t *out,
	     struct err *err);

/* Calls fn for each line of a JSON Lines file (blank lines skipped; a torn last
 * line is skipped and reported through *torn, a broken line elsewhere is an error with its number).
 * fn returns 0 or an error it set. */
int json_lines(const char *path, size_t max, bool *torn,
	       int (*fn)(void *ctx, const struct json *v, long line, struct err *err), void *ctx,
	       struct err *err);

/* Writer onto a strbuf; commas and nesting are its business.  indent 0: one line. */
struct json_writer {
	struct strbuf *out;
	int indent, depth;
	bool need_comma;
};
void json_begin(struct json_writer *w, struct strbuf *out, int indent);
void json_open_object(struct json_writer *w,
		      const char *key); /* key NULL inside arrays and at the top */
void json_open_array(struct json_writer *w, const char *key);
void json_close_object(struct json_writer *w);
void json_close_array(struct json_writer *w);
void json_put_str(struct json_writer *w, const char *key, const char *value); /* NULL value: null */
void json_put_num(struct json_writer *w, const char *key, double value); /* NaN, infinity: null */
void json_put_int(struct json_writer *w, const char *key, int64_t value);
void json_put_bool(struct json_writer *w, const char *key, bool value);
void json_put_null(struct json_writer *w, const char *key);
/* Copies a parsed value. */
void json_put_value(struct json_writer *w, const char *key, const struct json *v);

#endif

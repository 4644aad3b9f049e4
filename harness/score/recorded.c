/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/score/recorded.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/str.h"
#include "harness/score/recorded_parts.h"

#define MAX_FILE ((size_t)1 << 30)

const char *const note_name[NOTE_KIND_COUNT] = {
	[NOTE_UNREADABLE] = "unreadable", [NOTE_UNMATCHED] = "unmatched",
	[NOTE_AMBIGUOUS] = "ambiguous",	  [NOTE_OUTSIDE] = "outside",
	[NOTE_REPEATED] = "repeated",	  [NOTE_GOLD] = "gold-differs",
	[NOTE_TEXT] = "text-differs",	  [NOTE_LABEL] = "label-differs",
	[NOTE_MISSING] = "missing",	  [NOTE_ONE_SIDED] = "one-sided",
};

int note_add(struct notes *n, struct err *err, enum note_kind kind, long line, const char *fmt, ...)
{
	char text[600];
	va_list ap;
	char *copy;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* a character that did not fit whole is left out */
	text[utf8_check(text, strlen(text))] = '\0';
	copy = arena_strdup(&n->mem, text);
	if (!copy || !GROW_ARRAY(n->note, n->cap, n->n + 1))
		return err_set(err, ERR_NOMEM, "notes: no memory");
	n->note[n->n++] = (struct note){ kind, line, copy };
	n->count[kind]++;
	return 0;
}

void notes_free(struct notes *n)
{
	free(n->note);
	arena_free(&n->mem);
	*n = (struct notes){ 0 };
}

long text_lines(const char *s, size_t n)
{
	long lines = 0;

	for (size_t i = 0; i < n; i++)
		lines += s[i] == '\n';
	return lines;
}

/* "reply=NAME,…" into in->column. */
static int parse_columns(struct reading *in, const char *columns)
{
	char *copy = arena_strdup(&in->r->mem, columns), *save = NULL;

	if (!copy)
		return err_set(in->err, ERR_NOMEM, "--columns: no memory");
	for (char *s = strtok_r(copy, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
		char *eq = strchr(s, '=');
		int f = 0;

		if (eq)
			*eq = '\0';
		while (f < FIELD_COUNT && strcmp(recorded_field_name[f], s) != 0)
			f++;
		if (!eq || f == FIELD_COUNT) {
			struct strbuf all = { 0 };

			for (f = 0; f < FIELD_COUNT; f++)
				strbuf_addf(&all, " %s", recorded_field_name[f]);
			err_set(in->err, ERR_ARG,
				"--columns: '%s' is not MEANING=NAME with a meaning of:%s", s,
				strbuf_str(&all));
			strbuf_free(&all);
			return in->err->code;
		}
		in->column[f] = eq + 1;
	}
	return 0;
}

/* A tab, and no comma, in the first line makes it a TSV. */
static const char *guess_table(const char *text)
{
	const size_t n = strcspn(text, "\r\n");

	return memchr(text, '\t', n) && !memchr(text, ',', n) ? "tsv" : "csv";
}

/* A '{' starts JSON Lines, or a result text when a line that starts a list follows. */
static const char *guess(const char *text)
{
	const char *s = text + strspn(text, " \t\r\n"), *next;

	if (*s == '[')
		return "array";
	if (*s != '{')
		return guess_table(s);
	for (next = strchr(s, '\n'); next; next = strchr(next, '\n')) {
		next += strspn(next, " \t\r\n");
		if (*next == '[')
			return "results";
		if (*next == '{')
			break;
	}
	return "lines";
}

/* Byte order marks belong to no field. */
static const char *behind_mark(const char *text, size_t *len)
{
	const size_t n = str_starts(text, "\xef\xbb\xbf") ? 3 : 0;

	*len -= n;
	return text + n;
}

static int read_as(struct reading *in, const char *format, const char *text, size_t len)
{
	struct recorded *r = in->r;

	text = behind_mark(text, &len);
	if (strlen(text) != len)
		return err_set(in->err, ERR_FORMAT, "%s:%ld: NUL byte: not a text file", r->path,
			       1 + text_lines(text, strlen(text)));
	r->format = strcmp(format, "auto") != 0 ? format : guess(text);
	if (!strcmp(r->format, "lines"))
		return read_lines(in, text, len);
	if (!strcmp(r->format, "results"))
		return read_results(in, text, len);
	if (!strcmp(r->format, "array")) {
		if (text[strspn(text, " \t\r\n")] != '[')
			return err_set(in->err, ERR_FORMAT, "%s: does not start with a list",
				       r->path);
		return read_array(in, text, len, 1);
	}
	return read_table(in, !strcmp(r->format, "tsv") ? '\t' : ',');
}

int recorded_read(struct recorded *r, const char *path, const char *format, const char *columns,
		  struct notes *notes, struct err *err)
{
	struct reading in = { .r = r, .notes = notes, .err = err };
	char *inside = io_is_dir(path) ? path_join(path, "predictions.jsonl") : str_dup(path);
	char *text = NULL;
	size_t len;

	*r = (struct recorded){ .score = { .accuracy = NAN, .weighted_f1 = NAN } };
	r->path = inside ? arena_strdup(&r->mem, inside) : NULL;
	free(inside);
	if (!r->path)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	if ((columns && parse_columns(&in, columns)) ||
	    io_read_file(r->path, MAX_FILE, &text, &len, err))
		return err->code;
	read_as(&in, format, text, len);
	free(text);
	if (!err->code && !r->n)
		err_set(err, ERR_DATA, "%s: no answer that can be read%s%s", r->path,
			notes->n ? "; the first fault: " : "", notes->n ? notes->note[0].text : "");
	return err->code;
}

void recorded_free(struct recorded *r)
{
	free(r->row);
	arena_free(&r->mem);
	*r = (struct recorded){ 0 };
}

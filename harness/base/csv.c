/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/base/csv.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"

/* State of one parse: fields of the current row collect in `cell`. */
struct reader {
	struct csv_table *t;
	struct err *err;
	char **cell;
	size_t n_cell, cap_cell, cap_row;
	long line, row_line; /* current line; where the current row began */
};

static void on_field(void *data, size_t len, void *user)
{
	struct reader *r = user;
	char *copy;

	if (r->err->code)
		return;
	copy = arena_strndup(&r->t->mem, data ? data : "", len);
	if (!copy || !GROW_ARRAY(r->cell, r->cap_cell, r->n_cell + 1)) {
		err_set(r->err, ERR_NOMEM, "%s:%ld: no memory", r->t->path, r->row_line);
		return;
	}
	r->cell[r->n_cell++] = copy;
}

static int keep_row(struct reader *r)
{
	struct csv_table *t = r->t;
	char **fields = arena_array(&t->mem, r->n_cell, sizeof(*fields));

	if (!fields)
		return err_set(r->err, ERR_NOMEM, "%s:%ld: no memory", t->path, r->row_line);
	memcpy(fields, r->cell, r->n_cell * sizeof(*fields));
	if (!t->header) {
		t->header = fields;
		t->n_cols = (int)r->n_cell;
		return 0;
	}
	if ((int)r->n_cell != t->n_cols)
		return err_set(
			r->err, ERR_FORMAT,
			"%s:%ld: %zu fields where the header has %d (truncated or broken row)",
			t->path, r->row_line, r->n_cell, t->n_cols);
	if (!GROW_ARRAY(t->row, r->cap_row, t->n_rows + 1))
		return err_set(r->err, ERR_NOMEM, "%s:%ld: no memory", t->path, r->row_line);
	t->row[t->n_rows++] = (struct csv_row){ fields, r->row_line };
	return 0;
}

static void on_row(int c, void *user)
{
	struct reader *r = user;

	(void)c;
	if (!r->err->code && r->n_cell)
		keep_row(r);
	r->n_cell = 0;
}

static int check_bytes(const char *buf, size_t len, const char *path, struct err *err)
{
	size_t bad = utf8_check(buf, len);
	const char *nul = memchr(buf, 0, len);
	long line = 1;

	if (nul && (size_t)(nul - buf) < bad)
		bad = (size_t)(nul - buf);
	if (bad == len)
		return 0;
	for (size_t i = 0; i < bad; i++)
		line += buf[i] == '\n';
	return err_set(
		err, ERR_FORMAT,
		"%s:%ld: byte 0x%02x is not UTF-8 text; convert the file (for example: iconv "
		"-f cp1252 -t utf-8)",
		path, line, (unsigned char)buf[bad]);
}

/* Feeds line by line so that every row knows the line it started on. */
static void feed(struct reader *r, struct csv_parser *p, const char *buf, size_t len)
{
	for (size_t i = 0; i < len && !r->err->code;) {
		const char *nl = memchr(buf + i, '\n', len - i);
		size_t n = nl ? (size_t)(nl - (buf + i)) + 1 : len - i;
		size_t before = r->n_cell;

		r->line++;
		if (!before && !p->entry_pos && !p->quoted)
			r->row_line = r->line;
		if (csv_parse(p, buf + i, n, on_field, on_row, r) != n)
			err_set(r->err, ERR_FORMAT, "%s:%ld: %s", r->t->path, r->line,
				csv_strerror(csv_error(p)));
		i += n;
	}
}

int csv_table_read(struct csv_table *t, const char *path, char delim, size_t max, struct err *err)
{
	struct reader r = { .t = t, .err = err, .row_line = 1 };
	struct csv_parser p;
	char *buf;
	size_t len;

	*t = (struct csv_table){ 0 };
	if (io_read_file(path, max, &buf, &len, err))
		return err->code;
	t->path = arena_strdup(&t->mem, path);
	if (!t->path || csv_init(&p, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL)) {
		free(buf);
		csv_table_free(t);
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	}
	csv_set_delim(&p, (unsigned char)delim);
	if (!check_bytes(buf, len, path, err)) {
		feed(&r, &p, buf, len);
		if (!err->code && csv_fini(&p, on_field, on_row, &r))
			err_set(err, ERR_FORMAT,
				"%s:%ld: quoted field is not closed before the file ends; the file "
				"is cut short",
				path, r.row_line);
	}
	if (!err->code && !t->header)
		err_set(err, ERR_FORMAT, "%s: empty file, a header line is needed", path);
	csv_free(&p);
	free(r.cell);
	free(buf);
	if (err->code)
		csv_table_free(t);
	return err->code;
}

void csv_table_free(struct csv_table *t)
{
	free(t->row);
	arena_free(&t->mem);
	*t = (struct csv_table){ 0 };
}

int csv_column(const struct csv_table *t, const char *name)
{
	for (int i = 0; i < t->n_cols; i++)
		if (!strcmp(t->header[i], name))
			return i;
	return -1;
}

int csv_need_column(const struct csv_table *t, const char *name, int *col, struct err *err)
{
	struct strbuf have = { 0 };

	*col = csv_column(t, name);
	if (*col >= 0)
		return 0;
	for (int i = 0; i < t->n_cols; i++)
		strbuf_addf(&have, "%s%s", i ? ", " : "", t->header[i]);
	err_set(err, ERR_FORMAT, "%s:1: column '%s' is missing (there are: %s)", t->path, name,
		strbuf_str(&have));
	strbuf_free(&have);
	return err->code;
}

void csv_add_field(struct strbuf *b, const char *field)
{
	if (!strpbrk(field, ",\"\r\n")) {
		strbuf_add(b, field);
		return;
	}
	strbuf_addc(b, '"');
	for (const char *s = field; *s; s++) {
		if (*s == '"')
			strbuf_addc(b, '"');
		strbuf_addc(b, *s);
	}
	strbuf_addc(b, '"');
}

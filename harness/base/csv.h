/* SPDX-License-Identifier: Apache-2.0
 * CSV tables (RFC 4180 through libcsv): header by name, line numbers kept,
 * column count and UTF-8 checked.  delim ',' or '\t'.
 */
#ifndef HARNESS_BASE_CSV_H
#define HARNESS_BASE_CSV_H

#include <stddef.h>

#include "harness/base/err.h"
#include "harness/base/mem.h"
#include "harness/base/str.h"

struct csv_row {
	char **field; /* table->n_cols fields, NUL-terminated */
	long line;    /* line of the file on which the row starts, from 1 */
};

struct csv_table {
	char *path;
	char **header;
	int n_cols;
	struct csv_row *row;
	size_t n_rows;
	struct arena mem; /* owns everything above */
};

/* Reads a whole table.  Refuses: a missing file or a folder, more than max
 * bytes, a row whose field count differs from the header's, an unterminated
 * quote at the end (a truncated file), NUL bytes, invalid UTF-8; each with file
 * and line.  Destroy with csv_table_free(), which accepts the zeroed struct. */
int csv_table_read(struct csv_table *t, const char *path, char delim, size_t max, struct err *err);
void csv_table_free(struct csv_table *t);

/* Column number by exact header name, or -1. */
int csv_column(const struct csv_table *t, const char *name);
/* The same, but a missing column is ERR_FORMAT with the names that are there. */
int csv_need_column(const struct csv_table *t, const char *name, int *col, struct err *err);

/* Appends one field, quoted when it must be. */
void csv_add_field(struct strbuf *b, const char *field);

#endif

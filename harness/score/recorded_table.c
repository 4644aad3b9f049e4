/* SPDX-License-Identifier: Apache-2.0
 * Recorded predictions as a table with named columns.
 */
#include "harness/score/recorded_parts.h"

#include <stdlib.h>

#include "harness/base/csv.h"
#include "harness/base/str.h"

#define MAX_FILE ((size_t)1 << 30)

static int add_row(struct reading *in, const struct csv_table *t, const struct csv_row *from,
		   const enum recorded_field *field)
{
	struct recorded_row row = { .line = from->line };

	for (int i = 0; i < t->n_cols; i++) {
		const bool says = field[i] == FIELD_REPLY || from->field[i][0];

		/* an empty cell says nothing, but for the answer: there it is an empty answer */
		if (field[i] == FIELD_COUNT || !says)
			continue;
		row.field[field[i]] = arena_strdup(&in->r->mem, from->field[i]);
		if (!row.field[field[i]])
			return err_set(in->err, ERR_NOMEM, "%s:%ld: no memory", t->path,
				       from->line);
	}
	return recorded_add(in, &row);
}

/* The header as it is meant: no byte order mark, every column that was named is there. */
static int check_header(struct reading *in, struct csv_table *t)
{
	int at;

	if (str_starts(t->header[0], "\xef\xbb\xbf"))
		t->header[0] += 3;
	for (int f = 0; f < FIELD_COUNT; f++)
		if (in->column[f] && csv_need_column(t, in->column[f], &at, in->err))
			return in->err->code;
	return 0;
}

int read_table(struct reading *in, char delim)
{
	struct csv_table t;
	enum recorded_field *field = NULL;

	if (csv_table_read(&t, in->r->path, delim, MAX_FILE, in->err))
		return in->err->code;
	if (check_header(in, &t)) {
		csv_table_free(&t);
		return in->err->code;
	}
	if (!NEW_ARRAY(field, (size_t)t.n_cols))
		err_set(in->err, ERR_NOMEM, "%s: no memory", t.path);
	else if (fields_resolve(in, (const char *const *)t.header, t.n_cols, field, in->err))
		err_wrap(in->err, "%s:1", t.path);
	for (size_t i = 0; i < t.n_rows && !in->err->code; i++)
		add_row(in, &t, &t.row[i], field);
	free(field);
	csv_table_free(&t);
	return in->err->code;
}

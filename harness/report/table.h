/* SPDX-License-Identifier: Apache-2.0
 * One table, five forms: plain text, markdown, LaTeX and HTML for people (rounded), CSV for
 * programs (every digit).
 */
#ifndef HARNESS_REPORT_TABLE_H
#define HARNESS_REPORT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/err.h"
#include "harness/base/mem.h"
#include "harness/base/str.h"

enum column_kind {
	COLUMN_TEXT,   /* in every form */
	COLUMN_NUMBER, /* in every form; CSV has the value, others the text */
	COLUMN_SHOWN,  /* not in CSV: several values in one cell, such as mean and spread */
	COLUMN_WORDS,  /* the same, of texts */
	COLUMN_CSV,    /* number, only in CSV */
	COLUMN_KEY,    /* text, only in CSV: what headings say elsewhere */
};

struct table_cell {
	const char *text;
	double value; /* sorts the column and goes to CSV; NaN: none */
};

#define TABLE_COLUMNS_MAX 32

struct table {
	struct {
		const char *head, *csv;
		enum column_kind kind;
	} column[TABLE_COLUMNS_MAX];
	int n_columns;
	struct table_cell *cell; /* filled row by row */
	size_t n_cells, cap;
	bool words;	  /* of sentences: in HTML cells break anywhere, on phones rows are cards */
	struct arena mem; /* texts of the cells */
	bool oom;	  /* a cell is missing: the writers refuse */
};

/* The zeroed struct is an empty table.  head must outlive it; csv: the name in
 * CSV, where numbers are plain fractions, or NULL for the same. */
void table_column(struct table *t, enum column_kind kind, const char *head, const char *csv);
/* Appends the next cell, of every kind of column in turn. */
void table_cell(struct table *t, double value, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A text cell, copied. */
void table_text(struct table *t, const char *text);
/* A text cell with a value to sort by (NaN: none). */
void table_valued(struct table *t, double value, const char *text);
/* A number shown as value * scale with so many decimals; an empty cell for NaN. */
void table_number(struct table *t, double value, double scale, int decimals);
int table_rows(const struct table *t);
void table_free(struct table *t);

void table_markdown(const struct table *t, struct strbuf *out);
/* Columns aligned by blanks, as many wide as their code points. */
void table_plain(const struct table *t, struct strbuf *out);
void table_csv(const struct table *t, struct strbuf *out);
/* <table> with data-v on cells that sort by value; unless it is of sentences, less columns that are
 * empty. */
void table_html(const struct table *t, struct strbuf *out);

/* Tabulars under a bold title, in parts that fit a page: no float, no package, for a text
 * 17 cm wide. */
void table_latex(const struct table *t, const char *title, struct strbuf *out);

/* Does column c stand in the forms for people; is it set as numbers are? */
bool table_shows(const struct table *t, int c);
bool table_counts(const struct table *t, int c);
const struct table_cell *table_at(const struct table *t, int row, int c);

/* UTF-8 as LaTeX that compiles without packages; signs that LaTeX cannot set become their code
 * points (U+4E2D). */
void latex_escape(struct strbuf *out, const char *text);
/* Text as HTML content or attribute value. */
void html_escape(struct strbuf *out, const char *text);

#endif

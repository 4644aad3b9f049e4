/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/table.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/csv.h"

#define LONG_CELL 20 /* longer texts may be broken into lines */

void table_column(struct table *t, enum column_kind kind, const char *head, const char *csv)
{
	assert(t->n_columns < TABLE_COLUMNS_MAX && !t->n_cells);
	t->column[t->n_columns].head = head;
	t->column[t->n_columns].csv = csv ? csv : head;
	t->column[t->n_columns++].kind = kind;
}

static void add_cell(struct table *t, double value, const char *text)
{
	char *own = arena_strdup(&t->mem, text);

	if (t->oom || !own || !GROW_ARRAY(t->cell, t->cap, t->n_cells + 1)) {
		t->oom = true;
		return;
	}
	/* names and utterances come from files; tables go to terminals too */
	utf8_tame(own);
	t->cell[t->n_cells++] = (struct table_cell){ own, value };
}

void table_cell(struct table *t, double value, const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	add_cell(t, value, text);
}

void table_valued(struct table *t, double value, const char *text)
{
	add_cell(t, value, text);
}

void table_text(struct table *t, const char *text)
{
	add_cell(t, NAN, text);
}

void table_number(struct table *t, double value, double scale, int decimals)
{
	if (isfinite(value))
		table_cell(t, value, "%.*f", decimals, value * scale);
	else
		add_cell(t, NAN, "");
}

int table_rows(const struct table *t)
{
	return t->n_columns ? (int)(t->n_cells / (size_t)t->n_columns) : 0;
}

void table_free(struct table *t)
{
	free(t->cell);
	arena_free(&t->mem);
	*t = (struct table){ 0 };
}

bool table_shows(const struct table *t, int c)
{
	return t->column[c].kind != COLUMN_CSV && t->column[c].kind != COLUMN_KEY;
}

bool table_counts(const struct table *t, int c)
{
	return t->column[c].kind == COLUMN_NUMBER || t->column[c].kind == COLUMN_SHOWN;
}

static bool in_csv(const struct table *t, int c)
{
	return t->column[c].kind != COLUMN_SHOWN && t->column[c].kind != COLUMN_WORDS;
}

const struct table_cell *table_at(const struct table *t, int row, int c)
{
	return &t->cell[(size_t)row * (size_t)t->n_columns + (size_t)c];
}

/* Nothing ends the cell, begins a tag, a link or code. */
static void markdown_text(struct strbuf *out, const char *s)
{
	for (char before = 0; *s; before = *s++) {
		if (strchr("|\\<`", *s) || (before == ']' && *s == '('))
			strbuf_addc(out, '\\');
		strbuf_addc(out, *s);
	}
}

void table_markdown(const struct table *t, struct strbuf *out)
{
	out->oom |= t->oom;
	for (int c = 0; c < t->n_columns; c++) {
		if (!table_shows(t, c))
			continue;
		strbuf_add(out, "| ");
		markdown_text(out, t->column[c].head);
		strbuf_addc(out, ' ');
	}
	strbuf_add(out, "|\n");
	for (int c = 0; c < t->n_columns; c++)
		if (table_shows(t, c))
			strbuf_add(out, table_counts(t, c) ? "|---:" : "|---");
	strbuf_add(out, "|\n");
	for (int r = 0; r < table_rows(t); r++) {
		for (int c = 0; c < t->n_columns; c++) {
			if (!table_shows(t, c))
				continue;
			strbuf_add(out, "| ");
			markdown_text(out, table_at(t, r, c)->text);
			strbuf_addc(out, ' ');
		}
		strbuf_add(out, "|\n");
	}
}

/* Code points, which is how wide the texts of our tables are. */
static int width_of(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void plain_cell(struct strbuf *out, const char *s, int width, bool right, bool last)
{
	const int gap = width - width_of(s);

	if (right)
		strbuf_addf(out, "%*s", gap, "");
	strbuf_add(out, s);
	if (!last)
		strbuf_addf(out, "%*s", right ? 2 : gap + 2, "");
}

void table_plain(const struct table *t, struct strbuf *out)
{
	int width[TABLE_COLUMNS_MAX] = { 0 }, last = 0;

	out->oom |= t->oom;
	for (int c = 0; c < t->n_columns; c++) {
		width[c] = width_of(t->column[c].head);
		for (int r = 0; r < table_rows(t); r++) {
			int w = width_of(table_at(t, r, c)->text);

			width[c] = w > width[c] ? w : width[c];
		}
		last = table_shows(t, c) ? c : last;
	}
	for (int r = -1; r < table_rows(t); r++) {
		for (int c = 0; c < t->n_columns; c++)
			if (table_shows(t, c))
				plain_cell(out, r < 0 ? t->column[c].head : table_at(t, r, c)->text,
					   width[c], table_counts(t, c), c == last);
		while (out->len && out->s[out->len - 1] == ' ')
			out->s[--out->len] = '\0';
		strbuf_addc(out, '\n');
	}
}

void table_csv(const struct table *t, struct strbuf *out)
{
	const char *sep = "";

	out->oom |= t->oom;
	for (int c = 0; c < t->n_columns; c++) {
		if (!in_csv(t, c))
			continue;
		strbuf_add(out, sep);
		csv_add_field(out, t->column[c].csv);
		sep = ",";
	}
	for (int r = 0; r < table_rows(t); r++) {
		sep = "\n";
		for (int c = 0; c < t->n_columns; c++) {
			const struct table_cell *x = table_at(t, r, c);
			enum column_kind kind = t->column[c].kind;

			if (!in_csv(t, c))
				continue;
			strbuf_add(out, sep);
			sep = ",";
			if (kind == COLUMN_TEXT || kind == COLUMN_KEY)
				csv_add_field(out, x->text);
			else if (isfinite(x->value))
				strbuf_addf(out, "%.17g", x->value);
		}
	}
	strbuf_addc(out, '\n');
}

void html_escape(struct strbuf *out, const char *s)
{
	size_t len;

	for (size_t n = strlen(s); n; s += len, n -= len) {
		const int32_t cp = utf8_decode(s, n, &len);

		if (cp < 0)
			len = 1;
		if (*s == '&')
			strbuf_add(out, "&amp;");
		else if (*s == '<')
			strbuf_add(out, "&lt;");
		else if (*s == '>')
			strbuf_add(out, "&gt;");
		else if (*s == '"')
			strbuf_add(out, "&quot;");
		else if (*s == '\'')
			strbuf_add(out, "&#39;");
		else if (cp < 0 || (utf8_commands(cp) && cp != '\n' && cp != '\t'))
			strbuf_addc(out, '?');
		else
			strbuf_addn(out, s, len);
	}
}

/* A column without a number or word is none on a page, but in a table of sentences says that there
 * is nothing. */
static bool html_shows(const struct table *t, int c)
{
	bool any = t->words || !table_rows(t);

	for (int r = 0; r < table_rows(t) && !any; r++)
		any = *table_at(t, r, c)->text != '\0';
	return any && table_shows(t, c);
}

static void html_cell(const struct table *t, int row, int c, struct strbuf *out)
{
	const struct table_cell *x = table_at(t, row, c);

	strbuf_add(out, "<td");
	if (table_counts(t, c))
		strbuf_add(out, " class=\"num\"");
	else if (strlen(x->text) > LONG_CELL)
		strbuf_add(out, " class=\"long\"");
	if (isfinite(x->value))
		strbuf_addf(out, " data-v=\"%.9g\"", x->value);
	if (t->words) {
		strbuf_add(out, " data-h=\"");
		html_escape(out, t->column[c].head);
		strbuf_addc(out, '"');
	}
	strbuf_addc(out, '>');
	html_escape(out, x->text);
	strbuf_add(out, "</td>");
}

void table_html(const struct table *t, struct strbuf *out)
{
	bool shows[TABLE_COLUMNS_MAX] = { false };

	out->oom |= t->oom;
	strbuf_addf(out, "<div class=\"scroll\"><table%s>\n<thead><tr>",
		    t->words ? " class=\"words\"" : "");
	for (int c = 0; c < t->n_columns; c++) {
		shows[c] = html_shows(t, c);
		if (!shows[c])
			continue;
		strbuf_add(out, table_counts(t, c) ? "<th class=\"num\">" : "<th>");
		html_escape(out, t->column[c].head);
		strbuf_add(out, "</th>");
	}
	strbuf_add(out, "</tr></thead>\n<tbody>\n");
	for (int r = 0; r < table_rows(t); r++) {
		strbuf_add(out, "<tr>");
		for (int c = 0; c < t->n_columns; c++)
			if (shows[c])
				html_cell(t, r, c, out);
		strbuf_add(out, "</tr>\n");
	}
	strbuf_add(out, "</tbody></table></div>\n");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/table.h"

#include <math.h>
#include <string.h>

#define TEXT_CM	      16.8 /* A4 with margins of 2 cm, and a little to spare */
#define CHAR_CM	      .135 /* a letter of \scriptsize, about */
#define GAP_CHARS     1.4  /* between columns */
#define NARROW_CHARS  10   /* columns of shorter texts keep their width */
#define WIDE_CHARS    60   /* nor does a longer text ask for more */
#define LINES_OF_PART 60   /* tabular does not break across pages */

/* What bare LaTeX needs spelled out. */
static const struct {
	const char *from, *to;
} spelled[] = {
	{ "\\", "\\textbackslash{}" },
	{ "{", "\\{" },
	{ "}", "\\}" },
	{ "$", "\\$" },
	{ "&", "\\&" },
	{ "#", "\\#" },
	{ "_", "\\_" },
	{ "%", "\\%" },
	{ "~", "\\textasciitilde{}" },
	{ "^", "\\textasciicircum{}" },
	{ "<", "$<$" },
	{ ">", "$>$" },
	{ "|", "$|$" },
	{ "\"", "{''}" },
	{ "[", "{[}" }, /* an option of the line before, as is the star */
	{ "*", "{*}" },
	{ "'", "{'}" }, /* two of these three are another sign */
	{ "`", "{`}" },
	{ "\xc2\xa0", "~" },
	{ "\xc2\xb0", "$^\\circ$" },
	{ "\xc2\xb1", "$\\pm$" },
	{ "\xc2\xb2", "$^2$" },
	{ "\xc2\xb5", "$\\mu$" },
	{ "\xc2\xb7", "$\\cdot$" },
	{ "\xc3\x97", "$\\times$" },
	{ "\xe2\x80\x93", "--" },
	{ "\xe2\x80\x94", "---" },
	{ "\xe2\x80\x98", "`" },
	{ "\xe2\x80\x99", "'" },
	{ "\xe2\x80\x9c", "``" },
	{ "\xe2\x80\x9d", "''" },
	{ "\xe2\x80\xa6", "\\ldots{}" },
	{ "\xe2\x86\x92", "$\\to$" },
	{ "\xe2\x88\x92", "$-$" },
	{ "\xe2\x89\xa4", "$\\le$" },
	{ "\xe2\x89\xa5", "$\\ge$" },
};

/* Latin letters that every encoding of LaTeX can set. */
static bool plain_letter(int32_t cp)
{
	static const int32_t other[] = { 0xd0, 0xd7, 0xde, 0xf0, 0xf7, 0xfe };

	if (cp < 0xc0 || cp > 0xff)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(other); i++)
		if (cp == other[i])
			return false;
	return true;
}

/* Bytes of s that stand in the list; 0: none. */
static size_t add_spelled(struct strbuf *out, const char *s)
{
	for (size_t i = 0; i < ARRAY_LEN(spelled); i++)
		if (str_starts(s, spelled[i].from)) {
			strbuf_add(out, spelled[i].to);
			return strlen(spelled[i].from);
		}
	return 0;
}

void latex_escape(struct strbuf *out, const char *s)
{
	for (size_t left = strlen(s), len; left; s += len, left -= len) {
		int32_t cp;

		len = 1;
		if ((unsigned char)*s < 0x20 || *s == 0x7f) {
			strbuf_addc(out, ' ');
			continue;
		}
		if (*s == '-' && s[1] == '-') {
			strbuf_add(out, "-{}"); /* two would be a dash */
			continue;
		}
		len = add_spelled(out, s);
		if (len)
			continue;
		cp = utf8_decode(s, left, &len);
		if (cp >= 0 && (cp < 0x80 || plain_letter(cp))) {
			strbuf_addn(out, s, len);
			continue;
		}
		len = cp < 0 ? 1 : len;
		strbuf_addf(out, "\\texttt{U+%04X}", cp < 0 ? 0xfffdu : (unsigned)cp);
	}
}

static int letters(const char *s)
{
	int n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* Letters of the longest word, where a line can break behind any of `breaks`. */
static int longest_word(const char *s, const char *breaks)
{
	int longest = 0, n = 0;

	for (; *s; s++) {
		n += ((unsigned char)*s & 0xc0) != 0x80;
		longest = n > longest && *s != ' ' ? n : longest;
		n = strchr(breaks, *s) ? 0 : n;
	}
	return longest;
}

/* Widths in letters; p[c]: a paragraph of that width instead of the natural one. */
struct layout {
	double chars[TABLE_COLUMNS_MAX], least[TABLE_COLUMNS_MAX];
	bool p[TABLE_COLUMNS_MAX];
};

static void natural_widths(const struct table *t, struct layout *l)
{
	for (int c = 0; c < t->n_columns; c++) {
		int most = longest_word(t->column[c].head, " "), least = most;

		for (int r = 0; r < table_rows(t); r++) {
			const char *text = table_at(t, r, c)->text;
			int n = letters(text), word = longest_word(text, " -");

			most = n > most ? n : most;
			least = word > least ? word : least;
		}
		l->chars[c] = most;
		l->least[c] = fmin(least, WIDE_CHARS / 2.0);
		l->p[c] = false;
	}
}

/* What a paragraph asks for beyond its longest word. */
static double wish_of(const struct layout *l, int c)
{
	return fmin(l->chars[c], WIDE_CHARS) - l->least[c];
}

/* Texts share what numbers and the longest words leave of the width of a page. */
static void lay_out(const struct table *t, struct layout *l)
{
	double room = TEXT_CM / CHAR_CM, wish = 1e-9, whole = 0;

	natural_widths(t, l);
	for (int c = 0; c < t->n_columns; c++) {
		if (!table_shows(t, c))
			continue;
		l->p[c] = !table_counts(t, c) && l->chars[c] > NARROW_CHARS;
		whole += l->chars[c] + GAP_CHARS;
		room -= GAP_CHARS + (l->p[c] ? l->least[c] : l->chars[c]);
		wish += l->p[c] ? wish_of(l, c) : 0;
	}
	for (int c = 0; c < t->n_columns; c++) {
		l->p[c] &= whole > TEXT_CM / CHAR_CM;
		if (l->p[c])
			l->chars[c] = l->least[c] + fmax(room, 0) * wish_of(l, c) / wish;
	}
}

static int lines_of_row(const struct table *t, const struct layout *l, int row)
{
	int most = 1;

	for (int c = 0; c < t->n_columns; c++) {
		int n = 1;

		if (l->p[c])
			n = (int)ceil(letters(table_at(t, row, c)->text) / (.85 * l->chars[c]));
		most = n > most ? n : most;
	}
	return most;
}

static void put_columns(const struct table *t, const struct layout *l, struct strbuf *out)
{
	strbuf_add(out, "\\begin{tabular}{");
	for (int c = 0; c < t->n_columns; c++) {
		if (!table_shows(t, c))
			continue;
		if (l->p[c])
			strbuf_addf(out, "p{%.2fcm}", l->chars[c] * CHAR_CM);
		else
			strbuf_addc(out, table_counts(t, c) ? 'r' : 'l');
	}
	strbuf_add(out, "}\n\\hline\n");
}

/* A word a line where the column is narrower than its head. */
static void put_head(const struct table *t, const struct layout *l, struct strbuf *out)
{
	const char *sep = "";

	for (int c = 0; c < t->n_columns; c++) {
		const char *head = t->column[c].head;

		if (!table_shows(t, c))
			continue;
		strbuf_add(out, sep);
		sep = " & ";
		if (l->p[c] || letters(head) <= l->chars[c]) {
			latex_escape(out, head);
			continue;
		}
		strbuf_addf(out, "\\shortstack[%c]{\\strut ", table_counts(t, c) ? 'r' : 'l');
		for (size_t n; *head; head += n + (head[n] == ' ')) {
			char word[64] = "";

			n = strcspn(head, " ");
			if (str_format(word, sizeof(word), "%.*s", (int)n, head))
				latex_escape(out, word);
			strbuf_add(out, head[n] ? "\\\\" : "}");
		}
	}
	strbuf_add(out, " \\\\\n\\hline\n");
}

static void put_row(const struct table *t, const struct layout *l, int row, struct strbuf *out)
{
	const char *sep = "";

	for (int c = 0; c < t->n_columns; c++) {
		const char *text = table_at(t, row, c)->text;

		if (!table_shows(t, c))
			continue;
		strbuf_add(out, sep);
		sep = " & ";
		strbuf_add(out, l->p[c] ? "\\raggedright " : "");
		if (table_counts(t, c) && *text == '-') {
			strbuf_add(out, "$-$");
			text++;
		}
		latex_escape(out, text);
	}
	strbuf_add(out, " \\tabularnewline\n");
}

void table_latex(const struct table *t, const char *title, struct strbuf *out)
{
	struct layout l;
	int row = 0;

	out->oom |= t->oom;
	lay_out(t, &l);
	strbuf_add(out, "\\par\\noindent\\textbf{");
	latex_escape(out, title);
	strbuf_add(out, "}\\par\\medskip\n{\\scriptsize\\setlength{\\tabcolsep}{2.5pt}"
			"\\renewcommand{\\arraystretch}{1.15}\n");
	do {
		int lines = 0;

		strbuf_add(out, "\\noindent");
		put_columns(t, &l, out);
		put_head(t, &l, out);
		for (; row < table_rows(t) && lines < LINES_OF_PART; row++) {
			lines += lines_of_row(t, &l, row);
			put_row(t, &l, row, out);
		}
		strbuf_add(out, "\\hline\n\\end{tabular}\\par\\medskip\n");
	} while (row < table_rows(t));
	strbuf_add(out, "}\n");
}

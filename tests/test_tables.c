/* SPDX-License-Identifier: Apache-2.0
 * One table in its four forms, whatever stands in the cells.
 */
#include "tests/test.h"

#include "harness/report/table.h"

static void test_table_forms(void **state)
{
	struct table t = { 0 };
	struct strbuf out = { 0 };

	(void)state;
	table_column(&t, COLUMN_KEY, "key", NULL);
	table_column(&t, COLUMN_TEXT, "a|b", NULL);
	table_column(&t, COLUMN_NUMBER, "share, %", "share");
	table_column(&t, COLUMN_SHOWN, "both", NULL);
	table_text(&t, "k");
	table_text(&t, "<i>,\"x\" & |");
	table_number(&t, .125, 100, 1);
	table_cell(&t, 1, "%s", "1 ± 2");
	table_text(&t, "k");
	table_text(&t, "");
	table_number(&t, NAN, 100, 1);
	table_cell(&t, NAN, "%s", "");
	table_csv(&t, &out);
	CHECK(!strcmp(strbuf_str(&out), "key,a|b,share\nk,\"<i>,\"\"x\"\" & |\",0.125\nk,,\n"));
	strbuf_reset(&out);
	table_markdown(&t, &out);
	CHECK(!strcmp(strbuf_str(&out), "| a\\|b | share, % | both |\n|---|---:|---:|\n"
					"| \\<i>,\"x\" & \\| | 12.5 | 1 ± 2 |\n|  |  |  |\n"));
	strbuf_reset(&out);
	table_html(&t, &out);
	CHECK(strstr(strbuf_str(&out), "<td>&lt;i&gt;,&quot;x&quot; &amp; |</td>"));
	CHECK(strstr(strbuf_str(&out), "<td class=\"num\" data-v=\"0.125\">12.5</td>"));
	strbuf_free(&out);
	table_free(&t);
}

/* What somebody said or called his system ends no cell, begins no tag, and orders no terminal. */
static void test_hostile_cells(void **state)
{
	static const char text[] = "\x1b]8;;x\x1b\\a\xc2\x9b\x32J\xff\n\\|[l](u)`<b>\xe2\x80\xae";
	struct table t = { 0 };
	struct strbuf out = { 0 };

	(void)state;
	table_column(&t, COLUMN_TEXT, "said", NULL);
	table_text(&t, text);
	table_plain(&t, &out);
	assert_string_equal(strbuf_str(&out), "said\n?]8;;x?\\a?2J? \\|[l](u)`<b>?\n");
	strbuf_reset(&out);
	table_markdown(&t, &out);
	assert_string_equal(strbuf_str(&out), "| said |\n|---|\n"
					      "| ?]8;;x?\\\\a?2J? \\\\\\|[l]\\(u)\\`\\<b>? |\n");
	strbuf_reset(&out);
	table_csv(&t, &out);
	assert_string_equal(strbuf_str(&out), "said\n?]8;;x?\\a?2J? \\|[l](u)`<b>?\n");
	strbuf_free(&out);
	table_free(&t);
}

/* Every sign that means something to LaTeX is spelled out; what it cannot set is named. */
static void test_latex_escape(void **state)
{
	static const char *const pair[][2] = {
		{ "a_b^c~d", "a\\_b\\textasciicircum{}c\\textasciitilde{}d" },
		{ "\\{}$&#%", "\\textbackslash{}\\{\\}\\$\\&\\#\\%" },
		{ "[x]*", "{[}x]{*}" },
		{ "1---2", "1-{}-{}-2" },
		{ "<|>", "$<$$|$$>$" },
		{ "\"it's\"``", "{''}it{'}s{''}{`}{`}" },
		{ "1 \xc2\xb1 2\xe2\x80\xa6", "1 $\\pm$ 2\\ldots{}" },
		{ "\xc3\xa9\xe4\xb8\xad\xff", "\xc3\xa9\\texttt{U+4E2D}\\texttt{U+FFFD}" },
		{ "a\tb\nc", "a b c" },
	};
	struct strbuf out = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(pair) / sizeof(pair[0]); i++) {
		strbuf_reset(&out);
		latex_escape(&out, pair[i][0]);
		if (strcmp(strbuf_str(&out), pair[i][1]))
			fail_msg("%s became %s", pair[i][0], strbuf_str(&out));
	}
	strbuf_free(&out);
}

/* A long table is set in parts with the head on each; texts become paragraphs. */
static void test_latex_parts(void **state)
{
	struct table t = { 0 };
	struct strbuf out = { 0 };
	int heads = 0, rows = 0;

	(void)state;
	table_column(&t, COLUMN_TEXT, "name", NULL);
	table_column(&t, COLUMN_NUMBER, "very long head", NULL);
	table_column(&t, COLUMN_CSV, "hidden", NULL);
	table_column(&t, COLUMN_TEXT, "words", NULL);
	for (int i = 0; i < 130; i++) {
		table_text(&t, "[a]");
		table_number(&t, -.5, 100, 1);
		table_number(&t, 7, 1, 0);
		table_text(&t, "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do "
			       "eiusmod tempor incididunt ut labore et dolore magna aliqua, ut "
			       "enim ad minim veniam, quis nostrud exercitation");
	}
	table_latex(&t, "A & B", &out);
	CHECK(strstr(strbuf_str(&out), "\\textbf{A \\& B}"));
	CHECK(!strstr(strbuf_str(&out), "hidden"));
	CHECK(strstr(strbuf_str(&out), "\\begin{tabular}{lrp{"));
	CHECK(strstr(strbuf_str(&out), "\\shortstack[r]{\\strut very\\\\long\\\\head}"));
	CHECK(strstr(strbuf_str(&out), "\n{[}a] & $-$50.0 & \\raggedright Lorem"));
	for (const char *p = strbuf_str(&out); (p = strstr(p, "\\begin{tabular}")); p++)
		heads++;
	for (const char *p = strbuf_str(&out); (p = strstr(p, "\\tabularnewline")); p++)
		rows++;
	CHECK(rows == 130 && heads >= 3);
	strbuf_free(&out);
	table_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_forms),
		cmocka_unit_test(test_hostile_cells),
		cmocka_unit_test(test_latex_escape),
		cmocka_unit_test(test_latex_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

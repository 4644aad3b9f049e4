/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "harness/report/page.h"

/* Replacements in what gnuplot writes; $ stands for the picture's name. */
static const struct {
	const char *from, *to;
} edit[] = {
	{ "'black'", "'currentColor'" },  { "\"black\"", "\"currentColor\"" },
	{ " id='", " id='$-" },		  { " id=\"", " id=\"$-" },
	{ "xlink:href='#", "href='#$-" }, { "url(#", "url(#$-" },
	{ "font-family=\"sans\"", "" },
};

/* Skips an element such as <title>…</title>; NULL: s is not at one. */
static const char *skip_element(const char *s, const char *open, const char *close)
{
	const char *end;

	if (!str_starts(s, open))
		return NULL;
	end = strstr(s, close);
	return end ? end + strlen(close) : NULL;
}

/* gnuplot's hover script becomes a <title>, which needs none. */
static const char *take_hover(struct strbuf *out, const char *s)
{
	static const char head[] = " onmousemove=\"gnuplot_svg.showHypertext(evt,'";
	const char *end, *close;

	if (!str_starts(s, head))
		return NULL;
	s += sizeof(head) - 1;
	end = strstr(s, "')\"");
	close = end ? strchr(end + 3, '>') : NULL;
	if (!close)
		return NULL;
	strbuf_add(out, "><title>");
	strbuf_addn(out, s, (size_t)(end - s));
	strbuf_add(out, "</title>");
	return close + 1;
}

static size_t apply_edit(struct strbuf *out, const char *s, const char *slug)
{
	for (size_t i = 0; i < ARRAY_LEN(edit); i++) {
		if (!str_starts(s, edit[i].from))
			continue;
		for (const char *t = edit[i].to; *t; t++) {
			if (*t == '$')
				strbuf_add(out, slug);
			else
				strbuf_addc(out, *t);
		}
		return strlen(edit[i].from);
	}
	return 0;
}

/* The opening tag again, with the size as an upper bound only; --w tells the style sheet. */
static const char *open_tag(struct strbuf *out, const char *svg, const char *label)
{
	const char *tag = strstr(svg, "<svg"), *box = tag ? strstr(tag, "viewBox=\"") : NULL;
	const char *end = box ? strchr(box, '>') : NULL, *box_end;
	int width = 0;

	if (!end)
		return NULL;
	box_end = strchr(box + 9, '"');
	if (!box_end || box_end > end)
		return NULL;
	if (sscanf(box, "viewBox=\"%*d %*d %d", &width) != 1)
		return NULL;
	strbuf_add(out, "<svg role=\"img\" aria-label=\"");
	html_escape(out, label);
	strbuf_addf(out, "\" style=\"--w:%dpx;max-width:%dpx\" ", width, width);
	strbuf_addn(out, box, (size_t)(box_end + 1 - box));
	strbuf_add(out, " xmlns=\"http://www.w3.org/2000/svg\">");
	return end + 1;
}

void page_inline_svg(struct strbuf *out, const char *svg, const char *slug, const char *label)
{
	const char *s = open_tag(out, svg, label);

	while (s && *s) {
		const char *next = skip_element(s, "<title>", "</title>");

		if (!next)
			next = skip_element(s, "<desc>", "</desc>");
		if (!next)
			next = take_hover(out, s);
		if (!next) {
			size_t used = apply_edit(out, s, slug);

			if (!used)
				strbuf_addc(out, *s);
			next = s + (used ? used : 1);
		}
		s = next;
	}
}

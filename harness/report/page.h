/* SPDX-License-Identifier: Apache-2.0
 * The page: one HTML file with everything in it, readable without scripts,
 * network or colour vision, in light and dark.
 */
#ifndef HARNESS_REPORT_PAGE_H
#define HARNESS_REPORT_PAGE_H

#include "harness/report/claims.h"
#include "harness/report/plots.h"
#include "harness/report/profiles.h"

/* What was drawn, for the page to take in. */
struct picture {
	char slug[96];
	bool drawn; /* a script was written … */
	bool svg;   /* … and plots/slug.svg is there */
};

struct page {
	const struct summary *summary;
	const struct claims *claims;
	const struct summary_options *options;
	const char *out_dir;
	const struct picture *picture; /* (n_boards, PLOT_KIND_COUNT) */
	const struct profile_list *profiles;
	const struct picture *profile_picture; /* (PROFILE_PLOT_COUNT) */
	bool no_gnuplot;
};

int page_write(const struct page *p, struct strbuf *out, struct err *err);
/* Appends an SVG file of gnuplot's for use inside HTML: unique ids, text in the
 * colour of the page, hover texts as <title>. */
void page_inline_svg(struct strbuf *out, const char *svg, const char *slug, const char *label);

#endif

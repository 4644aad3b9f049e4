/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/report/page_parts.h"
#include "harness/report/plots_parts.h"
#include "harness/report/tables.h"

#define LARGE_DROP .05 /* true drops from here on should be seen */

static const char *const section[][2] = {
	{ "headline", "Headline" },
	{ "claims", "Published, real, calibrated" },
	{ "results", "Results" },
	{ "served", "Served models" },
	{ "ablations", "Ablations" },
	{ "confusion", "Confusion" },
	{ "per-class", "By label" },
	{ "calibration", "Confidence" },
	{ "loss", "Training" },
	{ "latency", "Latency and throughput" },
	{ "not-run", "What was not run" },
	{ "provenance", "Environment and provenance" },
	{ "reproduce", "How to reproduce" },
};

static void put_head(struct strbuf *out, bool asks)
{
	static const char *const theme[] = { "auto", "light", "dark" };

	strbuf_add(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
			"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
			"<title>merc: emotion recognition in conversation, results</title>\n");
	page_style(out);
	strbuf_add(out, "</head>\n<body>\n<header>\n<fieldset class=\"theme\">"
			"<legend>Colours</legend>");
	for (size_t i = 0; i < ARRAY_LEN(theme); i++)
		strbuf_addf(out,
			    "<label><input type=\"radio\" name=\"theme\" id=\"theme-%s\"%s>%s"
			    "</label>",
			    theme[i], i ? "" : " checked", theme[i]);
	strbuf_add(
		out,
		"</fieldset>\n<h1>Multimodal emotion recognition in conversation</h1>\n"
		"<p>Who speaks, what is said, how it sounds and what face, body and posture do: "
		"which emotion is it? This page holds what <b>merc</b> obtained when it trained "
		"and tested BeMERC and the systems around it, with every ablation. It was written "
		"from the result folders alone.</p>\n"
		"<p>Three kinds of numbers stand side by side and are never mixed: "
		"<span class=\"badge published\">published</span> by others; obtained on "
		"<span class=\"badge real\">real</span> recordings (IEMOCAP, MELD); obtained on "
		"<span class=\"badge calibrated\">calibrated</span> corpora, which the program "
		"writes itself from a known process, so that the best reachable score is known. "
		"A calibrated number says whether a system finds what is there. It says nothing "
		"about the paper's numbers.</p>\n<nav>");
	for (size_t i = 0; i < ARRAY_LEN(section); i++)
		if (asks || strcmp(section[i][0], "served"))
			strbuf_addf(out, "<a href=\"#%s\">%s</a> ", section[i][0], section[i][1]);
	strbuf_add(out, "</nav>\n</header>\n<main>\n");
}

static void put_section(struct strbuf *out, const char *id)
{
	for (size_t i = 0; i < ARRAY_LEN(section); i++)
		if (!strcmp(section[i][0], id))
			strbuf_addf(out, "<h2 id=\"%s\">%s</h2>\n", id, section[i][1]);
}

static void put_board(struct strbuf *out, const struct board *b)
{
	strbuf_add(out, "<h3>");
	html_escape(out, b->title);
	strbuf_addf(out, " <span class=\"badge %s\">%s</span></h3>\n", b->sample->kind,
		    b->sample->kind);
}

static int put_picture(const struct page *p, const struct picture *x, const char *caption,
		       struct strbuf *out, struct err *err)
{
	char name[128], *path, *svg;
	size_t len;

	if (!x->drawn)
		return 0;
	strbuf_add(out, "<figure>");
	if (!x->svg) {
		strbuf_addf(out,
			    "<figcaption>gnuplot was not there to draw this picture; "
			    "<code>gnuplot %s.gp</code> in plots/ does it.</figcaption></figure>\n",
			    x->slug);
		return 0;
	}
	if (!str_format(name, sizeof(name), "plots/%s.svg", x->slug))
		return err_set(err, ERR_LIMIT, "%s: name too long", x->slug);
	path = path_join(p->out_dir, name);
	if (!path)
		return err_set(err, ERR_NOMEM, "no memory");
	if (!io_read_file(path, (size_t)64 << 20, &svg, &len, err)) {
		page_inline_svg(out, svg, x->slug, caption);
		free(svg);
	}
	free(path);
	strbuf_add(out, "<figcaption>");
	html_escape(out, caption);
	strbuf_add(out, "</figcaption></figure>\n");
	return err->code;
}

static void put_table(struct strbuf *out, const struct summary *s, int board, table_maker *make)
{
	struct table t = { 0 };

	make(s, board, &t);
	if (table_rows(&t))
		table_html(&t, out);
	table_free(&t);
}

static void put_tile(struct strbuf *out, const struct summary *s, const struct board *b,
		     const struct row *r)
{
	const struct row *text = summary_find(s, r->board, "llmerc", "");

	strbuf_addf(out, "<div class=\"tile\"><span class=\"badge %s\">%s</span> ", b->sample->kind,
		    b->sample->kind);
	html_escape(out, b->title);
	strbuf_addf(out, "<b>%.2f&nbsp;%%</b><p>weighted F1 of ", r->f1.mean * 100);
	html_escape(out, r->system);
	if (strcmp(r->first->system, MAIN_SYSTEM))
		strbuf_addf(out, ", the highest of %d here", plot_count(s, r->board));
	if (isfinite(r->f1.std))
		strbuf_addf(out, ", mean of %d seeds (std %.2f)", r->n_runs, r->f1.std * 100);
	strbuf_addf(out, "; 95&nbsp;%% interval over %d dialogues %.2f to %.2f</p>",
		    r->interval.groups, r->interval.lo * 100, r->interval.hi * 100);
	if (isfinite(r->ceiling))
		strbuf_addf(out, "<p>%.1f&nbsp;%% of the best reachable %.2f</p>",
			    r->f1.mean / r->ceiling * 100, r->ceiling * 100);
	if (text && text != r && isfinite(text->drop.value))
		strbuf_addf(out, "<p>%+.2f points over llmerc (%.2f to %.2f)</p>",
			    text->drop.value * 100, text->drop.lo * 100, text->drop.hi * 100);
	strbuf_add(out, "<p class=\"dim\">selection: ");
	html_escape(out, r->first->selection);
	strbuf_addf(out, "; %d utterances</p></div>\n", r->first->n);
}

static void put_headline(const struct page *p, struct strbuf *out)
{
	const struct summary *s = p->summary;
	int full = 0;

	put_section(out, "headline");
	strbuf_add(out, "<div class=\"tiles\">\n");
	for (int b = 0; b < s->n_boards; b++) {
		const struct row *r = plots_main_row(s, b);

		if (r && !s->board[b].limited)
			put_tile(out, s, &s->board[b], r);
		full += r && !s->board[b].limited;
	}
	strbuf_add(out, "</div>\n");
	if (!full)
		strbuf_add(out, "<p>No result yet: all runs in this folder are limited (<a "
				"href=\"#not-run\">why</a>).</p>\n");
}

static void put_folded(const struct table *t, const char *what, struct strbuf *out)
{
	if (!table_rows(t))
		return;
	strbuf_addf(out, "<details><summary>%d %s</summary>\n", table_rows(t), what);
	table_html(t, out);
	strbuf_add(out, "</details>\n");
}

static void put_claims(const struct page *p, struct strbuf *out)
{
	struct table ours = { 0 }, none = { 0 }, field = { 0 };

	put_section(out, "claims");
	tables_claims(p->summary, p->claims, CLAIMS_OBTAINED, &ours);
	tables_claims(p->summary, p->claims, CLAIMS_NOT_OBTAINED, &none);
	tables_claims(p->summary, p->claims, CLAIMS_FIELD, &field);
	ours.words = none.words = field.words = true;
	strbuf_add(out, "<p>Each published claim beside what was obtained here, in per cent or "
			"points; in brackets the 95 % interval. A verdict is given on real data "
			"only, and only where label set, split, selection and backbone are known "
			"to be the same.</p>\n");
	if (table_rows(&ours))
		table_html(&ours, out);
	else
		strbuf_addf(out, "<p class=\"note\">%s</p>\n",
			    table_rows(&none) ? "No run here is of a system with such a claim."
					      : "No list of claims was given.");
	put_folded(&none, "published claims that no run here bears on", out);
	put_folded(&field, "published numbers of other systems and backbones", out);
	table_free(&ours);
	table_free(&none);
	table_free(&field);
}

/* The self-check of a calibrated corpus: were the large true drops measured? */
static void put_found(struct strbuf *out, const struct summary *s, int board)
{
	int large = 0, found = 0;

	for (const struct row *r = s->row; r < s->row + s->n_rows; r++) {
		if (r->board != board || !(r->true_drop >= LARGE_DROP - 1e-9))
			continue;
		large++;
		found += r->drop.lo > 0;
	}
	if (large)
		strbuf_addf(out,
			    "<p>Of %d rows with a true drop of %.0f points or more, %d measured "
			    "drop%s an interval above zero.</p>\n",
			    large, LARGE_DROP * 100, found, found == 1 ? " has" : "s have");
}

#define PICTURES_MAX 2

/* The sections that show pictures and one table a corpus. */
static const struct {
	const char *id, *text;
	struct {
		enum plot_kind kind;
		const char *caption; /* NULL: no more */
	} picture[PICTURES_MAX];
	table_maker *table;
} topic[] = {
	{ "results",
	  "Weighted F1 on the test split: mean and standard deviation over seeds (ddof 1), and the "
	  "95 % interval of that mean when dialogues are resampled. The ceiling is the best "
	  "reachable weighted F1 for exactly what the system sees.",
	  { { PLOT_OVERVIEW,
	      "Weighted F1 of every full system: mean over seeds with its 95 % interval by "
	      "dialogue, single seeds below it, and the best reachable score where it is known." },
	    { PLOT_SEEDS,
	      "Every run by itself, one dot a seed; the line is the mean. How far "
	      "seeds scatter is another question than how far the test set decides." } },
	  tables_results },
	{ "served",
	  "Systems that ask a served model. A mode is a task of its own: answers that were written "
	  "freely, chosen under a constraint and scored are not to be compared as one. Strict "
	  "counts "
	  "replies that are a label and nothing else; answered only is over the utterances with a "
	  "label. Asks, tokens and cost (in the unit of the profile's prices) are of all runs "
	  "together; attempts count what was sent again.",
	  { { PLOT_OVERVIEW, NULL } },
	  tables_served },
	{ "ablations",
	  "An ablation is the same model with less to see, trained again. The drop is the full "
	  "system's weighted F1 minus this one's, paired by dialogue over the seeds both have; "
	  "other systems are compared with bemerc. The true drop is the difference of the two "
	  "ceilings.",
	  { { PLOT_ABLATION, "Measured drop in weighted F1 with its 95 % interval, and the true "
			     "drop of the process." },
	    { PLOT_LABEL_DROP,
	      "Which labels pay: drop in F1 of each label, from the answers of all seeds "
	      "together." } },
	  tables_ablation },
	{ "confusion",
	  "Rows are true labels and add up to one; cells hold counts over all seeds.",
	  { { PLOT_CONFUSION,
	      "Confusion of the main system: shade is the share of the true label, number the "
	      "count." },
	    { PLOT_CONFUSION_OTHERS, "The same of the other systems, in the same shades." } },
	  NULL },
	{ "per-class",
	  "F1 in per cent of each label, from the answers of all seeds together.",
	  { { PLOT_PER_CLASS, "F1 by label and system." } },
	  tables_per_class },
	{ "calibration",
	  "Is a system right as often as it says? Answers are sorted into ten bins of equal width "
	  "by the largest probability. ECE is the mean gap between confidence and accuracy, "
	  "weighted by answers; Brier score from 0 to 2; NLL in nats. Answered utterances of all "
	  "seeds together.",
	  { { PLOT_RELIABILITY,
	      "Share that is right by confidence. On the dashed line a system means what it says; "
	      "the dot is a bin's mean confidence, the number above it its answers." } },
	  tables_calibration },
	{ "loss",
	  "One line a seed.",
	  { { PLOT_LOSS, "Training loss of each stage and weighted F1 on dev, by epoch." } },
	  NULL },
	{ "latency",
	  "Time an utterance takes in each stage. Percentiles without interpolation; of several "
	  "runs, the slowest counts. A served model's is the time to its complete reply, and its "
	  "utterances a second are by the clock on the wall, with all requests in flight.",
	  { { PLOT_LATENCY, "Milliseconds an utterance: dot p50, triangle p90, end of the line "
			    "p99; logarithmic." },
	    { PLOT_LATENCY_CDF,
	      "Share of utterances whose prompt and answer took no longer, all runs together; dots "
	      "at 50, 90 and 99 %. Utterances of a dialogue that were answered in one pass share "
	      "its time evenly." } },
	  tables_stages },
};

static int put_topics(const struct page *p, struct strbuf *out, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(topic); i++) {
		if (topic[i].table == tables_served && !tables_any_asks(p->summary, -1))
			continue;
		put_section(out, topic[i].id);
		strbuf_addf(out, "<p>%s</p>\n", topic[i].text);
		for (int b = 0; b < p->summary->n_boards; b++) {
			size_t before;

			put_board(out, &p->summary->board[b]);
			before = out->len;
			for (int j = 0; j < PICTURES_MAX && topic[i].picture[j].caption; j++)
				if (put_picture(p,
						&p->picture[b * PLOT_KIND_COUNT +
							    (int)topic[i].picture[j].kind],
						topic[i].picture[j].caption, out, err))
					return err->code;
			if (topic[i].table)
				put_table(out, p->summary, b, topic[i].table);
			if (topic[i].table == tables_ablation)
				put_found(out, p->summary, b);
			if (out->len == before)
				strbuf_add(out, "<p class=\"note\">No run has any.</p>\n");
		}
	}
	return 0;
}

static void put_profile_table(const struct page *p,
			      void (*make)(const struct profile_list *l, struct table *t),
			      const char *above, struct strbuf *out)
{
	struct table t = { 0 };

	make(p->profiles, &t);
	if (table_rows(&t)) {
		strbuf_add(out, above);
		table_html(&t, out);
	}
	table_free(&t);
}

static int put_profiles(const struct page *p, struct strbuf *out, struct err *err)
{
	if (!p->profiles->n)
		return 0;
	strbuf_add(out, "<h3 id=\"profiles\">Profiles</h3>\n<p>Measured by <code>merc profile"
			"</code> under load, from the scheduled time of a query to its complete "
			"reply. Scenarios and early stopping follow the definitions of MLPerf "
			"LoadGen; these are not MLPerf results. A run that is short, or INVALID, "
			"says so.</p>\n");
	if (put_picture(p, &p->profile_picture[PROFILE_PLOT_CDF],
			"Share of utterances answered within a time, by scenario; logarithmic.",
			out, err) ||
	    put_picture(p, &p->profile_picture[PROFILE_PLOT_THROUGHPUT],
			"Utterances a second against the size of a batch, a line each number of "
			"threads.",
			out, err))
		return err->code;
	put_profile_table(p, tables_profiles, "", out);
	put_profile_table(p, tables_invalid, "<p>Why runs are INVALID:</p>\n", out);
	put_profile_table(p, tables_throughput, "<p>Throughput:</p>\n", out);
	return 0;
}

static void put_limited(const struct result_list *l, struct strbuf *out)
{
	bool any = false;

	for (int i = 0; i < l->n; i++) {
		const struct result *r = &l->run[i];

		if (!r->limited)
			continue;
		strbuf_add(out,
			   any ? "<li>" : "<p>Ran, but are limited and no result:</p>\n<ul>\n<li>");
		html_escape(out, r->id);
		strbuf_add(out, *r->why_limited ? ": " : "");
		html_escape(out, r->why_limited);
		strbuf_add(out, "</li>\n");
		any = true;
	}
	strbuf_add(out, any ? "</ul>\n" : "");
}

static void put_not_run(const struct page *p, struct strbuf *out)
{
	const struct result_list *l = &p->summary->runs;
	struct table t = { 0 };

	put_section(out, "not-run");
	tables_not_run(p->claims, &t);
	t.words = true;
	if (table_rows(&t))
		table_html(&t, out);
	else
		strbuf_add(out, "<p>Nothing was reported as impossible to run.</p>\n");
	table_free(&t);
	if (p->no_gnuplot)
		strbuf_add(out, "<p>gnuplot is not installed: no pictures were drawn.</p>\n");
	put_limited(l, out);
	if (!l->n_problem)
		return;
	strbuf_add(out, "<p>Could not be used:</p>\n<ul>\n");
	for (int i = 0; i < l->n_problem; i++) {
		strbuf_add(out, "<li>");
		html_escape(out, l->problem[i]);
		strbuf_add(out, "</li>\n");
	}
	strbuf_add(out, "</ul>\n");
}

static void put_environment(struct strbuf *out, const struct json *env)
{
	strbuf_add(out, "<dl>\n");
	for (const struct json *v = json_at(env, 0); v; v = json_next(v)) {
		struct strbuf text = { 0 };
		struct json_writer w;

		json_begin(&w, &text, 0);
		if (json_type(v) == JSON_STRING)
			strbuf_add(&text, json_str(v, ""));
		else
			json_put_value(&w, NULL, v);
		strbuf_add(out, "<dt>");
		html_escape(out, json_key(v));
		strbuf_add(out, "</dt><dd>");
		html_escape(out, strbuf_str(&text));
		strbuf_add(out, "</dd>\n");
		out->oom |= text.oom;
		strbuf_free(&text);
	}
	strbuf_add(out, "</dl>\n");
}

static void put_provenance(const struct page *p, struct strbuf *out)
{
	const struct summary *s = p->summary;

	put_section(out, "provenance");
	strbuf_addf(out,
		    "<p>Intervals: cluster bootstrap by dialogue, %d replicates, seed %llu. The "
		    "environment is that of the first run of each corpus; every folder holds its "
		    "own.</p>\n",
		    p->options->replicates, (unsigned long long)p->options->seed);
	for (int b = 0; b < s->n_boards; b++) {
		put_board(out, &s->board[b]);
		strbuf_add(out, "<p>Label policy: ");
		html_escape(out, s->board[b].sample->policy);
		strbuf_add(out, "; label set: ");
		html_escape(out, s->board[b].sample->labels_name);
		strbuf_add(out, ".</p>\n");
		put_environment(out, json_get(s->board[b].sample->manifest, "environment"));
	}
	strbuf_addf(out, "<details><summary>All %d runs</summary>\n", s->runs.n);
	put_table(out, s, -1, tables_runs);
	strbuf_add(out, "</details>\n");
}

static void put_end(struct strbuf *out)
{
	put_section(out, "reproduce");
	strbuf_add(
		out,
		"<pre>make reproduce                          # calibrated corpora, all systems, "
		"this page\nmake reproduce MELD=DIR IEMOCAP=DIR     # real corpora instead\n"
		"make check                              # every test</pre>\n"
		"<p>The same numbers as files: <code>summary.json</code>, "
		"<code>tables/*.md</code>, <code>*.tex</code>, <code>*.csv</code>; pictures as "
		"PDF, SVG and PNG with their data and scripts in "
		"<code>plots/</code>.</p>\n</main>\n"
		"<footer>Colours after Okabe and Ito, chosen because people with any of the common "
		"colour blindnesses tell them apart. A system, and an emotion, has one colour in "
		"all pictures; where points meet their shapes differ too; heat maps go from light "
		"to dark in one hue. With scripts, a click on a column's head sorts.</footer>\n");
	page_script(out);
	strbuf_add(out, "</body>\n</html>\n");
}

int page_write(const struct page *p, struct strbuf *out, struct err *err)
{
	put_head(out, tables_any_asks(p->summary, -1));
	put_headline(p, out);
	put_claims(p, out);
	/* profiles belong to the last topic, latency */
	if (put_topics(p, out, err) || put_profiles(p, out, err))
		return err->code;
	put_not_run(p, out);
	put_provenance(p, out);
	put_end(out);
	return out->oom ? err_set(err, ERR_NOMEM, "no memory for the page") : 0;
}

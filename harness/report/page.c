/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/report/tables.h"

#define LARGE_DROP .05 /* true drops from here on should be seen */

/* In pieces: ISO C does not promise longer string literals. */
static const char *const style[] = {
	":root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#5b6570;--line:#d5dae0;"
	"--card:#f6f8fa;--accent:#0059a3;--real:#006b4f;--cal:#9a5b00}\n"
	"@media(prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e4e8ec;--dim:#9aa5b1;"
	"--line:#343b44;--card:#1d2228;--accent:#6cb6ff;--real:#4fc9a2;--cal:#f0b04f}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.55 system-ui,-apple-system,"
	"'Segoe UI',Roboto,'Noto Sans',sans-serif}\n"
	"main,header,footer{max-width:1240px;margin:0 auto;padding:0 20px}\n"
	"header{padding-top:36px}h1{font-size:1.9rem;line-height:1.2;margin:0 0 .4em}\n"
	"h2{font-size:1.35rem;margin:2.4em 0 .5em;padding-top:.6em;border-top:1px solid "
	"var(--line)}\n"
	"h3{font-size:1.05rem;margin:1.6em 0 .5em}p{max-width:46em;margin:.5em 0}\n"
	"a{color:var(--accent)}.dim,figcaption,.note{color:var(--dim);font-size:.9rem}\n"
	"nav{display:flex;flex-wrap:wrap;gap:.3em 1.1em;margin:1.2em 0;font-size:.95rem}\n"
	".badge{display:inline-block;font-size:.75rem;font-weight:600;padding:.08em .6em;"
	"border-radius:1em;border:1px solid;vertical-align:.12em}\n"
	".real{color:var(--real)}.calibrated{color:var(--cal)}.published{color:var(--dim)}\n",
	".tiles{display:grid;gap:14px;grid-template-columns:repeat(auto-fit,minmax(250px,1fr));"
	"margin:1.2em 0}\n"
	".tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px "
	"18px}\n"
	".tile b{display:block;font-size:1.9rem;line-height:1.25;font-variant-numeric:tabular-nums}"
	"\n.tile p{margin:.25em 0;font-size:.9rem}\n"
	".scroll{overflow-x:auto;margin:.7em 0;border:1px solid var(--line);border-radius:8px}\n"
	"table{border-collapse:collapse;width:100%;font-size:.875rem;line-height:1.4}\n"
	"th,td{padding:.42em .75em;text-align:left;vertical-align:top;border-bottom:1px solid "
	"var(--line)}\n"
	"tbody tr:last-child td{border-bottom:0}tbody tr:hover{background:var(--card)}\n"
	"th{background:var(--card);font-weight:600;white-space:nowrap}\n"
	"td{white-space:nowrap}td.long{white-space:normal;min-width:11.5em}"
	".num{text-align:right;font-variant-numeric:tabular-nums}\n"
	".js th{cursor:pointer}.js th[data-dir=up]::after{content:' \\2191'}"
	".js th[data-dir=down]::after{content:' \\2193'}\n"
	"figure{margin:1em 0;overflow-x:auto}figure svg{display:block;width:100%;height:auto;"
	"min-width:480px;font-family:inherit}\n"
	"figcaption{margin-top:.3em}details{margin:1em 0}summary{cursor:pointer;color:"
	"var(--accent)}\n"
	"code,pre{font:.875em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}\n"
	"pre{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px "
	"16px;overflow-x:auto}\n"
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:.2em 1.2em;font-size:.9rem}"
	"dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}\n"
	"footer{margin-top:3em;padding-bottom:40px;color:var(--dim);font-size:.85rem}\n"
	"@media(max-width:600px){body{font-size:15px}main,header,footer{padding-left:14px;"
	"padding-right:14px}h1{font-size:1.5rem}dl{grid-template-columns:1fr}dd{margin-bottom:.5em}"
	"}\n@media print{nav,summary{display:none}figure svg{min-width:0}}\n",
};

/* Sorting by a click on a column's head; without scripts nothing is lost. */
static const char script[] =
	"document.documentElement.classList.add('js');\n"
	"document.querySelectorAll('th').forEach(function(th){\n"
	"th.tabIndex=0;th.title='sort by this column';\n"
	"function sort(){\n"
	"var table=th.closest('table'),body=table.tBodies[0],col=th.cellIndex;\n"
	"var dir=th.dataset.dir==='down'?'up':'down';\n"
	"table.querySelectorAll('th').forEach(function(o){delete o.dataset.dir});\n"
	"th.dataset.dir=dir;\n"
	"Array.from(body.rows).map(function(r,i){var c=r.cells[col],v=c.dataset.v;\n"
	"return{r:r,i:i,n:v===undefined?null:+v,t:c.textContent}}).sort(function(a,b){\n"
	"if(!a.t!==!b.t)return a.t?-1:1;\n"
	"var d=a.n!==null&&b.n!==null?a.n-b.n:a.t.localeCompare(b.t);\n"
	"return(dir==='up'?d:-d)||a.i-b.i}).forEach(function(x){body.appendChild(x.r)})}\n"
	"th.addEventListener('click',sort);\n"
	"th.addEventListener('keydown',function(e){if(e.key==='Enter')sort()})});\n";

static const char *const section[][2] = {
	{ "headline", "Headline" },
	{ "claims", "Published, real, calibrated" },
	{ "results", "Results" },
	{ "ablations", "Ablations" },
	{ "confusion", "Confusion" },
	{ "per-class", "By label" },
	{ "loss", "Training" },
	{ "latency", "Latency and throughput" },
	{ "not-run", "What was not run" },
	{ "provenance", "Environment and provenance" },
	{ "reproduce", "How to reproduce" },
};

static void put_head(struct strbuf *out)
{
	strbuf_add(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
			"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
			"<title>merc: emotion recognition in conversation, results</title>\n"
			"<style>\n");
	for (size_t i = 0; i < ARRAY_LEN(style); i++)
		strbuf_add(out, style[i]);
	strbuf_add(
		out,
		"</style>\n</head>\n<body>\n<header>\n<h1>Multimodal emotion recognition in "
		"conversation</h1>\n"
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

static int put_picture(const struct page *p, int board, enum plot_kind kind, const char *caption,
		       struct strbuf *out, struct err *err)
{
	const struct picture *x = &p->picture[board * PLOT_KIND_COUNT + kind];
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
	strbuf_addf(out, "<b>%.2f %%</b><p>weighted F1 of ", r->f1.mean * 100);
	html_escape(out, r->system);
	if (isfinite(r->f1.std))
		strbuf_addf(out, ", mean of %d seeds (std %.2f)", r->n_runs, r->f1.std * 100);
	strbuf_addf(out, "; 95 %% interval over %d dialogues %.2f to %.2f</p>", r->interval.groups,
		    r->interval.lo * 100, r->interval.hi * 100);
	if (isfinite(r->ceiling))
		strbuf_addf(out, "<p>%.1f %% of the best reachable %.2f</p>",
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

	put_section(out, "headline");
	strbuf_add(out, "<div class=\"tiles\">\n");
	for (int b = 0; b < s->n_boards; b++) {
		const struct row *r = plots_main_row(s, b);

		if (r)
			put_tile(out, s, &s->board[b], r);
	}
	strbuf_add(out, "</div>\n");
}

static void put_claims(const struct page *p, struct strbuf *out)
{
	struct table ours = { 0 }, field = { 0 };

	put_section(out, "claims");
	tables_claims(p->summary, p->claims, true, &ours);
	tables_claims(p->summary, p->claims, false, &field);
	strbuf_add(out, "<p>Each published claim beside what was obtained here, in per cent or "
			"points; in brackets the 95 % interval. A verdict is given on real data "
			"only, and only where label set, split, selection and backbone are known "
			"to be the same.</p>\n");
	if (table_rows(&ours))
		table_html(&ours, out);
	else
		strbuf_add(out, "<p class=\"note\">No list of claims was given.</p>\n");
	if (table_rows(&field)) {
		strbuf_addf(out,
			    "<details><summary>%d published numbers of other systems and "
			    "backbones</summary>\n",
			    table_rows(&field));
		table_html(&field, out);
		strbuf_add(out, "</details>\n");
	}
	table_free(&ours);
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

/* The sections that show one picture and one table a corpus. */
static const struct {
	const char *id, *text, *caption;
	enum plot_kind plot;
	table_maker *table;
} topic[] = {
	{ "results",
	  "Weighted F1 on the test split: mean and standard deviation over seeds (ddof 1), and the "
	  "95 % interval of that mean when dialogues are resampled. The ceiling is the best "
	  "reachable weighted F1 for exactly what the system sees.",
	  "Weighted F1 of every full system: mean over seeds with its 95 % interval by dialogue, "
	  "single seeds below it, and the best reachable score where it is known.",
	  PLOT_OVERVIEW, tables_results },
	{ "ablations",
	  "An ablation is the same model with less to see, trained again. The drop is the full "
	  "system's weighted F1 minus this one's, paired by dialogue over the seeds both have; "
	  "other systems are compared with bemerc. The true drop is the difference of the two "
	  "ceilings.",
	  "Measured drop in weighted F1 with its 95 % interval, and the true drop of the process.",
	  PLOT_ABLATION, tables_ablation },
	{ "confusion", "Rows are true labels and add up to one; cells hold counts over all seeds.",
	  "Confusion of the main system: shade is the share of the true label, number the count.",
	  PLOT_CONFUSION, NULL },
	{ "per-class", "F1 in per cent of each label, from the answers of all seeds together.",
	  "F1 by label and system.", PLOT_PER_CLASS, tables_per_class },
	{ "loss", "One line a seed.",
	  "Training loss of each stage and weighted F1 on dev, by epoch.", PLOT_LOSS, NULL },
	{ "latency",
	  "Time an utterance takes in each stage. Percentiles without interpolation; of several "
	  "runs, the slowest counts.",
	  "Milliseconds an utterance: dot p50, triangle p90, end of the line p99; logarithmic.",
	  PLOT_LATENCY, tables_stages },
};

static int put_topics(const struct page *p, struct strbuf *out, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(topic); i++) {
		put_section(out, topic[i].id);
		strbuf_addf(out, "<p>%s</p>\n", topic[i].text);
		for (int b = 0; b < p->summary->n_boards; b++) {
			size_t before;

			put_board(out, &p->summary->board[b]);
			before = out->len;
			if (put_picture(p, b, topic[i].plot, topic[i].caption, out, err))
				return err->code;
			if (topic[i].table)
				put_table(out, p->summary, b, topic[i].table);
			if (topic[i].plot == PLOT_ABLATION)
				put_found(out, p->summary, b);
			if (out->len == before)
				strbuf_add(out, "<p class=\"note\">No run has any.</p>\n");
		}
	}
	return 0;
}

static void put_not_run(const struct page *p, struct strbuf *out)
{
	const struct result_list *l = &p->summary->runs;
	struct table t = { 0 };

	put_section(out, "not-run");
	tables_not_run(p->claims, &t);
	if (table_rows(&t))
		table_html(&t, out);
	else
		strbuf_add(out, "<p>Nothing was reported as impossible to run.</p>\n");
	table_free(&t);
	if (p->no_gnuplot)
		strbuf_add(out, "<p>gnuplot is not installed: no pictures were drawn.</p>\n");
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
		"<code>tables/*.md</code>, <code>tables/*.csv</code>; pictures with their data "
		"and scripts in <code>plots/</code>.</p>\n</main>\n"
		"<footer>Colours after Okabe and Ito. Click a column's head to sort.</footer>\n"
		"<script>\n");
	strbuf_add(out, script);
	strbuf_add(out, "</script>\n</body>\n</html>\n");
}

int page_write(const struct page *p, struct strbuf *out, struct err *err)
{
	put_head(out);
	put_headline(p, out);
	put_claims(p, out);
	if (put_topics(p, out, err))
		return err->code;
	put_not_run(p, out);
	put_provenance(p, out);
	put_end(out);
	return out->oom ? err_set(err, ERR_NOMEM, "no memory for the page") : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/page_parts.h"

#define LIGHT                                                                                      \
	"color-scheme:light;--bg:#fff;--fg:#1b1f24;--dim:#5b6570;--line:#d5dae0;--card:#f6f8fa;"   \
	"--accent:#0059a3;--real:#006b4f;--cal:#8a5000"
#define DARK                                                                                       \
	"color-scheme:dark;--bg:#14171b;--fg:#e4e8ec;--dim:#9aa5b1;--line:#343b44;--card:#1d2228;" \
	"--accent:#6cb6ff;--real:#4fc9a2;--cal:#f0b04f"

/* In pieces: ISO C does not promise longer string literals. */
static const char *const style[] = {
	/* the switch is two radio buttons and needs no script */
	":root{" LIGHT "}\n@media(prefers-color-scheme:dark){:root{" DARK "}}\n"
	":root:has(#theme-light:checked){" LIGHT "}\n:root:has(#theme-dark:checked){" DARK "}\n"
	"*{box-sizing:border-box}html{-webkit-text-size-adjust:100%}\n"
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
	".real{color:var(--real)}.calibrated{color:var(--cal)}.published{color:var(--dim)}\n"
	".theme{float:right;border:0;margin:0 0 .5em 1em;padding:0;font-size:.85rem;color:"
	"var(--dim)}.theme label{margin-left:.6em;white-space:nowrap}"
	".theme legend{float:left;padding:0}.theme input{vertical-align:-.15em;margin:0 .3em 0 "
	"0}\n",
	".tiles{display:grid;gap:14px;grid-template-columns:repeat(auto-fit,minmax(250px,1fr));"
	"margin:1.2em 0}\n"
	".tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px "
	"18px}\n"
	".tile b{display:block;font-size:1.9rem;line-height:1.25;font-variant-numeric:tabular-nums}"
	"\n.tile p{margin:.25em 0;font-size:.9rem}\n"
	".scroll{overflow-x:auto;margin:.7em 0;border:1px solid var(--line);border-radius:8px}\n"
	"table{border-collapse:separate;border-spacing:0;width:100%;font-size:.85rem;line-height:"
	"1.4}\n"
	"th,td{padding:.42em .5em;text-align:left;vertical-align:top;border-bottom:1px solid "
	"var(--line)}\n"
	"tbody tr:last-child td{border-bottom:0}tbody tr:hover td{background:var(--card)}\n"
	"th{background:var(--card);font-weight:600;vertical-align:bottom}\n"
	"td{white-space:nowrap}td.long{white-space:normal;min-width:10.5em}\n"
	".words td,.words th{white-space:normal;overflow-wrap:break-word}"
	".words td{min-width:6.5em}.words td.long{min-width:10em}"
	".words td:first-child{white-space:nowrap}\n"
	".num{text-align:right;font-variant-numeric:tabular-nums}\n"
	".js th{cursor:pointer}.js th[aria-sort=ascending]::after{content:' \\2191'}"
	".js th[aria-sort=descending]::after{content:' \\2193'}\n"
	"figure{margin:1em 0;overflow-x:auto}figure svg{display:block;width:100%;height:auto;"
	"min-width:calc(var(--w)*.6);font-family:inherit}\n"
	"figcaption{margin-top:.3em;max-width:58em}details{margin:1em 0}"
	"summary{cursor:pointer;color:var(--accent)}\n"
	"code,pre{font:.875em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}\n"
	"pre{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px "
	"16px;overflow-x:auto}\n"
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:.2em 1.2em;font-size:.9rem}"
	"dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}\n"
	".tip{position:fixed;z-index:2;max-width:18em;padding:.3em .6em;border-radius:6px;"
	"background:var(--fg);color:var(--bg);font-size:.82rem;pointer-events:none}\n"
	"footer{margin-top:3em;padding-bottom:40px;color:var(--dim);font-size:.85rem}\n",
	/* phones: tables of words become cards, tables of numbers keep their first column in sight,
	 * pictures keep a size at which their letters can be read */
	"@media(max-width:700px){body{font-size:15px}main,header,footer{padding-left:14px;"
	"padding-right:14px}header{padding-top:18px}h1{font-size:1.5rem}"
	"dl{grid-template-columns:1fr}dd{margin-bottom:.5em}\n"
	".theme{float:none;display:block;margin:0 0 .8em}\n"
	"figure svg{min-width:calc(var(--w)*.8)}li,p,td.long{overflow-wrap:anywhere}\n"
	"table:not(.words) :is(th,td):first-child{position:sticky;left:0;background:var(--bg)}"
	"table:not(.words) th:first-child{background:var(--card)}\n"
	".words,.words tbody,.words tr,.words td{display:block}.words thead{display:none}"
	".words tr{padding:.5em .2em;border-bottom:1px solid var(--line)}"
	".words tr:last-child{border-bottom:0}"
	".words td,.words td.long{border:0;min-width:0;padding:.2em .6em;overflow-wrap:anywhere}"
	".words td:empty{display:none}"
	".words td[data-h]::before{content:attr(data-h);display:block;color:var(--dim);"
	"font-size:.78rem}.words td:first-child{font-weight:600}"
	".words td:first-child::before{display:none}}\n"
	"@media print{nav,summary,.theme{display:none}figure svg{min-width:0}"
	".scroll,figure{overflow:visible}}\n",
};

/* Sorting by a click on a column's head, values under the pointer or finger; without scripts
 * nothing is lost: the values are the titles of the marks. */
static const char *const script[] = {
	"document.documentElement.classList.add('js');\n"
	"document.querySelectorAll('th').forEach(function(th){\n"
	"th.tabIndex=0;th.title='sort by this column';\n"
	"function sort(){\n"
	"var table=th.closest('table'),body=table.tBodies[0],col=th.cellIndex;\n"
	"var up=th.getAttribute('aria-sort')==='descending';\n"
	"table.querySelectorAll('th').forEach(function(o){o.removeAttribute('aria-sort')});\n"
	"th.setAttribute('aria-sort',up?'ascending':'descending');\n"
	"Array.from(body.rows).map(function(r,i){var c=r.cells[col],v=c.dataset.v;\n"
	"return{r:r,i:i,n:v===undefined?null:+v,t:c.textContent}}).sort(function(a,b){\n"
	"if(!a.t!==!b.t)return a.t?-1:1;\n"
	"if((a.n===null)!==(b.n===null))return a.n===null?1:-1;\n"
	"var d=a.n!==null?a.n-b.n:a.t.localeCompare(b.t);\n"
	"return(up?d:-d)||a.i-b.i}).forEach(function(x){body.appendChild(x.r)})}\n"
	"th.addEventListener('click',sort);\n"
	"th.addEventListener('keydown',function(e){if(e.key==='Enter'||e.key===' '){\n"
	"e.preventDefault();sort()}})});\n",
	"var tip=document.createElement('div');tip.className='tip';tip.hidden=true;\n"
	"document.body.appendChild(tip);\n"
	"document.querySelectorAll('svg title').forEach(function(t){\n"
	"var g=t.parentNode;g.dataset.tip=t.textContent;g.removeChild(t)});\n"
	"function show(e){var g=e.target.closest&&e.target.closest('[data-tip]');tip.hidden=!g;\n"
	"if(!g)return;tip.textContent=g.dataset.tip;\n"
	"var w=document.documentElement.clientWidth,y=e.clientY-tip.offsetHeight-12;\n"
	"tip.style.left=Math.max(4,Math.min(e.clientX+12,w-tip.offsetWidth-4))+'px';\n"
	"tip.style.top=(y<4?e.clientY+18:y)+'px'}\n"
	"document.addEventListener('pointermove',show);\n"
	"document.addEventListener('pointerdown',show);\n",
};

void page_style(struct strbuf *out)
{
	strbuf_add(out, "<style>\n");
	for (size_t i = 0; i < ARRAY_LEN(style); i++)
		strbuf_add(out, style[i]);
	strbuf_add(out, "</style>\n");
}

void page_script(struct strbuf *out)
{
	strbuf_add(out, "<script>\n");
	for (size_t i = 0; i < ARRAY_LEN(script); i++)
		strbuf_add(out, script[i]);
	strbuf_add(out, "</script>\n");
}

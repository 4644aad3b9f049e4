#!/bin/sh
# The page of the report as a browser shows it: headless Chromium at the width of a phone and of
# a desk, with scripts and without; and the LaTeX tables as LaTeX sets them.
# MERC_SHOTS=DIR keeps the screenshots there to look at.
set -u
cd "$(dirname "$0")/.." || exit 99
browser=
for name in chromium chromium-browser google-chrome; do
	[ -n "$browser" ] || browser=$(command -v $name)
done
latex=$(command -v pdflatex)
if [ -z "$browser$latex" ]; then
	echo "1..0 # SKIP neither Chromium nor pdflatex is installed"
	exit 0
fi
. tests/driver.sh
shots=${MERC_SHOTS:-$dir}
mkdir -p "$shots"
page=$dir/report/index.html

skip()
{
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# invented result folders, the published claims of this repository
MERC_REPORT=$dir/report "${TESTS:?}/test_report" >"$dir/made" 2>&1 || {
	sed 's/^/# /' "$dir/made"
	exit 99
}

alone()
{
	! grep -noE '(src|href)=.?(https?:|//)|<link|<img|<iframe|@import|url\((https?:|//|data:)|fetch\(|XMLHttpRequest|WebSocket|import\(' \
		"$page"
}
check "nothing in the file leads out of it" alone

# what is left where scripts are not run (Chromium takes no screenshot when it is told to run none)
sed '/^<script>$/,/^<\/script>$/d' "$page" >"$dir/plain.html"
no_script() { ! grep -n '<script\|<noscript\| on[a-z]*=' "$dir/plain.html"; }
check "one script and no handlers" no_script

browse()
{
	timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
		--disable-background-networking --disable-component-update --disable-sync \
		--hide-scrollbars --user-data-dir="$dir/profile" "$@" 2>>"$dir/browser"
}
# probe WIDTH: what the page says of itself in a frame of that width
probe()
{
	sed '/<\/body>/,$d' "$page" >"$dir/probed.html"
	cat tests/page_probe.html >>"$dir/probed.html"
	printf '%s\n' '<!doctype html><pre id=said></pre><script>' \
		'addEventListener("message", function (e) { said.textContent = e.data; });</script>' \
		"<iframe src=probed.html style='width:$1px;height:800px;border:0'></iframe>" \
		>"$dir/frame.html"
	browse --window-size=1500,900 --virtual-time-budget=20000 --dump-dom \
		"file://$dir/frame.html" | sed -n '/<pre id="said">/,/<\/pre>/p' |
		sed 's/<[^>]*>//g' >"$dir/said-$1"
	grep -q "^width $1$" "$dir/said-$1" || { cat "$dir/browser"; return 1; }
}
# says WIDTH TEXT…: every one is a line of the probe
says()
{
	cat "$dir/said-$1"
	from=$dir/said-$1
	shift
	for text in "$@"; do
		grep -qx "$text" "$from" || { echo "missing: $text"; return 1; }
	done
}
count() { grep -o "$1" "$page" | wc -l; }
# shot PAGE WIDTH NAME OPTION…: a picture with something on it
shot()
{
	what=$1 size=$2,2400 file=$shots/$3.png
	shift 3
	browse --window-size="$size" --screenshot="$file" "$@" "file://$what"
	ls -l "$file"
	[ "$(wc -c <"$file")" -gt 60000 ]
}
if [ -n "$browser" ]; then
	# Chromium that cannot start here (a sandbox, no memory) is no fault of the page
	if ! browse --dump-dom 'data:text/html,<p>up' | grep -q up; then
		skip "the page in Chromium" "Chromium does not start here"
		browser=
	fi
fi
if [ -n "$browser" ]; then
	for w in 390 1280; do
		check "the page speaks at $w" probe $w
		check "it fits a page of $w" says $w "page $w" "outside none"
		check "every table has its rows, every picture its size, at $w" says $w \
			"rows $(($(count '<tr>') - $(count '<thead>')))" "ragged 0" \
			"pictures $(count '<svg')" "requests 0"
		check "a click sorts down, a key up, and keeps every row, at $w" says $w \
			"down descending" "up ascending" "moved true" "kept true" "words true"
		check "marks tell their values, the switch its colours, at $w" says $w \
			"tip true" "light rgb(255, 255, 255)" "dark rgb(20, 23, 27)"
		check "a screenshot at $w" shot "$page" $w "page-$w"
		check "a screenshot at $w without scripts" shot "$dir/plain.html" $w "page-$w-plain"
		check "without scripts it looks the same at $w" \
			cmp "$shots/page-$w.png" "$shots/page-$w-plain.png"
	done
	check "a screenshot of a dark system" shot "$page" 1280 page-1280-dark \
		--blink-settings=preferredColorScheme=0
fi

# the longest table (published numbers) goes over pages; results and claims are set without a
# line that sticks out by more than a letter
set_in_latex()
{
	{
		printf '%s\n' '\documentclass[a4paper]{article}' '\textwidth 17cm \oddsidemargin -.5cm' \
			'\textheight 25cm \topmargin -2cm' '\begin{document}'
		for t in "$dir"/report/tables/*.tex; do
			printf '\\input{%s}\\clearpage\n' "$t"
		done
		printf '%s\n' '\end{document}'
	} >"$dir/all.tex"
	(cd "$dir" && timeout 120 pdflatex -interaction=nonstopmode -halt-on-error all.tex) >"$dir/tex"
	status=$?
	grep -E '^!|Overfull|Output written' "$dir/tex"
	[ $status = 0 ] && [ "$(ls "$dir"/report/tables/*.tex | wc -l)" = 11 ]
}
if [ -n "$latex" ]; then
	check "every LaTeX table compiles without packages" set_in_latex
else
	skip "every LaTeX table compiles without packages" "pdflatex is not installed"
fi
echo "1..$n"

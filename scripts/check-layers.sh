#!/bin/sh
# Every quoted include must be allowed by the table below, and a library may be
# seen by one room only.  A folder may always include itself.  Exit 1 with file:line on a breach.
set -eu
cd "$(dirname "$0")/.."
allowed='
harness/base:
harness/core:harness/base
harness/num:harness/base
harness/media:harness/base
harness/cue:harness/base harness/num
harness/text:harness/base
harness/metrics:harness/base harness/core
datasets:harness/base harness/core harness/media
models:harness/base harness/core harness/num harness/cue harness/text
harness/run:harness/base harness/core harness/num harness/media harness/cue harness/metrics
harness/score:harness/base harness/core harness/text harness/metrics harness/run
harness/remote:harness/base harness/core
harness/report:harness/base harness/core harness/metrics
harness/verdict:harness/base harness/core harness/metrics harness/report
harness/cli:harness/base harness/core harness/num harness/media harness/cue harness/text harness/metrics harness/run harness/score harness/remote harness/report harness/verdict models
'
grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]+["<]' harness models datasets --include='*.[ch]' |
awk -F: -v allowed="$allowed" '
BEGIN { n = split(allowed, rows, "\n")
	for (i = 1; i <= n; i++) { split(rows[i], p, ":"); ok[p[1]] = " " p[2] " " } }
{ from = $1; sub("/[^/]*$", "", from)
  if (from !~ "^harness/") sub("/.*", "", from)
  line = $0; sub("^[^:]*:[0-9]*:", "", line)
  sys = (line ~ /<cblas|<openblas|<dnnl/) ? "harness/num" : \
	(line ~ /<libav|<libsw/) ? "harness/media" : \
	(line ~ /<utf8proc/) ? "harness/text" : \
	(line ~ /<mpi\.h/) ? "harness/run" : \
	(line ~ /<curl\/|<sqlite3/) ? "harness/remote" : \
	(line ~ /<expat/) ? "harness/cue" : \
	(line ~ /<cjson|<csv\.h|<xxhash/) ? "harness/base" : ""
  if (sys != "" && from != sys) { print $1 ":" $2 ": only " sys " may use this library: " line; bad = 1 }
  if (line !~ /"/) next
  split(line, q, "\""); to = q[2]; sub("/[^/]*$", "", to)
  if (to !~ "^harness/") sub("/.*", "", to)
  if (to != from && index(ok[from], " " to " ") == 0) {
	print $1 ":" $2 ": " from " may not include " to; bad = 1 }
  if (from == "datasets" && to == "harness/media" && $1 !~ /^datasets\/synth/) {
	print $1 ":" $2 ": only the generator (datasets/synth*) may include harness/media"; bad = 1 } }
END { exit bad }'

#!/bin/sh
# Runs test programs and counts their tests.
#
# usage: scripts/run-tests.sh [-j N] [--junit FILE] [--tap FILE] PROGRAM...
#
# A program is a cmocka program or a script that prints TAP.  The output of a program is shown
# only when something in it failed.  A program that dies, hangs (900 s), ends with another status
# than its tests ask for, or runs no test counts as one failed test more.  The last line is
# "N passed, N failed", with ", N skipped" behind it where tests were skipped.  Status 1 when
# anything failed.
set -eu
export LC_ALL=C TZ=UTC
umask 022
self=$0
jobs=1 junit='' tap=''

# One program: its log, then its results as lines "STATE PROGRAM TEST" in a file of its own.
run_one()
{
	work=$1 program=$2
	name=$(echo "$program" | sed 's|^build/||; s|-[0-9]*/tests/|/|; s|^tests/||')
	log=$work/$(echo "$name" | tr / _)
	start=$(date +%s.%N)
	status=0
	case $program in
	*/*) ;;
	*) program=./$program ;;
	esac
	timeout -k 10 900 "$program" >"$log.log" 2>&1 </dev/null || status=$?
	seconds=$(echo "$start $(date +%s.%N)" | awk '{ printf "%.1f", $2 - $1 }')
	why=
	if [ "$status" = 124 ]; then
		why='took longer than 900 s'
	elif [ "$status" -gt 128 ]; then
		why="killed by SIG$(kill -l $((status - 128)) 2>/dev/null || echo "$status")"
	fi
	awk -v name="$name" -v status="$status" -v why="$why" '
	function result(state, test) {
		print state, name, test
		n[state]++
		running = ""
	}
	/^\[ RUN      \] /            { running = $4; next }
	/^\[       OK \] /            { if ($4 == running) result("passed", running); next }
	/^\[  FAILED  \] /            { if ($3 != "" && $4 == running) result("failed", running); next }
	/^\[  SKIPPED \] /            { if ($4 == running) result("skipped", running); next }
	/^\[==========\].*Running [0-9]+ test/ {
		cmocka = 1
		match($0, /Running [0-9]+/)
		plan += substr($0, RSTART + 8, RLENGTH - 8)
		next
	}
	FNR == 1 && /^TAP version/    { next }
	cmocka                        { next }
	/^1\.\.[0-9]+/                { tap = 1; plan = substr($1, 4)
	                                if (plan == 0) { print "skipped", name, "all"; n["skipped"]++ }
	                                next }
	/^(not )?ok [0-9]+/ {
		state = /# SKIP/ ? "skipped" : /^ok/ ? "passed" : "failed"
		sub(/^(not )?ok [0-9]+ *(- *)?/, ""); sub(/ *# SKIP.*/, "")
		result(state, $0)
	}
	END {
		done = n["passed"] + n["failed"] + n["skipped"]
		if (why == "" && done < plan) why = "ended with status " status
		if (why == "" && done && !cmocka && !tap) why = "its plan is missing, status " status
		if (why != "" && running != "") result("failed", running " (" why ")")
		else if (why != "") result("failed", "the program (" why ")")
		else if (done == 0 && plan == 0 && status == 77) result("skipped", "the program")
		else if (done == 0 && plan == 0)
			result("failed", "the program (ran no test, status " status ")")
		else if (status != 0 && n["failed"] == 0)
			result("failed", "the program (status " status " after its tests)")
	}' "$log.log" >"$log.results"
	echo "$seconds" >"$log.seconds"
	# one block of text at a time, however many programs run
	(
		flock 9
		awk -v name="$name" -v s="$seconds" '{ n[$1]++ } END {
			printf "  %-4s %-36s %4d passed", n["failed"] ? "FAIL" : "ok", name, n["passed"]
			if (n["failed"]) printf ", %d failed", n["failed"]
			if (n["skipped"]) printf ", %d skipped", n["skipped"]
			printf "  (%s s)\n", s }' "$log.results"
		if grep -q '^failed' "$log.results"; then
			sed 's/^/       | /' "$log.log"
			sed -n 's/^failed [^ ]* /       failed: /p' "$log.results"
		else
			sed -n 's/^\(# \)\{0,1\}skipped: /       skipped: /p' "$log.log" | sort | uniq -c |
				sed 's/^ *\([0-9]*\) *\(skipped.*\)/       \2 (\1)/; s/ (1)$//'
		fi
	) 9>"$work/lock"
}

if [ "${1:-}" = --one ]; then
	run_one "$2" "$3"
	exit 0
fi
while [ $# -gt 0 ]; do
	case $1 in
	-j) jobs=$2; shift 2 ;;
	--junit) junit=$2; shift 2 ;;
	--tap) tap=$2; shift 2 ;;
	-*) echo "run-tests: unknown option $1" >&2; exit 2 ;;
	*) break ;;
	esac
done
if [ $# = 0 ]; then
	echo "usage: scripts/run-tests.sh [-j N] [--junit FILE] [--tap FILE] PROGRAM..." >&2
	exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
printf '%s\n' "$@" | xargs -P "$jobs" -I '{}' "$self" --one "$work" '{}'
cat "$work"/*.results >"$work/all"

if [ -n "$tap" ]; then
	awk 'BEGIN { print "TAP version 14" }
	{ state = $1; $1 = ""; n++
	  printf "%s %d -%s%s\n", state == "failed" ? "not ok" : "ok", n, $0, \
		state == "skipped" ? " # SKIP" : "" }
	END { print "1.." n }' "$work/all" >"$tap"
fi
if [ -n "$junit" ]; then
	awk 'function xml(s) { gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/"/, "\\&quot;", s); return s }
	BEGIN { print "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>" }
	$2 != suite { if (suite != "") print "</testsuite>"; suite = $2
	              printf "<testsuite name=\"%s\">\n", xml(suite) }
	{ state = $1; name = $0; sub(/^[^ ]+ [^ ]+ /, "", name)
	  printf "<testcase classname=\"%s\" name=\"%s\">%s</testcase>\n", xml(suite), xml(name), \
		state == "failed" ? "<failure/>" : state == "skipped" ? "<skipped/>" : "" }
	END { if (suite != "") print "</testsuite>"; print "</testsuites>" }' "$work/all" >"$junit"
fi
awk '{ n[$1]++ } END {
	printf "%d passed, %d failed", n["passed"], n["failed"]
	if (n["skipped"]) printf ", %d skipped", n["skipped"]
	print ""
	exit n["failed"] > 0 }' "$work/all"

#!/bin/sh
# Tests of scripts/run-tests.sh: a failure of any kind must fail the run and be counted.
# TESTS is the folder of the built test programs, must_fail (tests/must_fail.c) among them.
set -u
cd "$(dirname "$0")/.." || exit 99
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
n=0

# Runs the runner on must_fail in the given way; wants this status, closing line and text.
expect()
{
	how=$1 status=$2 closing=$3 text=$4
	printf '#!/bin/sh\nexec "%s" %s\n' "${TESTS:?}/must_fail" "$how" >"$dir/$how"
	chmod +x "$dir/$how"
	out=$(./scripts/run-tests.sh "$dir/$how" 2>&1)
	got=$?
	n=$((n + 1))
	last=$(echo "$out" | tail -n 1)
	if [ "$got" = "$status" ] && [ "$last" = "$closing" ] && echo "$out" | grep -qF "$text"; then
		echo "ok $n - $how"
	else
		echo "not ok $n - $how"
		echo "# wanted status $status, '$closing' and '$text'; got status $got and:"
		echo "$out" | sed 's/^/# /'
	fi
}

echo "1..7"
expect good 0 '1 passed, 0 failed, 1 skipped' 'skipped: on purpose'
expect bad 1 '1 passed, 1 failed, 1 skipped' 'failed: test_bad'
expect killed 1 '1 passed, 1 failed' 'test_killed (killed by SIGKILL)'
expect silent 1 '0 passed, 1 failed' 'ran no test'
expect late 1 '1 passed, 1 failed, 1 skipped' 'status 3 after its tests'

printf '#!/bin/sh\necho 1..3; echo ok 1 - a; echo not ok 2 - b; echo "ok 3 - c # SKIP d"; exit 1\n' >"$dir/tap"
printf '#!/bin/sh\necho 1..2; echo ok 1 - a\n' >"$dir/short"
printf '#!/bin/sh\necho ok 1 - a\n' >"$dir/planless"
chmod +x "$dir/tap" "$dir/short" "$dir/planless"
last=$(./scripts/run-tests.sh --junit "$dir/x.xml" --tap "$dir/x.tap" "$dir/tap" 2>&1 | tail -n 1)
if [ "$last" = '1 passed, 1 failed, 1 skipped' ] && [ "$(grep -c '<failure/>' "$dir/x.xml")" = 1 ] &&
	[ "$(grep -c '^not ok' "$dir/x.tap")" = 1 ]; then
	echo "ok 6 - TAP in, TAP and JUnit out"
else
	echo "not ok 6 - TAP in, TAP and JUnit out: $last"
fi
last=$(./scripts/run-tests.sh "$dir/short" "$dir/planless" 2>&1 | tail -n 1)
if [ "$last" = '2 passed, 2 failed' ]; then
	echo "ok 7 - a plan not kept, a plan not there"
else
	echo "not ok 7 - a plan not kept, a plan not there: $last"
fi

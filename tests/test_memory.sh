#!/bin/sh
# Valgrind over short runs of the released build: it sees reads of unset memory, which the
# sanitizers do not.  TESTS is the folder of the built test programs, MERC the program.
set -u
if ! command -v valgrind >/dev/null; then
	echo "1..0 # SKIP valgrind is not installed"
	exit 0
fi
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
log=$dir/log
specs=$(cd "$(dirname "$0")/../scripts/experiments" && pwd) || exit 99
n=0

# Runs the command; wants no error, nothing lost and status 0.
clean()
{
	n=$((n + 1))
	if OPENBLAS_NUM_THREADS=1 valgrind -q --error-exitcode=99 --leak-check=full \
		--errors-for-leak-kinds=definite "$@" >"$log" 2>&1; then
		echo "ok $n - $(basename "$1") ${2:-}"
	else
		echo "not ok $n - $* (status $?)"
		sed 's/^/# /' "$log" | tail -n 60
	fi
}

echo "1..5"
clean "${TESTS:?}/test_base"
clean "${MERC:?}" --version
clean "$MERC" list

# A corpus of three dialogues, of which four clips are left: decoding is slow under valgrind.
if ! "$MERC" data synth -q --layout meld --out "$dir/meld" --dialogues 3 --seed 1 >"$log" 2>&1; then
	sed 's/^/# /' "$log"
	exit 1
fi
find "$dir/meld" -name '*.mp4' | LC_ALL=C sort | tail -n +5 | xargs rm -f
clean "$MERC" cues --corpus meld --root "$dir/meld" --cache "$dir/cache" --output "$dir/cues.csv"
clean "$MERC" run "$specs/bow.json" --corpus meld --root "$dir/meld" --cache "$dir/cache" \
	--results "$dir/results" --seeds 1 --jobs 1

#!/bin/sh
# Valgrind over short runs of the released build: it sees reads of unset memory, which the
# sanitizers do not.  TESTS is the folder of the built test programs, MERC the program.
set -u
if ! command -v valgrind >/dev/null; then
	echo "1..0 # SKIP valgrind is not installed"
	exit 0
fi
log=$(mktemp) || exit 99
trap 'rm -f "$log"' EXIT
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

echo "1..3"
clean "${TESTS:?}/test_base"
clean "${MERC:?}" --version
clean "$MERC" list

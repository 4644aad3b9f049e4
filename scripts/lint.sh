#!/bin/sh
# Holds the source to the house rules; every breach is a line with its file.  Status 1 on any.
# `make lint` calls it: CC and FLAGS as the build has them, OBJECTS the folder of the objects,
# MAKE_OBJECTS the command that makes them.
set -u
export LC_ALL=C
cd "$(dirname "$0")/.." || exit 2
jobs=${JOBS:-2}
bad=0
code=$(find harness models datasets tests -name '*.[ch]' | sort)
prod=$(find harness models datasets -name '*.[ch]' | sort)
texts="$code $(find Makefile .ci scripts tests *.md -type f ! -name '*.[ch]' 2>/dev/null | sort)"

# Prints what a check printed under its name and remembers that it failed.
report()
{
	if [ -n "$2" ]; then
		echo "lint: $1"
		echo "$2" | sed 's/^/  /'
		bad=1
	fi
}

# Lines of the files that match the pattern, comments taken out (// and one-line /* */).
search()
{
	pattern=$1
	shift
	awk -v pattern="$pattern" '{ line = $0; gsub(/\/\*([^*]|\*[^\/])*\*\//, "", line)
		sub(/^ \*.*/, "", line); sub(/\/\*.*/, "", line); gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
		if (line ~ pattern) print FILENAME ":" FNR ": " $0 }' "$@"
}
word='(^|[^A-Za-z0-9_])'

# cppcheck takes longest and one core, whatever its -j: the rest goes on beside it.
cache=${OBJECTS:-build}/cppcheck
mkdir -p "$cache"
said=$(mktemp) || exit 2
trap 'rm -f "$said"' EXIT
# shellcheck disable=SC2086
cppcheck -j "$jobs" --quiet --std=c11 -I. -D_POSIX_C_SOURCE=200809L \
	--enable=warning,performance,portability --inline-suppr --max-ctu-depth=1 \
	--suppressions-list=scripts/cppcheck.txt --cppcheck-build-dir="$cache" \
	--template='{file}:{line}: {message} [{id}]' $(echo "$code" | grep '\.c$') >"$said" 2>&1 &
cppcheck=$!
if [ -n "${MAKE_OBJECTS:-}" ] && ! sh -c "$MAKE_OBJECTS"; then
	report 'objects' 'they do not build'
fi

report 'a room reaches where it may not' "$(./scripts/check-layers.sh 2>&1)"

# shellcheck disable=SC2086
report 'headers must compile alone' "$(echo "$code" | grep '\.h$' |
	xargs -P "$jobs" -n 1 ${CC:-cc} ${FLAGS:-} -fsyntax-only -x c 2>&1)"

report 'not as clang-format lays it out (clang-format -i FILE)' "$(echo "$code" |
	xargs -P "$jobs" -n 8 clang-format --dry-run -Werror 2>&1 | sed -n 's/^\([^:]*\):[0-9]*:[0-9]*: error:.*/\1/p; /^xargs/p' | uniq)"

# shellcheck disable=SC2086
{
	report 'first line is not the licence line' "$(for f in $code; do
		head -n 1 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' || echo "$f"; done)"
	report 'longer than 1000 lines' "$(wc -l $code | awk '$2 != "total" && $1 > 1000 { print $2 ": " $1 }')"
	report 'function longer than 120 lines (80 outside kernels)' "$(awk '
		/^{$/ { start = FNR }
		/^}$/ { n = FNR - start - 1
			kernel = FILENAME ~ /^harness\/(num|cue|media)\/|^models\/backbone\//
			if (start && n > (kernel ? 120 : 80)) print FILENAME ":" start ": " n " lines"
			start = 0 }
		FNR == 1 { start = 0 }' $code)"
	report 'function that truncates, hides errors or keeps state' \
		"$(search "$word"'(strcpy|strcat|strncpy|strncat|sprintf|vsprintf|gets|atoi|atol|atoll|atof|alloca|strtok|tmpnam|mktemp|system|rand|srand|setjmp|longjmp)[ ]*\(' $prod)"
	report 'only the command line and the log print' \
		"$(search "$word"'(printf|puts|putchar|perror)[ ]*\(|fprintf[ ]*\([ ]*(stderr|stdout)' \
			$(echo "$prod" | grep -v '^harness/cli/' | grep -v '^harness/base/log\.c$'))"
	report 'only main ends the program (a forked child uses _exit)' "$(search "$word"'(exit|_Exit|abort|quick_exit)[ ]*\(' \
		$(echo "$prod" | grep -v '^harness/cli/'))"
	report 'dead code' "$(grep -nE '^[[:space:]]*#[[:space:]]*if[[:space:]]+0' $code)"
	report 'unfinished work' "$(grep -nE '\b(TO[D]O|FIX[M]E|XX[X]|HA[C]K)\b' $texts)"
	report 'no fast-math' "$(grep -nE 'f[f]ast-math|-Of[a]st' $texts)"
	report 'path of one machine' "$(grep -nE '(^|[^A-Za-z0-9_.])/(wor[k]|hom[e]|roo[t]|User[s])/' $texts)"
	report 'line ends in white space' "$(grep -nE '[[:space:]]+$' $code)"
	report 'name reserved by POSIX (_t)' "$(grep -nE '^(typedef .*[^a-z0-9_]|struct |enum |union )[a-z0-9_]+_t\b *[;{]' $code)"
}

# What an object keeps in .data or .bss is state that every caller shares.  Allowed: what
# pthread_once() guards and what is written once under it.
once='harness/media/probe.c versions'
if [ -n "${OBJECTS:-}" ]; then
	report 'file keeps global state' "$(echo "$prod" | grep '\.c$' | grep -v '^harness/cli/' |
		while read -r f; do
			o=$OBJECTS/${f%.c}.o
			[ -e "$o" ] || echo "$f: no object $o"
			[ -e "$o" ] && nm -f sysv "$o" | awk -F '|' -v f="$f" '
				$7 ~ /^\.t?(data|bss)($|\.[^r])/ && $4 ~ /OBJECT|TLS/ {
					gsub(/[ ]|\.[0-9]+/, "", $1); print f, $1 }'
		done | grep -v ' once$' | grep -vxF "$once")"
fi

wait "$cppcheck"
report 'cppcheck' "$(cat "$said")"

# shellcheck disable=SC2086
wc -l $code | awk '$2 != "total" && $1 > 600 { print "lint: note: " $2 " has " $1 " lines; 600 is plenty" }'
[ "$bad" = 0 ] && echo "lint: $(echo "$code" | wc -l) files keep the rules"
exit "$bad"

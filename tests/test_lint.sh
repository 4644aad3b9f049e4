#!/bin/sh
# scripts/lint.sh sees each kind of breach: a small tree that breaks every rule once.
set -u
cd "$(dirname "$0")/.." || exit 99
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/harness/base" "$dir/models" "$dir/datasets" "$dir/tests" "$dir/.ci"
cp -r scripts "$dir"
: >"$dir/Makefile"
bad=$dir/harness/base/bad.c
echo 'struct open { size_t n; };' >"$dir/harness/base/open.h"
# the words are put together here, so that this script itself keeps the rules
{
	printf '#include <stdio.h>\n#include <cblas.h>\n#include "harness/num/x.h"\n#if 0\n#endif\n'
	printf '/* %s: later */\nstruct pair_t { int a; };\n' TO''DO
	printf '/* /%s/me/x -f%s-math */ \n' ho''me fa''st
	printf 'void f(char *p, int n)\n{\n\tstrcpy(p, p);\n\tprintf("a");\n\tif (n)\n\t\texit(1);\n'
	awk 'BEGIN { for (i = 0; i < 80; i++) print "\tn++;" }'
	printf '}\n'
	awk 'BEGIN { for (i = 0; i < 1000; i++) print "" }'
} >"$bad"
printf 'int shared = 3;\nstatic int once = 4;\nint *g(void)\n{\n\treturn &once;\n}\n' >"$dir/models/state.c"
mkdir -p "$dir/o/models"
${CC:-cc} -c -o "$dir/o/models/state.o" "$dir/models/state.c" || exit 99

out=$(FLAGS=-I. OBJECTS=o "$dir/scripts/lint.sh" 2>&1)
status=$?
n=1
[ "$status" = 1 ] && echo "ok 1 - status 1" || echo "not ok 1 - status $status"
for text in \
	"bad.c:2: only harness/num may use this library" \
	"bad.c:3: harness/base may not include harness/num" \
	"headers must compile alone" \
	"first line is not the licence line" \
	"harness/base/bad.c: 1095" \
	"bad.c:10: 84 lines" \
	"truncates, hides errors" \
	"only the command line and the log print" \
	"only main ends the program" \
	"dead code" \
	"unfinished work" \
	"no fast-math" \
	"path of one machine" \
	"line ends in white space" \
	"name reserved by POSIX" \
	"models/state.c shared"; do
	n=$((n + 1))
	if echo "$out" | grep -qF "$text"; then
		echo "ok $n - $text"
	else
		echo "not ok $n - $text"
	fi
done
echo "1..$n"

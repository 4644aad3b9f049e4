#!/bin/sh
# `make install` puts every file where it belongs under DESTDIR, and uninstall leaves none.
set -u
cd "$(dirname "$0")/.." || exit 99
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL
export MERC_DEPS=skip
to="make -s MODE=release prefix=/usr DESTDIR=$dir"

says()
{
	if [ "$2" = 0 ]; then
		echo "ok $1 - $3"
	else
		echo "not ok $1 - $3"
		sed 's/^/# /' "$dir.log"
	fi
}

echo "1..4"
$to install >"$dir.log" 2>&1
says 1 $? "install"
$to installcheck >"$dir.log" 2>&1
says 2 $? "installcheck"
grep -q '^\.TH' "$dir/usr/share/man/man1/merc.1" 2>"$dir.log" &&
	bash -n "$dir/usr/share/bash-completion/completions/merc" 2>"$dir.log"
says 3 $? "the manual is a manual, the completion parses"
$to uninstall >"$dir.log" 2>&1
find "$dir" -type f >"$dir.log"
test ! -s "$dir.log"
says 4 $? "uninstall leaves no file"
rm -f "$dir.log"
